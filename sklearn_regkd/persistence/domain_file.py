"""What a student knows of its training rows, as tensors and JSON, and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_regkd.persistence.json_params import integer
from sklearn_regkd.preprocessing.domain import Domain
from sklearn_regkd.utils.files import FileError

OF_FEATURES = {
    "low": np.float64,
    "high": np.float64,
    "lower": np.float64,
    "upper": np.float64,
    "few_valued": np.bool_,
    "missing": np.bool_,
}
OF_CATEGORIES = {"category_feature": np.int64, "category_value": np.float64}


def domain_to_plain(domain: Domain | None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return what a file holds of a domain: of None nothing."""
    if domain is None:
        return {}, {}
    names = (*OF_FEATURES, *OF_CATEGORIES)
    tensors = {f"domain.{name}": torch.from_numpy(getattr(domain, name)) for name in names}
    return {"domain_rows": domain.n_rows}, tensors


def domain_from_plain(
    state: dict[str, Any], tensors: dict[str, Tensor], n_features: int, categorical: Sequence[int]
) -> Domain | None:
    """Return the domain of which :func:`domain_to_plain` wrote; None if it wrote of none.

    Parameters
    ----------
    state, tensors : dict
        What was written.
    n_features : int
        Number of columns.
    categorical : sequence of int
        Those that hold categories.

    Raises
    ------
    FileError
        If it is not about so many columns, or not of the types that it should be.
    """
    if "domain_rows" not in state:
        return None  # images, and files from before there was a domain
    values = {name: tensors[f"domain.{name}"].numpy() for name in (*OF_FEATURES, *OF_CATEGORIES)}
    for name, dtype in (OF_FEATURES | OF_CATEGORIES).items():
        length = n_features if name in OF_FEATURES else len(values["category_feature"])
        if values[name].shape != (length,) or values[name].dtype != dtype:
            raise FileError(
                f"the file's {name} of the training rows has shape {values[name].shape} and type "
                f"{values[name].dtype}, expected {(length,)} and {np.dtype(dtype)}"
            )
    if np.isnan(values["low"]).any() or np.isnan(values["high"]).any():
        raise FileError("the file's ranges of the training rows are no numbers")
    if not np.isin(values["category_feature"], categorical).all():
        raise FileError("the file's training rows have categories in columns that hold none")
    n_rows = integer(state["domain_rows"], 1, "domain_rows")
    return Domain(n_rows=n_rows, categorical=np.array(categorical, np.int64), **values)
