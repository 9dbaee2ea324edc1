"""The one place that knows private or recent names of scikit-learn."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics._scorer import _PassthroughScorer as PassthroughScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import _insert_error_scores as insert_error_scores
from sklearn.model_selection._validation import _score as score_estimator
from sklearn.model_selection._validation import (
    _warn_or_raise_about_fit_failures as warn_or_raise_about_fit_failures,
)
from sklearn.preprocessing import PowerTransformer, StandardScaler
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._metadata_requests import MetadataRequest, MethodMetadataRequest
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.metaestimators import _safe_split as safe_split
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import check_is_fitted

try:  # scikit-learn >= 1.7
    from sklearn.utils._repr_html.estimator import _VisualBlock as VisualBlock
except ImportError:
    from sklearn.utils._estimator_html_repr import _VisualBlock as VisualBlock

try:  # scikit-learn >= 1.9
    from sklearn.callback import CallbackSupportMixin, ProgressBar, with_callbacks
except ImportError:
    ProgressBar = None

    class _NoContext:
        """Stand-in for a callback context: nobody listens."""

        def subcontext(self, **kwargs):
            return self

        def call_on_fit_task_begin(self, **kwargs):
            return None

        def call_on_fit_task_end(self, **kwargs):
            return False

        @contextmanager
        def propagate_callback_context(self, sub_estimator):
            yield

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in for scikit-learn's mixin where there is none."""

        def _init_callback_context(self, **kwargs):
            return _NoContext()

    def with_callbacks(method):
        """Return the method as it is."""
        return method


__all__ = [
    "BaseComposition",
    "BaseSearchCV",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "MetadataRequest",
    "MethodMetadataRequest",
    "PassthroughScorer",
    "StrOptions",
    "VisualBlock",
    "all_or_nothing",
    "check_fitted",
    "check_method_params",
    "check_sample_weight",
    "count_tree_nodes",
    "fit_task",
    "has_progress_bar",
    "insert_error_scores",
    "power_scaler",
    "safe_indexing",
    "safe_split",
    "score_estimator",
    "target_ndim",
    "validate_parameters",
    "warn_or_raise_about_fit_failures",
    "with_callbacks",
]


def validate_parameters(estimator: BaseEstimator, constraints: dict[str, list[Any]]) -> None:
    """Check an estimator's parameters; the error lists the values that are known.

    Raises
    ------
    ValueError
        scikit-learn's ``InvalidParameterError``, a subclass.
    """
    values = {name: getattr(estimator, name) for name in constraints}
    validate_parameter_constraints(constraints, values, type(estimator).__name__)


def check_fitted(estimator: BaseEstimator, attribute: str) -> None:
    """Raise what scikit-learn raises where an attribute of fit is missing.

    Where it is there, scikit-learn would still build all tags, a good part of
    the time that the prediction of one row takes.
    """
    if attribute not in vars(estimator):
        check_is_fitted(estimator)


def count_tree_nodes(model: Any) -> int | None:
    """Return the nodes of scikit-learn's trees in a fitted model; None if it is not of trees.

    There is no public count for histogram boosting.
    """
    if hasattr(model, "_predictors"):
        return sum(len(tree.nodes) for step in model._predictors for tree in step)
    tree = getattr(model, "tree_", None)
    return None if tree is None else int(tree.node_count)


def power_scaler(transformer: PowerTransformer) -> StandardScaler:
    """Return what a fitted transformer with ``standardize=True`` scales its results by."""
    return transformer._scaler


def target_ndim(regressor: TransformedTargetRegressor) -> int:
    """Return how many dimensions the predictions of a fitted regressor have."""
    return regressor._training_dim


def has_progress_bar(estimator: BaseEstimator) -> bool:
    """Return whether scikit-learn draws the progress of an estimator's fit."""
    callbacks = getattr(estimator, "_skl_callbacks", [])
    return ProgressBar is not None and any(isinstance(one, ProgressBar) for one in callbacks)


def all_or_nothing(method):
    """Make a method put its estimator back as it was if it fails or is interrupted.

    The outermost decorator of `fit`: what other decorators clean up comes first.
    """

    @wraps(method)
    def guarded(estimator, *args, **kwargs):
        before = dict(vars(estimator))
        try:
            return method(estimator, *args, **kwargs)
        except BaseException:
            vars(estimator).clear()
            vars(estimator).update(before)
            raise

    return guarded


@contextmanager
def fit_task(context: Any, estimator: BaseEstimator) -> Iterator[None]:
    """Tell an estimator's callbacks that a task begins, and that it has ended well."""
    context.call_on_fit_task_begin(estimator=estimator)
    yield
    context.call_on_fit_task_end(estimator=estimator)
