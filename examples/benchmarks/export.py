"""Whether an exported student predicts what `predict` does, on every table, and its cost.

    python examples/benchmarks/export.py --data folder

For each table (.npz with X and y) a default student is trained for a few epochs and exported in
single precision and in eight bits. The largest difference is given as a share of the largest
prediction.
"""

import argparse
import pathlib

import numpy as np
import onnxruntime

from sklearn_regkd import StudentRegressor
from sklearn_regkd.export import onnx_report, to_int8_onnx, to_onnx

MOST_ROWS = 4000
COLUMNS = "table, features, difference, bytes, us for a row, int8: bytes, us for a row, R2"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of .npz files")
    folder = parser.parse_args().data
    names = COLUMNS.split(", ")
    print(f"| {' | '.join(names)} |\n|{' --- |' * len(names)}")
    for path in sorted(folder.glob("*.npz")):
        table = np.load(path)
        y = table[next((name for name in ("y", "y_given", "y_true") if name in table), "X")]
        X = table["X"]
        if X.ndim == 2 and y.ndim == 1:
            print(row(path.stem, *sample(X.astype(np.float32), y.astype(float))), flush=True)


def sample(X, y):
    """Return some rows in random order."""
    rows = np.random.default_rng(0).permutation(len(X))[:MOST_ROWS]
    return X[rows], y[rows]


def row(name, X, y):
    """Return a line of the table."""
    student = StudentRegressor(max_epochs=5, weight_decay=0.03, random_state=0).fit(X, y)
    model = to_onnx(student)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    expected = student.predict(X)
    difference = np.abs(session.run(None, {"X": X})[0] - expected).max() / np.abs(expected).max()
    single = onnx_report(model, student, X)
    small = onnx_report(to_int8_onnx(student, X), student, X)
    return (
        f"| {name} | {X.shape[1]} | {difference:.1e} | {single.n_bytes:,} | {single.one_row:.0f} | "
        f"{small.n_bytes:,} | {small.one_row:.0f} | {small.agreement:.4f} |"
    )


if __name__ == "__main__":
    main()
