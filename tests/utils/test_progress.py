"""What a long fit says about itself while it runs."""

import io
import re
import sys

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.out_of_core import distill_blocks
from sklearn_regkd.utils import progress
from sklearn_regkd.utils.progress import report_stage, show_progress

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (120, 2))
y = X[:, 0] + X[:, 1]


def small(**params):
    return StudentRegressor((8,), max_epochs=3, random_state=0, **params)


@pytest.fixture
def each_stage(monkeypatch):
    """Let a log have each stage, however fast one follows the other."""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)


def stages(captured):
    """Return what a log says of the stages, without names and seconds."""
    lines = captured.err.splitlines()
    return [line.split(" s: ")[1] for line in lines if " s: " in line]


class TestFits:
    def test_distilled_tells_of_students_trees_teacher_and_trials(self, each_stage, capsys):
        DistilledRegressor(Ridge(), small(), cv=3, random_state=0, verbose=1).fit(X, y)
        told = stages(capsys.readouterr())
        assert "cross-fitted students, 6 networks" in told
        assert [one for one in told if one.startswith("Ridge")] == [
            *(f"Ridge, on fold {fold} of 3" for fold in (1, 2, 3)),
            "Ridge, on all rows with repaired labels",
        ]
        assert "BoostedTrees, on fold 3 of 3" in told
        assert told[0].startswith("trial of the weight decay")
        assert told[-1].startswith("trial of the weight decay")

    def test_seconds_never_go_back(self, each_stage, capsys):
        DistilledRegressor(Ridge(), small(), cv=3, random_state=0, verbose=1).fit(X, y)
        lines = capsys.readouterr().err.splitlines()
        seconds = [float(re.search(r"^DistilledRegressor, ([\d.]+) s:", line)[1]) for line in lines]
        assert len(seconds) > 8
        assert seconds == sorted(seconds)

    def test_tor(self, each_stage, capsys):
        TORRegressor(Ridge(), small(), cv=3, random_state=0, verbose=1).fit(X, y)
        assert "Ridge, on fold 2 of 3" in stages(capsys.readouterr())

    def test_a_student_alone(self, each_stage, capsys):
        small(verbose=1).fit(X, y)
        assert stages(capsys.readouterr())[0].startswith("trial of the weight decay")

    def test_one_bar_is_enough(self, capsys):
        callback = pytest.importorskip("sklearn.callback")
        pytest.importorskip("rich")  # which draws that bar
        small(weight_decay=1.0, verbose=1).fit(X, y)
        assert "3/3" in capsys.readouterr().err
        student = small(weight_decay=1.0, verbose=1).set_callbacks(callback.ProgressBar())
        student.fit(X, y)
        assert "3/3" not in capsys.readouterr().err

    def test_blocks(self, each_stage, capsys, tmp_path):
        model = DistilledRegressor(Ridge(), small(), cv=3, random_state=0, verbose=1)
        distill_blocks(model, [(X[:60], y[:60]), (X[60:], y[60:])], folder=tmp_path)
        told = stages(capsys.readouterr())
        assert told[0] == "reading all blocks once"
        assert told[-1] == "teacher's predictions, block 2 of 2"
        assert "Ridge, on fold 1 of 3" in told

    @pytest.mark.parametrize("model", [small(), DistilledRegressor(Ridge(), small(), cv=3)])
    def test_nothing_is_said_unasked(self, model, each_stage, capsys):
        model.fit(X, y)
        captured = capsys.readouterr()
        assert captured.out == captured.err == ""

    def test_predictions_do_not_depend_on_it(self):
        models = [
            DistilledRegressor(Ridge(), small(), cv=3, random_state=0, verbose=verbose).fit(X, y)
            for verbose in (0, 1)
        ]
        np.testing.assert_array_equal(*(model.predict(X) for model in models))


class TestShowProgress:
    def test_a_log_gets_one_line_a_second(self, monkeypatch, capsys):
        now = iter([0.0, 0.5, 0.9, 1.6, 1.7])
        monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
        with show_progress(Ridge(), 1):
            for stage in "abc":
                report_stage(stage)
        assert capsys.readouterr().err == "Ridge, 0.5 s: a\nRidge, 1.6 s: c\n"

    def test_a_terminal_shows_the_newest_line_and_is_left_clean(self, monkeypatch):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        monkeypatch.setattr(sys, "stderr", Terminal())
        with show_progress(Ridge(), 1):
            report_stage("a")
            report_stage("b")
        written = sys.stderr.getvalue().split("\r\033[K")
        assert [one.split(" s: ")[-1] for one in written] == ["", "a", "b", ""]

    def test_the_outer_fit_goes_on_telling(self, each_stage, capsys):
        with show_progress(Ridge(), 1):
            with show_progress(small(), 1):
                report_stage("inside")
            report_stage("after")
        lines = capsys.readouterr().err.splitlines()
        assert [line.split(",")[0] for line in lines] == ["Ridge", "Ridge"]

    def test_nothing_is_shown_after_an_error(self, each_stage, capsys):
        with pytest.raises(ValueError, match="wrong"), show_progress(Ridge(), 1):
            raise ValueError("wrong")
        report_stage("later")
        assert capsys.readouterr().err == ""
