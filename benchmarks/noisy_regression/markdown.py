"""Numbers, names and tables as Markdown."""

from benchmarks.noisy_regression.models import MODELS


def bold(name):
    """Return the title of a model, bold if this library brings it."""
    return f"**{MODELS[name].title}**" if MODELS[name].ours else MODELS[name].title


def number(value, digits=3):
    """Return a number as text, nothing for None."""
    if value is None:
        return ""
    return f"{value:.{digits}f}" if abs(value) < 1e4 else f"{value:.1e}"


def grid(header, rows):
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
