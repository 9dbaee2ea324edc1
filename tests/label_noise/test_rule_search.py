"""The choice of an outlier rule, with models that know the truth up to what labels do to it."""

import warnings
from functools import cache

import numpy as np
import pytest

from sklearn_regkd.label_noise.rule_search import RuleSearch
from sklearn_regkd.preprocessing.robust_stats import robust_sigma

N = 400
N_NEIGHBOURS = 21  # odd: a median of its own
FIRST = "all labels, absolute error"


def weighted_mean(values, weight):
    return (values * weight).sum(axis=-1) / weight.sum(axis=-1)


def weighted_median(values, weight):
    order = np.argsort(values, axis=-1)
    share = np.cumsum(np.take_along_axis(weight, order, -1), axis=-1)
    middle = (share < share[..., [-1]] / 2).sum(axis=-1, keepdims=True)
    return np.take_along_axis(values, np.take_along_axis(order, middle, -1), -1)[..., 0]


class Models:
    """A student and a teacher that know the truth, plus what their neighbours' labels say.

    The neighbours of a row are others that were drawn once: the mean (of the
    squared error) or median (of the absolute one) of their errors, each as far
    as it is trusted, is added to the truth. Distrusted rows do no harm.
    """

    def __init__(self, label, truth, seed=0):
        self.error, self.truth = label - truth, truth
        self.weight = np.ones(N)
        rng = np.random.default_rng(seed)
        # The row itself is never among them: predictions are out-of-fold.
        step = 1 + np.argsort(rng.random((2, N, N - 1)), axis=2)[:, :, :N_NEIGHBOURS]
        self.neighbours = (np.arange(N)[:, None] + step) % N
        self.calls = []

    def refit(self, trust, loss):
        self.calls.append((trust.copy(), loss))
        middle = weighted_mean if loss == "squared_error" else weighted_median
        weight = self.weight[:, None] * np.maximum(trust, 1e-6)
        # (model, row, neighbour, output), the neighbours last
        near = (np.swapaxes(table[self.neighbours], 2, 3) for table in (self.error, weight))
        return tuple(self.truth + middle(*near))


def even(error, prediction):
    return np.ones(error.shape)


def labels(kind, share, seed=0, scale=1.0):
    """Truth, labels, and which labels are wrong."""
    rng = np.random.default_rng(seed)
    truth, noise = rng.normal(0, 3, N), rng.normal(0, 1, N)
    wrong = rng.permutation(N) < round(share * N)
    if kind == "one side":
        noise[wrong] += 10
    elif kind == "other side":
        noise[wrong] -= 10
    elif kind == "gross":
        noise[wrong] = rng.choice([-1, 1], wrong.sum()) * rng.uniform(8, 40, wrong.sum())
    return scale * truth[:, None], scale * (truth + noise)[:, None], wrong


def choose_rule(label, models, error_scale=even, refit=None, output=0):
    """The rule chosen for one output, and its verdict, without a warning."""
    refit = models.refit if refit is None else refit
    search = RuleSearch(label, refit, error_scale)
    student, teacher = models.refit(np.ones(label.shape), "absolute_error")
    models.calls.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        choice = search.choose(output, student[:, output], teacher[:, output])
        verdict = search.verdict(output, choice)
    return search, choice, verdict


@cache
def plain(kind, share, seed=0):
    """Truth, labels, which are wrong, and what is chosen with nothing strange about it."""
    truth, label, wrong = labels(kind, share, seed)
    return truth, label, wrong, *choose_rule(label, Models(label, truth, seed=seed))


def check_report(choice, rounds):
    assert [candidate.name for candidate in choice.tried][:3] == [FIRST, "threshold", "mixture"]
    assert len(choice.tried) == 3 + rounds + 1
    assert choice.tried[-1].name.endswith(", squared error")
    assert any(choice.candidate is candidate for candidate in choice.tried)
    assert all(len(reason) > 20 for reason in choice.reasons)
    assert len(choice.reasons) >= 3
    assert "the mixture rejects" in choice.reasons[0]
    assert "labels are predicted better by the" in choice.reasons[-1]


class TestOneSide:
    @pytest.mark.parametrize("kind", ["one side", "other side"])
    @pytest.mark.parametrize("seed", range(2))
    def test_the_mixture_decides_where_the_threshold_is_deceived(self, kind, seed):
        _, _, wrong, search, choice, verdict = plain(kind, 0.35, seed)
        assert choice.rule is search.mixture
        assert not verdict.inlier[wrong, 0].any()
        assert verdict.inlier[~wrong, 0].mean() > 0.98
        check_report(choice, rounds=1)
        assert "the mixture decides" in choice.reasons[1]
        assert "100% of these on one side" in choice.reasons[0]

    @pytest.mark.parametrize("kind", ["one side", "other side"])
    @pytest.mark.parametrize("share", [0.1, 0.2])
    def test_fewer_are_found_by_one_or_the_other(self, kind, share):
        _, _, wrong, _, _, verdict = plain(kind, share)
        assert not verdict.inlier[wrong, 0].any()
        assert verdict.inlier[~wrong, 0].mean() > 0.98

    def test_predictions_are_freed_of_the_bias(self):
        truth, _, _, _, choice, _ = plain("one side", 0.35)
        bias = [np.mean(c.prediction - truth[:, 0]) for c in (choice.tried[0], choice.candidate)]
        assert bias[0] > 0.5
        assert abs(bias[1]) < 0.15

    def test_the_unit_does_not_matter(self):
        truth, label, _ = labels("one side", 0.2, scale=2.0**20)
        _, choice, verdict = choose_rule(label, Models(label, truth))
        *_, usual, usual_verdict = plain("one side", 0.2)
        assert choice.candidate.name == usual.candidate.name
        assert np.array_equal(verdict.inlier, usual_verdict.inlier)

    def test_a_refit_that_the_threshold_serves_better_is_not_the_mixture(self):
        """Standing apart is not enough."""
        truth, label, _ = labels("one side", 0.2)
        models = Models(label, truth)

        def refit(trust, loss):
            hard = np.isin(trust, [0, 1]).all()
            return tuple(
                prediction + (0 if hard else 5) for prediction in models.refit(trust, loss)
            )

        search, choice, _ = choose_rule(label, models, refit=refit)
        assert choice.rule is search.threshold
        assert not any("stand apart" in reason for reason in choice.reasons)


class TestBothSides:
    @pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
    def test_gross_errors_are_found(self, share):
        _, _, wrong, _, choice, verdict = plain("gross", share)
        assert not verdict.inlier[wrong, 0].any()
        assert verdict.inlier[~wrong, 0].mean() > 0.97
        check_report(choice, rounds=1)
        assert "predicts left-out labels best" in choice.reasons[1]
        assert choice.candidate.cost < 1

    def test_noisy_rows_are_not_wrong_ones_for_the_threshold(self):
        """Large errors have their place, which `error_scale` knows."""
        truth, label, _ = labels("none", 0)
        noise = np.where(np.arange(N) < 80, 6.0, 1.0)[:, None]
        label = truth + noise * (label - truth)
        models = Models(label, truth)
        rejected = []
        for error_scale in (even, lambda error, prediction: noise[:, 0]):
            search, choice, _ = choose_rule(label, models, error_scale=error_scale)
            choice.rule = search.threshold
            rejected.append((~search.verdict(0, choice).inlier[:80]).mean())
        assert rejected[0] > 0.3
        assert rejected[1] < 0.05

    def test_error_scale_gets_the_errors_of_all_rows(self):
        truth, label, _ = labels("gross", 0.2)
        given = []

        def error_scale(error, prediction):
            given.append((error, prediction))
            return even(error, prediction)

        _, choice, _ = choose_rule(label, Models(label, truth), error_scale=error_scale)
        ((error, prediction),) = given
        np.testing.assert_array_equal(prediction, choice.tried[0].prediction)
        np.testing.assert_array_equal(error, label[:, 0] - prediction)


class TestScores:
    def test_are_capped_errors_against_all_labels_relative_to_the_first(self):
        _, label, _, _, choice, _ = plain("gross", 0.2)
        first = choice.tried[0]
        assert first.cost == first.near == 1
        base = np.abs(label[:, 0] - first.prediction)
        sigma = robust_sigma(label[:, 0] - first.prediction)
        for candidate in choice.tried[1:]:
            error = np.abs(label[:, 0] - candidate.prediction)
            squared = [np.mean(np.minimum(e, 3 * sigma) ** 2) for e in (error, base)]
            assert candidate.cost == pytest.approx(squared[0] / squared[1])
            near = [np.mean(np.minimum(e, 2 * sigma)) for e in (error, base)]
            assert candidate.near == pytest.approx(near[0] / near[1])

    def test_of_skewed_labels_the_mean_is_wanted(self):
        """The median has the smaller absolute error, whatever it is good for."""
        rng = np.random.default_rng(0)
        truth = rng.normal(0, 1, (N, 1))
        label = truth + rng.exponential(1, (N, 1))

        def refit(trust, loss):
            kept = (label - truth)[trust >= 0.5]
            middle = kept.mean() if loss == "squared_error" else np.median(kept)
            return truth + middle, truth + middle

        _, choice, _ = choose_rule(label, Models(label, truth), refit=refit)
        absolute = [
            np.abs(label[:, 0] - c.prediction).mean() for c in (choice.tried[1], choice.tried[-1])
        ]
        assert choice.loss == "squared_error"
        assert absolute[0] < absolute[1]

    def test_the_blend_is_fitted_to_trusted_labels(self):
        """Wrong labels agree with the student, good ones with the teacher."""
        truth, label, _ = labels("one side", 0.3)
        models = Models(label, truth)

        def refit(trust, loss):
            return truth + 10, truth

        _, choice, _ = choose_rule(label, models, refit=refit)
        for candidate in choice.tried[1:]:
            if candidate.name.startswith("mixture"):
                assert candidate.alpha == pytest.approx(1, abs=0.05)


class TestBadRefits:
    @staticmethod
    def spoil(models, is_bad):
        """Models that are far off when refitted with a trust that `is_bad`."""

        def refit(trust, loss):
            predictions = models.refit(trust, loss)
            return tuple(one + 50.0 for one in predictions) if is_bad(trust, loss) else predictions

        return refit

    @pytest.mark.parametrize("kind", ["none", "gross"])
    def test_a_refit_that_is_worse_is_not_chosen(self, kind):
        truth, label, _ = labels(kind, 0.2)
        models = Models(label, truth)
        refit = self.spoil(models, lambda trust, loss: True)
        search, choice, _ = choose_rule(label, models, refit=refit)
        assert choice.candidate is choice.tried[0]
        assert choice.candidate.name == FIRST
        assert choice.rule is search.threshold
        assert choice.loss == "absolute_error"
        check_report(choice, rounds=0)
        assert "no refit" in choice.reasons[1]
        assert all(candidate.cost > 1.5 for candidate in choice.tried[1:])

    @pytest.mark.parametrize("kind", ["one side", "gross"])
    def test_a_second_round_that_is_worse_is_not_chosen(self, kind):
        truth, label, wrong = labels(kind, 0.35 if kind == "one side" else 0.3)
        models = Models(label, truth)
        # Refitted for threshold and mixture first, then for the second round, then for the mean.
        refit = self.spoil(models, lambda trust, loss: len(models.calls) > 2)
        _, choice, verdict = choose_rule(label, models, refit=refit)
        assert "round 2" in choice.tried[3].name
        assert choice.tried[3].cost > 1.5
        assert choice.candidate.name == ("mixture" if kind == "one side" else "threshold")
        assert not verdict.inlier[wrong, 0].any()

    def test_a_mean_that_is_worse_is_not_chosen(self):
        truth, label, _ = labels("gross", 0.2)
        models = Models(label, truth)
        refit = self.spoil(models, lambda trust, loss: loss == "squared_error")
        _, choice, _ = choose_rule(label, models, refit=refit)
        assert choice.loss == "absolute_error"
        assert "squared" not in choice.candidate.name
        assert "by the median" in choice.reasons[-1]


class TestWhereOneValueStandsOut:
    """Most labels are 0, and a model that says 0 has the smallest capped error."""

    def choose(self, refitted):
        rng = np.random.default_rng(0)
        amount = rng.exponential(3, N)[:, None]
        label = np.where(rng.random((N, 1)) < 0.7, 0, amount)
        seen = 0.5 * label + rng.normal(size=label.shape)
        search = RuleSearch(label, lambda trust, loss: (refitted(label, seen),) * 2, even)
        return search.choose(0, seen[:, 0], seen[:, 0])

    def test_a_constant_is_no_better_and_all_are_trusted(self):
        choice = self.choose(lambda label, seen: np.zeros_like(label))
        assert choice.rule is None
        assert "all are trusted" in choice.reasons[-1]
        assert all(candidate.cost > 1.5 for candidate in choice.tried[1:])

    def test_a_refit_that_tells_more_of_the_amounts_is_chosen(self):
        choice = self.choose(lambda label, seen: label + 0.1 * (seen - 0.5 * label))
        assert choice.rule is not None
        assert choice.candidate.cost < 0.5


class TestLoss:
    @pytest.mark.parametrize("kind", ["one side", "gross"])
    @pytest.mark.parametrize("better", ["squared_error", "absolute_error"])
    def test_of_the_model_that_predicts_trusted_labels_better(self, kind, better):
        truth, label, wrong = labels(kind, 0.2)
        rough = np.random.default_rng(1).normal(0, 0.7, truth.shape)

        def refit(trust, loss):
            prediction = truth if loss == better else truth + rough
            return prediction, prediction

        _, choice, verdict = choose_rule(label, Models(label, truth), refit=refit)
        assert choice.loss == better
        squared = better == "squared_error"
        assert (choice.candidate is choice.tried[-1]) is squared
        assert choice.candidate.name.endswith(", squared error") is squared
        assert f"by the {'mean' if squared else 'median'}" in choice.reasons[-1]
        assert not verdict.inlier[wrong, 0].any()

    def test_wrong_labels_have_no_say_in_it(self):
        """The mean leans towards them: better for all labels, worse for trusted ones."""
        truth, label, _ = labels("one side", 0.3)

        def refit(trust, loss):
            prediction = truth + (2.5 if loss == "squared_error" else 0.0)
            return prediction, prediction

        _, choice, _ = choose_rule(label, Models(label, truth), refit=refit)
        cost = [
            np.mean((label[:, 0] - c.prediction) ** 2) for c in (choice.candidate, choice.tried[-1])
        ]
        assert cost[1] < cost[0]
        assert choice.loss == "absolute_error"

    def test_the_squared_error_is_refitted_last_with_the_trust_of_the_chosen(self):
        truth, label, wrong = labels("one side", 0.35)
        models = Models(label, truth)
        choose_rule(label, models)
        assert [loss for _, loss in models.calls] == [*["absolute_error"] * 3, "squared_error"]
        trust = models.calls[-1][0]
        assert trust[wrong].max() < 0.5
        assert trust[~wrong].mean() > 0.97


class TestManyOutputs:
    def test_each_has_a_rule_of_its_own(self):
        truth, label, wrong = labels("one side", 0.35)
        truth2, label2, wrong2 = labels("gross", 0.2, seed=1)
        truth, label = np.hstack([truth, truth2]), np.hstack([label, label2])
        models = Models(label, truth)
        for output, mask in ((0, wrong), (1, wrong2)):
            _, _, verdict = choose_rule(label, models, output=output)
            assert verdict.inlier.shape == (N, 1)
            assert not verdict.inlier[mask, 0].any()
            assert verdict.inlier[~mask, 0].mean() > 0.97
            assert len(models.calls) == 4
            assert all((trust[:, 1 - output] == 1).all() for trust, _ in models.calls)
            assert (models.calls[-1][0][mask, output] < 0.5).all()
