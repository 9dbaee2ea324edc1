"""Each example is one page: it needs no file beside it, and runs in a notebook as it stands.

``make docs`` and ``make notebooks`` run all of them to their end, which takes minutes.
"""

import argparse
import ast
import builtins
import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(FOLDER.glob("[0-9]-*/*.py"))
WARNING = "These numbers mean nothing."


def named(paths):
    """Return parameters of tests."""
    return [pytest.param(path, id=path.stem) for path in paths]


@pytest.mark.parametrize("path", named(EXAMPLES))
def test_needs_no_file_beside_it(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    siblings = {other.stem for other in path.parent.glob("*.py")}
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not siblings & {name.split(".")[0] for name in names}, ast.unparse(node)
    # A notebook has no __file__; a function may know one that is called by scripts alone.
    for statement in tree.body:
        if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            assert "__file__" not in ast.unparse(statement)


class Enough(Exception):
    """What was to be seen was seen."""


@pytest.fixture
def as_in_a_kernel(monkeypatch, tmp_path):
    """The command line of a Jupyter kernel, which is no example's own."""
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)


WITH_OPTIONS = [path for path in EXAMPLES if "argparse" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", named(WITH_OPTIONS))
def test_takes_no_options_of_a_kernel(path, as_in_a_kernel, monkeypatch):
    parse_args = argparse.ArgumentParser.parse_args

    def parse(self, args=None, namespace=None):
        parse_args(self, args, namespace)
        raise Enough

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    with pytest.raises(Enough):
        runpy.run_path(str(path), run_name="__main__")


QUICK = [path for path in WITH_OPTIONS if '"--quick"' in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", named(QUICK))
def test_a_quick_run_says_first_that_its_numbers_mean_nothing(path, as_in_a_kernel, monkeypatch):
    def first_print(*words, **options):
        assert " ".join(map(str, words)).startswith("--quick: ")
        assert WARNING in words[0]
        raise Enough

    monkeypatch.setattr(builtins, "print", first_print)
    with pytest.raises(Enough):
        runpy.run_path(str(path), run_name="__main__")


def test_some_examples_have_a_quick_run():
    assert {"digits", "gaze", "route", "sinusoid"} <= {path.stem for path in QUICK}
