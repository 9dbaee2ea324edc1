"""Route constrained optimisation: which stages of the teacher the student learns from, and when."""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np

from sklearn_regkd.supervision.strategy import Strategy
from sklearn_regkd.supervision.targets import Targets
from sklearn_regkd.utils.sklearn_compat import Interval, StrOptions

ANCHORS = ("equal", "greedy")
SCHEDULES = ("one_stage", "full")


class RouteSchedule(Strategy):
    """Lead the student along the teacher's own way, from its early stages to its last.

    The student is trained against one anchor after the other, each time from
    where it stands: a distant teacher is easier to reach step by step.

    Parameters
    ----------
    anchors : {"equal", "greedy"}, default="equal"
        ``"equal"``: stages in equal steps. ``"greedy"``: the next anchor is the first
        stage from which the student is farther away than from its present anchor
        by more than `delta`, relative, see :func:`next_anchor`.
    n_anchors : int, default=4
        Anchors, at most; the last is always the teacher as it is.
    delta : float, default=0.8
        Relative distance of the greedy choice.
    schedule : {"one_stage", "full"}, default="one_stage"
        ``"one_stage"``: the epochs of one training are divided among the anchors,
        at the cost of plain distillation. ``"full"``: a whole training, with a
        learning rate cycle of its own, for each anchor.
    out_of_fold : bool, default=False
        Whether stages are those of teachers that have not seen the row: more
        honest, and as many more fits of the teacher as there are folds.
    n_stages : int, default=32
        Stages among which the greedy choice is made, at most.

    References
    ----------
    .. [1] X. Jin et al., "Knowledge distillation via route constrained
       optimization", ICCV 2019, arXiv 1904.09149.

    Examples
    --------
    >>> from sklearn_regkd import DistilledRegressor
    >>> from sklearn_regkd.supervision.route import RouteSchedule
    >>> model = DistilledRegressor(route=RouteSchedule("greedy"))
    >>> model.set_params(route__n_anchors=3).route.n_anchors
    3
    """

    argument = "route"
    short_names = ANCHORS

    constraints: ClassVar = {
        "anchors": [StrOptions(set(ANCHORS))],
        "n_anchors": [Interval(Integral, 1, None, closed="left")],
        "delta": [Interval(Real, 0, None, closed="neither")],
        "schedule": [StrOptions(set(SCHEDULES))],
        "out_of_fold": ["boolean"],
        "n_stages": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        anchors="equal",
        n_anchors=4,
        delta=0.8,
        schedule="one_stage",
        out_of_fold=False,
        n_stages=32,
    ):
        self.anchors = anchors
        self.n_anchors = n_anchors
        self.delta = delta
        self.schedule = schedule
        self.out_of_fold = out_of_fold
        self.n_stages = n_stages

    def apply(self, targets: Targets, data: Any, teacher: Any) -> Targets:
        """Let the student be led along the stages that the teacher was refitted with."""
        return targets.change(schedule=self)

    @property
    def n_predicted(self) -> int:
        """Number of stages at which the teacher has to predict."""
        return self.n_anchors if self.anchors == "equal" else max(self.n_stages, self.n_anchors)

    def check_length(self, n_stages: int) -> None:
        """Raise a ValueError if the route has fewer stages than there are anchors."""
        if n_stages < self.n_anchors:
            raise ValueError(
                f"n_anchors={self.n_anchors}, but the teacher's route has {n_stages} stage(s): "
                "take fewer anchors, or let the teacher take more steps"
            )

    @classmethod
    def from_short(cls, given: Any) -> Any:
        """Return the strategy that a short name or a number of anchors stands for."""
        if isinstance(given, Integral) and not isinstance(given, bool):
            return cls(n_anchors=given)
        return super().from_short(given)

    @classmethod
    def in_words(cls) -> str:
        """Return what :meth:`from_short` takes, for error messages."""
        return f"a number of anchors, {super().in_words()}"


def route_distance(student: np.ndarray, stages: np.ndarray) -> np.ndarray:
    """Return how far the student is from each stage, in units of the teacher's variance.

    ``D(j) = mean (s - t_j)^2 / var(t_M)``, averaged over outputs.

    Parameters
    ----------
    student : ndarray of shape (n_samples, n_outputs)
        Predictions of the student for some rows.
    stages : ndarray of shape (n_stages, n_samples, n_outputs)
        Predictions of the teacher on its route.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.supervision.route import route_distance
    >>> stages = np.array([[[0.0], [0.0]], [[-1.0], [1.0]]])
    >>> route_distance(np.array([[-1.0], [1.0]]), stages)
    array([1., 0.])
    """
    spread = stages[-1].var(axis=0)
    apart = ((student - stages) ** 2).mean(axis=1)
    return (apart / np.where(spread > 0, spread, 1.0)).mean(axis=1)


def next_anchor(student: np.ndarray, stages: np.ndarray, current: int, delta: float) -> int:
    """Return the stage that the greedy rule takes next.

    With D of :func:`route_distance`:
    the first stage j after the current one i with ``(D(j) - D(i)) / D(i) > delta``; the
    last one if there is none.

    Parameters
    ----------
    student : ndarray of shape (n_samples, n_outputs)
        Predictions of the student after its training against the current anchor.
    stages : ndarray of shape (n_stages, n_samples, n_outputs)
        Predictions of the teacher on its route.
    current : int
        Index of the present anchor.
    delta : float
        0.8 in the paper.

    Notes
    -----
    Jin et al. [1]_ measure the distance of probabilities; the mean squared
    distance in units of the teacher's variance is ours.

    References
    ----------
    .. [1] X. Jin et al., "Knowledge distillation via route constrained
       optimization", ICCV 2019, arXiv 1904.09149.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.supervision.route import next_anchor
    >>> stages = np.arange(1.0, 6.0)[:, None, None] * np.array([[-1.0], [1.0]])
    >>> next_anchor(stages[0] * 0.5, stages, current=0, delta=0.8)
    1
    >>> next_anchor(stages[0] * 0.5, stages, current=0, delta=30.0)
    3
    """
    distance = route_distance(student, stages)
    later = np.arange(len(stages)) > current
    farther = later & (distance - distance[current] > delta * distance[current])
    return int(np.argmax(farther)) if farther.any() else len(stages) - 1
