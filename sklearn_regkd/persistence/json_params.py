"""Parameters of estimators as JSON, and back; nothing that could run code."""

import math
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator

from sklearn_regkd.utils.files import FileError
from sklearn_regkd.utils.json_codec import LONGEST, JsonCodec, unknown_value


@dataclass(frozen=True)
class NotSaved:
    """What stands in a loaded estimator for an object that its file does not hold.

    It describes a teacher, for example; a fit with it is refused.

    Parameters
    ----------
    text : str
        Text by which the object was represented.
    """

    text: str

    def __repr__(self) -> str:
        return f"<not saved: {self.text}>"


class ParamsCodec(JsonCodec):
    """Parameters: objects of known classes as well, and a description of all others.

    Parameters
    ----------
    known : dict of str to class
        Classes that :meth:`decode` may build, by name. Of an object of one the parameters
        are kept; of any other object its description alone, a :class:`NotSaved`.

    Examples
    --------
    >>> from sklearn_regkd.persistence.json_params import ParamsCodec
    >>> codec = ParamsCodec({})
    >>> codec.decode(codec.encode({"sizes": (8, 4), "loss": max}))
    {'sizes': (8, 4), 'loss': <not saved: <built-in function max>>}
    """

    def __init__(self, known: dict[str, type[BaseEstimator]]):
        self.known = known

    def encode_other(self, value: Any) -> dict[str, Any]:
        """Return class and parameters of an object, or its description."""
        name = type(value).__name__
        if self.known.get(name) is type(value):
            params = value.get_params(deep=False)
            return {
                "object": name,
                "params": {key: self.encode(one) for key, one in params.items()},
            }
        return {"not_saved": value.text if isinstance(value, NotSaved) else repr(value)[:LONGEST]}

    def decode_other(self, value: dict[str, Any]) -> Any:
        """Return an unfitted estimator, or a :class:`NotSaved`."""
        match value:
            case {"not_saved": str(text)} if len(value) == 1:
                return NotSaved(text)
            case {"object": str(name), "params": dict(params)} if name in self.known:
                return build(self.known[name], {k: self.decode(v) for k, v in params.items()})
        raise unknown_value(value)


#: Where no object is expected: what is one all the same is described.
PLAIN = ParamsCodec({})


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
