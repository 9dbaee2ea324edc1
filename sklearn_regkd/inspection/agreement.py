"""Whether the student follows its teacher where teacher and label differ."""

from typing import Any

import numpy as np

from sklearn_regkd.inspection.style import BLUE, DARK, GREY, RED, legend_above, new_axes, with_unit
from sklearn_regkd.inspection.training_rows import (
    TrainingRows,
    check_output,
    check_shapes,
    columns_of,
    fitted_distiller,
)

# Quantiles of the values that bound the axes; what lies beyond is drawn at the edge.
SHOWN = (0.002, 0.998)


class TeacherAgreementDisplay:
    """Student against label, both as differences to the teacher.

    The horizontal axis is the label minus the teacher's prediction, the vertical axis the
    student's prediction minus the teacher's. On the horizontal line the student equals the
    teacher, on the diagonal it equals the label. Flagged labels belong near the horizontal
    line, far out.

    Parameters
    ----------
    label : ndarray of shape (n_samples, n_outputs)
        Labels, in units of y.
    teacher_prediction : ndarray of shape (n_samples, n_outputs)
        Predictions of the teacher, in units of y.
    student_prediction : ndarray of shape (n_samples, n_outputs)
        Predictions of the student, in units of y.
    flagged : ndarray of bool of shape (n_samples, n_outputs)
        Mask of the labels that were rejected.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that the picture was drawn on.
    figure_ : matplotlib Figure
        Figure of these axes.

    See Also
    --------
    LabelNoiseDisplay : Which labels are suspicious.

    Examples
    --------
    >>> from sklearn_regkd.inspection import TeacherAgreementDisplay
    >>> display = TeacherAgreementDisplay.from_predictions(
    ...     [1.0, 2.0, 9.0],
    ...     teacher_prediction=[1.1, 1.9, 3.0],
    ...     student_prediction=[1.0, 2.0, 3.1],
    ...     unit="m",
    ... )
    >>> display.ax_.get_ylabel()
    'student minus teacher (m)'
    """

    def __init__(
        self,
        label: np.ndarray,
        teacher_prediction: np.ndarray,
        student_prediction: np.ndarray,
        flagged: np.ndarray,
    ):
        self.label = label
        self.teacher_prediction = teacher_prediction
        self.student_prediction = student_prediction
        self.flagged = flagged

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, output: int = 0, unit: str = "", ax: Any = None
    ) -> "TeacherAgreementDisplay":
        """Compare student, teacher and label of the training rows, and draw them.

        Parameters
        ----------
        estimator : TORRegressor, DistilledRegressor, Pipeline or search
            A fitted distillation estimator, a Pipeline that ends with one, or a search over
            them.
        X : array-like of shape (n_samples, n_features)
            Rows that were given to `fit`: out-of-fold predictions of the teacher and flags
            are known of these only. For other rows there is `from_predictions`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels that were given to `fit`.
        output : int, default=0
            Column of y that is drawn.
        unit : str, default=""
            Unit of y, shown on the axes.
        ax : matplotlib Axes, default=None
            Axes to draw on; None opens a new figure.

        Returns
        -------
        TeacherAgreementDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If y has another length than the labels of `fit`.
        """
        return cls._of_estimator(estimator, X, y).plot(ax, output=output, unit=unit)

    @classmethod
    def from_predictions(
        cls,
        y: Any,
        *,
        teacher_prediction: Any,
        student_prediction: Any,
        flagged: Any = None,
        output: int = 0,
        unit: str = "",
        ax: Any = None,
    ) -> "TeacherAgreementDisplay":
        """Compare labels and predictions of any rows, and draw them.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels.
        teacher_prediction, student_prediction : array-like of the same shape
            Predictions of the teacher and of the student.
        flagged : array-like of bool of the same shape, default=None
            Mask of the labels that were rejected; None means none.
        output : int, default=0
            Column of y that is drawn.
        unit : str, default=""
            Unit of y, shown on the axes.
        ax : matplotlib Axes, default=None
            Axes to draw on; None opens a new figure.

        Returns
        -------
        TeacherAgreementDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the arrays differ in shape.
        """
        display = cls._of_predictions(y, teacher_prediction, student_prediction, flagged)
        return display.plot(ax, output=output, unit=unit)

    @classmethod
    def _of_estimator(cls, estimator: Any, X: Any, y: Any) -> "TeacherAgreementDisplay":
        """Return the display without drawing it."""
        distiller, (X,) = fitted_distiller(estimator, cls.__name__, X)
        rows = TrainingRows.of(distiller, y)
        return cls._of_predictions(y, rows.teacher_prediction, distiller.predict(X), rows.flagged)

    @classmethod
    def _of_predictions(
        cls, y: Any, teacher_prediction: Any, student_prediction: Any, flagged: Any = None
    ) -> "TeacherAgreementDisplay":
        """Return the display without drawing it."""
        label, teacher, student = map(columns_of, (y, teacher_prediction, student_prediction))
        mask = np.zeros(label.shape, bool) if flagged is None else columns_of(flagged).astype(bool)
        check_shapes(
            label.shape, teacher_prediction=teacher, student_prediction=student, flagged=mask
        )
        return cls(label, teacher, student, mask)

    def plot(self, ax: Any = None, *, output: int = 0, unit: str = "") -> "TeacherAgreementDisplay":
        """Draw all rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None opens a new figure.
        output : int, default=0
            Column of y that is drawn.
        unit : str, default=""
            Unit of y, shown on the axes.

        Returns
        -------
        TeacherAgreementDisplay
            The display itself.
        """
        check_output(output, self.label.shape[1])
        self.figure_, self.ax_ = new_axes(ax)
        ax = self.ax_
        x = (self.label - self.teacher_prediction)[:, output]
        y = (self.student_prediction - self.teacher_prediction)[:, output]
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
        legend_above(ax, "Does the student follow its teacher?")
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
            "student = teacher",
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
            "student = label",
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
