"""Files keep the ranges of the training rows and of the labels, and may be without."""

import numpy as np
import pytest
import torch

from sklearn_regkd import StudentRegressor, load
from sklearn_regkd.utils.files import FileError, read_file, write_file
from tests.helpers import QUICK


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(90, 2)), rng.integers(4, size=90)])
    X[::7, 1] = np.nan
    student = StudentRegressor(
        (4,), categorical_features=[2], missing_values="indicator", clip_predictions=True, **QUICK
    ).fit(X, X[:, 0])
    path = tmp_path_factory.mktemp("files") / "student"
    student.save(path)
    return student, X, path


def forged(path, change):
    _, state, tensors = read_file(path, "estimator", 1)
    change(state, tensors)
    new = path.with_name("forged")
    write_file(new, "estimator", 1, state, tensors)
    return new


def test_there_and_back(saved):
    student, X, path = saved
    again = load(path)
    far = X * np.array([9, 1, 1])
    for rows in (X, far, X + np.array([0, 0, 9])):
        np.testing.assert_array_equal(again.in_domain(rows), student.in_domain(rows))
    np.testing.assert_array_equal(again.predict(far), student.predict(far))
    assert again.get_params()["clip_predictions"]


def test_files_of_before_there_were_ranges(saved):
    student, X, path = saved

    def forget(state, tensors):
        del state["learned"]["domain_rows"]
        for name in [name for name in tensors if name.startswith("domain.")]:
            del tensors[name]

    old = load(forged(path, forget))
    np.testing.assert_array_equal(old.predict(X), student.predict(X))
    with pytest.raises(ValueError, match="Fit it again, and save it anew"):
        old.in_domain(X)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("domain.low", torch.zeros(2, dtype=torch.float64)),
        ("domain.low", torch.full((3,), torch.nan, dtype=torch.float64)),
        ("domain.missing", torch.zeros(3)),
        ("domain.category_value", torch.zeros(9, dtype=torch.float64)),
        ("domain.category_feature", torch.full((4,), 7)),
        ("output.low", torch.zeros(2, dtype=torch.float64)),
        ("output.low", torch.full((1,), 1e9, dtype=torch.float64)),
        ("output.high", torch.zeros(1)),
    ],
)
def test_what_does_not_fit_is_refused(saved, name, value):
    def change(_, tensors):
        tensors[name] = value

    with pytest.raises(FileError):
        load(forged(saved[2], change))


def test_claimed_rows(saved):
    def change(state, _):
        state["learned"]["domain_rows"] = 0

    with pytest.raises(FileError, match="domain_rows"):
        load(forged(saved[2], change))
