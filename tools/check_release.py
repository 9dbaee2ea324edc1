"""Build wheel and sdist, look into them, and use them in fresh environments.

    python tools/check_release.py            # or: make release-check
    python tools/check_release.py onnx test  # these extras alone

One environment has PyTorch and the wheel, with the versions of ``constraints.txt``. Each extra has
another one on top of it, so that none lives on what its neighbour has brought. Nothing of
the checkout is imported: programs run in empty folders, and tests, linters and the site in the
unpacked sdist.
"""

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAMS = Path(__file__).parent / "release_checks"
CONSTRAINTS = ("-c", str(ROOT / "constraints.txt"))
# Tracked, and of use in a checkout alone.
NOT_IN_SDIST = {".ci/run", ".pre-commit-config.yaml"}

# What an extra promises, as arguments of python: a program of the folder beside this file, which
# runs in an empty folder, or something in the unpacked sdist.
PROMISES: dict[str, list[str]] = {
    "plots": ["use_plots.py"],
    "onnx": ["use_onnx.py"],
    "dask": ["use_dask.py"],
    "all": ["use_plots.py", "use_onnx.py", "use_dask.py"],
    "examples": ["examples/3-papers/sinusoid.py --quick", "examples/1-start/mixed_table.py"],
    "test": [
        "-m pytest -qq --collect-only tests",  # each file finds what it reads
        "-m pytest -q -m not+slow tests/losses tests/persistence tests/export/test_javascript.py",
    ],
    "dev": ["-m ruff check .", "-m ruff format --check .", "-m mypy", "-m pre_commit --version"],
    "docs": ["-m sphinx -n -W -q -D plot_gallery=0 docs docs/_build"],
}
# The site shows the examples, and needs what they import.
TOGETHER = {"docs": "docs,examples"}


def run(*command, **kwargs):
    """Run a command, and stop where it fails."""
    done = subprocess.run(
        list(map(str, command)),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **kwargs,
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{' '.join(map(str, command))} failed.")
    return done.stdout


def tracked_files():
    """Return the files that git knows, relative to the checkout."""
    return set(run("git", "ls-files", cwd=ROOT).split("\n")[:-1])


def compare(archive, found, expected):
    """Raise SystemExit if an archive lacks a file or holds one that is nobody's business."""
    if found != expected:
        lacking, too_much = sorted(expected - found), sorted(found - expected)
        raise SystemExit(f"{archive.name} lacks {lacking} and must not hold {too_much}.")
    print(f"{archive.name}: {len(found)} files, {archive.stat().st_size / 1e3:,.0f} kB", flush=True)


def build(folder):
    """Build both archives, compare them with the checkout and return the wheel and the sdist."""
    run(sys.executable, "-m", "build", "-o", folder, ROOT)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)
    tracked = tracked_files()
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        compare(wheel, names, {name for name in tracked if name.startswith("sklearn_regkd/")})
    with tarfile.open(sdist) as archive:
        names = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
        compare(sdist, names, tracked - NOT_IN_SDIST | {"PKG-INFO"})
        archive.extractall(folder, filter="data")
    return wheel, folder / sdist.name.removesuffix(".tar.gz")


def environment(folder, *requirements, below=None):
    """Make an environment, on top of the packages of another one, and return its python."""
    venv.create(folder, with_pip=below is None)
    python = folder / "bin" / "python"
    if below is not None:
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        packages = [run(one, "-c", ask).strip() for one in (python, below)]
        (Path(packages[0]) / "below.pth").write_text(packages[1])
    for requirement in requirements:
        run(python, "-m", "pip", "install", "-q", *CONSTRAINTS, requirement)
    return python


def use(python, promise, folder, sdist):
    """Run what an extra promises."""
    first, *others = (part.replace("+", " ") for part in promise.split())
    here = PROGRAMS / first
    if here.exists():
        run(python, "-I", here, *others, cwd=folder)
    else:
        run(python, first, *others, cwd=sdist)


def main():
    """Check all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("extras", nargs="*", help="extras to try; all, where none is named")
    extras = parser.parse_args().extras or list(PROMISES)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        wheel, sdist = build(folder)
        # PyTorch first and alone, in the build that the index has for this machine.
        python = environment(folder / "plain", "torch", str(wheel))
        work = folder / "work"
        work.mkdir()
        print(run(python, "-I", "-W", "error", PROGRAMS / "use_plain.py", cwd=work), end="")
        readme = re.findall(
            r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S
        )
        run(python, "-I", "-W", "error", "-c", readme[0], cwd=work)
        print("the README's code: works", flush=True)
        for extra in extras:
            began = time.perf_counter()
            named = f"{wheel}[{TOGETHER.get(extra, extra)}]"
            its_own = environment(folder / extra, named, below=python)
            for promise in PROMISES[extra]:
                use(its_own, promise, work, sdist)
            print(f"extra {extra}: works ({time.perf_counter() - began:.0f} s)", flush=True)
    print(f"{wheel.name} can be released ({time.perf_counter() - start:.0f} s).")


if __name__ == "__main__":
    main()
