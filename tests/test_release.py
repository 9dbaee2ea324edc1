"""What a release says of itself, in each place that says it."""

import ast
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sklearn_regkd

ROOT = Path(__file__).parent.parent


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_version_and_date_are_the_same_everywhere():
    versions = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", read("CHANGELOG.md"), re.M
    )
    citation = read("CITATION.cff")
    cited = (
        re.search(r"^version: (.*)$", citation, re.M),
        re.search(r"^date-released: (.*)$", citation, re.M),
    )
    assert versions[0] == tuple(found.group(1) for found in cited)
    assert sklearn_regkd.__version__ in (versions[0][0], f"{versions[0][0]}.dev0")


def test_the_readme_names_each_extra():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    install = read("README.md").split("## Install")[1].split("\n## ")[0]
    for extra in project["optional-dependencies"]:
        assert f"`{extra}`" in install, extra


def test_the_readme_names_the_oldest_python():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert f"Python {project['requires-python'].removeprefix('>=')} or newer" in read("README.md")


def requirements(extra, project):
    """Return the names of the packages that an extra brings, also through other extras."""
    names = set()
    for requirement in project["optional-dependencies"][extra]:
        name, inner = re.match(r"([\w-]+)(?:\[([\w,]+)\])?", requirement).groups()
        names |= {name} | set(inner.split(",") if inner else ())
        if name == project["name"]:
            for one in inner.split(","):
                names |= requirements(one, project)
    return names


def test_the_extra_examples_brings_what_the_examples_import():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    brought = requirements("examples", project)
    brought |= {re.match(r"[\w-]+", one)[0] for one in project["dependencies"]}
    # Other names than their packages', and what dask[dataframe] brings.
    brought |= {"sklearn", "sklearn_regkd", "pyarrow", *sys.stdlib_module_names}
    optional = {"tabicl", "tabpfn"}  # large; their example says how to install them
    for path in sorted((ROOT / "examples").glob("[0-9]-*/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            packages = {name.partition(".")[0] for name in names}
            assert packages <= brought | optional, f"{path.name}: {packages - brought}"


def test_versions_of_all_packages_are_pinned():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    asked = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.match(r"[\w-]+", one)[0] for group in asked for one in group}
    names.remove(project["name"])
    assert names <= set(re.findall(r"^([\w-]+)==", read("constraints.txt"), re.M))


def test_the_lowest_python_is_the_same_everywhere():
    tables = tomllib.loads(read("pyproject.toml"))
    classifiers = "\n".join(tables["project"]["classifiers"])
    lowest = min(re.findall(r":: 3\.(\d+)$", classifiers, re.M), key=int)
    assert tables["project"]["requires-python"] == f">=3.{lowest}"
    assert tables["tool"]["mypy"]["python_version"] == f"3.{lowest}"
    assert tables["tool"]["ruff"]["target-version"] == f"py3{lowest}"


def test_the_release_check_tries_each_extra():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    promises = runpy.run_path(str(ROOT / "tools" / "check_release.py"))["PROMISES"]
    assert set(promises) == set(project["optional-dependencies"])


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git alone knows what is of the project")
def test_the_sdist_is_the_whole_project():
    tables = tomllib.loads(read("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    top = {path.partition("/")[0] for path in tracked if path and not path.startswith(".")}
    assert set(tables["sdist"]["include"]) == top - {"pyproject.toml"}  # which is always in it
