"""What runs on the workers of a cluster: without PyTorch, which would take their memory."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression

from sklearn_regkd.out_of_core.block_reader import Block
from sklearn_regkd.out_of_core.worker import hold_value, predict_block
from tests.helpers import in_blocks, linear_table


def blocks(X, y):
    return [Block(*arrays) for arrays in in_blocks(X, y)]


IMPORTS = """
import sys
import sklearn_regkd.out_of_core
import sklearn_regkd.out_of_core.block_reader
import sklearn_regkd.out_of_core.dask_client
import sklearn_regkd.out_of_core.sample
import sklearn_regkd.out_of_core.worker
"""
WORK = """
import pickle
import numpy as np
from sklearn.linear_model import Ridge
from sklearn_regkd.out_of_core.block_reader import Block, open_reader
from sklearn_regkd.out_of_core.sample import sample_blocks
from sklearn_regkd.out_of_core.worker import hold_value, predict_block
X = np.random.default_rng(0).normal(size=(9, 2))
teacher = hold_value(pickle.loads(pickle.dumps(Ridge().fit(X, X[:, 0]))))
assert predict_block(Block(X, X[:, 0]), teacher, None, False).shape == (9, 1)
assert sample_blocks(open_reader([(X, X[:, 0])]), 5, seed=0).X.shape == (5, 2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("work", ["", WORK], ids=["imported", "at work"])
def test_torch_is_not_loaded(work):
    check = "assert 'torch' not in sys.modules, [name for name in sys.modules if 'regkd' in name]"
    subprocess.run([sys.executable, "-c", IMPORTS + work + check], check=True)


@pytest.mark.slow
def test_what_is_public_is_loaded_when_it_is_asked_for():
    code = (
        "import sys, sklearn_regkd.out_of_core as o; o.resilient_client; "
        "assert 'torch' not in sys.modules; o.distill_blocks; assert 'torch' in sys.modules; "
        "assert {'distill_blocks', 'resilient_client'} <= set(dir(o))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


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


def test_a_teacher_of_torch_predicts_in_single_precision():
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


def test_a_held_value_is_the_value():
    value = object()
    assert hold_value(value) is value
