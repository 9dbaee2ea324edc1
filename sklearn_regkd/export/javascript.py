"""A fitted student as one JavaScript module, for a browser or Node: nothing else is needed."""

import json
import os
from importlib import resources
from typing import Any, BinaryIO

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_regkd.export.c import warn_about_rows
from sklearn_regkd.export.files import check_path, save_bytes
from sklearn_regkd.export.metadata import properties_of
from sklearn_regkd.export.plan import Standard, StudentPlan, make_plan
from sklearn_regkd.export.wrapped import unwrap_student
from sklearn_regkd.networks.scaling import FARTHEST

IN_DOMAIN = """
/** Return whether the training table can speak about a row. */
export function inDomain(row) {
  const { low, high, missing, categorical, categoryFeature, categoryValue } = student.domain;
  return numbers(row).every((x, i) => {
    const isKnown = categorical[i]
      ? categoryFeature.some((feature, n) => feature === i && categoryValue[n] === x)
      : x >= low[i] && x <= high[i];
    const isGap = Number.isNaN(x) || (categorical[i] && x < 0 && Number.isFinite(x));
    return isKnown || (missing[i] && isGap);
  });
}
"""

INTERVAL = """
/** Return the bounds between which the label of a row lies with the probability `coverage`. */
export function interval(row) {
  const x = numbers(row);
  const { weight, bias, least, most, factors, low, high } = student.intervals;
  const nothing = student.center.map(() => NaN);
  if (isRefused(x)) return { lower: inShape(nothing), upper: inShape(nothing) };
  const { y, told } = run(x);
  const sizes = dense(told, { weight, bias }).map((log, o) =>
    Math.exp(Math.min(most[o], Math.max(least[o], log))),
  );
  const bound = (factor) =>
    inShape(y.map((value, o) => clip(value + sizes[o] * factor[o], low, high, o)));
  return { lower: bound(factors[0]), upper: bound(factors[1]) };
}

/** Share of labels that is to lie between these bounds. */
export const coverage = student.coverage;
"""


def to_javascript(
    estimator: BaseEstimator,
    path: str | os.PathLike | BinaryIO | None = None,
    *,
    in_domain: bool = False,
    intervals: float | None = None,
) -> str:
    """Write the student of a fitted estimator as a JavaScript module without dependencies.

    The module exports ``predict(row)``, which returns a number, or a list where there are several
    targets. A row is a list of raw features, or an object with their names if `fit` has seen names;
    categories are the codes that the module's ``categories`` tell, and gaps are NaN. A row that
    `predict` refuses gives NaN, and one without numbers is a TypeError. Rows are taken in single
    precision, as in ONNX models; what follows is computed in double precision.

    Parameters
    ----------
    estimator : StudentRegressor, TORRegressor or DistilledRegressor
        Fitted, with the built-in network. What may be around it is what
        :func:`~sklearn_regkd.export.to_c` takes.
    path : str, path-like or binary file, default=None
        Where to write the module; None writes none. An existing file is replaced in one go.
    in_domain : bool, default=False
        Whether there is ``inDomain(row)``, true for rows that the method of that name calls inside.
    intervals : float, default=None
        Coverage of ``interval(row)``, which returns ``{lower, upper}``: the bounds that
        `predict_interval` returns. None writes none.

    Returns
    -------
    str
        The module.

    Raises
    ------
    TypeError, ValueError
        As :func:`~sklearn_regkd.export.to_c`.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Warns
    -----
    UserWarning
        If single precision is too coarse for a column.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd import StudentRegressor
    >>> from sklearn_regkd.export import to_javascript
    >>> X = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    >>> student = StudentRegressor((8,), max_epochs=2, random_state=0).fit(X, X[:, 0])
    >>> "export function predict(row)" in to_javascript(student)
    True
    """
    check_path(path)
    plan, found = make_plan(estimator, in_domain=in_domain, intervals=intervals)
    warn_about_rows(found, "module")
    properties = properties_of(estimator, found.student)
    entrance = plan.entrance
    is_standard = isinstance(entrance, Standard)
    scaling = {
        "standard": vars(entrance) if is_standard else None,
        "table": None if is_standard else vars(entrance),
    }
    exact = {
        "featureNames": properties.get("feature_names"),
        "categories": properties.get("categories", []),
        "isSingle": unwrap_student(estimator).y_ndim == 1,
        "coverage": intervals,
        **(scaling if entrance.in_double else {}),
    }
    single = {**_constants(plan), **({} if entrance.in_double else scaling)}
    source = resources.files("sklearn_regkd.export").joinpath("student.js").read_text("utf-8")
    source = source.replace(
        "STUDENT, ...rounded(CONSTANTS)", f"{_json(exact)}, ...rounded({_json(single)})"
    )
    source += IN_DOMAIN * in_domain + INTERVAL * (intervals is not None)
    if path is not None:
        save_bytes(source.encode("utf-8"), path)
    return source


def _constants(plan: StudentPlan) -> dict[str, Any]:
    """Return the numbers of a plan by the names that the module has for them."""
    domain, known = plan.domain, plan.intervals
    return {
        "nFeatures": plan.n_features,
        "takesMissing": plan.takes_missing,
        "numeric": plan.numeric,
        "gaps": plan.gaps,
        "farthest": FARTHEST,
        "categoryFeature": plan.category_feature,
        "categoryValue": plan.category_value,
        "nWaves": plan.n_waves,
        "frequency": plan.frequency,
        "layers": [{"weight": one.weight, "bias": one.bias} for one in plan.layers],
        "activation": plan.activation,
        "largestLog": plan.largest_log,
        "center": plan.center,
        "scale": plan.scale,
        "low": plan.low,
        "high": plan.high,
        "domain": None if domain is None else _camel(vars(domain)),
        "intervals": None if known is None else _camel(vars(known)),
    }


def _camel(values: dict[str, Any]) -> dict[str, Any]:
    """Return the same with names as JavaScript has them."""
    return {
        "".join(part.title() if n else part for n, part in enumerate(name.split("_"))): value
        for name, value in values.items()
    }


def _json(values: dict[str, Any]) -> str:
    """Return JSON that can stand in a page: no name of a feature ends its script."""
    # Not quite JSON: infinity is written as JavaScript has it, since a column without a number has
    # the domain from infinity to minus infinity.
    text = json.dumps(_plain(values), separators=(",", ":"))
    return text.replace("</", "<\\/")


def _plain(value: Any) -> Any:
    """Return the same without arrays."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return [_plain(one) if value.ndim > 1 else _number(one) for one in value]
    return value


def _number(value: np.generic) -> Any:
    """Return a number, of single precision one of as few digits as round to it."""
    if not isinstance(value, np.floating):
        return value.item()
    return float(str(value)) if value.dtype == np.float32 else float(value)
