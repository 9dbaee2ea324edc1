"""What a worker does with a block: it asks the teacher, and imports no more than that takes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression

from sklearn_regkd.out_of_core.block_reader import Block
from sklearn_regkd.out_of_core.worker import itself, predict_block
from tests.helpers import in_blocks, linear_table


def blocks(X, y):
    return [Block(*arrays) for arrays in in_blocks(X, y)]


def test_the_imports_of_a_worker_do_not_load_torch():
    """PyTorch takes seconds, and some hundred MB in each of many processes."""
    code = (
        "import sys, sklearn_regkd.out_of_core.worker as w; "
        "sys.exit('torch' in sys.modules or w.itself(0))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0


def test_predictions_of_a_block_are_columns_in_raw_units():
    X, y = linear_table()
    teacher = LinearRegression().fit(X, y)
    for index, block in enumerate(blocks(X, y)):
        prediction = predict_block(block, teacher, None, is_torch=False)
        rows = slice(20 * index, 20 * index + 20)
        assert prediction.dtype == np.float64
        np.testing.assert_array_equal(prediction[:, 0], teacher.predict(X[rows]))


@pytest.mark.filterwarnings("error")  # scikit-learn would warn of rows without names
def test_a_teacher_of_frames_gets_frames():
    X, y = linear_table()
    frame = pd.DataFrame(X, columns=list("abc"))
    teacher = LinearRegression().fit(frame, y)
    found = predict_block(blocks(X, y)[0], teacher, list("abc"), is_torch=False)
    np.testing.assert_array_equal(found[:, 0], teacher.predict(frame[:20]))


def test_a_teacher_of_torch_is_asked_in_single_precision():
    X, y = linear_table()
    module = torch.nn.Linear(3, 1)
    with torch.no_grad():
        expected = module(torch.from_numpy(X[:20])).numpy()
    found = predict_block(blocks(X.astype(float), y)[0], module.eval(), None, is_torch=True)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_prediction_of_another_shape_is_refused_with_the_name_of_the_teacher():
    X, y = linear_table()
    teacher = LinearRegression().fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match=r"teacher LinearRegression has shape \(20, 2\)"):
        predict_block(blocks(X, y)[0], teacher, None, is_torch=False)


def test_itself():
    value = object()
    assert itself(value) is value
