"""Where answers are kept between fits."""

from pathlib import Path
from typing import Any

from joblib import Memory
from sklearn.utils.validation import check_memory

import sklearn_regkd


def open_memory(memory: Any) -> Memory:
    """Return a cache: of a folder, one of its own for each version of the library.

    joblib knows when a cached function has changed, not when one has that it calls:
    another version may answer differently.

    Parameters
    ----------
    memory : str, object with the interface of joblib.Memory, or None
        None keeps nothing; an object is used as it is.

    Examples
    --------
    >>> from sklearn_regkd.teachers.memory import open_memory
    >>> open_memory(None).location is None
    True
    """
    if isinstance(memory, str):
        memory = str(Path(memory) / f"sklearn_regkd-{sklearn_regkd.__version__}")
    return check_memory(memory)
