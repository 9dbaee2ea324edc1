"""The probability that a label is wrong, against mistakes that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd.label_noise.local_fdr import LocalFDRRule, wrong_label_probability

N = 1000


def errors(kind, seed=0):
    """Errors of good labels, of scale 1."""
    rng = np.random.default_rng(seed)
    return {
        "normal": rng.normal(size=N),
        "heavy": rng.standard_t(5, N),
        "skewed": rng.exponential(size=N) - 1,
        "zeros": np.where(rng.random(N) < 0.5, 0.0, rng.normal(size=N)),
    }[kind]


def spoil(error, share, smallest, largest, seed=1):
    """Make a share of the errors large, evenly on both sides; return them and which ones."""
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(error)) < share * len(error)
    size = rng.uniform(smallest, largest, wrong.sum())
    error = error.copy()
    error[wrong] = rng.choice([-1, 1], wrong.sum()) * size
    return error, wrong


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["normal", "heavy", "skewed", "zeros"])
def test_good_labels_are_not_suspected(kind, seed):
    assert wrong_label_probability(errors(kind, seed)).sum() < 0.005 * N


@pytest.mark.parametrize("share", [0.03, 0.1, 0.2])
@pytest.mark.parametrize("kind", ["normal", "heavy", "skewed", "zeros"])
def test_the_expected_number_is_about_right_and_the_flagged_ones_are_wrong(kind, share):
    error, wrong = spoil(errors(kind), share, 12, 40)
    probability = wrong_label_probability(error)
    assert wrong.sum() / 1.5 < probability.sum() < 1.6 * wrong.sum()
    flagged = probability > 0.5
    assert wrong[flagged].mean() > 0.7
    assert flagged[wrong].mean() > 0.9
    assert wrong[probability > 0.9].mean() > 0.8


def test_slipped_points_of_all_sizes():
    rng = np.random.default_rng(0)
    error, wrong = errors("normal"), np.arange(N) < 60
    error[wrong] = rng.choice([-1, 1], 60) * 10 ** rng.uniform(0.9, 5, 60)
    flagged = wrong_label_probability(error) > 0.5
    assert wrong[flagged].mean() > 0.9
    assert flagged[wrong].mean() > 0.9


def test_larger_errors_on_a_side_are_more_probably_wrong():
    error = spoil(errors("heavy"), 0.05, 8, 30)[0]
    probability = wrong_label_probability(error)
    for sign in (1, -1):
        side = np.flatnonzero(sign * error > 0)
        ranked = side[np.argsort(sign * error[side])]
        assert (np.diff(probability[ranked]) > -1e-12).all()


@settings(max_examples=25, deadline=None)
@given(
    st.floats(1e-6, 1e6),
    st.sampled_from(["normal", "skewed", "zeros"]),
    st.sampled_from([0.0, 0.05, 0.3]),
    st.booleans(),
)
@pytest.mark.slow
def test_neither_units_nor_direction_matter(factor, kind, share, mirrored):
    error = spoil(errors(kind), share, 8, 30)[0]
    probability = wrong_label_probability(error)
    sign = -1 if mirrored else 1
    np.testing.assert_allclose(
        wrong_label_probability(sign * factor * error), probability, rtol=1e-4, atol=1e-6
    )
    assert ((probability >= 0) & (probability <= 1)).all()


@pytest.mark.parametrize("error", [[], [0.0] * 50, [3.0] * 50, [1.0, -1.0], [0.0] * 49 + [9.0]])
def test_too_little_to_tell(error):
    assert (wrong_label_probability(np.array(error)) < 0.5).all()


def test_rows_that_were_not_used_are_judged_by_the_others():
    error, wrong = spoil(errors("normal"), 0.05, 10, 40)
    used = np.arange(N) < 800
    changed = error.copy()
    changed[~used] *= 1.5
    first, second = (LocalFDRRule().detect(one[:, None], used) for one in (error, changed))
    np.testing.assert_array_equal(first.inlier_probability[used], second.inlier_probability[used])
    assert not first.inlier[~used][wrong[~used]].any()
    assert first.inlier[~used][~wrong[~used]].mean() > 0.97


def test_the_cutoff_decides_what_is_rejected():
    error = spoil(errors("heavy"), 0.05, 8, 30)[0][:, None]
    wrong = 1 - LocalFDRRule().detect(error).inlier_probability
    for cutoff in (0.2, 0.9):
        verdict = LocalFDRRule(cutoff=cutoff).detect(error)
        np.testing.assert_array_equal(verdict.inlier, wrong <= cutoff)
    with pytest.raises(ValueError, match="cutoff"):
        LocalFDRRule(cutoff=1.5).detect(error)
