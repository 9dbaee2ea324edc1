"""What a plan predicts, in NumPy: what a written program has to come out at."""

from collections.abc import Callable

import numpy as np
from scipy.special import erf, expit

from sklearn_regkd.export.plan import Standard, StudentPlan
from sklearn_regkd.networks.scaling import FARTHEST

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "silu": lambda z: z * expit(z),
    "gelu": lambda z: z * (1 + erf(z * 0.5**0.5)) / 2,
    "tanh": np.tanh,
}


def run_plan(plan: StudentPlan, X: np.ndarray) -> np.ndarray:
    """Return predictions (n_samples, n_outputs), float32, NaN for refused rows.

    Inputs and phases are rounded to single precision as in `predict`; the rest is in double
    precision.

    Parameters
    ----------
    plan : StudentPlan
        The student.
    X : ndarray of shape (n_samples, n_features), float32
        Raw rows, with codes in the place of categories.
    """
    head = plan.layers[-1]
    values = layers(plan, X)[-1] @ head.real_weight.T + head.bias
    if plan.largest_log is not None:
        values = np.exp(np.minimum(values, plan.largest_log))
    raw = values * plan.scale + plan.center
    if plan.low is not None and plan.high is not None:
        raw = raw.clip(plan.low, plan.high)
    odd = np.isinf(X) if plan.takes_missing else ~np.isfinite(X)
    return np.where(odd.any(axis=1)[:, None], np.nan, raw).astype(np.float32)


def run_bounds(plan: StudentPlan, X: np.ndarray) -> np.ndarray:
    """Return bounds (2, n_samples, n_outputs), float32, of a plan that has intervals.

    The parameters are those of :func:`run_plan`.
    """
    known = plan.intervals
    assert known is not None
    seen, (_, *hidden) = inputs(plan, X), layers(plan, X)
    told = np.concatenate([seen, np.abs(seen), *hidden], axis=1)
    logs = told @ known.weight.T.astype(np.float64) + known.bias
    size = np.exp(logs.clip(known.least, known.most))
    bounds = run_plan(plan, X) + size * known.factors[:, None]
    return bounds.clip(known.low, known.high).astype(np.float32)


def layers(plan: StudentPlan, X: np.ndarray) -> list[np.ndarray]:
    """Return what the first layer sees of rows, and what each hidden layer makes of it."""
    seen = inputs(plan, X)
    phase = (seen[:, : plan.n_waves, None] * plan.frequency).reshape(len(X), -1)
    waves = [wave(phase.astype(np.float64)) for wave in WAVES]
    found = [np.concatenate([seen, *waves], axis=1)]
    for layer in plan.layers[:-1]:
        sums = found[-1] @ layer.real_weight.T + layer.bias
        found.append(ACTIVATIONS[plan.activation](sums))
    return found


WAVES = (np.sin, np.cos)


def inputs(plan: StudentPlan, X: np.ndarray) -> np.ndarray:
    """Return what the network sees of raw rows, (n_samples, n_inputs), float32; NaN becomes 0."""
    numbers, entrance = X[:, plan.numeric], plan.entrance
    if isinstance(entrance, Standard):
        with np.errstate(invalid="ignore", over="ignore"):
            standard = (numbers.astype(entrance.center.dtype) - entrance.center) / entrance.scale
        seen = standard.clip(-FARTHEST, FARTHEST)
    else:
        tables = zip(numbers.T, entrance.knots, entrance.scores, strict=True)
        # Beyond the last knot is the score of the last one, as for values at a double knot.
        found = [np.interp(x, knots, scores) for x, knots, scores in tables]
        seen = np.array(found).reshape(len(found), len(X)).T
    seen = np.where(np.isnan(numbers), 0.0, seen).astype(np.float32)
    same = X[:, plan.category_feature] == plan.category_value
    return np.concatenate([seen, np.isnan(X[:, plan.gaps]), same], axis=1, dtype=np.float32)
