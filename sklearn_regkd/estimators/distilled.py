"""The default recipe: a repaired teacher and repaired labels for a small student."""

from dataclasses import asdict, replace
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_regkd.estimators.base import BaseDistiller
from sklearn_regkd.estimators.find_label_noise import find_label_noise
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.estimators.targets import loss_of
from sklearn_regkd.label_noise.by_target import detect_by_target, refit_on_repaired
from sklearn_regkd.label_noise.noise import Decision
from sklearn_regkd.label_noise.rules import resolve_rule
from sklearn_regkd.label_noise.teacher_quality import repeats_labels
from sklearn_regkd.losses.modules import LOSSES, TEACHER_LOSSES
from sklearn_regkd.persistence.estimator_file import saveable
from sklearn_regkd.persistence.json_params import PLAIN
from sklearn_regkd.supervision.methods import DistillationMethods
from sklearn_regkd.supervision.mixing import mix
from sklearn_regkd.supervision.targets import Targets
from sklearn_regkd.supervision.validation_targets import ValidationTargets
from sklearn_regkd.teachers.interface import FittedTeacher
from sklearn_regkd.training.torch_state import in_plain_torch
from sklearn_regkd.utils.sklearn_compat import (
    Interval,
    StrOptions,
    all_or_nothing,
    validate_parameters,
    with_callbacks,
)


@saveable
class DistilledRegressor(BaseDistiller):
    """A small student that learns from a teacher and from labels, of which some may be wrong.

    1. Cross-fitted students and boosted trees predict each row out-of-fold, with the squared
       and with the absolute error. If the models of the squared error, which follow every
       label, predict left-out labels no worse, all labels are trusted. If they do, the
       rule that leads to the best predictions decides which labels are wrong.
    2. Wrong labels are replaced by out-of-fold predictions, and
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
        ``"auto"`` takes the weight by which teacher and cross-fitted students together predict
        left-out labels best (least squares on trusted labels).
    loss : "auto", name or callable, default="auto"
        Loss of the student. ``"auto"`` is that of `student` if it was given one other than
        the squared error; else the squared or the absolute error, whichever is ahead on left-out
        labels, and Huber's for few-valued ones with mistakes. Towards the mixture of both:
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
    quantiles : sequence of float or None, default=None
        Levels of the quantiles that :meth:`predict_quantiles` predicts, rising, such as
        ``(0.05, 0.5, 0.95)``: further outputs of the student, which `predict` does not notice.
        Not with a student that predicts a quantile itself.
    missing_labels : {"error", "teacher"}, default="error"
        Whether y may hold NaN, for labels that nobody has measured. ``"teacher"``: they have weight
        0 in every loss and decision, the teacher learns each target from the rows that have it and
        predicts it in the others; rows without any label are unlabelled ones, see `X_unlabeled`.
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
        The teacher, fitted on all rows with repaired labels; None if only
        predictions were given.
    student_ : StudentRegressor
        The fitted student.
    teacher_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Predictions of the teacher for the training rows, out-of-fold if it was
        fitted here, in the units of y.
    inlier_probability_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Probability that each label is right: with ``outliers="auto"`` one minus the local false
        discovery rate, see :class:`~sklearn_regkd.label_noise.local_fdr.LocalFDRRule`.
    outlier_mask_ : ndarray of bool of shape (n_samples,) or (n_samples, n_outputs)
        The labels that are more probably wrong than right, which a person should check; see
        :func:`~sklearn_regkd.inspection.label_issues`.
    suggested_labels_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Out-of-fold prediction of student and teacher together, in the units of y: what stands in
        the place of a rejected label.
    verdict_ : Verdict
        The rule of each output with its scale and threshold in units of y, see
        :class:`~sklearn_regkd.label_noise.verdict.Verdict`.
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
    shifted. ``outliers="auto"`` takes labels for wrong where models of the squared error predict
    left-out labels clearly worse, in absolute error, than models of the absolute error, and
    these are ahead in squared error as well, shift and scale apart. Then it refits both models
    under each rule and compares them on all labels. It costs about six fits of the student if
    nothing is found, and about fifteen if something is.

    On inputs of more than two dimensions no students are cross-fitted: labels beyond
    3 robust standard deviations of the teacher's errors are rejected, and alpha
    is one half.

    A frozen teacher, a module and `teacher_prediction` are not refitted: their predictions
    decide about the labels, and the student imitates them.

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
    'mixture'
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
        self.quantiles = quantiles
        self.missing_labels = missing_labels
        self.cv = cv
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @in_plain_torch
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
        groups=None,
        trusted=None,
    ):
        """Find wrong labels, fit the teacher without them, and train the student on both.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. A data frame reaches the teacher as a data frame.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels, possibly wrong.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, in the teacher's fit and in every loss.
        teacher_prediction : array-like of the shape of y, default=None
            Predictions of a teacher for these rows, if they are known already, in
            the units of y. Best out-of-fold. Goes with ``teacher=None``.
        X_unlabeled : array-like of shape (n_more, n_features), default=None
            Rows without labels, from which the student learns what the teacher
            predicts for them. In cross-validation all of them go into each fit.
        teacher_route : array-like of shape (n_samples, n_stages) or \
                (n_samples, n_stages, n_outputs), default=None
            Predictions of a teacher for these rows at stages of its training, the
            last one in the end. Goes with ``teacher=None`` and `route`.
        groups : array-like of shape (n_samples,), default=None
            Person, sensor or day of each row: rows of one group are left out together, in the
            folds of the teacher and wherever settings of the student are tried.
        trusted : array-like of bool of the shape of y, or of shape (n_samples,), default=None
            Labels that somebody has checked: they are never doubted, and have more say than others
            wherever models or rules are compared; see
            :func:`~sklearn_regkd.inspection.apply_corrections`.

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
            X, y, sample_weight, teacher_prediction, X_unlabeled, teacher_route, groups, trusted
        )

    def _supervise(self, data, methods):
        detect = partial(
            find_label_noise,
            outliers=self.outliers,
            find_alpha=self.alpha == "auto",
            loss=self._named_loss(),
        )
        if data.known is None:
            noise = detect(data)
            teacher, stages = refit_on_repaired(data, noise, methods.route)
        else:
            noise, teacher, prediction = detect_by_target(data, detect)
            noise = replace(noise, trust=noise.trust * data.known)
            stages = prediction[None]
        label = noise.repaired(data.label)
        oof_prediction = data.scaling.standardize(noise.teacher_prediction)
        if teacher is not None and repeats_labels(label, stages[-1], oof_prediction):
            # Of rows that it holds it says nothing new. R2 with its other predictions: on protein
            # extra trees .317 -> .331, with 20 % gross labels .215 -> .340, nearest neighbours
            # .317 -> .335 and .266 -> .325; on california, clean, .790 -> .777 and .783.
            replaced = (noise.trust < 1).any()
            stages[-1] = noise.replacement if replaced else oof_prediction
        alpha = noise.alpha if self.alpha == "auto" else self.alpha
        alpha = np.broadcast_to(alpha, noise.alpha.shape).copy()
        targets = Targets(
            label=label,
            teacher=stages,
            oof_prediction=oof_prediction,
            inlier=noise.trust >= 0.5,
            alpha=np.zeros_like(alpha) if self._weighs_by_itself() else alpha,
        )
        fitted_teacher = FittedTeacher(teacher, data)
        if data.X_unlabeled is not None:
            targets = targets.with_rows(data.X_unlabeled, fitted_teacher.predict_unlabeled())
        for method in methods:
            targets = method.apply(targets, data, fitted_teacher)
        supervision = replace(
            targets.supervision(data.element_weight), weight_decay=noise.weight_decay
        )
        if noise.by_fold is not None and targets.alpha.any() and not methods.change_targets:
            by_fold = mix(targets.label, noise.by_fold, targets.alpha)
            validation_targets = ValidationTargets.by_folds(data.folds, by_fold)
            supervision = replace(supervision, validation_targets=validation_targets)
        return supervision, {
            "teacher_": teacher,
            "teacher_prediction_": noise.teacher_prediction,
            "suggested_labels_": data.scaling.restore(noise.replacement),
            "repaired_labels_": np.where(
                noise.trust == 1, data.y, data.raised(data.scaling.restore(label))
            ),
            "verdict_": noise.verdict,
            "alpha_": alpha,
            "decisions_": noise.decisions,
        }

    def _weighs_by_itself(self) -> bool:
        """Whether the loss decides about label and teacher, so that they must not be mixed."""
        loss = self._named_loss()
        return not isinstance(loss, str) or (loss in TEACHER_LOSSES and loss != "tor")

    def _named_loss(self) -> Any:
        student = self.student if isinstance(self.student, StudentRegressor) else StudentRegressor()
        return loss_of(student, None if self.loss == "auto" else self.loss)

    def _criterion(self, fitted, methods) -> dict[str, Any]:
        loss, alpha = self._named_loss(), fitted["alpha_"]
        if self.loss == "auto" and loss == "squared_error":
            losses = {one.loss for one in fitted["decisions_"]}
            loss = losses.pop() if len(losses) == 1 else "huber"
        return {
            "loss": loss,
            "n_heads": self.heads,
            "teacher_weight": self.teacher_weight,
            "alpha": alpha.tolist(),
            **methods.criterion_params(),
        }

    def _validate_params_now(self) -> DistillationMethods:
        super()._validate_params_now()
        validate_parameters(
            self,
            {
                "alpha": [Interval(Real, None, None, closed="neither"), StrOptions({"auto"})],
                "loss": [StrOptions({"auto", "quantile", *LOSSES}), callable],
            },
        )
        if not (isinstance(self.outliers, str) and self.outliers == "auto"):
            resolve_rule(self.outliers)
        return DistillationMethods.of(self)

    # What a file holds of it.

    def _learned_state(self, training_rows: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
        state, tensors = super()._learned_state(training_rows)
        state["decisions"] = [PLAIN.encode(asdict(one)) for one in self.decisions_]
        tensors["alpha_"] = torch.from_numpy(np.array(self.alpha_))
        return state, tensors

    def _take_learned_state(self, state: dict[str, Any], tensors: dict[str, Tensor], module):
        super()._take_learned_state(state, tensors, module)
        self.decisions_ = [Decision(**PLAIN.decode(one)) for one in state["decisions"]]
        self.alpha_ = tensors["alpha_"].numpy()
