"""Which labels are suspicious: the teacher's out-of-fold errors."""

from textwrap import wrap
from typing import Any

import numpy as np
from scipy.stats import norm, t

from sklearn_regkd.inspection.style import (
    BLUE,
    DARK,
    GREEN,
    GREY,
    RED,
    legend_above,
    new_axes,
    with_unit,
)
from sklearn_regkd.inspection.training_rows import (
    TrainingRows,
    check_output,
    check_shapes,
    columns_of,
    fitted_distiller,
    ranked,
)
from sklearn_regkd.label_noise.mixture import DEGREES_OF_FREEDOM, Mixture

# Quantiles of the residuals that bound the axis; what lies beyond is counted at the edge.
SHOWN = (0.002, 0.998)
BINS = 50
# Letters in a line of the legend: numbers of rows can have many digits.
LEGEND_WIDTH = 26


class LabelNoiseDisplay:
    """Out-of-fold residuals, label minus teacher, with the labels that were rejected.

    Parameters
    ----------
    residual : ndarray of shape (n_samples, n_outputs)
        Label minus out-of-fold prediction of the teacher, in units of y.
    flagged : ndarray of bool of shape (n_samples, n_outputs)
        Mask of the labels that were rejected.
    probability : ndarray of shape (n_samples, n_outputs)
        Probability that a label is wrong.
    threshold : ndarray of shape (n_outputs,), default=None
        Distance from which a label was rejected, in units of y. It is not finite where no
        single distance decided; None means that of all outputs.
    mixtures : list of (Mixture or None), default=None
        The two kinds of errors of each output, in units of y, where such a mixture decided;
        None means that of no output.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that the picture was drawn on.
    figure_ : matplotlib Figure
        Figure of these axes.

    See Also
    --------
    TeacherAgreementDisplay : Whether the student follows its teacher there.
    distillation_report : The suspicious labels as a table.

    Examples
    --------
    >>> from sklearn_regkd.inspection import LabelNoiseDisplay
    >>> display = LabelNoiseDisplay.from_predictions(
    ...     [1.0, 2.0, 9.0], teacher_prediction=[1.1, 1.9, 3.0], probability=[0.0, 0.1, 0.9]
    ... )
    >>> display.suspicious().tolist()
    [2, 1, 0]
    """

    def __init__(
        self,
        residual: np.ndarray,
        flagged: np.ndarray,
        probability: np.ndarray,
        threshold: np.ndarray | None = None,
        mixtures: list[Mixture | None] | None = None,
    ):
        self.residual = residual
        self.flagged = flagged
        self.probability = probability
        self.threshold = threshold
        self.mixtures = mixtures

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        output: int = 0,
        unit: str = "",
        n_marked: int = 5,
        ax: Any = None,
    ) -> "LabelNoiseDisplay":
        """Draw the residuals of the labels that an estimator was fitted with.

        Parameters
        ----------
        estimator : TORRegressor, DistilledRegressor, Pipeline or search
            A fitted distillation estimator, a Pipeline that ends with one, or a search over
            them. It holds the out-of-fold predictions of its teacher.
        X : ignored
            Not used, present for consistency with the other displays.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels that were given to `fit`.
        output : int, default=0
            Column of y that is drawn.
        unit : str, default=""
            Unit of y, shown on the axis.
        n_marked : int, default=5
            Number of the most suspicious rows that are marked and named.
        ax : matplotlib Axes, default=None
            Axes to draw on; None opens a new figure.

        Returns
        -------
        LabelNoiseDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If y has another length than the labels of `fit`.
        """
        display = cls._of_estimator(estimator, y)
        return display.plot(ax, output=output, unit=unit, n_marked=n_marked)

    @classmethod
    def from_predictions(
        cls,
        y: Any,
        *,
        teacher_prediction: Any,
        probability: Any,
        flagged: Any = None,
        output: int = 0,
        unit: str = "",
        n_marked: int = 5,
        ax: Any = None,
    ) -> "LabelNoiseDisplay":
        """Draw the residuals of labels whose probabilities come from elsewhere.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels.
        teacher_prediction : array-like of the same shape
            Predictions of the teacher, best out-of-fold.
        probability : array-like of the same shape
            Probability that the label is wrong.
        flagged : array-like of bool of the same shape, default=None
            Mask of the labels that were rejected; None means those of a probability above
            one half.
        output : int, default=0
            Column of y that is drawn.
        unit : str, default=""
            Unit of y, shown on the axis.
        n_marked : int, default=5
            Number of the most suspicious rows that are marked and named.
        ax : matplotlib Axes, default=None
            Axes to draw on; None opens a new figure.

        Returns
        -------
        LabelNoiseDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the arrays differ in shape.
        """
        label, teacher, wrong = map(columns_of, (y, teacher_prediction, probability))
        mask = wrong > 0.5 if flagged is None else columns_of(flagged).astype(bool)
        check_shapes(label.shape, teacher_prediction=teacher, probability=wrong, flagged=mask)
        display = cls(label - teacher, mask, wrong)
        return display.plot(ax, output=output, unit=unit, n_marked=n_marked)

    @classmethod
    def _of_estimator(cls, estimator: Any, y: Any) -> "LabelNoiseDisplay":
        """Return the display without drawing it."""
        distiller, _ = fitted_distiller(estimator, cls.__name__)
        rows = TrainingRows.of(distiller, y)
        if rows.label is None:
            raise ValueError("y=None was given: pass the labels that were given to fit")
        residual = rows.label - rows.teacher_prediction
        # Files of an earlier version hold no verdict.
        verdict = getattr(distiller, "verdict_", None)
        if verdict is None:
            return cls(residual, rows.flagged, rows.probability)
        return cls(residual, rows.flagged, rows.probability, verdict.threshold, verdict.mixtures)

    def suspicious(self, output: int = 0) -> np.ndarray:
        """Return the numbers of all rows, the most suspicious first.

        Parameters
        ----------
        output : int, default=0
            Column of y.
        """
        check_output(output, self.residual.shape[1])
        return ranked(self.probability[:, output], np.abs(self.residual[:, output]))

    def plot(
        self, ax: Any = None, *, output: int = 0, unit: str = "", n_marked: int = 5
    ) -> "LabelNoiseDisplay":
        """Draw the distribution of residuals.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None opens a new figure.
        output : int, default=0
            Column of y that is drawn.
        unit : str, default=""
            Unit of y, shown on the axis.
        n_marked : int, default=5
            Number of the most suspicious rows that are marked and named.

        Returns
        -------
        LabelNoiseDisplay
            The display itself.
        """
        order = self.suspicious(output)
        self.figure_, self.ax_ = new_axes(ax)
        ax = self.ax_
        residual, flagged = self.residual[:, output], self.flagged[:, output]
        threshold = np.nan if self.threshold is None else self.threshold[output]
        low, high = np.quantile(residual, SHOWN)
        if np.isfinite(threshold):
            low, high = min(low, -1.2 * threshold), max(high, 1.2 * threshold)
        if not high > low:
            low, high = low - 1, high + 1
        edges = np.linspace(low, high, BINS + 1)
        inside = residual.clip(low, high)
        bars = {"bins": edges, "stacked": True, "edgecolor": "white", "linewidth": 0.4}
        _, _, drawn = ax.hist(
            [inside[~flagged], inside[flagged]],
            color=[GREY, RED],
            label=[f"kept: {np.sum(~flagged):,}", f"flagged: {np.sum(flagged):,}"],
            **bars,
        )
        for bar in drawn[1]:  # distinguished without colour as well
            bar.set_hatch("////")
        if np.isfinite(threshold):
            self._draw_threshold(ax, threshold)
        if self.mixtures is not None and self.mixtures[output] is not None:
            self._draw_mixture(ax, self.mixtures[output], edges)
        if n_marked:
            marked = order[:n_marked]
            names = "most suspicious: rows " + ", ".join(str(row) for row in marked)
            ax.plot(
                inside[marked],
                np.zeros(len(marked)),
                "^",
                color=DARK,
                ms=9,
                mec="white",
                clip_on=False,
                ls="none",
                zorder=5,
                label="\n".join(wrap(names, LEGEND_WIDTH)),
            )
        # Square roots: a bar of one label is seen beside one of hundreds.
        ax.set_yscale("function", functions=(lambda v: np.sqrt(np.maximum(v, 0)), np.square))
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_locator(_square_ticks(ax.get_ylim()[1]))
        ax.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
        ax.set(
            xlabel=with_unit("label minus out-of-fold teacher prediction", unit),
            ylabel="number of labels (square-root scale)",
        )
        legend_above(ax, "Which labels are suspicious?")
        return self

    @staticmethod
    def _draw_threshold(ax: Any, threshold: float) -> None:
        for side in (-threshold, threshold):
            ax.axvline(side, color=BLUE, lw=1.8, ls="--", label=None if side > 0 else "threshold")

    def _draw_mixture(self, ax: Any, mixture: Any, edges: np.ndarray) -> None:
        grid = np.linspace(edges[0], edges[-1], 400)
        n_per_bar = len(self.residual) * (edges[1] - edges[0])
        good = t.pdf(grid, DEGREES_OF_FREEDOM, mixture.location, mixture.scale)
        wrong = norm.pdf(grid, mixture.outlier_location, mixture.outlier_scale)
        curves = ((1 - mixture.share) * good, BLUE, "-"), (mixture.share * wrong, GREEN, "--")
        for (curve, color, style), kind in zip(curves, ("good", "wrong"), strict=True):
            ax.plot(
                grid, n_per_bar * curve, color=color, ls=style, lw=2, label=f"{kind} labels, fitted"
            )


def _square_ticks(top: float) -> Any:
    """Return round numbers that are spaced well under square roots."""
    from matplotlib.ticker import FixedLocator

    wanted = np.maximum(top * np.linspace(0, 1, 6)[1:] ** 2, 1)
    digit = 10.0 ** np.floor(np.log10(wanted))
    round_ = np.array([1, 1.5, 2, 3, 5, 7])
    ticks = digit * round_[np.searchsorted(round_, wanted / digit, side="right") - 1]
    return FixedLocator(np.unique(np.append(np.floor(ticks), 0)).tolist())
