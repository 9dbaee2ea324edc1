"""Data selection: the teacher supervises only the rows where it helps."""

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.base import clone

from sklearn_regkd.networks.features import last_features
from sklearn_regkd.preprocessing.folds import hold_out_groups
from sklearn_regkd.supervision.strategy import Strategy
from sklearn_regkd.supervision.targets import Targets
from sklearn_regkd.utils.random import draw_seed
from sklearn_regkd.utils.sklearn_compat import Interval, StrOptions

SELECTIONS = ("influence", "residual")
RESIDUAL_SHARE = 0.5


def influence(
    features: np.ndarray, gradient: np.ndarray, gap: np.ndarray, ridge: float = 1e-3
) -> np.ndarray:
    """Return how the validation loss changes if a row learns the teacher instead of its label.

    The last layer is linear in the features phi: with ``A = mean phi phi^T + ridge I``
    and the gradient ``g = mean_val (s - y) phi`` of half the squared validation
    error, ``I_i = -g^T A^-1 phi_i (y_i - t_i)``, divided by the number of rows.
    Negative is good: the teacher lowers the loss.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
        phi: what the last layer of the student sees of each training row.
    gradient : ndarray of shape (n_features, n_outputs)
        g above.
    gap : ndarray of shape (n_samples, n_outputs)
        Label minus teacher.
    ridge : float, default=1e-3
        Relative to the mean of the diagonal.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs)
        Influence of each label.

    Notes
    -----
    Lan et al. [1]_ select by an influence score; its exact form could not be
    read. This one is exact for ridge regression on the features, to first
    order in the change of a row.

    References
    ----------
    .. [1] W. Lan et al., "Improve knowledge distillation via label revision and data
       selection", 2024, arXiv 2404.03693.
    """
    # One matrix of features x features, never one of samples x samples.
    second = features.T @ features / len(features)
    size = np.trace(second) / len(second)
    second[np.diag_indices_from(second)] += ridge * size if size > 0 else 1.0
    direction = cho_solve(cho_factor(second), gradient)
    return -(features @ direction) * gap / len(features)


class DataSelection(Strategy):
    """Choose the labels that the teacher may supervise; the others are learned as they are.

    Parameters
    ----------
    by : {"influence", "residual"}, default="influence"
        ``"influence"``: a first student is trained on labels, without a part of the
        rows; a row learns from the teacher if that lowers the squared error
        on this part, see :func:`influence`. ``"residual"`` needs no
        student: rows where teacher and label are closest.
    share : float, default=None
        Share of the labels that learn from the teacher, the best ones. None takes all of
        negative influence, and one half by the residual.
    validation_fraction : float, default=0.2
        Part of the trusted rows by which influence is measured. They never
        learn from the teacher.
    ridge : float, default=1e-3
        See :func:`influence`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.supervision.selection import DataSelection
    >>> gap = np.array([[0.1], [-5.0], [0.2], [3.0]])
    >>> DataSelection("residual").closest(gap).ravel()
    array([ True, False,  True, False])
    """

    argument = "selection"
    short_names = SELECTIONS

    constraints: ClassVar = {
        "by": [StrOptions(set(SELECTIONS))],
        "share": [None, Interval(Real, 0, 1, closed="both")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "ridge": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, by="influence", share=None, validation_fraction=0.2, ridge=1e-3):
        self.by = by
        self.share = share
        self.validation_fraction = validation_fraction
        self.ridge = ridge

    def apply(self, targets: Targets, data: Any, teacher: Any) -> Targets:
        """Let the student imitate its label where the teacher may not supervise."""
        chosen = self.select(
            data.student,
            data.X,
            targets.label,
            targets.teacher[-1],
            np.asarray(targets.inlier.all(axis=1)),
            data.weight,
            data.random_state,
            data.groups,
        )
        return targets.change(teacher=np.where(chosen, targets.teacher, targets.label))

    def select(
        self,
        student: Any,
        X: np.ndarray,
        label: np.ndarray,
        teacher: np.ndarray,
        trusted: np.ndarray,
        weight: np.ndarray,
        random_state: np.random.RandomState,
        groups: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return which labels the teacher may supervise, bool (n_samples, n_outputs).

        Parameters
        ----------
        student : StudentRegressor
            The student, cloned and fitted for the influence.
        X : ndarray of shape (n_samples, ...)
            Inputs.
        label, teacher : ndarray of shape (n_samples, n_outputs)
            In the same units.
        trusted : ndarray of bool of shape (n_samples,)
            Rows that may validate.
        weight : ndarray of shape (n_samples,)
            Weights of the rows.
        random_state : RandomState
            Decides the validation rows, and the student.
        groups : ndarray of int of shape (n_samples,), default=None
            Rows of one group validate together.

        Raises
        ------
        ValueError
            If there are no trusted rows to validate with.
        """
        self.validate()
        if self.by == "residual":
            return self.closest(label - teacher)
        candidates = np.flatnonzero(trusted & (weight > 0))
        n_held = int(self.validation_fraction * len(candidates))
        if n_held < 1 or len(candidates) - n_held < 2:
            raise ValueError(
                f"selection by influence validates on {self.validation_fraction:g} of the trusted "
                f"rows, but there are only {len(candidates)} of them: use selection='residual'"
            )
        rest = np.ones(len(X), bool)
        if groups is None:
            held = random_state.permutation(candidates)[:n_held]
            rest[held] = False
        else:
            rest = ~hold_out_groups(groups, self.validation_fraction, draw_seed(random_state))
            held = np.intersect1d(candidates, np.flatnonzero(~rest))
            n_held = len(held)
            if not n_held:
                raise ValueError(
                    "selection by influence validates on whole groups, and none of the rows of "
                    "those that were drawn is trusted: use selection='residual'"
                )
        target = label[:, 0] if label.shape[1] == 1 else label
        seed = random_state.randint(2**31 - 1)
        # The checkpoint is that of the student that is to learn from this.
        first = clone(student).set_params(random_state=seed, checkpoint=None)
        if first.loss in ("poisson", "gamma", "quantile"):
            # The influence is that on the squared error, and standard units know no least label.
            first.set_params(loss="squared_error")
        names = None if groups is None or len(np.unique(groups[rest])) < 2 else groups[rest]
        first.fit(X[rest], target[rest], sample_weight=weight[rest], groups=names)
        prediction = first.predict(X[held]).reshape(n_held, -1)
        features = last_features(first.net_.module_, X)
        error = (prediction - label[held]) * (weight[held] / weight[held].mean())[:, None]
        gradient = features[held].T @ error / n_held
        score = influence(features[rest], gradient, (label - teacher)[rest], self.ridge)
        chosen = np.zeros(label.shape, bool)
        chosen[rest] = self._best(score)
        return chosen

    def closest(self, gap: np.ndarray) -> np.ndarray:
        """Return the labels nearest to the teacher, bool (n_samples, n_outputs)."""
        share = RESIDUAL_SHARE if self.share is None else self.share
        return _lowest(np.abs(gap), share)

    def _best(self, score: np.ndarray) -> np.ndarray:
        return score < 0 if self.share is None else _lowest(score, self.share)


def _lowest(score: np.ndarray, share: float) -> np.ndarray:
    """Return a mask of the given share of the lowest scores of each column."""
    n_chosen = round(share * len(score))
    chosen = np.zeros(score.shape, bool)
    order = np.argsort(score, axis=0, kind="stable")[:n_chosen]
    np.put_along_axis(chosen, order, True, axis=0)
    return chosen
