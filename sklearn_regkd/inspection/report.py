"""The report of a fitted distillation, as text, as a page and as a CSV file."""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from textwrap import fill
from typing import Any

from sklearn_regkd.inspection.measures import Cost, Quality
from sklearn_regkd.inspection.page import (
    Picture,
    bullets,
    document,
    fragment,
    gallery,
    heading,
    paragraph,
    sortable_table,
    table,
)
from sklearn_regkd.inspection.suspicious_labels import SuspiciousLabels
from sklearn_regkd.inspection.tables import WIDTH, Table
from sklearn_regkd.utils.atomic import write_atomically

# Number of suspicious labels in the text.
FIRST = 10
DECIDED, MISSING = "What was decided", "Not in this report"


@dataclass(frozen=True, kw_only=True)
class DistillationReport:
    """What :func:`distillation_report` found out; ``print`` it, or write a page.

    Parameters
    ----------
    title : str
        Title of the page.
    summary : str
        The report in a sentence or two.
    tables : list of Table
        Tables of quality, fidelity and cost.
    decisions : list of (str, tuple of str)
        What was decided about the labels of each output, and why.
    suspicious_labels : SuspiciousLabels
        Labels to check, the most suspicious first.
    pictures : list of Picture
        Displays and their captions.
    missing : list of str
        What the report does not hold, and what it would need for that.
    quality : dict of str to list of Quality
        Quality of each model, one for each output; ``"fidelity"`` is the student's, with the
        teacher as the truth.
    cost : dict of str to Cost
        Size and speed of each model.
    """

    title: str
    summary: str
    tables: list[Table]
    decisions: list[tuple[str, tuple[str, ...]]]
    suspicious_labels: SuspiciousLabels
    pictures: list[Picture]
    missing: list[str]
    quality: dict[str, list[Quality]]
    cost: dict[str, Cost]

    def __str__(self) -> str:
        parts = [self.title, "=" * len(self.title), "", fill(self.summary, WIDTH), ""]
        for content in self.tables:
            parts += [str(content), ""]
        parts.append(DECIDED)
        for head, reasons in self.decisions:
            parts.append(fill(head, WIDTH, initial_indent="  ", subsequent_indent="  "))
            parts += _text_bullets(reasons)
        parts += ["", str(self.suspicious_labels.table(FIRST))]
        if self.missing:
            parts += ["", MISSING, *_text_bullets(self.missing)]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        return self._html("div", "h2")

    def _html(self, element: str, level: str) -> str:
        parts = [heading(self.title, level), paragraph(self.summary, "summary")]
        parts += map(table, self.tables)
        parts.append(heading(DECIDED))
        for head, reasons in self.decisions:
            parts += [paragraph(head), bullets(reasons)]
        parts += [gallery(self.pictures), sortable_table(self.suspicious_labels)]
        if self.missing:
            parts += [heading(MISSING), bullets(self.missing)]
        return fragment(parts, element)

    def to_html(self, path: str | os.PathLike) -> None:
        """Write the report as one page that needs no other file and no network.

        Parameters
        ----------
        path : str or path-like
            Name of the file. An existing file is replaced, and only once the page is complete.
        """
        page = document(self.title, self._html("main", "h1"))
        write_atomically(path, page.encode("utf-8"))

    def to_csv(self, path: str | os.PathLike) -> None:
        """Write all suspicious labels, the most suspicious first.

        Write the right values into a new column ``corrected``, and
        :func:`~sklearn_regkd.inspection.apply_corrections` takes them over.

        Parameters
        ----------
        path : str or path-like
            Name of the file. An existing file is replaced, and only once the table is complete.
        """
        columns: dict[str, Any] = self.suspicious_labels.columns
        file = StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))
        write_atomically(path, file.getvalue().encode("utf-8"))


def _text_bullets(items: Iterable[str]) -> list[str]:
    return [fill(item, WIDTH, initial_indent="  - ", subsequent_indent="    ") for item in items]
