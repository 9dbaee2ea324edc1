"""Build wheel and sdist, look into them, and use the wheel in a fresh environment.

    python tools/check_release.py            # or: make release-check

Nothing of the checkout is imported: the programs at the end run in an empty folder, with the
versions of ``constraints.txt``.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
NEVER = {"__pycache__", "_build", "gallery", ".venv", "shared", "generated"}  # folders
IN_WHEEL = ("py.typed", "export/student.js", "estimators/distilled.py")
IN_SDIST = ("tests/test_docs.py", "docs/guide.md", "CITATION.cff", "LICENSE", "README.md")

# What a user does first, without an extra.
PLAIN = """
import numpy as np, sklearn_regkd
from sklearn.datasets import make_friedman1
from sklearn_regkd import DistilledRegressor, StudentRegressor, load
from sklearn_regkd.export import to_c, to_javascript
from sklearn_regkd.inspection import distillation_report
X, y = make_friedman1(300, random_state=0)
student = StudentRegressor((8,), max_epochs=20, weight_decay=1.0)
model = DistilledRegressor(student=student, random_state=0).fit(X, y)
model.save("model.safetensors")
assert np.array_equal(load("model.safetensors").predict(X), model.predict(X))
assert "predict" in to_c(model, "model.h") or open("model.h").read()
to_javascript(model, "model.mjs")
print(len(str(distillation_report(model, X, y))), sklearn_regkd.__version__)
"""
# What an extra is for.
EXTRAS = {
    "plots": """
import matplotlib; matplotlib.use("agg")
from sklearn_regkd import load
from sklearn_regkd.inspection import LabelNoiseDisplay
from sklearn.datasets import make_friedman1
X, y = make_friedman1(300, random_state=0)
LabelNoiseDisplay.from_estimator(load("model.safetensors"), X, y).figure_.savefig("noise.png")
""",
    "onnx": """
import numpy as np, onnxruntime
from sklearn_regkd import load
from sklearn_regkd.export import to_onnx
from sklearn.datasets import make_friedman1
X, y = make_friedman1(300, random_state=0)
model = load("model.safetensors")
to_onnx(model, "model.onnx")
(there,) = onnxruntime.InferenceSession("model.onnx").run(["y"], {"X": X.astype(np.float32)})
assert abs(there.ravel() - model.predict(X)).max() < 1e-4 * np.ptp(y)
""",
    "dask": """
from sklearn_regkd.out_of_core import resilient_client
import dask.dataframe, distributed
""",
}


def look_into(names, wanted, archive):
    """Raise SystemExit if an archive lacks a file or holds one that is nobody's business."""
    lacking = [name for name in wanted if not any(path.endswith(name) for path in names)]
    too_much = [path for path in names if NEVER.intersection(Path(path).parts)]
    if lacking or too_much:
        raise SystemExit(f"{archive.name} lacks {lacking} and must not hold {too_much[:5]}.")
    print(f"{archive.name}: {len(names)} files, {archive.stat().st_size / 1e3:,.0f} kB")


def run(*command, **kwargs):
    """Run a command, and stop where it fails."""
    subprocess.run([str(part) for part in command], check=True, **kwargs)


def main():
    """Check all of it."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        run(sys.executable, "-m", "build", "-o", folder, ROOT, stdout=subprocess.DEVNULL)
        (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
        run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)
        with zipfile.ZipFile(wheel) as archive:
            look_into(archive.namelist(), IN_WHEEL, wheel)
        with tarfile.open(sdist) as archive:
            look_into([m.name for m in archive.getmembers() if m.isfile()], IN_SDIST, sdist)

        venv.create(folder / "venv", with_pip=True)
        python, empty = folder / "venv" / "bin" / "python", folder / "empty"
        empty.mkdir()
        install = (python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt")
        run(*install, "torch")  # alone, in the build that the index has for this machine
        run(*install, wheel)
        run(python, "-W", "error", "-c", PLAIN, cwd=empty)
        for extra, program in EXTRAS.items():
            run(*install, f"{wheel}[{extra}]")
            run(python, "-c", program, cwd=empty)
            print(f"extra {extra}: works")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    print(f"{project['name']} can be released ({time.perf_counter() - start:.0f} s).")


if __name__ == "__main__":
    main()
