"""Evidence of wrong labels: damage to models that follow them, and how predictable flags are."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_regkd.label_noise.loss_gap import (
    DAMAGE,
    SUSPICION,
    SUSPICION_Z,
    Difference,
    flags_auc,
    is_foreseen,
    is_suspicious,
    measure_damage,
    measure_gain,
    required_damage,
)
from sklearn_regkd.preprocessing.robust_stats import robust_sigma

quick = settings(max_examples=50, deadline=None)
columns = arrays(np.float64, (3, 12), elements=st.floats(-100, 100))
# Of many equal values the robust spread is 0; and tiny ones are not what these are about.
varied = arrays(np.float64, (3, 12), elements=st.floats(-100, 100), fill=st.nothing(), unique=True)


def predictions(n=500, worse=0.5, seed=0):
    """Labels, and two predictions of them of which the first is worse."""
    rng = np.random.default_rng(seed)
    truth, noise, error = rng.normal(size=(3, n))
    return truth + noise, truth + worse * error, truth


class TestMeasureDamage:
    @quick
    @given(columns)
    def test_none_if_both_predict_the_same(self, three):
        label, prediction, _ = three
        assert measure_damage(label, prediction, prediction.copy()) == Difference(0.0, 0.0)

    @pytest.mark.slow
    @quick
    @given(columns, st.integers(-40, 40), st.sampled_from([-1, 1]))
    def test_does_not_depend_on_the_unit(self, three, power, sign):
        three[np.abs(three) < 1e-50] = 0  # of tinier numbers the squares are subnormal
        before = measure_damage(*three)
        after = measure_damage(*(sign * 2.0**power * three))
        assert after.relative == before.relative
        assert after.z == before.z

    @pytest.mark.slow
    @quick
    @given(varied)
    def test_is_the_relative_difference_of_mean_absolute_errors(self, three):
        label, squared, absolute = three
        errors = np.abs(label - squared), np.abs(label - absolute)
        assume(max(e.max() for e in errors) < 20 * robust_sigma(label - absolute))
        expected = errors[0].mean() / errors[1].mean() - 1
        damage = measure_damage(*three)
        assert damage.relative == pytest.approx(expected, rel=1e-9, abs=1e-9)

    def test_z_is_that_of_paired_rows(self):
        label, squared, absolute = predictions()
        worse = np.abs(label - squared) - np.abs(label - absolute)
        damage = measure_damage(label, squared, absolute)
        assert damage.z == pytest.approx(worse.mean() / (worse.std() / np.sqrt(len(label))))
        # four times the rows, the same rows: twice the certainty, the same damage
        four = measure_damage(*(np.tile(c, 4) for c in (label, squared, absolute)))
        assert four.z == pytest.approx(2 * damage.z)
        assert four.relative == pytest.approx(damage.relative)

    @pytest.mark.parametrize("worse", [0.2, 0.5, 2.0])
    def test_positive_if_the_model_of_the_squared_error_is_worse(self, worse):
        label, rough, good = predictions(worse=worse)
        there = measure_damage(label, rough, good)
        back = measure_damage(label, good, rough)
        assert there.relative > 0
        assert there.z > 0
        assert back.relative < 0
        assert back.z < 0

    def test_more_harm_is_more_damage(self):
        relative = [measure_damage(*predictions(worse=worse)).relative for worse in (0.3, 0.6, 1.2)]
        assert relative == sorted(relative)
        assert relative[0] < relative[2] / 4

    @pytest.mark.parametrize("absurd", [1e12, -1e12, 1e300])
    def test_one_absurd_label_does_not_hide_the_rest(self, absurd):
        label, squared, absolute = predictions()
        clean = measure_damage(label, squared, absolute)
        label[7] = absurd
        damage = measure_damage(label, squared, absolute)
        assert damage.relative == pytest.approx(clean.relative, rel=0.1)
        assert damage.z == pytest.approx(clean.z, rel=0.05)
        assert is_suspicious(damage)

    def test_one_absurd_prediction_is_no_proof(self):
        label, _, absolute = predictions()
        squared = absolute.copy()
        squared[7] = 1e12
        damage = measure_damage(label, squared, absolute)
        assert 0 < damage.relative < 0.1
        assert damage.z == pytest.approx(1, rel=0.01)
        assert not is_suspicious(damage)

    def test_an_absolute_error_that_is_mostly_zero_sets_no_cap(self):
        label = np.zeros(20)
        absolute, squared = np.zeros(20), np.zeros(20)
        absolute[0], squared[0] = 1.0, 3.0
        assert measure_damage(label, squared, absolute).relative == pytest.approx(2)

    def test_an_absolute_error_that_is_zero_gives_numbers(self):
        label, squared, _ = predictions()
        damage = measure_damage(label, squared, label)
        assert damage.relative == 0
        assert np.isfinite(damage.z)
        assert damage.z > 0


class TestMeasureGain:
    @quick
    @given(st.floats(-5, 5), st.floats(0.1, 10), st.integers(0, 99))
    def test_shift_and_scale_do_not_matter(self, shift, scale, seed):
        label, squared, absolute = predictions(seed=seed)
        before = measure_gain(label, squared, absolute)
        for after in (
            measure_gain(label, scale * squared + shift, absolute),
            measure_gain(scale * label, squared, shift - scale * absolute),
        ):
            assert after.relative == pytest.approx(before.relative, rel=1e-6, abs=1e-9)
            assert after.z == pytest.approx(before.z, rel=1e-6, abs=1e-9)

    @quick
    @given(st.integers(0, 99))
    def test_sign_changes_with_the_roles(self, seed):
        label, worse, better = predictions(seed=seed)
        gain, loss = measure_gain(label, better, worse), measure_gain(label, worse, better)
        assert gain.relative > 0
        assert gain.z > 1
        assert loss.z == pytest.approx(-gain.z)
        assert (1 + gain.relative) * (1 + loss.relative) == pytest.approx(1)

    def test_large_errors_that_can_be_foreseen(self):
        rng = np.random.default_rng(0)
        usual, noise = rng.normal(size=(2, 2000))
        place = rng.random(2000) < 0.2  # where half of the labels are far away, and good
        label = usual + 0.1 * noise - 4 * (place & (rng.random(2000) < 0.5))
        gain = measure_gain(label, usual - 2 * place, usual)
        assert gain.z > 5
        assert is_foreseen(gain, 0.9)

    @pytest.mark.parametrize("noise", ["gross", "shift", "swap"])
    def test_wrong_labels_are_no_gain(self, noise):
        # The model of the squared error knows all that can be known of such labels: their mean.
        rng = np.random.default_rng(0)
        truth = rng.normal(size=2000)
        wrong = rng.random(2000) < 0.3
        spoiled = {
            "gross": truth + 3 * rng.normal(size=2000),
            "shift": truth + 3,
            "swap": rng.permutation(truth),
        }[noise]
        label = np.where(wrong, spoiled, truth)
        squared = {"gross": truth, "shift": truth + 0.9, "swap": 0.7 * truth}[noise]
        gain = measure_gain(label, squared + 0.1 * rng.normal(size=2000), truth)
        assert not is_foreseen(gain, 0.9)

    def test_constant_predictions(self):
        label = np.random.default_rng(0).normal(size=50)
        assert measure_gain(label, np.zeros(50), np.ones(50)) == Difference(0.0, 0.0)

    @pytest.mark.parametrize(
        ("relative", "z", "auc", "expected"),
        [(0.1, 5, 0.8, True), (0.02, 5, 0.8, False), (0.1, 1, 0.8, False), (0.1, 5, 0.6, False)],
    )
    def test_foreseen_takes_size_and_certainty_and_places(self, relative, z, auc, expected):
        assert is_foreseen(Difference(relative, z), auc) == expected


class TestSuspicion:
    @pytest.mark.parametrize(
        ("relative", "z", "expected"),
        [(1.01, 1.01, True), (0.99, 9, False), (9, 0.99, False), (-9, -9, False), (1, 1, False)],
    )
    def test_needs_size_and_certainty(self, relative, z, expected):
        assert is_suspicious(Difference(relative * SUSPICION, z * SUSPICION_Z)) is expected


class TestRequiredDamage:
    @quick
    @given(st.floats(0, 1), st.floats(0, 1))
    def test_never_falls_with_the_auc(self, one, other):
        low, high = sorted([one, other])
        assert DAMAGE <= required_damage(low) <= required_damage(high)

    def test_rises_where_flags_are_predictable(self):
        assert required_damage(0.5) == required_damage(0.0) == DAMAGE
        assert required_damage(0.7) < required_damage(0.8) < required_damage(1.0)
        assert required_damage(1.0) > 2 * DAMAGE

    def test_proof_takes_at_least_suspicion(self):
        assert required_damage(0.5) > SUSPICION


def auc(X, flagged, fold, seed):
    folds = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)]
    return flags_auc(X, flagged, folds, seed)


class TestFlagsAuc:
    @staticmethod
    def table(n=400, seed=0):
        rng = np.random.default_rng(seed)
        return rng.uniform(-1, 1, (n, 3)), rng.permutation(n) % 3, rng

    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(3))
    def test_chance_for_flags_that_fall_anywhere(self, seed):
        X, fold, rng = self.table(seed=seed)
        assert abs(auc(X, rng.random(len(X)) < 0.2, fold, 0) - 0.5) < 0.12

    @pytest.mark.slow
    def test_high_for_flags_with_places(self):
        X, fold, rng = self.table()
        assert auc(X, X[:, 1] > 0.5, fold, 0) > 0.95
        some = (X[:, 1] > 0) & (rng.random(len(X)) < 0.5)
        assert 0.65 < auc(X, some, fold, 0) < 0.95

    @pytest.mark.slow
    def test_no_row_is_predicted_by_a_model_that_saw_it(self):
        """Each fold's flags follow a rule that the others do not know."""
        X, fold, rng = self.table()
        flagged = (X[:, 0] > 0) ^ (fold == 0)
        folds = fold, rng.permutation(len(X)) % 3
        apart, together = (auc(X, flagged, f, 0) for f in folds)
        assert apart < 0.5
        assert apart < together

    @pytest.mark.slow
    def test_seed_decides(self):
        X, fold, rng = self.table(100)
        flagged = rng.random(100) < 0.3
        assert auc(X, flagged, fold, 3) == auc(X, flagged, fold, 3)

    @pytest.mark.parametrize("few", [0, 1, 9])
    @pytest.mark.parametrize("others", [False, True])
    def test_too_few_to_tell(self, few, others):
        X, fold, _ = self.table()
        flagged = np.zeros(len(X), bool)
        flagged[np.argsort(X[:, 0])[:few]] = True
        assert auc(X, flagged ^ others, fold, 0) == 0.5

    @pytest.mark.slow
    def test_ten_are_enough(self):
        X, fold, _ = self.table()
        flagged = np.zeros(len(X), bool)
        flagged[np.argsort(X[:, 0])[:10]] = True
        assert auc(X, flagged, fold, 0) > 0.7

    def test_flags_of_one_fold_only(self):
        X, fold, _ = self.table()
        assert auc(X, fold == 1, fold, 0) == 0.5
