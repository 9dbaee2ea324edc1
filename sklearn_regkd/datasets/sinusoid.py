"""One period of a sine with noise and outliers, the smallest problem with wrong labels."""

from numbers import Integral, Real

import numpy as np

from sklearn_regkd.datasets.label_noise import corrupt_labels
from sklearn_regkd.utils.random import own_random_state


def make_sinusoid(
    n_samples: int = 200,
    *,
    noise: float = 0.1,
    outlier_share: float = 0.0,
    outlier_kind: str = "gross",
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw noisy labels of ``sin(2 pi x)``, some of them wrong.

    Parameters
    ----------
    n_samples : int, default=200
        Number of rows, at least 1.
    noise : float, default=0.1
        Standard deviation of the Gaussian noise on every label; the sine runs
        from -1 to 1.
    outlier_share : float, default=0.0
        Share of wrong labels, in [0, 1].
    outlier_kind : {"gross", "swap", "shift", "gaussian"}, default="gross"
        How labels are wrong, see
        :func:`~sklearn_regkd.datasets.corrupt_labels`. Its magnitude is left
        at 3 standard deviations of the labels, which is about 2.1: a little
        more than the whole height of the sine.
    random_state : int, RandomState instance or None, default=None
        Decides inputs, noise and outliers. The same integer gives the same
        inputs and the same good labels whatever the outliers are, so that
        shares and kinds can be compared in pairs.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Inputs, uniform in [0, 1].
    y : ndarray of shape (n_samples,)
        Labels with noise and outliers.
    y_true : ndarray of shape (n_samples,)
        ``sin(2 pi x)``.
    mask : ndarray of bool of shape (n_samples,)
        The outliers.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer, `noise` negative or not
        finite, or for what ``corrupt_labels`` refuses.

    Examples
    --------
    >>> from sklearn_regkd.datasets import make_sinusoid
    >>> X, y, y_true, mask = make_sinusoid(100, outlier_share=0.2, random_state=0)
    >>> X.shape, y.shape, int(mask.sum())
    ((100, 1), (100,), 20)
    >>> bool(abs(y - y_true)[~mask].max() < 0.5)
    True
    """
    if not isinstance(n_samples, Integral) or isinstance(n_samples, bool) or n_samples < 1:
        raise ValueError(f"n_samples must be an integer > 0, got {n_samples!r}")
    if not isinstance(noise, Real) or isinstance(noise, bool) or not 0 <= noise < np.inf:
        raise ValueError(f"noise must be a finite number >= 0, got {noise!r}")
    rng = own_random_state(random_state)
    X = rng.uniform(size=(int(n_samples), 1))
    y_true = np.sin(2 * np.pi * X[:, 0])
    y_good = y_true + noise * rng.standard_normal(len(X))
    y, mask = corrupt_labels(y_good, outlier_kind, outlier_share, random_state=rng)
    return X, y, y_true, mask
