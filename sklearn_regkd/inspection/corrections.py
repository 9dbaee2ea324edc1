"""Labels that a person has corrected, for the next fit."""

import csv
import os
import pathlib
import warnings
from typing import Any

import numpy as np

from sklearn_regkd.inspection.label_issues import LabelIssues
from sklearn_regkd.preprocessing.frames import is_frame

CORRECTED = "corrected"
DELIMITERS = ",;\t"


def apply_corrections(y: Any, corrections: Any) -> tuple[Any, np.ndarray]:
    """Return labels with a person's corrections, and which labels somebody has checked.

    The table is that of :func:`label_issues`, or of a report's `to_csv`, in which a person has
    added a column ``corrected``: the right value, or the given one once more where it is right.
    Labels with nothing there were not checked. Without such a column, those whose ``given`` was
    written over are the corrected ones. Rows may be in any order, and those that nobody has looked
    at may be left out. They are found by the column ``index``, if the table has one and y is a
    Series or frame, so that y may have lost or gained rows meanwhile; else by their number in
    ``row``.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The labels that the table was made of. It is not changed.
    corrections : DataFrame, dict of arrays, or path
        The table, or the file of comma-separated values in which it was written; semicolons and
        tabs are understood, too.

    Returns
    -------
    y : of the type and shape of y
        The labels with the corrections, floats.
    trusted : ndarray of bool of the shape of y
        Which labels have been checked: for ``fit(X, y, trusted=trusted)``.

    Raises
    ------
    ValueError
        If the table has no such columns, or names rows or outputs that y does not have, holds
        something that is no finite number, corrects a label twice in different ways, or belongs to
        other labels.
    TypeError
        If the table is of another kind.

    Warns
    -----
    UserWarning
        If nothing was corrected.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.inspection import apply_corrections
    >>> y = np.array([1.0, 20.0, 3.0])
    >>> table = {"row": [1, 2, 0], "given": [20, 3, 1], "corrected": [2.0, 3.0, np.nan]}
    >>> apply_corrections(y, table)
    (array([1., 2., 3.]), array([False,  True,  True]))
    """
    labels = np.array(y, np.float64)
    columns = labels.reshape(len(labels), -1)
    table = _read(corrections)
    lines = _rows(table, y)
    outputs = _outputs(table, y) if "output" in table else np.zeros_like(lines)
    for name, numbers, end in (("row", lines, len(columns)), ("output", outputs, columns.shape[1])):
        beyond = np.flatnonzero((numbers < 0) | (numbers >= end))
        if len(beyond):
            raise ValueError(
                f"line {_line(beyond[0])} of the corrections names {name} {numbers[beyond[0]]}, "
                f"and y has {name}s 0 to {end - 1}"
            )
    at = lines, outputs
    if CORRECTED in table:
        value = _numbers(table, CORRECTED, np.float64)
        checked = ~np.isnan(value)
        for name in {"given", "label"} & set(table):  # the second one is the report's
            _check_given(_numbers(table, name, np.float64), columns[at])
    elif "given" in table:
        value = _numbers(table, "given", np.float64)
        checked = ~_same(value, columns[at]) & ~np.isnan(value)
    else:
        raise ValueError(
            f"the corrections have the columns {list(table)}, and need one of the right values, "
            f"{CORRECTED!r}, beside 'row' (and 'output' for several targets)"
        )
    if np.isinf(value).any():
        line = _line(int(np.flatnonzero(np.isinf(value))[0]))
        raise ValueError(f"line {line} of the corrections holds an infinite value")
    if not checked.any():
        warnings.warn("nothing was corrected or checked in this table", stacklevel=2)
    corrected, trusted = columns.copy(), np.zeros(columns.shape, bool)
    corrected[lines[checked], outputs[checked]] = value[checked]
    trusted[lines[checked], outputs[checked]] = True
    again = np.flatnonzero(checked & ~_same(value, corrected[at]))
    if len(again):
        raise ValueError(
            f"row {lines[again[0]]}, output {outputs[again[0]]} is corrected twice, to "
            f"{value[again[0]]:g} and to {corrected[lines[again[0]], outputs[again[0]]]:g}"
        )
    return _like(y, corrected.reshape(labels.shape)), trusted.reshape(labels.shape)


def _rows(table: dict[str, list], y: Any) -> np.ndarray:
    """Return the number in y of each row of a table."""
    if "index" not in table or not hasattr(y, "iloc"):
        return _numbers(table, "row", np.intp)
    place = {str(name): number for number, name in enumerate(y.index)}
    if len(place) < len(y):
        raise ValueError("the index of y names rows twice, and corrections cannot be told apart")
    for number, name in enumerate(table["index"]):
        if str(name) not in place:
            raise ValueError(
                f"line {_line(number)} of the corrections is of {name!r}, which the index of y "
                "does not name"
            )
    return np.array([place[str(name)] for name in table["index"]], np.intp)


def _outputs(table: dict[str, list], y: Any) -> np.ndarray:
    """Return the number of the target of each row of a table; a report writes the names of y."""
    if "teacher" not in table:
        return _numbers(table, "output", np.intp)
    names = [str(name) for name in y.columns] if is_frame(y) else []
    names = names or [f"output {number}" for number in range(np.shape(y)[-1])]
    for number, name in enumerate(table["output"]):
        if str(name) not in names:
            raise ValueError(
                f"line {_line(number)} of the corrections is of the output {str(name)!r}, and "
                f"those of y are {names}: pass y as a frame whose columns have these names"
            )
    return np.array([names.index(str(name)) for name in table["output"]], np.intp)


def _read(corrections: Any) -> dict[str, list]:
    """Return the columns of a table of any kind."""
    if isinstance(corrections, LabelIssues):
        raise ValueError(
            "this table is as label_issues made it, nobody has corrected anything: write it to a "
            f"file or frame (to_csv, to_frame), add a column {CORRECTED!r}, and pass that"
        )
    if isinstance(corrections, str | os.PathLike):
        return _read_file(pathlib.Path(corrections))
    if is_frame(corrections) or isinstance(corrections, dict):
        return {str(name): list(corrections[name]) for name in corrections}
    raise TypeError(
        "corrections must be a frame, a dict of columns, or the path of a file of comma-separated "
        f"values, got {type(corrections).__name__}"
    )


def _read_file(path: pathlib.Path) -> dict[str, list]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        head = file.readline()
        file.seek(0)
        delimiter = max(DELIMITERS, key=head.count)
        rows = [row for row in csv.reader(file, delimiter=delimiter) if any(row)]
    if not rows:
        raise ValueError(f"{path} is empty: it needs a line with the names of the columns")
    names, *lines = rows
    for number, line in enumerate(lines):
        if len(line) != len(names):
            raise ValueError(
                f"line {_line(number)} of {path} has {len(line)} values, and there are "
                f"{len(names)} columns: {names}"
            )
    values = zip(*lines, strict=True) if lines else ([] for _ in names)
    return {name.strip(): list(column) for name, column in zip(names, values, strict=True)}


def _line(number: int) -> int:
    """Return the number of a line as a spreadsheet shows it: the first one holds the names."""
    return number + 2


def _numbers(table: dict[str, list], name: str, dtype: Any) -> np.ndarray:
    """Return a column as numbers, NaN where it is empty."""
    if name not in table:
        raise ValueError(f"the corrections need a column {name!r}, they have {list(table)}")
    numbers = np.empty(len(table[name]))
    for number, value in enumerate(table[name]):
        try:
            empty = value is None or (isinstance(value, str) and not value.strip())
            numbers[number] = np.nan if empty else float(value)
        except (TypeError, ValueError):
            hint = "; write decimals with a point" if "," in str(value) else ""
            raise ValueError(
                f"line {_line(number)} of the corrections holds {value!r} in the column {name!r}, "
                f"which is no number{hint}"
            ) from None
    if dtype is np.float64:
        return numbers
    odd = np.flatnonzero(~(numbers == np.floor(numbers)))
    if len(odd):
        raise ValueError(
            f"line {_line(odd[0])} of the corrections holds {table[name][odd[0]]!r} in the column "
            f"{name!r}, and whole numbers are expected"
        )
    return numbers.astype(np.intp)


def _same(value: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Compare up to the digits that a spreadsheet drops."""
    return np.isclose(value, other, rtol=1e-9, atol=0)


def _check_given(given: np.ndarray, label: np.ndarray) -> None:
    """Raise an error if a table was made of other labels."""
    other = np.flatnonzero(~_same(given, label) & ~np.isnan(given) & ~np.isnan(label))
    if len(other):
        raise ValueError(
            f"line {_line(other[0])} of the corrections says that {given[other[0]]:g} was given, "
            f"and y holds {label[other[0]]:g} there: do they belong to these labels, in this order?"
        )


def _like(y: Any, values: np.ndarray) -> Any:
    """Return labels in the container in which they came: a Series or frame keeps its index."""
    if hasattr(y, "iloc"):
        names = {"columns": y.columns} if values.ndim == 2 else {"name": y.name}
        return type(y)(values, index=y.index, **names)
    if is_frame(y):
        return type(y)(dict(zip(y.columns, values.T, strict=True)))
    return values
