"""Parameters and other values as JSON, and back: nothing that could run code."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_regkd.utils.files import FileError

LONGEST = 300


@dataclass(frozen=True)
class NotSaved:
    """What stands in a loaded estimator for an object that its file does not hold.

    A teacher, for example. It tells what was there; a fit with it is refused.

    Parameters
    ----------
    text : str
        How the object described itself.
    """

    text: str

    def __repr__(self) -> str:
        return f"<not saved: {self.text}>"


def encode(value: Any, known: dict[str, type[BaseEstimator]]) -> Any:
    """Return what JSON can hold of a value.

    Parameters
    ----------
    value : object
        Numbers, text, None, and lists, tuples and dictionaries of them stay what they
        are; of an object of a known class the parameters are kept, of any other one
        its description alone.
    known : dict of str to class
        Classes that :func:`decode` may build, by name.

    Examples
    --------
    >>> from sklearn_regkd.persistence.json_params import decode, encode
    >>> decode(encode({"sizes": (8, 4), "loss": max}, {}), {})
    {'sizes': (8, 4), 'loss': <not saved: <built-in function max>>}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value) in (list, tuple):
        return {type(value).__name__: [encode(one, known) for one in value]}
    if type(value) is dict and all(isinstance(key, str) for key in value):
        return {"dict": {key: encode(one, known) for key, one in value.items()}}
    if known.get(type(value).__name__) is type(value):
        params = value.get_params(deep=False)
        return {
            "object": type(value).__name__,
            "params": {name: encode(one, known) for name, one in params.items()},
        }
    return _describe(value)


def _describe(value: Any) -> dict[str, str]:
    return {"not_saved": value.text if isinstance(value, NotSaved) else repr(value)[:LONGEST]}


def decode(value: Any, known: dict[str, type[BaseEstimator]]) -> Any:
    """Return the value that :func:`encode` was given, :class:`NotSaved` for what it left out.

    Raises
    ------
    FileError
        If it is not what `encode` returns.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        match value:
            case {"list": list(ones)} if len(value) == 1:
                return [decode(one, known) for one in ones]
            case {"tuple": list(ones)} if len(value) == 1:
                return tuple(decode(one, known) for one in ones)
            case {"dict": dict(ones)} if len(value) == 1:
                return {key: decode(one, known) for key, one in ones.items()}
            case {"not_saved": str(text)} if len(value) == 1:
                return NotSaved(text)
            case {"object": str(name), "params": dict(params)} if name in known:
                return build(known[name], {k: decode(v, known) for k, v in params.items()})
    raise FileError(f"the file holds {str(value)[:LONGEST]}, which is no value of a parameter")


def build(cls: type[BaseEstimator], params: dict[str, Any]) -> BaseEstimator:
    """Return an unfitted estimator; parameters that a file does not name have their defaults.

    Raises
    ------
    FileError
        If the class has no such parameter.
    """
    unknown = params.keys() - set(cls._get_param_names())
    if unknown:
        raise FileError(f"the file names parameters that {cls.__name__} has not: {sorted(unknown)}")
    return cls(**params)


def integer(value: Any, low: int, what: str) -> int:
    """Return an integer of at least `low`, or raise a FileError that says what it is."""
    if type(value) is int and value >= low:
        return value
    raise FileError(f"the file says that {what} is {str(value)[:LONGEST]}")


def number(value: Any, what: str) -> float:
    """Return a finite number, or raise a FileError that says what it is."""
    if type(value) in (int, float) and math.isfinite(value):
        return float(value)
    raise FileError(f"the file says that {what} is {str(value)[:LONGEST]}")
