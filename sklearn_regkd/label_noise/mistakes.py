"""What wrong labels have in common, in words."""

import numpy as np

FEWEST = 5
# Of so many wrong labels it can be said that most of them, or nearly all, are like that.
MOST, NEARLY_ALL = 0.5, 0.9
# A ratio is one of these if the logarithms differ by less: predictions are not exact.
TOLERANCE = 0.15
FACTORS = {
    10.0: "mostly ten times too large",
    100.0: "mostly a hundred times too large",
    1000.0: "mostly a thousand times too large",
    0.1: "mostly ten times too small",
    0.01: "mostly a hundred times too small",
    0.001: "mostly a thousand times too small",
    -1.0: "mostly of the wrong sign",
}
POWERS = "mostly wrong by a power of ten"


def describe_mistakes(given: np.ndarray, suggested: np.ndarray) -> str:
    """Say what most wrong labels have in common: a factor, the sign, or the side.

    Parameters
    ----------
    given : ndarray of shape (n_wrong,)
        The labels that look wrong, in units of y.
    suggested : ndarray of shape (n_wrong,)
        What was predicted for their rows.

    Returns
    -------
    str
        Words such as ``"mostly ten times too large"``, ``"nearly all too small"``; empty if they
        have nothing in common, or are fewer than five.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.label_noise.mistakes import describe_mistakes
    >>> right = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> describe_mistakes(10.5 * right, right)
    'mostly ten times too large'
    >>> describe_mistakes(right + [1, 2, 5, 1, 3], right)
    'nearly all too large'
    """
    if len(given) < FEWEST:
        return ""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = given / suggested
        alike = {
            factor: (np.sign(ratio) == np.sign(factor))
            & (np.abs(np.log10(np.abs(ratio / factor))) < TOLERANCE)
            for factor in FACTORS
        }
    best = max(alike, key=lambda factor: alike[factor].mean())
    if alike[best].mean() >= MOST:
        return FACTORS[best]
    if np.any([alike[factor] for factor in FACTORS if factor > 0], axis=0).mean() >= MOST:
        return POWERS
    above = float(np.mean(given > suggested))
    if above >= NEARLY_ALL:
        return "nearly all too large"
    return "nearly all too small" if np.mean(given < suggested) >= NEARLY_ALL else ""
