"""Run each example as a notebook, in a kernel and an empty folder of its own: ``make notebooks``.

The notebooks are those that the site offers. Names of examples run these alone::

    python tools/notebooks.py route gaze
"""

import json
import sys
import tempfile
import time
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from sphinx_gallery.gen_gallery import DEFAULT_GALLERY_CONF
from sphinx_gallery.notebook import jupyter_notebook
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

EXAMPLES = Path(__file__).parent.parent / "examples"


def as_notebook(script):
    """Return the notebook that sphinx-gallery makes of a script."""
    _, blocks = split_code_and_text_blocks(script)
    made = jupyter_notebook(blocks, deepcopy(DEFAULT_GALLERY_CONF), str(script.parent))
    return nbformat.reads(json.dumps(made), as_version=4)  # which joins the lines of a cell


def run(script):
    """Run a script as a notebook; return the error of a cell in words, or None."""
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        try:
            NotebookClient(as_notebook(script), timeout=600, resources=resources).execute()
        except CellExecutionError as error:
            return f"{error.ename}: {error.evalue}\n{error.traceback[-2000:]}"
    return None


def main(names):
    """Run the examples of these names, or all."""
    scripts = [
        path for path in sorted(EXAMPLES.glob("[0-9]-*/*.py")) if not names or path.stem in names
    ]
    failed = []
    for script in scripts:
        start = time.perf_counter()
        error = run(script)
        seconds = time.perf_counter() - start
        print(f"{script.stem:<22}{seconds:5.0f} s  {'fails' if error else 'runs'}", flush=True)
        if error:
            failed.append(script.stem)
            print(error, file=sys.stderr)
    if not scripts or failed:
        sys.exit(f"not run: {', '.join(failed) or 'there is no such example'}")


if __name__ == "__main__":
    main(sys.argv[1:])
