"""What the distillation estimators share: from (X, y) and a teacher to a trained student."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn import get_config
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from skorch import NeuralNet
from torch import Tensor

from sklearn_regkd.estimators.diagram import teacher_and_student
from sklearn_regkd.estimators.nested import NestedParamsMixin
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.label_noise.verdict import Verdict
from sklearn_regkd.persistence.estimator_file import decode_params, encode_params
from sklearn_regkd.persistence.json_params import decode, encode
from sklearn_regkd.persistence.mixin import SaveMixin
from sklearn_regkd.preprocessing.scaling import fit_target_scaling
from sklearn_regkd.preprocessing.validation import (
    as_columns,
    check_fit_data,
    check_predict_data,
    check_weight,
    like_y,
)
from sklearn_regkd.supervision.supervision import Supervision
from sklearn_regkd.supervision.validation_targets import ValidationTargets
from sklearn_regkd.teachers.cross_fit import (
    CrossFitResult,
    make_folds,
    predict_teacher_cached,
    teacher_rows,
)
from sklearn_regkd.teachers.ensemble import TeacherEnsemble, as_ensemble, cross_fit_teacher
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.teachers.kinds import (
    check_default_rows,
    check_teacher,
    default_teacher,
    is_fitted_teacher,
    own_teacher,
    weight_params,
)
from sklearn_regkd.teachers.route import as_route
from sklearn_regkd.training.curriculum import Curriculum
from sklearn_regkd.utils.cache import open_memory
from sklearn_regkd.utils.files import FileError
from sklearn_regkd.utils.random import draw_seed, fill_random_states, own_random_state
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

# What says something of single training rows, and what is the student's as well.
OF_ROWS = ("teacher_prediction_", "inlier_probability_", "outlier_mask_")
OF_STUDENT = (
    "history_",
    "n_iter_",
    "n_outputs_",
    "n_features_in_",
    "feature_names_in_",
    "_y_ndim",
    "_input_shape",
)


@dataclass(frozen=True)
class Instruction:
    """What a distillation estimator has decided to tell its student.

    Parameters
    ----------
    label, teacher : ndarray of shape (n_samples, n_outputs)
        What the student's heads are to say, in standard units.
    verdict : Verdict
        Which labels are trusted.
    opinion : ndarray of shape (n_samples, n_outputs)
        What the teacher said of rows that it had not seen, in raw units.
    fitted_teacher : object or None
        The teacher after all of its fits.
    judged : ndarray of shape (n_samples, n_outputs), default=None
        See :class:`~sklearn_regkd.supervision.supervision.Supervision`.
    curriculum : Curriculum or None, default=None
        Earlier stages of `label` and `teacher`.
    hints : ndarray of shape (n_samples, n_hints), default=None
        What the teacher sees in each row.
    rehearsal : ValidationTargets or None, default=None
        See :class:`~sklearn_regkd.supervision.supervision.Supervision`.
    """

    label: np.ndarray
    teacher: np.ndarray
    verdict: Verdict
    opinion: np.ndarray
    fitted_teacher: Any
    judged: np.ndarray | None = None
    curriculum: Curriculum | None = None
    hints: np.ndarray | None = None
    rehearsal: ValidationTargets | None = None


class BaseDistiller(
    NestedParamsMixin, SaveMixin, CallbackSupportMixin, RegressorMixin, BaseEstimator, ABC
):
    """Base of the estimators in which a teacher supervises a student.

    A subclass says what the student is told (:meth:`_supervise`) and under
    which loss (:meth:`_criterion`).
    """

    @abstractmethod
    def _supervise(self, lesson: FitData) -> Instruction:
        """Ask the teacher and decide what the student is told."""

    @abstractmethod
    def _criterion(self, verdict: Verdict) -> dict[str, Any]:
        """Return the arguments of the student's criterion."""

    @all_or_nothing
    @with_callbacks
    def fit(self, X, y, sample_weight=None, teacher_prediction=None):
        """Ask the teacher, decide which labels to trust, train the student.

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
        return self._fit(X, y, sample_weight, teacher_prediction)

    def _fit(self, X, y, sample_weight, teacher_prediction, X_unlabeled=None, teacher_route=None):
        self._validate_params_now()
        teacher = as_ensemble(self.teacher)
        if isinstance(teacher, TeacherEnsemble):
            teacher.check()
        check_teacher(teacher)
        if teacher_prediction is not None and self.teacher is not None:
            raise ValueError(
                "both teacher and teacher_prediction were given: set teacher=None to use the "
                "predictions, or leave teacher_prediction away"
            )
        student = self._own_student()
        if student.checkpoint is not None and self.random_state is None:
            raise ValueError(
                f"the student has checkpoint={student.checkpoint!r}, and random_state=None draws "
                "other folds and seeds for each fit, so that none can go on where another was "
                f"killed; set random_state of {type(self).__name__} to an integer"
            )
        X_array, y, self._y_ndim = check_fit_data(
            self,
            student._encode_categories(X),
            y,
            allow_nd=student.module is not None,
            allow_nan=student._takes_missing(),
        )
        weight = check_weight(sample_weight, X_array)
        everywhere = np.ones(len(y)) if weight is None else weight
        counted = everywhere > 0
        positive = everywhere[counted]
        scaling = fit_target_scaling(y[counted], positive)
        random_state = own_random_state(self.random_state)
        fill_random_states(student, random_state)
        memory = open_memory(self.memory)
        context = self._init_callback_context(max_subtasks=2)
        with fit_task(context, self):
            with fit_task(context.subcontext(task_name="teacher"), self):
                if teacher_prediction is None:
                    if teacher is None:
                        check_default_rows(X, X_array.shape)
                    teacher = own_teacher(teacher, y.shape[1], random_state, len(y))
                    params = self._teacher_params(teacher, weight)
                    rows, given = teacher_rows(teacher, X, X_array), None
                    if is_fitted_teacher(teacher):
                        given = predict_teacher_cached(memory, teacher, rows, y.shape[1])
                else:
                    given = as_columns(teacher_prediction, len(y), y.shape[1], "teacher_prediction")
                    teacher, params, rows = None, {}, X
                lesson = FitData(
                    X_array,
                    y,
                    everywhere,
                    scaling,
                    student,
                    teacher,
                    rows,
                    params,
                    given,
                    make_folds(self.cv, len(y), random_state),
                    random_state,
                    memory,
                    None if teacher_route is None else as_route(teacher_route, y.shape),
                )
                told = self._supervise(lesson)
                more = self._extra_rows(lesson, told, X_unlabeled)
            supervision = Supervision(
                told.label[counted],
                told.teacher[counted],
                told.verdict.inlier[counted],
                positive / positive.mean(),
                None if told.judged is None else told.judged[counted],
                None if told.hints is None else told.hints[counted],
                None if told.rehearsal is None else told.rehearsal.of(counted),
            )
            seen = X_array if counted.all() else X_array[counted]
            if more is not None:
                supervision = supervision.joined_by(scaling.standardize(more[1]))
                # Single precision stays so; but fractions do not become bytes.
                further = more[0] if seen.dtype == np.uint8 else more[0].astype(seen.dtype)
                seen = np.concatenate([seen, further])
            task = context.subcontext(task_name="student")
            with task.propagate_callback_context(student), fit_task(task, self):
                criterion = self._criterion(told.verdict)
                route = None if told.curriculum is None else told.curriculum.of(counted)
                student._learn_from_teacher(self, seen, supervision, scaling, criterion, route)

        self.teacher_ = told.fitted_teacher
        self.student_ = student
        self.history_ = student.history_
        self.n_iter_ = student.n_iter_
        self.n_outputs_ = y.shape[1]
        self.teacher_prediction_ = like_y(told.opinion, self._y_ndim)
        self.inlier_probability_ = like_y(told.verdict.inlier_probability, self._y_ndim)
        self.outlier_mask_ = like_y(~told.verdict.inlier, self._y_ndim)
        self._input_shape = X_array.shape[1:]
        return self

    def _extra_rows(self, lesson: FitData, told: Instruction, X_unlabeled: Any):
        """Return further rows and what the teacher says of them in raw units, or None."""
        return None

    def _consult(self, lesson: FitData, refit: bool) -> CrossFitResult:
        """Ask the teacher of a lesson; fit it on all rows as well where `refit`."""
        if lesson.prediction is not None:
            return CrossFitResult(lesson.prediction, lesson.teacher)
        return cross_fit_teacher(
            lesson.teacher,
            lesson.rows,
            lesson.y,
            params=lesson.teacher_params,
            folds=lesson.folds,
            refit=refit,
            n_jobs=self.n_jobs,
            seed=draw_seed(lesson.random_state),
            memory=lesson.memory,
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
        if isinstance(self.student, StudentRegressor):
            return clone(self.student)
        raise TypeError(
            f"student must be None, a StudentRegressor or a skorch NeuralNet, got "
            f"{self.student!r}; for a network of your own use StudentRegressor(module=...)"
        )

    def _teacher_params(self, teacher: Any, weight: np.ndarray | None) -> dict[str, np.ndarray]:
        if weight is None or is_fitted_teacher(teacher):
            return {}
        if get_config()["enable_metadata_routing"]:
            return dict(process_routing(self, "fit", sample_weight=weight).teacher.fit)
        return weight_params(teacher, weight)

    def get_metadata_routing(self):
        """Say which metadata `fit` takes for itself and which it hands to the teacher.

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

    def _validate_params_now(self) -> None:
        validate_parameters(
            self,
            {
                "heads": [Interval(Integral, 1, 2, closed="both")],
                "teacher_weight": [Interval(Real, 0, None, closed="left")],
                "predict_head": [StrOptions({"label", "teacher", "mean"})],
                "cv": ["cv_object"],
                "memory": [None, str, HasMethods(["cache"])],
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        has_module = isinstance(self.student, NeuralNet) or (
            getattr(self.student, "module", None) is not None
        )
        tags.input_tags.three_d_array = has_module
        tags.input_tags.allow_nan = getattr(self.student, "missing_values", "error") != "error"
        return tags

    # What a file holds of it.

    def _learned_state(self, training_rows: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
        check_fitted(self, "student_")
        learned, tensors = self.student_._learned_state(training_rows)
        state = {
            "student": encode_params(self.student_),
            **learned,
            "teacher": encode(self.teacher_, {}),
        }
        if training_rows:
            for name in OF_ROWS:
                tensors[name] = torch.from_numpy(np.array(getattr(self, name)))
        return state, tensors

    def _take_learned_state(self, state: dict[str, Any], tensors: dict[str, Tensor], module):
        student = decode_params(state["student"])
        if not isinstance(student, StudentRegressor):
            raise FileError(f"the file's student is {student!r}")
        student._take_learned_state(state, tensors, module)
        if isinstance(self.student, StudentRegressor):
            self.student.module = module
        self.student_, self.teacher_ = student, decode(state["teacher"], {})
        for name in OF_STUDENT:
            if hasattr(student, name):
                setattr(self, name, getattr(student, name))
        for name in OF_ROWS:
            if name in tensors:
                setattr(self, name, tensors[name].numpy())
