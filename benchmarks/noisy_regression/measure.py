"""The figures of one fitted model in one cell; README.md has the formulas."""

import pickle
import time
from functools import partial
from inspect import signature

import numpy as np
from sklearn.metrics import r2_score, roc_auc_score, root_mean_squared_error

from sklearn_regkd.inspection.measures import size_of

FIRST = 50  # labels that somebody would look at


def accuracy(fitted, X, y):
    """Return R2 and RMSE on rows with true labels."""
    predicted = np.ravel(fitted.predict(X))
    return {"r2": r2_score(y, predicted), "rmse": root_mean_squared_error(y, predicted)}


def flags(suspicion, flagged, corrected, given, true):
    """Return what a model says of labels, against the truth.

    Parameters
    ----------
    suspicion : ndarray of shape (n_samples,)
        Larger for a label that is more likely wrong.
    flagged : ndarray of bool of shape (n_samples,)
        The labels that are called wrong.
    corrected : ndarray of shape (n_samples,)
        The given labels, with what is suggested in the place of those that are flagged.
    given, true : ndarray of shape (n_samples,)
        The labels that were learned from, and the right ones.
    """
    wrong = given != true
    found = {"flagged": int(flagged.sum()), "wrong": int(wrong.sum()), "labels": len(given)}
    if not wrong.any():
        return found
    found["error_removed"] = error_removed(corrected, given, true)
    if wrong.all():
        return found
    first = np.argsort(-suspicion, kind="stable")[: min(FIRST, wrong.sum())]
    found["auc"] = roc_auc_score(wrong, suspicion)
    found["recall"] = float(flagged[wrong].mean())
    found["precision"] = float(wrong[flagged].mean()) if flagged.any() else None
    found["first"] = float(wrong[first].mean())
    return found


def error_removed(corrected, given, true):
    """Return 1 - RMSE(corrected, true) / RMSE(given, true): 1 if all labels were put right."""
    after = root_mean_squared_error(true, corrected)
    return float(1 - after / root_mean_squared_error(true, given))


def opinion(fitted, given):
    """Return suspicion, flags and corrected labels of a fitted model, or None if it has none.

    A label is corrected where it is flagged: what is suggested stands in its place.
    """
    names = ("inlier_probability_", "outlier_mask_", "suggested_labels_")
    if not all(hasattr(fitted, name) for name in names):
        return None
    inlier, flagged, suggested = (np.ravel(getattr(fitted, name)) for name in names)
    flagged = flagged.astype(bool)
    return -inlier, flagged, np.where(flagged, suggested, given)


def cost(fitted, X):
    """Return microseconds a row of 1,000 rows, milliseconds for one row, and the size."""
    many, one = np.resize(X, (1000, X.shape[1])), X[:1]
    predict = fitted.predict
    if "thread_count" in signature(predict).parameters:  # CatBoost takes all cores otherwise
        predict = partial(predict, thread_count=1)
    return {
        "microseconds": 1e3 * seconds(predict, many),  # 1e6, over 1,000 rows
        "one_row_ms": 1e3 * seconds(predict, one),
        "numbers": numbers(fitted),
        "bytes": len(pickle.dumps(predictor(fitted))),
    }


def seconds(call, argument, *, least=3, most=20, budget=0.2):
    """Return the median CPU time of several calls, as many as the budget of seconds allows.

    CPU time of one thread is wall time on an idle machine, and is right on a busy one, too.
    """
    call(argument)  # the first call pays for caches
    spent = []
    while len(spent) < least or (len(spent) < most and sum(spent) < budget):
        start = time.process_time()
        call(argument)
        spent.append(time.process_time() - start)
    return float(np.median(spent))


def predictor(fitted):
    """Return the part of a fitted model that predictions need."""
    for name in ("student_", "model_"):
        if hasattr(fitted, name):
            return getattr(fitted, name)
    return fitted


def numbers(fitted):
    """Return how many numbers a network or a linear model has learned, or nodes its trees have.

    None where the model does not say.
    """
    model = predictor(fitted)
    size, _ = size_of(model)
    if size is not None:
        return size
    if hasattr(model, "get_leaf_values"):
        return int(model.get_leaf_values().size)  # CatBoost: its inner nodes share few numbers
    if hasattr(model, "cv_alg_interface_"):
        return _pytabkit_numbers(model.cv_alg_interface_)
    return None


def _pytabkit_numbers(interface):
    """Return the numbers of the network of RealMLP or of TabM, or None where it is elsewhere."""
    parts = getattr(interface, "sub_split_interfaces", None) or [None]
    network = getattr(interface, "model", None) or getattr(parts[0], "model_", None)
    if network is None:
        return None
    return sum(parameter.numel() for parameter in network.parameters())
