"""Labels against predictions, with the band of the intervals."""

from typing import Any

import numpy as np

from sklearn_regkd.inspection.intervals import is_inside, share_by_chance
from sklearn_regkd.inspection.style import BLUE, DARK, GREY, RED, legend_above, new_axes, with_unit
from sklearn_regkd.inspection.training_rows import check_output

COVERAGE = 0.9
# Rows of like predictions share an edge of the band, at most so many edges.
ROWS_OF_EDGE, MOST_EDGES = 8, 40


class IntervalBand:
    """Labels of held-out rows against predictions; the band holds the middle interval of each part.

    Parameters
    ----------
    label, prediction : ndarray of shape (n_samples, n_outputs)
        In units of y.
    bounds : ndarray of shape (n_samples, n_outputs, 2)
        Lower and upper ends of the intervals.
    """

    def __init__(self, label: np.ndarray, prediction: np.ndarray, bounds: np.ndarray):
        self.label = label
        self.prediction = prediction
        self.bounds = bounds

    @classmethod
    def of(
        cls, distiller: Any, X: Any, label: np.ndarray, prediction: np.ndarray
    ) -> "IntervalBand | None":
        """Return it for rows of a fitted estimator; None where that has no intervals."""
        if getattr(distiller, "_intervals", None) is None:
            return None
        bounds = distiller.predict_interval(X, COVERAGE)
        return cls(label, prediction, np.reshape(bounds, (*label.shape, 2)))

    def sentence(self, output: int, name: str) -> str:
        """Return the share of labels inside in words, beside what chance allows."""
        n = len(self.label)
        share = is_inside(self.label, self.bounds)[:, output].mean()
        low, high = share_by_chance(COVERAGE, n)
        of = f" of {name}" if name else ""
        return (
            f"{share:.0%} of the held-out labels{of} lie inside their {COVERAGE:.0%} interval; of "
            f"{n:,} labels chance allows {low:.0%} to {high:.0%}, and wrong ones count as outside."
        )

    def edges(self, output: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return means of neighbouring predictions, and the medians of their bounds.

        Each of the three has shape (n_edges,), in the order of the predictions.
        """
        order = np.argsort(self.prediction[:, output], kind="stable")
        n_edges = int(np.clip(len(order) // ROWS_OF_EDGE, 1, MOST_EDGES))
        parts = np.array_split(order, n_edges)
        center = np.array([self.prediction[part, output].mean() for part in parts])
        bounds = np.array([np.median(self.bounds[part, output], axis=0) for part in parts])
        return center, bounds[:, 0], bounds[:, 1]

    def plot(self, ax: Any = None, *, output: int = 0, unit: str = "") -> "IntervalBand":
        """Draw labels, predictions and the band."""
        check_output(output, self.label.shape[1])
        self.figure_, self.ax_ = new_axes(ax)
        ax = self.ax_
        label, prediction = self.label[:, output], self.prediction[:, output]
        inside = is_inside(self.label, self.bounds)[:, output]
        center, low, high = self.edges(output)
        name = f"{COVERAGE:.0%} interval"
        ax.fill_between(center, low, high, color=BLUE, alpha=0.2, lw=0, label=name, zorder=0)
        ends = [prediction.min(), prediction.max()]
        ax.plot(ends, ends, color=DARK, lw=1.2, ls="--", label="label = prediction")
        dots = {"s": 6, "alpha": 0.35} if len(label) > 3000 else {"s": 14, "alpha": 0.55}
        count = f"inside: {np.sum(inside):,}"
        ax.scatter(prediction[inside], label[inside], color=GREY, lw=0, label=count, **dots)
        if not inside.all():
            rings = {"fc": "none", "ec": RED, "s": 22, "lw": 1.1, "marker": "D"}
            count = f"outside: {np.sum(~inside):,}"
            ax.scatter(prediction[~inside], label[~inside], label=count, **rings)
        ax.set(xlabel=with_unit("prediction", unit), ylabel=with_unit("label", unit))
        legend_above(ax, "How sure are predictions?")
        return self
