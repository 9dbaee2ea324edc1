"""What a file holds of an estimator in which a teacher supervises a student."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.persistence.estimator_file import params_codec
from sklearn_regkd.persistence.interval_file import intervals_from_plain, intervals_to_plain
from sklearn_regkd.persistence.json_params import PLAIN
from sklearn_regkd.persistence.verdict_file import verdict_from_plain, verdict_to_plain
from sklearn_regkd.utils.files import FileError
from sklearn_regkd.utils.sklearn_compat import check_fitted

# Attributes of single training rows, and attributes that the student has as well.
OF_ROWS = (
    "teacher_prediction_",
    "inlier_probability_",
    "outlier_mask_",
    "suggested_labels_",
    "repaired_labels_",
    "missing_mask_",
)
OF_STUDENT = (
    "history_",
    "n_iter_",
    "n_outputs_",
    "n_features_in_",
    "feature_names_in_",
    "_y_ndim",
    "_input_shape",
)


class DistillerStateMixin:
    """Writes what a distillation estimator has learned, and reads it."""

    student: Any
    n_outputs_: int
    inlier_probability_: np.ndarray
    outlier_mask_: np.ndarray

    def _learned_state(self, training_rows: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
        check_fitted(self, "student_")
        learned, tensors = self.student_._learned_state(training_rows)
        state = {
            "student": params_codec().encode(self.student_),
            **learned,
            "teacher": PLAIN.encode(self.teacher_),
        }
        tensors |= intervals_to_plain(getattr(self, "_intervals", None))
        if training_rows:
            for name in OF_ROWS:
                if hasattr(self, name):  # not all where it came from a file of an earlier version
                    tensors[name] = torch.from_numpy(np.array(getattr(self, name)))
            if "verdict_" in vars(self):  # not where it came from a file of before there was one
                state["verdict"], of_verdict = verdict_to_plain(self.verdict_)
                tensors |= of_verdict
        return state, tensors

    def _take_learned_state(self, state: dict[str, Any], tensors: dict[str, Tensor], module):
        student = params_codec().decode(state["student"])
        if not isinstance(student, StudentRegressor):
            raise FileError(f"the file's student is {student!r}")
        student._take_learned_state(state, tensors, module)
        if isinstance(self.student, StudentRegressor):
            self.student.module = module
        self.student_, self.teacher_ = student, PLAIN.decode(state["teacher"])
        for name in OF_STUDENT:
            if hasattr(student, name):
                setattr(self, name, getattr(student, name))
        self._intervals = intervals_from_plain(tensors, self.n_outputs_)
        for name in OF_ROWS:
            if name in tensors:
                setattr(self, name, tensors[name].numpy())
        if "verdict" in state:
            shape = (-1, self.n_outputs_)
            probability = self.inlier_probability_.reshape(shape)
            inlier = ~self.outlier_mask_.reshape(shape)
            self.verdict_ = verdict_from_plain(state["verdict"], tensors, inlier, probability)
