"""The models, each with its default parameters: one function for each, which makes it unfitted.

What is found out about labels is read from three attributes of the fitted model, where it has
them: ``inlier_probability_`` (small: suspicious), ``outlier_mask_`` and ``suggested_labels_``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# Where slow models run: on these tables (None: all) and noises, of the first seed.
FEW_TABLES = ("concrete", "deliveries", "friedman", "hinge")
SOME_NOISES = ("none", "gross20", "slip20", "given")
SCOPES = {
    "some": (None, SOME_NOISES),
    "few": (FEW_TABLES, SOME_NOISES),
    "least": (FEW_TABLES[:2], ("none", "gross20")),
}


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model of the benchmark.

    Parameters
    ----------
    name : str
        What it is called in the record and in ``--models``.
    title : str
        What it is called on the page.
    make : callable
        Takes a seed and returns an unfitted regressor.
    scope : {"all", "some", "few", "least"}
        In which cells it runs: all, or those of `SCOPES`.
    teacher : str or None
        The model that is its teacher, where that is what is compared.
    ours : bool
        Whether this library brings it.
    """

    name: str
    title: str
    make: Callable
    scope: str
    teacher: str | None
    ours: bool

    def runs(self, table, noise, seed):
        """Return whether a cell is in its scope."""
        if self.scope == "all":
            return True
        tables, noises = SCOPES[self.scope]
        return seed == 0 and noise in noises and (tables is None or table in tables)


MODELS: dict[str, Model] = {}


def model(title, *, scope="all", teacher=None, ours=False):
    """Enter the function that follows into `MODELS`, by its name."""

    def enter(make):
        name = make.__name__
        MODELS[name] = Model(
            name=name, title=title, make=make, scope=scope, teacher=teacher, ours=ours
        )
        return make

    return enter


@model("DistilledRegressor", ours=True)
def distilled(seed):
    from sklearn_regkd import DistilledRegressor

    return DistilledRegressor(random_state=seed)


@model("TORRegressor", ours=True)
def tor(seed):
    from sklearn_regkd import TORRegressor

    return TORRegressor(random_state=seed)


@model("StudentRegressor", ours=True)
def student(seed):
    from sklearn_regkd import StudentRegressor

    return StudentRegressor(random_state=seed)


@model("ridge")
def ridge(seed):
    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15)))


@model("random forest")
def forest(seed):
    return RandomForestRegressor(random_state=seed)


@model("boosting, squared loss")
def boosting(seed):
    return HistGradientBoostingRegressor(random_state=seed)


# The loss "quantile" at its default, the median, is half of this one and grows the same trees.
@model("boosting, absolute loss")
def boosting_absolute(seed):
    return HistGradientBoostingRegressor(loss="absolute_error", random_state=seed)


@model("MLPRegressor")
def mlp(seed):
    return make_pipeline(StandardScaler(), MLPRegressor(early_stopping=True, random_state=seed))


@model("cleanlab around boosting")
def cleanlab(seed):
    import cleanlab.regression.learn  # noqa: F401  (said here where it is missing)

    return CleanlabBoosting(seed)


@model("CatBoost")
def catboost(seed):
    from catboost import CatBoostRegressor

    return CatBoostRegressor(
        random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False
    )


@model("RealMLP", scope="some")
def realmlp(seed):
    from pytabkit import RealMLP_TD_Regressor

    return RealMLP_TD_Regressor(device="cpu", random_state=seed, n_threads=1)


@model("TabM", scope="few")
def tabm(seed):
    from pytabkit import TabM_D_Regressor

    return TabM_D_Regressor(device="cpu", random_state=seed, n_threads=1)


def _distilled_from(teacher, seed):
    from sklearn_regkd import DistilledRegressor

    return DistilledRegressor(teacher=MODELS[teacher].make(seed), random_state=seed)


@model("student of the random forest", scope="few", teacher="forest", ours=True)
def distilled_forest(seed):
    return _distilled_from("forest", seed)


@model("student of CatBoost", scope="few", teacher="catboost", ours=True)
def distilled_catboost(seed):
    return _distilled_from("catboost", seed)


@model("student of RealMLP", scope="least", teacher="realmlp", ours=True)
def distilled_realmlp(seed):
    return _distilled_from("realmlp", seed)


class CleanlabBoosting(RegressorMixin, BaseEstimator):
    """Boosting that learns without the labels that cleanlab finds.

    Parameters
    ----------
    seed : int
        Of the boosting and of cleanlab.
    """

    def __init__(self, seed=0):
        self.seed = seed

    def fit(self, X, y):
        """Find wrong labels, leave them out, and learn from the others."""
        from cleanlab.regression.learn import CleanLearning

        boosting = HistGradientBoostingRegressor(random_state=self.seed)
        learner = CleanLearning(boosting, seed=self.seed).fit(X, y)
        found = learner.get_label_issues()
        self.model_ = learner.model
        self.inlier_probability_ = found["label_quality"].to_numpy()
        self.outlier_mask_ = found["is_label_issue"].to_numpy()
        self.suggested_labels_ = found["predicted_label"].to_numpy()
        return self

    def predict(self, X):
        """Return what the boosting predicts."""
        return self.model_.predict(X)
