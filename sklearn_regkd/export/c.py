"""A fitted student as one C99 header: no allocation, no library but math.h."""

import os
import re
import warnings
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import r2_score

from sklearn_regkd.export.c_functions import write_functions
from sklearn_regkd.export.c_network import Code, write_network
from sklearn_regkd.export.c_self_test import write_self_test
from sklearn_regkd.export.c_text import comment, quoted
from sklearn_regkd.export.feeds import fitted_attribute
from sklearn_regkd.export.files import check_path, save_bytes
from sklearn_regkd.export.metadata import check_metadata, properties_of
from sklearn_regkd.export.network import rounded_columns
from sklearn_regkd.export.plan import StudentPlan, make_plan
from sklearn_regkd.export.plan_cost import Cost, cost_of
from sklearn_regkd.export.plan_run import run_plan
from sklearn_regkd.export.plan_size import in_eight_bits, with_fewer_knots
from sklearn_regkd.export.plan_steps import Around
from sklearn_regkd.preprocessing.error_messages import listed

PREFIX = re.compile("[a-z][a-z0-9_]*")
CHOICES = {"dtype": ("float32", "int8"), "sine": ("libm", "table")}


def to_c(
    estimator: BaseEstimator,
    path: str | os.PathLike | BinaryIO | None = None,
    *,
    dtype: str = "float32",
    prefix: str = "student",
    X: Any = None,
    sine: str = "libm",
    knot_tolerance: float = 0.0,
    in_domain: bool = False,
    intervals: float | None = None,
    metadata: Mapping[str, str] | None = None,
) -> str:
    """Write the student of a fitted estimator as a C99 header, for a microcontroller.

    The header has ``void student_predict(const float *row, float *out)``: `row` holds the raw
    features of one row, with the codes that the comment at the top tells in the place of
    categories, and `out` gets ``n_outputs`` values in the units of `predict`, of the head that
    `predict` takes. A row that `predict` refuses gives NaN. Everything is inside: scaling,
    categories, gaps, units. Nothing is allocated, all constants are ``const``, and the only
    functions from elsewhere are those of ``math.h``. What it costs stands in the comment and in
    macros such as ``STUDENT_FLASH_BYTES``.

    All is static, so that the header can be included anywhere, also from C++; each file that
    includes it has its own constants. With ``STUDENT_SELF_TEST`` defined, it is a program that
    compares some rows with what they should come out at, and returns 0 if all are right:
    ``cc -std=c99 -DSTUDENT_SELF_TEST -x c student.h -lm``.

    Parameters
    ----------
    estimator : StudentRegressor, TORRegressor or DistilledRegressor
        Fitted, with the built-in network. Also a search or a FrozenEstimator around one, a
        Pipeline whose other steps are scalers (StandardScaler, MinMaxScaler, MaxAbsScaler,
        RobustScaler) and a TransformedTargetRegressor with one of these: they become part of the
        tables and cost nothing.
    path : str, path-like or binary file, default=None
        Where to write the header; None writes none. An existing file is replaced in one go.
    dtype : {"float32", "int8"}, default="float32"
        Type of the weights of the hidden layers. With ``"int8"`` they take a quarter of the
        flash; what is computed stays in single precision, so that no range of rows has to be
        known. The comment tells what is lost.
    prefix : str, default="student"
        First part of all names: lower-case letters, digits and underscores.
    X : array-like of shape (n_samples, n_features), default=None
        Rows as in `predict`, for the self-test and for what is lost; a few hundred will do.
        None makes rows of the values that the tables hold.
    sine : {"libm", "table"}, default="libm"
        Whether sines and cosines come from ``math.h`` or from a table of 132 bytes, which is
        quicker on most small processors and exact to 2e-7.
    knot_tolerance : float, default=0.0
        How far the normal score of a number, whose scale is 1, may move so that knots of the
        tables can be left away. 0.01 leaves a fifth to a half of them.
    in_domain : bool, default=False
        Whether there is ``int student_in_domain(const float *row)``, 1 for rows that the method
        of that name calls inside. Of a Pipeline it is about what its steps make of a row.
    intervals : float, default=None
        Coverage of ``void student_interval(const float *row, float *lower, float *upper)``,
        the bounds that `predict_interval` returns. None writes none.
    metadata : dict of str, default=None
        What else is to stand in the comment, for example ``{"unit": "MPa"}``.

    Returns
    -------
    str
        The header.

    Raises
    ------
    TypeError
        If the estimator is none of the above, or `path` is a text file.
    ValueError
        If the student has a module of the user's, if its target needs double precision, if a step
        of a Pipeline or a transformed target is no scaler, if `in_domain` or `intervals` are
        asked of a student that has none, or a parameter has another value than those above.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Warns
    -----
    UserWarning
        If single precision is too coarse for a column.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd import StudentRegressor
    >>> from sklearn_regkd.export import to_c
    >>> X = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    >>> student = StudentRegressor((8,), max_epochs=2, random_state=0).fit(X, X[:, 0])
    >>> "void student_predict(const float *row, float *out)" in to_c(student)
    True
    """
    check_path(path)
    check_metadata(metadata)
    _check(dtype, sine, prefix, knot_tolerance)
    plan, found = make_plan(estimator, in_domain=in_domain, intervals=intervals)
    warn_about_rows(found, "header")
    rows = made_rows(plan) if X is None else found.take_rows(X)
    code = Code()
    small = with_fewer_knots(plan, float(knot_tolerance)) if knot_tolerance else plan
    small = in_eight_bits(small) if dtype == "int8" else small
    write_network(code, small, sine)
    write_functions(code, small)
    cost = cost_of(small, code.constants.n_bytes)
    test = write_self_test(small, found, rows, expect_predict=small is plan)
    about = _about(estimator, small, found, dtype, sine, prefix, cost, metadata or {})
    if small is not plan:
        about += ["", *_loss(small, found, rows, given=X is not None)]
    text = f"{comment(about)}\n{_assemble(code, small, cost, test, prefix)}"
    if path is not None:
        save_bytes(text.encode("ascii"), path)
    return text


def _check(dtype: Any, sine: Any, prefix: Any, knot_tolerance: Any) -> None:
    for name, value in (("dtype", dtype), ("sine", sine)):
        if not isinstance(value, str) or value not in CHOICES[name]:
            known = " or ".join(map(repr, CHOICES[name]))
            raise ValueError(f"{name} must be {known}, got {value!r}")
    if not isinstance(prefix, str) or not PREFIX.fullmatch(prefix):
        raise ValueError(
            "prefix must hold lower-case letters, digits and underscores and begin with a letter, "
            f"got {prefix!r}"
        )
    is_number = isinstance(knot_tolerance, int | float | np.number)
    if not is_number or not 0 <= knot_tolerance < 1:
        raise ValueError(f"knot_tolerance must be in [0, 1), got {knot_tolerance!r}")


def warn_about_rows(found: Around, what: str) -> None:
    """Warn of columns that lose what the student has learned of them in single precision.

    Parameters
    ----------
    found : Around
        The student, and what is around it.
    what : str
        What takes rows in single precision, for the message.
    """
    names = rounded_columns(found.student)
    if names:
        warnings.warn(
            f"single precision is too coarse for {listed(names)}: the {what} takes floats, and "
            "will not predict what `predict` does for rows in double precision; subtract an "
            "offset from such columns before fit",
            stacklevel=3,
        )


def made_rows(plan: StudentPlan, n_rows: int = 200) -> np.ndarray:
    """Return rows (n_rows, n_features) of values that the tables of a plan hold."""
    rng, rows = np.random.default_rng(0), np.zeros((n_rows, plan.n_features), np.float32)
    entrance = plan.entrance
    for n, feature in enumerate(plan.numeric):
        if hasattr(entrance, "knots"):
            rows[:, feature] = rng.choice(entrance.knots[n], n_rows)
        else:
            scale = entrance.scale[n] if np.isfinite(entrance.scale[n]) else 0.0
            rows[:, feature] = entrance.center[n] + scale * rng.normal(size=n_rows)
    for feature in np.unique(plan.category_feature):
        codes = plan.category_value[plan.category_feature == feature]
        codes = codes[np.isfinite(codes)]
        rows[:, feature] = rng.choice(codes, n_rows) if len(codes) else 0.0
    return rows


def _about(
    estimator: BaseEstimator,
    plan: StudentPlan,
    found: Around,
    dtype: str,
    sine: str,
    prefix: str,
    cost: Cost,
    metadata: Mapping[str, str],
) -> list[str]:
    """Return the lines of the comment at the top."""
    properties = properties_of(estimator, found.student)
    names = fitted_attribute(estimator, "feature_names_in_")
    rows = [] if names is None else [f"row[{i}]: {quoted(str(one))}" for i, one in enumerate(names)]
    categories = properties.pop("categories", [])
    properties.pop("feature_names", None)
    lines = [
        "A student for regression, written by sklearn_regkd: do not edit.",
        "",
        f"void {prefix}_predict(const float *row, float *out)",
        f"    row: {plan.n_features} raw features; out: {plan.n_outputs} value(s).",
        "    A row that the estimator refuses (infinity"
        f"{'' if plan.takes_missing else ', NaN'}) gives NaN.",
    ]
    if plan.domain is not None:
        lines += [
            f"int {prefix}_in_domain(const float *row)",
            "    1 if the training table can speak about such a row, else 0.",
        ]
    if plan.intervals is not None:
        lines += [
            f"void {prefix}_interval(const float *row, float *lower, float *upper)",
            "    Bounds around what is predicted.",
        ]
    lines += ["", *[f"{key}: {quoted(value)}" for key, value in properties.items()]]
    lines += [f"{quoted(key)}: {quoted(value)}" for key, value in metadata.items()]
    lines += rows
    for one in categories:
        pairs = ", ".join(f"{quoted(value)} = {quoted(code)}" for value, code in one["codes"])
        lines.append(f"row[{one['index']}] holds categories: {pairs}; others = {one['unknown']}")
    return [
        *lines,
        "",
        f"Weights of the hidden layers: {dtype}; sines and cosines: {sine}.",
        f"Constants in flash: {cost.flash} bytes, without the program and math.h.",
        f"Buffers on the stack: {cost.ram} bytes. Nothing is allocated.",
        f"A row takes {cost.multiply_adds} multiply-adds, {cost.waves} sines and cosines and "
        f"{cost.exponentials} activations and exponentials.",
    ]


def _loss(plan: StudentPlan, found: Around, rows: np.ndarray, given: bool) -> list[str]:
    """Return what the comment says of how far a smaller student is from `predict`."""
    expected, got = found.predict(rows), run_plan(plan, rows)
    known = np.isfinite(expected).all(axis=1)
    expected, got = expected[known].astype(float), got[known].astype(float)
    if len(expected) < 2:
        return []
    spread = np.ptp(expected, axis=0)
    share = np.max(np.abs(got - expected) / np.where(spread > 0, spread, 1.0))
    which = "the rows given" if given else "rows made of the tables' values"
    return [
        f"On {which} ({len(expected)}) it has R2 {r2_score(expected, got):.6f} with the",
        f"estimator's predictions as the truth, and differs by at most {share:.2%} of their range.",
    ]


def _assemble(code: Code, plan: StudentPlan, cost: Cost, test: str, prefix: str) -> str:
    """Return the header below the comment, with the prefix in all names."""
    figures = {
        "N_FEATURES": plan.n_features,
        "N_OUTPUTS": plan.n_outputs,
        "FLASH_BYTES": cost.flash,
        "RAM_BYTES": cost.ram,
        "MULTIPLY_ADDS": cost.multiply_adds,
        "WAVES": cost.waves,
        "EXPONENTIALS": cost.exponentials,
    }
    macros = "\n".join(f"#define STUDENT_{name} {value}" for name, value in figures.items())
    functions = "\n".join(one.strip("\n") + "\n" for one in code.functions)
    text = HEADER.format(
        macros=macros, constants=code.constants, functions=functions, self_test=test
    )
    return text.replace("student_", f"{prefix}_").replace("STUDENT_", f"{prefix.upper()}_")


HEADER = """#ifndef STUDENT_H
#define STUDENT_H

#include <float.h>
#include <math.h>
#include <stdint.h>

#ifdef __FAST_MATH__
#error "compile without -ffast-math: rows with NaN and infinity would not be told apart"
#endif

{macros}

{constants}
{functions}
{self_test}
#endif
"""
