"""The page in a real browser, where there is one."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from sklearn_regkd.inspection import distillation_report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--v=0",
]


@pytest.fixture(scope="module")
def page(tor, spoiled, tmp_path_factory):
    X, y = spoiled
    path = tmp_path_factory.mktemp("page") / "report.html"
    held_out = np.random.default_rng(1).uniform(-1, 1, (40, 3))
    report = distillation_report(
        tor, held_out, held_out[:, 0], X_train=X, y_train=y, unit="unit_that_is_quite_long" * 3
    )
    report.to_html(path)
    return path


def look(path, script="", fragment="", flags=()):
    """Load a page to whose end a script was added; return the page afterwards, and the console."""
    text = path.read_text("utf-8").replace("</body>", f"<script>{script}</script></body>")
    copy = path.with_name("copy.html")
    copy.write_text(text, encoding="utf-8")
    profile = path.parent / f"profile{len(list(path.parent.iterdir()))}"
    command = [BROWSER, *QUIET, *flags, f"--user-data-dir={profile}", "--window-size=390,844"]
    done = subprocess.run(
        [*command, "--dump-dom", copy.as_uri() + fragment],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "regkd-report" in done.stdout, done.stderr
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, console


def column(html, key):
    """Return the values of one column of the suspicious labels, in the order of the page."""
    table = re.search(r'<table class="regkd-sortable".*?</table>', html, re.S)[0]
    keys = re.findall(r'data-key="(\w+)"', table)
    cells = re.findall(r'data-value="([^"]*)"', table)
    return [float(cell) for cell in cells[keys.index(key) :: len(keys)]]


def click(key):
    return f"""document.querySelector('th[data-key="{key}"] button').click();"""


def test_it_loads_without_a_word_on_the_console(page):
    html, console = look(page)
    assert console == []
    probability = column(html, "probability")
    assert probability == sorted(probability, reverse=True)


def test_the_console_would_be_heard(page):
    _, console = look(page, "console.error('heard'); fetch('file:///etc/hostname');")
    assert any("heard" in line for line in console)
    assert any("Content Security Policy" in line for line in console)


def test_a_click_on_a_header_sorts_and_another_one_turns_round(page):
    once, console = look(page, click("label"))
    labels = column(once, "label")
    assert labels == sorted(labels)
    assert 'data-key="label" aria-sort="ascending"' in once
    assert 'data-key="probability" aria-sort="none"' in once
    twice, more = look(page, click("label") * 2)
    assert column(twice, "label") == labels[::-1]
    assert sorted(column(twice, "row")) == sorted(column(once, "row"))
    assert console == more == []


def test_the_order_can_be_part_of_a_link(page):
    html, _ = look(page, fragment="#sort=difference-down")
    differences = column(html, "difference")
    assert differences == sorted(differences, reverse=True)


def measure_on_a_phone(page, widths):
    """Return what a script measures on the page, `root`, of 360 pixels."""
    # A browser without a screen does not make its window narrower than 500 pixels: a frame is.
    frame = page.with_name("frame.html")
    frame.write_text(
        f'<!doctype html><body class="regkd-report"><iframe id="phone" src="{page.name}" '
        'style="width: 360px; height: 800px; border: 0"></iframe></body>'
    )
    measure = f"""
    document.getElementById("phone").addEventListener("load", (event) => {{
      const root = event.target.contentDocument.documentElement;
      const scrolls = (box) => box.scrollWidth > box.clientWidth;
      document.body.dataset.widths = [{widths}].join();
    }});"""
    html, _ = look(frame, measure, flags=["--allow-file-access-from-files"])
    return re.search('data-widths="([^"]*)"', html)[1]


def test_on_a_phone_the_page_does_not_scroll_sideways(page):
    widths = 'root.scrollWidth, root.clientWidth, scrolls(root.querySelector(".regkd-long"))'
    assert measure_on_a_phone(page, widths) == "360,360,true"


def test_on_a_phone_the_small_tables_are_seen_whole(tor, spoiled, tmp_path):
    X, y = spoiled
    path = tmp_path / "small.html"
    distillation_report(tor, X, y, alone=tor.student_, unit="MPa").to_html(path)
    boxes = '...[...root.querySelectorAll(".regkd-wide:not(.regkd-long)")].map(scrolls)'
    assert measure_on_a_phone(path, boxes) == "false,false,false"
