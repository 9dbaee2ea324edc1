"""How labels are spoiled: noise that is spread evenly, and mistakes as people make them."""

import numpy as np

DESCRIPTIONS = {
    "none": "changes nothing",
    "gauss_all": "adds half a standard deviation (sd) of normal noise to every label",
    "gross20": "adds 3 sd of normal noise to 20 % of the labels",
    "gross40": "adds it to 40 %",
    "swap30": "permutes 30 % of the labels",
    "shift30": "adds 3 sd to 30 %",
    "few3": "adds 2 to 6 sd, or takes them away, on 3 %",
    "unit10": "multiplies 10 % by 0.1, 10 or 1,000: another unit",
    "decimal10": "moves the decimal point of 10 % by one or two places",
    "stale15": "gives 15 % the label of the row before",
    "sign10": "changes the sign of 10 %",
    "hetero": "adds normal noise to every label, from none to 1 sd, growing with the first feature",
    "slip20": "slips a block of 20 % of the column of labels down by one row",
    "one_sided30": "reads 0.5 to 2 sd too high on 30 %",
}
NOISES = tuple(DESCRIPTIONS)
# Of these each label is a little off, and none is wrong more than the others.
ON_ALL = ("gauss_all", "hetero")


def corrupt(y, noise, rng, x):
    """Return spoiled labels (n_samples,), and which of them were spoiled.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Right labels; they are not changed in place.
    noise : str
        One of `NOISES`.
    rng : numpy.random.Generator
        Decides which labels, and how.
    x : ndarray of shape (n_samples,)
        The feature with which the noise of ``hetero`` grows.

    Returns
    -------
    spoiled : ndarray of shape (n_samples,)
        The labels to learn from.
    chosen : ndarray of bool of shape (n_samples,)
        The rows that were chosen. The new label of one can equal the old one by chance.
    """
    n, sd, chosen = len(y), y.std(), np.zeros(len(y), bool)
    if noise == "none":
        return y.copy(), chosen
    if noise == "gauss_all":
        return y + rng.normal(0, 0.5 * sd, n), chosen
    if noise == "hetero":
        return y + rng.normal(0, 1, n) * sd * _order(x), chosen
    kind = noise.rstrip("0123456789")
    size = int(int(noise.removeprefix(kind)) / 100 * n)
    if kind == "slip":
        rows = rng.integers(n - size + 1) + np.arange(size)
    else:
        rows = rng.choice(n, size, replace=False)
    chosen[rows] = True
    old = y[rows]
    new = {
        "gross": lambda: old + rng.normal(0, 3 * sd, len(rows)),
        "swap": lambda: rng.permutation(old),
        "shift": lambda: old + 3 * sd,
        "few": lambda: old + rng.choice([-1, 1], len(rows)) * rng.uniform(2, 6, len(rows)) * sd,
        "unit": lambda: old * rng.choice([0.1, 10.0, 1000.0], len(rows)),
        "decimal": lambda: old * 10.0 ** rng.choice([-2, -1, 1, 2], len(rows)),
        "stale": lambda: y[(rows - 1) % n],
        "slip": lambda: y[(rows - 1) % n],
        "sign": lambda: -old,
        "one_sided": lambda: old + rng.uniform(0.5, 2, len(rows)) * sd,
    }[kind]()
    spoiled = y.copy()
    spoiled[rows] = new
    return spoiled, chosen


def hetero_size(y, x):
    """Return the standard deviation of the noise that ``hetero`` adds to each label.

    It grows with the place of a row in the order of the feature, so that rows of one value have
    different ones: of a feature with two values, half of the rows each, it is learned up to a
    correlation of 0.87.
    """
    return y.std() * _order(x)


def _order(x):
    """Return the place of each row in the order of its values, from 0 to 1."""
    return np.argsort(np.argsort(x, kind="stable")) / max(1, len(x) - 1)
