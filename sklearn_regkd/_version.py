"""The version, in one place that nothing else is imported with."""

__version__ = "0.1.0"
