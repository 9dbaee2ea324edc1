"""Where a student goes: files for other programs, and for itself."""

from sklearn_regkd._files import FileError
from sklearn_regkd.export.onnx import register_converters, to_onnx
from sklearn_regkd.export.portable import SKOPS_TRUSTED

__all__ = ["SKOPS_TRUSTED", "FileError", "register_converters", "to_onnx"]
