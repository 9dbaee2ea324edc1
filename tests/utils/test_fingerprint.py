"""What makes two arguments equal: their content, and the code of classes without a version."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.linear_model import Ridge
from torch import nn

from sklearn_regkd.utils.fingerprint import fingerprint, fingerprint_and_definitions

SOURCE = """
from functools import wraps

def twice(function):
    @wraps(function)
    def inner(self, x):
        return 2 * function(self, x)
    return inner

class Mine:
    counter = 0
    def __init__(self, a=1):
        self.a = a
    @twice
    def predict(self, x):
        return {body} if x in {{"a", "b", "c"}} else [x for _ in range(2)]
    @property
    def size(self):
        return {size}
"""


def made(body="x + 1", size=1, a=1):
    """Return an object of a class of a script."""
    scope = {"__name__": "script"}
    exec(SOURCE.format(body=body, size=size), scope)
    return scope["Mine"](a)


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()


TABLE = np.arange(12.0).reshape(4, 3)


@pytest.mark.slow
def test_equal_in_another_process():
    values = [
        TABLE,
        TABLE[::2, ::2],
        pd.DataFrame({"a": [1.0, 2.0], "b": pd.Categorical(["x", "y"]), "c": ["u", "v"]}),
        pl.DataFrame({"a": [1.0, 2.0], "c": ["u", "v"]}),
        Ridge(2.0).fit(TABLE, TABLE[:, 0]),
        net(),
        {"b": [made(), made], "a": (1, None)},
        torch.tensor(2.0, dtype=torch.bfloat16),
        torch.ones(2, 3).T,
    ]
    here = [fingerprint(value) for value in values]
    assert Parallel(n_jobs=2)(delayed(fingerprint)(value) for value in values) == here
    assert len(set(here)) == len(values)


def test_content_decides():
    other = TABLE.copy()
    other[3, 2] = np.nextafter(11, 12)
    values = [
        TABLE,
        other,
        TABLE.astype(np.float32),
        TABLE.reshape(3, 4),
        net(0),
        net(1),
        net(0).double(),
        net(0).train(),
        pd.DataFrame(TABLE),
        pd.DataFrame(other),
        pl.DataFrame(TABLE),
        pl.DataFrame(other),
        made(),
        made(a=2),
        made(body="x - 1"),
        made(body="x + 2"),
        made(size=2),
        made,
        net,
    ]
    assert len({fingerprint(value) for value in values}) == len(values)
    assert fingerprint(made()) == fingerprint(made())
    assert fingerprint(net(0)) == fingerprint(net(0))
    assert fingerprint(TABLE) == fingerprint(TABLE.copy())


def test_what_a_class_counts_is_not_a_part_of_it():
    mine = made()
    before = fingerprint(mine)
    type(mine).counter += 1
    assert fingerprint(mine) == before


def test_what_a_script_defines_is_returned():
    scope = {"__name__": "__main__"}
    exec(SOURCE.format(body="x", size=1), scope)
    mine = scope["Mine"](a=scope["twice"])
    name, definitions = fingerprint_and_definitions([mine, Ridge()])
    assert definitions == {"Mine": scope["Mine"], "twice": scope["twice"]}
    assert name == fingerprint([mine, Ridge()])
    assert not hasattr(sys.modules["__main__"], "Mine")


def test_a_memmap_is_an_array(tmp_path):
    np.save(tmp_path / "table.npy", TABLE)
    assert fingerprint(np.load(tmp_path / "table.npy", mmap_mode="r")) == fingerprint(TABLE)


def test_a_lambda_cannot_be_known():
    with pytest.raises(Exception, match="pickle"):
        fingerprint(lambda: 0)


def test_tensors_that_repeat_one_number():
    for n in (1, 3):
        number = torch.arange(5, 6).as_strided((n,), (0,))
        assert fingerprint(number) == fingerprint(torch.full((n,), 5))
