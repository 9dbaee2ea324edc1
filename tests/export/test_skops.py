"""The list of what skops has to trust is as long as it must be."""

import numpy as np
import pytest
import skops.io
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import DistilledRegressor, DistilledSearchCV, StudentRegressor, TORRegressor
from sklearn_regkd.export import SKOPS_TRUSTED
from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.label_noise.threshold import ThresholdRule
from sklearn_regkd.supervision.revision import LabelRevision
from sklearn_regkd.supervision.selection import DataSelection
from sklearn_regkd.supervision.synthetic import SyntheticRows

LR = {"lr": [0.01, 0.02]}


def student():
    return StudentRegressor((8,), max_epochs=2, weight_decay=0.1, random_state=0)


def distilled(**params):
    return DistilledRegressor(Ridge(), student(), random_state=0, **params)


ESTIMATORS = {
    "student": student(),
    "TOR": TORRegressor(Ridge(), student(), random_state=0),
    "distilled": distilled(),
    "threshold": distilled(outliers=ThresholdRule()),
    "mixture": distilled(outliers=MixtureRule()),
    "methods": distilled(revision=LabelRevision(), selection=DataSelection()),
    "synthetic": distilled(synthetic=SyntheticRows()),
    "pipeline": make_pipeline(StandardScaler(), student()),
    "our search": DistilledSearchCV(student(), LR, cv=2),
    "our search, folds": DistilledSearchCV(student(), LR, cv=KFold(2)),
    "our search, metrics": DistilledSearchCV(
        student(), LR, cv=2, scoring=["r2", "neg_mean_absolute_error"], refit="r2"
    ),
    "our search over a distillation": DistilledSearchCV(
        distilled(), {"outliers": [ThresholdRule(), MixtureRule()]}, cv=2
    ),
    "our search over a pipeline": DistilledSearchCV(
        make_pipeline(StandardScaler(), student()), {"studentregressor__lr": [0.01]}, cv=2
    ),
    "search": GridSearchCV(student(), LR, cv=2, scoring="neg_root_mean_squared_error"),
    "random search": RandomizedSearchCV(distilled(), {"student__lr": [0.01]}, n_iter=1, cv=2),
    "target": TransformedTargetRegressor(student(), func=np.sinh, inverse_func=np.arcsinh),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("fitted", [False, True])
def test_all_that_is_in_a_file_is_on_the_list(table, name, fitted):
    X, y = table
    estimator = ESTIMATORS[name]
    if fitted:
        estimator.fit(X, y)
    data = skops.io.dumps(estimator)
    assert set(skops.io.get_untrusted_types(data=data)) <= set(SKOPS_TRUSTED)
    again = skops.io.loads(data, trusted=SKOPS_TRUSTED)
    if fitted:
        np.testing.assert_array_equal(again.predict(X), estimator.predict(X))


def test_nothing_else_is_on_it():
    homes = ("sklearn_regkd.", "sklearn.metrics._", "sklearn.model_selection._split.KFold")
    requests = "sklearn.utils._metadata_requests."
    assert all(name.startswith((*homes, requests)) for name in SKOPS_TRUSTED)
