"""Files that cannot run code: what comes back, and what is refused."""

import json
import os
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io as skops_io
import torch
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor, load
from sklearn_regkd.export import SKOPS_TRUSTED, FileError
from sklearn_regkd.utils.files import pack, read_file, write_file
from tests.helpers import QUICK
from tests.persistence.fuzz import fuzz

GOLDEN = Path(__file__).parent / "golden"


class Small(nn.Module):
    def __init__(self, n_features, n_outputs, width=4):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.1)
        )
        self.last = nn.Linear(width, n_outputs)

    def forward(self, X):
        return self.last(self.layers(X))


@pytest.fixture(scope="module")
def table():
    X = np.random.default_rng(0).normal(size=(90, 3))
    return X, X[:, 0] + X[:, 1] ** 2


def there_and_back(estimator, folder, **params):
    estimator.save(folder / "file", **params)
    return load(folder / "file")


def assert_same(one, other, X):
    for dtype in (np.float32, np.float64):
        np.testing.assert_array_equal(one.predict(X.astype(dtype)), other.predict(X.astype(dtype)))
    assert other.predict(X.astype(np.float32)).dtype == one.predict(X.astype(np.float32)).dtype
    assert str(one.get_params()) == str(other.get_params())


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"embedding": None, "input_transform": "standard", "activation": "gelu"},
        {"hidden_layer_sizes": ()},
        {"early_stopping": True, "loss": "huber"},
        {"hidden_layer_sizes": [5, 4], "optimizer": "sgd", "lr": 0.001},
    ],
)
@pytest.mark.parametrize("y_kind", ["column", "vector", "two"])
def test_students_predict_bit_for_bit_what_they_did(table, tmp_path, params, y_kind):
    X, y = table
    y = {"column": y[:, None], "vector": y, "two": np.column_stack([y, 1e9 + y])}[y_kind]
    student = StudentRegressor(**{"hidden_layer_sizes": (8,), **QUICK, **params}).fit(X, y)
    again = there_and_back(student, tmp_path)
    assert_same(student, again, X)
    assert again.history_[:, "train_loss"] == student.history_[:, "train_loss"]
    for name in ("n_iter_", "n_outputs_", "weight_decay_", "n_parameters_", "n_features_in_"):
        assert getattr(again, name) == getattr(student, name)
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "file").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [
        TORRegressor(
            RandomForestRegressor(5), StudentRegressor((8,), **QUICK), predict_head="mean"
        ),
        DistilledRegressor(student=StudentRegressor((8,), **QUICK), outliers=3.0, random_state=0),
        DistilledRegressor(
            None, StudentRegressor((8,), **QUICK), alpha=0.3, outliers=None, route=2, heads=2
        ),
    ],
)
def test_distilled_estimators_keep_all_but_the_teacher(table, tmp_path, estimator):
    X, y = table
    estimator = clone(estimator).fit(X, y)
    again = there_and_back(estimator, tmp_path)
    np.testing.assert_array_equal(estimator.predict(X), again.predict(X))
    for name in ("teacher_prediction_", "inlier_probability_", "outlier_mask_"):
        np.testing.assert_array_equal(getattr(estimator, name), getattr(again, name))
    assert again.history_[:, "train_loss"] == estimator.history_[:, "train_loss"]
    assert repr(estimator.teacher_)[:20] in repr(again.teacher_)
    if isinstance(estimator, DistilledRegressor):
        assert again.decisions_ == estimator.decisions_
        np.testing.assert_array_equal(again.alpha_, estimator.alpha_)
    assert not hasattr(there_and_back(estimator, tmp_path, training_rows=False), "outlier_mask_")


@pytest.mark.slow
def test_the_default_student_is_a_small_file_without_the_training_rows(tmp_path):
    X = np.random.default_rng(0).normal(size=(3000, 8)).astype(np.float32)
    student = StudentRegressor(max_epochs=32, weight_decay=0.1)
    tor = TORRegressor(RandomForestRegressor(5), student).fit(X, X[:, 0])
    tor.save(tmp_path / "file", training_rows=False)
    assert (tmp_path / "file").stat().st_size < 100_000


def test_columns_of_two_values_stay_in_their_places(table, tmp_path):
    X, y = table
    X = np.column_stack([X[:, 0] > 0, X, np.full(len(X), 2.0)])
    student = StudentRegressor((8,), max_epochs=3, weight_decay=0.1, random_state=0).fit(X, y)
    student.save(tmp_path / "student.regkd")
    probes = np.concatenate([X, X + 0.25])
    prediction = load(tmp_path / "student.regkd").predict(probes)
    np.testing.assert_array_equal(prediction, student.predict(probes))


def test_frames_with_categories_and_missing_values(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "number": rng.normal(size=90),
            "colour": pd.Categorical(rng.choice(["red", "blue", "green"], 90)),
            "level": pd.Categorical(rng.integers(5, size=90)),
        }
    )
    X.loc[::9, ["number", "colour"]] = np.nan
    y = rng.normal(size=90)
    student = StudentRegressor((8,), missing_values="indicator", **QUICK).fit(X, y)
    again = there_and_back(student, tmp_path)
    np.testing.assert_array_equal(student.predict(X), again.predict(X))
    assert list(again.feature_names_in_) == list(X.columns)
    with pytest.raises(ValueError, match="feature names"):
        again.predict(X.rename(columns={"number": "other"}))
    new = X.assign(colour=pd.Categorical(["violet"] * 90))
    np.testing.assert_array_equal(student.predict(new), again.predict(new))


def test_categories_that_json_cannot_hold_are_named(tmp_path):
    days = pd.date_range("2026-01-01", periods=3)
    X = pd.DataFrame({"x": np.arange(30.0), "day": pd.Categorical(list(days) * 10)})
    student = StudentRegressor((4,), **QUICK).fit(X, X["x"])
    with pytest.raises(TypeError, match=r"the category .* is a .*make it text"):
        student.save(tmp_path / "file")


@pytest.mark.slow
@pytest.mark.parametrize("images", [False, True])
def test_own_modules_are_named_by_the_caller(table, tmp_path, images):
    X, y = table
    module, params = Small, {"width": 6}
    if images:
        X = np.random.default_rng(0).normal(size=(90, 1, 6, 6)).astype(np.float32)
        module, params = picture, None
    student = StudentRegressor(module=module, module_params=params, **QUICK).fit(X, y)
    student.save(tmp_path / "file")
    before = torch.random.get_rng_state()
    again = load(tmp_path / "file", module=module)
    assert torch.equal(before, torch.random.get_rng_state())
    assert_same(student, again, X)
    with pytest.raises(ValueError, match=r"load\(path, module=...\) needs"):
        load(tmp_path / "file")
    with pytest.raises(FileError, match="not the module that was given"):
        load(tmp_path / "file", module=Other if not images else partial(picture, width=7))
    distilled = DistilledRegressor(
        student=StudentRegressor(module=module, module_params=params, **QUICK), outliers=None,
        alpha=0.5, random_state=0,
    )  # fmt: skip
    if not images:
        distilled.fit(X, y).save(tmp_path / "file")
        assert_same(distilled, load(tmp_path / "file", module=module), X)


class Other(Small):
    def __init__(self, n_features, n_outputs, width):
        super().__init__(n_features, n_outputs, width + 1)


def picture(input_shape, n_outputs, width=3):
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.Flatten(), nn.Linear(16 * width, n_outputs))


def test_a_module_for_a_file_that_needs_none_is_refused(table, tmp_path):
    StudentRegressor((4,), **QUICK).fit(*table).save(tmp_path / "file")
    with pytest.raises(ValueError, match="leave `module` away"):
        load(tmp_path / "file", module=Small)


def test_what_is_not_in_the_file_cannot_be_fitted_with(table, tmp_path):
    X, y = table
    student = StudentRegressor((4,), **QUICK)
    tor = TORRegressor(RandomForestRegressor(5), student, random_state=0).fit(X, y)
    again = there_and_back(tor, tmp_path)
    assert "RandomForestRegressor(n_estimators=5)" in repr(again.teacher)
    with pytest.raises(TypeError, match="<not saved: RandomForest"):
        clone(again).fit(X, y)
    refitted = again.set_params(teacher=RandomForestRegressor(5)).fit(X, y)
    np.testing.assert_array_equal(refitted.predict(X).shape, y.shape)


def test_a_loaded_student_cannot_be_trained_on(table, tmp_path):
    again = there_and_back(StudentRegressor((4,), **QUICK).fit(*table), tmp_path)
    with pytest.raises(ValueError, match="loaded from a file"):
        again.partial_fit(*table)
    again.fit(*table).partial_fit(*table)


@pytest.mark.slow
def test_it_loads_where_the_modules_of_the_user_do_not_exist(table, tmp_path):
    """In another process, from another folder, with nothing of this file's importable."""
    X, y = table

    class Local(RandomForestRegressor):
        pass

    tor = TORRegressor(Local(5), StudentRegressor((8,), **QUICK), random_state=0).fit(X, y)
    tor.save(tmp_path / "file")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import numpy as np, sklearn_regkd as r; e = r.load('file'); "
        "np.save('said.npy', e.predict(np.load('X.npy')))"
    )
    root = str(Path(__file__).parents[2])
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    np.testing.assert_array_equal(np.load(tmp_path / "said.npy"), tor.predict(X))


@pytest.mark.parametrize("name", ["plain", "categories", "tor", "distilled"])
@pytest.mark.parametrize("version", sorted(path.name for path in GOLDEN.iterdir()))
def test_files_of_every_version_are_read(version, name):
    known = np.load(GOLDEN / version / f"{name}.npz")
    prediction = load(GOLDEN / version / f"{name}.regkd").predict(known["X"])
    # Another processor may round otherwise.
    np.testing.assert_allclose(prediction, known["said"], rtol=1e-5, atol=1e-6)


def test_a_later_version_is_refused_by_name(tmp_path):
    write_file(tmp_path / "file", "estimator", 99, {}, {})
    with pytest.raises(FileError, match=r"version 99 .* install a later one"):
        load(tmp_path / "file")


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "file"
    for content in (b"", b"x" * 1000, pickle.dumps(print), b'{"a": 1}', b"\xff" * 8 + b"{" * 99):
        path.write_bytes(content)
        with pytest.raises(FileError, match="is not a file that sklearn_regkd has written"):
            load(path)
    write_file(path, "something", 1, {}, {})
    with pytest.raises(FileError, match="holds a something, expected a estimator"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")


def test_a_name_in_a_file_is_never_imported(table, tmp_path):
    student = StudentRegressor((4,), **QUICK).fit(*table)
    student.save(tmp_path / "file")
    _, state, tensors = read_file(tmp_path / "file", "estimator", 1)
    for name in ("os.system", "Pipeline", "sklearn.pipeline.Pipeline", "builtins.eval"):
        hostile = json.loads(json.dumps(state).replace("StudentRegressor", name))
        (tmp_path / "file").write_bytes(pack("estimator", 1, hostile, tensors))
        with pytest.raises(FileError, match="no value of a parameter"):
            load(tmp_path / "file")


def test_a_forged_size_is_refused_before_memory_is_taken(table, tmp_path):
    student = StudentRegressor((4,), **QUICK).fit(*table)
    student.save(tmp_path / "file")
    _, state, tensors = read_file(tmp_path / "file", "estimator", 1)
    state["estimator"]["params"]["hidden_layer_sizes"] = {"tuple": [10**9, 10**9]}
    write_file(tmp_path / "file", "estimator", 1, state, tensors)
    with pytest.raises(FileError, match="layers have sizes"):
        load(tmp_path / "file")


@pytest.mark.slow
def test_damaged_and_forged_files():
    class Blind:
        on, seen = False, ()

    counts, _ = fuzz(200, 0, Blind())
    assert counts["accident", "refused"] > 50
    assert counts["forgery", "refused"] > 30
    assert counts["forgery", "the same"] > 0


def test_a_failed_write_leaves_the_old_file(table, tmp_path, monkeypatch):
    student = StudentRegressor((4,), **QUICK).fit(*table)
    student.save(tmp_path / "file")
    before = (tmp_path / "file").read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        student.save(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("alone", [True, False])
def test_skops_keeps_pipelines(table, alone):
    X, y = table
    student = StudentRegressor((8,), **QUICK)
    estimator = student if alone else TORRegressor(student=student, random_state=0)
    pipeline = make_pipeline(StandardScaler(), estimator).fit(X, y)
    data = skops_io.dumps(pipeline)
    assert set(skops_io.get_untrusted_types(data=data)) <= set(SKOPS_TRUSTED)
    again = skops_io.loads(data, trusted=SKOPS_TRUSTED)
    np.testing.assert_array_equal(again.predict(X), pipeline.predict(X))


def test_pickle_still_keeps_the_teacher(table):
    X, y = table
    student = StudentRegressor((8,), **QUICK)
    tor = TORRegressor(RandomForestRegressor(5), student, random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(tor))
    np.testing.assert_array_equal(again.teacher_.predict(X), tor.teacher_.predict(X))
    np.testing.assert_array_equal(again.predict(X), tor.predict(X))
