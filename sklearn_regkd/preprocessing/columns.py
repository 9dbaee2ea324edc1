"""What a table's columns are called, which of them hold categories, and the codes of these."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from sklearn_regkd.preprocessing.error_messages import listed
from sklearn_regkd.preprocessing.frames import (
    column,
    declared_categories,
    is_frame,
    is_missing,
    replace_columns,
)
from sklearn_regkd.utils.json_codec import MOST_INTEGER


def categorical_columns(X: Any, categorical_features: Any) -> list[int]:
    """Return the positions of the columns that hold categories.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Inputs.
    categorical_features : "from_dtype", sequence of int, str or bool, or None
        ``"from_dtype"`` takes the categorical columns of a data frame (pandas:
        category; polars: Categorical and Enum) and none of an array. Integers are positions,
        text is the name of a column of a data frame, and booleans are a mask of all columns.

    Raises
    ------
    ValueError
        If a column does not exist or occurs twice, or if a mask has another length.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.preprocessing.columns import categorical_columns
    >>> X = np.zeros((5, 3))
    >>> categorical_columns(X, [2]), categorical_columns(X, [False, False, True])
    ([2], [2])
    """
    if categorical_features is None:
        return []
    if isinstance(categorical_features, str):
        return declared_categories(X) if is_frame(X) else []
    if len(np.shape(X)) != 2:
        return []  # what is wrong with X is said by its validation
    names = list(X.columns) if is_frame(X) else None
    n_features = np.shape(X)[1]
    chosen = list(categorical_features)
    is_bool = [isinstance(feature, bool | np.bool_) for feature in chosen]
    if any(is_bool):
        if not all(is_bool) or len(chosen) != n_features:
            raise ValueError(
                f"categorical_features={categorical_features!r} is read as a mask, which needs "
                f"one boolean for each of the {n_features} columns of X: it has "
                f"{sum(is_bool)} booleans among {len(chosen)} entries"
            )
        return [position for position, is_chosen in enumerate(chosen) if is_chosen]
    columns = [_position(feature, names, n_features) for feature in chosen]
    for position, feature in zip(columns, chosen, strict=True):
        if columns.count(position) > 1:
            raise ValueError(
                f"categorical_features names column {feature!r} twice: each column once, or a "
                "mask of booleans"
            )
    return sorted(columns)


def _position(feature: Any, names: list[Any] | None, n_features: int) -> int:
    """Return the position of one column that `categorical_features` names."""
    if isinstance(feature, int | np.integer):
        if 0 <= feature < n_features:
            return int(feature)
        raise ValueError(
            f"categorical_features names column {feature}, but X has {n_features} columns, and "
            f"integers are positions from 0 to {n_features - 1}"
        )
    if names is None:
        raise ValueError(
            f"categorical_features names column {feature!r}, but X has no names: pass positions, "
            "a mask of booleans, or a data frame"
        )
    found = [position for position, name in enumerate(names) if name == feature]
    if len(found) == 1:
        return found[0]
    how_many = "more than one of that name" if found else "none of that name"
    raise ValueError(
        f"categorical_features names column {feature!r}, but X has {len(names)} columns and "
        f"{how_many}: {names}"
    )


class TableColumns(BaseEstimator):
    """Bring tables to the columns of fit, with codes in the place of categories.

    A category is known by its value, whatever holds it: frames of pandas and polars, arrays
    of objects. Codes count from 0 in the order of the values; one that was not seen in fit, or
    is missing, has the code -1. In an array of numbers, columns of categories hold codes to
    begin with, in fit and afterwards.

    Parameters
    ----------
    categorical_features : "from_dtype", sequence of int, str or bool, or None, default="from_dtype"
        Which columns hold categories, see :func:`categorical_columns`.

    Attributes
    ----------
    names : list or None
        What the columns of a frame are called; what is neither text nor number by its text.
        None after an array.
    categorical : list of int
        Positions of the columns that hold categories.
    categories : list of dict
        For each of these the code of each value; empty after an array.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_regkd.preprocessing.columns import TableColumns
    >>> X = pd.DataFrame({"a": [1, 2, 3], "kind": pd.Categorical(["x", "y", None])})
    >>> columns = TableColumns()
    >>> columns.fit_transform(X)["kind"].tolist()
    [0.0, 1.0, -1.0]
    >>> columns.transform(X.to_numpy()[1:])
    array([[2, 1.0],
           [3, -1.0]], dtype=object)
    """

    names: list[Any] | None = None
    categorical: Sequence[int] = ()
    categories: Sequence[dict[Any, int]] = ()

    def __init__(self, categorical_features: Any = "from_dtype"):
        self.categorical_features = categorical_features

    def fit_transform(self, X: Any) -> Any:
        """Learn the columns of X, and return it as :meth:`transform` does.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs of fit.

        Raises
        ------
        ValueError
            If `categorical_features` does not fit X, or a column holds what is no category.
        """
        self.names = _names(X) if is_frame(X) else None
        self.categorical = categorical_columns(X, self.categorical_features)
        self.categories = []
        if self.names is None:
            return X
        values = [column(X, position).to_list() for position in self.categorical]
        names = [self.names[position] for position in self.categorical]
        self.categories = [_learn(*pair) for pair in zip(values, names, strict=True)]
        return self._encode_frame(X)

    def transform(self, X: Any) -> Any:
        """Return X with codes in the place of categories; what was given is not changed.

        What is wrong with X besides its columns is left for its validation to say.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        array-like of the shape and kind of X
            X itself where no column holds categories; an array of objects for one of objects.

        Raises
        ------
        ValueError
            If the columns of a frame are not those of fit, or if it cannot be told what the
            values in a column of categories mean.
        """
        if not is_frame(X):
            return self._encode_array(X) if self.categories else X
        if self.names is None:  # columns by position, as in an array
            fits = len(X.columns) > max(self.categorical, default=-1)
            return self._encode_frame(X) if fits else X
        names, positions = _names(X), list(range(len(self.names)))
        if names == self.names:
            return self._encode_frame(X)
        is_text = all(isinstance(name, str) for name in X.columns)
        if is_text and all(isinstance(name, str) for name in self.names):
            validate_data(self, X, reset=False, skip_check_array=True)
        if names == positions:  # pandas has numbered them, who passed it an array
            return self._encode_array(np.asarray(X)) if self.categories else X
        if self.names == positions and is_text and not self.categories:
            return X  # scikit-learn warns
        raise ValueError(
            f"the columns of X are called {names}, but in fit they were called {self.names}: pass "
            "the same columns in the same order"
        )

    def unseen(self, X: Any) -> np.ndarray:
        """Return which rows hold a category that fit has not seen; a missing one is none.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that :meth:`transform` takes. Where fit has seen codes, no category is unseen.
        """
        found = np.zeros(len(X), bool)
        rows = X if is_frame(X) or not self.categories else np.asarray(X, dtype=object)
        for position, known in zip(self.categorical, self.categories, strict=False):
            values = column(rows, position) if is_frame(X) else rows[:, position]
            new = {one for one in set(values) if one not in known and not is_missing(one)}
            if new:  # seldom, and then of few rows: the others are looked at once, all together
                found |= [value in new for value in values]
        return found

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names for scikit-learn, which compares them in the words that users know."""
        return np.array(self.names, dtype=object)

    @property
    def category_names(self) -> list[Any]:
        """What the columns of categories are called, by position where they have no names."""
        return [self._name(position) for position in self.categorical]

    def require_frame(self, X: Any) -> None:
        """Refuse an array for a teacher that has learned categories from a data frame.

        The student knows them by their values; a teacher may know them by the types of columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows about which a teacher is to be asked.

        Raises
        ------
        ValueError
            If fit got a frame with categories, and this is none.
        """
        if self.categories and self.names is not None and not is_frame(X):
            raise ValueError(
                f"X is a {type(X).__name__}, but the teacher has learned from a data frame with "
                f"categories in {listed(self.category_names)}: pass a data frame with the same "
                "columns here, too"
            )

    def _encode_frame(self, X: Any) -> Any:
        pairs = enumerate(self.categorical) if self.categories else ()
        return replace_columns(X, {at: self._encode(k, column(X, at).to_list()) for k, at in pairs})

    def _encode_array(self, X: Any) -> Any:
        values = np.asarray(X)
        wanted = len(self.names) if self.names is not None else max(self.categorical) + 1
        if values.ndim != 2 or values.shape[1] < wanted:
            return X  # what is wrong with X is said by its validation
        if values.dtype.kind in "biuf":
            raise ValueError(
                "X is an array of numbers, but in fit it was a data frame, and "
                f"{listed(self.category_names)} held categories: it cannot be told whether a "
                "number means a category or its code. Pass a data frame with the columns of fit, "
                "such as pandas.DataFrame(X, columns=...), or the values themselves in an array of "
                "objects. Where other code makes the array, give it a function that makes the "
                "frame: lambda rows: model.predict(pandas.DataFrame(rows, columns=...))"
            )
        coded = np.array(X, dtype=object)
        for k, position in enumerate(self.categorical):
            coded[:, position] = self._encode(k, coded[:, position].tolist())
        return coded

    def _encode(self, k: int, values: list[Any]) -> np.ndarray:
        """Return codes of values of the k-th column of categories."""
        known, name = self.categories[k], self._name(self.categorical[k])
        with _hashable(values, name):
            codes = [known.get(value, -1) for value in values]
        if known and -1 in codes:
            _check_types(values, codes, known, name)
        return np.array(codes, dtype=np.float64)

    def _name(self, position: int) -> Any:
        return position if self.names is None else self.names[position]

    def to_plain(self) -> dict[str, Any]:
        """Return what was learned as JSON can hold it.

        Raises
        ------
        TypeError
            If a category is not text, number or bool.
        """
        return {
            "names": self.names,
            "categorical": list(self.categorical),
            "categories": [
                [_plain(one, self._name(position)) for one in known]
                for position, known in zip(self.categorical, self.categories, strict=False)
            ],
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the columns of which :meth:`to_plain` told.

        Raises
        ------
        TypeError or ValueError
            If it is not what `to_plain` returns.
        """
        columns = cls()
        names, categorical, categories = (plain[k] for k in ("names", "categorical", "categories"))
        if names is not None:
            columns.names = [_plain(name, "names") for name in names]
        columns.categorical = [int(position) for position in categorical]
        if categories and len(categories) != len(categorical):
            raise ValueError(
                f"categories of {len(categories)} columns for {len(categorical)} columns"
            )
        if min(columns.categorical, default=0) < 0:
            raise ValueError("a column before the first one holds categories")
        columns.categories = [
            {_plain(one, position): code for code, one in enumerate(known) if not is_missing(one)}
            for position, known in zip(categorical, categories, strict=False)
        ]
        return columns


def _names(X: Any) -> list[Any]:
    """Return the names of a frame's columns in a form that a file can hold."""
    names = [name.item() if isinstance(name, np.generic) else name for name in X.columns]
    return [
        name if isinstance(name, int | float | str) and name == name else str(name)
        for name in names
    ]


@contextmanager
def _hashable(values: list[Any], name: Any) -> Iterator[None]:
    """Say which value is no category where one of them cannot be hashed."""
    try:
        yield
    except TypeError as error:
        for value in values:
            try:
                hash(value)
            except TypeError:
                raise ValueError(
                    f"column {name!r} of X holds {value!r}, a {type(value).__name__}, which cannot "
                    "be a category: make text of it"
                ) from error
        raise


def _learn(values: list[Any], name: Any) -> dict[Any, int]:
    """Return the code of each category among the values of a column."""
    with _hashable(values, name):
        known = {value for value in values if not is_missing(value)}
    try:
        ranked = sorted(known)
    except TypeError:  # text and numbers, for example
        ranked = sorted(known, key=lambda value: (type(value).__name__, str(value)))
    return {value: code for code, value in enumerate(ranked)}


def _check_types(values: list[Any], codes: list[int], known: dict[Any, int], name: Any) -> None:
    """Refuse text where all categories are something else, and the other way round.

    A category that was not seen in fit is nothing unusual; "2" in the place of 2 is a mistake.
    """
    is_text = {isinstance(category, str) for category in known}
    if len(is_text) > 1:
        return
    for value, code in zip(values, codes, strict=True):
        if code < 0 and isinstance(value, str) not in is_text and not is_missing(value):
            raise ValueError(
                f"column {name!r} of X holds {value!r} of type {type(value).__name__}, but the "
                f"categories that it held in fit were of another type, such as "
                f"{next(iter(known))!r}: pass the categories as in fit"
            )


def _plain(value: Any, name: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, int) and abs(value) > MOST_INTEGER:
        raise TypeError(
            f"an integer in column {name!r} has {value.bit_length()} bits, and a file holds 64 of "
            "them; make it text before fit"
        )
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"the category {value!r} in column {name!r} is a {type(value).__name__}, which a file "
        "without code cannot hold; make it text or a number before fit"
    )
