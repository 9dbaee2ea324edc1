"""What a record says, as numbers: pure functions of lists of results.

A cell is a table with a noise at a number of rows; its figures are means over seeds.
"""

import numpy as np

from benchmarks.noisy_regression.mistakes import DESCRIPTIONS

FAMILIES = {
    "none": ("none",),
    "even": ("gauss_all", "gross20", "gross40", "swap30", "shift30", "hetero"),
    "mistakes": ("few3", "unit10", "decimal10", "stale15", "sign10", "slip20", "one_sided30"),
    "measured": ("given",),
}
FAMILY = {noise: family for family, noises in FAMILIES.items() for noise in noises}
WIN, LOSS = 0.01, 0.02


def good(results):
    """Return the results without the errors."""
    return [one for one in results if "error" not in one]


def cells(results, figure="r2"):
    """Return {(table, noise): {model: {seed: figure}}} of results that have the figure."""
    found = {}
    for one in good(results):
        if one.get(figure) is not None:
            cell = found.setdefault((one["table"], one["noise"]), {})
            cell.setdefault(one["model"], {})[one["seed"]] = one[figure]
    return found


def known(r2):
    """Return R2 with 0 in place of less."""
    return max(0.0, r2)


def mean_r2(found, model, among=None):
    """Return R2 of a model, mean over cells of the means over seeds, or None.

    Parameters
    ----------
    found : dict
        Of :func:`cells`.
    model : str
        Its name.
    among : callable, default=None
        Takes table and noise and returns whether a cell counts; all do by default.
    """
    values = [
        np.mean([known(one) for one in models[model].values()])
        for cell, models in found.items()
        if model in models and (among is None or among(*cell))
    ]
    return float(np.mean(values)) if values else None


def shared_cells(found, models):
    """Return the cells in which all of these models have the seeds that the first one has."""
    return {
        cell: of_cell
        for cell, of_cell in found.items()
        if all(model in of_cell for model in models)
        and all(of_cell[models[0]].keys() <= of_cell[model].keys() for model in models)
    }


def ranks(found, models):
    """Return the mean rank of each model over the cells that all have; equal R2 share a rank."""
    from scipy.stats import rankdata

    shared = shared_cells(found, models)
    if not shared:
        return {}
    each = [
        rankdata([-np.mean([known(v) for v in cell[model].values()]) for model in models])
        for cell in shared.values()
    ]
    return dict(zip(models, np.mean(each, axis=0), strict=True))


def spent_by_noise(found, model):
    """Return the loss of R2 to the noise, mean over cells with a noise, or None.

    It is R2 of the model on the same table and seeds without noise, less that with it.
    """
    lost = []
    for (table, noise), models in found.items():
        clean = found.get((table, "none"), {}).get(model, {})
        seeds = models.get(model, {}).keys() & clean.keys()
        if noise in DESCRIPTIONS and noise != "none" and seeds:
            lost.append(np.mean([known(clean[s]) - known(models[model][s]) for s in seeds]))
    return float(np.mean(lost)) if lost else None


def compare(found, ours, other):
    """Return wins, losses and cells of our model against another, on the seeds that both have.

    A win is a mean difference of R2 of more than .01 and of more than its standard error over the
    seeds; a loss likewise. With one seed there is no standard error, and .01 alone decides.
    """
    wins = losses = n_cells = 0
    for models in found.values():
        pairs = paired(models, ours, other)
        if len(pairs):
            difference = pairs[:, 0] - pairs[:, 1]
            error = difference.std(ddof=1) / np.sqrt(len(pairs)) if len(pairs) > 1 else 0.0
            margin = max(WIN, error)
            wins += difference.mean() > margin
            losses += difference.mean() < -margin
            n_cells += 1
    return int(wins), int(losses), n_cells


def paired(models, ours, other):
    """Return R2 of two models on the seeds that both have, of shape (n_seeds, 2)."""
    seeds = sorted(models.get(ours, {}).keys() & models.get(other, {}).keys())
    return np.array([[known(models[m][s]) for m in (ours, other)] for s in seeds]).reshape(-1, 2)


def losses(found, ours, others):
    """Return where another model is better by more than .02, the worst first.

    Returns
    -------
    list of (table, noise, other model, R2 of ours, R2 of the other)
        The best other model of each such cell.
    """
    rows = []
    for (table, noise), models in found.items():
        pairs = {other: paired(models, ours, other) for other in others}
        means = {other: pair.mean(axis=0) for other, pair in pairs.items() if len(pair)}
        if means:
            best = max(means, key=lambda other: means[other][1] - means[other][0])
            mine, theirs = means[best]
            if theirs - mine > LOSS:
                rows.append((table, noise, best, float(mine), float(theirs)))
    return sorted(rows, key=lambda row: row[3] - row[4])


def mean_of(results, figure, model, among=None):
    """Return the mean of a figure of a model over all its results, or None."""
    values = _values(results, figure, model, among)
    return float(np.mean(values)) if values else None


def median_of(results, figure, model):
    """Return the median of a figure of a model over all its results, or None."""
    values = _values(results, figure, model)
    return float(np.median(values)) if values else None


def _values(results, figure, model, among=None):
    return [
        one[figure]
        for one in good(results)
        if one["model"] == model
        and one.get(figure) is not None
        and (among is None or among(one["table"], one["noise"]))
    ]
