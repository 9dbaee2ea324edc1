"""Where a student goes: files for other programs, and for itself."""

from sklearn_regkd.export.int8 import to_int8_onnx
from sklearn_regkd.export.onnx import register_converters, to_onnx
from sklearn_regkd.export.report import OnnxReport, onnx_report
from sklearn_regkd.persistence.estimator_file import skops_trusted
from sklearn_regkd.utils.files import FileError

__all__ = [
    "SKOPS_TRUSTED",
    "FileError",
    "OnnxReport",
    "onnx_report",
    "register_converters",
    "to_int8_onnx",
    "to_onnx",
]

# The classes of ours that skops is to trust in a file, by their full names; `onnx` has imported
# the estimators.
SKOPS_TRUSTED = skops_trusted()
