"""scikit-learn's own checks of the contract, on all estimators."""

import pytest
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor


def small_student(**params):
    return StudentRegressor((16,), max_epochs=20, lr=0.05, **params)


# Cheap parameters: what the checks look at is not accuracy.
DISTILLERS = [
    TORRegressor(Ridge(), small_student(), cv=3),
    DistilledRegressor(Ridge(), small_student(), cv=3),
]

# Weight 2 and a repeated row give the same loss (tests/losses/test_criterion.py
# shows it exactly), but not the same batches: a repeated row can be drawn twice
# in one epoch, into different batches.
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "minibatches of repeated rows differ from those of weighted rows"
    ),
}


def expected_failures(estimator):
    return EXPECTED_FAILURES


@parametrize_with_checks([small_student()], expected_failed_checks=expected_failures)
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(DISTILLERS, expected_failed_checks=expected_failures)
def test_sklearn_checks_with_a_teacher(estimator, check):
    check(estimator)
