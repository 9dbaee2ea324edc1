"""Tables that a terminal and a page can both show."""

import re
from dataclasses import dataclass
from textwrap import fill, wrap
from typing import Any

import numpy as np

from sklearn_regkd.inspection.measures import Cost, Quality
from sklearn_regkd.inspection.style import with_unit

# Letters of a line of text in a terminal.
WIDTH = 92
# Letters after which the name of a column is broken in a terminal.
HEAD_WIDTH = 14


@dataclass(frozen=True)
class Table:
    """A table of text; ``str`` aligns it.

    Parameters
    ----------
    title : str
        Title of the table.
    head : list of str
        Names of the columns.
    rows : list of list of str
        Cells of each row.
    note : str, default=""
        Text below the table.
    """

    title: str
    head: list[str]
    rows: list[list[str]]
    note: str = ""

    def __str__(self) -> str:
        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.head)
        left = [not is_number(column) for column in columns]
        widths, heads = [], []
        for name, column in zip(self.head, columns, strict=True):
            room = max([HEAD_WIDTH, *map(len, column)])
            heads.append(wrap(name, room))
            widths.append(max(map(len, [*heads[-1], *column])))
        height = max(map(len, heads))
        # Names of several lines stand on the line below them.
        lines = list(zip(*([""] * (height - len(head)) + head for head in heads), strict=True))
        text = [
            "  ".join(
                cell.ljust(width) if to_left else cell.rjust(width)
                for cell, width, to_left in zip(line, widths, left, strict=True)
            ).rstrip()
            for line in [*lines, *self.rows]
        ]
        rule = "-" * max(sum(widths) + 2 * (len(widths) - 1), len(self.title))
        body = [self.title, rule, *text[:height], rule, *text[height:], rule]
        return "\n".join([*body, *([fill(self.note, WIDTH)] if self.note else [])])


NUMBER = re.compile(r"-|-?[\d,]+(\.\d+)?(e[+-]\d+)?")


def is_number(cells: Any) -> bool:
    """Return whether all cells of a column are numbers, as :func:`numbers` writes them."""
    return all(NUMBER.fullmatch(cell) for cell in cells)


def numbers(values: Any) -> list[str]:
    """Return the numbers of a column with about four digits, all with the same decimals.

    Examples
    --------
    >>> from sklearn_regkd.inspection.tables import numbers
    >>> numbers([12.3456, -70.5, float("nan")]), numbers([3e-9, 1e-8]), numbers([])
    (['12.35', '-70.50', '-'], ['3e-09', '1e-08'], [])
    """
    values = np.asarray(values, np.float64)
    finite = np.abs(values[np.isfinite(values) & (values != 0)])
    size = float(np.median(finite)) if len(finite) else 1.0
    if 1e-4 < size < 1e7 and finite.max(initial=0) < 1e9:
        decimals = int(np.clip(3 - np.floor(np.log10(size)), 0, 7))
        form = f",.{decimals}f"
    else:
        form = ".4g"
    return [format(v, form) if np.isfinite(v) else "-" for v in values.tolist()]


def numbers_by(group: Any, values: np.ndarray) -> list[list[str]]:
    """Return columns of numbers, with the same decimals in all rows of a group.

    Each output may have a unit of its own, and is a group then.

    Parameters
    ----------
    group : array-like of shape (n_rows,)
        Group of each row.
    values : ndarray of shape (n_columns, n_rows)
        Numbers to be shown.
    """
    text = np.empty(values.shape, dtype=object)
    group = np.asarray(group)
    for name in set(group.tolist()):
        here = group == name
        part = values[:, here]
        text[:, here] = np.reshape(np.array(numbers(part.ravel()), dtype=object), part.shape)
    return text.tolist()


def amount(value: float) -> str:
    """Return a positive number with two digits."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}"


def quality_table(
    title: str, quality: dict[str, list[Quality]], outputs: list[str], unit: str, note: str = ""
) -> Table:
    """Return a table with one line for each model, and each output where there are several."""
    several = len(outputs) > 1
    head = ["model", *["output"][: int(several)], "R2"]
    head += [with_unit(name, unit) for name in ("mean abs. error", "root mean sq. error")]
    lines = [
        (model, name, q)
        for model, all_outputs in quality.items()
        for name, q in zip(outputs, all_outputs, strict=True)
    ]
    columns = [[model for model, _, _ in lines], *[[name for _, name, _ in lines]][: int(several)]]
    columns.append([f"{q.r2:.3f}" if np.isfinite(q.r2) else "-" for _, _, q in lines])
    errors = np.array([(q.mean_error, q.squared_error) for _, _, q in lines])
    columns += numbers_by([name for _, name, _ in lines], errors.T)
    return Table(title, head, [list(row) for row in zip(*columns, strict=True)], note)


def cost_table(cost: dict[str, Cost]) -> Table:
    """Return a table with one line for each model."""
    rows = [
        [
            model,
            "-" if c.size is None else f"{c.size:,}",
            c.size_unit or "unknown",
            amount(c.one_row),
            amount(c.per_row),
        ]
        for model, c in cost.items()
    ]
    head = ["model", "size", "unit of size", "us for one row", "us a row of many"]
    return Table(
        "Size and speed", head, rows, "us: microseconds, the fastest of some calls, here and now."
    )
