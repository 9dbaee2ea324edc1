"""What runs on the workers of a cluster: without PyTorch, which would take their memory."""

import subprocess
import sys

import pytest

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


@pytest.mark.parametrize("work", ["", WORK], ids=["imported", "at work"])
def test_torch_is_not_loaded(work):
    check = "assert 'torch' not in sys.modules, [name for name in sys.modules if 'regkd' in name]"
    subprocess.run([sys.executable, "-c", IMPORTS + work + check], check=True)


def test_what_is_public_is_loaded_when_it_is_asked_for():
    code = (
        "import sys, sklearn_regkd.out_of_core as o; o.resilient_client; "
        "assert 'torch' not in sys.modules; o.distill_blocks; assert 'torch' in sys.modules; "
        "assert {'distill_blocks', 'resilient_client'} <= set(dir(o))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
