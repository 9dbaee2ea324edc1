"""How raw inputs enter a network: the transform of each, and rows that were transformed once."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_regkd.networks.quantile import attach_input_quantiles, quantile_inputs
from sklearn_regkd.networks.scaling import attach_input_scaling, standardize_inputs
from sklearn_regkd.preprocessing.quantile import TABLES, Quantiles, fit_quantiles
from sklearn_regkd.preprocessing.scaling import Scaling, fit_input_scaling
from sklearn_regkd.utils.fingerprint import fingerprint
from sklearn_regkd.utils.tensor import as_tensor

TRANSFORMS = ("quantile", "standard")
# 64 MiB: 100,000 rows of the widest embedding.
MOST_BYTES_KEPT = 2**26
# 1 GiB of the memory of an accelerator.
MOST_BYTES_PLACED = 2**30
ROWS_AT_A_TIME = 4096


class InputTransform(ABC):
    """What a network sees of raw inputs, learned from the rows of a fit.

    Attributes
    ----------
    n_numeric : int
        Numbers that the network sees, the first of its inputs.
    n_plain : int
        Inputs after them that are 0 or 1.
    """

    @property
    @abstractmethod
    def n_numeric(self) -> int:
        """Return how many numbers the network sees."""

    @property
    @abstractmethod
    def n_plain(self) -> int:
        """Return how many inputs, the last ones, are 0 or 1."""

    @property
    def n_inputs(self) -> int:
        """Return how many inputs the network has."""
        return self.n_numeric + self.n_plain

    @abstractmethod
    def transform(self, X: Tensor) -> Tensor:
        """Return what the network sees of raw rows (n_samples, ...), float32."""

    @abstractmethod
    def attach(self, module: nn.Module, n_dims: int) -> None:
        """Make a module take raw inputs of that many dimensions, samples included, from now on."""


class QuantileTransform(InputTransform):
    """Normal scores of the numbers of a table, and a mark for each category and missing value.

    Parameters
    ----------
    quantiles : Quantiles
        The tables of the features.
    """

    def __init__(self, quantiles: Quantiles):
        self.quantiles = quantiles

    @property
    def n_numeric(self) -> int:
        """Return how many numbers have more than two values."""
        return len(self.quantiles.numeric) - len(self.quantiles.two_valued)

    @property
    def n_plain(self) -> int:
        """Return how many marks there are."""
        return self.quantiles.n_plain

    def transform(self, X: Tensor) -> Tensor:
        """Return (n_samples, n_inputs), float32."""
        tables = {name: torch.from_numpy(getattr(self.quantiles, name)) for name in TABLES}
        return quantile_inputs(X, tables, self.quantiles.needs_double).float()

    def attach(self, module: nn.Module, n_dims: int) -> None:
        """Attach the tables as buffers; rows have two dimensions."""
        attach_input_quantiles(module, self.quantiles)


class StandardTransform(InputTransform):
    """Features, or channels of images, of mean 0 and variance 1.

    Parameters
    ----------
    scaling : Scaling
        Mean and standard deviation of each.
    """

    def __init__(self, scaling: Scaling):
        self.scaling = scaling

    @property
    def n_numeric(self) -> int:
        """Return the number of features or channels."""
        return len(self.scaling.center)

    @property
    def n_plain(self) -> int:
        """Return 0: all inputs are numbers."""
        return 0

    def transform(self, X: Tensor) -> Tensor:
        """Return rows of the same shape, float32."""
        shape = (-1, *[1] * (X.ndim - 2))
        center, scale = (
            torch.from_numpy(values).reshape(shape)
            for values in (self.scaling.center, self.scaling.divisor)
        )
        return standardize_inputs(X, center, scale, torch.float32, self.scaling.needs_double)

    def attach(self, module: nn.Module, n_dims: int) -> None:
        """Attach mean and standard deviation as buffers."""
        attach_input_scaling(module, self.scaling, n_dims)


def fit_input_transform(
    X: np.ndarray, weight: np.ndarray, kind: str, categorical: Sequence[int] = ()
) -> InputTransform:
    """Learn how raw inputs enter a network.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Raw inputs.
    weight : ndarray of shape (n_samples,)
        Weights of the rows, not negative and not all 0.
    kind : {"quantile", "standard"}
        Which transform; ``"quantile"`` takes tables only.
    categorical : sequence of int, default=()
        Features that hold codes of categories; only with ``"quantile"``.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_regkd.networks.inputs import fit_input_transform
    >>> transform = fit_input_transform(np.array([[1.0], [3.0]]), np.ones(2), "standard")
    >>> transform.transform(torch.tensor([[2.0], [3.0]]))
    tensor([[0.],
            [1.]])
    """
    if kind == "quantile":
        return QuantileTransform(fit_quantiles(X, weight, categorical))
    return StandardTransform(fit_input_scaling(X, weight))


def attached_transform(module: nn.Module) -> InputTransform:
    """Return the transform that was attached to a module."""
    if hasattr(module, "input_center"):
        center, scale = (
            module.get_buffer(f"input_{name}").cpu().numpy().reshape(-1)
            for name in ("center", "scale")
        )
        return StandardTransform(Scaling(center, scale, np.zeros(len(center), bool)))
    tables = {name: module.get_buffer(f"input_{name}").cpu().numpy() for name in TABLES}
    return QuantileTransform(Quantiles(**tables))


class TransformedRows:
    """Rows of a table as a network sees them, transformed once where memory allows.

    Where it does not, rows are transformed each time that they are taken: a memmap
    that is larger than the memory stays on disk.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Raw inputs, which must not change afterwards.
    transform : InputTransform
        How they enter the network.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.networks.inputs import TransformedRows, fit_input_transform
    >>> X = np.array([[1.0], [3.0], [2.0]])
    >>> rows = TransformedRows(X, fit_input_transform(X, np.array([1, 1, 0]), "standard"))
    >>> rows[1:]
    tensor([[1.],
            [0.]])
    >>> rows.take(X[:, 0] > 1)[np.array([1])]
    tensor([[0.]])
    """

    def __init__(self, X: np.ndarray, transform: InputTransform):
        self.transform = transform
        self._X = as_tensor(X)
        self._taken: Tensor | None = None  # which of the rows of X these are; None for all
        self._kept: Tensor | None = None
        if _fits(len(X), transform.n_inputs, MOST_BYTES_KEPT):
            self._kept = self._transform(torch.arange(len(X)))

    def __len__(self) -> int:
        return len(self._X if self._taken is None else self._taken)

    def __getitem__(self, rows: Tensor | np.ndarray | slice) -> Tensor:
        """Return some rows, (n_rows, n_inputs), float32, which must not be written to.

        Parameters
        ----------
        rows : Tensor or ndarray of int or bool, or slice
            Which ones.
        """
        if isinstance(rows, np.ndarray):
            rows = torch.from_numpy(rows)
        if self._taken is not None:
            rows = self._taken[rows]
        if self._kept is not None:
            return self._kept[rows]
        return self._transform(_numbers(rows, len(self._X)))

    def take(self, rows: Tensor | np.ndarray | slice) -> "TransformedRows":
        """Return some of the rows, given by a mask or by their numbers; nothing is copied."""
        if isinstance(rows, np.ndarray):
            rows = torch.from_numpy(rows)
        some = copy.copy(self)
        some._taken = _numbers(rows, len(self)) if self._taken is None else self._taken[rows]
        return some

    def fingerprint(self) -> str:
        """Return a hash that is equal for equal rows."""
        return fingerprint([self.transform, self._X, self._taken])

    def _transform(self, rows: Tensor) -> Tensor:
        out = torch.empty(len(rows), self.transform.n_inputs)
        for chunk, some in zip(out.split(ROWS_AT_A_TIME), rows.split(ROWS_AT_A_TIME), strict=True):
            chunk.copy_(self.transform.transform(self._X.index_select(0, some)))
        return out


class EmbeddedRows:
    """Rows as the first layer of a network takes them, embedded once where memory allows.

    Parameters
    ----------
    rows : TransformedRows, or Tensor of shape (n_samples, n_inputs)
        What the network sees.
    embedding : callable
        Maps some rows to inputs of the layer (n_rows, n_outputs), row by row.
    device : torch.device or str, default="cpu"
        Where the layer is, and the embedding.
    """

    def __init__(
        self,
        rows: TransformedRows | Tensor,
        embedding: Callable[[Tensor], Tensor],
        device: torch.device | str = "cpu",
    ):
        self.rows, self.embedding, self.device = rows, embedding, torch.device(device)
        self.kept: Tensor | None = None
        is_here, n_rows = self.device.type == "cpu", len(rows)
        first = rows[:1]
        self.n_columns = embedding(first.to(device)).shape[1]
        if not is_here and _fits(n_rows, first.shape[1], MOST_BYTES_PLACED):
            self.rows = rows[:].to(device)  # one copy, and embedded there
        if _fits(n_rows, self.n_columns, MOST_BYTES_KEPT):
            self.kept = torch.empty(n_rows, self.n_columns, device=device)
            for start in range(0, n_rows, ROWS_AT_A_TIME):
                chunk = slice(start, start + ROWS_AT_A_TIME)
                self.kept[chunk] = self._embed(chunk)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Return some rows, given by their numbers: one axis more than these, for the outputs.

        Parameters
        ----------
        rows : Tensor of int64
            The numbers, on the device.
        """
        if rows.ndim > 1:
            return self[rows.flatten()].unflatten(0, rows.shape)
        if self.kept is not None:
            return self.kept.index_select(0, rows)
        return self._embed(rows)

    def _embed(self, rows: Tensor | slice) -> Tensor:
        if isinstance(rows, Tensor) and isinstance(self.rows, TransformedRows):
            rows = rows.cpu()
        return self.embedding(self.rows[rows].to(self.device))


def _numbers(rows: Tensor | slice, n_rows: int) -> Tensor:
    """Return the numbers of rows that are given by a slice, a mask or their numbers."""
    if isinstance(rows, slice):
        return torch.arange(*rows.indices(n_rows))
    return rows.nonzero()[:, 0] if rows.dtype == torch.bool else rows


def _fits(n_rows: int, n_columns: int, most_bytes: int) -> bool:
    return n_rows * n_columns * 4 <= most_bytes
