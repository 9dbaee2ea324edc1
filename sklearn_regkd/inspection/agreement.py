"""Whom the student follows where label and teacher contradict each other."""

from typing import Any

import numpy as np

from sklearn_regkd.inspection.style import BLUE, DARK, GREY, RED, legend_above, new_axes, with_unit
from sklearn_regkd.inspection.training_rows import (
    TrainingRows,
    check_output,
    columns_of,
    fitted_distiller,
)

# Of the values; what lies beyond is drawn at the edge.
SHOWN = (0.002, 0.998)


class TeacherAgreementDisplay:
    """Student against teacher against label, which shows whom the student follows.

    To the right lies a label above the teacher's value, upwards a student above it. On the
    horizontal line the student says what the teacher says, on the diagonal it repeats the
    label. Flagged labels belong near the horizontal line, far out.

    Parameters
    ----------
    label, teacher, student : ndarray of shape (n_samples, n_outputs)
        The label of each row and what the two say of it, in units of y.
    flagged : ndarray of bool of shape (n_samples, n_outputs)
        Labels that were rejected.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        What was drawn on, set by `plot`.

    See Also
    --------
    LabelNoiseDisplay : Which labels are suspicious.

    Examples
    --------
    >>> from sklearn_regkd.inspection import TeacherAgreementDisplay
    >>> display = TeacherAgreementDisplay.from_predictions(
    ...     [1.0, 2.0, 9.0], teacher=[1.1, 1.9, 3.0], student=[1.0, 2.0, 3.1]
    ... )
    >>> display.label.shape
    (3, 1)
    """

    def __init__(
        self, label: np.ndarray, teacher: np.ndarray, student: np.ndarray, flagged: np.ndarray
    ):
        self.label = label
        self.teacher = teacher
        self.student = student
        self.flagged = flagged

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any) -> "TeacherAgreementDisplay":
        """Compare what is known of the training rows.

        Parameters
        ----------
        estimator : TORRegressor, DistilledRegressor, Pipeline or a search over one
            Fitted. A Pipeline ends with one of the two.
        X : array-like of shape (n_samples, n_features)
            The rows that were given to `fit`: it is of these that the teacher spoke
            out-of-fold, and these whose labels were flagged. For other rows there is
            `from_predictions`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The labels that were given to `fit`.

        Returns
        -------
        TeacherAgreementDisplay
            Call its `plot`.
        """
        distiller, (X,) = fitted_distiller(estimator, cls.__name__, X)
        rows = TrainingRows.of(distiller, y)
        return cls.from_predictions(
            y, teacher=rows.teacher, student=distiller.predict(X), flagged=rows.flagged
        )

    @classmethod
    def from_predictions(
        cls, y: Any, *, teacher: Any, student: Any, flagged: Any = None
    ) -> "TeacherAgreementDisplay":
        """Compare labels and predictions of any rows.

        Parameters
        ----------
        y, teacher, student : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels and predictions.
        flagged : array-like of bool of the same shape, default=None
            Which labels were rejected; None means none.

        Returns
        -------
        TeacherAgreementDisplay
            Call its `plot`.
        """
        label = columns_of(y)
        mask = np.zeros(label.shape, bool) if flagged is None else columns_of(flagged).astype(bool)
        others = {"teacher": columns_of(teacher), "student": columns_of(student), "flagged": mask}
        for name, values in others.items():
            if values.shape != label.shape:
                raise ValueError(f"{name} has shape {values.shape}, expected {label.shape}, like y")
        return cls(label, others["teacher"], others["student"], mask)

    def plot(self, ax: Any = None, *, output: int = 0, unit: str = "") -> "TeacherAgreementDisplay":
        """Draw all rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to; None opens a new figure.
        output : int, default=0
            Which column of y.
        unit : str, default=""
            Of y, for the axes.

        Returns
        -------
        TeacherAgreementDisplay
            Itself.
        """
        check_output(output, self.label.shape[1])
        self.figure_, self.ax_ = new_axes(ax)
        ax = self.ax_
        x = (self.label - self.teacher)[:, output]
        y = (self.student - self.teacher)[:, output]
        flagged = self.flagged[:, output]
        ax.axhline(0, color=BLUE, lw=1.5, zorder=1)
        x_low, x_high = _limits(x)
        y_low, y_high = _limits(np.append(y, [x_low / 4, x_high / 4]))
        ax.plot([x_low, x_high], [x_low, x_high], color=DARK, lw=1.5, ls="--", zorder=1)
        x, y = x.clip(x_low, x_high), y.clip(y_low, y_high)
        many = len(x) > 3000
        dots = {"s": 6 if many else 14, "alpha": 0.35 if many else 0.55, "lw": 0}
        ax.scatter(
            x[~flagged], y[~flagged], color=GREY, label=f"kept: {np.sum(~flagged):,}", **dots
        )
        rings = {"fc": "none", "ec": RED, "s": 22, "lw": 1.1, "marker": "D"}
        if flagged.any():
            ax.scatter(x[flagged], y[flagged], label=f"flagged: {np.sum(flagged):,}", **rings)
        margin_x, margin_y = 0.04 * (x_high - x_low), 0.06 * (y_high - y_low)
        ax.set_xlim(x_low - margin_x, x_high + margin_x)
        ax.set_ylim(y_low - margin_y, y_high + margin_y)
        ax.set(
            xlabel=with_unit("label minus teacher", unit),
            ylabel=with_unit("student minus teacher", unit),
        )
        self._name_lines(ax, (x_low, x_high), (y_low, y_high))
        legend_above(ax, "Whom does the student follow?")
        return self

    @staticmethod
    def _name_lines(ax: Any, across: tuple[float, float], up: tuple[float, float]) -> None:
        """Write beside the lines what they mean, at the side with more room."""
        right = across[1] >= -0.7 * across[0]
        style: dict[str, Any] = {
            "textcoords": "offset points",
            "fontsize": "small",
            "bbox": {"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1},
        }
        ax.annotate(
            "says what the teacher says",
            (across[1] if right else across[0], 0),
            xytext=(0, -5 if right else 5),
            ha="right" if right else "left",
            va="top" if right else "bottom",
            color=BLUE,
            **style,
        )
        end = min(up[1], across[1]) if right else max(up[0], across[0])
        # Beside the line if it leaves upwards or downwards, above it if it leaves sideways.
        beside = end != across[int(right)]
        below = right == beside
        ax.annotate(
            "repeats the label",
            (end, end),
            xytext=((7 if right else -7) * beside, (-3 if below else 3) if beside else 0),
            ha="left" if below else "right",
            va="top" if below else "bottom",
            color=DARK,
            **style,
        )


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, SHOWN)
    low, high = min(low, 0.0), max(high, 0.0)
    return (low, high) if high > low else (low - 1, high + 1)
