"""MATLAB files, of which a damaged one is named."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy.io import loadmat


def read_matlab(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Return some variables of a MATLAB file, as far as it has them.

    Parameters
    ----------
    path : Path
        The file.
    names : sequence of str
        Names of the variables.

    Raises
    ------
    ValueError
        If the file is damaged or no MATLAB file.
    """
    try:
        return loadmat(path, variable_names=list(names))
    except Exception as error:  # scipy raises whatever the damage makes of its reader
        raise ValueError(
            f"{path} cannot be read as a MATLAB file ({type(error).__name__}: {error}): it is "
            "damaged or incomplete; unpack or download it again"
        ) from error
