"""Teacher, peers and witnesses: who learns from which labels, and what is asked of them."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.multioutput import MultiOutputRegressor

from sklearn_regkd import StudentRegressor
from sklearn_regkd.label_noise.out_of_fold import OutOfFoldModels, with_loss
from sklearn_regkd.label_noise.student_folds import CrossFittedStudents
from sklearn_regkd.networks.inputs import TransformedRows, fit_input_transform
from sklearn_regkd.preprocessing.scaling import fit_target_scaling
from sklearn_regkd.supervision import validation_targets as rehearsal
from sklearn_regkd.teachers.ensemble import TeacherEnsemble
from sklearn_regkd.teachers.kinds import default_teacher, own_teacher, weight_params
from sklearn_regkd.utils.cache import open_memory
from tests.helpers import interleaved_folds

N = 60
N_FOLDS = 3


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


def council(X, y, teacher=None, prediction=None, is_default=False, epochs=None, weight=None):
    weight = np.ones(len(X)) if weight is None else weight
    scaling = fit_target_scaling(y, weight)
    peers = None
    if epochs is not None:
        student = StudentRegressor((8,), max_epochs=epochs, lr=0.02, weight_decay=0.1)
        inputs = np.ascontiguousarray(X[:, 1:])
        rows = TransformedRows(inputs, fit_input_transform(inputs, weight, "quantile"))
        label = scaling.standardize(y)
        peers = CrossFittedStudents(student, rows, label, weight, interleaved_folds(len(X)), 0)
    teacher = own_teacher(teacher, y.shape[1], np.random.RandomState(0))
    return OutOfFoldModels(
        teacher,
        X,
        X,
        y,
        weight,
        scaling,
        weight_params(teacher, weight),
        prediction,
        peers,
        interleaved_folds(len(X)),
        is_default,
        None,
        np.random.RandomState(0),
        open_memory(None),
    )


class TestAskTeacherByFold:
    @pytest.fixture(autouse=True)
    def few_rows_are_enough(self, monkeypatch):
        monkeypatch.setattr(rehearsal, "FEWEST_ROWS", N)

    def test_says_the_same_of_rows_that_were_left_out(self):
        X, y = table(n_outputs=2)
        asked = council(X, y, LinearRegression())
        said, by_fold = asked.predict_teacher_by_fold()
        np.testing.assert_array_equal(said, asked.ask_teacher())
        assert by_fold.shape == (N_FOLDS, N, 2)
        for (train, _), values in zip(interleaved_folds(), by_fold, strict=True):
            expected = LinearRegression().fit(X[train], y[train]).predict(X)
            np.testing.assert_allclose(values, asked.scaling.standardize(expected), atol=1e-9)

    def test_costs_no_fit(self, log):
        X, y = table()
        council(X, y, Recorder()).predict_teacher_by_fold()
        assert len(log) == N_FOLDS

    def test_nothing_to_rehearse(self, log):
        X, y = table()
        said, by_fold = council(X, y, prediction=y + 1).predict_teacher_by_fold()
        assert by_fold is None
        asked = council(X, y, Recorder())
        asked.folds = [(np.delete(np.arange(N), k), np.array([k])) for k in range(N)]
        said, by_fold = asked.predict_teacher_by_fold()
        assert by_fold is None  # parts of one row
        assert said.shape == y.shape

    def test_of_several_teachers(self):
        X, y = table()
        lines = [("a", LinearRegression()), ("b", LinearRegression(fit_intercept=False))]
        several = council(X, y, TeacherEnsemble(lines, weights=[3, 1]))
        single = [council(X, y, member) for _, member in lines]
        first, second = (one.predict_teacher_by_fold()[1] for one in single)
        by_fold = several.predict_teacher_by_fold()[1]
        np.testing.assert_allclose(by_fold, 0.75 * first + 0.25 * second, atol=1e-9)

    def test_of_several_of_which_one_is_fitted(self):
        X, y = table()
        lines = [
            ("a", LinearRegression()),
            ("b", FrozenEstimator(LinearRegression().fit(X, y[:, 0]))),
        ]
        said, by_fold = council(X, y, TeacherEnsemble(lines)).predict_teacher_by_fold()
        assert by_fold is None
        assert np.isfinite(said).all()


class TestAskTeacher:
    def test_learns_from_all_rows_of_other_folds(self, log):
        X, y = table()
        council(X, y, Recorder()).ask_teacher()
        assert len(log) == N_FOLDS
        for (train, _), (rows, labels, weight) in zip(interleaved_folds(), log, strict=True):
            np.testing.assert_array_equal(rows, train)
            np.testing.assert_array_equal(labels, y[train, 0])
            np.testing.assert_array_equal(weight, np.ones(len(train)))

    def test_says_it_in_standard_units(self, log):
        X, y = table()
        asked = council(X, y, Recorder())
        said = asked.ask_teacher()
        for train, test in interleaved_folds():
            expected = (y[train].mean() - asked.scaling.center) / asked.scaling.scale
            np.testing.assert_allclose(said[test, 0], expected[0], rtol=1e-9)

    def test_of_trusted_rows_only(self, log):
        X, y = table()
        trust = np.random.default_rng(0).uniform(0, 1, y.shape)
        trust[:2] = [[0.5], [np.nextafter(0.5, 0)]]
        weight = np.arange(1.0, N + 1)
        council(X, y, Recorder(), weight=weight).ask_teacher(trust=trust)
        for (train, _), (rows, labels, weights) in zip(interleaved_folds(), log, strict=True):
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
        council(X, y, Recorder()).ask_teacher(trust=trust)
        for (train, _), (rows, *_) in zip(interleaved_folds(), log, strict=True):
            np.testing.assert_array_equal(rows, train[train < share * N])

    def test_a_row_is_trusted_if_all_its_labels_are(self, log):
        X, y = table(n_outputs=2)
        trust = np.ones(y.shape)
        trust[:10, 0] = 0
        trust[20:30, 1] = 0
        council(X, y, Recorder()).ask_teacher(trust=trust)
        kept = trust.all(axis=1)
        for (train, _), (rows, labels, _) in zip(interleaved_folds(), log, strict=True):
            np.testing.assert_array_equal(rows, train[kept[train]])
            np.testing.assert_array_equal(labels, y[rows])

    def test_medians_stand_in_where_too_few_rows_are_trusted_throughout(self, log):
        X, y = table(n_outputs=2)
        trust = np.ones(y.shape)
        trust[::3, 0] = 0.4
        trust[1::3, 1] = 0
        before = y.copy()
        council(X, y, Recorder()).ask_teacher(trust=trust)
        expected = np.where(trust >= 0.5, y, np.median(y, axis=0))
        for (train, _), (rows, labels, _) in zip(interleaved_folds(), log, strict=True):
            np.testing.assert_array_equal(rows, train)
            np.testing.assert_allclose(labels, expected[train], rtol=1e-12)
        np.testing.assert_array_equal(y, before)

    def test_distrusted_labels_do_not_count(self):
        X, y = table(n_outputs=2)
        # In another third of the rows each: nothing but medians is left of them.
        trust = np.ones(y.shape)
        trust[::3, 0] = trust[1::3, 1] = 0
        wrong = np.where(trust == 1, y, y + 1e6)
        asked, clean = (council(X, labels, LinearRegression()) for labels in (wrong, y))
        asked.scaling = clean.scaling
        np.testing.assert_array_equal(
            asked.ask_teacher(trust=trust), clean.ask_teacher(None, trust)
        )

    def test_given_predictions_are_taken_without_a_fit(self, log):
        X, y = table(n_outputs=2)
        prediction = np.random.default_rng(1).normal(500, 9, y.shape)
        asked = council(X, y, Recorder(), prediction=prediction)
        for trust in (None, np.zeros(y.shape)):
            said = asked.ask_teacher(trust=trust)
            np.testing.assert_allclose(asked.scaling.restore(said), prediction, rtol=1e-12)
        assert not log
        # another model is asked nevertheless
        asked.ask_teacher(Recorder())
        assert len(log) == N_FOLDS


class TestAbsurdLabels:
    def test_are_bounded_to_a_thousand_standard_deviations(self):
        X, y = table(n_outputs=2)
        y[3, 0], y[4, 1] = 1e30, -1e30
        asked = council(X, y, LinearRegression())
        standard = asked.scaling.standardize(asked.bounded())
        assert standard[3, 0] == pytest.approx(1e3)
        assert standard[4, 1] == pytest.approx(-1e3)
        usual = np.setdiff1d(np.arange(N), [3, 4])
        np.testing.assert_allclose(asked.bounded()[usual], y[usual], rtol=1e-12)

    def test_witnesses_get_bounded_labels_the_users_teacher_its_own(self, log):
        X, y = table()
        y[3] = 1e30
        asked = council(X, y, Recorder())
        asked.ask_teacher()
        assert max(labels.max() for _, labels, _ in log) == 1e30
        log.clear()
        asked.ask_teacher(Recorder())
        assert max(labels.max() for _, labels, _ in log) == pytest.approx(asked.bounded()[3, 0])


class TestAskWitness:
    def test_the_squared_error_believes_what_the_absolute_one_does_not(self):
        X, y = table(120, 2)
        truth = y.copy()
        y[::5] += 4000
        asked = council(X, y, LinearRegression())
        truth = asked.scaling.standardize(truth)
        wary, credulous = (
            asked.predict_boosting(loss) for loss in ("absolute_error", "squared_error")
        )
        assert wary.shape == credulous.shape == y.shape
        assert np.median(np.abs(wary - truth)) < 0.6
        assert np.median(np.abs(credulous - truth)) > 3

    def test_random_state_decides(self):
        X, y = table()
        said = [
            council(X, y, LinearRegression()).predict_boosting("squared_error") for _ in range(2)
        ]
        np.testing.assert_array_equal(*said)


class TestWithLoss:
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_is_a_copy_of_the_default_teacher(self, n_outputs):
        teacher = own_teacher(default_teacher(), n_outputs, np.random.RandomState(0))
        other = with_loss(teacher, "squared_error")
        assert type(other) is type(teacher)
        inner = [
            t.estimator if isinstance(t, MultiOutputRegressor) else t for t in (teacher, other)
        ]
        assert [t.loss for t in inner] == ["absolute_error", "squared_error"]
        assert inner[0].random_state == inner[1].random_state


class TestAsk:
    def test_student_and_teacher_learn_from_trusted_labels(self):
        X, y = table(120)
        wrong = np.arange(120) % 4 == 0
        given = np.where(wrong[:, None], y + 4000, y)
        asked = council(X, given, LinearRegression(), epochs=40)
        truth = asked.scaling.standardize(y)
        deceived = asked.ask(np.ones(y.shape), "squared_error")
        told = asked.ask(np.where(wrong[:, None], 0.0, 1.0), "squared_error")
        assert [said.shape for said in told] == [y.shape] * 2
        for before, after in zip(deceived, told, strict=True):
            assert np.abs(after - truth).mean() < 0.4
            assert np.abs(before - truth).mean() > 3

    def test_only_the_librarys_own_teacher_changes_its_loss(self, monkeypatch):
        X, y = table()
        used = []

        def ask_teacher(self, teacher=None, trust=None):
            used.append(self.teacher if teacher is None else teacher)
            return self.label

        monkeypatch.setattr(OutOfFoldModels, "ask_teacher", ask_teacher)
        trust = np.ones(y.shape)
        default = council(X, y, None, is_default=True, epochs=1)
        default.ask(trust, "squared_error")
        default.ask(trust, "absolute_error")
        assert [t.loss for t in used] == ["squared_error", "absolute_error"]
        users = council(X, y, HistGradientBoostingRegressor(loss="poisson"), epochs=1)
        users.ask(trust, "squared_error")
        assert used[2] is users.teacher

    @pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
    def test_the_student_has_that_loss(self, loss):
        X, y = table()
        asked = council(X, y, LinearRegression(), epochs=3)
        expected = asked.peers.ask(asked.label, np.ones(y.shape), [loss])[0]
        np.testing.assert_array_equal(asked.ask(np.ones(y.shape), loss)[0], expected)


@pytest.fixture
def uneven():
    """Errors of two outputs; those of the first are ten times larger on one side."""
    X, y = table(300, 2)
    error = np.random.default_rng(1).normal(size=y.shape)
    error[:, 0] *= np.where(X[:, 1] > 0, 10, 1)
    return X, y, error


class TestSpread:
    def test_is_larger_where_errors_are(self, uneven):
        X, y, error = uneven
        spread = council(X, y, LinearRegression(), epochs=40).spread(error)
        assert spread.shape == error.shape
        assert (spread > 0).all()
        np.testing.assert_allclose(np.median(spread, axis=0), 1, rtol=1e-4)
        large = X[:, 1] > 0
        ratio = [np.median(spread[large, k]) / np.median(spread[~large, k]) for k in (0, 1)]
        # The square root of ten at most: half way to one scale for all rows.
        assert 1.7 < ratio[0] < np.sqrt(10) * 1.2
        assert 0.7 < ratio[1] < 1.4

    def test_does_not_depend_on_the_sign(self, uneven):
        X, y, error = uneven
        asked = council(X, y, LinearRegression(), epochs=5)
        np.testing.assert_array_equal(asked.spread(-error), asked.spread(error))

    @pytest.mark.parametrize("error", [0.0, 1e300])
    def test_equal_errors_give_numbers(self, error):
        X, y = table()
        asked = council(X, y, LinearRegression(), epochs=2)
        spread = asked.spread(np.full(y.shape, error))
        assert np.isfinite(spread).all()
        assert (spread > 0).all()

    def test_a_perfectly_predicted_row_has_a_size_too(self, uneven):
        X, y, error = uneven
        error = error.copy()
        error[:30] = 0
        spread = council(X, y, LinearRegression(), epochs=5).spread(error)
        assert np.isfinite(spread).all()


def test_without_peers_there_is_no_evidence():
    X, y = table()
    asked = council(X, y, LinearRegression())
    with pytest.raises(AssertionError, match="without peers"):
        asked.ask(np.ones(y.shape), "squared_error")
    with pytest.raises(AssertionError, match="without peers"):
        asked.spread(y)
