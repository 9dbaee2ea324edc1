"""Which rows are left out together, so that each is predicted by models that have not seen it."""

import warnings
from typing import Any

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
)
from sklearn.utils.multiclass import type_of_target

from sklearn_regkd.utils.random import draw_seed

DEFAULT_FOLDS = 5
# Into how many classes of equal size numbers are cut for a splitter that keeps shares of classes.
STRATA = 10

Folds = list[tuple[np.ndarray, np.ndarray]]


def check_groups(groups: Any, n_samples: int) -> np.ndarray | None:
    """Validate the group of each row, and return numbers from 0; None stays None.

    Parameters
    ----------
    groups : array-like of shape (n_samples,) or None
        Names or numbers: persons, sensors, days.
    n_samples : int
        Number of rows.

    Raises
    ------
    ValueError
        If there are more or fewer values than rows, or a row has none.
    TypeError
        If they cannot be told apart, such as numbers among words.
    """
    if groups is None:
        return None
    # A list of words and a gap would become words.
    values = np.asarray(groups, None if hasattr(groups, "dtype") else object)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (n_samples,):
        raise ValueError(
            f"groups must hold the group of each of the {n_samples} rows of X, got values of shape "
            f"{values.shape}"
        )
    missing = np.array([_is_missing(value) for value in values.tolist()], bool)
    if missing.any():
        raise ValueError(
            f"groups has no value in row {int(np.flatnonzero(missing)[0])}: give rows of which "
            "nobody knows the group one of their own each"
        )
    try:
        return np.unique(values, return_inverse=True)[1]
    except TypeError as error:
        raise TypeError(
            f"groups must hold values of one kind, words or numbers, to be told apart: {error}"
        ) from error


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA has no truth
        return True


def refuse_one_group(groups: np.ndarray | None) -> None:
    """Raise an error if all rows that are learned from are of one group."""
    if groups is not None and len(groups) and np.all(groups == groups[0]):
        raise ValueError(
            "all rows of groups are of one group, and a row is to be predicted by models that have "
            "seen none of its group: pass at least two groups, or groups=None"
        )


def hold_out_groups(groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return which rows to hold out: whole groups, at least that share of the rows or nearly.

    Parameters
    ----------
    groups : ndarray of int of shape (n_samples,)
        At least two groups.
    share : float
        Share of the rows.
    seed : int
        Decides which groups.

    Returns
    -------
    ndarray of bool of shape (n_samples,)
        At least one group, and never all of them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.preprocessing.folds import hold_out_groups
    >>> held_out = hold_out_groups(np.array([0, 0, 1, 1, 2, 2]), 0.3, seed=0)
    >>> int(held_out.sum())
    2
    """
    names, sizes = np.unique(groups, return_counts=True)
    order = np.random.RandomState(seed).permutation(len(names))[:-1]
    enough = np.searchsorted(np.cumsum(sizes[order]), share * len(groups)) + 1
    return np.isin(groups, names[order[:enough]])


def make_folds(
    cv: Any,
    n_samples: int,
    random_state: np.random.RandomState,
    used: np.ndarray | None = None,
    y: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Folds:
    """Return pairs of training and test rows in which each row is tested once.

    Rows that no fold of `cv` tests, such as the first ones of
    :class:`~sklearn.model_selection.TimeSeriesSplit`, become a further fold, which learns from
    those that are tested: each row then has a prediction by models that have not seen it, and for
    the first rows alone these models know what came later.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        An integer means shuffled folds, of whole groups where there are groups; None means 5.
    n_samples : int
        Number of rows.
    random_state : RandomState
        Decides shuffled folds.
    used : ndarray of bool of shape (n_samples,), default=None
        Rows among which there are folds, and by which the result counts: a splitter splits these,
        as if the others were not there, and from folds that were given the others are left out.
    y : ndarray of shape (n_used, n_outputs), default=None
        Labels of the used rows, of which the first column goes to the splitter; in classes of
        equal size to one that keeps the shares of classes.
    groups : ndarray of int of shape (n_used,), default=None
        The group of each used row.

    Raises
    ------
    ValueError
        If the splitter tests a row twice, puts rows of one group on both sides, or needs more
        than the rows that there are.

    Warns
    -----
    UserWarning
        If an integer `cv` is larger than the number of rows or groups, which is used instead.
    """
    n_used = n_samples if used is None else int(used.sum())
    cv = DEFAULT_FOLDS if cv is None else cv
    if isinstance(cv, int | np.integer):
        n_most, what = (n_used, "rows") if groups is None else (len(np.unique(groups)), "groups")
        if cv > n_most:
            words = f"cv={cv}, but there are only {n_most} {what}: using {n_most} folds"
            warnings.warn(words, stacklevel=2)
        n_folds, seed = min(int(cv), n_most), draw_seed(random_state)
        shuffled = KFold(n_folds, shuffle=True, random_state=seed)
        cv = shuffled if groups is None else GroupKFold(n_folds)
    folds = _split(cv, n_samples, n_used, y, groups)
    if used is not None and n_used < n_samples and not hasattr(cv, "split"):
        folds = folds_among(folds, used)
    tested = np.zeros(n_used, int)
    for train, test in folds:
        tested[test] += 1
        if groups is not None and np.isin(groups[test], groups[train]).any():
            raise ValueError(
                f"cv={cv!r} trains on some rows of a group and tests on others of it: pass a "
                "number, GroupKFold or StratifiedGroupKFold, or leave groups away"
            )
    if np.any(tested > 1) or not tested.any():
        raise ValueError(
            "cv must test each row once at most, as KFold and TimeSeriesSplit do: "
            f"{np.sum(tested == 0)} rows are never tested, {np.sum(tested > 1)} more than once"
        )
    if np.any(tested == 0):
        # Models of many rows come first: by them settings are tried.
        folds = sorted(folds, key=lambda fold: -len(fold[0]))
        folds.append((np.flatnonzero(tested), np.flatnonzero(tested == 0)))
    return folds


def _split(cv: Any, n_samples: int, n_used: int, y: Any, groups: np.ndarray | None) -> Folds:
    """Return the folds of a splitter, or those that were given, in numbers of rows."""
    n_split = n_used if hasattr(cv, "split") else n_samples
    label = None if y is None else y[:, 0]
    if label is not None and isinstance(cv, StratifiedKFold | StratifiedGroupKFold):
        label = _strata(label)
    try:
        folds = list(check_cv(cv).split(np.arange(n_split), label, groups))
    except (TypeError, ValueError) as error:
        needs = "" if groups is not None else "; does it need fit(..., groups=...)?"
        raise ValueError(f"cv={cv!r} cannot split {n_split} rows ({error}){needs}") from error
    try:
        return [tuple(np.arange(n_split)[rows] for rows in fold) for fold in folds]  # from masks
    except IndexError:
        raise ValueError(
            f"the folds of cv name rows beyond the {n_split} rows of X that are fitted; folds that "
            "are given as indices belong to one table: inside a search or cross-validation, which "
            "fits on a part of it, pass a number or a splitter, and fit(..., groups=...) where "
            "rows belong together"
        ) from None  # which would quote NumPy about its insides


def _strata(label: np.ndarray) -> np.ndarray:
    """Return classes of labels (n_samples,): themselves if few, or ranks in tenths."""
    if type_of_target(label) != "continuous":
        return label
    return np.argsort(np.argsort(label)) * STRATA // len(label)


def folds_among(folds: Folds, used: np.ndarray) -> Folds:
    """Return the folds of some of the rows, given by a mask, by their numbers among these."""
    place = np.cumsum(used) - 1
    folds = [tuple(place[rows[used[rows]]] for rows in fold) for fold in folds]
    return [(train, test) for train, test in folds if len(train) and len(test)]


def learn_from_all_others(folds: Folds, n_samples: int) -> bool:
    """Return whether each fold learns from all rows that it does not test, as KFold does."""
    return all(len(train) + len(test) == n_samples for train, test in folds)
