"""Tables that do not fit into memory: sampled, labelled by a teacher and learned block by block.

What runs on the workers of a cluster (`block_reader`, `sample`, `worker`) is imported without
PyTorch, which would take more memory there than the blocks do.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_regkd.out_of_core.dask_client import resilient_client
    from sklearn_regkd.out_of_core.distill import distill_blocks

__all__ = ["distill_blocks", "resilient_client"]

_MODULES = {"distill_blocks": "distill", "resilient_client": "dask_client"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
