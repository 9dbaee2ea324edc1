"""Whether prediction intervals hold: coverage, width, and the labels farthest outside."""

from typing import Any

import numpy as np
from scipy.stats import binom

from sklearn_regkd.inspection.style import BLUE, DARK, GREY, RED, legend_above, new_axes, with_unit
from sklearn_regkd.inspection.training_rows import check_output, fitted_distiller
from sklearn_regkd.preprocessing.conformal import check_coverage
from sklearn_regkd.preprocessing.validation import as_columns

COVERAGES = tuple(np.linspace(0.05, 0.95, 19).round(2).tolist())
# Chance keeps a share of labels in its band in so many of a hundred tables.
CHANCE = 0.95
# So many points in a panel are drawn as cells that count them.
MANY = 3000
WORST = 10
SIZE = (12.6, 4.4)


def share_by_chance(coverage: Any, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return between which shares of labels lie inside if intervals hold, with 95 %.

    The number of labels inside is binomial; each coverage is looked at by itself.

    Parameters
    ----------
    coverage : float or array-like of shape (n_coverages,)
        Share of labels that is to lie inside.
    n_samples : int
        Number of labels.

    Examples
    --------
    >>> from sklearn_regkd.inspection.intervals import share_by_chance
    >>> low, high = share_by_chance(0.9, 100)
    >>> float(low), float(high)
    (0.84, 0.95)
    """
    ends = binom.interval(CHANCE, n_samples, np.asarray(coverage, np.float64))
    return ends[0] / n_samples, ends[1] / n_samples


def is_inside(label: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return whether labels (n, k) lie within bounds (n, k, 2), ends included."""
    return (bounds[..., 0] <= label) & (label <= bounds[..., 1])


class IntervalDisplay:
    """Whether intervals hold, where they are wide, and which labels lie farthest outside.

    The first panel has the share of labels inside against the coverage that was asked for, with
    the band in which chance keeps it with 95 %, coverage by coverage. The second has the width
    of the intervals against the prediction. The third has the labels farthest outside,
    in units of the width of their interval, each with its interval and the number of its row.

    Parameters
    ----------
    label : ndarray of shape (n_samples, n_outputs)
        Labels, in units of y.
    prediction : ndarray of shape (n_samples, n_outputs)
        Predictions of the student, in units of y.
    bounds : ndarray of shape (n_samples, n_outputs, 2)
        Lower and upper ends of the intervals of `coverage`, in units of y.
    coverage : float
        Share of labels that is to lie within `bounds`.
    nominal : ndarray of shape (n_coverages,)
        Shares of labels that were asked for.
    share_inside : ndarray of shape (n_coverages, n_outputs)
        Share of the labels that lies inside, for each of these.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (3,)
        Panels of coverage, width and worst rows.
    figure_ : matplotlib Figure
        Figure of these axes.

    See Also
    --------
    LabelNoiseDisplay : Which labels of the training rows are suspicious.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd import DistilledRegressor, StudentRegressor
    >>> from sklearn_regkd.inspection import IntervalDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (300, 2))
    >>> y = X[:, 0] + rng.normal(0, 0.1, 300)
    >>> student = StudentRegressor(max_epochs=20, weight_decay=1.0)
    >>> model = DistilledRegressor(student=student, random_state=0).fit(X[:200], y[:200])
    >>> y[250] += 5  # no clean label: it counts as one outside
    >>> display = IntervalDisplay.from_estimator(model, X[200:], y[200:], coverages=[0.5, 0.9])
    >>> display.share_inside.shape, int(display.worst()[0])
    ((2, 1), 50)
    """

    def __init__(
        self,
        label: np.ndarray,
        prediction: np.ndarray,
        bounds: np.ndarray,
        coverage: float,
        nominal: np.ndarray,
        share_inside: np.ndarray,
    ):
        self.label = label
        self.prediction = prediction
        self.bounds = bounds
        self.coverage = coverage
        self.nominal = nominal
        self.share_inside = share_inside

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        coverages: Any = COVERAGES,
        coverage: float = 0.9,
        output: int = 0,
        unit: str = "",
        n_worst: int = WORST,
        ax: Any = None,
    ) -> "IntervalDisplay":
        """Compare intervals with labels, and draw them.

        Parameters
        ----------
        estimator : TORRegressor, DistilledRegressor, Pipeline or search
            A fitted distillation estimator, a Pipeline that ends with one, or a search over
            them.
        X : array-like of shape (n_samples, n_features)
            Rows, best held-out ones: the student has learned from those of `fit`, so that more of
            their labels lie inside.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels of these rows. Intervals are of clean labels: where some are wrong, these count
            as outside, and the share inside is lower by about theirs.
        coverages : array-like of shape (n_coverages,), default=0.05, 0.1, ..., 0.95
            Coverages of the first panel, each between 0 and 1.
        coverage : float, default=0.9
            Coverage of the intervals in the other two panels.
        output : int, default=0
            Column of y that is drawn.
        unit : str, default=""
            Unit of y, shown on the axes.
        n_worst : int, default=10
            Number of labels at most in the third panel.
        ax : matplotlib Axes, or array-like of three of them, default=None
            Axes to draw on; a single subplot is divided into three. None opens a new figure.

        Returns
        -------
        IntervalDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If a coverage is not between 0 and 1, if X and y differ in length, or if the
            estimator has no intervals.
        """
        display = cls._of_estimator(estimator, X, y, coverages, coverage)
        return display.plot(ax, output=output, unit=unit, n_worst=n_worst)

    @classmethod
    def _of_estimator(
        cls, estimator: Any, X: Any, y: Any, coverages: Any, coverage: float
    ) -> "IntervalDisplay":
        """Return the display without drawing it."""
        distiller, (X,) = fitted_distiller(estimator, cls.__name__, X)
        coverage = check_coverage(coverage)
        nominal = np.sort(
            [check_coverage(one, "coverages") for one in np.ravel(coverages).tolist()]
        )
        prediction = np.asarray(distiller.predict(X), np.float64)
        n_samples, n_outputs = len(prediction), distiller.n_outputs_
        shape = (n_samples, n_outputs)
        label = as_columns(y, n_samples, n_outputs, "y")

        def bounds_of(level: float) -> np.ndarray:
            return np.reshape(distiller.predict_interval(X, level), (*shape, 2))

        inside = [is_inside(label, bounds_of(level)).mean(axis=0) for level in nominal.tolist()]
        share = np.reshape(inside, (len(nominal), n_outputs))
        return cls(label, prediction.reshape(shape), bounds_of(coverage), coverage, nominal, share)

    @property
    def width(self) -> np.ndarray:
        """Width of each interval of `coverage`, in units of y, (n_samples, n_outputs)."""
        return self.bounds[..., 1] - self.bounds[..., 0]

    @property
    def outside(self) -> np.ndarray:
        """How far each label lies outside, in widths of its interval, (n_samples, n_outputs)."""
        low, high = np.moveaxis(self.bounds, -1, 0)
        missed = np.maximum(np.maximum(low - self.label, self.label - high), 0)
        without_width = np.where(missed > 0, np.inf, 0.0)
        return np.divide(missed, self.width, out=without_width, where=self.width > 0)

    def worst(self, output: int = 0) -> np.ndarray:
        """Return the numbers of the rows outside, the farthest in units of the width first.

        Parameters
        ----------
        output : int, default=0
            Column of y.
        """
        outside = self.outside[:, check_output(output, self.label.shape[1])]
        return np.argsort(-outside, kind="stable")[: np.count_nonzero(outside)]

    def plot(
        self, ax: Any = None, *, output: int = 0, unit: str = "", n_worst: int = WORST
    ) -> "IntervalDisplay":
        """Draw the three panels.

        Parameters
        ----------
        ax : matplotlib Axes, or array-like of three of them, default=None
            Axes to draw on; a single subplot is divided into three. None opens a new figure.
        output : int, default=0
            Column of y that is drawn.
        unit : str, default=""
            Unit of y, shown on the axes.
        n_worst : int, default=10
            Number of labels at most in the third panel.

        Returns
        -------
        IntervalDisplay
            The display itself.
        """
        rows = self.worst(output)[:n_worst]
        self.axes_ = _three_axes(ax)
        self.figure_ = self.axes_[0].figure
        self._draw_coverage(self.axes_[0], output)
        self._draw_width(self.axes_[1], output, unit)
        self._draw_worst(self.axes_[2], rows, output, unit)
        return self

    def _draw_coverage(self, ax: Any, output: int) -> None:
        grid = np.linspace(0, 1, 201)
        band = share_by_chance(grid, len(self.label))
        ax.fill_between(grid, *band, color=GREY, alpha=0.25, lw=0, label="by chance, 95 %")
        ax.plot([0, 1], [0, 1], color=DARK, lw=1.2, ls="--", label="as asked for")
        share = self.share_inside[:, output]
        ax.plot(self.nominal, share, "o-", color=BLUE, ms=4, lw=1.8, label="labels inside")
        ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="coverage asked for", ylabel="share of labels")
        legend_above(ax, "Do intervals hold?")

    def _draw_width(self, ax: Any, output: int, unit: str) -> None:
        x, width = self.prediction[:, output], self.width[:, output]
        name = f"{self.coverage:.0%} intervals: {len(x):,}"
        if len(x) > MANY:
            ax.hexbin(x, width, gridsize=40, mincnt=1, bins="log", cmap="Blues", label=name)
        else:
            ax.scatter(x, width, color=BLUE, s=12, alpha=0.5, lw=0, label=name)
        ax.set_ylim(bottom=0)
        ax.set(
            xlabel=with_unit("prediction", unit), ylabel=with_unit("width of the interval", unit)
        )
        legend_above(ax, "Where are they wide?")

    def _draw_worst(self, ax: Any, rows: np.ndarray, output: int, unit: str) -> None:
        place = np.arange(len(rows))
        low, high = self.bounds[rows, output].T
        style = {"fmt": "none", "ecolor": BLUE, "elinewidth": 3, "capsize": 4}
        name = f"{self.coverage:.0%} interval"
        ax.errorbar((low + high) / 2, place, xerr=(high - low) / 2, label=name, **style)
        marks = {"ls": "none", "mfc": "none", "ms": 7, "mew": 1.6}
        ax.plot(self.label[rows, output], place, "D", mec=RED, label="label", **marks)
        ax.set_yticks(place, [str(row) for row in rows])
        ax.set_ylim(max(len(rows), 1) - 0.5, -0.5)
        ax.set(xlabel=with_unit("label and interval", unit), ylabel="number of the row")
        ax.xaxis.get_major_locator().set_params(nbins=5)
        ax.grid(axis="y", color="#EEEEEE", lw=0.8)
        ax.set_axisbelow(True)
        legend_above(ax, "Which labels lie farthest outside?")


def _three_axes(ax: Any) -> np.ndarray:
    """Return three axes: new ones, the given ones, or parts of a subplot."""
    if ax is None:
        figure, first = new_axes(None, SIZE)
        ax = first
    axes = np.ravel(np.asarray(ax, dtype=object))
    if len(axes) == 1:
        place = axes[0].get_subplotspec()
        if place is None:
            raise ValueError(
                "ax is not a subplot, and cannot be divided into three: pass three axes"
            )
        figure = axes[0].figure
        axes[0].set_axis_off()
        parts = place.subgridspec(1, 3)
        axes = np.array([figure.add_subplot(part) for part in parts], dtype=object)
    if len(axes) != 3:
        raise ValueError(f"ax holds {len(axes)} axes, expected 3, or one that is divided")
    for one in axes:
        new_axes(one)
    return axes
