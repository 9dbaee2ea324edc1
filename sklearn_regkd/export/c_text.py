"""Pieces of C: arrays of constants, and comments that cannot end early."""

import json
import textwrap
from typing import Any

import numpy as np

WIDTH = 100
C_TYPES = {
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.int8): "int8_t",
    np.dtype(np.uint8): "uint8_t",
    np.dtype(np.uint16): "uint16_t",
    np.dtype(np.uint32): "uint32_t",
}


class Constants:
    """Arrays that are written once, and how many bytes they take.

    Attributes
    ----------
    n_bytes : int
        Of all of them.
    lines : list of str
        Their text.
    """

    def __init__(self) -> None:
        self.n_bytes = 0
        self.lines: list[str] = []

    def add(self, name: str, values: Any, about: str) -> None:
        """Write an array.

        Parameters
        ----------
        name : str
            With the prefix ``student_``.
        values : ndarray
            Of a type of :data:`C_TYPES`; integers of other types, which are not negative, become
            as short as they can be. More dimensions are written one after the other.
        about : str
            What it is, in a few words.
        """
        values = np.ascontiguousarray(values)
        if values.dtype not in C_TYPES:
            values = values.astype(np.min_scalar_type(int(values.max(initial=0))))
        self.n_bytes += values.nbytes
        self.lines.append(array(name, values, about))

    def __str__(self) -> str:
        return "\n".join(self.lines)


def array(name: str, values: np.ndarray, about: str) -> str:
    """Return the definition of a constant array, which may not be empty."""
    flat = values.ravel()
    words = [number(one) for one in flat] if flat.dtype.kind == "f" else map(str, flat.tolist())
    text = textwrap.fill(", ".join(words), WIDTH, initial_indent="    ", subsequent_indent="    ")
    kind = C_TYPES[values.dtype]
    return f"/* {about} */\nstatic const {kind} {name}[{len(flat)}] = {{\n{text}\n}};\n"


def number(value: Any) -> str:
    """Return a constant of single or double precision, with as many digits as it needs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.export.c_text import number
    >>> number(np.float32(0.1)), number(np.float64(1e9)), number(np.float32(-np.inf))
    ('0.1f', '1000000000.0', '-INFINITY')
    """
    if np.isnan(value):
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    text = str(value)
    return f"{text}f" if isinstance(value, np.float32) else text


def comment(lines: list[str]) -> str:
    """Return a block of lines as a comment."""
    return "\n".join(["/*", *(f" * {line}".rstrip() for line in lines), " */"])


def quoted(value: Any) -> str:
    r"""Return a value as JSON in ASCII without slashes: no comment ends or begins in it.

    Examples
    --------
    >>> from sklearn_regkd.export.c_text import quoted
    >>> print(quoted("a*/b"), quoted(["x", 2]))
    "a*\u002fb" ["x", 2]
    """
    # Two question marks may begin a trigraph, which compilers warn of.
    return json.dumps(value).replace("/", "\\u002f").replace("??", "?\\u003f")
