"""The choice of an outlier rule, with models that know the truth up to what labels do to it."""

import warnings
from functools import cache

import numpy as np
import pytest

from sklearn_regkd.label_noise.rule_search import RuleSearch, default_threshold
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

    def __init__(self, label, truth, counted=True, seed=0):
        self.error, self.truth = label - truth, truth
        self.weight = np.broadcast_to(counted, N) * 1.0
        rng = np.random.default_rng(seed)
        # The row itself is never among them: opinions are out-of-fold.
        step = 1 + np.argsort(rng.random((2, N, N - 1)), axis=2)[:, :, :N_NEIGHBOURS]
        self.neighbours = (np.arange(N)[:, None] + step) % N
        self.asked = []

    def ask(self, trust, loss):
        self.asked.append((trust.copy(), loss))
        middle = weighted_mean if loss == "squared_error" else weighted_median
        weight = self.weight[:, None] * np.maximum(trust, 1e-6)
        # (who, row, neighbour, output), the neighbours last
        near = (np.swapaxes(table[self.neighbours], 2, 3) for table in (self.error, weight))
        return tuple(self.truth + middle(*near))


def even(error):
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


def look_into(label, models, counted=None, spread=even, ask=None, output=0):
    """The investigation of one output, and its verdict, without a warning."""
    counted = np.ones(N, bool) if counted is None else counted
    ask = models.ask if ask is None else ask
    investigator = RuleSearch(label, counted, default_threshold(), ask, spread)
    student, teacher = models.ask(np.ones(label.shape), "absolute_error")
    models.asked.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = investigator.investigate(output, student[:, output], teacher[:, output])
        verdict = investigator.detect(output, found)
    return investigator, found, verdict


@cache
def plain(kind, share, seed=0):
    """Truth, labels, which are wrong, and what is found with nothing strange about it."""
    truth, label, wrong = labels(kind, share, seed)
    return truth, label, wrong, *look_into(label, Models(label, truth, seed=seed))


def check_report(found, rounds):
    assert [candidate.name for candidate in found.tried][:3] == [FIRST, "threshold", "mixture"]
    assert len(found.tried) == 3 + rounds + 1
    assert found.tried[-1].name.endswith(", squared error")
    assert any(found.candidate is candidate for candidate in found.tried)
    assert all(len(reason) > 20 for reason in found.reasons)
    assert len(found.reasons) >= 3
    assert "the mixture rejects" in found.reasons[0]
    assert "labels are predicted better by the" in found.reasons[-1]


class TestOneSide:
    @pytest.mark.parametrize("kind", ["one side", "other side"])
    @pytest.mark.parametrize("seed", range(2))
    def test_the_mixture_decides_where_the_threshold_is_deceived(self, kind, seed):
        _, _, wrong, investigator, found, verdict = plain(kind, 0.35, seed)
        assert found.rule is investigator.mixture
        assert not verdict.inlier[wrong, 0].any()
        assert verdict.inlier[~wrong, 0].mean() > 0.98
        check_report(found, rounds=1)
        assert "the mixture decides" in found.reasons[1]
        assert "100% of these on one side" in found.reasons[0]

    @pytest.mark.parametrize("kind", ["one side", "other side"])
    @pytest.mark.parametrize("share", [0.1, 0.2])
    def test_fewer_are_found_by_one_or_the_other(self, kind, share):
        _, _, wrong, _, _, verdict = plain(kind, share)
        assert not verdict.inlier[wrong, 0].any()
        assert verdict.inlier[~wrong, 0].mean() > 0.98

    def test_predictions_are_freed_of_the_bias(self):
        truth, _, _, _, found, _ = plain("one side", 0.35)
        bias = [np.mean(c.opinion - truth[:, 0]) for c in (found.tried[0], found.candidate)]
        assert bias[0] > 0.5
        assert abs(bias[1]) < 0.15

    def test_the_unit_does_not_matter(self):
        truth, label, _ = labels("one side", 0.2, scale=2.0**20)
        _, found, verdict = look_into(label, Models(label, truth))
        *_, usual, usual_verdict = plain("one side", 0.2)
        assert found.candidate.name == usual.candidate.name
        assert np.array_equal(verdict.inlier, usual_verdict.inlier)

    def test_a_refit_that_the_threshold_serves_better_is_not_the_mixture(self):
        """Standing apart is not enough."""
        truth, label, _ = labels("one side", 0.2)
        models = Models(label, truth)

        def ask(trust, loss):
            hard = np.isin(trust, [0, 1]).all()
            return tuple(said + (0 if hard else 5) for said in models.ask(trust, loss))

        investigator, found, _ = look_into(label, models, ask=ask)
        assert found.rule is investigator.threshold
        assert not any("stand apart" in reason for reason in found.reasons)


class TestBothSides:
    @pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
    def test_gross_errors_are_found(self, share):
        _, _, wrong, _, found, verdict = plain("gross", share)
        assert not verdict.inlier[wrong, 0].any()
        assert verdict.inlier[~wrong, 0].mean() > 0.97
        check_report(found, rounds=1)
        assert "predicts left-out labels best" in found.reasons[1]
        assert found.candidate.cost < 1

    def test_noisy_rows_are_not_wrong_ones_for_the_threshold(self):
        """Large errors have their place, and whoever asks is told so by `spread`."""
        truth, label, _ = labels("none", 0)
        noise = np.where(np.arange(N) < 80, 6.0, 1.0)[:, None]
        label = truth + noise * (label - truth)
        models = Models(label, truth)
        rejected = []
        for spread in (even, lambda error: noise):
            investigator, found, _ = look_into(label, models, spread=spread)
            found.rule = investigator.threshold
            rejected.append((~investigator.detect(0, found).inlier[:80]).mean())
        assert rejected[0] > 0.3
        assert rejected[1] < 0.05

    def test_spread_is_told_the_error_of_all_rows(self):
        truth, label, _ = labels("gross", 0.2)
        told = []

        def spread(error):
            told.append(error)
            return even(error)

        _, found, _ = look_into(label, Models(label, truth), spread=spread)
        (error,) = told
        np.testing.assert_array_equal(error, label - found.tried[0].opinion[:, None])


class TestScores:
    def test_are_capped_errors_against_all_labels_relative_to_the_first(self):
        _, label, _, _, found, _ = plain("gross", 0.2)
        first = found.tried[0]
        assert first.cost == first.near == 1
        base = np.abs(label[:, 0] - first.opinion)
        sigma = robust_sigma(label[:, 0] - first.opinion)
        for candidate in found.tried[1:]:
            error = np.abs(label[:, 0] - candidate.opinion)
            squared = [np.mean(np.minimum(e, 3 * sigma) ** 2) for e in (error, base)]
            assert candidate.cost == pytest.approx(squared[0] / squared[1])
            near = [np.mean(np.minimum(e, 2 * sigma)) for e in (error, base)]
            assert candidate.near == pytest.approx(near[0] / near[1])

    def test_of_skewed_labels_the_mean_is_wanted(self):
        """The median has the smaller absolute error, whatever it is good for."""
        rng = np.random.default_rng(0)
        truth = rng.normal(0, 1, (N, 1))
        label = truth + rng.exponential(1, (N, 1))

        def ask(trust, loss):
            kept = (label - truth)[trust >= 0.5]
            middle = kept.mean() if loss == "squared_error" else np.median(kept)
            return truth + middle, truth + middle

        _, found, _ = look_into(label, Models(label, truth), ask=ask)
        absolute = [
            np.abs(label[:, 0] - c.opinion).mean() for c in (found.tried[1], found.tried[-1])
        ]
        assert found.loss == "squared_error"
        assert absolute[0] < absolute[1]

    def test_the_blend_is_fitted_to_trusted_labels(self):
        """Wrong labels agree with the student, good ones with the teacher."""
        truth, label, _ = labels("one side", 0.3)
        models = Models(label, truth)

        def ask(trust, loss):
            return truth + 10, truth

        _, found, _ = look_into(label, models, ask=ask)
        for candidate in found.tried[1:]:
            if candidate.name.startswith("mixture"):
                assert candidate.alpha == pytest.approx(1, abs=0.05)

    @pytest.mark.parametrize("kind", ["one side", "gross"])
    def test_only_counted_rows_decide(self, kind):
        truth, label, wrong = labels(kind, 0.2)
        counted = np.arange(N) % 4 > 0
        strange = label.copy()
        strange[~counted] = truth[~counted] - 500
        models = Models(label, truth, counted)
        _, found, verdict = look_into(label, models, counted)
        _, other, other_verdict = look_into(strange, models, counted)
        assert [c.name for c in other.tried] == [c.name for c in found.tried]
        for one, two in zip(other.tried, found.tried, strict=True):
            assert one.alpha == pytest.approx(two.alpha)
        assert other.reasons[0] == found.reasons[0]
        assert other.candidate.name == found.candidate.name
        assert np.array_equal(other_verdict.inlier[counted], verdict.inlier[counted])
        assert not verdict.inlier[wrong, 0].any()
        assert not other_verdict.inlier[~counted].any()


class TestBadRefits:
    @staticmethod
    def spoil(models, is_bad):
        """Models that are far off when asked with a trust that `is_bad`."""

        def ask(trust, loss):
            said = models.ask(trust, loss)
            return tuple(s + 50.0 for s in said) if is_bad(trust, loss) else said

        return ask

    @pytest.mark.parametrize("kind", ["none", "gross"])
    def test_a_refit_that_is_worse_is_not_chosen(self, kind):
        truth, label, _ = labels(kind, 0.2)
        models = Models(label, truth)
        ask = self.spoil(models, lambda trust, loss: True)
        investigator, found, _ = look_into(label, models, ask=ask)
        assert found.candidate is found.tried[0]
        assert found.candidate.name == FIRST
        assert found.rule is investigator.threshold
        assert found.loss == "absolute_error"
        check_report(found, rounds=0)
        assert "no refit" in found.reasons[1]
        assert all(candidate.cost > 1.5 for candidate in found.tried[1:])

    @pytest.mark.parametrize("kind", ["one side", "gross"])
    def test_a_second_round_that_is_worse_is_not_chosen(self, kind):
        truth, label, wrong = labels(kind, 0.35 if kind == "one side" else 0.3)
        models = Models(label, truth)
        # Asked by threshold and mixture first, then for the second round, then by the mean.
        ask = self.spoil(models, lambda trust, loss: len(models.asked) > 2)
        _, found, verdict = look_into(label, models, ask=ask)
        assert "round 2" in found.tried[3].name
        assert found.tried[3].cost > 1.5
        assert found.candidate.name == ("mixture" if kind == "one side" else "threshold")
        assert not verdict.inlier[wrong, 0].any()

    def test_a_mean_that_is_worse_is_not_chosen(self):
        truth, label, _ = labels("gross", 0.2)
        models = Models(label, truth)
        ask = self.spoil(models, lambda trust, loss: loss == "squared_error")
        _, found, _ = look_into(label, models, ask=ask)
        assert found.loss == "absolute_error"
        assert "squared" not in found.candidate.name
        assert "by the median" in found.reasons[-1]


class TestLoss:
    @pytest.mark.parametrize("kind", ["one side", "gross"])
    @pytest.mark.parametrize("better", ["squared_error", "absolute_error"])
    def test_who_predicts_trusted_labels_better(self, kind, better):
        truth, label, wrong = labels(kind, 0.2)
        rough = np.random.default_rng(1).normal(0, 0.7, truth.shape)

        def ask(trust, loss):
            said = truth if loss == better else truth + rough
            return said, said

        _, found, verdict = look_into(label, Models(label, truth), ask=ask)
        assert found.loss == better
        squared = better == "squared_error"
        assert (found.candidate is found.tried[-1]) is squared
        assert found.candidate.name.endswith(", squared error") is squared
        assert f"by the {'mean' if squared else 'median'}" in found.reasons[-1]
        assert not verdict.inlier[wrong, 0].any()

    def test_wrong_labels_have_no_say_in_it(self):
        """The mean leans towards them: better for all labels, worse for trusted ones."""
        truth, label, _ = labels("one side", 0.3)

        def ask(trust, loss):
            said = truth + (2.5 if loss == "squared_error" else 0.0)
            return said, said

        _, found, _ = look_into(label, Models(label, truth), ask=ask)
        cost = [np.mean((label[:, 0] - c.opinion) ** 2) for c in (found.candidate, found.tried[-1])]
        assert cost[1] < cost[0]
        assert found.loss == "absolute_error"

    def test_it_is_asked_last_with_the_trust_of_the_chosen(self):
        truth, label, wrong = labels("one side", 0.35)
        models = Models(label, truth)
        look_into(label, models)
        assert [loss for _, loss in models.asked] == [*["absolute_error"] * 3, "squared_error"]
        trust = models.asked[-1][0]
        assert trust[wrong].max() < 0.5
        assert trust[~wrong].mean() > 0.97


class TestManyOutputs:
    def test_each_is_investigated_alone(self):
        truth, label, wrong = labels("one side", 0.35)
        truth2, label2, wrong2 = labels("gross", 0.2, seed=1)
        truth, label = np.hstack([truth, truth2]), np.hstack([label, label2])
        models = Models(label, truth)
        for output, mask in ((0, wrong), (1, wrong2)):
            _, _, verdict = look_into(label, models, output=output)
            assert verdict.inlier.shape == (N, 1)
            assert not verdict.inlier[mask, 0].any()
            assert verdict.inlier[~mask, 0].mean() > 0.97
            assert len(models.asked) == 4
            assert all((trust[:, 1 - output] == 1).all() for trust, _ in models.asked)
            assert (models.asked[-1][0][mask, output] < 0.5).all()
