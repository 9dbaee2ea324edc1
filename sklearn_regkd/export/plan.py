"""A student as plain arrays: all that a program in another language needs to predict."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from sklearn_regkd.estimators.in_domain import domain_of
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.export.intervals import intervals_of
from sklearn_regkd.export.network import inference_network
from sklearn_regkd.export.plan_steps import Around, around
from sklearn_regkd.networks.inference import InferenceNetwork
from sklearn_regkd.networks.mlp import ACTIVATIONS
from sklearn_regkd.preprocessing.quantile import knots_need_double
from sklearn_regkd.preprocessing.scaling import needs_double


@dataclass(frozen=True, kw_only=True)
class Dense:
    """A layer, ``weight @ inputs * unit + bias``.

    Parameters
    ----------
    weight : ndarray of shape (n_out, n_in), float32 or int8
    bias : ndarray of shape (n_out,), float32
    unit : ndarray of shape (n_out,), float32, or None
        What an integer weight of each output is worth; None where weights are no integers.
    """

    weight: np.ndarray
    bias: np.ndarray
    unit: np.ndarray | None = None

    @property
    def real_weight(self) -> np.ndarray:
        """Return the weights as numbers in double precision."""
        weight = self.weight.astype(np.float64)
        return weight if self.unit is None else weight * self.unit[:, None].astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Standard:
    """Numbers that are standardised, ``(x - center) / scale``, both (n_numeric,).

    They are in double precision where single precision would fail.
    """

    center: np.ndarray
    scale: np.ndarray

    @property
    def in_double(self) -> bool:
        """Return whether double precision is needed."""
        return self.center.dtype == np.float64


@dataclass(frozen=True, kw_only=True)
class Table:
    """Numbers that are looked up, linearly between the knots of a table of each.

    Parameters
    ----------
    knots : tuple of ndarray
        Increasing values of each number, in double precision where single precision would fail.
    scores : tuple of ndarray, float32
        What the network sees there.
    """

    knots: tuple[np.ndarray, ...]
    scores: tuple[np.ndarray, ...]

    @property
    def in_double(self) -> bool:
        """Return whether double precision is needed."""
        return any(knots.dtype == np.float64 for knots in self.knots)


Entrance: TypeAlias = Standard | Table


@dataclass(frozen=True, kw_only=True)
class DomainPlan:
    """Which rows the training table can speak about.

    Parameters
    ----------
    low, high : ndarray of shape (n_features,), float32
        Between which numbers are inside; of categories they mean nothing.
    missing : ndarray of bool of shape (n_features,)
        Where NaN is inside, and of categories negative codes, too.
    categorical : ndarray of bool of shape (n_features,)
        Which features are categories.
    category_feature, category_value : ndarray of shape (n_categories,)
        All known categories.
    """

    low: np.ndarray
    high: np.ndarray
    missing: np.ndarray
    categorical: np.ndarray
    category_feature: np.ndarray
    category_value: np.ndarray


@dataclass(frozen=True, kw_only=True)
class IntervalPlan:
    """How large errors are: ``exp(weight @ [inputs, abs(inputs), hidden layers] + bias)``.

    Parameters
    ----------
    weight : ndarray of shape (n_outputs, n_values), float32
    bias, least, most : ndarray of shape (n_outputs,), float32
        Offset, and between which logarithms a size lies.
    factors : ndarray of shape (2, n_outputs), float32
        By what a size is multiplied for the lower and the upper bound.
    low, high : ndarray of shape (n_outputs,), float32
        Beyond which no bound reaches.
    """

    weight: np.ndarray
    bias: np.ndarray
    least: np.ndarray
    most: np.ndarray
    factors: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, kw_only=True)
class StudentPlan:
    """A student with the built-in network, from raw features to raw units.

    What the first layer sees of a row: `numeric` features through `entrance`, 1 or 0 for gaps, 1
    or 0 for categories; then the sines of the first `n_waves` of these times each frequency, and
    the cosines.

    Parameters
    ----------
    n_features : int
        Numbers in a row.
    takes_missing : bool
        Whether rows with NaN are predicted; those with infinity never are.
    numeric : ndarray of int of shape (n_numeric,)
        Features that are numbers.
    entrance : Standard or Table
        What is done with them; NaN becomes 0.
    gaps : ndarray of int of shape (n_gaps,)
        Features whose gaps are an input.
    category_feature, category_value : ndarray of shape (n_categories,)
        Categories that are inputs.
    n_waves : int
        How many numbers have sines and cosines.
    frequency : ndarray of shape (n_frequencies,), float32
        In radians.
    layers : tuple of Dense
        The last one has the outputs.
    activation : {"silu", "relu", "gelu", "tanh"}
        After all layers but the last.
    largest_log : float or None
        Outputs are logarithms that end here; None where they are none.
    center, scale : ndarray of shape (n_outputs,), float32
        Raw units: ``output * scale + center``.
    low, high : ndarray of shape (n_outputs,), float32, or None
        Limits of predictions.
    domain : DomainPlan or None
        For ``in_domain``.
    intervals : IntervalPlan or None
        For bounds around predictions.
    """

    n_features: int
    takes_missing: bool
    numeric: np.ndarray
    entrance: Entrance
    gaps: np.ndarray
    category_feature: np.ndarray
    category_value: np.ndarray
    n_waves: int
    frequency: np.ndarray
    layers: tuple[Dense, ...]
    activation: str
    largest_log: float | None
    center: np.ndarray
    scale: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    domain: DomainPlan | None
    intervals: IntervalPlan | None

    @property
    def n_outputs(self) -> int:
        """Number of targets."""
        return len(self.center)

    @property
    def n_inputs(self) -> int:
        """Number of inputs of the network, without sines and cosines."""
        return len(self.numeric) + len(self.gaps) + len(self.category_value)


def make_plan(
    estimator: Any, *, in_domain: bool = False, intervals: float | None = None
) -> tuple[StudentPlan, Around]:
    """Return a fitted student as plain arrays, and what is around it.

    Parameters
    ----------
    estimator : StudentRegressor, TORRegressor or DistilledRegressor
        Fitted. Also a search, a FrozenEstimator, a Pipeline of scalers or a
        TransformedTargetRegressor with one around it: these become part of the tables.
    in_domain : bool, default=False
        Whether the plan says which rows are in the domain.
    intervals : float, default=None
        Coverage of intervals.

    Raises
    ------
    TypeError, ValueError
        If the student, or what is around it, cannot be written as such arrays.
    """
    found = around(estimator)
    student = found.student
    network = inference_network(student, np.float32)
    tables = dict(student.net_.module_.named_buffers(recurse=False))
    arrays = {name.removeprefix("input_"): _array(one) for name, one in tables.items()}
    none = np.zeros(0, int)
    if "center" in arrays:
        numeric, gaps, feature, value = np.arange(student.n_features_in_), none, none, none
        entrance: Entrance = _standard(arrays, found)
    else:
        numeric, gaps = arrays["numeric"], arrays["missing"]
        feature, value = arrays["category_feature"], arrays["category_value"]
        entrance = _table(arrays, found)
    frequency = network.frequency
    output, units = student._output, found.target
    limits = [
        None if one is None else _single(_array(one) * units.scale + units.offset)
        for one in (output.low, output.high)
    ]
    return (
        StudentPlan(
            n_features=student.n_features_in_,
            takes_missing=student._takes_missing(),
            numeric=numeric,
            entrance=entrance,
            gaps=gaps,
            category_feature=feature,
            category_value=value.astype(np.float32),
            n_waves=0 if frequency is None else network.n_numeric,
            frequency=np.zeros(0, np.float32) if frequency is None else _column(frequency),
            layers=_layers(network, found.head),
            activation={kind: name for name, kind in ACTIVATIONS.items()}.get(network.kind, "relu"),
            largest_log=found.largest_log,
            center=_single(_column(network.center) * units.scale + units.offset),
            scale=_single(_column(network.scale) * units.scale),
            low=limits[0],
            high=limits[1],
            domain=_domain(student, found) if in_domain else None,
            intervals=None if intervals is None else _intervals(estimator, found, intervals),
        ),
        found,
    )


def _standard(arrays: dict[str, np.ndarray], found: Around) -> Standard:
    rows = found.rows
    center, scale = rows.offset + rows.scale * arrays["center"], rows.scale * arrays["scale"]
    dtype = np.float64 if needs_double(center, scale, scale) else np.float32
    return Standard(center=center.astype(dtype), scale=scale.astype(dtype))


def _table(arrays: dict[str, np.ndarray], found: Around) -> Table:
    at = arrays["numeric"]
    offset, scale = found.rows.offset[at, None], found.rows.scale[at, None]
    knots = arrays["knots"] * scale + offset
    dtype = np.float64 if knots_need_double(knots) else np.float32
    known = np.isfinite(knots)
    pairs = list(zip(knots, arrays["scores"], known, strict=True))
    return Table(
        knots=tuple(values[finite].astype(dtype) for values, _, finite in pairs),
        scores=tuple(scores[finite].astype(np.float32) for _, scores, finite in pairs),
    )


def _layers(network: InferenceNetwork, head: str) -> tuple[Dense, ...]:
    pairs = [*network.hidden, network.heads[head]]
    return tuple(Dense(weight=_array(weight), bias=_column(bias)) for bias, weight in pairs)


def _domain(student: StudentRegressor, found: Around) -> DomainPlan:
    domain, at = domain_of(student), found.rows
    limits = np.zeros((2, student.n_features_in_))
    bounds = domain.bounds(np.float64 if at.moves else np.float32)
    limits[:, domain.numeric] = bounds
    low, high = limits * at.scale + at.offset
    most = np.finfo(np.float32).max
    with np.errstate(over="ignore"):  # beyond the largest number all are inside, but infinity
        single = _single([low, high])
    single = np.where(np.isinf([low, high]), single, single.clip(-most, most))
    is_category = np.zeros(student.n_features_in_, bool)
    is_category[domain.categorical] = True
    return DomainPlan(
        low=single[0],
        high=single[1],
        missing=domain.missing,
        categorical=is_category,
        category_feature=domain.category_feature,
        category_value=domain.category_value.astype(np.float32),
    )


def _intervals(estimator: Any, found: Around, coverage: float) -> IntervalPlan:
    known = intervals_of(estimator, found.moves, coverage)
    scale = known.scale
    assert scale is not None
    single = np.float32
    return IntervalPlan(
        weight=scale.weight.T.astype(single),
        bias=scale.bias.astype(single),
        least=scale.low.astype(single),
        most=scale.high.astype(single),
        factors=np.transpose([one.bounds(float(coverage)) for one in known.scores]).astype(single),
        low=known.low.astype(single),
        high=known.high.astype(single),
    )


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy()


def _column(values: Any) -> np.ndarray:
    return _array(values)[:, 0]


def _single(values: Any) -> np.ndarray:
    return np.asarray(values, np.float64).astype(np.float32)
