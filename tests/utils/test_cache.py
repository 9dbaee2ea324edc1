"""The cache of teachers and their predictions: hits, misses, and the same results."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
import warnings
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock, Timeout
from joblib import Memory, Parallel, delayed
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.datasets import make_friedman1
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetRegressor
from torch import nn

import sklearn_regkd
from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.utils import cache
from sklearn_regkd.utils.cache import open_memory

N_ROWS = 120
# Other Python processes import the same library.
LIBRARY = {**os.environ, "PYTHONPATH": str(Path(sklearn_regkd.__file__).parents[1])}


class Counting(RegressorMixin, BaseEstimator):
    """A ridge regression; each fit leaves a file, whatever process it happens in."""

    def __init__(self, log=None, alpha=1.0, seconds=0.0, extra=None):
        self.log = log
        self.alpha = alpha
        self.seconds = seconds
        self.extra = extra

    def fit(self, X, y, sample_weight=None):
        """Fit."""
        note(self.log, len(X))
        time.sleep(self.seconds)
        self.ridge_ = Ridge(self.alpha).fit(X, y, sample_weight)
        if self.extra == "lock":
            self.lock_ = threading.Lock()  # cannot be pickled
        return self

    def predict(self, X):
        """Predict."""
        note(self.log, "predict")
        return self.ridge_.predict(X)


class CountingBoosting(GradientBoostingRegressor):
    """The same of a teacher that has a route."""

    def __init__(self, log=None, n_estimators=8, random_state=None):
        super().__init__(n_estimators=n_estimators, random_state=random_state)
        self.log = log

    def fit(self, X, y, sample_weight=None):
        """Fit."""
        note(self.log, len(X))
        return super().fit(X, y, sample_weight)


class CountingNet(NeuralNetRegressor):
    """The same of a teacher of torch."""

    def __init__(self, module, log=None, **params):
        super().__init__(module, **params)
        self.log = log

    def fit(self, X, y, **params):
        """Fit."""
        note(self.log, len(X))
        return super().fit(X, y, **params)


def note(log, what):
    Path(log, uuid.uuid4().hex).write_text(str(what))


def sizes(log):
    """Return the number of rows of each fit so far."""
    notes = [path.read_text() for path in Path(log).iterdir()]
    return sorted(int(text) for text in notes if text != "predict")


@pytest.fixture
def table():
    return make_friedman1(N_ROWS, noise=0.3, random_state=0)


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "cache")


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").mkdir()
    return str(tmp_path / "log")


def student(width=8, **params):
    return StudentRegressor((width,), max_epochs=4, weight_decay=0.1, embedding=None, **params)


def tor(folder, teacher, **params):
    defaults = {"student": student(), "cv": 3, "random_state": 0, "memory": folder}
    return TORRegressor(teacher, **{**defaults, **params})


def distilled(folder, teacher, **params):
    defaults = {"student": student(), "cv": 3, "random_state": 0, "memory": folder}
    return DistilledRegressor(teacher, **{**defaults, **params})


def count(model, *data, log, **fit_params):
    """Fit, and return how often teachers were fitted for that."""
    before = len(sizes(log))
    model.fit(*data, **fit_params)
    return len(sizes(log)) - before


class TestHits:
    @pytest.mark.slow
    def test_second_time_nothing_is_fitted(self, table, folder, log):
        teacher = Counting(log)
        assert count(tor(folder, teacher), *table, log=log) == 4
        assert count(tor(folder, teacher), *table, log=log) == 0
        assert count(tor(folder, teacher, student=student(4)), *table, log=log) == 0
        own = Memory(folder, verbose=0)
        assert count(tor(own, teacher), *table, log=log) == 4
        assert count(tor(own, teacher), *table, log=log) == 0
        assert count(tor(None, teacher), *table, log=log) == 4

    def test_several_teachers(self, table, folder, log):
        model = tor(folder, [Counting(log), Ridge()])
        assert count(model, *table, log=log) == 4
        prediction = model.predict(table[0])
        assert count(model, *table, log=log) == 0
        assert np.array_equal(model.predict(table[0]), prediction)

    @pytest.mark.slow
    @pytest.mark.parametrize("outliers", ["auto", "mad"])
    def test_same_result_as_without(self, table, folder, log, outliers):
        X, y = table
        y = y.copy()
        y[:30] += 50
        fitted = []
        for memory, n_fits in ((None, None), (folder, None), (folder, 0)):
            model = distilled(memory, Counting(log), outliers=outliers)
            counted = count(model, X, y, log=log)
            assert counted == n_fits if n_fits is not None else counted > 3
            fitted.append(model)
        for model in fitted[1:]:
            assert np.array_equal(model.predict(X), fitted[0].predict(X))
            assert np.array_equal(model.teacher_.predict(X), fitted[0].teacher_.predict(X))
            assert np.array_equal(model.teacher_prediction_, fitted[0].teacher_prediction_)

    @pytest.mark.slow
    @pytest.mark.parametrize("out_of_fold", [False, True])
    def test_route(self, table, folder, log, out_of_fold):
        route = RouteSchedule(n_anchors=2, out_of_fold=out_of_fold)
        predictions = []
        for memory, n_fits in ((None, None), (folder, None), (folder, 0)):
            model = distilled(memory, CountingBoosting(log), outliers="mad", route=route)
            counted = count(model, *table, log=log)
            assert counted == (3 + 1 + 3 * out_of_fold if n_fits is None else 0)
            predictions.append(model.predict(table[0]))
        assert np.array_equal(predictions[1], predictions[0])
        assert np.array_equal(predictions[2], predictions[0])

    @pytest.mark.slow
    def test_skorch_teacher_whatever_the_student_draws(self, table, folder, log):
        X, y = table[0].astype(np.float32), table[1]
        net = CountingNet(
            nn.Linear, log=log, module__in_features=X.shape[1], module__out_features=1
        ).set_params(max_epochs=2, verbose=0, train_split=None)
        plain = distilled(None, net).fit(X, y).predict(X)
        model = distilled(folder, net)
        assert count(model, X, y, log=log) == 4
        assert np.array_equal(model.predict(X), plain)
        assert count(model, X, y, log=log) == 0
        assert np.array_equal(model.predict(X), plain)
        assert count(distilled(folder, net, student=student(4)), X, y, log=log) == 0

    def test_a_frozen_teacher_is_asked_once(self, table, folder, log):
        X, y = table
        teacher = FrozenEstimator(Counting(log).fit(X, y))
        before = len(list(Path(log).iterdir()))
        first, second = (tor(folder, teacher).fit(X, y) for _ in range(2))
        assert len(list(Path(log).iterdir())) == before + 1
        assert first.teacher_ is second.teacher_ is teacher
        assert np.array_equal(first.predict(X), second.predict(X))
        teacher.estimator.ridge_.coef_[0] += 1
        assert not np.array_equal(tor(folder, teacher).fit(X, y).predict(X), first.predict(X))

    def test_each_argument_is_hashed_once_a_fit(self, folder, monkeypatch):
        hashed = []
        original = cache.fingerprint_and_definitions
        monkeypatch.setattr(
            cache, "fingerprint_and_definitions", lambda v: hashed.append(id(v)) or original(v)
        )
        kept, X = open_memory(folder), np.arange(9.0)
        assert kept.call(np.sum, a=X) == 36
        assert kept.call(np.mean, a=X) == 4
        assert hashed.count(id(X)) == 1


class TestMisses:
    @pytest.mark.slow
    def test_whatever_changes(self, table, folder, log):
        X, y = table
        teacher, weight = Counting(log), np.ones(N_ROWS)
        count(tor(folder, teacher), X, y, log=log)
        other_row, other_label, other_weight = X.copy(), y.copy(), weight.copy()
        other_row[7, 0] += 1e-9
        other_label[7] += 1e-9
        other_weight[7] += 1e-9
        assert count(tor(folder, teacher), other_row, y, log=log) == 4
        assert count(tor(folder, teacher), X, other_label, log=log) == 4
        assert count(tor(folder, teacher), X, y, log=log, sample_weight=weight) == 4
        assert count(tor(folder, teacher), X, y, log=log, sample_weight=other_weight) == 4
        assert count(tor(folder, teacher), X, y, log=log, sample_weight=weight) == 0
        assert count(tor(folder, Counting(log, alpha=2.0)), X, y, log=log) == 4
        assert count(tor(folder, teacher, random_state=1), X, y, log=log) == 4  # other folds
        assert count(tor(folder, teacher, cv=2), X, y, log=log) == 3
        assert count(tor(folder, teacher), X, y, log=log) == 0

    def test_no_seed_no_sharing(self, table, folder, log):
        model = tor(folder, Counting(log), random_state=None)
        assert [count(clone(model), *table, log=log) for _ in range(2)] == [4, 4]

    def test_each_version_has_a_folder_of_its_own(self, table, folder, log, monkeypatch):
        assert count(tor(folder, Counting(log)), *table, log=log) == 4
        monkeypatch.setattr("sklearn_regkd.utils.cache.__version__", "99.0")
        assert count(tor(folder, Counting(log)), *table, log=log) == 4
        assert count(tor(folder, Counting(log)), *table, log=log) == 0
        assert {path.name for path in Path(folder).iterdir()} > {"sklearn_regkd-99.0"}

    def test_another_version_is_a_miss_for_a_memory_of_the_user_too(
        self, table, folder, log, monkeypatch
    ):
        own = Memory(folder, verbose=0)
        assert count(tor(own, Counting(log)), *table, log=log) == 4
        monkeypatch.setattr("sklearn_regkd.__version__", "99.0")
        assert count(tor(own, Counting(log)), *table, log=log) == 4

    @pytest.mark.parametrize("content", [lambda whole: whole[: len(whole) // 2], lambda _: b""])
    def test_a_damaged_file_is_computed_anew(self, table, folder, log, content):
        model = tor(folder, Counting(log)).fit(*table)
        prediction = model.predict(table[0])
        files = list(Path(folder).rglob("output.pkl"))
        assert files
        for file in files:
            file.write_bytes(content(file.read_bytes()))
        assert count(model, *table, log=log) == 4
        assert np.array_equal(model.predict(table[0]), prediction)
        assert count(model, *table, log=log) == 0

    @pytest.mark.parametrize("extra", [threading.Lock(), "lock"], ids=["unfitted", "fitted"])
    def test_what_cannot_be_pickled_is_fitted_as_without_memory(self, table, folder, log, extra):
        teacher = FrozenParams(log, extra=extra)
        plain = distilled(None, teacher, outliers="mad").fit(*table).predict(table[0])
        model = distilled(folder, teacher, outliers="mad")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            first = model.fit(*table).predict(table[0])
        assert [str(w.message)[:18] for w in caught].count("memory is not used") == 1
        assert "cannot be pickled" in str(caught[0].message)
        assert np.array_equal(first, plain)

    def test_something_else_is_refused(self, table, log):
        with pytest.raises(ValueError, match="The 'memory' parameter of TORRegressor must be"):
            tor(3, Counting(log)).fit(*table)


class FrozenParams(Counting):
    """A teacher whose clones share what cannot be copied."""

    def __sklearn_clone__(self):
        return type(self)(**self.get_params(deep=False))


CANDIDATES = {
    "student__lr": [0.003, 0.01, 0.02, 0.03],
    "student__hidden_layer_sizes": [(4,), (8,), (16,)],
}


@pytest.mark.slow
class TestProcesses:
    @pytest.mark.parametrize("n_jobs", [None, 2])
    @pytest.mark.parametrize("make", [tor, distilled])
    def test_a_grid_cross_fits_once_for_each_of_its_folds(self, table, folder, log, make, n_jobs):
        search = GridSearchCV(make(folder, Counting(log)), CANDIDATES, cv=3, n_jobs=n_jobs)
        search.fit(*table)
        assert len(search.cv_results_["params"]) == 12
        # 80 rows are learned from in each fold of the grid: three times a cross-fit on 3 folds
        # (53 or 54 rows) and a fit on all of them; then the best candidate on all 120 rows.
        learned = sizes(log)
        assert learned == [53] * 6 + [54] * 3 + [80] * (3 + 3) + [120]
        assert search.best_estimator_.teacher_.predict(table[0]).shape == (N_ROWS,)

    def test_a_teacher_of_a_script(self, tmp_path, folder, log):
        script = tmp_path / "script.py"
        script.write_text(SCRIPT)
        subprocess.run([sys.executable, script, folder, log], check=True, env=LIBRARY)
        assert len(sizes(log)) == 3 * (3 + 1)

    def test_the_other_waits_for_the_first(self, table, folder, log, tmp_path):
        model = tor(folder, Counting(log, seconds=0.1))
        predictions = Parallel(n_jobs=2)(
            delayed(fit_together)(model, *table, tmp_path) for _ in range(2)
        )
        assert len(sizes(log)) == 4
        plain = tor(None, Counting(log)).fit(*table).predict(table[0])
        for one in predictions:
            assert np.array_equal(one, plain)

    def test_same_scores_as_one_after_the_other(self, table, folder, log):
        grid = {"teacher_weight": [0.5, 2.0], "teacher__alpha": [1.0, 10.0]}
        first, second = (
            GridSearchCV(tor(where, Counting(log)), grid, cv=2, n_jobs=n_jobs, refit=False)
            .fit(*table)
            .cv_results_["mean_test_score"]
            for where, n_jobs in ((folder, 2), (None, 1))
        )
        np.testing.assert_array_equal(first, second)

    def test_a_killed_process_blocks_nobody(self, folder, tmp_path):
        mark, here = tmp_path / "mark", str(Path(__file__).parents[2])
        code = f"import {__name__} as t; t.open_memory({folder!r}).call("
        code += f"t.touch_and_wait, {{'seconds': 600}}, mark={str(mark)!r})"
        holder = subprocess.Popen([sys.executable, "-c", code], cwd=here, env=LIBRARY)
        try:
            while not mark.exists():
                assert holder.poll() is None
                time.sleep(0.05)
            (lock,) = Path(folder).rglob("*.lock")
            with pytest.raises(Timeout):
                FileLock(lock).acquire(timeout=0)
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
        mark.unlink()
        assert open_memory(folder).call(touch_and_wait, {"seconds": 0}, mark=str(mark)) == "done"
        assert mark.exists()
        mark.unlink()
        assert open_memory(folder).call(touch_and_wait, {"seconds": 0}, mark=str(mark)) == "done"
        assert not mark.exists()

    def test_without_memory_nothing_is_locked(self, table, log, monkeypatch):
        monkeypatch.setattr("sklearn_regkd.utils.cache.FileLock", None)
        monkeypatch.setattr("sklearn_regkd.utils.cache.fingerprint_and_definitions", None)
        assert count(tor(None, Counting(log)), *table, log=log) == 4


def touch_and_wait(mark, seconds):
    Path(mark).touch()
    time.sleep(seconds)
    return "done"


def fit_together(model, X, y, folder):
    """Fit as soon as two processes have come here."""
    (folder / f"ready-{uuid.uuid4().hex}").touch()
    while len(list(folder.glob("ready-*"))) < 2:
        time.sleep(0.01)
    return model.fit(X, y).predict(X)


SCRIPT = """
import sys
from pathlib import Path
from uuid import uuid4

from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_friedman1
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn_regkd import StudentRegressor, TORRegressor


def note(log, text):
    Path(log, uuid4().hex).write_text(text)


class Mine(RegressorMixin, BaseEstimator):
    def __init__(self, log=None, note=None):
        self.log = log
        self.note = note

    def fit(self, X, y):
        self.note(self.log, str(len(X)))
        self.ridge_ = Ridge().fit(X, y)
        return self

    def predict(self, X):
        return self.ridge_.predict(X)


folder, log = sys.argv[1:]
student = StudentRegressor((4,), max_epochs=2, weight_decay=0.1, embedding=None)
tor = TORRegressor(Mine(log, note), student, cv=3, random_state=0, memory=folder)
grid = {"student__lr": [0.01, 0.02]}
X, y = make_friedman1(120, random_state=0)
for n_jobs in (2, None):  # what the workers have kept is found by the script itself
    search = GridSearchCV(tor, grid, cv=2, n_jobs=n_jobs).fit(X, y)
assert type(search.best_estimator_.teacher_) is Mine
assert search.best_estimator_.teacher_.note is note


def find():
    return sorted({"Mine", "note"} & set(vars(sys.modules["__main__"])))


assert find() == ["Mine", "note"]
assert Parallel(n_jobs=2)(delayed(find)() for _ in range(4)) == [[]] * 4, "left in a worker"
"""
