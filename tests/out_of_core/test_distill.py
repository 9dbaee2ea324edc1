"""From blocks to a student."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from torch import nn

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.out_of_core import distill_blocks
from sklearn_regkd.out_of_core.supervise import BlockSupervisor
from sklearn_regkd.preprocessing.scaling import fit_target_scaling
from tests.helpers import in_blocks

N_FEATURES = 3


def target(X):
    return 50 + 10 * X[:, 0] + 5 * np.sin(3 * X[:, 1])


def table(n_rows, seed=0):
    X = np.random.default_rng(seed).uniform(-1, 1, (n_rows, N_FEATURES))
    return X, target(X)


def spoiled(n_rows):
    X, y = table(n_rows)
    y[::10] += 200
    y[5::10] -= 200
    return X, y


class Linear(nn.Module):
    """A network of the user's."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_features, n_outputs)

    def forward(self, X):
        return self.layer(X)


class Counting(RegressorMixin, BaseEstimator):
    """A teacher that counts its fits and predictions, by class attributes."""

    fits = predictions = 0
    fails_after = None

    def fit(self, X, y):
        type(self).fits += 1
        self.trees_ = HistGradientBoostingRegressor(max_iter=60, loss="absolute_error").fit(X, y)
        return self

    def predict(self, X):
        if type(self).fails_after == type(self).predictions:
            raise KeyboardInterrupt
        type(self).predictions += 1
        return self.trees_.predict(X)


@pytest.fixture(autouse=True)
def fresh_counts():
    Counting.fits = Counting.predictions = 0
    Counting.fails_after = None


@pytest.fixture
def model():
    student = StudentRegressor((16,), max_epochs=6, batch_size=64)
    return DistilledRegressor(Counting(), student, outliers="mad", alpha=0.5, cv=3, random_state=0)


def unseen():
    return table(1000, seed=9)


@pytest.mark.slow
class TestDistilled:
    def test_wrong_labels_of_all_blocks_are_found(self, model, tmp_path):
        X, y = spoiled(6000)
        params = {"folder": tmp_path, "sample_rows": 1000, "buffer_rows": 1500}
        distilled = distill_blocks(model, in_blocks(X, y, 500), **params)
        alone = distill_blocks(
            model.student.set_params(random_state=0), in_blocks(X, y, 500), **params
        )
        assert distilled.score(*unseen()) > 0.97
        assert alone.score(*unseen()) < 0.5
        assert distilled.n_iter_ == distilled.student_.n_iter_ == 6 * 4
        assert distilled.inlier_probability_.shape == (1000,)
        assert distilled.predict(X[:3]).shape == (3,)
        assert not hasattr(model, "student_")

    def test_by_evidence(self, model, tmp_path):
        X, y = spoiled(3000)
        model.set_params(outliers="auto", alpha="auto", heads=2, predict_head="mean")
        distilled = distill_blocks(model, in_blocks(X, y, 500), folder=tmp_path, sample_rows=800)
        assert distilled.decisions_[0].rule != "none"
        assert distilled.score(*unseen()) > 0.9

    def test_resumed_where_it_was_stopped(self, model, tmp_path):
        X, y = spoiled(4000)
        params = {"folder": tmp_path / "stopped", "sample_rows": 600}
        Counting.fails_after = 3 + 1 + 4  # folds, the sample itself, and half of the blocks
        with pytest.raises(KeyboardInterrupt):
            distill_blocks(model, in_blocks(X, y, 500), **params)
        fits, predictions = Counting.fits, Counting.predictions
        Counting.fails_after = None
        resumed = distill_blocks(model, in_blocks(X, y, 500), **params)
        assert (Counting.fits, Counting.predictions) == (fits, predictions + 4)
        whole = distill_blocks(
            model, in_blocks(X, y, 500), **{**params, "folder": tmp_path / "whole"}
        )
        assert np.array_equal(resumed.predict(X), whole.predict(X))

    def test_the_folder_of_other_data_is_no_shortcut(self, model, tmp_path):
        X, y = spoiled(2000)
        distill_blocks(model, in_blocks(X, y, 500), folder=tmp_path, sample_rows=400)
        fits = Counting.fits
        model.set_params(cv=4)
        distill_blocks(model, in_blocks(X, y, 500), folder=tmp_path, sample_rows=400)
        assert Counting.fits == fits + 4 + 1

    def test_frames_keep_their_names(self, model, tmp_path):
        dd = pytest.importorskip("dask.dataframe")
        X, y = spoiled(2000)
        frame = pd.DataFrame(X, columns=list("abc"))
        lazy = dd.from_pandas(frame.assign(price=y), npartitions=4)
        distilled = distill_blocks(model, lazy, "price", folder=tmp_path, sample_rows=400)
        assert list(distilled.feature_names_in_) == ["a", "b", "c"]
        assert distilled.predict(frame).shape == (2000,)
        assert distill_blocks(model, lazy, ["price"], folder=tmp_path).predict(frame).ndim == 2

    def test_supervised_as_a_fit_would(self, model):
        X, y = spoiled(900)
        model.set_params(teacher=Ridge()).fit(X, y)
        scaling = fit_target_scaling(y[:, None], np.ones(len(y)))
        supervisor = BlockSupervisor(model, y[:, None], scaling)
        prediction = scaling.standardize(model.teacher_prediction_[:, None])
        supervision = supervisor.supervise(y[:, None], prediction)
        assert np.array_equal(supervision.inlier[:, 0], ~model.outlier_mask_)
        label = scaling.standardize(y[:, None])
        expected = np.where(supervision.inlier, (label + prediction) / 2, prediction)
        np.testing.assert_allclose(supervision.label, expected)


@pytest.mark.slow
class TestStudent:
    @pytest.mark.parametrize("module", [None, Linear])
    def test_streams_as_fit_learns(self, tmp_path, module):
        X, y = table(4000)
        student = StudentRegressor((16,), max_epochs=6, batch_size=64, random_state=0)
        student.set_params(module=module)
        streamed = distill_blocks(student, in_blocks(X, y, 500), folder=tmp_path, buffer_rows=1000)
        fitted = clone(student).fit(X, y)
        assert streamed.score(*unseen()) > fitted.score(*unseen()) - 0.02
        again = distill_blocks(student, in_blocks(X, y, 500), folder=tmp_path, buffer_rows=1000)
        assert np.array_equal(streamed.predict(X), again.predict(X))

    def test_blocks_in_their_own_order_and_two_outputs(self, tmp_path):
        X, y = table(2000)
        Y = np.column_stack([y, -y])
        student = StudentRegressor((16,), max_epochs=4, random_state=0)
        streamed = distill_blocks(student, lambda: iter(in_blocks(X, Y, 500)), folder=tmp_path)
        assert streamed.predict(X).shape == (2000, 2)


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "error", "match"),
        [
            ({"random_state": None}, ValueError, "needs an integer random_state"),
            ({"route": 4}, ValueError, "route cannot be used block by block"),
            ({"student__early_stopping": True}, ValueError, "early_stopping cannot be used"),
        ],
    )
    def test_parameters(self, model, tmp_path, change, error, match):
        with pytest.raises(error, match=match):
            distill_blocks(model.set_params(**change), in_blocks(*table(100), 500), folder=tmp_path)

    def test_other_estimators_and_sizes(self, model, tmp_path):
        with pytest.raises(TypeError, match="a DistilledRegressor or a StudentRegressor"):
            distill_blocks(TORRegressor(), in_blocks(*table(100), 500), folder=tmp_path)
        with pytest.raises(ValueError, match="buffer_rows must be an integer > 1"):
            distill_blocks(model, in_blocks(*table(100), 500), folder=tmp_path, buffer_rows=0)


KILLED = """
import os, signal, sys
from sklearn_regkd.training import checkpoint
from tests.out_of_core import test_distill

checkpoint.LEAST_SECONDS, checkpoint.MOST_SHARE = 0.0, 1e9
write = checkpoint.CheckpointFile.write_if_due

def write_and_die(self, net, own=None):
    write(self, net, own)
    if own == [1, 1]:
        os.kill(os.getpid(), signal.SIGKILL)

checkpoint.CheckpointFile.write_if_due = write_and_die
test_distill.run(sys.argv[1])
"""


def run(folder):
    student = StudentRegressor((8,), max_epochs=3, batch_size=64, random_state=0)
    distilled = DistilledRegressor(Ridge(), student, outliers="mad", alpha=0.5, random_state=0)
    return distill_blocks(
        distilled, in_blocks(*spoiled(4000), 500), folder=folder, sample_rows=500, buffer_rows=900
    )


@pytest.mark.slow
def test_a_stream_that_sigkill_ended_goes_on_as_if_never_stopped(tmp_path):
    path = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed")]
    ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": path})
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "killed" / "training").exists()
    resumed, never_stopped = run(tmp_path / "killed"), run(tmp_path / "other")
    X, _ = table(300, seed=1)
    np.testing.assert_array_equal(resumed.predict(X), never_stopped.predict(X))
    losses = [one.history_[:, "train_loss"] for one in (resumed, never_stopped)]
    assert losses[0] == losses[1]
    assert not (tmp_path / "killed" / "training").exists()
