"""Print the lower bounds of pyproject.toml as requirements, for an environment of the oldest.

The bounds of the dependencies come first and those of the extras that are named follow, also
where an extra names another one of this package:

    python tools/lower_bounds.py test > oldest.txt
"""

import argparse
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

REQUIREMENT = re.compile(r"([\w.-]+)(?:\[([\w,-]+)\])?(?:>=([\w.]+))?")


def pins(requirements: list[str], project: dict) -> Iterator[str]:
    """Yield ``name==bound`` for each requirement; an extra of the package itself is unfolded."""
    for requirement in requirements:
        match = REQUIREMENT.fullmatch(requirement)
        if match is None:
            raise SystemExit(f"{requirement!r} has another form than name[extra,extra]>=bound.")
        name, extras, bound = match.groups()
        if name == project["name"]:
            for extra in extras.split(","):
                yield from pins(project["optional-dependencies"][extra], project)
        elif bound is None:
            raise SystemExit(f"{requirement!r} has no lower bound; write one behind >=.")
        else:
            yield f"{name}{f'[{extras}]' if extras else ''}=={bound}"


def lower_bounds(extras: list[str], path: Path = Path("pyproject.toml")) -> list[str]:
    """Return the pins of the dependencies and of the extras, each once."""
    project = tomllib.loads(path.read_text("utf-8"))["project"]
    named = [f"{project['name']}[{extra}]" for extra in extras]
    return list(dict.fromkeys(pins([*project["dependencies"], *named], project)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("extras", nargs="*", help="the extras whose bounds are wanted")
    print(*lower_bounds(parser.parse_args().extras), sep="\n")
