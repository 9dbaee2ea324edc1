"""Labels to check, the most suspicious first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_regkd.inspection.style import with_unit
from sklearn_regkd.inspection.tables import Table, numbers_by
from sklearn_regkd.inspection.training_rows import TrainingRows, ranked
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from sklearn_regkd.utils.sklearn_compat import safe_indexing

# Number of labels that are listed at least, rejected or not.
FEWEST = 20
PROBABILITY = "probability"
# Names of the columns where people read them.
HEADS = {
    "row": "row",
    "index": "index",
    "output": "output",
    "label": "given label",
    "teacher": "teacher, out-of-fold",
    "student": "student",
    "difference": "label minus teacher",
    PROBABILITY: "probability of being wrong",
    "rejected": "rejected",
}
WITH_UNIT = ("label", "teacher", "student", "difference")
HOW_TO_CORRECT = (
    "To correct labels, write the right values into a new column 'corrected' of the file that "
    "report.to_csv writes (the given value once more where it is right); "
    "sklearn_regkd.inspection.apply_corrections(y, file) returns the labels and the mask for "
    "fit(X, y, trusted=mask)."
)


@dataclass(frozen=True)
class SuspiciousLabels:
    """The most suspicious labels of a fit, column by column.

    Parameters
    ----------
    columns : dict of str to ndarray
        Columns by their names. ``"row"`` counts from 0 in the order of `fit`; ``"index"``,
        ``"output"``, ``"label"``, ``"student"`` and ``"difference"`` are there if known.
    unit : str
        Unit of y.
    n_labels : int
        Number of labels among which these were found.
    """

    columns: dict[str, np.ndarray]
    unit: str
    n_labels: int

    def __len__(self) -> int:
        return len(self.columns["row"])

    def table(self, most: int) -> Table:
        """Return the first of them as a table."""
        head = [
            with_unit(HEADS[name], self.unit if name in WITH_UNIT else "") for name in self.columns
        ]
        first = {name: values[:most] for name, values in self.columns.items()}
        cells = {name: _cells(name, values) for name, values in first.items()}
        in_unit = [name for name in WITH_UNIT if name in first]
        outputs = first.get("output", np.zeros(len(first["row"])))
        values = np.array([first[name] for name in in_unit])
        cells |= zip(in_unit, numbers_by(outputs, values), strict=True)
        rows = [list(row) for row in zip(*cells.values(), strict=True)]
        n_rejected = int(self.columns["rejected"].sum())
        shown = len(rows)
        note = f"The first {shown:,} of {len(self):,}. " if shown < len(self) else ""
        if not n_rejected and self.n_labels:
            note += "No label was rejected: these are the least likely ones. "
        if shown:
            note += HOW_TO_CORRECT
        return Table("Labels to check first", head, rows, note.strip())


def _cells(name: str, values: np.ndarray) -> list[str]:
    if name == "rejected":
        return ["yes" if value else "no" for value in values]
    if name == PROBABILITY:
        return [f"{value:.3f}" for value in values]
    return [str(value) for value in values]


def find_suspicious_labels(
    training: TrainingRows,
    predict: Callable[[Any], np.ndarray],
    X_train: Any,
    outputs: list[str] | None,
    index: Any,
    unit: str,
) -> SuspiciousLabels:
    """Rank the labels of a fit.

    Parameters
    ----------
    training : TrainingRows
        Labels and what the fit found out about them.
    predict : callable
        Method `predict` of the student.
    X_train : array-like of shape (n_samples, n_features) or None
        Rows that were given to `fit`.
    outputs : list of str or None
        Names of the columns of y; None if there is only one.
    index : array-like of shape (n_samples,) or None
        The user's names of the rows.
    unit : str
        Unit of y.
    """
    teacher_prediction = training.teacher_prediction
    n_rows, n_outputs = teacher_prediction.shape
    residual = None if training.label is None else training.label - teacher_prediction
    if residual is None or not n_rows:
        distance = np.zeros((n_rows, n_outputs))
    else:
        sigma = robust_sigma(residual)
        distance = np.abs(residual) / np.where(sigma > 0, sigma, 1.0)
    order = ranked(training.probability.ravel(), distance.ravel())
    rejected = training.flagged.ravel()[order]
    keep = rejected | (np.arange(len(order)) < FEWEST)
    order = order[keep]
    row, output = np.divmod(order, n_outputs)
    columns = {"row": row}
    if index is not None and list(index) != list(range(n_rows)):
        columns["index"] = np.asarray(index, dtype=object)[row]
    if outputs is not None:
        columns["output"] = np.asarray(outputs, dtype=object)[output]
    if training.label is not None:
        columns["label"] = training.label[row, output]
    columns["teacher"] = teacher_prediction[row, output]
    if X_train is not None and len(row):
        student_prediction = predict(safe_indexing(X_train, row)).reshape(len(row), n_outputs)
        columns["student"] = student_prediction[np.arange(len(row)), output].astype(np.float64)
    if residual is not None:
        columns["difference"] = residual[row, output]
    columns[PROBABILITY] = training.probability[row, output]
    columns["rejected"] = training.flagged[row, output]
    return SuspiciousLabels(columns, unit, rejected.size)
