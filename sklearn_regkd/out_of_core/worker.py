"""What runs on the workers of a cluster beside the reading of blocks, without PyTorch."""

from typing import Any

import numpy as np

from sklearn_regkd.out_of_core.block_reader import Block, framed
from sklearn_regkd.preprocessing.validation import as_columns
from sklearn_regkd.teachers.multioutput import name_of


def predict_block(
    block: Block, teacher: Any, names: list[str] | None, is_torch: bool
) -> np.ndarray:
    """Return a fitted teacher's prediction for a block, float64 (n_rows, n_outputs), raw units.

    Parameters
    ----------
    block : Block
        The rows.
    teacher : object
        The fitted teacher.
    names : list of str or None
        Names of the features, where the teacher was fitted on a frame.
    is_torch : bool
        Whether the teacher takes single precision, and PyTorch has to be imported anyway.
    """
    X, y = block.arrays()
    if is_torch:
        from sklearn_regkd.teachers.cross_fit import predict_teacher, teacher_rows

        return predict_teacher(teacher, teacher_rows(teacher, framed(X, names), X), y.shape[1])
    who = f"the prediction of teacher {name_of(teacher)}"
    return as_columns(teacher.predict(framed(X, names)), len(X), y.shape[1], who)


def hold_value(value: Any) -> Any:
    """Return the value: a task of which it is the result.

    The result of a task is computed anew where the worker that held it has died; data that were
    scattered are lost.
    """
    return value
