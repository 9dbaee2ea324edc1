"""Out-of-fold predictions of teacher, student and boosting, under any trust in the labels."""

from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_regkd.label_noise.student_folds import CrossFittedStudents
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from sklearn_regkd.supervision.validation_targets import count_parts
from sklearn_regkd.teachers.boosting import BoostedTrees
from sklearn_regkd.teachers.cross_fit import CrossFitResult, cross_fit_predict
from sklearn_regkd.teachers.ensemble import cross_fit_teacher
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.teachers.kinds import innermost, own_teacher, quick_teacher, weight_params
from sklearn_regkd.utils.random import draw_seed

# Share of the robust standard deviation that is added: an error of 0 has a logarithm, too.
SCALE_FLOOR = 0.1
# Sizes of errors are noisy and their pattern is smooth; of what is learned, that share counts.
SCALE_TREES = {
    "max_iter": 40,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 40,
    "early_stopping": False,
}
SCALE_SHARE = 0.7
# What trust must leave of the rows of several outputs, so that others can be dropped.
FEWEST_KEPT = 0.5


def with_params(teacher: Any, **params: Any) -> Any:
    """Return a clone of the default teacher, or of its like, with other parameters."""
    inner = "estimator__" if hasattr(teacher, "estimator") else ""
    return clone(teacher).set_params(**{inner + name: value for name, value in params.items()})


class OutOfFoldModels:
    """Models that predict each row without having seen it, under any trust in the labels.

    Parameters
    ----------
    data : FitData
        The data of the fit; its teacher is not refitted if it came fitted.
    students : CrossFittedStudents or None
        Copies of the student, on the same folds; None where X is no table.
    """

    def __init__(self, data: FitData, students: CrossFittedStudents | None):
        self.data, self.students = data, students
        weight = data.weight
        # Boosted trees take several times longer with weights, also with equal ones.
        self.uneven_weight = None if np.all(weight == weight[0]) else weight
        self._boosted: dict[str, CrossFitResult] = {}

    @cached_property
    def boosting(self) -> Any:
        """Boosted trees of the library's own, unfitted: the default teacher or its quick form."""
        data = self.data
        trees = own_teacher(quick_teacher(len(data.y)), data.n_outputs, data.random_state)
        if not data.is_default_teacher:
            return trees
        return with_params(trees, random_state=innermost(data.teacher).random_state)

    def cross_fit_teacher(
        self, unfitted: Any = None, trust: np.ndarray | None = None
    ) -> CrossFitResult:
        """Return the out-of-fold predictions of the teacher, or of another model.

        It learns from the trusted rows; where these are too few, because labels
        of several outputs are wrong in different rows, from all rows with
        distrusted labels replaced by the median.

        Parameters
        ----------
        unfitted : object, default=None
            Another model than the teacher; it learns from X and bounded labels.
        trust : ndarray of shape (n_samples, n_outputs), default=None
            Weight of each label; below one half it is distrusted. None trusts all.
        """
        return self._cross_fit(unfitted, trust, 0)

    def cross_fit_teacher_by_fold(self, unfitted: Any = None) -> CrossFitResult:
        """Do the same, and let the teachers of the first folds predict all rows.

        Their predictions are ``by_fold`` of the result: None if there is no trial of the student
        in which folds are left out, or if the teacher is not fitted here.

        Parameters
        ----------
        unfitted : object, default=None
            See :meth:`cross_fit_teacher`.
        """
        return self._cross_fit(unfitted, None, self._n_whole)

    @cached_property
    def _n_whole(self) -> int:
        """How many folds are left out in turn where the student's weight decay is tried.

        None where it is given: in-context teachers predict slowly, and are spared two thirds of it.
        """
        student, data = self.data.student, self.data
        if student.module is not None or student.weight_decay != "auto":
            return 0
        return count_parts(data.folds, len(data.y))

    def _cross_fit(self, unfitted: Any, trust: np.ndarray | None, n_whole: int) -> CrossFitResult:
        data = self.data
        if unfitted is None and data.teacher_prediction is not None:
            return CrossFitResult(data.teacher_prediction, data.teacher)
        y, kept = data.y if unfitted is None else data.bounded_y, None
        if trust is not None:
            trusted = trust >= 0.5
            kept = np.asarray(trusted.all(axis=1))
            if kept.mean() < FEWEST_KEPT and trust.shape[1] > 1:
                y, kept = np.where(trusted, y, data.scaling.center), None
        params = (
            data.teacher_params if unfitted is None else weight_params(unfitted, self.uneven_weight)
        )
        return cross_fit_teacher(
            data.teacher if unfitted is None else unfitted,
            data.teacher_X if unfitted is None or data.is_default_teacher else data.X,
            y,
            params=params,
            folds=data.folds,
            kept=kept,
            n_whole=n_whole,
            refit=False,
            n_jobs=data.n_jobs,
            seed=draw_seed(data.random_state),
            cache=data.cache,
        )

    def cross_fit_boosting(self, loss: str) -> CrossFitResult:
        """Return what boosted trees of that loss make of all labels: once, and by fold."""
        if loss not in self._boosted:
            trees = with_params(self.boosting, loss=loss)
            self._boosted[loss] = self._cross_fit(trees, None, self._n_whole)
        return self._boosted[loss]

    def predict_boosting(self, loss: str) -> np.ndarray:
        """Return out-of-fold predictions of boosted trees of that loss, standardised."""
        return self.data.scaling.standardize(self.cross_fit_boosting(loss).prediction)

    def cross_fit_trusting(self) -> tuple[Any, CrossFitResult]:
        """Return the teacher for labels that are all trusted, and its predictions, by fold too.

        The default teacher then learns by the squared error.
        """
        data = self.data
        if not data.is_default_teacher:
            return data.teacher, self.cross_fit_teacher_by_fold()
        unfitted = with_params(data.teacher, loss="squared_error")
        if innermost(data.teacher).get_params() == innermost(self.boosting).get_params():
            return unfitted, self.cross_fit_boosting("squared_error")
        return unfitted, self.cross_fit_teacher_by_fold(unfitted)

    def cross_fit_doubting(self) -> CrossFitResult:
        """Return predictions of the teacher for labels of which some are known to be wrong.

        Quick trees stand for the default teacher: what is compared with their predictions is
        refitted on trusted labels time and again.
        """
        if self.data.is_default_teacher:
            return self.cross_fit_boosting("absolute_error")
        return self.cross_fit_teacher()

    def predict_refitted(self, trust: np.ndarray, loss: str) -> tuple[np.ndarray, np.ndarray]:
        """Return predictions of student and teacher, refitted on trusted labels, standardised.

        The loss is that of the student, and of the teacher if it is the
        library's own, for which quick trees stand; the user's teacher keeps its own.

        Parameters
        ----------
        trust : ndarray of shape (n_samples, n_outputs)
            Weight of each label.
        loss : str
            Name of the loss.
        """
        data = self.data
        assert self.students is not None, "without students there is no evidence"
        student = self.students.predict(data.label, np.maximum(trust, 1e-6), [loss])[0]
        unfitted = with_params(self.boosting, loss=loss) if data.is_default_teacher else None
        teacher = self.cross_fit_teacher(unfitted, trust).prediction
        return student, data.scaling.standardize(teacher)

    def error_scale(self, error: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """Return how large an ordinary error is in each row, median 1.

        Boosted trees learn the logarithm of the absolute error from X and the prediction, and
        predict it out-of-fold; of that, seven tenths are taken: wrong labels blur what they see.

        Parameters
        ----------
        error : ndarray of shape (n_samples,)
            Label minus prediction.
        prediction : ndarray of shape (n_samples,)
            Out-of-fold, standardised.
        """
        size = np.abs(error)
        usual = float(robust_sigma(error)) or float(size.mean()) or 1.0
        log_size = np.log(size + SCALE_FLOOR * usual)
        trees = BoostedTrees(**SCALE_TREES, random_state=draw_seed(self.data.random_state))
        expected = cross_fit_predict(
            trees,
            np.column_stack([self.data.X, prediction]),
            log_size[:, None],
            params=weight_params(trees, self.uneven_weight),
            folds=self.data.folds,
            refit=False,
            n_jobs=self.data.n_jobs,
            seed=0,
        ).prediction[:, 0]
        return np.exp(SCALE_SHARE * (expected - np.median(expected)))
