"""Several teachers as one: the weighted mean of their predictions."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import median_absolute_error
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_regkd.preprocessing.folds import make_folds
from sklearn_regkd.preprocessing.frames import is_frame
from sklearn_regkd.preprocessing.validation import (
    check_fit_data,
    check_predict_data,
    check_weight,
    like_y,
)
from sklearn_regkd.teachers.cross_fit import (
    CrossFitResult,
    cross_fit_predict,
    fit_teacher,
    predict_teacher,
    predict_teacher_cached,
    teacher_rows,
)
from sklearn_regkd.teachers.kinds import (
    check_teacher,
    is_fitted_teacher,
    own_teacher,
    seed_of,
    weight_params,
)
from sklearn_regkd.utils.cache import FitCache, open_memory
from sklearn_regkd.utils.random import draw_seed, own_random_state
from sklearn_regkd.utils.sklearn_compat import BaseComposition, VisualBlock, validate_parameters

WEIGHTS = ("score", "mean")


class TeacherEnsemble(RegressorMixin, BaseComposition):
    """The weighted mean of several teachers, of any kind each.

    A list or a dict of teachers stands for it with its defaults. Apart from
    its weights it is scikit-learn's ``VotingRegressor``, which takes neither
    networks nor frozen models beside others.

    Parameters
    ----------
    estimators : list of (str, teacher)
        Their names and what is taken as `teacher` elsewhere.
    weights : {"score", "mean"} or array-like of shape (n_estimators,), default="score"
        ``"score"``: one over the squared median of the absolute error on rows that
        were left out, for each output on its own. That is the best
        weight of predictions whose errors are independent; the median because labels may be wrong.
        A member that came fitted may have seen these rows, and then gets too
        much weight: give numbers instead.
    cv : int, splitter or iterable, default=5
        Folds for the score, where the members are not cross-fitted anyway
        (the distillation estimators do that).
    random_state : int, RandomState instance or None, default=None
        Decides folds and seeds of the members.

    Attributes
    ----------
    estimators_ : list
        The fitted teachers.
    weights_ : ndarray of shape (n_estimators, n_outputs)
        Their weights, with sum 1 for each output.
    n_outputs_ : int
        Number of targets.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.linear_model import RidgeCV
    >>> from sklearn_regkd.teachers.ensemble import TeacherEnsemble
    >>> X, y = load_diabetes(return_X_y=True)
    >>> both = TeacherEnsemble([("ridge", RidgeCV()), ("mean", DummyRegressor())])
    >>> both.fit(X, y).weights_.round(1).ravel()
    array([0.7, 0.3])
    """

    def __init__(self, estimators, *, weights="score", cv=5, random_state=None):
        self.estimators = estimators
        self.weights = weights
        self.cv = cv
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        """Fit all teachers that do not come fitted.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, which all members must take.

        Returns
        -------
        TeacherEnsemble
            The fitted estimator.
        """
        self.check()
        # What a frame may hold is up to the members, as in scikit-learn's own ensembles.
        table = np.arange(len(X))[:, None] if is_frame(X) else X
        table, y, self._y_ndim = check_fit_data(self, table, y, True, self._takes_missing())
        weight = check_weight(sample_weight, table)
        X = X if is_frame(X) else table
        random_state = own_random_state(self.random_state)
        if isinstance(self.weights, str) and self.weights == "score":
            folds = make_folds(self.cv, len(y), random_state)
            results = self.cross_fit(
                X,
                y,
                weight,
                folds=folds,
                refit=True,
                n_jobs=None,
                seed=draw_seed(random_state),
                cache=open_memory(None),
            )
            weights = score_weights(y, np.stack([result.prediction for result in results]), weight)
        else:
            weights, members = self.weights, []
            for member in self._members(y.shape[1], random_state):
                params = weight_params(member, weight)
                seed, where = draw_seed(random_state), "as one of several"
                if not is_fitted_teacher(member):
                    member = fit_teacher(member, _rows_of(member, X), y, params, None, seed, where)
                members.append(member)
            self._keep(members, X, y.shape[1])
        self.weights_ = normalize_weights(weights, len(self.estimators_), y.shape[1])
        return self

    def cross_fit(
        self, X: Any, y: np.ndarray, weight: np.ndarray | None, cache: FitCache, **how: Any
    ) -> list[CrossFitResult]:
        """Let all members predict rows that they have not seen; keep them if they are refitted.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        y : ndarray of shape (n_samples, n_outputs)
            Labels.
        weight : ndarray of shape (n_samples,) or None
            Weight of each row.
        cache : FitCache
            Where fitted teachers and predictions are kept.
        **how : dict
            Further arguments of ``sklearn_regkd.teachers.cross_fit.cross_fit_predict``.

        Returns
        -------
        list of CrossFitResult
            The result of each member.
        """
        results = []
        for member in self._members(y.shape[1], np.random.RandomState(how["seed"])):
            params = weight_params(member, weight)
            rows = _rows_of(member, X)
            results.append(_cross_fit_one(cache, member, rows, y, params=params, **how))
        if how["refit"]:
            self._keep([result.teacher for result in results], X, y.shape[1])
        return results

    def _keep(self, members: list, X: Any, n_outputs: int) -> None:
        validate_data(self, X, skip_check_array=True)  # notes names and number of the features
        self.estimators_, self.n_outputs_, self._input_shape = members, n_outputs, X.shape[1:]

    def _takes_missing(self) -> bool:
        members = [member for _, member in self.estimators if isinstance(member, BaseEstimator)]
        takes = [get_tags(member).input_tags.allow_nan for member in members]
        return len(takes) == len(self.estimators) and all(takes)

    def predict(self, X):
        """Return the weighted mean of the predictions of all teachers.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs, raw as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the units of y.
        """
        check_is_fitted(self)
        if is_frame(X):
            validate_data(self, X, reset=False, skip_check_array=True)
        else:
            X = check_predict_data(self, X, self._input_shape, self._takes_missing())
        predictions = [
            predict_teacher(member, _rows_of(member, X), self.n_outputs_)
            for member in self.estimators_
        ]
        mean = np.einsum("mk,mnk->nk", self.weights_, np.stack(predictions))
        return like_y(mean, self._y_ndim)

    def _members(self, n_outputs: int, random_state: np.random.RandomState) -> list:
        return [own_teacher(member, n_outputs, random_state) for _, member in self.estimators]

    def _sk_visual_block_(self) -> VisualBlock:
        """Let scikit-learn's diagram show the members side by side."""
        members = [member for _, member in self.estimators]
        names = [f"{name}: {type(member).__name__}" for name, member in self.estimators]
        details = [str(member) for member in members]
        return VisualBlock("parallel", members, names=names, name_details=details)

    def check(self) -> None:
        """Raise an error if a member or a parameter cannot be used."""
        if not self.estimators:
            raise ValueError(
                "the list of teachers is empty: pass at least one, or None for the default teacher"
            )
        self._validate_names([name for name, _ in self.estimators])
        for name, member in self.estimators:
            if member is None:
                raise TypeError(f"teacher {name!r} is None; leave it out of the list")
            check_teacher(member)
        if isinstance(self.weights, str):
            if self.weights not in WEIGHTS:
                raise ValueError(f"weights must be one of {WEIGHTS} or numbers: {self.weights!r}")
        else:
            n_outputs = np.shape(self.weights)[1] if np.ndim(self.weights) == 2 else 1
            normalize_weights(self.weights, len(self.estimators), n_outputs)
        validate_parameters(self, {"cv": ["cv_object"], "random_state": ["random_state"]})

    def get_params(self, deep=True):
        """Return the parameters, those of the members under their names.

        Parameters
        ----------
        deep : bool, default=True
            Whether to look into members.

        Returns
        -------
        dict
            Name to value.
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params) -> Self:
        """Set parameters, or those of a member as ``name__parameter``.

        Parameters
        ----------
        **params : dict
            Name to value.

        Returns
        -------
        TeacherEnsemble
            Itself.
        """
        return self._set_params("estimators", **params)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = self._takes_missing()
        return tags


def score_weights(
    y: np.ndarray, prediction: np.ndarray, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """Return weights by how well left-out labels were predicted.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_outputs)
        Labels, possibly wrong.
    prediction : ndarray of shape (n_members, n_samples, n_outputs)
        Out-of-fold predictions.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weight of each row.

    Returns
    -------
    ndarray of shape (n_members, n_outputs)
        One over the squared median absolute error; where one is exact, it alone counts.
    """
    typical = np.stack(
        [
            median_absolute_error(y, one, sample_weight=sample_weight, multioutput="raw_values")
            for one in prediction
        ]
    )
    best = typical.min(axis=0)
    # Relative to the best: nothing overflows, and an exact one gets all.
    ratio = np.divide(best, typical, out=np.ones_like(typical), where=typical > 0)
    return ratio**2


def as_ensemble(teacher: Any) -> Any:
    """Turn a list or a dict of teachers into an ensemble; anything else stays what it is."""
    if isinstance(teacher, Mapping):
        named = list(teacher.items())
    elif isinstance(teacher, list | tuple):
        names = [type(member).__name__.lower() for member in teacher]
        named = [
            (f"{name}-{k}" if names.count(name) > 1 else name, member)
            for k, (name, member) in enumerate(zip(names, teacher, strict=True), start=1)
        ]
    else:
        return teacher
    with config_context(enable_metadata_routing=True):  # else a request cannot be set
        return TeacherEnsemble(named).set_fit_request(sample_weight=True)


def _cross_fit_one(
    cache: FitCache, teacher: Any, X: Any, y: np.ndarray, n_jobs: int | None, **how: Any
) -> CrossFitResult:
    if is_fitted_teacher(teacher):
        return CrossFitResult(predict_teacher_cached(cache, teacher, X, y.shape[1]), teacher)
    how["seed"] = seed_of(teacher, how["seed"])
    return cache.call(cross_fit_predict, {"n_jobs": n_jobs}, teacher=teacher, X=X, y=y, **how)


def cross_fit_teacher(
    teacher: Any, X: Any, y: np.ndarray, cache: FitCache, **how: Any
) -> CrossFitResult:
    """Predict like :func:`~sklearn_regkd.teachers.cross_fit.cross_fit_predict`, several too.

    The members are cross-fitted once, on the same folds; their predictions decide about their
    weights, the first time that an ensemble owned by the caller is cross-fitted.

    Parameters
    ----------
    teacher : object
        The teacher, owned by the caller.
    X : array-like of shape (n_samples, ...)
        Inputs in the teacher's form.
    y : ndarray of shape (n_samples, n_outputs)
        Labels in raw units.
    cache : FitCache
        Where fitted teachers and predictions are kept.
    **how : dict
        Further arguments of `cross_fit_predict`.
    """
    if not isinstance(teacher, TeacherEnsemble):
        return _cross_fit_one(cache, teacher, X, y, **how)
    weight = how.pop("params").get("sample_weight")
    results = teacher.cross_fit(X, y, weight, cache, **how)
    predictions = np.stack([result.prediction for result in results])
    if isinstance(teacher.weights, str) and teacher.weights == "score":
        teacher.weights = score_weights(y, predictions, weight)
    weights = normalize_weights(teacher.weights, len(predictions), y.shape[1])
    if how["refit"]:
        teacher.weights_, teacher._y_ndim = weights, 1 if y.shape[1] == 1 else 2
    # A member that came fitted has no predictions by fold.
    by_fold = [result.by_fold for result in results if result.by_fold is not None]
    return CrossFitResult(
        np.einsum("mk,mnk->nk", weights, predictions),
        teacher,
        np.einsum("mk,mfnk->fnk", weights, by_fold) if len(by_fold) == len(results) else None,
    )


def normalize_weights(weights: Any, n_members: int, n_outputs: int) -> np.ndarray:
    """Return weights as (n_members, n_outputs) with sum 1."""
    if isinstance(weights, str):  # "mean"
        weights = np.ones(n_members)
    numbers = np.asarray(weights, np.float64)
    if numbers.ndim == 1:
        numbers = numbers[:, None]
    if len(numbers) != n_members or not np.isfinite(numbers).all() or (numbers < 0).any():
        raise ValueError(
            f"weights must be {n_members} numbers >= 0, one for each teacher, got {weights!r}"
        )
    total = numbers.sum(axis=0)
    if not (total > 0).all():
        raise ValueError(f"weights must not all be 0, got {weights!r}")
    return np.broadcast_to(numbers / total, (n_members, n_outputs)).copy()


def _rows_of(member: Any, X: Any) -> Any:
    """Return the rows in the form that a member takes."""
    return teacher_rows(member, X, np.asarray(X))
