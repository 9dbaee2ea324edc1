"""Rows outside the table: the method `in_domain`, and what a student notes of its training rows."""

from typing import Any

import numpy as np

from sklearn_regkd.preprocessing.domain import Domain, fit_domain, label_range
from sklearn_regkd.preprocessing.validation import check_predict_data
from sklearn_regkd.utils.sklearn_compat import check_fitted


class InDomainMixin:
    """Gives estimators with a student, and the student, the method `in_domain`."""

    def in_domain(self, X):
        """Tell which rows are such as the training table can speak about.

        A row is outside if one of its numbers lies clearly beyond those of `fit`, is infinite,
        or is missing in a column that had no missing values, and if it holds a category that
        was not there. A column's upper quarter may reach farther by a quarter of its length, its
        lower quarter likewise, and by up to three lengths where few rows have many columns: of
        ordinary tables 99 % of rows that were not in `fit` are inside. Columns are looked at one
        by one: a row of ordinary numbers that never occur together is inside.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs, raw as in `fit`. Unlike `predict` it takes missing and infinite values.

        Returns
        -------
        ndarray of bool of shape (n_samples,)
            Whether each row is inside. Rows of `fit` that have labels and weight are.

        Raises
        ------
        ValueError
            If `fit` got images, if the ranges of the training rows are not known because an
            earlier version has fitted or saved the estimator, or for what `predict` refuses.
        TypeError
            For what `predict` refuses, such as sparse rows.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_regkd import StudentRegressor
        >>> X = np.random.default_rng(0).uniform(size=(200, 2))
        >>> student = StudentRegressor((8,), max_epochs=2, random_state=0).fit(X, X[:, 0])
        >>> student.in_domain([[0.2, 0.8], [0.2, 80], [0.2, np.nan]])
        array([ True, False, False])
        """
        check_fitted(self, "n_iter_")
        student: Any = getattr(self, "student_", self)
        domain, columns, shape = domain_of(student), student._columns, student._input_shape
        rows = check_predict_data(self, columns.transform(X), shape, any_number=True)
        return domain.contains(rows) & ~columns.unseen(X)


def domain_of(student: Any) -> Domain:
    """Return which rows the training table of a fitted student can speak about.

    Raises
    ------
    ValueError
        If it was fitted on images, or does not know its training rows.
    """
    shape = student._input_shape
    if len(shape) > 1:
        raise ValueError(
            f"in_domain takes tables, but the student was fitted on rows of shape {shape}: the "
            "range of a pixel says little of an image. Take features of the images, such as "
            "their mean and contrast, and compare these"
        )
    domain = getattr(student, "_domain", None)
    if domain is None:
        raise ValueError(
            "in_domain needs the ranges of the training rows, which this estimator does not have: "
            "an earlier version has fitted or saved it. Fit it again, and save it anew"
        )
    return domain


def note_training_rows(
    student: Any, X: np.ndarray, label: np.ndarray, believed: np.ndarray | None = None
) -> None:
    """Let a student remember what it is about to learn from.

    Parameters
    ----------
    student : StudentRegressor
        Changed in place: ``_domain``, which is None for images, and ``_label_range``.
    X : ndarray of shape (n_samples, ...)
        Validated rows that have labels and weight.
    label : ndarray of shape (n_samples, n_outputs)
        Their labels in raw units.
    believed : ndarray of bool of shape (n_samples, n_outputs), default=None
        Which labels are taken for right; None means all.
    """
    student._domain = fit_domain(X, student._categorical) if X.ndim == 2 else None
    student._label_range = label_range(label, believed)


def note_more_rows(student: Any, X: np.ndarray, label: np.ndarray) -> None:
    """Widen what :func:`note_training_rows` has noted by further rows, of `partial_fit`."""
    domain, known = (getattr(student, name, None) for name in ("_domain", "_label_range"))
    if domain is not None:  # a pickle of an earlier version has none
        student._domain = domain.widened(fit_domain(X, student._categorical))
    if known is not None:
        low, high = label_range(label)
        student._label_range = np.minimum(known[0], low), np.maximum(known[1], high)
