"""Normal scores: what ranks promise, as the network sees them."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import rankdata
from sklearn.preprocessing import QuantileTransformer

from sklearn_regkd.networks.quantile import normal_scores, quantile_inputs
from sklearn_regkd.preprocessing import quantile as quantile_module
from sklearn_regkd.preprocessing.quantile import N_KNOTS, TABLES, fit_quantiles

quick = settings(max_examples=40, deadline=None)

on_grid = st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=60)

anywhere = st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=30)

INCREASING = {
    "affine": lambda x: 1e-3 * x - 7,
    "cube": lambda x: x**3,
    "exp": lambda x: np.exp(x / 5),
    "arctan": np.arctan,
}


def fit(X, weight=None, **kwargs):
    X = np.asarray(X)
    X = X[:, None] if X.ndim == 1 else X
    return fit_quantiles(X, np.ones(len(X)) if weight is None else np.asarray(weight), **kwargs)


def seen(quantiles, X):
    """What the network sees, in the precision of X."""
    X = np.asarray(X)
    X = X[:, None] if X.ndim == 1 else X
    tables = {name: torch.from_numpy(getattr(quantiles, name)) for name in TABLES}
    return quantile_inputs(torch.from_numpy(X), tables).numpy()


class TestScores:
    @quick
    @given(on_grid)
    def test_share_below_and_half_of_the_ties(self, values):
        assume(len(set(values)) != 2)  # these are marks
        share = (rankdata(values) - 0.5) / len(values)
        np.testing.assert_allclose(seen(fit(values), values)[:, 0], ndtri(share), atol=1e-12)

    @quick
    @given(anywhere, st.data())
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_monotone_and_finite(self, dtype, values, data):
        weight = data.draw(st.lists(st.integers(0, 4), min_size=len(values), max_size=len(values)))
        weight[0] += 1
        quantiles = fit(np.array(values, dtype), weight)
        probes = np.sort(np.array([*data.draw(anywhere), *values, -2e30, 2e30], dtype))
        scores = seen(quantiles, probes)[:, 0]
        assert scores.dtype == dtype
        assert np.isfinite(scores).all()
        assert np.diff(scores).min() >= -16 * np.finfo(dtype).eps

    @pytest.mark.parametrize("n", [40, 3000])
    def test_larger_values_score_higher(self, n):
        X = np.random.default_rng(0).standard_normal((n, 2))
        scores = seen(fit(X), X)
        for column, score in zip(X.T, scores.T, strict=True):
            assert (np.diff(score[np.argsort(column)]) > 0).all()

    @pytest.mark.parametrize("name", INCREASING)
    @quick
    @given(values=on_grid)
    def test_blind_to_increasing_transformations(self, name, values):
        values = np.array(values)
        moved = INCREASING[name](values)
        plain = seen(fit(values), values)
        np.testing.assert_allclose(seen(fit(moved), moved), plain, atol=1e-12)

    @pytest.mark.parametrize("name", INCREASING)
    def test_long_tables_follow_increasing_transformations(self, name):
        values = np.random.default_rng(0).permutation(np.linspace(-9, 9, 700))
        plain, moved = fit(values), fit(INCREASING[name](values))
        known = np.isfinite(plain.knots)
        assert np.array_equal(moved.knots[known], INCREASING[name](plain.knots[known]))
        assert np.array_equal(moved.scores, plain.scores)

    @quick
    @given(st.lists(st.integers(1, 60).map(float), min_size=1, max_size=30), st.data())
    def test_odd_on_symmetric_data(self, half, data):
        weight = data.draw(st.lists(st.integers(1, 4), min_size=len(half), max_size=len(half)))
        values = np.array([*half, 0.0, *np.negative(half)])
        quantiles = fit(values, [*weight, 2, *weight])
        probes = np.linspace(-70, 70, 57)
        np.testing.assert_allclose(
            seen(quantiles, -probes), -seen(quantiles, probes), rtol=0, atol=1e-9
        )
        assert seen(quantiles, [max(half)]) > 0

    @pytest.mark.parametrize("n", [1, 5, 101])
    def test_median_scores_zero(self, n):
        values = np.random.default_rng(0).gamma(0.5, size=n) ** 3
        score = seen(fit(values), values)[np.argsort(values)[n // 2]]
        np.testing.assert_allclose(score, 0, atol=1e-12)

    @quick
    @given(on_grid, st.data())
    def test_integer_weight_is_repetition(self, values, data):
        assume(len(set(values)) != 2)
        n = len(values)
        weight = np.array(data.draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)))
        # Scores stop at half of a row of the table, and there are fewer of them here.
        end = -ndtri(0.5 / n)
        weighted = seen(fit(values, weight), values)
        repeated = seen(fit(np.repeat(values, weight)), values)
        np.testing.assert_allclose(weighted, repeated.clip(-end, end), atol=1e-9)

    def test_weight_moves_the_median(self):
        values = np.arange(5.0)
        np.testing.assert_allclose(seen(fit(values), [2.0]), 0, atol=1e-12)
        np.testing.assert_allclose(seen(fit(values, [3, 1, 1, 1, 1]), [1.0]), 0, atol=1e-12)
        np.testing.assert_allclose(seen(fit(values, [1, 1, 1, 1, 3]), [3.0]), 0, atol=1e-12)

    @quick
    @given(on_grid, st.integers(-10, 10))
    def test_unit_of_the_weights_does_not_matter(self, values, exponent):
        weight = np.arange(1.0, len(values) + 1)
        plain, other = fit(values, weight), fit(values, 2.0**exponent * weight)
        assert np.array_equal(plain.scores, other.scores)

    @quick
    @given(on_grid, st.randoms(use_true_random=False))
    def test_order_of_rows(self, values, random):
        shuffled = [*values]
        random.shuffle(shuffled)
        assert np.array_equal(seen(fit(shuffled), values), seen(fit(values), values))

    def test_features_do_not_see_each_other(self):
        rng = np.random.default_rng(0)
        X = np.column_stack([rng.standard_normal(300), np.arange(300) % 5, np.full(300, 3.0)])
        together = seen(fit(X), X)
        for feature in range(3):
            alone = seen(fit(X[:, feature]), X[:, feature])
            np.testing.assert_array_equal(together[:, [feature]], alone)

    @pytest.mark.parametrize("n", [3, 127, 1000])
    def test_beyond_the_ends(self, n):
        values = np.random.default_rng(0).standard_normal(n)
        quantiles = fit(values)
        low, high = seen(quantiles, [values.min(), values.max()])
        assert (seen(quantiles, [values.min() - 1e-3, -1e30, -1e300]) == low).all()
        assert (seen(quantiles, [values.max() + 1e-3, 1e30, 1e300]) == high).all()
        np.testing.assert_allclose([low[0], high[0]], ndtri([0.5 / n, 1 - 0.5 / n]))

    def test_between_two_knots(self):
        scores = seen(fit([0.0, 1.0, 3.0]), [1.0, 1.5, 2.0, 2.5, 3.0])[:, 0]
        np.testing.assert_allclose(scores, ndtri(5 / 6) * np.arange(5) / 4, atol=1e-12)

    def test_as_the_full_quantile_transform(self):
        X = np.random.default_rng(0).standard_normal((2000, 1))
        full = QuantileTransformer(n_quantiles=2000, output_distribution="normal").fit_transform(X)
        middle = np.abs(X) < 2
        scores = seen(fit(X), X)
        np.testing.assert_allclose(scores[middle], full[middle], atol=0.05)
        np.testing.assert_allclose(scores.std(), 1, atol=0.03)

    @pytest.mark.parametrize("sigma", [0.5, 3.0, 20.0])
    def test_skew_does_not_matter(self, sigma):
        normal = np.random.default_rng(0).standard_normal(3000)
        scores = seen(fit(np.exp(sigma * normal)), np.exp(sigma * normal))[:, 0]
        assert abs(scores.mean()) < 0.1
        assert 0.8 < scores.std() < 1.1


class TestTwoValues:
    """Columns of two values, of a one-hot encoding above all, are marks that come last."""

    X = np.array([[1, 7.5, 0.1], [0, 7.5, 0.2], [0, -2.0, 0.3], [0, 7.5, 0.4]])

    def test_marks_after_the_numbers(self):
        quantiles = fit(self.X)
        assert quantiles.numeric.tolist() == [2, 0, 1]
        assert quantiles.two_valued.tolist() == [0, 1]
        assert quantiles.n_plain == 2
        out = seen(quantiles, self.X)
        assert out[:, 1].tolist() == [1, 0, 0, 0]
        assert out[:, 2].tolist() == [1, 1, 0, 1]
        np.testing.assert_array_equal(out[:, :1], seen(fit(self.X[:, 2]), self.X[:, 2]))

    def test_values_between_and_beyond(self):
        out = seen(fit(self.X), [[0.25, 100.0, 0.1], [-9.0, -100.0, 0.1], [np.nan, 5.125, 0.1]])
        np.testing.assert_allclose(out[:, 1:], [[0.25, 1], [0, 0], [0, 0.75]])

    def test_missing_is_a_mark_of_its_own(self):
        X = np.column_stack([self.X[:, 2], [1.0, np.nan, 0.0, 0.0]])
        quantiles = fit(X)
        assert quantiles.n_plain == 2
        assert seen(quantiles, X)[:, 1:].tolist() == [[1, 0], [0, 1], [0, 0], [0, 0]]

    @quick
    @given(on_grid, st.data())
    def test_weights_do_not_move_them(self, values, data):
        values = np.array(values) > 0
        assume(0 < values.sum() < len(values))
        weight = data.draw(st.lists(st.integers(1, 9), min_size=len(values), max_size=len(values)))
        assert np.array_equal(seen(fit(3.0 * values - 1, weight), 3.0 * values - 1)[:, 0], values)


class TestStrangeColumns:
    @pytest.mark.parametrize("value", [0.0, -3.5, 1e30])
    def test_constant(self, value):
        quantiles = fit(np.column_stack([np.full(50, value), np.arange(50)]))
        for other in (value, value - 1, value + 1, -2e30, 2e30):
            assert seen(quantiles, [[other, 1.0]])[0, 1] == 0  # after the numbers

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_one_row(self, dtype):
        quantiles = fit(np.array([[7.0, -1e30]], dtype))
        probes = np.array([[7, -1e30], [-8, 1e30], [0, 0]], dtype)
        assert (seen(quantiles, probes) == 0).all()

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_wild_values(self, dtype):
        values = np.random.default_rng(0).standard_cauchy(1000) ** 3
        values[:3] = [1e30, -1e30, 1e-30]
        scores = seen(fit(values.astype(dtype)), values.astype(dtype))
        assert np.isfinite(scores).all()
        assert np.abs(scores).max() < 4
        # all others keep their places
        others = np.abs(values) < 1e6
        assert scores[others].std() > 0.8

    def test_spike_at_zero(self):
        rng = np.random.default_rng(0)
        values = np.where(rng.uniform(size=2000) < 0.6, 0.0, rng.gamma(2.0, size=2000))
        quantiles = fit(values)
        share = (values == 0).mean()
        np.testing.assert_allclose(seen(quantiles, [0.0])[0, 0], ndtri(share / 2), atol=1e-12)
        half = np.median(values[values > 0])
        np.testing.assert_allclose(
            seen(quantiles, [half])[0, 0], ndtri(share + (1 - share) / 2), atol=0.02
        )

    def test_single_and_double_precision_agree(self):
        X = np.random.default_rng(0).standard_normal((500, 3)).astype(np.float32)
        quantiles = fit(X)
        np.testing.assert_allclose(seen(quantiles, X), seen(quantiles, X.astype(float)), atol=1e-4)

    def test_values_that_single_precision_cannot_tell_apart(self):
        stamps = 1.6e9 + np.arange(20.0)
        quantiles = fit(stamps)
        assert len(np.unique(seen(quantiles, stamps))) == 20
        rough = seen(quantiles, stamps.astype(np.float32))
        assert np.isfinite(rough).all()
        assert (np.diff(rough[:, 0]) >= 0).all()


class TestTable:
    @pytest.mark.parametrize("n", [2, 128, 129, 5000])
    @pytest.mark.parametrize("draw", ["standard_normal", "standard_cauchy", "integers"])
    def test_length(self, n, draw):
        rng = np.random.default_rng(0)
        values = rng.integers(0, 400, n) if draw == "integers" else getattr(rng, draw)(n)
        quantiles = fit(values.astype(float))
        (knots,), (scores,) = quantiles.knots, quantiles.scores
        finite = np.isfinite(knots)
        # infinity is the last one, and only that
        assert finite.tolist() == [True] * (len(knots) - 1) + [False]
        assert finite.sum() <= N_KNOTS == 128
        assert finite.sum() == len(np.unique(values)) or finite.sum() > 60
        assert (np.diff(knots) > 0).all()
        assert (np.diff(scores[finite]) > 0).all()
        assert (knots[0], knots[finite][-1]) == (values.min(), values.max())

    def test_of_many_rows_an_even_selection_is_read(self, monkeypatch):
        X = np.random.default_rng(0).standard_normal((250, 2))
        weight = np.arange(1.0, 251)
        every_third = fit(X[::3], weight[::3])
        all_rows = fit(X, weight)
        monkeypatch.setattr(quantile_module, "ROWS_SEEN", 100)
        selected = fit(X, weight)
        assert np.array_equal(selected.knots, every_third.knots)
        assert np.array_equal(selected.scores, every_third.scores)
        assert not np.array_equal(selected.knots, all_rows.knots)

    def test_lookup_in_a_given_table(self):
        knots = torch.tensor([[0.0, 10.0, torch.inf], [5.0, torch.inf, torch.inf]])
        scores = torch.tensor([[-1.0, 3.0, 0.0], [0.5, 0.0, 0.0]])
        X = torch.tensor([[-1.0, 4.0], [2.5, 5.0], [10.0, 6.0], [99.0, 1e30], [torch.nan] * 2])
        expected = torch.tensor([[-1.0, 0.5], [0.0, 0.5], [3.0, 0.5], [3.0, 0.5], [0.0, 0.0]])
        torch.testing.assert_close(normal_scores(X, knots, scores), expected)


class TestMissing:
    X = np.array([[1.0, np.nan, 5.0], [2.0, 1.0, np.nan], [3.0, 7.0, 8.0], [4.0, 3.0, 9.0]])

    def test_score_and_mark(self):
        quantiles = fit(self.X)
        assert quantiles.missing.tolist() == [1, 2]
        assert quantiles.n_plain == 2
        out = seen(quantiles, self.X)
        assert out.shape == (4, 5)
        assert (out[:, :3][np.isnan(self.X)] == 0).all()
        assert np.array_equal(out[:, 3:], np.isnan(self.X[:, 1:]))

    def test_known_values_are_scored_as_if_alone(self):
        out = seen(fit(self.X), self.X)
        for feature in range(3):
            known = ~np.isnan(self.X[:, feature])
            alone = seen(fit(self.X[known, feature]), self.X[known, feature])
            np.testing.assert_allclose(out[known, feature], alone[:, 0])

    def test_no_mark_without_missing_values_in_fit(self):
        quantiles = fit(np.arange(12.0).reshape(6, 2))
        assert seen(quantiles, np.full((1, 2), np.nan)).tolist() == [[0, 0]]

    def test_mark_is_gone_where_nothing_is_missing(self):
        assert (seen(fit(self.X), np.ones((2, 3)))[:, 3:] == 0).all()

    def test_nothing_known(self):
        quantiles = fit(np.column_stack([np.full(4, np.nan), np.arange(4)]))
        out = seen(quantiles, [[np.nan, 0.0], [1e30, 0.0], [-1.0, 0.0]])
        assert out[:, 1].tolist() == [0, 0, 0]
        assert out[:, 2].tolist() == [1, 0, 0]


class TestCategories:
    X = np.array([[0.1, 2, 5.0], [0.5, 0, 6.0], [0.2, 2, 7.0], [0.9, 7, 8.0]])

    def test_one_mark_each_after_the_numbers(self):
        quantiles = fit(self.X, categorical=[1])
        assert quantiles.numeric.tolist() == [0, 2]
        assert quantiles.n_plain == 3
        out = seen(quantiles, self.X)
        assert np.array_equal(out[:, :2], seen(fit(self.X[:, [0, 2]]), self.X[:, [0, 2]]))
        assert np.array_equal(out[:, 2:], self.X[:, [1]] == [0, 2, 7])

    @pytest.mark.parametrize("code", [1.0, 99.0, -1.0, np.nan])
    def test_never_seen(self, code):
        row = np.array([[0.1, code, 5.0]])
        assert (seen(fit(self.X, categorical=[1]), row)[:, 2:] == 0).all()

    @pytest.mark.parametrize("code", [-1.0, np.nan])
    def test_missing_is_no_category(self, code):
        X = np.vstack([self.X, [0.3, code, 9.0]])
        quantiles = fit(X, categorical=[1])
        assert quantiles.category_value.tolist() == [0, 2, 7]
        assert quantiles.missing.tolist() == []

    def test_rare_ones_are_left_out(self, monkeypatch):
        monkeypatch.setattr(quantile_module, "MOST_CATEGORIES", 2)
        codes = np.repeat([4.0, 1.0, 3.0, 0.0], [1, 5, 2, 4])
        assert fit(codes, categorical=[0]).category_value.tolist() == [0, 1]

    def test_only_categories(self):
        out = seen(fit(self.X[:, [1]], categorical=[0]), self.X[:, [1]])
        assert out.tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
