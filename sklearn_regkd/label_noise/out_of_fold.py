"""All who are asked about the labels in one fit: the teacher, its peers, and two witnesses."""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_regkd.label_noise.student_folds import CrossFittedStudents
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA, Scaling
from sklearn_regkd.supervision.validation_targets import count_parts
from sklearn_regkd.teachers.ensemble import cross_fit_teacher
from sklearn_regkd.teachers.kinds import own_teacher, weight_params
from sklearn_regkd.utils.cache import FitCache
from sklearn_regkd.utils.random import draw_seed

# Of the robust standard deviation: a residual of 0 has a logarithm, too.
SPREAD_FLOOR = 0.1
SPREAD_DECAY = 1.0  # sizes of errors are noisy, their pattern is smooth
# What trust must leave of the rows of several outputs, so that others can be dropped.
FEWEST_KEPT = 0.5


def with_loss(teacher: Any, loss: str) -> Any:
    """Return a clone of the default teacher that learns with another loss."""
    inner = "estimator__loss" if hasattr(teacher, "estimator") else "loss"
    return clone(teacher).set_params(**{inner: loss})


class OutOfFoldModels:
    """Out-of-fold opinions, under any trust in the labels.

    Parameters
    ----------
    teacher : object
        Owned by the caller; a fitted one is not refitted.
    rows : array-like of shape (n_samples, ...)
        Inputs in the form that the teacher takes.
    X : ndarray of shape (n_samples, n_features)
        Inputs.
    y : ndarray of shape (n_samples, n_outputs)
        Labels in raw units.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    scaling : Scaling
        Of the labels; all opinions are standardised by it.
    params : dict of ndarray
        Fit parameters of the teacher.
    prediction : ndarray of shape (n_samples, n_outputs) or None
        What the teacher says in raw units, where it is not to be refitted.
    peers : CrossFittedStudents or None
        Copies of the student.
    folds : list of (train, test)
        Shared by all.
    is_default : bool
        Whether the teacher is the library's own, whose loss may be changed.
    n_jobs : int or None
        Fits at a time.
    random_state : RandomState
        Decides the seeds of torch teachers and witnesses.
    memory : FitCache
        Where answers are kept.
    """

    def __init__(
        self,
        teacher: Any,
        rows: Any,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        scaling: Scaling,
        params: dict[str, np.ndarray],
        prediction: np.ndarray | None,
        peers: CrossFittedStudents | None,
        folds: list[tuple],
        is_default: bool,
        n_jobs: int | None,
        random_state: np.random.RandomState,
        memory: FitCache,
    ):
        self.teacher, self.rows, self.X, self.y = teacher, rows, X, y
        self.weight, self.scaling, self.params = weight, scaling, params
        self.prediction, self.peers, self.folds = prediction, peers, folds
        self.is_default = is_default
        self.n_jobs, self.random_state, self.memory = n_jobs, random_state, memory
        self.label = scaling.standardize(y)
        # Boosted trees take several times longer with weights, also with equal ones.
        self.uneven = None if np.all(weight == weight[0]) else weight

    def ask_teacher(self, teacher: Any = None, trust: np.ndarray | None = None) -> np.ndarray:
        """Return what the teacher, or another model, says of rows that were left out.

        It learns from the trusted rows; where these are too few, because labels
        of several outputs are wrong in different rows, from all rows with
        distrusted labels replaced by the median.
        """
        return self._ask_teacher(teacher, trust, 0)[0]

    def predict_teacher_by_fold(self, teacher: Any = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Ask the teacher about rows that were left out, and those of the first folds about all.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            What it says of rows that it has not seen.
        ndarray of shape (n_parts, n_samples, n_outputs) or None
            What it says of all rows after each of them; None if there are none to be left out in
            a trial of the student, or if the teacher is not fitted here.
        """
        return self._ask_teacher(teacher, None, count_parts(self.folds, len(self.y)))

    def _ask_teacher(
        self, teacher: Any, trust: np.ndarray | None, n_asked: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if teacher is None and self.prediction is not None:
            return self.scaling.standardize(self.prediction), None
        y, kept = self.y if teacher is None else self.bounded(), None
        if trust is not None:
            trusted = trust >= 0.5
            kept = np.asarray(trusted.all(axis=1))
            if kept.mean() < FEWEST_KEPT and trust.shape[1] > 1:
                y, kept = np.where(trusted, y, self.scaling.center), None
        signal = cross_fit_teacher(
            self.teacher if teacher is None else teacher,
            self.rows if teacher is None else self.X,
            y,
            params=self.params if teacher is None else weight_params(teacher, self.uneven),
            folds=self.folds,
            kept=kept,
            n_asked=n_asked,
            refit=False,
            n_jobs=self.n_jobs,
            seed=draw_seed(self.random_state),
            memory=self.memory,
        )
        by_fold = signal.by_fold
        return (
            self.scaling.standardize(signal.prediction),
            None if by_fold is None else self.scaling.standardize(by_fold),
        )

    def predict_boosting(self, loss: str) -> np.ndarray:
        """Return what boosted trees of that loss say, whatever the teacher is."""
        trees = HistGradientBoostingRegressor(loss=loss)
        return self.ask_teacher(own_teacher(trees, self.y.shape[1], self.random_state))

    def bounded(self) -> np.ndarray:
        """Return the labels in raw units, none farther away than a network could learn."""
        return self.scaling.restore(self.label.clip(-MOST_SIGMA, MOST_SIGMA))

    def ask(self, trust: np.ndarray, loss: str) -> tuple[np.ndarray, np.ndarray]:
        """Return opinions of student and teacher, refitted on trusted labels.

        The loss is that of the student, and of the teacher if it is the
        library's own; the user's teacher keeps its own.
        """
        assert self.peers is not None, "without peers there is no evidence to ask for"
        student = self.peers.ask(self.label, np.maximum(trust, 1e-6), [loss])[0]
        own = with_loss(self.teacher, loss) if self.is_default else None
        return student, self.ask_teacher(own, trust)

    def spread(self, error: np.ndarray) -> np.ndarray:
        """Return how far from the teacher an ordinary label of each row is, median 1.

        The square root of the typical absolute error that the peers expect
        from X: half way, on a logarithmic scale, between one scale for all
        rows and one for each. Wrong labels blur what they see.

        Parameters
        ----------
        error : ndarray of shape (n_samples, n_outputs)
            Label minus teacher.
        """
        size = np.abs(error) + SPREAD_FLOOR * np.maximum(robust_sigma(error), 1e-12)
        assert self.peers is not None, "without peers there is no evidence to ask for"
        log_size = np.log(size)
        log_size -= np.median(log_size, axis=0)
        expected = self.peers.ask(log_size, None, ["squared_error"], SPREAD_DECAY, shorten=2)[0]
        expected -= np.median(expected, axis=0)
        return np.exp(0.5 * np.clip(expected, -4, 4))
