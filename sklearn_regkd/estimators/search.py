"""A grid search whose candidates are trained side by side."""

import time
from tempfile import TemporaryDirectory
from traceback import format_exc
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV, ParameterGrid, check_cv
from sklearn.utils import assert_all_finite, indexable

from sklearn_regkd.training.deferred import train_deferred
from sklearn_regkd.training.torch_state import in_plain_torch
from sklearn_regkd.training.train import Training, defer_training
from sklearn_regkd.utils.sklearn_compat import (
    all_or_nothing,
    check_method_params,
    insert_error_scores,
    safe_split,
    score_estimator,
    warn_or_raise_about_fit_failures,
)


class DistilledSearchCV(GridSearchCV):
    """Grid search that trains the students of all candidates side by side.

    A drop-in replacement for :class:`~sklearn.model_selection.GridSearchCV` over a
    :class:`StudentRegressor`, :class:`TORRegressor` or :class:`DistilledRegressor`,
    or a Pipeline that ends with one: candidates whose students have the same
    layers, batches and epochs become one network of batched products, so that 16 of
    them take about half of the time of 16 separate fits, less with small batches, more
    with large ones. Their results are those of separate fits, up to rounding. What cannot
    stand side by side (other layers, early stopping, callbacks, a module of your own, a
    GPU) is fitted one after the other.

    The teacher of a fold is fitted once for all candidates that want the same of it,
    provided that `random_state` of the estimator is an integer: without one each
    fit draws folds of its own.

    Parameters
    ----------
    estimator : estimator
        See :class:`~sklearn.model_selection.GridSearchCV`, as all other
        parameters.
    param_grid : dict or list of dict
        Names of parameters and the values to try.
    scoring : str, callable, list, tuple or dict, default=None
        How to score; R2 by default.
    n_jobs : int, default=None
        Folds that are fitted in parallel.
    refit : bool, str or callable, default=True
        Whether to fit the best candidate on all rows, and by which score it is the best.
    cv : int, cross-validation generator or iterable, default=None
        The folds; 5 by default.
    verbose : int, default=0
        Above 0 says how many fits there are.
    pre_dispatch : int or str, default="2*n_jobs"
        Folds that are handed to the workers ahead of time.
    error_score : "raise" or numeric, default=np.nan
        The score of a candidate whose fit fails.
    return_train_score : bool, default=False
        Whether to score on the training rows as well.

    Attributes
    ----------
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, \
    n_splits_, refit_time_, multimetric_
        As of :class:`~sklearn.model_selection.GridSearchCV`. The time of a fit is an
        even share of the time that the fold took.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_regkd import DistilledSearchCV, StudentRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> student = StudentRegressor((16,), max_epochs=20, random_state=0)
    >>> search = DistilledSearchCV(student, {"weight_decay": [0.1, 1.0], "lr": [0.003, 0.03]}, cv=3)
    >>> search.fit(X, y).best_params_
    {'lr': 0.003, 'weight_decay': 0.1}
    """

    @in_plain_torch
    @all_or_nothing
    def fit(self, X, y=None, **params):
        """Try all candidates, and fit the best one on all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels.
        **params : dict
            Passed to the fits of the estimator, such as `sample_weight`; with one value
            per row they are split as the rows are. `groups` goes to the splitter.

        Returns
        -------
        DistilledSearchCV
            The fitted search.
        """
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        _refuse_gaps(y)
        routed = self._get_routed_params_for_fit(check_method_params(X, params))
        splits = list(check_cv(self.cv, y).split(X, y, **routed.splitter.split))
        candidates = list(ParameterGrid(self.param_grid))
        self.n_splits_ = len(splits)
        if self.verbose > 0:
            print(f"Fitting {len(splits)} folds for each of {len(candidates)} candidates")
        by_split = Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch)(
            delayed(_fit_and_score_all)(
                clone(self.estimator),
                candidates,
                X,
                y,
                train,
                test,
                scorers,
                routed.estimator.fit,
                routed.scorer.score,
                self.error_score,
                self.return_train_score,
            )
            for train, test in splits
        )
        outcomes = [outcome for same in zip(*by_split, strict=True) for outcome in same]
        warn_or_raise_about_fit_failures(outcomes, self.error_score)
        if callable(self.scoring):
            insert_error_scores(outcomes, self.error_score)
        results = self._format_results(candidates, len(splits), outcomes)
        first = outcomes[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]
        if self.refit:
            best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
            start = time.perf_counter()
            self.best_estimator_ = best.fit(X, y, **routed.estimator.fit)
            self.refit_time_ = time.perf_counter() - start
            if hasattr(best, "feature_names_in_"):
                self.feature_names_in_ = best.feature_names_in_
        self.scorer_ = getattr(scorers, "_scorers", scorers)
        self.cv_results_ = results
        return self


def _refuse_gaps(y: Any) -> None:
    """Refuse labels that are not finite: otherwise only the score of a test fold would tell."""
    try:
        labels = np.asarray(y, np.float64)
    except (TypeError, ValueError):
        return  # the fits say what is wrong
    assert_all_finite(labels, input_name="y")


def _fit_and_score_all(
    estimator: BaseEstimator,
    candidates: list[dict[str, Any]],
    X: Any,
    y: Any,
    train: np.ndarray,
    test: np.ndarray,
    scorer: Any,
    fit_params: dict[str, Any],
    score_params: dict[str, Any],
    error_score: Any,
    return_train_score: bool,
) -> list[dict[str, Any]]:
    """Fit all candidates on one fold; return for each what scikit-learn keeps of a fit."""
    start = time.perf_counter()
    X_train, y_train = safe_split(estimator, X, y, train)
    X_test, y_test = safe_split(estimator, X, y, test, train)
    params = check_method_params(X, fit_params, indices=train)
    with TemporaryDirectory() as folder:
        fitted, errors = _fit_all(estimator, candidates, X_train, y_train, params, folder)
    if errors and error_score == "raise":
        raise next(iter(errors.values()))[0]
    fit_time = (time.perf_counter() - start) / len(candidates)
    outcomes = []
    for place, candidate in enumerate(fitted):
        start = time.perf_counter()
        parts = {"test_scores": (X_test, y_test, test)}
        if return_train_score:
            parts["train_scores"] = (X_train, y_train, train)
        scores = {}
        for name, (rows, labels, indices) in parts.items():
            scores[name] = (
                _error_scores(scorer, error_score)
                if place in errors
                else score_estimator(
                    candidate,
                    rows,
                    labels,
                    scorer,
                    check_method_params(X, score_params, indices=indices),
                    error_score,
                )
            )
        outcomes.append(
            {
                **scores,
                "fit_error": errors[place][1] if place in errors else None,
                "fit_time": fit_time,
                "score_time": time.perf_counter() - start,
            }
        )
    return outcomes


def _fit_all(estimator, candidates, X, y, params, folder):
    """Return fitted candidates, and error and traceback of those that could not be fitted."""
    if "memory" in estimator.get_params(deep=False) and hasattr(estimator, "teacher"):
        estimator = estimator.set_params(memory=estimator.memory or folder)
    fitted: list[BaseEstimator] = []
    errors: dict[int, tuple[Exception, str]] = {}
    waiting: list[Training] = []
    owners: list[int] = []
    for place, candidate in enumerate(candidates):
        one = clone(estimator).set_params(**clone(candidate, safe=False))
        try:
            with defer_training(waiting):
                one.fit(X, y, **params)
        except Exception as error:
            errors[place] = error, format_exc()
        owners += [place] * (len(waiting) - len(owners))
        fitted.append(one)
    for place, failure in train_deferred(waiting).items():
        errors.setdefault(owners[place], (failure, str(failure)))
    return fitted, errors


def _error_scores(scorer, error_score):
    names = getattr(scorer, "_scorers", None)
    return error_score if names is None else dict.fromkeys(names, error_score)
