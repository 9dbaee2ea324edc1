"""How the pages of this folder become a site: ``make docs``, then open docs/_build/html/index.html.

Nothing is fetched while the site is built. Each example is run, in its quick form where it has one;
pages show what it printed and drew, and offer it as a notebook.
"""

import fnmatch
import posixpath
import re
from importlib.util import find_spec
from pathlib import Path

from sklearn_regkd import __version__

project = "sklearn_regkd"
author = "the authors of sklearn_regkd"
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "images", "gallery/**/*.ipynb"]
# Pages of the API reference that describe a module which may not be there.
for page, module in (
    ("inspection", "sklearn_regkd.inspection"),
    ("images", "sklearn_regkd.networks.cnn"),
):
    if find_spec(module) is None:
        exclude_patterns.append(f"api/{page}.rst")
templates_path = ["_templates"]

# Names of other libraries are not looked up: that would need the network.
nitpick_ignore_regex = [
    (r"py:.*", r"(sklearn|skorch|torch|numpy|pandas|joblib|distributed|matplotlib)\..*"),
]

highlight_language = "none"  # of blocks that name none: mostly what a command prints
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autosummary_generate = True
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False


def quick(gallery_conf, script_vars):
    """Return the options that an example is run with."""
    script = Path(script_vars["src_file"])
    return ["--quick"] if '"--quick"' in script.read_text(encoding="utf-8") else []


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "reset_argv": quick,
    "within_subsection_order": "FileNameSortKey",
    # A cell may end with a figure or an axis, whose text says nothing.
    "capture_repr": ("_repr_html_",),
    "remove_config_comments": True,
    "write_computation_times": False,
    "show_signature": False,
    "download_all_examples": False,
    "default_thumb_file": str(Path(__file__).parent / "images" / "thumbnail.png"),
}

suppress_warnings = ["config.cache"]  # of sphinx_gallery_conf, because a function is in it

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_regkd"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navbar_end": ["theme-switcher"],
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "footer_start": [],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
}
html_sidebars = {"index": [], "faq": []}
html_context = {"default_mode": "auto"}


def link_pages(app, docname, source):
    """Let links to scripts, which work in the repository, lead to their pages."""
    source[0] = re.sub(
        r"\]\((?:\.\./)?examples/(\d-[\w-]+/\w+)\.py\)", r"](/gallery/\1.rst)", source[0]
    )


def drop_empty_patterns(app, docname, source):
    """Let tables of contents name pages by patterns that match nothing yet."""

    def keep(line):
        pattern = posixpath.join(posixpath.dirname(docname), line[1])
        return line[0] if fnmatch.filter(app.env.found_docs, pattern) else ""

    source[0] = re.sub(r"^ *([\w-]+\*)\n", keep, source[0], flags=re.M)


def find_by_last_name(app, env, node, contnode):
    """Let docstrings name a function of the same file, as in :func:`revise`, on any page."""
    if node.get("refdomain") != "py" or "." in node["reftarget"]:
        return None
    node["refspecific"] = True
    python, kind, name = env.get_domain("py"), node["reftype"], node["reftarget"]
    return python.resolve_xref(env, node["refdoc"], app.builder, kind, name, node, contnode)


def setup(app):
    """Connect the hooks."""
    app.connect("missing-reference", find_by_last_name)
    app.connect("source-read", drop_empty_patterns)
    app.connect("source-read", link_pages)
