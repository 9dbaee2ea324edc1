"""What a student in C costs, and how near it comes, by a compiler of this machine."""

import ctypes
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import r2_score

from sklearn_regkd.export.plan_steps import around
from sklearn_regkd.export.report import predicted_by_teacher
from sklearn_regkd.utils.timing import microseconds

OPTIONS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic")

# The macros that hold figures.
FIGURES = {
    "flash": "FLASH_BYTES",
    "ram": "RAM_BYTES",
    "multiply_adds": "MULTIPLY_ADDS",
    "waves": "WAVES",
    "exponentials": "EXPONENTIALS",
}

LIBRARY = """
void student_rows(const float *rows, float *out, long n);
void student_rows(const float *rows, float *out, long n)
{
    long i;
    for (i = 0; i < n; i++)
        PREFIX_predict(rows + i * UPPER_N_FEATURES, out + i * UPPER_N_OUTPUTS);
}
"""


@dataclass(frozen=True)
class CReport:
    """What a student in C costs, and how near it comes.

    Parameters
    ----------
    flash : int
        Bytes of constants, without the program.
    ram : int
        Bytes of buffers on the stack.
    multiply_adds : int
        For a row, at most.
    waves : int
        Sines and cosines for a row.
    exponentials : int
        Activations and exponentials for a row.
    per_row : float
        Microseconds per row on this machine, one row after the other.
    error : float
        Largest difference from `predict`, in parts of the range of the predictions.
    agreement : float
        R2 of the program's predictions, with those of the estimator as the truth.
    teacher : float or None
        R2 with the teacher's predictions as the truth, where there is a teacher.
    label : float or None
        R2 with labels as the truth, where they were given.
    """

    flash: int
    ram: int
    multiply_adds: int
    waves: int
    exponentials: int
    per_row: float
    error: float
    agreement: float
    teacher: float | None
    label: float | None

    def __str__(self) -> str:
        parts = [
            f"{self.flash:,} bytes of constants, {self.ram:,} of buffers",
            f"{self.multiply_adds:,} multiply-adds, {self.waves} sines and cosines, "
            f"{self.exponentials} activations and exponentials",
            f"{self.per_row:.2f} us a row",
            f"within {self.error:.1e} of the range, R2 {self.agreement:.5f} against predict",
        ]
        for name, value in (("the teacher", self.teacher), ("the labels", self.label)):
            if value is not None:
                parts.append(f"{value:.3f} against {name}")
        return "; ".join(parts)


def c_report(
    header: str | os.PathLike,
    estimator: BaseEstimator,
    X: Any,
    y: Any = None,
    *,
    compiler: str = "cc",
) -> CReport:
    """Compile a student in C, run it over rows, and say what it costs and how near it comes.

    Parameters
    ----------
    header : str or path-like
        What `to_c` returned, or a file that it wrote.
    estimator : StudentRegressor, TORRegressor or DistilledRegressor
        That it was made from, with what is around it.
    X : array-like of shape (n_samples, n_features)
        Rows as in `predict`, better not those of fit.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Their labels.
    compiler : str, default="cc"
        Name or path of a C compiler for this machine that takes the options of gcc.

    Returns
    -------
    CReport
        ``print`` it for one line.

    Raises
    ------
    FileNotFoundError
        If there is no such compiler.
    ValueError
        If it does not compile `header` without a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd import StudentRegressor
    >>> from sklearn_regkd.export import c_report, to_c
    >>> X = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    >>> student = StudentRegressor((8,), max_epochs=2, random_state=0).fit(X, X[:, 0])
    >>> print(c_report(to_c(student), student, X))  # doctest: +SKIP
    4,404 bytes of constants, 32 of buffers; 536 multiply-adds, 64 sines and cosines, ...
    """
    text = header if isinstance(header, str) and "\n" in header else Path(header).read_text()
    figures = {name: _figure(text, macro) for name, macro in FIGURES.items()}
    rows = around(estimator).take_rows(X)
    expected = np.asarray(estimator.predict(X), np.float64)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        run = compile_rows(text, folder, compiler)
        prediction = run(rows).astype(np.float64).reshape(expected.shape)
        per_row = microseconds(run, rows) / len(rows)
    spread = np.ptp(expected, axis=0)
    teacher_prediction = predicted_by_teacher(estimator, X)
    return CReport(
        **figures,
        per_row=per_row,
        error=float(np.max(np.abs(prediction - expected) / np.where(spread > 0, spread, 1.0))),
        agreement=float(r2_score(expected, prediction)),
        teacher=_r2(teacher_prediction, prediction),
        label=_r2(y, prediction),
    )


def _r2(truth: Any, prediction: np.ndarray) -> float | None:
    """Return R2 with numbers of any shape as the truth, None where there are none."""
    if truth is None:
        return None
    return float(r2_score(np.asarray(truth).reshape(prediction.shape), prediction))


def _figure(header: str, macro: str) -> int:
    """Return what a macro of a header holds, of whatever prefix.

    Raises
    ------
    ValueError
        If there is none.
    """
    found = re.search(rf"^#define \w+_{macro} (\d+)$", header, re.MULTILINE)
    if found is None:
        raise ValueError("this is no header that to_c has written")
    return int(found[1])


def compile_rows(header: str, folder: str | os.PathLike, compiler: str = "cc") -> Any:
    """Return a function that predicts rows (n_samples, n_features) by a compiled header.

    Parameters
    ----------
    header : str
        What `to_c` returned.
    folder : str or path-like
        Where source and library are written.
    compiler : str, default="cc"
        See :func:`c_report`.
    """
    found = shutil.which(compiler)
    if found is None:
        raise FileNotFoundError(
            f"there is no C compiler {compiler!r} here: install one, such as gcc, or pass the name "
            "of another as compiler"
        )
    n_outputs = _figure(header, "N_OUTPUTS")
    upper = re.findall(r"^#define (\w+)_N_FEATURES ", header, re.MULTILINE)[0]
    source, library = Path(folder, "student.c"), Path(folder, "student.so")
    program = LIBRARY.replace("UPPER", upper).replace("PREFIX", upper.lower())
    source.write_text(header + program)
    command = [found, *OPTIONS, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"{compiler} does not compile the header: {done.stderr.strip()}")
    function = ctypes.CDLL(str(library)).student_rows
    pointer = np.ctypeslib.ndpointer(np.float32, flags="C_CONTIGUOUS")
    function.argtypes, function.restype = [pointer, pointer, ctypes.c_long], None

    def run(rows: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), n_outputs), np.float32)
        function(np.ascontiguousarray(rows, np.float32), out, len(rows))
        return out

    return run
