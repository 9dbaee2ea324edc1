"""The code in the README and the user guide runs as it stands."""

import fnmatch
import re
import runpy
import warnings
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # pages write files
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    namespace: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for block in blocks:
            exec(compile(block, page.name, "exec"), namespace)
    printed = capsys.readouterr().out
    assert printed.count("\n") >= sum(block.count("print(") for block in blocks)
    if page.name == "README.md":  # which promises more than to run
        scores = re.findall(r": (-?\d+\.\d\d)$", printed, re.M)
        alone, distilled = (float(score) for score in scores)
        assert 1 - distilled < 0.7 * (1 - alone)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_local_links_and_pictures_exist(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def listed(page, directive):
    """Return the entries of all directives of that name on a page of the site."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{{{directive}}}\n(.*?)^```", text, re.M | re.S)  # Markdown
    blocks += re.findall(rf"^\.\. {directive}::\n((?:\n| .*\n)*)", text, re.M)  # reStructuredText
    lines = (line.strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line and not line.startswith(":")]


def test_every_page_has_a_place_on_the_site():
    patterns = listed("guide.md", "toctree") + listed("index.md", "toctree")
    patterns = [re.sub(r".*<(.*)>", r"\1", pattern) for pattern in patterns]
    for page in (ROOT / "docs").glob("*.md"):
        found = any(fnmatch.fnmatch(page.stem, pattern) for pattern in patterns)
        assert found or page.stem == "index", page


def test_the_api_reference_names_what_exists():
    left_out = runpy.run_path(str(ROOT / "docs" / "conf.py"))["exclude_patterns"]
    pages = [
        p for p in sorted((ROOT / "docs" / "api").glob("*.rst")) if f"api/{p.name}" not in left_out
    ]
    names = [name for page in pages for name in listed(f"api/{page.name}", "autosummary")]
    assert {"DistilledRegressor", "losses.tor_loss", "export.to_onnx"} <= set(names)
    for name in names:
        module, _, last = f"sklearn_regkd.{name}".rpartition(".")
        assert hasattr(import_module(module), last), name
    assert set(import_module("sklearn_regkd").__all__) - {"__version__"} <= set(names)
