"""Where a student goes: files for other programs."""

from sklearn_regkd.export.onnx import register_converters, to_onnx

__all__ = ["register_converters", "to_onnx"]
