"""Out-of-fold models: which rows and labels they learn from, and what they predict."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.multioutput import MultiOutputRegressor

from sklearn_regkd import StudentRegressor
from sklearn_regkd.label_noise.out_of_fold import OutOfFoldModels, with_params
from sklearn_regkd.label_noise.student_folds import CrossFittedStudents
from sklearn_regkd.networks.inputs import TransformedRows, fit_input_transform
from sklearn_regkd.supervision import validation_targets
from sklearn_regkd.teachers.cross_fit import CrossFitResult
from sklearn_regkd.teachers.ensemble import TeacherEnsemble
from sklearn_regkd.teachers.kinds import default_teacher, own_teacher, weight_params
from tests.helpers import fit_data, interleaved_folds, small_student

N = 60
FOLDS = interleaved_folds(N)


class Recorder(RegressorMixin, BaseEstimator):
    """Writes down what it was fitted on; the first feature is the number of the row."""

    log: list = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None):
        Recorder.log.append((X[:, 0].astype(int), np.array(y), sample_weight))
        self.mean_ = np.mean(y, axis=0)
        return self

    def predict(self, X):
        return np.full((len(X), *np.shape(self.mean_)), self.mean_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


@pytest.fixture
def log():
    Recorder.log = []
    return Recorder.log


def table(n=N, n_outputs=1, noise=0.1, seed=0):
    """A line, in units of their own; the first feature is the number of the row."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, n)
    X = np.column_stack([np.arange(n), x]).astype(float)
    error = noise * rng.normal(size=(n, n_outputs))
    return X, 500 + 40 * (x[:, None] * np.arange(1, n_outputs + 1) + error)


def out_of_fold(X, y, teacher=None, epochs=None, weight=None, **changes):
    """Models on three folds; with students where there are epochs."""
    weight = np.ones(len(X)) if weight is None else weight
    teacher = own_teacher(teacher, y.shape[1], np.random.RandomState(0))
    params = weight_params(teacher, weight)
    changes.setdefault("student", small_student(weight_decay="auto"))
    data = fit_data(X, y, teacher=teacher, weight=weight, teacher_params=params, **changes)
    if epochs is None:
        return OutOfFoldModels(data, None)
    student = StudentRegressor((8,), max_epochs=epochs, lr=0.02, weight_decay=0.1)
    inputs = np.ascontiguousarray(X[:, 1:])
    rows = TransformedRows(inputs, fit_input_transform(inputs, weight, "quantile"))
    students = CrossFittedStudents(student, rows, data.label, weight, data.folds, 0)
    return OutOfFoldModels(data, students)


class TestCrossFitTeacherByFold:
    @pytest.fixture(autouse=True)
    def few_rows_are_enough(self, monkeypatch):
        monkeypatch.setattr(validation_targets, "FEWEST_ROWS", N)

    def test_predicts_the_same_for_rows_that_were_left_out(self):
        X, y = table(n_outputs=2)
        models = out_of_fold(X, y, LinearRegression())
        result = models.cross_fit_teacher_by_fold()
        np.testing.assert_array_equal(result.prediction, models.cross_fit_teacher().prediction)
        assert result.by_fold.shape == (len(FOLDS), N, 2)
        for (train, _), values in zip(FOLDS, result.by_fold, strict=True):
            expected = LinearRegression().fit(X[train], y[train]).predict(X)
            np.testing.assert_allclose(values, expected, rtol=1e-9)

    def test_costs_no_fit(self, log):
        X, y = table()
        out_of_fold(X, y, Recorder()).cross_fit_teacher_by_fold()
        assert len(log) == len(FOLDS)

    def test_nothing_to_hold_out(self, log):
        X, y = table()
        given = out_of_fold(X, y, teacher_prediction=y + 1).cross_fit_teacher_by_fold()
        assert given.by_fold is None
        one_by_one = [(np.delete(np.arange(N), k), np.array([k])) for k in range(N)]
        result = out_of_fold(X, y, Recorder(), folds=one_by_one).cross_fit_teacher_by_fold()
        assert result.by_fold is None  # parts of one row
        assert result.prediction.shape == y.shape

    @pytest.mark.parametrize("params", [{"weight_decay": 0.1}, {"module": LinearRegression}])
    def test_nothing_is_tried_of_the_student(self, params):
        X, y = table()
        models = out_of_fold(X, y, LinearRegression(), student=StudentRegressor(**params))
        assert models.cross_fit_teacher_by_fold().by_fold is None
        assert models.cross_fit_boosting("squared_error").by_fold is None

    def test_of_several_teachers(self):
        X, y = table()
        lines = [("a", LinearRegression()), ("b", LinearRegression(fit_intercept=False))]
        several = out_of_fold(X, y, TeacherEnsemble(lines, weights=[3, 1]))
        single = [out_of_fold(X, y, member) for _, member in lines]
        first, second = (one.cross_fit_teacher_by_fold().by_fold for one in single)
        by_fold = several.cross_fit_teacher_by_fold().by_fold
        np.testing.assert_allclose(by_fold, 0.75 * first + 0.25 * second, rtol=1e-9)

    def test_of_several_of_which_one_is_fitted(self):
        X, y = table()
        lines = [
            ("a", LinearRegression()),
            ("b", FrozenEstimator(LinearRegression().fit(X, y[:, 0]))),
        ]
        result = out_of_fold(X, y, TeacherEnsemble(lines)).cross_fit_teacher_by_fold()
        assert result.by_fold is None
        assert np.isfinite(result.prediction).all()


class TestCrossFitTeacher:
    def test_learns_from_all_rows_of_other_folds(self, log):
        X, y = table()
        out_of_fold(X, y, Recorder()).cross_fit_teacher()
        assert len(log) == len(FOLDS)
        for (train, _), (rows, labels, weight) in zip(FOLDS, log, strict=True):
            np.testing.assert_array_equal(rows, train)
            np.testing.assert_array_equal(labels, y[train, 0])
            np.testing.assert_array_equal(weight, np.ones(len(train)))

    def test_predicts_in_raw_units(self, log):
        X, y = table()
        prediction = out_of_fold(X, y, Recorder()).cross_fit_teacher().prediction
        for train, test in FOLDS:
            np.testing.assert_array_equal(prediction[test, 0], np.mean(y[train, 0]))

    def test_of_trusted_rows_only(self, log):
        X, y = table()
        trust = np.random.default_rng(0).uniform(0, 1, y.shape)
        trust[:2] = [[0.5], [np.nextafter(0.5, 0)]]
        weight = np.arange(1.0, N + 1)
        out_of_fold(X, y, Recorder(), weight=weight).cross_fit_teacher(trust=trust)
        for (train, _), (rows, labels, weights) in zip(FOLDS, log, strict=True):
            expected = train[trust[train, 0] >= 0.5]
            np.testing.assert_array_equal(rows, expected)
            np.testing.assert_array_equal(labels, y[expected, 0])
            np.testing.assert_array_equal(weights, weight[expected])
        assert 0 in np.concatenate([rows for rows, *_ in log])
        assert 1 not in np.concatenate([rows for rows, *_ in log])

    @pytest.mark.parametrize("share", [0.1, 0.4])
    def test_few_trusted_rows_of_one_output_are_still_all_it_learns_from(self, log, share):
        X, y = table()
        trust = np.zeros(y.shape)
        trust[: round(share * N)] = 1
        out_of_fold(X, y, Recorder()).cross_fit_teacher(trust=trust)
        for (train, _), (rows, *_) in zip(FOLDS, log, strict=True):
            np.testing.assert_array_equal(rows, train[train < share * N])

    def test_a_row_is_trusted_if_all_its_labels_are(self, log):
        X, y = table(n_outputs=2)
        trust = np.ones(y.shape)
        trust[:10, 0] = 0
        trust[20:30, 1] = 0
        out_of_fold(X, y, Recorder()).cross_fit_teacher(trust=trust)
        kept = trust.all(axis=1)
        for (train, _), (rows, labels, _) in zip(FOLDS, log, strict=True):
            np.testing.assert_array_equal(rows, train[kept[train]])
            np.testing.assert_array_equal(labels, y[rows])

    def test_medians_stand_in_where_too_few_rows_are_trusted_throughout(self, log):
        X, y = table(n_outputs=2)
        trust = np.ones(y.shape)
        trust[::3, 0] = 0.4
        trust[1::3, 1] = 0
        before = y.copy()
        out_of_fold(X, y, Recorder()).cross_fit_teacher(trust=trust)
        expected = np.where(trust >= 0.5, y, np.median(y, axis=0))
        for (train, _), (rows, labels, _) in zip(FOLDS, log, strict=True):
            np.testing.assert_array_equal(rows, train)
            np.testing.assert_allclose(labels, expected[train], rtol=1e-12)
        np.testing.assert_array_equal(y, before)

    def test_distrusted_labels_do_not_count(self):
        X, y = table(n_outputs=2)
        # In another third of the rows each: nothing but medians is left of them.
        trust = np.ones(y.shape)
        trust[::3, 0] = trust[1::3, 1] = 0
        clean = out_of_fold(X, y, LinearRegression())
        wrong = np.where(trust == 1, y, y + 1e6)
        spoiled = out_of_fold(X, wrong, LinearRegression(), scaling=clean.data.scaling)
        np.testing.assert_array_equal(
            *(one.cross_fit_teacher(trust=trust).prediction for one in (spoiled, clean))
        )

    def test_given_predictions_are_taken_without_a_fit(self, log):
        X, y = table(n_outputs=2)
        prediction = np.random.default_rng(1).normal(500, 9, y.shape)
        models = out_of_fold(X, y, Recorder(), teacher_prediction=prediction)
        for trust in (None, np.zeros(y.shape)):
            result = models.cross_fit_teacher(trust=trust)
            np.testing.assert_array_equal(result.prediction, prediction)
            assert result.teacher is models.data.teacher
        assert not log
        # another model is fitted nevertheless
        models.cross_fit_teacher(Recorder())
        assert len(log) == len(FOLDS)


class TestAbsurdLabels:
    def test_models_of_our_own_get_bounded_labels_the_users_teacher_its_own(self, log):
        X, y = table()
        y[3] = 1e30
        models = out_of_fold(X, y, Recorder())
        models.cross_fit_teacher()
        assert max(labels.max() for _, labels, _ in log) == 1e30
        log.clear()
        models.cross_fit_teacher(Recorder())
        largest = max(labels.max() for _, labels, _ in log)
        assert largest == models.data.bounded_y[3, 0] < 1e6


class TestPredictBoosting:
    def test_the_squared_error_follows_what_the_absolute_one_does_not(self):
        X, y = table(120, 2)
        truth = y.copy()
        y[::5] += 4000
        models = out_of_fold(X, y, LinearRegression())
        truth = models.data.scaling.standardize(truth)
        absolute, squared = (
            models.predict_boosting(loss) for loss in ("absolute_error", "squared_error")
        )
        assert absolute.shape == squared.shape == y.shape
        assert np.median(np.abs(absolute - truth)) < 0.6
        assert np.median(np.abs(squared - truth)) > 3

    def test_random_state_decides(self):
        X, y = table()
        predictions = [
            out_of_fold(X, y, LinearRegression()).predict_boosting("squared_error")
            for _ in range(2)
        ]
        np.testing.assert_array_equal(*predictions)


def own_boosting(n, n_outputs=1, epochs=None, **size):
    """Models of the default teacher, or of one of another size."""
    X, y = table(n, n_outputs)
    teacher = default_teacher(n).set_params(**size)
    return out_of_fold(X, y, teacher, epochs, is_default_teacher=True)


class TestTheDefaultTeachersBoosting:
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_is_fitted_once_for_evidence_and_teacher(self, n_outputs, monkeypatch):
        models = own_boosting(200, n_outputs)
        fits = []
        fit = HistGradientBoostingRegressor.fit
        monkeypatch.setattr(
            HistGradientBoostingRegressor,
            "fit",
            lambda self, *args, **params: fits.append(self.loss) or fit(self, *args, **params),
        )
        evidence = models.predict_boosting("squared_error")
        n_fits = len(fits)
        unfitted, result = models.cross_fit_trusting()
        assert n_fits == len(fits) == n_outputs * len(models.data.folds)
        np.testing.assert_array_equal(evidence, models.data.scaling.standardize(result.prediction))
        inner = unfitted.estimator if n_outputs > 1 else unfitted
        assert inner.loss == "squared_error"
        # What stands for the teacher is what it would have predicted itself.
        alone = models.cross_fit_teacher_by_fold(unfitted)
        np.testing.assert_array_equal(result.prediction, alone.prediction)
        np.testing.assert_array_equal(result.by_fold, alone.by_fold)

    def test_a_larger_teacher_is_cross_fitted_for_trusted_labels_alone(self):
        models = own_boosting(200, max_iter=3)
        _, trusting = models.cross_fit_trusting()
        quick = models.predict_boosting("squared_error")
        assert np.abs(models.data.scaling.standardize(trusting.prediction) - quick).max() > 0.1
        doubting = models.data.scaling.standardize(models.cross_fit_doubting().prediction)
        np.testing.assert_array_equal(doubting, models.predict_boosting("absolute_error"))

    def test_a_teacher_of_the_users_is_what_is_cross_fitted(self):
        X, y = table()
        models = out_of_fold(X, y, LinearRegression())
        unfitted, trusting = models.cross_fit_trusting()
        assert unfitted is models.data.teacher
        expected = models.cross_fit_teacher().prediction
        np.testing.assert_array_equal(trusting.prediction, expected)
        np.testing.assert_array_equal(models.cross_fit_doubting().prediction, expected)


class TestWithParams:
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_is_a_copy_of_the_default_teacher(self, n_outputs):
        teacher = own_teacher(default_teacher(), n_outputs, np.random.RandomState(0))
        other = with_params(teacher, loss="squared_error")
        assert type(other) is type(teacher)
        inner = [
            t.estimator if isinstance(t, MultiOutputRegressor) else t for t in (teacher, other)
        ]
        assert [t.loss for t in inner] == ["absolute_error", "squared_error"]
        assert inner[0].random_state == inner[1].random_state


class TestPredictRefitted:
    def test_student_and_teacher_learn_from_trusted_labels(self):
        X, y = table(120)
        wrong = np.arange(120) % 4 == 0
        given = np.where(wrong[:, None], y + 4000, y)
        models = out_of_fold(X, given, LinearRegression(), epochs=40)
        truth = models.data.scaling.standardize(y)
        trusting = models.predict_refitted(np.ones(y.shape), "squared_error")
        warned = models.predict_refitted(np.where(wrong[:, None], 0.0, 1.0), "squared_error")
        assert [prediction.shape for prediction in warned] == [y.shape] * 2
        for before, after in zip(trusting, warned, strict=True):
            assert np.abs(after - truth).mean() < 0.4
            assert np.abs(before - truth).mean() > 3

    def test_only_the_librarys_own_teacher_changes_its_loss(self, monkeypatch):
        X, y = table()
        used = []

        def cross_fit_teacher(self, unfitted=None, trust=None):
            used.append(self.data.teacher if unfitted is None else unfitted)
            return CrossFitResult(self.data.y, None)

        monkeypatch.setattr(OutOfFoldModels, "cross_fit_teacher", cross_fit_teacher)
        trust = np.ones(y.shape)
        default = out_of_fold(X, y, None, is_default_teacher=True, epochs=1)
        default.predict_refitted(trust, "squared_error")
        default.predict_refitted(trust, "absolute_error")
        assert [t.loss for t in used] == ["squared_error", "absolute_error"]
        users = out_of_fold(X, y, HistGradientBoostingRegressor(loss="poisson"), epochs=1)
        users.predict_refitted(trust, "squared_error")
        assert used[2] is users.data.teacher

    @pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
    def test_the_student_has_that_loss(self, loss):
        X, y = table()
        models = out_of_fold(X, y, LinearRegression(), epochs=3)
        trust = np.ones(y.shape)
        expected = models.students.predict(models.data.label, trust, [loss])[0]
        np.testing.assert_array_equal(models.predict_refitted(trust, loss)[0], expected)

    def test_the_teacher_predicts_in_standard_units(self):
        X, y = table(n_outputs=2)
        models = out_of_fold(X, y, LinearRegression(), epochs=1)
        trust = np.ones(y.shape)
        teacher = models.predict_refitted(trust, "squared_error")[1]
        expected = models.data.scaling.standardize(models.cross_fit_teacher().prediction)
        np.testing.assert_array_equal(teacher, expected)


@pytest.fixture
def uneven():
    """Errors of two outputs; those of the first are ten times larger on one side."""
    X, y = table(300, 2)
    error = np.random.default_rng(1).normal(size=y.shape)
    error[:, 0] *= np.where(X[:, 1] > 0, 10, 1)
    return X, y, error


class TestErrorScale:
    @staticmethod
    def scale(X, y, error, output=0):
        models = out_of_fold(X, y, LinearRegression(), epochs=1)
        return models.error_scale(error[:, output], y[:, output])

    def test_is_larger_where_errors_are(self, uneven):
        X, y, error = uneven
        large, ratio = X[:, 1] > 0, []
        for output in (0, 1):
            scale = self.scale(X, y, error, output)
            assert scale.shape == (len(X),)
            assert (scale > 0).all()
            np.testing.assert_allclose(np.median(scale), 1, rtol=1e-3)
            ratio.append(np.median(scale[large]) / np.median(scale[~large]))
        # Seven tenths of a factor of ten, on a logarithmic scale, at most.
        assert 2.5 < ratio[0] < 10**0.7 * 1.2
        assert 0.7 < ratio[1] < 1.4

    def test_where_errors_grow_with_the_prediction(self):
        X, y = table(300)
        prediction = np.random.default_rng(0).uniform(1, 100, 300)
        error = prediction * np.random.default_rng(1).normal(size=300)
        models = out_of_fold(X, y, LinearRegression(), epochs=1)
        scale = models.error_scale(error, prediction)
        assert np.corrcoef(np.log(scale), np.log(prediction))[0, 1] > 0.7

    def test_does_not_depend_on_the_sign(self, uneven):
        X, y, error = uneven
        np.testing.assert_array_equal(self.scale(X, y, -error), self.scale(X, y, error))

    @pytest.mark.parametrize("error", [0.0, 1e300])
    def test_equal_errors_give_numbers(self, error):
        X, y = table()
        scale = self.scale(X, y, np.full(y.shape, error))
        assert np.isfinite(scale).all()
        assert (scale > 0).all()

    def test_a_perfectly_predicted_row_has_a_size_too(self, uneven):
        X, y, error = uneven
        error = error.copy()
        error[:30] = 0
        assert np.isfinite(self.scale(X, y, error)).all()


def test_without_students_there_is_no_evidence():
    X, y = table()
    models = out_of_fold(X, y, LinearRegression())
    with pytest.raises(AssertionError, match="without students"):
        models.predict_refitted(np.ones(y.shape), "squared_error")
