"""A report as a page that needs nothing else."""

import base64
from html import escape
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING

from sklearn_regkd.inspection.suspicious_labels import PROBABILITY, SuspiciousLabels
from sklearn_regkd.inspection.tables import Picture, Table, is_number

if TYPE_CHECKING:
    from sklearn_regkd.inspection.report import DistillationReport

# More nobody checks on a page; the CSV file has them all.
MOST_LISTED = 200
# Small, so that letters are not too small on a phone.
INCHES, DPI = (4.5, 3.6), 170
# Whatever stands in the page, a browser must fetch nothing for it.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def document(report: "DistillationReport") -> str:
    """Return a whole page."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<link rel="icon" href="data:,">
<title>{escape(report.title)}</title>
<style>body {{ margin: 0; background: #fff; }}</style>
</head>
<body>
{fragment(report, "main", "h1")}
</body>
</html>
"""


def fragment(report: "DistillationReport", element: str = "div", heading: str = "h2") -> str:
    """Return what stands in the page, with its style and script: a notebook shows it as it is."""
    here = files("sklearn_regkd.inspection")
    style, script = (here.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    parts = [
        f"<style>\n{style}</style>",
        f'<{element} class="regkd-report" lang="en">',
        f"<{heading}>{escape(report.title)}</{heading}>",
        f'<p class="regkd-summary">{escape(report.summary)}</p>',
        *(_table(table) for table in report.tables),
        "<h2>What was decided</h2>",
        *(_decision(head, reasons) for head, reasons in report.decisions),
        _pictures(report.pictures),
        _suspects(report.suspects),
    ]
    if report.missing:
        parts.append("<h2>Not in this report</h2>")
        parts.append(_list(report.missing))
    parts += [f"</{element}>", f"<script>\n{script}</script>"]
    return "\n".join(part for part in parts if part)


def _list(items) -> str:
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def _decision(head: str, reasons: tuple[str, ...]) -> str:
    return f"<p>{escape(head)}</p>" + (_list(reasons) if reasons else "")


def _table(table: Table) -> str:
    numeric = [is_number(column) for column in zip(*table.rows, strict=True)]
    head = "".join(
        f'<th scope="col"{_class(right)}>{escape(name)}</th>'
        for name, right in zip(table.head, numeric, strict=True)
    )
    body = "\n".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{escape(cell)}</th>'
            if column == 0
            else f"<td{_class(numeric[column])}>{escape(cell)}</td>"
            for column, cell in enumerate(row)
        )
        + "</tr>"
        for row in table.rows
    )
    return _framed(
        table, f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )


def _framed(table: Table, inner: str, long: bool = False) -> str:
    """Return a table in a box of its own, which scrolls where the page must not."""
    title = escape(table.title)
    box = "regkd-wide regkd-long" if long else "regkd-wide"
    note = f'\n<p class="regkd-note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<h2>{title}</h2>\n<div class="{box}" role="region" aria-label="{title}" tabindex="0">\n'
        f"{inner}\n</div>{note}"
    )


def _class(right: bool) -> str:
    return ' class="regkd-number"' if right else ""


def _suspects(suspects: SuspiciousLabels) -> str:
    """Return the table that can be sorted; cells carry all digits beside what is shown."""
    table = suspects.table(MOST_LISTED)
    if not table.rows:
        return ""
    keys = list(suspects.columns)
    values = [suspects.columns[key][:MOST_LISTED].tolist() for key in keys]
    numeric = [is_number(column) for column in zip(*table.rows, strict=True)]
    head = "".join(
        f'<th scope="col" data-key="{key}" '
        f'aria-sort="{"descending" if key == PROBABILITY else "none"}"{_class(right)}>'
        f'<button type="button">{escape(name)}</button></th>'
        for key, name, right in zip(keys, table.head, numeric, strict=True)
    )
    body = "\n".join(
        "<tr>"
        + "".join(
            f'<td data-value="{escape(str(value))}"{_class(right)}>{escape(cell)}</td>'
            for cell, value, right in zip(cells, row, numeric, strict=True)
        )
        + "</tr>"
        for cells, row in zip(table.rows, zip(*values, strict=True), strict=True)
    )
    inner = (
        f'<table class="regkd-sortable">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )
    return _framed(table, inner, long=True)


def _pictures(pictures: list[Picture]) -> str:
    """Return all pictures, drawn without pyplot: a notebook must not show them twice."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return (
            '<p class="regkd-note">Pictures need the package matplotlib: '
            "pip install 'sklearn-regkd[plots]'.</p>"
        )
    parts = []
    for picture in pictures:
        figure = Figure(figsize=INCHES, layout="constrained")
        picture.display.plot(figure.subplots(), **picture.options)
        file = BytesIO()
        figure.savefig(file, format="png", dpi=DPI)
        data = base64.b64encode(file.getvalue()).decode("ascii")
        width, height = (round(DPI * inches) for inches in INCHES)
        caption = escape(picture.caption)
        parts.append(
            f'<figure><img alt="{caption}" width="{width}" height="{height}" '
            f'src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'
        )
    inner = "\n".join(parts)
    return f'<h2>Pictures</h2>\n<div class="regkd-pictures">\n{inner}\n</div>'
