"""The default recipe: a repaired teacher and repaired labels for a small student."""

from numbers import Real
from typing import Any

import numpy as np

from sklearn_regkd._distiller import BaseDistiller, Instruction
from sklearn_regkd._judgement import judge_by_evidence, judge_by_rule
from sklearn_regkd._random import draw_seed
from sklearn_regkd._sklearn import Interval, StrOptions, validate_parameters
from sklearn_regkd._student import StudentRegressor
from sklearn_regkd.losses.criterion import LOSSES
from sklearn_regkd.supervision.mixing import mix
from sklearn_regkd.supervision.rules import resolve_rule
from sklearn_regkd.teachers.council import Council
from sklearn_regkd.teachers.cross_fit import ask, fit_teacher
from sklearn_regkd.teachers.peers import Peers


class DistilledRegressor(BaseDistiller):
    """A small student taught by a teacher that was itself protected from wrong labels.

    1. The teacher is asked about each row out-of-fold, and a rule decides
       which labels are wrong.
    2. Wrong labels are replaced by what the teacher says, and the teacher is
       fitted on all rows with these repaired labels.
    3. The student learns a mixture of the repaired label and of the teacher.

    Parameters
    ----------
    teacher : estimator, FrozenEstimator, skorch net, torch.nn.Module or None, default=None
        An unfitted regressor or Pipeline is cloned and fitted out-of-fold; a
        fitted one in :class:`sklearn.frozen.FrozenEstimator` and a module are
        used as they are. None means boosted trees with absolute loss, or no
        teacher at all if `fit` gets `teacher_prediction`.
    student : StudentRegressor or skorch.NeuralNet, default=None
        The student's network and training; None means ``StudentRegressor()``.
    outliers : {"paper", "chauvenet"}, float, ThresholdRule or None, default=3.0
        Which labels are wrong; a number means that many robust standard
        deviations of the teacher's out-of-fold errors, None trusts all.
    alpha : float, default=0.5
        Weight of the teacher in what the student learns; 0 is the repaired
        labels alone, 1 the teacher alone. Values outside [0, 1] are allowed.
    loss : {"huber", "tor", "squared_error", "absolute_error", "tukey"}, default="huber"
        Loss of the student. With ``"tor"``, rejected labels pull to the
        teacher by the square root of the distance.
    heads : {1, 2}, default=1
        With 2 the student has a second output that learns the teacher.
    teacher_weight : float, default=1.0
        Weight of the second output in the loss.
    predict_head : {"label", "teacher", "mean"}, default="label"
        Which output predicts. May be changed after `fit`.
    cv : int, splitter or iterable, default=5
        Folds of the out-of-fold teacher; an integer means shuffled folds.
    n_jobs : int, default=None
        Fits of the teacher at a time.
    random_state : int, RandomState instance or None, default=None
        Decides folds, the student, and every `random_state` of the teacher
        that is not set.
    verbose : int, default=0
        Passed on to the default student.

    Attributes
    ----------
    teacher_ : object or None
        The teacher, fitted on all rows with repaired labels; None if only
        predictions were given.
    student_ : StudentRegressor
        The fitted student.
    teacher_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        What the teacher says about the training rows, out-of-fold if it was
        fitted here, in the units of y.
    inlier_probability_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        How much each label is to be trusted; below one half it was rejected.
    outlier_mask_ : ndarray of bool of shape (n_samples,) or (n_samples, n_outputs)
        The rejected labels.
    history_ : skorch.history.History
        One record per epoch of the student.
    n_iter_ : int
        Epochs of the student.
    n_outputs_ : int
        Number of targets.

    See Also
    --------
    TORRegressor : The method of Takamoto et al. on its own.

    Notes
    -----
    A frozen teacher, a module and `teacher_prediction` are not refitted: what
    they say decides about the labels and is what the student imitates.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn_regkd import DistilledRegressor, StudentRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (200, 2))
    >>> y = X[:, 0] + X[:, 1]
    >>> y[:10] += 50  # wrong labels
    >>> distilled = DistilledRegressor(
    ...     RandomForestRegressor(20), StudentRegressor((16,), max_epochs=30), random_state=0
    ... ).fit(X, y)
    >>> bool(distilled.outlier_mask_[:10].all())
    True
    """

    def __init__(
        self,
        teacher=None,
        student=None,
        *,
        outliers="auto",
        alpha="auto",
        loss="huber",
        heads=1,
        teacher_weight=1.0,
        predict_head="label",
        cv=5,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.teacher = teacher
        self.student = student
        self.outliers = outliers
        self.alpha = alpha
        self.loss = loss
        self.heads = heads
        self.teacher_weight = teacher_weight
        self.predict_head = predict_head
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _supervise(self, lesson):
        council = self._council(lesson)
        if isinstance(self.outliers, str) and self.outliers == "auto":
            finding = judge_by_evidence(council)
        else:
            rule = resolve_rule(self.outliers)
            finding = judge_by_rule(rule, council, self.alpha == "auto")
        scaling = lesson.scaling
        repaired = mix(finding.opinion, scaling.standardize(lesson.y), finding.trust)
        teacher, imitated = lesson.teacher, finding.teacher
        if lesson.prediction is None:
            teacher = fit_teacher(
                finding.unfitted,
                lesson.rows,
                scaling.restore(repaired),
                lesson.teacher_params,
                None,
                draw_seed(lesson.random_state),
                "on all rows with repaired labels",
            )
            imitated = scaling.standardize(ask(teacher, lesson.rows, lesson.y.shape[1]))
        imitated = mix(imitated, finding.opinion, finding.second)
        alpha = finding.alpha if self.alpha == "auto" else self.alpha
        self.alpha_ = np.broadcast_to(alpha, finding.alpha.shape).copy()
        self.decisions_ = finding.decisions
        said = scaling.restore(finding.teacher)
        told = mix(repaired, imitated, alpha)
        return Instruction(told, imitated, finding.verdict, said, teacher, repaired)

    def _council(self, lesson) -> Council:
        peers = None
        if lesson.X.ndim == 2:
            plain = lesson.student.module is None
            peers = Peers(
                lesson.student if plain else StudentRegressor(),
                lesson.X,
                lesson.scaling.standardize(lesson.y),
                lesson.weight,
                lesson.folds,
                draw_seed(lesson.random_state),
            )
        return Council(
            lesson.teacher,
            lesson.rows,
            lesson.X,
            lesson.y,
            lesson.weight,
            lesson.scaling,
            lesson.teacher_params,
            lesson.prediction,
            peers,
            lesson.folds,
            self.teacher is None and lesson.prediction is None,
            self.n_jobs,
            lesson.random_state,
        )

    def _criterion(self) -> dict[str, Any]:
        return {"loss": self.loss, "n_heads": self.heads, "teacher_weight": self.teacher_weight}

    def _validate_params_now(self) -> None:
        super()._validate_params_now()
        validate_parameters(
            self,
            {
                "alpha": [Interval(Real, None, None, closed="neither"), StrOptions({"auto"})],
                "loss": [StrOptions(set(LOSSES))],
            },
        )
        if not (isinstance(self.outliers, str) and self.outliers == "auto"):
            resolve_rule(self.outliers)
