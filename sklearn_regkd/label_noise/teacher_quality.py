"""Whether a teacher is worth learning from: better than the median, and not a memory of labels."""

import warnings
from typing import Any

import numpy as np

from sklearn_regkd.teachers.boosting import BoostedTrees
from sklearn_regkd.teachers.cross_fit import cross_fit_predict
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.teachers.kinds import own_teacher, weight_params
from sklearn_regkd.teachers.multioutput import name_of

# A teacher whose errors are nearly those of the median has learned nothing, or predicts in another
# unit: t / 1000 is .2 % better than the median.
NO_BETTER = 0.99
# Mean absolute error of a teacher against that of boosted trees out-of-fold. On 250 to 400 rows of
# six tables, clean and with 20 % gross errors: models that hold the rows have 0 (nearest neighbour,
# extra trees) to .39 (forest), models that were fitted on other rows .46 to 1.03 (but .34 on
# `energy`, whose labels are free of noise: there they are as good as the teacher). Boosting on its
# own training rows has .27 to .74 and is not always told apart.
MEMORISED = 0.4
# Of a teacher that was fitted here: its median error on its own rows over that on others. Extra
# trees and nearest neighbours have 0, a forest .37, boosting .4 and more.
REPEATED = 0.1
FEWEST_ROWS = 50
PROBE = {"max_iter": 100, "learning_rate": 0.1}


def warn_if_no_better_than_median(data: FitData, prediction: np.ndarray) -> None:
    """Warn where a teacher predicts the labels no better than their median and mean do.

    In absolute *and* in squared error: of zero-inflated targets a good model of the mean has a
    larger absolute error than the median.

    Parameters
    ----------
    data : FitData
        The data of the fit.
    prediction : ndarray of shape (n_samples, n_outputs)
        The teacher's predictions, in raw units, out-of-fold where it was fitted here.

    Warns
    -----
    UserWarning
        For each output of which this is so.
    """
    label, weight = data.bounded_label, data.weight
    teacher = data.scaling.standardize(prediction)
    every = weight
    for output in np.flatnonzero(~data.scaling.constant):
        rows = slice(None) if data.known is None else data.known[:, output]
        y, weight = label[rows, output], every[rows]
        error = y - teacher[rows, output]
        median = np.average(np.abs(y - np.median(y)), weights=weight)
        variance = np.average((y - np.average(y, weights=weight)) ** 2, weights=weight)
        with np.errstate(over="ignore"):
            absolute = np.average(np.abs(error), weights=weight) / median
            squared = np.average(error**2, weights=weight) / variance
        if absolute >= NO_BETTER and squared >= NO_BETTER**2:
            warnings.warn(
                f"the teacher predicts output {output} no better than its median does (mean "
                f"absolute error {absolute:.2f} times as large): does it predict in other units "
                "than y, or other rows, or in another order? If it does not, there is little to "
                "learn from it",
                stacklevel=4,
            )


def has_memorised(data: FitData) -> bool:
    """Return whether a teacher that is not fitted here has probably seen the labels.

    Its errors are compared with those of boosted trees out-of-fold. A model that was fitted
    on these rows (a nearest neighbour, a forest, an in-context model) repeats their labels, wrong
    ones too; the errors of a model that was not contain the noise of the labels.

    Parameters
    ----------
    data : FitData
        The data of the fit, with the predictions of its teacher.
    """
    if data.teacher_prediction is None or data.X.ndim > 2 or len(data.y) < FEWEST_ROWS:
        return False
    trees: Any = own_teacher(
        BoostedTrees(**PROBE, random_state=0), data.n_outputs, data.random_state
    )
    uneven = None if np.all(data.weight == data.weight[0]) else data.weight
    honest = cross_fit_predict(
        trees,
        data.X,
        data.bounded_y,
        params=weight_params(trees, uneven),
        folds=data.folds,
        refit=False,
        n_jobs=data.n_jobs,
        seed=0,
    ).prediction
    label = data.bounded_label
    errors = (
        np.average(np.abs(label - data.scaling.standardize(one)), axis=0, weights=data.weight)
        for one in (data.teacher_prediction, honest)
    )
    teacher, boosting = errors
    known = ~data.scaling.constant & (boosting > 0)
    return bool(known.any() and (teacher[known] < MEMORISED * boosting[known]).all())


def repeats_labels(label: np.ndarray, fitted: np.ndarray, oof: np.ndarray) -> bool:
    """Return whether a teacher repeats the labels of the rows that it was fitted on.

    So do extra trees, nearest neighbours and in-context models: a student that learned from such
    predictions would learn the labels once more.

    Parameters
    ----------
    label : ndarray of shape (n_samples, n_outputs)
        The labels that the teacher was fitted on.
    fitted, oof : ndarray of shape (n_samples, n_outputs)
        What it predicts for these rows, and what it predicts for rows that it has not seen.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.label_noise.teacher_quality import repeats_labels
    >>> label = np.array([[1.0], [2.0]])
    >>> [repeats_labels(label, label + error, label + 1) for error in (0.01, 0.5)]
    [True, False]
    """
    error, honest = (np.median(np.abs(label - one), axis=0) for one in (fitted, oof))
    return bool((error < REPEATED * honest).all() and honest.any())


def warn_of_memory(data: FitData) -> None:
    """Warn that a teacher's predictions are no evidence about these labels."""
    what = "teacher_prediction" if data.teacher is None else f"teacher {name_of(data.teacher)}"
    warnings.warn(
        f"{what} is so close to the labels of fit that it has probably been fitted on these rows: "
        "it repeats wrong labels, too, and what it predicts is no evidence about them. "
        "FrozenEstimator means that a model is used as it is, not out-of-fold: pass the unfitted "
        "model, or out-of-fold predictions (cross_val_predict) as teacher_prediction",
        stacklevel=5,
    )
