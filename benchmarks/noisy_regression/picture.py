"""The picture: what a prediction costs, and how right it is when labels were wrong."""

import numpy as np

from benchmarks.noisy_regression import summary
from benchmarks.noisy_regression.models import MODELS

# Okabe and Ito's colours, which the colour-blind can tell apart.
BLUE, SKY, GREEN = "#0072B2", "#56B4E9", "#009E73"
ORANGE, RED, PURPLE, GREY = "#E69F00", "#D55E00", "#CC79A7", "#7F7F7F"
COLORS = {"distilled": BLUE, "tor": GREEN, "student": SKY, "ridge": GREY, "cleanlab": PURPLE}
COLORS |= dict.fromkeys(("forest", "boosting", "boosting_absolute", "catboost"), ORANGE)
COLORS |= dict.fromkeys(("mlp", "realmlp", "tabm"), RED)
GAP = 11  # points between two labels, one above the other


def points(results, names):
    """Return microseconds a row and mean R2 over the noisy cells that all have, for each model."""
    found = {c: m for c, m in summary.cells(results).items() if c[1] != "none"}
    shared = summary.shared_cells(found, names)
    return {
        name: (
            summary.median_of(results, "microseconds", name),
            summary.mean_r2(shared, name),
        )
        for name in names
    }, len(shared)


def draw(results, path):
    """Draw all models on all cells, and, if slow ones ran, these beside the others on theirs."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    present = {one["model"] for one in summary.good(results)}
    broad = [n for n in MODELS if n in present and MODELS[n].scope == "all"]
    slow = [n for n in MODELS if n in present and n not in broad and MODELS[n].teacher is None]
    panels = [(results, broad, "all tables, all noises")]
    if slow:
        first = [one for one in results if one["seed"] == 0]
        panels.append((first, [*slow, *broad], "where the slow models ran, too"))
    with plt.rc_context({"font.size": 10}):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(6.2 * len(panels), 5), layout="constrained", squeeze=False
        )
        for ax, (some, names, title) in zip(axes[0], panels, strict=True):
            where, n_cells = points(some, names)
            where = {name: place for name, place in where.items() if None not in place}
            draw_points(ax, where)
            ax.set_title(f"{title} ({n_cells} cells)", fontsize=11)
        axes[0, 0].set_ylabel("mean R2 on clean labels after learning from wrong ones")
        figure.savefig(path, dpi=110)
        plt.close(figure)


def draw_points(ax, where):
    """Draw a point for each model, with its name beside it."""
    ax.set_xscale("log")
    costs, scores = np.array(list(where.values())).T.reshape(2, -1)
    for name, (cost, score) in where.items():
        size = 70 if MODELS[name].ours else 36
        ax.scatter(cost, score, s=size, color=COLORS.get(name, GREY), zorder=3)
    room = 0.08 * max(float(np.ptp(scores)), 0.01)
    ax.set_ylim(scores.min() - room, scores.max() + room)
    ax.set_xlim(costs.min() / 1.6, costs.max() * 12)  # names stand on the right of their points
    ax.set_xlabel("microseconds a row, of 1,000 in one call, on one thread (logarithmic)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="#EEEEEE")
    ax.figure.draw_without_rendering()
    for name, height in spread_labels(ax, where).items():
        ax.annotate(
            MODELS[name].title,
            where[name],
            (9, height),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=COLORS.get(name, GREY) if MODELS[name].ours else "#333333",
            weight="bold" if MODELS[name].ours else "normal",
            arrowprops={"arrowstyle": "-", "color": "#BBBBBB", "lw": 0.6} if height else None,
        )


def spread_labels(ax, where):
    """Return by how many points each name stands above its point, so that none cover another.

    From the top down, a name that would touch one already there goes below it.
    """
    scale = 72 / ax.figure.dpi
    at = {name: ax.transData.transform(place) * scale for name, place in where.items()}
    placed, heights = [], {}
    for name in sorted(at, key=lambda name: -at[name][1]):
        x, y = at[name]
        end = x + 9 + 6 * len(MODELS[name].title)
        goal = y
        for left, right, other in sorted(placed, key=lambda one: -one[2]):
            if left < end and x < right and abs(goal - other) < GAP:
                goal = other - GAP
        placed.append((x, end, goal))
        heights[name] = goal - y
    return heights
