"""What an estimator knows of its errors, as tensors, and back."""

import numpy as np
import torch
from torch import Tensor

from sklearn_regkd.networks.error_quantiles import ErrorQuantiles
from sklearn_regkd.networks.error_scale import ErrorScale
from sklearn_regkd.networks.intervals import Intervals
from sklearn_regkd.preprocessing.conformal import Scores
from sklearn_regkd.utils.files import FileError

OF_SCALE = ("weight", "bias", "low", "high")
OF_QUANTILES = ("levels", *OF_SCALE)


def intervals_to_plain(intervals: Intervals | None) -> dict[str, Tensor]:
    """Return what a file holds of intervals: of None nothing."""
    if intervals is None:
        return {}
    arrays = {"low": intervals.low, "high": intervals.high}
    for output, scores in enumerate(intervals.scores):
        arrays[f"value.{output}"], arrays[f"share.{output}"] = scores.value, scores.share
    arrays["n_effective"] = np.array([one.n_effective for one in intervals.scores])
    if intervals.scale is not None:
        arrays |= {f"scale.{name}": getattr(intervals.scale, name) for name in OF_SCALE}
    if intervals.quantiles is not None:
        arrays |= {f"quantile.{name}": getattr(intervals.quantiles, name) for name in OF_QUANTILES}
    return {f"interval.{name}": torch.from_numpy(np.array(one)) for name, one in arrays.items()}


def intervals_from_plain(tensors: dict[str, Tensor], n_outputs: int) -> Intervals | None:
    """Return the intervals of which :func:`intervals_to_plain` wrote; None if it wrote of none.

    Parameters
    ----------
    tensors : dict of Tensor
        What was written.
    n_outputs : int
        Number of targets.

    Raises
    ------
    FileError
        If they are not about so many targets, or no numbers that rise.
    """
    arrays = {
        name.removeprefix("interval."): tensor.numpy()
        for name, tensor in tensors.items()
        if name.startswith("interval.")
    }
    if not arrays:
        return None
    scores = []
    for output in range(n_outputs):
        value, share = (arrays.get(f"{name}.{output}") for name in ("value", "share"))
        if value is None or share is None or value.shape != share.shape or value.ndim != 1:
            raise FileError("the file's errors are not about all targets")
        rises = len(value) and all((np.diff(one) >= 0).all() for one in (value, share))
        if not rises or not np.isfinite(value).all() or not 0 < share[-1] < 1 + 1e-9:
            raise FileError("the file's errors do not rise")
        scores.append(Scores(value, share, float(arrays["n_effective"][output])))
    if any(arrays[name].shape != (n_outputs,) for name in ("low", "high", "n_effective")):
        raise FileError("the file's intervals are not about all targets")
    scale = None
    if "scale.weight" in arrays:
        scale = ErrorScale(**{name: arrays[f"scale.{name}"] for name in OF_SCALE})
        if scale.weight.ndim != 2 or any(
            one.shape != (n_outputs,)
            for one in (scale.weight[0], scale.bias, scale.low, scale.high)
        ):
            raise FileError("the file's sizes of errors are not about all targets")
    quantiles = _quantiles_from_plain(arrays, n_outputs, scale)
    return Intervals(scale, tuple(scores), arrays["low"], arrays["high"], quantiles)


def _quantiles_from_plain(
    arrays: dict[str, np.ndarray], n_outputs: int, scale: ErrorScale | None
) -> ErrorQuantiles | None:
    if "quantile.levels" not in arrays:
        return None
    found = ErrorQuantiles(**{name: arrays[f"quantile.{name}"] for name in OF_QUANTILES})
    most = 0 if scale is None else len(scale.weight)
    shape = (n_outputs, len(found.levels))
    fits = (
        found.weight.shape[1:] == shape
        and len(found.weight) <= most
        and all(one.shape == shape for one in (found.bias, found.low, found.high))
    )
    rises = fits and (np.diff(found.levels) > 0).all() and (found.low <= found.high).all()
    if not rises or not all(0 < one < 1 for one in found.levels):
        raise FileError("the file's quantiles are not about all targets, or do not rise")
    return found
