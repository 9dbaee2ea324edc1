"""Labels that are corrupted on purpose, so that it is known which ones a method should reject."""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from sklearn_regkd.utils.random import own_random_state

Corruption = Callable[[np.ndarray, np.ndarray, float, np.random.RandomState], np.ndarray]


def corrupt_labels(
    y: Any,
    kind: str = "gross",
    share: float = 0.3,
    *,
    magnitude: float = 3.0,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Corrupt a share of the labels, and return which.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels; they are not changed in place.
    kind : {"gross", "swap", "shift", "gaussian"}, default="gross"
        What happens to the labels, sd being the standard deviation of each
        output:

        - ``"gross"``: Gaussian noise of standard deviation ``magnitude * sd``
          on the chosen rows, as from a failing sensor;
        - ``"swap"``: each chosen row gets the label of another chosen row, as
          after mixing up samples;
        - ``"shift"``: ``magnitude * sd`` is added to the chosen rows, as from
          a wrong calibration; a negative magnitude shifts downwards;
        - ``"gaussian"``: noise of standard deviation ``share * sd`` on all
          rows. No label is wrong more than the others, so the mask is False
          everywhere.
    share : float, default=0.3
        Share of the rows to corrupt, in [0, 1]; ``round(share * n_samples)``
        rows are chosen. For ``"gaussian"`` the size of the noise.
    magnitude : float, default=3.0
        Size of the error, in standard deviations of y. Not used by ``"swap"``
        and ``"gaussian"``.
    random_state : int, RandomState instance or None, default=None
        Decides rows and noise; None means fresh entropy. NumPy's global
        generator is not touched.

    Returns
    -------
    y_noisy : ndarray of the shape of y
        The corrupted labels, of y's floating type (double precision if y holds
        integers).
    mask : ndarray of bool of shape (n_samples,)
        The chosen rows. All outputs of a chosen row are corrupted.

    Raises
    ------
    ValueError
        If y is empty, not finite, not numeric or of other than one or two
        dimensions, if `kind` is unknown, `share` outside [0, 1] or
        `magnitude` not finite, or if a corrupted label overflows.

    Notes
    -----
    A corrupted label can be right by chance: a swap may hand over an equal
    label, a single chosen row has no other to swap with, and the labels of a
    constant output have no standard deviation to be wrong by.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.datasets import corrupt_labels
    >>> y = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> y_noisy, mask = corrupt_labels(y, "shift", 0.4, magnitude=10, random_state=0)
    >>> int(mask.sum())
    2
    >>> (y_noisy - y).round(1)
    array([14.1,  0. , 14.1,  0. ,  0. ])
    """
    label = _check_labels(y)
    if not isinstance(kind, str) or kind not in CORRUPTIONS:
        raise ValueError(f"kind={kind!r} is unknown; known: {', '.join(CORRUPTIONS)}")
    if not (_is_number(share) and 0 <= share <= 1):
        raise ValueError(f"share must be a number in [0, 1], got {share!r}")
    if not (_is_number(magnitude) and np.isfinite(magnitude)):
        raise ValueError(f"magnitude must be a finite number, got {magnitude!r}")
    rng = own_random_state(random_state)

    n_samples = len(label)
    if kind == "gaussian":
        chosen, mask = np.arange(n_samples), np.zeros(n_samples, bool)
        size = share
    else:
        chosen = rng.permutation(n_samples)[: round(share * n_samples)]
        mask = np.isin(np.arange(n_samples), chosen)
        size = magnitude
    noisy = label.copy()
    if len(chosen):
        with np.errstate(over="ignore", invalid="ignore"):
            noisy[chosen] = CORRUPTIONS[kind](label, chosen, size, rng)
    if not np.isfinite(noisy).all():
        raise ValueError(
            f"a corrupted label overflows {noisy.dtype}: y is too large for magnitude={magnitude}"
        )
    return noisy, mask


def _add_noise(
    label: np.ndarray, chosen: np.ndarray, size: float, rng: np.random.RandomState
) -> np.ndarray:
    noise = rng.standard_normal(label[chosen].shape)
    return label[chosen] + size * _spread(label) * noise


def _swap(
    label: np.ndarray, chosen: np.ndarray, size: float, rng: np.random.RandomState
) -> np.ndarray:
    # The chosen rows come in random order. Labels that are handed on by one row all
    # change their rows; a plain permutation would leave some where they are.
    return label[np.roll(chosen, 1)]


def _shift(
    label: np.ndarray, chosen: np.ndarray, size: float, rng: np.random.RandomState
) -> np.ndarray:
    return label[chosen] + size * _spread(label)


CORRUPTIONS: dict[str, Corruption] = {
    "gross": _add_noise,
    "swap": _swap,
    "shift": _shift,
    "gaussian": _add_noise,
}


def _spread(label: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each output, in double precision."""
    return label.std(axis=0, dtype=np.float64)


def _check_labels(y: Any) -> np.ndarray:
    label = np.asarray(y)
    # Strings that spell numbers are refused as well: a column of them is a sign
    # that something went wrong when the data were read.
    if label.dtype.kind not in "biuf":
        raise ValueError(f"y must hold real numbers, got dtype {label.dtype}")
    if label.ndim not in (1, 2):
        raise ValueError(f"y must have one or two dimensions, got shape {label.shape}")
    if label.size == 0:
        raise ValueError(f"y is empty, got shape {label.shape}")
    if label.dtype.kind != "f":
        label = label.astype(np.float64)
    if not np.isfinite(label).all():
        raise ValueError("y holds NaN or infinity")
    return label


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)
