"""The arguments of a fit on their way in: what becomes of them, and what is refused at once."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold
from torch import nn

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.estimators.check_data import check_data
from sklearn_regkd.label_noise.student_folds import CrossFittedStudents
from tests.helpers import small_student

FRAMES = {
    "pandas": lambda X: pd.DataFrame(X, columns=list("abc")),
    "polars": lambda X: pl.DataFrame(X, schema=list("abc")),
}


def check(distiller, X, y, sample_weight=None, prediction=None, route=None, unlabeled=None):
    student = small_student(random_state=None)
    return check_data(distiller, student, X, y, sample_weight, prediction, route, unlabeled)


class TestCheckData:
    def test_rows_labels_and_weights_are_arrays_of_columns(self, table):
        X, y = table
        data = check(TORRegressor(Ridge()), X.tolist(), y.tolist())
        np.testing.assert_array_equal(data.X, X)
        np.testing.assert_array_equal(data.y, y[:, None])
        np.testing.assert_array_equal(data.weight, np.ones(120))
        assert data.left_out is None
        assert data.teacher_params == {}

    def test_rows_of_weight_0_are_left_out(self, table):
        X, y = table
        weight = np.arange(120) % 3 * 2.0
        wild = np.where(weight > 0, y, 1e9)
        data, clean = (check(TORRegressor(Ridge()), X, one, weight) for one in (wild, y))
        np.testing.assert_array_equal(data.scaling.scale, clean.scaling.scale)
        np.testing.assert_array_equal(data.scaling.center, clean.scaling.center)
        used = weight > 0
        np.testing.assert_array_equal(data.X, X[used])
        expected = weight[used] / weight[used].mean()
        np.testing.assert_array_equal(data.teacher_params["sample_weight"], expected)
        np.testing.assert_array_equal(data.left_out.y[:, 0], wild[~used])
        np.testing.assert_array_equal(data.left_out.teacher_X, X[~used])

    @pytest.mark.parametrize("kind", FRAMES)
    def test_a_teacher_gets_the_frame_and_a_network_numbers(self, table, kind):
        X, y = table
        frame = FRAMES[kind](X)
        distiller = TORRegressor(Ridge())
        assert check(distiller, frame, y).teacher_X is frame
        assert list(distiller.feature_names_in_) == list("abc")
        numbers = check(TORRegressor(nn.Linear(3, 1)), frame, y).teacher_X
        assert numbers.dtype == np.float32
        np.testing.assert_array_equal(numbers, X.astype(np.float32))

    @pytest.mark.parametrize("kind", FRAMES)
    def test_unlabeled_rows_are_kept_in_both_forms(self, table, kind):
        X, y = table
        more = FRAMES[kind](X[:7] + 1)
        data = check(DistilledRegressor(Ridge()), FRAMES[kind](X), y, unlabeled=more)
        np.testing.assert_array_equal(data.X_unlabeled, X[:7] + 1)
        assert data.teacher_X_unlabeled is more
        plain = check(DistilledRegressor(Ridge()), X, y)
        assert plain.X_unlabeled is plain.teacher_X_unlabeled is None

    def test_the_teacher_is_a_copy_unless_it_came_fitted(self, table):
        X, y = table
        teacher, frozen = Ridge(), FrozenEstimator(Ridge().fit(X, y))
        own = check(TORRegressor(teacher), X, y)
        assert own.teacher is not teacher
        assert own.teacher_prediction is None
        assert not own.is_default_teacher
        fitted = check(TORRegressor(frozen), X, y)
        assert fitted.teacher is frozen
        np.testing.assert_array_equal(fitted.teacher_prediction[:, 0], frozen.predict(X))

    def test_without_a_teacher_there_are_predictions_or_the_default(self, table):
        X, y = table
        assert check(TORRegressor(), X, y).is_default_teacher
        data = check(TORRegressor(), X, y, prediction=y + 1 / 3)
        assert not data.is_default_teacher
        assert data.teacher is None
        np.testing.assert_array_equal(data.teacher_prediction[:, 0], y + 1 / 3)

    def test_stages_come_first_in_a_route(self, table):
        X, y = table
        route = np.column_stack([y / 3, y / 2, y])
        data = check(DistilledRegressor(), X, y, prediction=y, route=route)
        assert data.teacher_route.shape == (3, 120, 1)
        np.testing.assert_array_equal(data.teacher_route[:, :, 0], route.T)

    def test_folds_are_those_of_cv(self, table):
        data = check(TORRegressor(Ridge(), cv=KFold(4)), *table)
        for (train, test), (own_train, own_test) in zip(
            data.folds, KFold(4).split(table[0]), strict=True
        ):
            np.testing.assert_array_equal(train, own_train)
            np.testing.assert_array_equal(test, own_test)

    def test_the_students_seed_is_drawn(self, table):
        seeds = [
            check(TORRegressor(Ridge(), random_state=seed), *table).student.random_state
            for seed in (0, 0, 1)
        ]
        assert seeds[0] == seeds[1] != seeds[2]

    def test_weights_are_routed_where_routing_is_on(self, table):
        X, y = table
        with config_context(enable_metadata_routing=True):
            asking = TORRegressor(Ridge().set_fit_request(sample_weight=True))
            assert list(check(asking, X, y, np.ones(120)).teacher_params) == ["sample_weight"]
            refusing = TORRegressor(Ridge().set_fit_request(sample_weight=False))
            assert check(refusing, X, y, np.ones(120)).teacher_params == {}


class NeverFitted(LinearRegression):
    """A teacher without stages and leaves whose fit is too late for an error."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("it was fitted")


class NeverFittedBoosting(HistGradientBoostingRegressor):
    """A teacher with stages and leaves whose fit is too late for an error."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("it was fitted")


class TestBeforeAnythingIsFitted:
    @pytest.fixture(autouse=True)
    def nothing_is_trained(self, monkeypatch):
        def refuse(*args, **kwargs):
            raise AssertionError("a student was trained")

        monkeypatch.setattr(CrossFittedStudents, "__init__", refuse)
        monkeypatch.setattr(StudentRegressor, "_learn_from_teacher", refuse)

    @pytest.mark.parametrize("outliers", ["auto", None, 3.0])
    @pytest.mark.parametrize(
        ("teacher", "params", "error", "message"),
        [
            (NeverFitted(), {"route": 2}, TypeError, "teacher NeverFitted has no route"),
            (NeverFitted(), {"hints": "leaves"}, TypeError, "NeverFitted has no leaves"),
            (NeverFitted(), {"hints": "body"}, TypeError, "NeverFitted is not a network"),
            (NeverFittedBoosting(), {"hints": "body"}, TypeError, "of trees take 'leaves'"),
            (nn.Linear(3, 1), {"hints": "leaves"}, TypeError, "name a layer instead"),
            (nn.Linear(3, 1), {"hints": "tail"}, ValueError, "no layer 'tail'"),
            (nn.Linear(3, 1), {"route": 2}, TypeError, "teacher Linear has no route"),
            (
                NeverFittedBoosting(),
                {"route": 2, "revision": "teacher"},
                ValueError,
                "exclude each other",
            ),
            (
                NeverFittedBoosting(),
                {"hints": "leaves", "synthetic": "mixup"},
                ValueError,
                "exclude each other",
            ),
        ],
    )
    def test_methods_that_the_teacher_cannot_serve(
        self, table, outliers, teacher, params, error, message
    ):
        with pytest.raises(error, match=message):
            DistilledRegressor(teacher, outliers=outliers, **params).fit(*table)

    @pytest.mark.parametrize("method", [{"route": 2}, {"hints": "leaves"}])
    def test_methods_of_training_rows_and_unlabeled_ones(self, table, method):
        X, y = table
        with pytest.raises(ValueError, match="X_unlabeled exclude each other"):
            DistilledRegressor(NeverFittedBoosting(), **method).fit(X, y, X_unlabeled=X)

    def test_a_given_route_that_is_too_short(self, table):
        X, y = table
        model = DistilledRegressor(route=9)
        with pytest.raises(ValueError, match="n_anchors=9, but the teacher's route has 2"):
            model.fit(X, y, teacher_route=np.column_stack([y / 2, y]))

    @pytest.mark.parametrize("method", [{"route": 2}, {"hints": "leaves"}])
    def test_predictions_without_a_teacher(self, table, method):
        X, y = table
        with pytest.raises(TypeError, match=r"predictions alone have no (route|inside)"):
            DistilledRegressor(**method).fit(X, y, teacher_prediction=y)

    def test_rows_that_nobody_could_label(self, table):
        X, y = table
        with pytest.raises(ValueError, match="labelled by the teacher: pass a teacher"):
            DistilledRegressor(synthetic="spunge").fit(X, y, teacher_prediction=y)
        with pytest.raises(ValueError, match="labelled by the teacher: pass a teacher"):
            DistilledRegressor().fit(X, y, teacher_prediction=y, X_unlabeled=X)
