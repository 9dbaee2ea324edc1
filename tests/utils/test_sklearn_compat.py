"""What stands around private names of scikit-learn."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

from sklearn_regkd.utils.sklearn_compat import (
    all_or_nothing,
    check_fitted,
    count_tree_nodes,
    fit_task,
)


class Counter(BaseEstimator):
    """An estimator whose fit counts, and fails halfway on demand."""

    @all_or_nothing
    def fit(self, error=None):
        self.half_ = getattr(self, "half_", 0) + 1
        if error is not None:
            raise error
        self.whole_ = self.half_
        return self


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(error):
    fresh, fitted = Counter(), Counter().fit()
    for one in (fresh, fitted):
        before = dict(vars(one))
        with pytest.raises(type(error)):
            one.fit(error)
        assert vars(one) == before
    assert vars(fitted) == {"half_": 1, "whole_": 1}


def test_a_missing_attribute_is_what_scikit_learn_says_it_is():
    check_fitted(Counter().fit(), "whole_")
    with pytest.raises(NotFittedError, match="This Counter instance is not fitted yet"):
        check_fitted(Counter(), "whole_")


def test_nodes_of_trees():
    X = np.arange(64.0)[:, None]
    y = (X[:, 0] > 31).astype(float)
    assert count_tree_nodes(DecisionTreeRegressor().fit(X, y)) == 3
    boosting = HistGradientBoostingRegressor(max_iter=5, max_leaf_nodes=2, min_samples_leaf=1)
    assert count_tree_nodes(boosting.fit(X, y)) == 5 * 3
    assert count_tree_nodes(Ridge().fit(X, y)) is None


class Listener:
    """A context of callbacks that writes down what it hears."""

    def __init__(self):
        self.heard = []

    def call_on_fit_task_begin(self, estimator):
        self.heard.append("begin")

    def call_on_fit_task_end(self, estimator):
        self.heard.append("end")


def test_the_end_of_a_task_is_told_only_if_it_ended_well():
    good, bad = Listener(), Listener()
    with fit_task(good, Counter()):
        good.heard.append("inside")
    assert good.heard == ["begin", "inside", "end"]
    with pytest.raises(ZeroDivisionError), fit_task(bad, Counter()):
        raise ZeroDivisionError
    assert bad.heard == ["begin"]
