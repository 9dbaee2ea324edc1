"""What is inside Pipelines, searches and frozen estimators."""

from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_regkd.utils.sklearn_compat import BaseSearchCV


def layers(estimator: Any) -> list[Any]:
    """Return an estimator, what is inside it, and so on down to the one that learns.

    Of a Pipeline the last step is taken, of a search the best estimator, or its template before
    `fit`, of a FrozenEstimator what it holds.

    Parameters
    ----------
    estimator : object
        The outermost one, fitted or not.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_regkd.utils.unwrap import layers
    >>> [type(layer).__name__ for layer in layers(FrozenEstimator(make_pipeline(Ridge())))]
    ['FrozenEstimator', 'Pipeline', 'Ridge']
    """
    found = [estimator]
    while (inner := _inside(found[-1])) is not None:
        found.append(inner)
    return found


def _inside(estimator: Any) -> Any:
    if isinstance(estimator, FrozenEstimator):  # first: it shows the attributes of what it holds
        return estimator.estimator
    if isinstance(estimator, Pipeline):
        return estimator[-1]
    template = estimator.estimator if isinstance(estimator, BaseSearchCV) else None
    return getattr(estimator, "best_estimator_", template)


def unwrap(estimator: Any, X: Any = None) -> tuple[Any, Any]:
    """Return the estimator that learns inside all wrappers, and the rows as it sees them.

    Parameters
    ----------
    estimator : object
        The outermost estimator. It is fitted where there are rows.
    X : array-like of shape (n_samples, ...), default=None
        Rows as the outermost estimator takes them; None stays None.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_regkd.utils.unwrap import unwrap
    >>> pipeline = make_pipeline(StandardScaler(), Ridge()).fit([[0.0], [4.0]], [0.0, 1.0])
    >>> unwrap(FrozenEstimator(pipeline), [[4.0]])
    (Ridge(), array([[1.]]))
    """
    *wrappers, inner = layers(estimator)
    for wrapper in wrappers:
        if X is not None and isinstance(wrapper, Pipeline) and len(wrapper) > 1:
            X = wrapper[:-1].transform(X)
    return inner, X
