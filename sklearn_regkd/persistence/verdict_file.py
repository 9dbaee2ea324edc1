"""The verdict of the outlier rules as tensors and JSON, and back."""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_regkd.label_noise.mixture import Mixture
from sklearn_regkd.label_noise.verdict import Verdict
from sklearn_regkd.persistence.estimator_file import params_codec
from sklearn_regkd.persistence.json_params import PLAIN
from sklearn_regkd.utils.files import FileError

OF_OUTPUTS = ("sigma", "threshold")


def verdict_to_plain(verdict: Verdict) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return rules, mixtures, scales and thresholds; the values of rows are kept elsewhere."""
    codec = params_codec()
    state = {
        "rules": [codec.encode(rule) for rule in verdict.rules],
        "mixtures": [PLAIN.encode(one and asdict(one)) for one in verdict.mixtures],
    }
    tensors = {f"verdict.{name}": torch.from_numpy(getattr(verdict, name)) for name in OF_OUTPUTS}
    return state, tensors


def verdict_from_plain(
    state: dict[str, Any], tensors: dict[str, Tensor], inlier: np.ndarray, probability: np.ndarray
) -> Verdict:
    """Return the verdict of which :func:`verdict_to_plain` wrote.

    Parameters
    ----------
    state, tensors : dict
        What was written.
    inlier, probability : ndarray of shape (n_samples, n_outputs)
        The values of rows.

    Raises
    ------
    FileError
        If rules, mixtures, scales or thresholds are not those of so many outputs.
    """
    codec = params_codec()
    mixtures = (PLAIN.decode(one) for one in state["mixtures"])
    verdict = Verdict(
        inlier=inlier,
        inlier_probability=probability,
        rules=tuple(codec.decode(rule) for rule in state["rules"]),
        mixtures=tuple(None if one is None else Mixture(**one) for one in mixtures),
        **{name: tensors[f"verdict.{name}"].numpy() for name in OF_OUTPUTS},
    )
    of_outputs = verdict.rules, verdict.mixtures, verdict.sigma, verdict.threshold
    if any(len(values) != inlier.shape[1] for values in of_outputs):
        raise FileError(
            f"the file's verdict is about {sorted({len(one) for one in of_outputs})} outputs, "
            f"expected {inlier.shape[1]}"
        )
    return verdict
