"""What a method may ask of a fitted teacher: predictions in standard units, and hints."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor

from sklearn_regkd.supervision.strategy import TeacherInterface
from sklearn_regkd.teachers.interface import FittedTeacher
from tests.helpers import fit_data, hints_of, tanh_network

NAMES = ["a", "b", "c"]
FRAMES = {
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
}
MORE = np.random.default_rng(1).uniform(-1, 1, (7, 3))


class Recorder(RegressorMixin, BaseEstimator):
    """A fitted teacher that writes down for which rows it predicts."""

    def __init__(self, n_outputs=1):
        self.n_outputs = n_outputs

    def fit(self, X, y):
        return self

    def predict(self, X):
        self.rows_ = X
        first = np.asarray(X)[:, 0]
        return first if self.n_outputs == 1 else np.column_stack([first, -first])


def test_is_what_methods_are_promised(table):
    teacher = FittedTeacher(LinearRegression(), fit_data(*table))
    for name in ("predict", "hint_features"):
        assert callable(getattr(teacher, name))
        assert hasattr(TeacherInterface, name)


class TestPredict:
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_in_standard_units_with_a_column_for_each_output(self, two_outputs, n_outputs):
        X, y = two_outputs
        data = fit_data(X, y[:, :n_outputs])
        model = LinearRegression().fit(X, y[:, 0] if n_outputs == 1 else y)
        prediction = FittedTeacher(model, data).predict(MORE)
        assert prediction.shape == (7, n_outputs)
        expected = model.predict(MORE).reshape(7, n_outputs)
        np.testing.assert_array_equal(prediction, data.scaling.standardize(expected))

    def test_arrays_stay_arrays(self, table):
        X, y = table
        model = Recorder()
        FittedTeacher(model, fit_data(X, y)).predict(MORE)
        assert type(model.rows_) is np.ndarray
        np.testing.assert_array_equal(model.rows_, MORE)

    @pytest.mark.parametrize("kind", FRAMES)
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_a_teacher_of_frames_gets_a_frame_of_the_same_kind_and_names(
        self, two_outputs, kind, n_outputs
    ):
        X, y = two_outputs
        frame = FRAMES[kind](X)
        data = fit_data(X, y[:, :n_outputs], teacher_X=frame)
        model = Recorder(n_outputs)
        prediction = FittedTeacher(model, data).predict(MORE)
        assert type(model.rows_) is type(frame)
        assert list(model.rows_.columns) == NAMES
        np.testing.assert_array_equal(np.asarray(model.rows_), MORE)
        np.testing.assert_allclose(data.scaling.restore(prediction)[:, 0], MORE[:, 0], rtol=1e-9)

    @pytest.mark.parametrize("kind", FRAMES)
    def test_a_pipeline_that_knows_columns_by_name(self, table, kind):
        X, y = table
        frame = FRAMES[kind](X)
        columns = make_column_transformer((StandardScaler(), ["c", "a"]))
        pipeline = make_pipeline(columns, LinearRegression()).fit(frame, y)
        for model in (pipeline, FrozenEstimator(pipeline)):
            data = fit_data(X, y, teacher_X=frame)
            prediction = FittedTeacher(model, data).predict(MORE)
            expected = pipeline.predict(FRAMES[kind](MORE))[:, None]
            np.testing.assert_array_equal(prediction, data.scaling.standardize(expected))

    @pytest.mark.parametrize("kind", [*FRAMES, "array"])
    def test_networks_get_numbers_in_single_precision(self, table, kind):
        X, y = table
        frame = FRAMES.get(kind, np.asarray)(X)
        net = NeuralNetRegressor(
            torch.nn.Linear(3, 1), max_epochs=1, train_split=None, verbose=0
        ).fit(X.astype(np.float32), y[:, None].astype(np.float32))
        for model in (net, net.module_.eval()):
            data = fit_data(X, y, teacher_X=frame)
            prediction = FittedTeacher(model, data).predict(MORE)
            expected = net.predict(MORE.astype(np.float32)).astype(np.float64)
            np.testing.assert_allclose(
                data.scaling.restore(prediction), expected, rtol=1e-5, atol=1e-5
            )

    def test_what_is_no_number_is_refused(self, table):
        class Broken(Recorder):
            def predict(self, X):
                return np.full(len(X), np.nan)

        with pytest.raises(ValueError, match="teacher Broken is NaN or infinite in 7 of 7 rows"):
            FittedTeacher(Broken(), fit_data(*table)).predict(MORE)


@pytest.mark.parametrize("kind", FRAMES)
def test_unlabeled_rows_are_predicted_as_the_user_gave_them(table, kind):
    X, y = table
    frame, more = FRAMES[kind](X), FRAMES[kind](MORE)
    data = fit_data(X, y, teacher_X=frame, X_unlabeled=MORE, teacher_X_unlabeled=more)
    model = Recorder()
    prediction = FittedTeacher(model, data).predict_unlabeled()
    assert type(model.rows_) is type(more)
    np.testing.assert_array_equal(prediction, data.scaling.standardize(MORE[:, :1]))


def test_hints_are_those_of_the_training_rows(friedman):
    X, y = friedman
    X = X.astype(np.float32)
    network = tanh_network().eval()
    data = fit_data(X, y, teacher_X=X)
    hints = FittedTeacher(network, data).hint_features("1", 5)
    assert hints.shape == (len(X), 5)
    np.testing.assert_array_equal(hints, hints_of(network, X, "1", n_components=5))
