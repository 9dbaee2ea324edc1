"""Label revision: where teacher and label contradict each other, one is pulled to the other."""

from numbers import Real
from typing import Any, ClassVar

import numpy as np

from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from sklearn_regkd.supervision.strategy import Strategy
from sklearn_regkd.supervision.targets import Targets
from sklearn_regkd.utils.sklearn_compat import Interval, StrOptions

REVISED = ("teacher", "label")


def revise(
    fixed: np.ndarray, revised: np.ndarray, tube: float | np.ndarray, eta: float = 0.8
) -> np.ndarray:
    """Pull what is far away from `fixed` back into the tube around it.

    With ``d = |revised - fixed| / tube``: ``beta revised + (1 - beta) fixed``,
    ``beta = 1`` where d <= 1, else ``eta / d + (1 - eta) / d^2``. The result lies
    between the two and never leaves the tube; it is continuous in the
    disagreement. For eta = 1 a large disagreement ends on the edge of the tube,
    for eta = 0 the revised one counts the less, the farther off it is.

    Parameters
    ----------
    fixed, revised : ndarray of shape (n_samples, n_outputs)
        In the same units.
    tube : float or ndarray of shape (n_outputs,)
        Disagreement up to which nothing is revised, positive.
    eta : float, default=0.8
        How much of its direction a contradiction keeps, in [0, 1].

    Notes
    -----
    Lan et al. [1]_ revise the probabilities of a classifier where it is wrong:
    ``p' = beta p_t + (1 - beta) y``, ``beta = eta / (p_max - p_target + 1)``, eta = 0.8.
    Its beta falls with the disagreement, and so does ours, which is otherwise
    our own: the literal ``eta / (1 + d)`` would jump from 1 to eta / 2 where a
    regressor begins to be "wrong", which for a classifier is a jump anyway.

    References
    ----------
    .. [1] W. Lan et al., "Improve knowledge distillation via label revision and data
       selection", 2024, arXiv 2404.03693.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.supervision.revision import revise
    >>> label, teacher = np.zeros((3, 1)), np.array([[0.5], [2.0], [9.0]])
    >>> revise(label, teacher, tube=1.0, eta=0.8).ravel().round(2)
    array([0.5 , 0.9 , 0.82])
    """
    apart = revised - fixed
    with np.errstate(over="ignore"):  # a tube of next to nothing: infinitely far apart is right
        d = np.maximum(np.abs(apart) / tube, 1.0)
    return np.where(d > 1, fixed + np.sign(apart) * tube * (eta + (1 - eta) / d), revised)


class LabelRevision(Strategy):
    """Soften contradictions between label and teacher before the student learns.

    The two directions are opposite answers to the same disagreement:
    ``"teacher"`` trusts the label (an unreliable teacher must not lead the
    student astray; the paper's case), ``"label"`` trusts the teacher
    (suspicious labels are pulled towards it).

    Parameters
    ----------
    revises : {"teacher", "label"}, default="teacher"
        What is changed.
    eta : float, default=0.8
        How much of its direction a contradiction keeps; see :func:`revise`.
    tube : float, default=2.0
        Half width of the tube in robust standard deviations of label minus
        teacher, out-of-fold. Ours: a classifier is wrong or not, a regressor
        is always a little off.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.supervision.revision import LabelRevision
    >>> label = np.array([[0.0], [1.0], [2.0], [90.0]])
    >>> teacher = np.array([[0.5], [0.5], [2.5], [3.0]])
    >>> LabelRevision("label").revise(label, teacher)[0].ravel().round(1)
    array([0. , 1. , 2. , 4.2])
    """

    argument = "revision"
    short_names = REVISED

    constraints: ClassVar = {
        "revises": [StrOptions(set(REVISED))],
        "eta": [Interval(Real, 0, 1, closed="both")],
        "tube": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, revises="teacher", eta=0.8, tube=2.0):
        self.revises = revises
        self.eta = eta
        self.tube = tube

    def apply(self, targets: Targets, data: Any, teacher: Any) -> Targets:
        """Revise the labels, or what the student imitates."""
        if self.revises == "label":
            # A teacher that was fitted on a label defends it, hence the out-of-fold prediction.
            label, _ = self.revise(targets.label, targets.oof_prediction)
            return targets.change(label=label)
        _, imitated = self.revise(targets.label, targets.teacher[-1])
        return targets.change(teacher=imitated[None])

    def revise(self, label: np.ndarray, teacher: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return label and teacher after the revision, each (n_samples, n_outputs)."""
        self.validate()
        # A teacher that repeats its labels leaves nothing to revise.
        tube = np.maximum(self.tube * robust_sigma(label - teacher), np.finfo(float).tiny)
        if self.revises == "teacher":
            return label, revise(label, teacher, tube, self.eta)
        return revise(teacher, label, tube, self.eta), teacher
