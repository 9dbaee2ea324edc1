"""Categorical columns of data frames, as codes that a network takes."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.preprocessing import OrdinalEncoder


def is_frame(X: Any) -> bool:
    """Whether X is a pandas or polars data frame."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def categorical_columns(X: Any, categorical_features: Any) -> list[int]:
    """Return which columns hold categories.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Inputs.
    categorical_features : "from_dtype", sequence of int or str, or None
        ``"from_dtype"`` takes the categorical columns of a data frame (pandas:
        category; polars: Categorical and Enum) and none of an array.

    Raises
    ------
    ValueError
        If a named column does not exist.
    """
    if categorical_features is None:
        return []
    if isinstance(categorical_features, str):
        if not is_frame(X):
            return []
        kinds = [str(kind).lower() for kind in X.dtypes]
        return [i for i, kind in enumerate(kinds) if kind.startswith(("category", "categ", "enum"))]
    names = list(X.columns) if is_frame(X) else list(range(np.shape(X)[1]))
    columns = []
    for feature in categorical_features:
        if isinstance(feature, int | np.integer) and 0 <= feature < len(names):
            columns.append(int(feature))
        elif feature in names:
            columns.append(names.index(feature))
        else:
            raise ValueError(
                f"categorical_features names column {feature!r}, but X has {len(names)} columns"
                + (f": {names}" if is_frame(X) else "")
            )
    return columns


class CategoryCodes:
    """Replace the categories of a data frame by codes from 0, unknown and missing ones by -1.

    Columns of an array hold codes already and stay as they are.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Inputs of fit.
    columns : sequence of int
        Which of them are categorical.
    """

    def __init__(self, X: Any, columns: Sequence[int]):
        self.names = [X.columns[column] for column in columns] if is_frame(X) else []
        if self.names:
            self._learn(self._values(X))

    def _learn(self, values: np.ndarray) -> None:
        self.encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
        ).fit(values)

    def to_plain(self) -> dict[str, Any]:
        """Return names and categories as JSON can hold them.

        Raises
        ------
        TypeError
            If one is not text, number, bool or None.
        """
        known = self.encoder.categories_ if self.names else []
        return {
            "names": [_plain(name) for name in self.names],
            "categories": [[_plain(one) for one in ones] for ones in known],
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the codes of which :meth:`to_plain` told."""
        names, known = plain["names"], plain["categories"]
        codes = cls(None, ())
        codes.names = [_plain(name) for name in names]
        if names:
            longest = max(map(len, known))
            columns = np.empty((longest, len(names)), dtype=object)
            for column, ones in zip(columns.T, known, strict=True):
                checked = [_plain(one) for one in ones]
                column[:] = checked + checked[:1] * (longest - len(checked))
            codes._learn(columns)
        return codes

    def __call__(self, X: Any) -> Any:
        """Return X with codes; the frame that was given is not changed."""
        if not self.names or not is_frame(X) or not set(self.names) <= set(X.columns):
            return X  # what is wrong with X is said by its validation
        codes = self.encoder.transform(self._values(X))
        if hasattr(X, "with_columns"):
            series = type(X[self.names[0]])
            return X.with_columns([series(n, codes[:, i]) for i, n in enumerate(self.names)])
        X = X.copy(deep=False)
        for i, name in enumerate(self.names):
            X[name] = codes[:, i]
        return X

    def _values(self, X: Any) -> np.ndarray:
        return np.column_stack([np.asarray(X[name], dtype=object) for name in self.names])


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"the category {value!r} is a {type(value).__name__}, which a file without code cannot "
        "hold; make it text or a number before fit"
    )
