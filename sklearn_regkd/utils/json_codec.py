"""Values as JSON, and back: nothing that could run code."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_regkd.utils.files import FileError

LONGEST = 300  # characters of a value in an error message
# Larger integers are no keys of a dictionary: many of them can have one hash, and then each
# is compared with all others.
MOST_INTEGER = 2**64


class JsonCodec:
    """Numbers, text, None, and lists, tuples and dictionaries of them.

    A list, tuple or dictionary is written together with its kind, ``{"tuple": [8, 4]}``. A
    subclass adds kinds of its own.

    Examples
    --------
    >>> from sklearn_regkd.utils.json_codec import JsonCodec
    >>> JsonCodec().encode({"sizes": (8, 4)})
    {'dict': {'sizes': {'tuple': [8, 4]}}}
    >>> JsonCodec().decode({"dict": {"sizes": {"tuple": [8, 4]}}})
    {'sizes': (8, 4)}
    """

    def encode(self, value: Any) -> Any:
        """Return what JSON can hold of a value."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if type(value) in (list, tuple):
            return {type(value).__name__: [self.encode(one) for one in value]}
        if type(value) is dict and all(isinstance(key, str) for key in value):
            return {"dict": {key: self.encode(one) for key, one in value.items()}}
        return self.encode_other(value)

    def decode(self, value: Any) -> Any:
        """Return the value that :meth:`encode` was given.

        Raises
        ------
        FileError
            If it is not what `encode` returns.
        """
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if not isinstance(value, dict):
            raise unknown_value(value)
        match value:
            case {"list": list(ones)} if len(value) == 1:
                return list(self.decode_all(ones))
            case {"tuple": list(ones)} if len(value) == 1:
                return tuple(self.decode_all(ones))
            case {"dict": dict(ones)} if len(value) == 1:
                return dict(zip(ones, self.decode_all(ones.values()), strict=True))
        return self.decode_other(value)

    def decode_all(self, values: Iterable[Any]) -> Iterable[Any]:
        """Return the values that were encoded one by one."""
        return (self.decode(value) for value in values)

    def encode_other(self, value: Any) -> Any:
        """Return a dictionary for a value of a further kind, which names the kind."""
        raise TypeError(
            f"expected numbers, text, None, lists, tuples or dictionaries of them, got a "
            f"{type(value).__name__}"
        )

    def decode_other(self, value: dict[str, Any]) -> Any:
        """Return the value that :meth:`encode_other` was given."""
        raise unknown_value(value)


class TensorCodec(JsonCodec):
    """Tensors and arrays as well, which stand beside the JSON; and dictionaries with any keys.

    Parameters
    ----------
    tensors : dict of str to Tensor
        Where the tensors are, by names that the JSON holds; `encode` adds copies, on the CPU,
        and `decode` takes each out.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.utils.json_codec import TensorCodec
    >>> codec = TensorCodec({})
    >>> codec.encode([np.zeros(2), {1: "one"}])
    {'list': [{'array': '0'}, {'pairs': [[1, 'one']]}]}
    >>> codec.tensors
    {'0': tensor([0., 0.], dtype=torch.float64)}
    """

    def __init__(self, tensors: dict[str, Tensor]):
        self.tensors = tensors

    def encode_other(self, value: Any) -> Any:
        """Put a tensor or array beside; take what is derived from a plain class for that."""
        if isinstance(value, Tensor | np.ndarray):
            name = str(len(self.tensors))
            copied = torch.as_tensor(value).detach().cpu()
            self.tensors[name] = copied.clone(memory_format=torch.contiguous_format)
            return {"tensor" if isinstance(value, Tensor) else "array": name}
        if isinstance(value, dict):
            if all(isinstance(key, str) for key in value):
                return self.encode(dict(value))
            if any(_is_too_large(key) for key in value):
                raise TypeError("keys of a dictionary go up to 2**64")
            pairs = [[self.encode(key), self.encode(one)] for key, one in value.items()]
            return {"pairs": pairs}
        if isinstance(value, list | tuple):
            return self.encode(list(value) if isinstance(value, list) else tuple(value))
        raise TypeError(f"can keep numbers, text, tensors and arrays, not a {type(value).__name__}")

    def decode_other(self, value: dict[str, Any]) -> Any:
        """Return the tensor or array, which is taken from the others, or the dictionary."""
        match value:
            case {"tensor": str(name)}:
                return self._take(name).clone()
            case {"array": str(name)}:
                return self._take(name).numpy().copy()
            case {"pairs": list(pairs)}:
                return {self._key(key): self.decode(one) for key, one in pairs}
        raise unknown_value(value)

    def _take(self, name: str) -> Tensor:
        """Return a tensor, each once: otherwise a small file could name a large one many times."""
        if name not in self.tensors:
            raise FileError(f"the file names the tensor {name[:LONGEST]!r} twice, or holds none")
        return self.tensors.pop(name)

    def _key(self, value: Any) -> Any:
        key = self.decode(value)
        if _is_too_large(key):
            raise unknown_value(value)
        return key


def _is_too_large(key: Any) -> bool:
    return isinstance(key, int) and abs(key) > MOST_INTEGER


def unknown_value(value: Any) -> FileError:
    """Return the error about JSON that no codec of this library has written."""
    return FileError(f"the file holds {str(value)[:LONGEST]}, which is no value of a parameter")
