"""What the distillation estimators share: from (X, y) and a teacher to a trained student."""

from abc import ABC, abstractmethod
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from skorch import NeuralNet

from sklearn_regkd.estimators.check_data import check_data, check_methods
from sklearn_regkd.estimators.diagram import teacher_and_student, what_was_decided
from sklearn_regkd.estimators.distiller_state import DistillerStateMixin
from sklearn_regkd.estimators.in_domain import InDomainMixin, note_training_rows
from sklearn_regkd.estimators.intervals import IntervalMixin, check_quantiles, learn_intervals
from sklearn_regkd.estimators.missing_labels import (
    fill_missing,
    mark_missing,
    refuse_trusted_gaps,
)
from sklearn_regkd.estimators.nested import NestedParamsMixin
from sklearn_regkd.estimators.params import CONSTRAINTS
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.estimators.targets import check_labels, in_units_of, least_label
from sklearn_regkd.label_noise.left_out import with_left_out_rows
from sklearn_regkd.label_noise.teacher_quality import warn_if_no_better_than_median
from sklearn_regkd.losses.quantile import QuantileLoss
from sklearn_regkd.networks.inputs import TransformedRows
from sklearn_regkd.persistence.mixin import SaveMixin
from sklearn_regkd.preprocessing.validation import (
    check_predict_data,
    check_trusted,
    like_y,
)
from sklearn_regkd.supervision.methods import DistillationMethods
from sklearn_regkd.supervision.supervision import Supervision
from sklearn_regkd.teachers.cross_fit import CrossFitResult
from sklearn_regkd.teachers.ensemble import as_ensemble, cross_fit_teacher
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.teachers.kinds import default_teacher
from sklearn_regkd.training.distributed import current_processes
from sklearn_regkd.training.torch_state import in_plain_torch
from sklearn_regkd.utils.progress import show_progress
from sklearn_regkd.utils.random import draw_seed
from sklearn_regkd.utils.sklearn_compat import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    VisualBlock,
    all_or_nothing,
    check_fitted,
    fit_task,
    validate_parameters,
    with_callbacks,
)


class BaseDistiller(
    NestedParamsMixin,
    InDomainMixin,
    IntervalMixin,
    DistillerStateMixin,
    SaveMixin,
    CallbackSupportMixin,
    RegressorMixin,
    BaseEstimator,
    ABC,
):
    """Base of the estimators in which a teacher supervises a student.

    A subclass decides what the student is told (:meth:`_supervise`) and under
    which loss (:meth:`_criterion`).
    """

    @abstractmethod
    def _supervise(
        self, data: FitData, methods: DistillationMethods
    ) -> tuple[Supervision, dict[str, Any]]:
        """Find wrong labels, fit the teacher, and decide what the student is told.

        Returns
        -------
        supervision : Supervision
            What the student is told about each training row, and about extra ones.
        fitted : dict
            Fitted attributes: ``teacher_``, ``teacher_prediction_`` and ``verdict_`` (both
            with a column for each output) at least.
        """

    @abstractmethod
    def _criterion(self, fitted: dict[str, Any], methods: DistillationMethods) -> dict[str, Any]:
        """Return the arguments of the student's criterion, given what :meth:`_supervise` did."""

    @abstractmethod
    def _named_loss(self) -> Any:
        """Return the loss that the user has named, or else the default."""

    @in_plain_torch
    @all_or_nothing
    @with_callbacks
    def fit(self, X, y, sample_weight=None, teacher_prediction=None, groups=None, trusted=None):
        """Fit the teacher, decide which labels to trust, train the student.

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
        groups : array-like of shape (n_samples,), default=None
            Person, sensor or day of each row: rows of one group are left out together, in the
            folds of the teacher and wherever settings of the student are tried.
        trusted : array-like of bool of the shape of y, or of shape (n_samples,), default=None
            Labels that somebody has checked: they are never doubted, and have more say than others
            wherever models or rules are compared; see
            :func:`~sklearn_regkd.inspection.apply_corrections`.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            Bad data, an unknown parameter value, or a teacher whose
            predictions have another shape than y or are not finite.
        RuntimeError
            If the teacher fails, or the student's loss is no longer finite.
        """
        return self._fit(X, y, sample_weight, teacher_prediction, groups=groups, trusted=trusted)

    def _fit(
        self,
        X,
        y,
        sample_weight,
        teacher_prediction,
        X_unlabeled=None,
        teacher_route=None,
        groups=None,
        trusted=None,
    ):
        methods = self._validate_params_now()
        student = self._own_student()
        validate_parameters(student, CONSTRAINTS)
        trusted = check_trusted(trusted, y)
        known = None
        if self.missing_labels == "teacher":
            y, known = fill_missing(y)
            refuse_trusted_gaps(trusted, known)
        data = check_data(
            self,
            student,
            X,
            y,
            sample_weight,
            teacher_prediction,
            teacher_route,
            X_unlabeled,
            groups,
            known,
            trusted,
        )
        student._validate_params_now()  # now that it has a seed: before a teacher is fitted
        check_methods(data, methods)
        loss = self._named_loss()
        check_quantiles(self.quantiles, loss)
        check_labels(loss, data.y, data.known)
        data = replace(data, least=least_label(loss, data.y, data.known))
        context = self._init_callback_context(max_subtasks=2)
        shown = current_processes().verbosity(self.verbose)
        with show_progress(self, shown), fit_task(context, self):
            with fit_task(context.subcontext(task_name="teacher"), self):
                supervision, fitted = self._supervise(data, methods)
                supervision = supervision.held_out_by(data.groups, data.held_out)
            if not isinstance(loss, QuantileLoss):
                warn_if_no_better_than_median(data, fitted["teacher_prediction_"])
            inlier = fitted["verdict_"].inlier
            believed = inlier if data.known is None else inlier & data.known
            note_training_rows(student, data.X, data.y, believed)
            X_seen, rows, supervision = _rows_of_student(data, supervision)
            task = context.subcontext(task_name="student")
            with task.propagate_callback_context(student), fit_task(task, self):
                criterion = self._criterion(fitted, methods)
                supervision, scaling = in_units_of(loss, data, supervision)
                student._when_trained = partial(learn_intervals, self, data, fitted)
                student._learn_from_teacher(self, X_seen, supervision, scaling, criterion, rows)
        self._set_fitted(data, student, fitted, trusted)
        if self.missing_labels == "teacher":
            mark_missing(self, known)
        return self

    def _set_fitted(
        self,
        data: FitData,
        student: StudentRegressor,
        fitted: dict[str, Any],
        trusted: np.ndarray | None,
    ) -> None:
        """Set all fitted attributes."""
        verdict = fitted["verdict_"].scaled(data.scaling.scale)
        prediction = fitted["teacher_prediction_"]
        suggested = fitted.get("suggested_labels_", prediction)
        repaired = fitted["repaired_labels_"]
        if data.left_out is not None:
            trusts_by_evidence = getattr(self, "outliers", None) == "auto"
            prediction, verdict = with_left_out_rows(
                data, fitted["teacher_"], prediction, verdict, trusts_by_evidence
            )
            left_out = data.left_out
            verdict = verdict.with_trusted(trusted)
            new = prediction[left_out.mask]
            suggested = left_out.joined(suggested, new)
            kept = verdict.inlier[left_out.mask]
            repaired = left_out.joined(repaired, np.where(kept, left_out.y, new))
        columns = {
            "teacher_prediction_": prediction,
            "suggested_labels_": suggested,
            "repaired_labels_": repaired,
            "inlier_probability_": verdict.inlier_probability,
            "outlier_mask_": ~verdict.inlier,
        }
        like = {name: like_y(values, self._y_ndim) for name, values in columns.items()}
        for name, value in {**fitted, "verdict_": verdict, **like}.items():
            setattr(self, name, value)
        self.student_ = student
        self.history_ = student.history_
        self.n_iter_ = student.n_iter_
        self.n_outputs_ = data.n_outputs
        self._input_shape = data.X.shape[1:]

    def _cross_fit(self, data: FitData) -> CrossFitResult:
        """Return out-of-fold predictions of the teacher, and the teacher fitted on all rows."""
        if data.teacher_prediction is not None:
            return CrossFitResult(data.teacher_prediction, data.teacher)
        return cross_fit_teacher(
            data.teacher,
            data.teacher_X,
            data.y,
            params=data.teacher_params,
            folds=data.folds,
            refit=True,
            n_jobs=data.n_jobs,
            seed=draw_seed(data.random_state),
            cache=data.cache,
        )

    def predict(self, X):
        """Predict the target with the student.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs, raw as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions in the units of y.
        """
        check_fitted(self, "student_")
        student = self.student_
        X = check_predict_data(
            self, student._columns.transform(X), self._input_shape, student._takes_missing()
        )
        return like_y(student._predict_columns(X, self.predict_head), self._y_ndim)

    def _own_student(self) -> StudentRegressor:
        """Return an unfitted student that belongs to this fit."""
        if self.student is None:
            return StudentRegressor(verbose=self.verbose)
        if isinstance(self.student, NeuralNet):
            return StudentRegressor(module=clone(self.student), verbose=self.verbose)
        if not isinstance(self.student, StudentRegressor):
            raise TypeError(
                f"student must be None, a StudentRegressor or a skorch NeuralNet, got "
                f"{self.student!r}; for a network of your own use StudentRegressor(module=...)"
            )
        student = clone(self.student)
        if student.checkpoint is not None and self.random_state is None:
            raise ValueError(
                f"the student has checkpoint={student.checkpoint!r}, and random_state=None draws "
                "other folds and seeds for each fit, so that none can go on where another was "
                f"killed; set random_state of {type(self).__name__} to an integer"
            )
        return student

    def get_metadata_routing(self):
        """Return which metadata `fit` takes for itself and which it hands to the teacher.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
            `sample_weight` and `teacher_prediction` are our own;
            `sample_weight` goes to the teacher as well if the teacher asks for it.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        teacher = default_teacher() if self.teacher is None else as_ensemble(self.teacher)
        if hasattr(teacher, "get_metadata_routing"):
            mapping = MethodMapping().add(caller="fit", callee="fit")
            router.add(teacher=teacher, method_mapping=mapping)
        return router

    def _sk_visual_block_(self) -> VisualBlock:
        """Let scikit-learn's diagram show teacher and student, also where they are defaults."""
        return teacher_and_student(self)

    def _repr_html_inner(self) -> str:
        return super()._repr_html_inner() + what_was_decided(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        # IPython asks for this one; other tools for _repr_html_, which is a property of
        # scikit-learn that calls the method above.
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += what_was_decided(self)
        return bundle

    def _validate_params_now(self) -> DistillationMethods:
        """Raise an error if a parameter makes no sense; return the methods that are on."""
        validate_parameters(
            self,
            {
                "heads": [Interval(Integral, 1, 2, closed="both")],
                "teacher_weight": [Interval(Real, 0, None, closed="left")],
                "predict_head": [StrOptions({"label", "teacher", "mean"})],
                "cv": ["cv_object"],
                "memory": [None, str, HasMethods(["cache"])],
                "missing_labels": [StrOptions({"error", "teacher"})],
                "n_jobs": [Integral, None],
                "random_state": ["random_state"],
                "verbose": ["verbose"],
            },
        )
        if self.heads == 1 and self.predict_head != "label":
            raise ValueError(
                f"predict_head={self.predict_head!r} needs heads=2: a student with one head "
                "predicts with it"
            )
        return DistillationMethods()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        has_module = isinstance(self.student, NeuralNet) or (
            getattr(self.student, "module", None) is not None
        )
        tags.input_tags.three_d_array = has_module
        tags.input_tags.allow_nan = getattr(self.student, "missing_values", "error") != "error"
        return tags


def _rows_of_student(
    data: FitData, supervision: Supervision
) -> tuple[np.ndarray, TransformedRows | None, Supervision]:
    """Return what the student learns from: the training rows and the extra ones.

    Rows are transformed already where the built-in network learns from training rows alone.
    """
    if supervision.extra_rows:
        X, supervision = supervision.joined(data.X)
        return X, None, supervision
    return data.X, data.network_rows if data.student.module is None else None, supervision
