"""Count the import arrows between the rooms of the package, and name those that run upward.

A room is a folder of the package, or a module at its top. Their order is the one that the
contract of import-linter in pyproject.toml states; where there is none, only circles are found.

    python tools/import_arrows.py [--package sklearn_regkd]
"""

import argparse
import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path


def imported_modules(path: Path, module: str, package: str) -> Iterator[str]:
    """Yield the modules of the package that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.startswith(f"{package}."))


def read_modules(package: str) -> dict[str, set[str]]:
    """Return what each module of the package imports of it."""
    files = {}
    for path in sorted(Path(package).rglob("*.py")):
        parts = path.with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {
        module: {name for name in imported_modules(path, module, package) if name in files}
        - {module}
        for module, path in files.items()
    }


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of names from each of which all others of the group are reached."""
    reached: dict[str, set[str]] = {}
    for start in arrows:
        seen, todo = set(), [start]
        while todo:
            for name in arrows.get(todo.pop(), set()) - seen:
                seen.add(name)
                todo.append(name)
        reached[start] = seen
    groups = {frozenset(b for b in reached[a] if a in reached.get(b, set())) for a in arrows}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def stated_order(package: str) -> list[set[str]]:
    """Return the layers of the contract, the upper ones first."""
    tables = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["tool"]
    for contract in tables.get("importlinter", {}).get("contracts", []):
        if contract["type"] == "layers":
            return [
                {name.strip().removeprefix(f"{package}.") for name in layer.split("|")}
                for layer in contract["layers"]
            ]
    return []


def main() -> int:
    """Print the counts; return 1 if an arrow runs upward or in a circle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", default="sklearn_regkd")
    package = parser.parse_args().package
    modules = read_modules(package)

    def room(module: str) -> str:
        return module.split(".")[1] if "." in module else module

    rooms: dict[str, set[str]] = {}
    for module, imports in modules.items():
        if module != package:
            own = rooms.setdefault(room(module), set())
            own |= {room(name) for name in imports} - {room(module)}
    n_arrows = sum(map(len, rooms.values()))
    place = {name: level for level, layer in enumerate(stated_order(package)) for name in layer}
    upward = [
        (above, below)
        for below, imports in rooms.items()
        for above in imports
        if place.get(above, 99) < place.get(below, -1)
    ]
    of_rooms, of_files = circles(rooms), circles(modules)
    print(f"rooms {len(rooms)}, arrows between them {n_arrows}")
    print(f"upward arrows {len(upward) if place else 'unknown (no contract)'}")
    for above, below in upward:
        print(f"  {below} imports {above}")
    print(f"circles of rooms {len(of_rooms)}, of files {len(of_files)}")
    for group in [*of_rooms, *of_files]:
        print(f"  {', '.join(group)}")
    return int(bool(upward or of_rooms or of_files))


if __name__ == "__main__":
    sys.exit(main())
