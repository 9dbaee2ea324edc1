"""Which labels a person should check, as a table."""

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sklearn_regkd.inspection.page import fragment, table
from sklearn_regkd.inspection.tables import Table, numbers_by
from sklearn_regkd.inspection.training_rows import (
    TrainingRows,
    columns_of,
    fitted_distiller,
    ranked,
)
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from sklearn_regkd.utils.atomic import write_atomically

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("row", "output", "given", "suggested", "probability_wrong", "flagged")
SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class LabelIssues:
    """Labels and how probable it is that they are wrong, the most suspicious first.

    Parameters
    ----------
    row : ndarray of int of shape (n_labels,)
        Number of the row in `fit`, from 0.
    output : ndarray of int of shape (n_labels,)
        Number of the target.
    given, suggested : ndarray of shape (n_labels,)
        The label, and what was predicted for its row without having seen it, in units of y.
    probability_wrong : ndarray of shape (n_labels,)
        Probability that the label is wrong.
    flagged : ndarray of bool of shape (n_labels,)
        Whether it should be checked: it is more probably wrong than right.
    index : ndarray of shape (n_labels,), default=None
        The row's label in the index of a pandas Series or frame of labels, where that is not its
        number.
    """

    row: np.ndarray
    output: np.ndarray
    given: np.ndarray
    suggested: np.ndarray
    probability_wrong: np.ndarray
    flagged: np.ndarray
    index: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.row)

    def to_frame(self) -> "pd.DataFrame":
        """Return a pandas DataFrame with these columns.

        Returns
        -------
        pandas.DataFrame
            One line per label, the most suspicious first; with the index of y if it had one.
        """
        import pandas as pd

        return pd.DataFrame({name: getattr(self, name) for name in COLUMNS}, index=self.index)

    def to_csv(self, path: Any) -> None:
        """Write all labels to a file of comma-separated values.

        Numbers are written with all their digits, so that they are read as they were. The labels of
        an index are a further column. Write the right values into a new column ``corrected``, and
        :func:`~sklearn_regkd.inspection.apply_corrections` takes them over.

        Parameters
        ----------
        path : str or path-like
            The file; it is replaced at once when all is written.
        """
        names = COLUMNS if self.index is None else (*COLUMNS, "index")
        columns = [getattr(self, name).tolist() for name in names]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([names, *zip(*columns, strict=True)])
        write_atomically(path, text.getvalue().encode())

    def __str__(self) -> str:
        return str(self._table())

    def _repr_html_(self) -> str:
        return fragment([table(self._table())], "div")

    def _table(self) -> Table:
        few = slice(min(SHOWN, len(self)))
        given, suggested = numbers_by(
            self.output[few], np.array([self.given[few], self.suggested[few]])
        )
        cells = [
            self.row[few].astype(str),
            self.output[few].astype(str),
            given,
            suggested,
            [f"{value:.3f}" for value in self.probability_wrong[few]],
            ["yes" if value else "no" for value in self.flagged[few]],
        ]
        rows = [list(line) for line in zip(*cells, strict=True)]
        expected = self.probability_wrong.sum()
        note = f"About {expected:,.0f} of {len(self):,} labels are expected to be wrong."
        names = [name.replace("_", " ") for name in COLUMNS]
        return Table("Labels to check first", names, rows, note)


def label_issues(estimator: Any, y: Any) -> LabelIssues:
    """Rank the labels of a fit by how probable it is that they are wrong.

    Parameters
    ----------
    estimator : DistilledRegressor or TORRegressor
        Fitted; also at the end of a Pipeline, or in a search.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The labels that were given to `fit`, in that order.

    Returns
    -------
    LabelIssues
        A table with the columns ``row``, ``output``, ``given``, ``suggested``,
        ``probability_wrong`` and ``flagged``; print it, or see its `to_frame` and `to_csv`.

    Raises
    ------
    TypeError
        If there is no such estimator.
    ValueError
        If y has another number of rows or outputs than in `fit`.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from sklearn_regkd import DistilledRegressor, StudentRegressor
    >>> from sklearn_regkd.inspection import label_issues
    >>> X, y = make_friedman1(200, random_state=0)
    >>> y[7] *= 10
    >>> student = StudentRegressor(max_epochs=20, weight_decay=0.3)
    >>> issues = label_issues(DistilledRegressor(student=student, random_state=0).fit(X, y), y)
    >>> int(issues.row[0])
    7
    """
    distiller, _ = fitted_distiller(estimator, "label_issues")
    training = TrainingRows.of(distiller, y)
    assert training.label is not None
    suggested = columns_of(getattr(distiller, "suggested_labels_", distiller.teacher_prediction_))
    error = training.label - suggested
    sigma = robust_sigma(error)
    distance = np.abs(error) / np.where(sigma > 0, sigma, 1.0)
    order = ranked(training.probability.ravel(), distance.ravel())
    missing = getattr(distiller, "missing_mask_", None)
    if missing is not None:
        order = order[~np.ravel(missing)[order]]
    row, output = np.divmod(order, suggested.shape[1])
    index = getattr(y, "index", None) if hasattr(y, "iloc") else None
    if index is not None and list(index) == list(range(len(index))):
        index = None
    return LabelIssues(
        row=row,
        output=output,
        given=training.label.ravel()[order],
        suggested=suggested.ravel()[order],
        probability_wrong=training.probability.ravel()[order],
        flagged=training.flagged.ravel()[order],
        index=None if index is None else np.asarray(index)[row],
    )
