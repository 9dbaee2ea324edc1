"""Torch modules as teachers: what they raise, return, and compute in."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_regkd import DistilledRegressor, TORRegressor
from sklearn_regkd.teachers.module import forward_teacher
from tests.helpers import linear_table, small_student


class Broken(nn.Linear):
    def forward(self, X):
        raise KeyError("q")


class Pair(nn.Linear):
    def forward(self, X):
        return super().forward(X), X


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        (Broken(3, 1), "teacher Broken failed to predict: KeyError: 'q'"),
        (Pair(3, 1), "teacher Pair failed to predict: TypeError: its forward returned a tuple"),
        (nn.Linear(2, 1), "teacher Linear failed to predict: RuntimeError: mat1 and mat2"),
    ],
)
@pytest.mark.parametrize("Distiller", [TORRegressor, DistilledRegressor])
def test_what_a_module_raises_is_told_with_its_name(teacher, message, Distiller):
    with pytest.raises(RuntimeError, match=message):
        Distiller(teacher, small_student(), random_state=0).fit(*linear_table(60))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_any_precision_is_taken(dtype):
    X, y = linear_table(60)
    module = nn.Linear(3, 1)
    with torch.no_grad():
        expected = module(torch.from_numpy(X)).numpy()
    found = forward_teacher(module.to(dtype), X)
    assert found.dtype in (np.float32, np.float64)
    np.testing.assert_allclose(found, expected, atol=0.02)
    TORRegressor(module, small_student(), random_state=0).fit(X, y)


def test_a_module_predicts_without_autocast_and_gradients():
    X, _ = linear_table(60)
    module = nn.Linear(3, 1)
    expected = forward_teacher(module, X)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(forward_teacher(module, X), expected)
