"""A student as a C header: how exact it is, what it costs, and how small it can be.

    python examples/benchmarks/c_export.py --data folder --part exact --tables NAME ...

Without --part and --tables all are done. Tables are files (.npz) of a folder with X and y; 70 % of
at most 4,000 rows are learned. ``exact`` compiles the default student of each table and compares it
with `predict` and ONNX Runtime, on all rows and on a set of extreme ones. ``small`` looks for the
smallest student that keeps 98 % of the default one's R2. ``knots`` shortens the tables.
"""

import argparse
import pathlib
import subprocess
import tempfile

import numpy as np
import onnxruntime
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklearn_regkd import StudentRegressor
from sklearn_regkd.export import c_report, to_c, to_onnx
from sklearn_regkd.export.c_report import OPTIONS, compile_rows
from sklearn_regkd.utils.timing import microseconds

MOST_ROWS = 4000
KEPT = 0.98
SIZES = ((64, 64), (32, 32), (16, 16), (16,), (8,))
SMALLER = {"dtype": "int8", "knot_tolerance": 0.03, "sine": "table"}
EXTREMES = (0.0, 1e-45, -1e-45, 1e-38, 3.4028235e38, -3.4028235e38, 1e30, -1e30, 1e6, -1.0, 0.5)
SANITIZERS = ("-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")
READ_ROWS = """
int main(void)
{
    float row[STUDENT_N_FEATURES], out[STUDENT_N_OUTPUTS];
    int inside = 0;
    while (fread(row, sizeof row, 1, stdin)) {
        student_predict(row, out);
        inside += student_in_domain(row);
    }
    return inside < 0;
}
"""
TOLERANCES = (0, 0.003, 0.01, 0.03, 0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of .npz files")
    parser.add_argument("--part", choices=PARTS, help="one of the tables alone")
    parser.add_argument("--tables", nargs="*", help="names of files, without .npz")
    options = parser.parse_args()
    for part in [options.part] if options.part else PARTS:
        print_table(*PARTS[part], options.data, options.tables)


def print_table(columns, rows_of, folder, names):
    """Print lines about the files of a folder, or of those of some names."""
    columns = " | ".join(columns).split(" | ")
    print(f"\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)
    for path in sorted(folder.glob("*.npz")):
        table = read(path)
        if table is not None and (not names or path.stem in names):
            for row in rows_of(path.stem, *table):
                print(f"| {' | '.join(map(str, row))} |", flush=True)


def read(path):
    """Return rows and labels for training and for tests, and which columns hold categories."""
    table = np.load(path)
    name = next((one for one in ("y", "y_given") if one in table), None)
    X = table["X"]
    if name is None or X.ndim > 2 or table[name].ndim > 1:
        return None
    at = np.random.default_rng(0).permutation(len(X))[:MOST_ROWS]
    X, y = X[at].astype(np.float32), table[name][at].astype(float)
    categorical = np.flatnonzero(table["categorical"]) if "categorical" in table else []
    parts = train_test_split(X, y, test_size=0.3, random_state=0)
    return (*parts, [int(column) for column in categorical])


def fit(X, y, categorical, **params):
    """Return a student."""
    params = {"categorical_features": categorical or None, "random_state": 0, **params}
    return StudentRegressor(**params).fit(X, y)


def extreme_rows(X):
    """Return rows that hold an odd number in each column in turn, and in all of them."""
    rows = [np.full(X.shape[1], value) for value in EXTREMES]
    for column in range(X.shape[1]):
        for value in EXTREMES:
            rows.append(np.where(np.arange(X.shape[1]) == column, value, X[0]))
    return np.array(rows, np.float32)


def exact(name, X, X_test, y, y_test, categorical):
    """Return a line about the default student: how exact, how large, how quick."""
    student = fit(X, y, categorical)
    every = np.concatenate([X, X_test])
    report = c_report(to_c(student), student, every)
    table = c_report(to_c(student, sine="table"), student, every)
    small = c_report(to_c(student, dtype="int8", X=X), student, X_test, y_test)
    far = extreme_rows(X)
    odd = np.where(far == EXTREMES[-1], np.float32(np.nan), np.where(far == -1, np.inf, far))
    with tempfile.TemporaryDirectory() as folder:
        off = np.abs(compile_rows(to_c(student), folder)(far)[:, 0] - student.predict(far)).max()
    spread = np.ptp(student.predict(every))
    session = onnxruntime.InferenceSession(
        to_onnx(student).SerializeToString(), one_thread(), providers=["CPUExecutionProvider"]
    )
    one, feed, row = X[:1], {"X": X}, {"X": X[:1]}
    loss = r2_score(y_test, student.predict(X_test)) - small.label
    yield (
        name,
        X.shape[1],
        f"{report.error:.0e}",
        f"{off / spread:.0e}",
        f"{table.error:.0e}",
        f"{report.flash:,}",
        report.ram,
        f"{report.per_row:.1f}",
        f"{microseconds(session.run, None, row, n_calls=50):.0f}",
        f"{microseconds(session.run, None, feed) / len(X):.1f}",
        f"{microseconds(student.predict, one, n_calls=20):.0f}",
        f"{microseconds(student.predict, X) / len(X):.1f}",
        f"{small.flash:,}",
        f"{small.agreement:.5f}",
        f"{loss:+.4f}",
        f"{small.error:.1%}",
        sanitized(to_c(student, sine="table", in_domain=True), np.concatenate([every, far, odd])),
    )


def sanitized(header, rows):
    """Return whether a program runs over rows without anything that C does not define."""
    with tempfile.TemporaryDirectory() as name:
        source, program = pathlib.Path(name, "main.c"), pathlib.Path(name, "main")
        source.write_text(f"#include <stdio.h>\n{header}{READ_ROWS}")
        command = ["cc", *OPTIONS, *SANITIZERS, source, "-o", program, "-lm"]
        subprocess.run(command, check=True)
        done = subprocess.run([program], input=rows.tobytes(), stderr=subprocess.PIPE, check=False)
    return "passes" if (done.returncode, done.stderr) == (0, b"") else "fails"


def one_thread():
    """Return options of a session."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return options


def smallest(X, X_test, y, y_test, categorical):
    """Return the default student, its R2, and the smallest header that keeps most of it."""
    whole = fit(X, y, categorical)
    wanted = r2_score(y_test, whole.predict(X_test))
    best = None
    for sizes in SIZES:
        for embedding in ("periodic", None):
            decay = whole.weight_decay_
            student = fit(
                X, y, categorical, hidden_layer_sizes=sizes, embedding=embedding, weight_decay=decay
            )
            header = to_c(student, **SMALLER)
            report = c_report(header, student, X_test, y_test)
            if report.label >= KEPT * wanted and (best is None or report.flash < best[0].flash):
                best = report, student, header
    return whole, wanted, best


def small(name, *table):
    """Return a line about the smallest student."""
    whole, wanted, best = smallest(*table)
    report = c_report(to_c(whole), whole, table[1])
    costs = [f"{report.flash:,}", report.ram, f"{report.multiply_adds:,}"]
    found = ["none"] + 5 * [""]
    if best is not None:
        cost, student, _ = best
        found = [
            f"{student.hidden_layer_sizes}, {student.embedding}",
            f"{cost.flash:,}",
            cost.ram,
            f"{cost.multiply_adds:,}",
            f"{cost.waves}",
            f"{cost.label:.3f}",
        ]
    yield name, f"{wanted:.3f}", *costs, *found


def knots(name, X, X_test, y, y_test, categorical):
    """Return a line about tables with fewer knots."""
    student = fit(X, y, categorical)
    found = [name]
    for tolerance in TOLERANCES:
        report = c_report(to_c(student, knot_tolerance=tolerance), student, X_test)
        found += [f"{report.flash:,}", f"{report.agreement:.5f}", f"{report.error:.1%}"]
    yield found


PARTS = {
    "exact": (
        [
            "table",
            "features",
            "off, all rows",
            "off, extreme rows",
            "off, sine='table'",
            "flash",
            "RAM",
            "us C",
            "us ONNX 1",
            "us ONNX many",
            "us predict 1",
            "us predict many",
            "int8: flash",
            "R2 to predict",
            "lost R2",
            "off at most",
            "sanitizers",
        ],
        exact,
    ),
    "small": (
        [
            "table",
            "R2",
            "flash",
            "RAM",
            "products",
            "smallest with 98 %",
            "flash",
            "RAM",
            "products",
            "waves",
            "R2",
        ],
        small,
    ),
    "knots": (
        ["table", *(f"{t}: flash | R2 to predict | off at most" for t in TOLERANCES)],
        knots,
    ),
}

if __name__ == "__main__":
    main()
