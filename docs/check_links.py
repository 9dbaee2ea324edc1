"""Do all links of the built site lead somewhere? Local files and anchors; nothing is fetched.

Run it with ``python docs/check_links.py docs/_build/html``.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The anchors of a page, and what it links to."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.targets = {"", "top"}, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Collect one tag."""
        attrs = dict(attrs)
        self.anchors |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        self.targets += [attrs[key] for key in ("href", "src") if attrs.get(key)]


def broken_links(root):
    """Return a line for each broken link under `root`, and the number of local links."""
    paths = (path for path in sorted(root.rglob("*.html")) if "_static" not in path.parts)
    pages = {path: Page(path) for path in paths}
    broken, n_links = [], 0
    for path, page in pages.items():
        for target in page.targets:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            n_links += 1
            there = (path.parent / unquote(url.path)).resolve() if url.path else path
            if there.is_dir():
                there /= "index.html"
            if not there.exists():
                broken.append(f"{path.relative_to(root)}: no file {target}")
            elif there in pages and unquote(url.fragment) not in pages[there].anchors:
                broken.append(f"{path.relative_to(root)}: no anchor {target}")
    return broken, n_links


if __name__ == "__main__":
    site = Path(sys.argv[1]).resolve()
    found, n_checked = broken_links(site)
    print(*found, f"{n_checked} local links, {len(found)} of them broken", sep="\n")
    sys.exit(bool(found) or not n_checked)
