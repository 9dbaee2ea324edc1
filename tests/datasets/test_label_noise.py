import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from sklearn_regkd.datasets import corrupt_labels

KINDS = ["gross", "swap", "shift", "gaussian"]
ON_CHOSEN_ROWS = ["gross", "swap", "shift"]

labels = arrays(
    st.sampled_from([np.float32, np.float64]),
    array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=30),
    elements=st.floats(-1e6, 1e6, width=32),
)
shares = st.floats(0, 1)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=50, deadline=None)


@few
@given(labels, st.sampled_from(KINDS), shares, seeds)
def test_shapes_dtype_and_untouched_input(y, kind, share, seed):
    before = y.copy()
    y_noisy, mask = corrupt_labels(y, kind, share, random_state=seed)
    np.testing.assert_array_equal(y, before)
    assert not np.shares_memory(y, y_noisy)
    assert y_noisy.shape == y.shape
    assert y_noisy.dtype == y.dtype
    assert mask.shape == (len(y),)
    assert mask.dtype == bool


@few
@given(labels, st.sampled_from(ON_CHOSEN_ROWS), shares, seeds)
def test_exact_count_and_other_labels_bit_identical(y, kind, share, seed):
    y_noisy, mask = corrupt_labels(y, kind, share, random_state=seed)
    assert mask.sum() == round(share * len(y))
    assert y_noisy[~mask].tobytes() == y[~mask].tobytes()


@few
@given(labels, shares, seeds)
def test_swap_keeps_the_multiset_of_rows(y, share, seed):
    y_noisy, _ = corrupt_labels(y, "swap", share, random_state=seed)
    rows, noisy_rows = y.reshape(len(y), -1), y_noisy.reshape(len(y), -1)
    assert sorted(map(tuple, rows)) == sorted(map(tuple, noisy_rows))


@few
@given(st.integers(2, 50), seeds)
def test_swap_leaves_nobody_with_the_own_label(n_samples, seed):
    y = np.arange(float(n_samples))
    y_noisy, mask = corrupt_labels(y, "swap", 1.0, random_state=seed)
    assert mask.all()
    assert (y_noisy != y).all()


@few
@given(labels, st.sampled_from(KINDS), shares, seeds)
def test_same_seed_same_result(y, kind, share, seed):
    first, first_mask = corrupt_labels(y, kind, share, random_state=seed)
    again, again_mask = corrupt_labels(y, kind, share, random_state=np.random.RandomState(seed))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first_mask, again_mask)


def test_another_seed_chooses_other_rows():
    y = np.arange(100.0)
    masks = [corrupt_labels(y, random_state=seed)[1] for seed in (0, 1)]
    assert (masks[0] != masks[1]).any()


@pytest.mark.parametrize("random_state", [None, 0])
@pytest.mark.parametrize("kind", KINDS)
def test_global_generator_untouched(kind, random_state):
    before = np.random.get_state()  # noqa: NPY002
    corrupt_labels(np.arange(10.0), kind, random_state=random_state)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_no_seed_draws_anew():
    y = np.arange(1000.0)
    assert (corrupt_labels(y)[0] != corrupt_labels(y)[0]).any()


def test_shift_is_one_sided_and_measured_in_each_outputs_own_sd():
    y = np.random.default_rng(0).normal(size=(200, 2)) * [1.0, 100.0]
    y_noisy, mask = corrupt_labels(y, "shift", 0.25, magnitude=2.0, random_state=0)
    expected = np.broadcast_to(2 * y.std(axis=0), (50, 2))
    np.testing.assert_allclose((y_noisy - y)[mask], expected)


def test_negative_magnitude_shifts_downwards():
    y = np.arange(10.0)
    y_noisy, mask = corrupt_labels(y, "shift", 0.5, magnitude=-1.0, random_state=0)
    assert (y_noisy < y)[mask].all()


@pytest.mark.parametrize(
    ("kind", "share", "expected"), [("gross", 1.0, 5.0), ("gaussian", 0.2, 0.2)]
)
def test_size_of_gaussian_errors(kind, share, expected):
    y = np.random.default_rng(0).normal(size=(20_000, 2)) * [1.0, 100.0]
    y_noisy, _ = corrupt_labels(y, kind, share, magnitude=5.0, random_state=0)
    error = (y_noisy - y) / y.std(axis=0)
    np.testing.assert_allclose(error.std(axis=0), expected, rtol=0.03)
    np.testing.assert_allclose(error.mean(axis=0), 0, atol=0.03 * expected)


def test_gaussian_touches_all_labels_and_masks_none():
    y = np.arange(50.0)
    y_noisy, mask = corrupt_labels(y, "gaussian", 0.1, random_state=0)
    assert (y_noisy != y).all()
    assert not mask.any()


@pytest.mark.parametrize("kind", KINDS)
def test_share_of_zero_changes_nothing(kind):
    y = np.arange(10.0)
    y_noisy, mask = corrupt_labels(y, kind, 0, random_state=0)
    np.testing.assert_array_equal(y_noisy, y)
    assert not mask.any()


def test_integers_become_double_precision():
    y_noisy, _ = corrupt_labels([1, 2, 3, 4], "gross", 0.5, random_state=0)
    assert y_noisy.dtype == np.float64


@pytest.mark.parametrize("kind", ["Gross", "", None, "noise"])
def test_unknown_kind_lists_the_known(kind):
    with pytest.raises(ValueError, match="gross, swap, shift, gaussian"):
        corrupt_labels([1.0, 2.0], kind)


@pytest.mark.parametrize("share", [-0.1, 1.1, np.nan, np.inf, "0.3", None, True])
def test_bad_share(share):
    with pytest.raises(ValueError, match="share must be"):
        corrupt_labels([1.0, 2.0], share=share)


@pytest.mark.parametrize("magnitude", [np.nan, np.inf, "3", None])
def test_bad_magnitude(magnitude):
    with pytest.raises(ValueError, match="magnitude must be"):
        corrupt_labels([1.0, 2.0], magnitude=magnitude)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([], "empty"),
        (np.empty((3, 0)), "empty"),
        ([1.0, np.nan], "NaN or infinity"),
        ([1.0, np.inf], "NaN or infinity"),
        (["1", "2"], "real numbers"),
        (np.array([1.0, 2.0], dtype=object), "real numbers"),
        ([1j, 2.0], "real numbers"),
        (3.0, "dimensions"),
        (np.zeros((2, 2, 2)), "dimensions"),
    ],
)
def test_bad_labels(y, message):
    with pytest.raises(ValueError, match=message):
        corrupt_labels(y)


def test_overflow_is_refused():
    with pytest.raises(ValueError, match="overflows"):
        corrupt_labels(np.array([-1e308, 1e308] * 5), "shift", random_state=0)
