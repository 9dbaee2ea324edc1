"""The page of the example, in a real browser."""

import importlib.util
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_regkd import DistilledRegressor, StudentRegressor
from tests.inspection.test_browser import BROWSER, QUIET

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

EXAMPLE = Path(__file__).parents[1] / "examples" / "2-practice" / "in_the_browser.py"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a model of two features, and the model."""
    spec = importlib.util.spec_from_file_location("in_the_browser", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"fly_ash": rng.uniform(0, 200, 200), "age": rng.uniform(1, 90, 200)})
    student = StudentRegressor((8,), max_epochs=20, weight_decay=1.0)
    model = DistilledRegressor(student=student, random_state=0)
    model.fit(X, 20 + X["fly_ash"] / 10 + 10 * np.log(X["age"]))
    folder = tmp_path_factory.mktemp("page")
    example.write_page(model, X, folder)
    return folder / "index.html", model


def type_in(page, **values):
    """Return the page after numbers were typed in, and what stood on the console."""
    typed = "".join(
        f"""{{ const one = document.querySelector('input[name="{name}"]');
        one.value = "{value}"; one.dispatchEvent(new Event("input", {{ bubbles: true }})); }}"""
        for name, value in values.items()
    )
    text = page.read_text("utf-8").replace(
        "</body>", f'<script type="module">{typed}</script></body>'
    )
    copy = page.with_name("copy.html")
    copy.write_text(text, encoding="utf-8")
    profile = page.parent / f"profile{len(list(page.parent.iterdir()))}"
    command = [BROWSER, *QUIET, f"--user-data-dir={profile}", "--window-size=390,844"]
    done = subprocess.run(
        [*command, "--dump-dom", copy.as_uri()], capture_output=True, text=True, timeout=120
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def text_of(html, name):
    return re.search(rf'id="{name}"[^>]*>(.*?)</', html, re.S)[1]


def test_shows_what_the_model_predicts(page):
    path, model = page
    html, console = type_in(path, fly_ash="50", age="28")
    row = pd.DataFrame({"fly_ash": [50.0], "age": [28.0]})
    low, high = model.predict_interval(row)[0]
    assert text_of(html, "strength") == f"{model.predict(row)[0]:.1f} MPa"
    assert f"between {low:.1f} and {high:.1f} MPa" in text_of(html, "interval")
    assert text_of(html, "warning") == ""
    assert "<circle" in html[: html.index("<script")]
    assert console == []


def test_says_what_it_does_not_know(page):
    path, _ = page
    html, _ = type_in(path, fly_ash="5000")
    assert "do not rely on it" in text_of(html, "warning")
    html, console = type_in(path, fly_ash="")
    assert text_of(html, "strength") == "-"
    assert "<circle" not in html[: html.index("<script")]
    assert console == []
