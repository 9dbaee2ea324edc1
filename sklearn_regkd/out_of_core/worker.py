"""The question that a worker puts to a teacher about a block."""

from typing import Any

import numpy as np

from sklearn_regkd.out_of_core.block_reader import Block, framed
from sklearn_regkd.preprocessing.validation import as_columns


def predict_block(
    block: Block, teacher: Any, names: list[str] | None, is_torch: bool
) -> np.ndarray:
    """Return what a fitted teacher says about a block, float64 (n_rows, n_outputs), raw units.

    Parameters
    ----------
    block : Block
        The rows.
    teacher : object
        Fitted.
    names : list of str or None
        Of the features, where the teacher was fitted on a frame.
    is_torch : bool
        Whether it takes single precision, and PyTorch has to be imported anyway.
    """
    X, y = block.arrays()
    if is_torch:
        from sklearn_regkd.teachers.cross_fit import predict_teacher, teacher_rows

        return predict_teacher(teacher, teacher_rows(teacher, framed(X, names), X), y.shape[1])
    who = f"the prediction of teacher {type(teacher).__name__}"
    return as_columns(teacher.predict(framed(X, names)), len(X), y.shape[1], who)


def itself(value: Any) -> Any:
    """Return a value: the task whose result is a teacher, which is computed anew where it is lost.

    It stands here because whoever calls it on a worker imports the module in which it stands.
    """
    return value
