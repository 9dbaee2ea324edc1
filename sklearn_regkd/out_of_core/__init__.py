"""Tables that do not fit into memory: read, judged and learned block by block.

What runs on the workers of a cluster (`source`, `sample_blocks`, `question`) is imported without
PyTorch, which would take more memory there than the blocks do.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_regkd.out_of_core.distill import distill_blocks

__all__ = ["distill_blocks"]


def __getattr__(name: str) -> Any:
    if name == "distill_blocks":
        from sklearn_regkd.out_of_core.distill import distill_blocks

        return distill_blocks
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
