"""The default recipe: a repaired teacher and repaired labels for a small student."""

from dataclasses import asdict
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_regkd.estimators.base import BaseDistiller, Instruction
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.label_noise.detect import Decision, detect_by_evidence, detect_by_rule
from sklearn_regkd.label_noise.out_of_fold import OutOfFoldModels
from sklearn_regkd.label_noise.rules import resolve_rule
from sklearn_regkd.label_noise.student_folds import CrossFittedStudents
from sklearn_regkd.losses.modules import LOSSES, WITH_TEACHER
from sklearn_regkd.persistence.estimator_file import saveable
from sklearn_regkd.persistence.json_params import decode, encode
from sklearn_regkd.supervision.methods import DistillationMethods, hint_params
from sklearn_regkd.supervision.mixing import mix
from sklearn_regkd.supervision.validation_targets import ValidationTargets
from sklearn_regkd.teachers.extra_rows import extra_rows
from sklearn_regkd.teachers.hints import check_hints, hint_features
from sklearn_regkd.teachers.refit import teach
from sklearn_regkd.training.curriculum import Curriculum
from sklearn_regkd.utils.random import draw_seed
from sklearn_regkd.utils.sklearn_compat import (
    Interval,
    StrOptions,
    all_or_nothing,
    validate_parameters,
    with_callbacks,
)


@saveable
class DistilledRegressor(BaseDistiller):
    """A small student taught by a teacher, with labels that are believed as far as they deserve.

    1. The student's peers and boosted trees are asked about each row
       out-of-fold. If those that believe every label predict left-out labels
       no worse than those that doubt, all labels are trusted. If they do, the
       rule that leads to the best predictions decides which labels are wrong.
    2. Wrong labels are replaced by what the models that never saw them say, and
       the teacher is fitted on all rows with these repaired labels.
    3. The student learns a mixture of the repaired label and the teacher, in
       which a teacher that knows no more than the student has no weight.

    Parameters
    ----------
    teacher : estimator, FrozenEstimator, skorch net, torch.nn.Module, list or dict of them, \
            or None, default=None
        An unfitted regressor or Pipeline is cloned and fitted out-of-fold; a
        fitted one in :class:`sklearn.frozen.FrozenEstimator` and a module are
        used as they are. Several are weighted by their out-of-fold errors, see
        :class:`~sklearn_regkd.teachers.ensemble.TeacherEnsemble`.
        None means boosted trees (of squared error where labels
        are trusted, of absolute error where they are not), or no teacher at all
        if `fit` gets `teacher_prediction`.
    student : StudentRegressor or skorch.NeuralNet, default=None
        The student's network and training; None means ``StudentRegressor()``.
    outliers : "auto", short name, float, rule or None, default="auto"
        Which labels are wrong. ``"auto"`` decides by evidence, see the notes;
        ``"paper"``, ``"chauvenet"``, ``"mad"`` and a number of robust standard
        deviations are a :class:`~sklearn_regkd.label_noise.threshold.ThresholdRule` on
        the teacher's out-of-fold errors, ``"mixture"`` is a
        :class:`~sklearn_regkd.label_noise.mixture.MixtureRule`; None trusts all.
    alpha : "auto" or float, default="auto"
        Weight of the teacher in what the student learns; 0 is the repaired
        labels alone, 1 the teacher alone. Values outside [0, 1] are allowed.
        ``"auto"`` takes the weight by which teacher and peers together predict
        left-out labels best (least squares on trusted labels), but at least one
        half where labels turned out to be wrong.
    loss : "auto", name or callable, default="auto"
        Loss of the student. ``"auto"`` is that of `student` if it was given one other than
        the squared error; else the squared error if all labels are trusted, and Huber's
        loss if not. Towards the mixture of label and teacher:
        ``"squared_error"``, ``"absolute_error"``, ``"huber"``, ``"tukey"``, ``"wing"``,
        ``"barron"`` (shape 1), ``"barron_learned"`` (its shape is learned), and ``"tor"``,
        with which rejected labels pull to the teacher by the square root of the
        distance. Towards label and teacher apart: ``"attentive"`` (the teacher where
        it agrees with the label, with weight `alpha`), ``"bounded"`` (the label, until
        the student is as good as the teacher), or your own function or module
        of ``(prediction, label)`` or ``(prediction, label, teacher, inlier)``, tensors of shape
        (n_rows, n_outputs) in standardised units, that returns one loss per element.
    revision : {"teacher", "label"}, LabelRevision or None, default=None
        Where label and teacher contradict each other, pull the teacher towards
        the label or the label towards the teacher; see
        :class:`~sklearn_regkd.supervision.revision.LabelRevision`.
    selection : {"influence", "residual"}, DataSelection or None, default=None
        Which labels the teacher supervises, the others stand for themselves; see
        :class:`~sklearn_regkd.supervision.selection.DataSelection`.
    route : int, {"equal", "greedy"}, RouteSchedule or None, default=None
        Lead the student along the stages of a boosted or skorch teacher, a number
        of anchors in equal steps or chosen greedily; see
        :class:`~sklearn_regkd.supervision.route.RouteSchedule`.
    hints : {"leaves"}, name of a layer, Hints or None, default=None
        What happens inside the teacher, which a hidden layer of the student learns
        as well; see :class:`~sklearn_regkd.supervision.hints.Hints`.
    synthetic : {"spunge", "neighbors", "mixup"}, SyntheticRows or None, default=None
        Further rows for the student, labelled by the teacher; see
        :class:`~sklearn_regkd.supervision.synthetic.SyntheticRows`.
    heads : {1, 2}, default=1
        With 2 the student has a second output that learns the teacher.
    teacher_weight : float, default=1.0
        Weight of the second output in the loss.
    predict_head : {"label", "teacher", "mean"}, default="label"
        Which output predicts. May be changed after `fit`.
    cv : int, splitter or iterable, default=5
        Folds of the out-of-fold teacher; an integer means shuffled folds.
    memory : str or joblib.Memory, default=None
        Folder in which to keep teachers and what they said, for the next fit with the same
        teacher, rows, labels, weights, folds and seeds: the other candidates of a grid over
        the student, for example. Processes may share it: those that need the same answer
        wait for the first. It needs an integer `random_state`: with None each fit draws
        folds and seeds of its own, and nothing is shared. A teacher counts as another one if
        its parameters, the version of its package or, in a script, the code of its class
        have changed. Like any pickle, a folder is to be read only if you trust who wrote it.
    n_jobs : int, default=None
        Fits of the teacher at a time, but no more than there are cores, of which each gets its
        share for threads. Inside another parallel loop, such as
        ``GridSearchCV(n_jobs=2)``, one fit follows the other.
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
    decisions_ : list of Decision
        For each output: the rule that was chosen, the share of labels that it
        rejected, the weight of the teacher, and why; ``print(decisions_[0])``.
    alpha_ : ndarray of shape (n_outputs,)
        Weight of the teacher that was used.
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
    Wrong labels and odd clean ones cannot always be told apart: a target with a
    second hump at a constant distance looks exactly like labels that were
    shifted. ``outliers="auto"`` asks for two kinds of evidence: models of the
    squared error must predict left-out labels clearly worse, in absolute error,
    than models of the absolute error; and the worse, the better one can predict
    from X where the large errors are. Then it refits both models under each rule
    and compares them on all labels. It costs about six fits of the student if
    nothing is found, and about fifteen if something is.

    On inputs of more than two dimensions there are no peers to ask: labels beyond
    3 robust standard deviations of the teacher's errors are rejected, and alpha
    is one half.

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
    >>> distilled.decisions_[0].rule
    'threshold, round 2'
    """

    def __init__(
        self,
        teacher=None,
        student=None,
        *,
        outliers="auto",
        alpha="auto",
        loss="auto",
        revision=None,
        selection=None,
        route=None,
        hints=None,
        synthetic=None,
        heads=1,
        teacher_weight=1.0,
        predict_head="label",
        cv=5,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.teacher = teacher
        self.student = student
        self.outliers = outliers
        self.alpha = alpha
        self.loss = loss
        self.revision = revision
        self.selection = selection
        self.route = route
        self.hints = hints
        self.synthetic = synthetic
        self.heads = heads
        self.teacher_weight = teacher_weight
        self.predict_head = predict_head
        self.cv = cv
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @with_callbacks
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        teacher_prediction=None,
        X_unlabeled=None,
        teacher_route=None,
    ):
        """Find wrong labels, teach the teacher without them, and the student by both.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. A data frame reaches the teacher as a data frame.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels, possibly wrong.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, in the teacher's fit and in every loss.
        teacher_prediction : array-like of the shape of y, default=None
            What a teacher says about these rows, if that is known already, in
            the units of y. Best out-of-fold. Goes with ``teacher=None``.
        X_unlabeled : array-like of shape (n_more, n_features), default=None
            Rows without labels, from which the student learns what the teacher
            says about them. In cross-validation all of them go into each fit.
        teacher_route : array-like of shape (n_samples, n_stages) or \
                (n_samples, n_stages, n_outputs), default=None
            What a teacher said about these rows at stages of its training, the
            last one in the end. Goes with ``teacher=None`` and `route`.

        Returns
        -------
        DistilledRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            Bad data, an unknown parameter value, or a teacher whose
            predictions have another shape than y or are not finite.
        RuntimeError
            If the teacher fails, or the student's loss is no longer finite.
        """
        if teacher_route is not None and teacher_prediction is None:
            teacher_prediction = np.asarray(teacher_route)[:, -1]
        return self._fit(
            X, y, sample_weight, teacher_prediction, X_unlabeled, teacher_route=teacher_route
        )

    def _supervise(self, lesson):
        methods = DistillationMethods.of(self)
        hints, revision = methods.hints, methods.revision
        if hints is not None:
            check_hints(lesson.teacher, hints)
        council = self._council(lesson)
        if isinstance(self.outliers, str) and self.outliers == "auto":
            finding = detect_by_evidence(council)
        else:
            rule = resolve_rule(self.outliers)
            finding = detect_by_rule(rule, council, self.alpha == "auto")
        scaling = lesson.scaling
        repaired = mix(finding.opinion, scaling.standardize(lesson.y), finding.trust)
        teacher, stages = teach(lesson, finding.unfitted, repaired, methods.route, self.n_jobs)
        imitated = mix(stages, finding.opinion, finding.second)
        if revision is not None and revision.revises == "label":
            # A teacher that was fitted on a label defends it.
            repaired = revision.apply(repaired, finding.teacher)[0]
        elif revision is not None:
            imitated = revision.apply(repaired, imitated[-1])[1][None]
        if methods.selection is not None:
            chosen = methods.selection.select(
                lesson.student,
                lesson.X,
                repaired,
                imitated[-1],
                np.asarray(finding.verdict.inlier.all(axis=1)),
                lesson.weight,
                lesson.random_state,
            )
            imitated = np.where(chosen, imitated, repaired)
        alpha = finding.alpha if self.alpha == "auto" else self.alpha
        self.alpha_ = np.broadcast_to(alpha, finding.alpha.shape).copy()
        self.decisions_ = finding.decisions
        alpha = 0 if self._weighs_by_itself() else alpha
        told = mix(repaired, imitated, alpha)
        rehearsal = None
        if finding.by_fold is not None and np.any(alpha) and not (revision or methods.selection):
            rehearsal = ValidationTargets.by_folds(
                lesson.folds, mix(repaired, finding.by_fold, alpha)
            )
        return Instruction(
            told[-1],
            imitated[-1],
            finding.verdict,
            scaling.restore(finding.teacher),
            teacher,
            repaired,
            methods.route
            and Curriculum(told.astype(np.float32), imitated.astype(np.float32), methods.route),
            hints and hint_features(teacher, lesson.rows, hints, lesson.random_state),
            rehearsal,
        )

    def _weighs_by_itself(self) -> bool:
        """Whether the loss decides about label and teacher, so that they must not be mixed."""
        return not isinstance(self.loss, str) or (self.loss in WITH_TEACHER and self.loss != "tor")

    def _extra_rows(self, lesson, told, X_unlabeled):
        methods = DistillationMethods.of(self)
        if X_unlabeled is None and methods.synthetic is None:
            return None
        methods.refuse_further_rows("X_unlabeled")
        teacher = told.fitted_teacher
        return extra_rows(self, lesson, teacher, methods.synthetic, X_unlabeled)

    def _council(self, lesson) -> OutOfFoldModels:
        peers = None
        if lesson.X.ndim == 2:
            plain = lesson.student.module is None
            peers = CrossFittedStudents(
                lesson.student if plain else StudentRegressor(),
                lesson.X,
                lesson.scaling.standardize(lesson.y),
                lesson.weight,
                lesson.folds,
                draw_seed(lesson.random_state),
                lesson.student._columns.categorical if plain else (),
                lesson.memory,
            )
        return OutOfFoldModels(
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
            lesson.memory,
        )

    def _criterion(self, verdict) -> dict[str, Any]:
        loss = self.loss
        if loss == "auto":
            loss = getattr(self.student, "loss", "squared_error")
            if loss == "squared_error" and not verdict.inlier.all():
                # What is left of wrong labels must not weigh by its square.
                loss = "huber"
        return {
            "loss": loss,
            "n_heads": self.heads,
            "teacher_weight": self.teacher_weight,
            "alpha": self.alpha_.tolist(),
            **hint_params(DistillationMethods.of(self).hints),
        }

    def _validate_params_now(self) -> None:
        super()._validate_params_now()
        validate_parameters(
            self,
            {
                "alpha": [Interval(Real, None, None, closed="neither"), StrOptions({"auto"})],
                "loss": [StrOptions({"auto", *LOSSES}), callable],
            },
        )
        if not (isinstance(self.outliers, str) and self.outliers == "auto"):
            resolve_rule(self.outliers)
        DistillationMethods.of(self)

    # What a file holds of it.

    def _learned_state(self, training_rows: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
        state, tensors = super()._learned_state(training_rows)
        state["decisions"] = [encode(asdict(one), {}) for one in self.decisions_]
        tensors["alpha_"] = torch.from_numpy(np.array(self.alpha_))
        return state, tensors

    def _take_learned_state(self, state: dict[str, Any], tensors: dict[str, Tensor], module):
        super()._take_learned_state(state, tensors, module)
        self.decisions_ = [Decision(**decode(one, {})) for one in state["decisions"]]
        self.alpha_ = tensors["alpha_"].numpy()
