"""What all pictures share: colours, units, and the import of matplotlib."""

from typing import Any

# Okabe and Ito's colours, which the colour-blind can tell apart.
BLUE, ORANGE, RED, GREEN, PURPLE = "#0072B2", "#E69F00", "#D55E00", "#009E73", "#CC79A7"
GREY, DARK = "#7F7F7F", "#333333"


def new_axes(ax: Any, size: tuple[float, float] = (6.4, 4.4)) -> tuple[Any, Any]:
    """Return a figure and axes to draw on: the given ones, or new ones.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    if ax is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                "pictures need the package matplotlib: pip install 'sklearn-regkd[plots]'"
            ) from error
        _, ax = plt.subplots(figsize=size, layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax.figure, ax


def with_unit(text: str, unit: str) -> str:
    """Return the label of an axis.

    Examples
    --------
    >>> from sklearn_regkd.inspection.style import with_unit
    >>> with_unit("label", "MPa"), with_unit("label", "")
    ('label (MPa)', 'label')
    """
    return f"{text} ({unit})" if unit else text


def legend_above(ax: Any, title: str, columns: int = 2) -> None:
    """Put title and legend above the axes, where they hide no point."""
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=columns,
        fontsize="small",
        frameon=False,
        borderaxespad=0.2,
        handletextpad=0.4,
        columnspacing=1.2,
        title=title,
        title_fontproperties={"size": "large", "weight": "bold"},
        alignment="left",
    )
