"""What an ONNX file says of itself: features, categories and their codes, versions."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_regkd._version import __version__
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.export.feeds import fitted_attribute
from sklearn_regkd.export.wrapped import all_layers

PRODUCER = "sklearn_regkd"
# The code of a category that fit has not seen, or that is missing.
UNKNOWN = -1


def check_metadata(metadata: Any) -> None:
    """Refuse properties that are no text.

    Raises
    ------
    TypeError
        If it is neither None nor a mapping from str to str.
    """
    if metadata is None:
        return
    if not isinstance(metadata, Mapping) or not all(
        isinstance(word, str) for pair in metadata.items() for word in pair
    ):
        raise TypeError(
            f"metadata must map names to text, such as {{'unit': 'MPa'}}, got {metadata!r}"
        )


def add_metadata(
    model: Any, estimator: BaseEstimator, student: StudentRegressor, more: Mapping[str, str]
) -> None:
    """Write into a model what it was made from, and how its inputs are coded.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.
    estimator : estimator
        What is exported.
    student : StudentRegressor
        The student inside it.
    more : mapping of str
        Properties of the user's; they win.
    """
    model.producer_name, model.producer_version = PRODUCER, __version__
    properties = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in properties_of(estimator, student).items()
    }
    kept = {one.key: one.value for one in model.metadata_props}
    del model.metadata_props[:]
    for key, value in (kept | properties | dict(more)).items():
        model.metadata_props.add(key=key, value=value)


def properties_of(estimator: BaseEstimator, student: StudentRegressor) -> dict[str, Any]:
    """Return what a file says of itself: text, and where there are such, names and categories."""
    properties: dict[str, Any] = {
        "estimator": type(all_layers(estimator)[-1]).__name__,
        "sklearn_regkd_version": __version__,
        "missing_values": student.missing_values,
    }
    names = fitted_attribute(estimator, "feature_names_in_")
    if names is not None:
        properties["feature_names"] = [str(name) for name in names]
    categories = categories_of(student)
    if categories:
        properties["categories"] = categories
    return properties


def categories_of(student: StudentRegressor) -> list[dict[str, Any]]:
    """Return which features are categories, and which numbers stand for them.

    Returns
    -------
    list of dict
        ``feature`` is the name of the column, or its number; ``index`` its place in X;
        ``codes`` a list of pairs of category and number; ``unknown`` the number of a
        category that fit has not seen. Of an array, which holds numbers itself, the pairs
        are the numbers that the network tells apart.
    """
    tables, columns = student.net_.module_, student._columns
    encoded: list[Any] = [*columns.categories] or [None] * len(columns.categorical)
    names = getattr(student, "feature_names_in_", range(student.n_features_in_))
    found = []
    for column, known in zip(columns.categorical, encoded, strict=True):
        if known is None:
            of_column = tables.input_category_feature.cpu().numpy() == column
            values = tables.input_category_value.cpu().numpy()[of_column]
            pairs = [[value, value] for value in values.tolist()]
        else:
            pairs = [[plain(value), code] for value, code in known.items()]
        found.append(
            {
                "feature": plain(names[column]),
                "index": int(column),
                "codes": pairs,
                "unknown": UNKNOWN,
            }
        )
    return found


def plain(value: Any) -> Any:
    """Return a category as JSON can hold it; what is no number, text or bool by its text."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, bool | int | float | str) else str(value)
