"""Which labels are suspicious: the teacher's out-of-fold errors."""

import warnings
from textwrap import wrap
from typing import Any

import numpy as np
from scipy.stats import norm, t

from sklearn_regkd.estimators.tor import TORRegressor
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
    columns_of,
    fitted_distiller,
    ranked,
)
from sklearn_regkd.label_noise.mixture import (
    DEGREES_OF_FREEDOM,
    Mixture,
    MixtureRule,
    fit_mixture,
)
from sklearn_regkd.label_noise.rules import resolve_rule

SHOWN = (0.002, 0.998)
BINS = 50
# Letters in a line of the legend: numbers of rows can have many digits.
LEGEND_WIDTH = 26


class LabelNoiseDisplay:
    """Out-of-fold residuals, label minus teacher, with the labels that were rejected.

    Parameters
    ----------
    residual : ndarray of shape (n_samples, n_outputs)
        Label minus teacher, in units of y.
    flagged : ndarray of bool of shape (n_samples, n_outputs)
        Labels that were rejected.
    probability : ndarray of shape (n_samples, n_outputs)
        Of being wrong.
    threshold : ndarray of shape (n_outputs,), default=None
        Distance from which a label was rejected, in units of y. NaN, as None, where the
        rule has none: a mixture, or evidence that counts each row by its own.
    mixtures : list of (Mixture or None), default=None
        The two kinds of errors, in units of y, where such a mixture decided.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        What was drawn on, set by `plot`.

    See Also
    --------
    TeacherAgreementDisplay : Whom the student follows there.
    distillation_report : The suspicious labels as a table.

    Examples
    --------
    >>> from sklearn_regkd.inspection import LabelNoiseDisplay
    >>> display = LabelNoiseDisplay.from_predictions(
    ...     [1.0, 2.0, 9.0], teacher=[1.1, 1.9, 3.0], probability=[0.0, 0.1, 0.9]
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
    def from_estimator(cls, estimator: Any, X: Any, y: Any) -> "LabelNoiseDisplay":
        """Look at the labels that an estimator was fitted with.

        Parameters
        ----------
        estimator : TORRegressor, DistilledRegressor, Pipeline or a search over one
            Fitted. A Pipeline ends with one of the two.
        X : ignored
            So that all displays are called alike: what the teacher said out-of-fold
            is kept in the estimator.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The labels that were given to `fit`.

        Returns
        -------
        LabelNoiseDisplay
            Call its `plot`.

        Raises
        ------
        ValueError
            If y has another length than the labels of `fit`.
        """
        distiller, _ = fitted_distiller(estimator, cls.__name__)
        rows = TrainingRows.of(distiller, y)
        if rows.label is None:
            raise ValueError("y=None was given: pass the labels that were given to fit")
        residual = rows.label - rows.teacher
        threshold, mixtures = _limits_of(distiller, residual, rows.flagged)
        return cls(residual, rows.flagged, rows.probability, threshold, mixtures)

    @classmethod
    def from_predictions(
        cls, y: Any, *, teacher: Any, probability: Any, flagged: Any = None
    ) -> "LabelNoiseDisplay":
        """Look at labels of which somebody else has judged.

        Parameters
        ----------
        y, teacher : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels and predictions, best out-of-fold.
        probability : array-like of the same shape
            That the label is wrong.
        flagged : array-like of bool of the same shape, default=None
            Which labels were rejected; None means those of a probability above one half.

        Returns
        -------
        LabelNoiseDisplay
            Call its `plot`.
        """
        label, wrong = columns_of(y), columns_of(probability)
        mask = wrong > 0.5 if flagged is None else columns_of(flagged).astype(bool)
        others = {"teacher": columns_of(teacher), "probability": wrong, "flagged": mask}
        for name, values in others.items():
            if values.shape != label.shape:
                raise ValueError(f"{name} has shape {values.shape}, expected {label.shape}, like y")
        return cls(label - others["teacher"], mask, wrong)

    def suspicious(self, output: int = 0) -> np.ndarray:
        """Return the numbers of all rows, the most suspicious first.

        Parameters
        ----------
        output : int, default=0
            Which column of y.
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
            Where to; None opens a new figure.
        output : int, default=0
            Which column of y.
        unit : str, default=""
            Of y, for the axis.
        n_marked : int, default=5
            How many of the most suspicious rows are marked and named.

        Returns
        -------
        LabelNoiseDisplay
            Itself.
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
        # What lies beyond is counted at the edge.
        inside = residual.clip(low, high)
        bars = {"bins": edges, "stacked": True, "edgecolor": "white", "linewidth": 0.4}
        _, _, drawn = ax.hist(
            [inside[~flagged], inside[flagged]],
            color=[GREY, RED],
            label=[f"kept: {np.sum(~flagged):,}", f"flagged: {np.sum(flagged):,}"],
            **bars,
        )
        for bar in drawn[1]:  # told apart without colour as well
            bar.set_hatch("////")
        self._draw_rule(ax, output, edges, threshold)
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
            xlabel=with_unit("label minus teacher, which had not seen it", unit),
            ylabel="number of labels (square-root scale)",
        )
        legend_above(ax, "Which labels are suspicious?")
        return self

    def _draw_rule(self, ax: Any, output: int, edges: np.ndarray, threshold: float) -> None:
        if np.isfinite(threshold):
            for side in (-threshold, threshold):
                ax.axvline(
                    side, color=BLUE, lw=1.8, ls="--", label=None if side > 0 else "threshold"
                )
        mixture = None if self.mixtures is None else self.mixtures[output]
        if mixture is None:
            return
        grid = np.linspace(edges[0], edges[-1], 400)
        n_per_bar = len(self.residual) * (edges[1] - edges[0])
        good = t.pdf(grid, DEGREES_OF_FREEDOM, mixture.location, mixture.scale)
        wrong = norm.pdf(grid, mixture.outlier_location, mixture.outlier_scale)
        curves = ((1 - mixture.share) * good, BLUE, "-"), (mixture.share * wrong, GREEN, "--")
        for (curve, color, style), kind in zip(curves, ("good", "wrong"), strict=True):
            ax.plot(
                grid, n_per_bar * curve, color=color, ls=style, lw=2, label=f"{kind} labels, fitted"
            )


def _limits_of(
    distiller: Any, residual: np.ndarray, flagged: np.ndarray
) -> tuple[np.ndarray, list[Mixture | None]]:
    """Return threshold and mixture of each output, in units of y, where they decided.

    A fit keeps its verdict alone. The rule is applied once more, and its threshold is shown
    only if it gives that very verdict.
    """
    n_outputs = residual.shape[1]
    thresholds = np.full(n_outputs, np.nan)
    mixtures: list[Mixture | None] = [None] * n_outputs
    if isinstance(distiller, TORRegressor):
        rule = distiller._rule()
    elif isinstance(distiller.outliers, str) and distiller.outliers == "auto":
        rule = None
        for output, decision in enumerate(distiller.decisions_):
            if decision.rule.startswith("mixture"):
                mixtures[output] = fit_mixture(residual[:, output])
    else:
        rule = resolve_rule(distiller.outliers)
    if isinstance(rule, MixtureRule):
        mixtures = [fit_mixture(column) for column in residual.T]
    elif rule is not None:
        # The paper's threshold depends on the units: the student's hold in fit.
        scale = distiller.student_._output.scale.cpu().numpy().astype(np.float64)
        scale = np.where(scale > 0, scale, 1.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fit has warned
            verdict = rule.detect(residual / scale)
        same = np.mean(verdict.inlier == ~flagged, axis=0) > 0.999
        known = same & np.isfinite(verdict.threshold)
        thresholds[known] = (verdict.threshold * scale)[known]
    return thresholds, mixtures


def _square_ticks(top: float) -> Any:
    """Return round numbers that are spaced well under square roots."""
    from matplotlib.ticker import FixedLocator

    wanted = np.maximum(top * np.linspace(0, 1, 6)[1:] ** 2, 1)
    digit = 10.0 ** np.floor(np.log10(wanted))
    round_ = np.array([1, 1.5, 2, 3, 5, 7])
    ticks = digit * round_[np.searchsorted(round_, wanted / digit, side="right") - 1]
    return FixedLocator(np.unique(np.append(np.floor(ticks), 0)).tolist())
