import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd.datasets import make_sinusoid


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_shapes_range_truth_and_count(n_samples, share, seed):
    X, y, y_true, mask = make_sinusoid(n_samples, outlier_share=share, random_state=seed)
    assert X.shape == (n_samples, 1)
    assert y.shape == y_true.shape == mask.shape == (n_samples,)
    assert X.min() >= 0
    assert X.max() <= 1
    np.testing.assert_allclose(y_true, np.sin(2 * np.pi * X[:, 0]))
    assert mask.sum() == round(share * n_samples)


@pytest.mark.parametrize("kind", ["gross", "swap", "shift"])
def test_outliers_change_nothing_else(kind):
    X, y, _, none = make_sinusoid(random_state=3)
    X_out, y_out, _, mask = make_sinusoid(outlier_share=0.3, outlier_kind=kind, random_state=3)
    assert not none.any()
    np.testing.assert_array_equal(X, X_out)
    np.testing.assert_array_equal(y[~mask], y_out[~mask])
    assert (y != y_out)[mask].all()


def test_size_of_noise():
    _, y, y_true, _ = make_sinusoid(20_000, noise=0.3, random_state=0)
    assert (y - y_true).std() == pytest.approx(0.3, rel=0.03)


def test_no_noise_is_the_sine():
    _, y, y_true, _ = make_sinusoid(noise=0, random_state=0)
    np.testing.assert_array_equal(y, y_true)


def test_same_seed_same_data():
    for first, again in zip(
        make_sinusoid(outlier_share=0.2, random_state=5),
        make_sinusoid(outlier_share=0.2, random_state=5),
        strict=True,
    ):
        np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("random_state", [None, 0])
def test_global_generator_untouched(random_state):
    before = np.random.get_state()  # noqa: NPY002
    make_sinusoid(outlier_share=0.2, random_state=random_state)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_samples": 2.5}, "n_samples"),
        ({"noise": -1}, "noise"),
        ({"noise": np.nan}, "noise"),
        ({"outlier_share": 2}, "share"),
        ({"outlier_kind": "up"}, "kind='up' is unknown"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        make_sinusoid(**params)
