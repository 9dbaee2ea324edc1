"""What is around a student: scalers, which move its tables instead of its rows."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from sklearn_regkd.estimators.in_domain import domain_of
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.export.feeds import student_rows
from sklearn_regkd.export.network import is_built_in
from sklearn_regkd.export.wrapped import all_layers, student_of
from sklearn_regkd.networks.scaling import LARGEST_LOG

SCALERS = (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler)
KNOWN = ", ".join(sorted(kind.__name__ for kind in SCALERS))


@dataclass(frozen=True)
class Line:
    """From scaled to raw numbers of each column: ``raw = scaled * scale + offset``, scale > 0."""

    offset: np.ndarray
    scale: np.ndarray

    @classmethod
    def idle(cls, n_columns: int) -> Self:
        """Return the line that moves nothing."""
        return cls(np.zeros(n_columns), np.ones(n_columns))

    def after(self, outer: Self) -> Self:
        """Return the line back through this scaler, and then through one that comes before it."""
        return type(self)(self.offset * outer.scale + outer.offset, self.scale * outer.scale)

    @property
    def moves(self) -> bool:
        """Return whether any number changes."""
        return bool(np.any(self.offset != 0) or np.any(self.scale != 1))


@dataclass(frozen=True, kw_only=True)
class Around:
    """A fitted student, its head, and the scalers around it.

    Parameters
    ----------
    student : StudentRegressor
        Fitted, with the built-in network.
    head : {"label", "teacher", "mean"}
        The output that `predict` takes.
    rows : Line
        From what the student sees to raw features.
    target : Line
        From what the student returns to raw units.
    moves : bool
        Whether there is a Pipeline or a transformed target around the student.
    """

    student: StudentRegressor
    head: str
    rows: Line
    target: Line
    moves: bool

    @property
    def largest_log(self) -> float | None:
        """Return where logarithms that the network returns end; None if it returns none."""
        return LARGEST_LOG if self.student._output.log else None

    def take_rows(self, X: Any) -> np.ndarray:
        """Return rows as in `predict` as raw numbers, with codes in the place of categories.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; those of a student without scalers are checked as in `predict`.
        """
        if not self.moves:
            return student_rows(self.student, X).astype(np.float32)
        rows, n_features = np.asarray(X, np.float32), self.student.n_features_in_
        if rows.ndim != 2 or rows.shape[1] != n_features:
            raise ValueError(f"X must have shape (n_samples, {n_features}), got {rows.shape}")
        return rows

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return predictions (n_samples, n_outputs) of rows with codes, NaN for refused ones.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_features), float32
            Raw rows, with codes in the place of categories.
        """
        seen = self._seen(rows)
        refused = np.isinf(seen) | (np.isnan(seen) & (not self.student._takes_missing()))
        answered = ~refused.any(axis=1)
        found = np.full((len(rows), self.student.n_outputs_), np.nan)
        if answered.any():
            found[answered] = self.student._predict_columns(seen[answered], self.head)
        return (found * self.target.scale + self.target.offset).astype(np.float32)

    def contains(self, rows: np.ndarray) -> np.ndarray:
        """Return which rows the training table can speak about; see :meth:`predict`."""
        return domain_of(self.student).contains(self._seen(rows))

    def _seen(self, rows: np.ndarray) -> np.ndarray:
        """Return raw rows as the student sees them."""
        with np.errstate(over="ignore", invalid="ignore"):
            return ((rows - self.rows.offset) / self.rows.scale).astype(np.float32)


def around(estimator: Any) -> Around:
    """Return the fitted student inside an estimator, and the scalers around it.

    Raises
    ------
    TypeError
        If there is no student inside.
    ValueError
        If the student has a module of the user's, was fitted on images, or predicts what single
        precision cannot hold, or if a step of a Pipeline or a transformed target is no scaler.
    """
    found = all_layers(estimator)
    student, head = student_of(found[-1])
    _refuse_others(student)
    rows = Line.idle(student.n_features_in_)
    target = Line.idle(student.n_outputs_)
    moves = False
    for one in reversed(found):
        if isinstance(one, Pipeline):
            for name, step in reversed(one.steps[:-1]):
                if step not in (None, "passthrough"):
                    moves, rows = True, rows.after(_rows_of(name, step))
                    _keep_categories(student, name, step)
        elif isinstance(one, TransformedTargetRegressor):
            moves, target = True, target.after(_target_of(one, student.n_outputs_))
    return Around(student=student, head=head, rows=rows, target=target, moves=moves)


def _refuse_others(student: StudentRegressor) -> None:
    if not is_built_in(student):
        raise ValueError(
            "this format holds the built-in network, and the student has a module of your own: "
            "fit it with module=None, or write it with to_onnx"
        )
    if str(student._output.center.dtype) == "torch.float64":
        raise ValueError(
            "outputs are single precision here, which is too coarse for the target: its offset is "
            "far larger than its spread, or its numbers are beyond single precision. Subtract an "
            "offset from y before fit, or change its unit"
        )


def _rows_of(name: str, step: Any) -> Line:
    if type(step) not in SCALERS or getattr(step, "clip", False):
        raise ValueError(
            f"step {name!r} of the Pipeline, {step!r}, cannot be written: known are "
            f"'passthrough' and, without clip, {KNOWN}. Do this step before the student's rows "
            "are made, and export the last step alone, or write all of it with to_onnx"
        )
    return _line(step)


def _line(scaler: Any) -> Line:
    """Return the inverse of a scaler, from two points."""
    shape = 1, scaler.n_features_in_
    # An array for each call: with copy=False it is written into.
    offset = scaler.inverse_transform(np.zeros(shape))[0]
    return Line(offset, scaler.inverse_transform(np.ones(shape))[0] - offset)


def _keep_categories(student: StudentRegressor, name: str, step: Any) -> None:
    """Refuse a scaler of categories: rounded, they would be others."""
    line = _line(step)
    moved = (line.offset != 0) | (line.scale != 1)
    for column in student._categorical:
        if moved[column]:
            raise ValueError(
                f"step {name!r} of the Pipeline, {step!r}, scales column {int(column)}, which "
                "holds categories: leave it away before fit"
            )


def _target_of(regressor: TransformedTargetRegressor, n_outputs: int) -> Line:
    scaler = regressor.transformer_
    if type(scaler) is FunctionTransformer and scaler.inverse_func is None:
        return Line.idle(n_outputs)
    if type(scaler) not in SCALERS:
        raise ValueError(
            f"the target is transformed by {scaler!r}, which cannot be written: known are "
            f"{KNOWN}. The student scales its target itself; for counts and other labels that "
            "are not negative there is loss='poisson', or write it with to_onnx"
        )
    return _line(scaler)
