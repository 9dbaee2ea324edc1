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
LEADER = {"arrowstyle": "-", "color": "#AAAAAA", "lw": 0.7, "relpos": (0, 0.5), "shrinkA": 0}
FEWEST = 6  # cells of a panel: the mean of fewer says more of the tables than of the models
GAP, WIDTH = 12, 5.6  # points between two names, one above the other, and of one letter


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
        if points(first, [*slow, *broad])[1] >= FEWEST:
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
    room = 0.1 * max(float(np.ptp(scores)), 0.01)
    ax.set_ylim(scores.min() - 2 * room, scores.max() + room)
    ax.set_xlim(costs.min() / 1.6, costs.max() * 15)  # names stand on the right of their points
    ax.set_xlabel("microseconds a row, of 1,000 in one call, on one thread (logarithmic)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="#EEEEEE")
    ax.figure.draw_without_rendering()
    for name, height in heights(ax, where).items():
        ax.annotate(
            MODELS[name].title,
            where[name],
            (9, height),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=COLORS.get(name, GREY) if MODELS[name].ours else "#333333",
            weight="bold" if MODELS[name].ours else "normal",
            arrowprops=LEADER if height else None,
        )


def heights(ax, where):
    """Return by how many points each name stands above its point, to cover no other and no name.

    From the top down, each name takes the nearest height that is free.
    """
    scale = 72 / ax.figure.dpi
    at = {name: ax.transData.transform(place) * scale for name, place in where.items()}
    taken = [(x - 6, x + 6, y) for x, y in at.values()]  # the points themselves
    found = {}
    steps = sorted(range(-20 * GAP, 20 * GAP, 2), key=lambda step: (abs(step), -step))
    for name in sorted(at, key=lambda name: -at[name][1]):
        x, y = at[name]
        start, end = x + 7, x + 9 + WIDTH * len(MODELS[name].title)
        found[name] = next(
            step
            for step in steps
            if not any(
                left < end and start < right and abs(y + step - other) < GAP
                for left, right, other in taken
            )
        )
        taken.append((start, end, y + found[name]))
    return found
