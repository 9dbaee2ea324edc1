"""Headers, compiled by the C compiler of this machine with every warning an error."""

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest

from sklearn_regkd.export import to_c
from sklearn_regkd.export.c_report import OPTIONS

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")

# Numbers that break programs.
LARGEST, LEAST = float(np.finfo(np.float32).max), 1e-45
EXTREMES = [0.0, -0.0, LEAST, -LEAST, 1e-38, LARGEST, -LARGEST, 1e30, -1e30, 1e6, 7.0, -1.0, 0.5]
NO_NUMBERS = [np.nan, np.inf, -np.inf]

SANITIZERS = "-fsanitize=address,undefined,float-cast-overflow"

CALLS = {
    "predict": """
void all_predict(const float *rows, float *out, long n) {
    long i;
    for (i = 0; i < n; i++) student_predict(rows + i * N, out + i * K);
}""",
    "in_domain": """
void all_in_domain(const float *rows, int *out, long n) {
    long i;
    for (i = 0; i < n; i++) out[i] = student_in_domain(rows + i * N);
}""",
    "interval": """
void all_interval(const float *rows, float *out, long n) {
    long i;
    for (i = 0; i < n; i++)
        student_interval(rows + i * N, out + i * K, out + (n + i) * K);
}""",
}


def compile_c(source, target, *options):
    """Compile a file with warnings as errors."""
    command = ["cc", *OPTIONS, *options, str(source), "-o", str(target), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def can_sanitize(folder):
    """Return whether the compiler has the sanitizers, which some systems lack."""
    (folder / "none.c").write_text("int main(void) { return 0; }\n")
    command = ["cc", SANITIZERS, str(folder / "none.c"), "-o", str(folder / "none")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Program:
    """The functions of a header, over all rows at once."""

    def __init__(self, header, folder):
        source, library = folder / "student.c", folder / "student.so"
        n, k = (int(re.search(rf"{name} (\d+)", header)[1]) for name in ("FEATURES", "OUTPUTS"))
        self.n_outputs = k
        text = [header, f"#define N {n}", f"#define K {k}"]
        for name, call in CALLS.items():
            if f"student_{name}(" in header:
                declaration = call.split("{")[0].strip()
                text += [f"{declaration};", call]
        source.write_text("\n".join(text) + "\n")
        compile_c(source, library, "-shared", "-fPIC")
        self.library = ctypes.CDLL(str(library))

    def _call(self, name, rows, out):
        rows = np.ascontiguousarray(rows, np.float32)
        places = [one.ctypes.data_as(ctypes.c_void_p) for one in (rows, out)]
        getattr(self.library, f"all_{name}")(*places, ctypes.c_long(len(rows)))
        return out

    def predict(self, rows):
        """Return predictions (n_samples, n_outputs)."""
        return self._call("predict", rows, np.empty((len(rows), self.n_outputs), np.float32))

    def in_domain(self, rows):
        """Return booleans (n_samples,)."""
        return self._call("in_domain", rows, np.empty(len(rows), np.intc)).astype(bool)

    def interval(self, rows):
        """Return bounds (n_samples, n_outputs, 2)."""
        out = np.empty((2, len(rows), self.n_outputs), np.float32)
        return np.moveaxis(self._call("interval", rows, out), 0, -1)


def extreme_rows(n_features, usual, takes_missing=False):
    """Return rows that hold each odd number in each column, beside usual ones, and everywhere."""
    odd = [*EXTREMES, *([np.nan] if takes_missing else [])]
    rows = [np.full(n_features, value) for value in odd]
    for column in range(n_features):
        for value in odd:
            rows.append(np.where(np.arange(n_features) == column, value, usual))
    return np.array(rows, np.float32)


def assert_same(estimator, X, folder, rows=None, **options):
    """Assert that a compiled header predicts what `predict` does, X and odd rows alike."""
    program = Program(to_c(estimator, X=X, **options), folder)
    expected = np.asarray(estimator.predict(X), np.float64).reshape(len(X), -1)
    spread = np.ptp(expected, axis=0)
    assert (spread > 0).all()
    # Where a range is small beside the numbers, their last digit is all that there is.
    last = 2 * np.spacing(np.abs(expected).astype(np.float32))
    assert (np.abs(program.predict(X) - expected) <= np.maximum(1e-5 * spread, last)).all()
    if rows is not None:
        expected = np.asarray(estimator.predict(rows), np.float64).reshape(len(rows), -1)
        # Far away a prediction may be far larger than the range, and has no more digits.
        most = 1e-5 * spread + 1e-6 * np.abs(expected)
        assert (np.abs(program.predict(rows) - expected) <= most).all()
    return program
