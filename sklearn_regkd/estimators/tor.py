"""Teacher outlier rejection with a student of two outputs (Takamoto et al. 2020)."""

from typing import Any

import numpy as np

from sklearn_regkd.estimators.base import BaseDistiller
from sklearn_regkd.label_noise.by_target import cross_fit_by_target, detect_known
from sklearn_regkd.label_noise.teacher_quality import has_memorised, warn_of_memory
from sklearn_regkd.label_noise.threshold import ThresholdRule
from sklearn_regkd.persistence.estimator_file import saveable
from sklearn_regkd.supervision.methods import DistillationMethods
from sklearn_regkd.supervision.supervision import Supervision
from sklearn_regkd.utils.sklearn_compat import validate_parameters


@saveable
class TORRegressor(BaseDistiller):
    """A small student whose teacher rejects wrong labels, after Takamoto et al.

    The teacher predicts each row without having seen it. Where label
    and teacher are closer than a threshold, the student learns the label with
    squared error; elsewhere the label is ignored and the student is pulled
    to the teacher by ``sqrt(|s - t|)``, see
    :func:`~sklearn_regkd.losses.tor_loss`. A second output of the student
    learns the teacher and shares all hidden layers.

    Parameters
    ----------
    teacher : estimator, FrozenEstimator, skorch net, torch.nn.Module, list or dict of them, \
            or None, default=None
        An unfitted regressor or Pipeline is cloned and fitted out-of-fold; a
        fitted one in :class:`sklearn.frozen.FrozenEstimator` and a module are
        used as they are. Several are weighted by their out-of-fold errors, see
        :class:`~sklearn_regkd.teachers.ensemble.TeacherEnsemble`.
        None means boosted trees with absolute loss, or no
        teacher at all if `fit` gets `teacher_prediction`.
    student : StudentRegressor or skorch.NeuralNet, default=None
        The student's network and training; None means ``StudentRegressor()``.
    threshold : {"paper", "chauvenet"} or float, default="paper"
        Distance of label and teacher from which a label is rejected:
        :func:`~sklearn_regkd.label_noise.threshold.paper_threshold`, its
        scale-free sibling
        :func:`~sklearn_regkd.label_noise.threshold.chauvenet_threshold`, or a
        fixed number of robust standard deviations of the teacher's errors.
    expected_outliers : float, default=None
        How many good labels are expected beyond the threshold (a in the
        formulas); None means 2 for ``"paper"``, 0.5 for ``"chauvenet"``.
    heads : {1, 2}, default=2
        Outputs per target: with 2 the student has one for the label and one
        for the teacher.
    teacher_weight : float, default=1.0
        Weight of the teacher's output in the loss (lambda). The paper's value
        is not known; 1 treats both outputs alike.
    predict_head : {"label", "teacher", "mean"}, default="label"
        Which output predicts. The paper's choice is not known; the label's
        output is the one that the rejection protects. May be changed after `fit`.
    quantiles : sequence of float or None, default=None
        Levels of the quantiles that :meth:`predict_quantiles` predicts, rising, such as
        ``(0.05, 0.5, 0.95)``: further outputs of the student, which `predict` does not notice.
        Not with a student that predicts a quantile itself.
    missing_labels : {"error", "teacher"}, default="error"
        Whether y may hold NaN, for labels that nobody has measured. ``"teacher"``: they have weight
        0 in every loss and decision, the teacher learns each target from the rows that have it and
        predicts it in the others; rows without any label are left out.
    cv : int, splitter or iterable, default=5
        Folds of the out-of-fold teacher; an integer means shuffled folds.
    memory : str or joblib.Memory, default=None
        Folder in which to keep teachers and their predictions, for the next fit with the same
        teacher, rows, labels, weights, folds and seeds: the other candidates of a grid over
        the student, for example. Processes may share it: those that need the same answer
        wait for the first. It needs an integer `random_state`: with None each fit draws
        folds and seeds of its own, and nothing is shared. A teacher counts as another one if
        its parameters, the version of its package or, in a script, the code of its class
        have changed. Like any pickle, a folder is to be read only if you trust its author.
    n_jobs : int, default=None
        Fits of the teacher at a time, but no more than there are cores, of which each gets its
        share for threads. Inside another parallel loop, such as
        ``GridSearchCV(n_jobs=2)``, one fit follows the other.
    random_state : int, RandomState instance or None, default=None
        Decides folds, the student, and every `random_state` of the teacher
        that is not set.
    verbose : int, default=0
        1 shows on stderr what the fit is doing; passed on to the default student.

    Attributes
    ----------
    teacher_ : object or None
        The teacher, fitted on all rows; None if only predictions were given.
    student_ : StudentRegressor
        The fitted student.
    teacher_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Predictions of the teacher for the training rows, out-of-fold if it was
        fitted here, in the units of y.
    inlier_probability_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        How much each label is to be trusted; below one half it was rejected.
    outlier_mask_ : ndarray of bool of shape (n_samples,) or (n_samples, n_outputs)
        The rejected labels.
    suggested_labels_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        What stands in the place of a rejected label: `teacher_prediction_`.
    verdict_ : Verdict
        The rule of each output with its scale and threshold in units of y, see
        :class:`~sklearn_regkd.label_noise.verdict.Verdict`.
    history_ : skorch.history.History
        One record per epoch of the student.
    n_iter_ : int
        Epochs of the student.
    n_outputs_ : int
        Number of targets.

    See Also
    --------
    DistilledRegressor : The default recipe, which goes beyond the paper.

    Notes
    -----
    Settings of the paper [1]_ that could not be read (network sizes, weights of
    the outputs, the output that predicts) are our choices, named above.

    References
    ----------
    .. [1] M. Takamoto, Y. Morishita, H. Imaoka, "An efficient method of
       training small models for regression problems with knowledge
       distillation", MIPR 2020, arXiv 2002.12597.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn_regkd import StudentRegressor, TORRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (200, 2))
    >>> y = X[:, 0] + X[:, 1]
    >>> y[:10] += 50  # wrong labels
    >>> tor = TORRegressor(
    ...     RandomForestRegressor(20), StudentRegressor((16,), max_epochs=30), random_state=0
    ... ).fit(X, y)
    >>> bool(tor.outlier_mask_[:10].all())
    True
    """

    def __init__(
        self,
        teacher=None,
        student=None,
        *,
        threshold="paper",
        expected_outliers=None,
        heads=2,
        teacher_weight=1.0,
        predict_head="label",
        quantiles=None,
        missing_labels="error",
        cv=5,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.teacher = teacher
        self.student = student
        self.threshold = threshold
        self.expected_outliers = expected_outliers
        self.heads = heads
        self.teacher_weight = teacher_weight
        self.predict_head = predict_head
        self.quantiles = quantiles
        self.missing_labels = missing_labels
        self.cv = cv
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _supervise(self, data, methods):
        if has_memorised(data):
            warn_of_memory(data)
        # The teacher is fitted once on the labels as they came.
        if data.known is None:
            result = self._cross_fit(data)
        else:
            result = cross_fit_by_target(data, self._cross_fit)
        teacher = data.scaling.standardize(result.prediction)
        verdict = detect_known(self._rule(), data.label - teacher, data.known)
        verdict = verdict.with_trusted(data.trusted)
        kept = verdict.inlier if data.known is None else verdict.inlier & data.known
        # A rejected label never enters the loss, but a huge one would not fit
        # into single precision.
        label = np.where(verdict.inlier, data.label, teacher)
        supervision = Supervision(
            label=label, teacher=teacher, inlier=verdict.inlier, weight=data.element_weight
        )
        return supervision, {
            "teacher_": result.teacher,
            "teacher_prediction_": result.prediction,
            "verdict_": verdict,
            "repaired_labels_": np.where(kept, data.y, result.prediction),
        }

    def _rule(self) -> ThresholdRule:
        return ThresholdRule(self.threshold, self.expected_outliers)

    def _named_loss(self) -> Any:
        loss = getattr(self.student, "loss", "tor")
        if loss in ("poisson", "gamma", "quantile"):
            raise ValueError(
                f"the student has loss={loss!r}, and TORRegressor trains it by the loss of its "
                "paper, for the mean: use DistilledRegressor, or a student of another loss"
            )
        return "tor"

    def _criterion(self, fitted, methods) -> dict[str, Any]:
        return {"loss": "tor", "n_heads": self.heads, "teacher_weight": self.teacher_weight}

    def _validate_params_now(self) -> DistillationMethods:
        methods = super()._validate_params_now()
        of_rule = ThresholdRule.constraints  # by the names that the parameters have here
        constraints = {"threshold": of_rule["threshold"], "expected_outliers": of_rule["expected"]}
        validate_parameters(self, constraints)
        self._rule().validate()
        return methods
