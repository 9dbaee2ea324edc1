"""What a new user sees first: the demo, and what the README says of it."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^(\D+?) +(-?\d\.\d{3}) \+- ", re.M)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Return what one seed of the demo prints, and the folder that it writes to."""
    folder = tmp_path_factory.mktemp("demo")
    script = ROOT / "examples" / "1-start" / "concrete.py"
    command = [sys.executable, script, "--seeds", "1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert "models: 100%" in done.stderr  # progress
    return done.stdout, folder


@pytest.mark.slow
def test_the_student_is_ahead_of_what_a_user_tries_first(demo):
    scores = {name: float(r2) for name, r2 in ROW.findall(demo[0])}
    ours, clean = scores.pop("DistilledRegressor"), scores.pop("student, right labels")
    assert len(scores) == 7
    assert max(scores.values()) + 0.02 < ours < clean


@pytest.mark.slow
def test_the_file_predicts_what_it_says(demo):
    onnxruntime = pytest.importorskip("onnxruntime")
    printed, folder = demo
    assert (folder / "demo.png").stat().st_size > 10_000
    session = onnxruntime.InferenceSession(folder / "demo.onnx")
    recipe = np.array([[540, 0, 0, 162, 2.5, 1040, 676, 28]], dtype=np.float32)
    lower, y, upper = session.run(["lower", "y", "upper"], {"X": recipe})
    assert 40 < lower.item() < y.item() < upper.item() < 110  # 80 MPa in the table
    labels = re.findall(r"^ +\d+ +([\d.]+) +([\d.]+) +[\d.]+ +([\d.]+)$", printed, re.M)
    given, suggested, true = np.array(labels, dtype=float).T
    assert len(given) == 5
    assert (abs(suggested - true) < abs(given - true)).all()


@pytest.mark.slow
def test_the_readme_shows_the_table_of_the_demo(demo):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("Strength of concrete, 30% of") :]
    shown = [name for name, _ in ROW.findall(table[: table.index("```")])]
    assert shown == [name for name, _ in ROW.findall(demo[0])]
