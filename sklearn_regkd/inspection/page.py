"""HTML of tables, texts and pictures, for a page that needs no other file and no network."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from io import BytesIO
from typing import Any

from sklearn_regkd.inspection.suspicious_labels import PROBABILITY, SuspiciousLabels
from sklearn_regkd.inspection.tables import Table, is_number

# More rows nobody checks on a page; the CSV file has them all.
MOST_LISTED = 200
# Small, so that letters are not too small on a phone.
INCHES, DPI = (4.5, 3.6), 170
# Whatever stands in the page, a browser must fetch nothing for it.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A display that is drawn when the page is written.

    Parameters
    ----------
    display : object
        Display with a method `plot`.
    caption : str
        Text below the picture.
    options : dict
        Keyword arguments of `plot`.
    """

    display: Any
    caption: str
    options: dict[str, Any]


def document(title: str, body: str) -> str:
    """Return a whole page around its body."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>body {{ margin: 0; background: #fff; }}</style>
</head>
<body>
{body}
</body>
</html>
"""


def fragment(parts: Iterable[str], element: str) -> str:
    """Return parts of a page in one element, with their style and script."""
    here = files("sklearn_regkd.inspection")
    style, script = (here.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    lines = [
        f"<style>\n{style}</style>",
        f'<{element} class="regkd-report" lang="en">',
        *parts,
        f"</{element}>",
        f"<script>\n{script}</script>",
    ]
    return "\n".join(line for line in lines if line)


def heading(text: str, element: str = "h2") -> str:
    """Return a heading."""
    return f"<{element}>{escape(text)}</{element}>"


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph; its kind is ``"summary"``, ``"note"`` or empty."""
    opening = f'<p class="regkd-{kind}">' if kind else "<p>"
    return f"{opening}{escape(text)}</p>"


def bullets(items: Iterable[str]) -> str:
    """Return a list; empty where there are no items."""
    inner = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<ul>{inner}</ul>" if inner else ""


def table(content: Table) -> str:
    """Return a table under its title."""
    numeric = [is_number(column) for column in zip(*content.rows, strict=True)]
    head = "".join(
        f'<th scope="col"{_class(right)}>{escape(name)}</th>'
        for name, right in zip(content.head, numeric, strict=True)
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
        for row in content.rows
    )
    return _framed(
        content, f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )


def sortable_table(labels: SuspiciousLabels) -> str:
    """Return a table that a click on a header sorts; cells carry all digits beside the text."""
    content = labels.table(MOST_LISTED)
    if not content.rows:
        return ""
    keys = list(labels.columns)
    values = [labels.columns[key][:MOST_LISTED].tolist() for key in keys]
    numeric = [is_number(column) for column in zip(*content.rows, strict=True)]
    head = "".join(
        f'<th scope="col" data-key="{key}" '
        f'aria-sort="{"descending" if key == PROBABILITY else "none"}"{_class(right)}>'
        f'<button type="button">{escape(name)}</button></th>'
        for key, name, right in zip(keys, content.head, numeric, strict=True)
    )
    body = "\n".join(
        "<tr>"
        + "".join(
            f'<td data-value="{escape(str(value))}"{_class(right)}>{escape(cell)}</td>'
            for cell, value, right in zip(cells, row, numeric, strict=True)
        )
        + "</tr>"
        for cells, row in zip(content.rows, zip(*values, strict=True), strict=True)
    )
    inner = (
        f'<table class="regkd-sortable">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )
    return _framed(content, inner, long=True)


def _framed(content: Table, inner: str, long: bool = False) -> str:
    """Return a table in a box of its own, which scrolls where the page must not."""
    title = escape(content.title)
    box = "regkd-wide regkd-long" if long else "regkd-wide"
    note = f"\n{paragraph(content.note, 'note')}" if content.note else ""
    return (
        f'<h2>{title}</h2>\n<div class="{box}" role="region" aria-label="{title}" tabindex="0">\n'
        f"{inner}\n</div>{note}"
    )


def _class(right: bool) -> str:
    return ' class="regkd-number"' if right else ""


def gallery(pictures: Iterable[Picture]) -> str:
    """Return pictures, drawn without pyplot: a notebook must not show them twice."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        text = "Pictures need the package matplotlib: pip install 'sklearn-regkd[plots]'."
        return paragraph(text, "note")
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
    return f'{heading("Pictures")}\n<div class="regkd-pictures">\n{inner}\n</div>'
