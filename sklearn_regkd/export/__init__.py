"""Where a student goes: files for other programs, and for itself."""

from sklearn_regkd.export.c import to_c
from sklearn_regkd.export.c_report import CReport, c_report
from sklearn_regkd.export.converters import register_converters
from sklearn_regkd.export.int8 import to_int8_onnx
from sklearn_regkd.export.javascript import to_javascript
from sklearn_regkd.export.onnx import to_onnx
from sklearn_regkd.export.report import OnnxReport, onnx_report
from sklearn_regkd.export.skops import SKOPS_TRUSTED
from sklearn_regkd.utils.files import FileError

__all__ = [
    "SKOPS_TRUSTED",
    "CReport",
    "FileError",
    "OnnxReport",
    "c_report",
    "onnx_report",
    "register_converters",
    "to_c",
    "to_int8_onnx",
    "to_javascript",
    "to_onnx",
]
