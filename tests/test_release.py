"""What a release says of itself, in each place that says it."""

import re
import tomllib
from pathlib import Path

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
