"""A network of the user's as ONNX nodes, by PyTorch."""

import copy
import inspect
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.export.graph import INPUT

# The exporter of PyTorch writes 18; for less it would have to convert.
LEAST_MODULE_OPSET = 18
COLUMNS = "columns"


class _WithUnits(nn.Module):
    """A user's module with its scalings, of which `predict` takes one head."""

    def __init__(self, student: StudentRegressor, head: str, dtype: torch.dtype):
        super().__init__()
        self.module, self.output, self.head = student.net_.module_, student._output, head
        self.dtype = dtype

    def forward(self, X: Tensor) -> Tensor:
        """Return what `predict` returns, in columns."""
        return self.output(self.module(X), head=self.head).to(self.dtype)


def export_module(
    student: StudentRegressor, head: str, dtype: np.dtype, output: np.dtype, opset: int
) -> Any:
    """Return the model of a student with a user's module, which ends with ``COLUMNS``.

    Parameters
    ----------
    student : StudentRegressor
        Fitted.
    head : {"label", "teacher", "mean"}
        Which output.
    dtype, output : dtype
        Of the inputs and of the outputs.
    opset : int
        Version of the operators, at least ``LEAST_MODULE_OPSET``.

    Raises
    ------
    ImportError
        If PyTorch is too old to export it for any number of rows.
    ValueError
        If the module can be exported for a fixed number of rows only.
    """
    if not takes_any_number_of_rows():
        raise ImportError(
            f"PyTorch {torch.__version__} exports a module of your own for a fixed number of rows "
            "only; take a newer PyTorch"
        )
    whole = _WithUnits(student, head, torch_type(output))
    whole = copy.deepcopy(whole).eval().cpu()  # the student stays where it is
    rows = torch.zeros((2, *student._input_shape), dtype=torch_type(dtype))
    with warnings.catch_warnings():
        # What PyTorch will change inside itself is not for our users to act on.
        for category in (FutureWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        program: Any = torch.onnx.export(
            whole,
            (rows,),
            input_names=[INPUT],
            output_names=[COLUMNS],
            dynamic_shapes={"X": {0: torch.export.Dim("n_samples")}},
            opset_version=opset,
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    _forget_sources(model.graph)
    if not model.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        raise ValueError(
            f"PyTorch could export {type(whole.module).__name__} for {len(rows)} rows only: its "
            "forward turns the number of rows into a plain number; write X.shape[0] instead "
            "of len(X), and no loops over rows"
        )
    return model


def takes_any_number_of_rows() -> bool:
    """Return whether the exporter of PyTorch can leave the number of rows open: 2.4 cannot."""
    return "dynamic_shapes" in inspect.signature(torch.onnx.export).parameters


def torch_type(dtype: np.dtype) -> torch.dtype:
    """Return PyTorch's name of a type of NumPy."""
    return torch.from_numpy(np.empty(0, dtype)).dtype


def _forget_sources(graph: Any) -> None:
    """Remove what PyTorch writes at each node about the files that it was made from."""
    for one in (*graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        one.ClearField("metadata_props")
        one.ClearField("doc_string")
