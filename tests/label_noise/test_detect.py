"""Which labels are wrong: by a named rule and by evidence, with models that know the truth."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_regkd.label_noise import evidence
from sklearn_regkd.label_noise.detect import DEFAULT_ALPHA, detect_by_evidence, detect_by_rule
from sklearn_regkd.label_noise.evidence import FLAG_SIGMA, weigh_evidence
from sklearn_regkd.label_noise.loss_gap import (
    DAMAGE,
    Difference,
    are_good,
    measure_damage,
)
from sklearn_regkd.label_noise.mass import MASS
from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.label_noise.noise import Decision
from sklearn_regkd.label_noise.threshold import ThresholdRule
from sklearn_regkd.supervision.mixing import best_alpha
from sklearn_regkd.teachers.cross_fit import CrossFitResult
from tests.helpers import fit_data

N = 400


class Students:
    """Out-of-fold students: those of the squared error follow wrong labels, others do not."""

    known_weight_decay = 0.3

    def __init__(self, models):
        self.models = models
        self.fold = np.arange(N) % 3

    def predict(self, label, trust, losses):
        return [self.models.prediction(loss, 0, trust) for loss in losses]


class Models:
    """Models that know the truth, in place of :class:`OutOfFoldModels`.

    Trained with the squared error they are drawn towards labels that are wrong and trusted,
    unless they follow none.
    """

    def __init__(self, data, truth, with_students=True, follows=True):
        self.data, self.truth = data, data.scaling.standardize(truth)
        self.follows = follows
        self.students = Students(self) if with_students else None
        self.for_trusted = object()

    def prediction(self, loss, number, trust=None):
        noise = np.random.default_rng(number).normal(0, 0.1, self.truth.shape)
        if loss == "absolute_error" or not self.follows:
            return self.truth + noise
        pull = self.data.bounded_label - self.truth
        pull = pull if trust is None else pull * trust
        # The mean error of the row's neighbours, which are any rows.
        near = np.random.default_rng(number + 1).integers(N, size=(N, 20))
        return self.truth + noise + pull[near].mean(axis=1)

    def cross_fit_teacher(self, unfitted=None, trust=None):
        raw = self.data.scaling.restore(self.prediction("absolute_error", 2))
        return CrossFitResult(raw, self.data.teacher)

    def cross_fit_trusting(self):
        raw = self.data.scaling.restore(self.prediction("absolute_error", 2))
        by_fold = np.stack([raw + 1, raw + 2])
        return self.for_trusted, CrossFitResult(raw, self.data.teacher, by_fold)

    def cross_fit_doubting(self):
        return self.cross_fit_teacher()

    def predict_boosting(self, loss):
        return self.prediction(loss, 3)

    def predict_refitted(self, trust, loss):
        return self.prediction(loss, 0, trust), self.prediction(loss, 2, trust)

    def error_scale(self, error, prediction):
        return np.ones(error.shape)


def models(share, n_outputs=1, with_students=True, **changes):
    """Models of a table in units of its own, and which labels are wrong by far."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    truth = 200 + 50 * np.column_stack([X[:, k % 3] for k in range(n_outputs)])
    wrong = np.zeros(truth.shape, bool)
    wrong[rng.permutation(N)[: round(share * N)], 0] = True
    sign = rng.choice([-1, 1], truth.shape)
    y = truth + 5 * rng.normal(size=truth.shape) + wrong * sign * rng.uniform(500, 900, truth.shape)
    data = fit_data(X, y, **{"teacher": HistGradientBoostingRegressor(), **changes})
    return Models(data, truth, with_students), wrong


class TestByRule:
    def test_no_rule_trusts_all(self):
        given, _ = models(0.2)
        noise = detect_by_rule(None, given, find_alpha=False)
        assert noise.verdict.inlier.all()
        assert np.isinf(noise.verdict.threshold).all()
        assert noise.verdict.rules == (None,)
        assert (noise.trust == 1).all()
        (decision,) = noise.decisions
        assert (decision.rule, decision.rejected, decision.alpha) == ("none", 0.0, 0.5)
        assert (decision.loss, decision.expected_wrong) == ("squared_error", 0.0)

    @pytest.mark.parametrize("rule", [ThresholdRule(6.0), MixtureRule()])
    def test_a_rule_decides_about_the_teachers_errors(self, rule):
        given, wrong = models(0.2)
        noise = detect_by_rule(rule, given, find_alpha=False)
        error = given.data.bounded_label - noise.replacement
        np.testing.assert_array_equal(noise.verdict.inlier, rule.detect(error).inlier)
        np.testing.assert_array_equal(noise.trust, noise.verdict.inlier)
        assert not noise.trust[wrong].any()
        assert noise.trust[~wrong].mean() > 0.97
        assert noise.verdict.rules == (rule,)
        (decision,) = noise.decisions
        assert decision.rule == repr(rule)
        assert decision.rejected == pytest.approx(1 - noise.trust.mean())

    def test_the_prediction_is_raw_and_the_replacement_standardised(self):
        given, _ = models(0.2)
        noise = detect_by_rule(ThresholdRule(6.0), given, find_alpha=False)
        expected = given.cross_fit_teacher().prediction
        np.testing.assert_array_equal(noise.teacher_prediction, expected)
        np.testing.assert_array_equal(
            noise.replacement, given.data.scaling.standardize(noise.teacher_prediction)
        )

    @pytest.mark.parametrize("find_alpha", [False, True])
    def test_alpha_is_found_on_trusted_labels_where_it_is_wanted(self, find_alpha):
        given, _ = models(0.2)
        noise = detect_by_rule(ThresholdRule(6.0), given, find_alpha)
        student = given.students.predict(None, noise.trust, ["squared_error"])[0]
        known = noise.verdict.inlier[:, 0]
        columns = (values[known, 0] for values in (given.data.label, student, noise.replacement))
        expected = best_alpha(*columns) if find_alpha else DEFAULT_ALPHA
        assert noise.alpha == [pytest.approx(expected)]
        assert noise.decisions[0].alpha == pytest.approx(expected)

    def test_without_students_alpha_is_one_half(self):
        given, _ = models(0.2, with_students=False)
        noise = detect_by_rule(ThresholdRule(6.0), given, find_alpha=True)
        assert noise.alpha == [DEFAULT_ALPHA]

    def test_teachers_of_the_folds_are_those_that_trust_all_labels(self):
        given, _ = models(0.2)
        assert detect_by_rule(ThresholdRule(6.0), given, False).by_fold is None
        noise = detect_by_rule(None, given, False)
        raw = given.data.scaling.restore(noise.by_fold)
        np.testing.assert_allclose(raw[0], noise.teacher_prediction + 1)
        np.testing.assert_allclose(raw[1], noise.teacher_prediction + 2)

    def test_the_teacher_of_trusted_labels_may_be_another_one(self):
        given, _ = models(0.2)
        assert detect_by_rule(None, given, False).unfitted is given.for_trusted
        assert detect_by_rule(ThresholdRule(6.0), given, False).unfitted is given.data.teacher


class TestByEvidence:
    def test_clean_labels_are_trusted_and_ranked(self):
        given, _ = models(0.0)
        noise = detect_by_evidence(given)
        (decision,) = noise.decisions
        assert decision.rule == "none"
        assert decision.rejected == 0
        assert "all are trusted" in decision.reasons[-1]
        assert noise.verdict.inlier.all()
        assert noise.verdict.rules == (None,)
        assert np.isinf(noise.verdict.threshold).all()
        assert (noise.trust == 1).all()
        assert len(np.unique(noise.verdict.inlier_probability)) > N / 2
        assert noise.by_fold.shape == (2, N, 1)

    def test_wrong_labels_are_found(self):
        given, wrong = models(0.2)
        noise = detect_by_evidence(given)
        (decision,) = noise.decisions
        assert decision.rule != "none"
        assert not noise.verdict.inlier[wrong].any()
        assert noise.verdict.inlier[~wrong].mean() > 0.97
        assert noise.trust[wrong].max() < 0.5
        assert decision.rejected == pytest.approx(np.mean(noise.trust < 0.5))
        assert 0 <= decision.alpha <= 1
        assert decision.loss == "absolute_error"
        assert decision.expected_wrong == pytest.approx(wrong.sum(), rel=0.2)
        assert noise.alpha == [decision.alpha]
        assert noise.by_fold is None
        assert isinstance(noise.verdict.rules[0], ThresholdRule | MixtureRule)
        # Errors were measured on a scale of each row's own.
        assert np.isnan(noise.verdict.threshold).all()
        assert set(decision.scores) >= {"threshold", "mixture"}

    def test_each_output_has_a_decision_of_its_own(self):
        given, wrong = models(0.2, n_outputs=2)
        noise = detect_by_evidence(given)
        assert [decision.rule != "none" for decision in noise.decisions] == [True, False]
        assert not noise.verdict.inlier[wrong].any()
        assert noise.verdict.inlier[:, 1].all()
        assert noise.verdict.rules[1] is None
        np.testing.assert_array_equal(np.isinf(noise.verdict.threshold), [False, True])
        assert noise.trust.shape == noise.replacement.shape == (N, 2)
        assert noise.by_fold is None

    def test_one_absurd_label_among_clean_ones_is_rejected_without_evidence(self):
        given, _ = models(0.0)
        y = given.data.y.copy()
        y[7] = 1e30
        data = fit_data(given.data.X, y, teacher=given.data.teacher)
        absurd = Models(data, given.data.y, follows=False)
        noise = detect_by_evidence(absurd)
        assert noise.decisions[0].rule == "none"
        np.testing.assert_array_equal(np.flatnonzero(~noise.verdict.inlier), [7])
        assert noise.trust[7] == 0
        assert noise.verdict.inlier_probability[7] < 0.5
        assert noise.decisions[0].rejected == 1 / N

    def test_without_students_the_teacher_decides_with_a_warning(self):
        given, wrong = models(0.2, with_students=False)
        with pytest.warns(UserWarning, match="needs a table of numbers to gather evidence"):
            noise = detect_by_evidence(given)
        assert noise.verdict.rules[0].threshold == FLAG_SIGMA
        assert not noise.verdict.inlier[wrong].any()


class TestTrusted:
    """Labels that are all learned from, of which some stand apart."""

    def test_few_wrong_labels_are_flagged_though_they_do_no_damage(self):
        given, _ = models(0.0)
        y = given.data.y.copy()
        y[:8] += 2000 * np.array([1, -1] * 4)[:, None]
        data = fit_data(given.data.X, y, teacher=given.data.teacher)
        noise = detect_by_evidence(Models(data, given.data.y, follows=False))
        assert noise.decisions[0].rule == "none"
        np.testing.assert_array_equal(np.flatnonzero(~noise.verdict.inlier), np.arange(8))
        assert noise.trust.all()  # for a person to check: training does without none of them
        assert noise.decisions[0].rejected == 0
        assert noise.decisions[0].expected_wrong == pytest.approx(8, abs=1)


class TestEvidence:
    """Labels that are far away in half of the rows of one place."""

    @staticmethod
    def is_found(squared_error_foresees, place_in_X=True):
        rng = np.random.default_rng(0)
        usual, noise, mistake = rng.normal(size=(3, 2000))
        place = rng.random(2000) < 0.2
        label = usual + 0.1 * noise - 4 * (place & (rng.random(2000) < 0.5))
        foreseen = place if squared_error_foresees else rng.permutation(place)
        squared = usual + 0.3 * mistake - 2 * foreseen
        X = rng.normal(size=(2000, 2))
        X[:, 0] += 5 * (place & place_in_X)
        models = SimpleNamespace(
            data=fit_data(X, label), students=SimpleNamespace(fold=np.arange(2000) % 5)
        )
        return weigh_evidence(models, label, (squared, usual), (squared, usual))

    def test_large_errors_that_can_be_foreseen_are_no_wrong_labels(self, monkeypatch):
        assert not self.is_found(squared_error_foresees=True).wrong
        assert self.is_found(squared_error_foresees=False).wrong
        # With the order of the models out of the way, the place of the errors decides.
        monkeypatch.setattr(evidence, "are_good", lambda gains: False)
        monkeypatch.setattr(evidence, "are_hurt", lambda gains: True)
        found = self.is_found(squared_error_foresees=True)
        assert not found.wrong
        assert "foresee" in found.reasons[-1]
        assert self.is_found(squared_error_foresees=True, place_in_X=False).wrong
        monkeypatch.setattr(evidence, "is_foreseen", lambda gain, auc: False)
        assert self.is_found(squared_error_foresees=True).wrong  # so it is this that decides

    @staticmethod
    def weigh(label, students, trees):
        rows = len(label)
        X = np.random.default_rng(9).normal(size=(rows, 2))
        models = SimpleNamespace(
            data=fit_data(X, label), students=SimpleNamespace(fold=np.arange(rows) % 5)
        )
        return weigh_evidence(models, label, students, trees)

    def test_many_zeros_are_no_wrong_labels(self):
        """The median of such labels is 0 everywhere, the nearer one in absolute error."""
        rng = np.random.default_rng(0)
        mean = rng.uniform(0, 1, 2000)
        label = np.where(rng.random(2000) < 0.3, rng.exponential(mean), 0.0)
        squared, absolute = 0.3 * mean, np.zeros(2000)
        found = self.weigh(label, (squared, absolute), (squared, absolute))
        assert not found.wrong
        assert found.student_loss == "squared_error"
        assert "worth following" in found.reasons[-1]

    def test_little_damage_is_enough_where_errors_stand_apart(self, monkeypatch):
        rng = np.random.default_rng(0)
        truth, noise, *errors = rng.normal(size=(6, 700))
        label = truth + 0.1 * noise + 1.5 * (rng.random(700) < 0.3)
        absolute = [truth + 0.2 * error for error in errors[:2]]
        squared = [one + 0.15 * error for one, error in zip(absolute, errors[2:], strict=True)]
        students, trees = zip(squared, absolute, strict=True)
        damage = measure_damage(label, sum(squared) / 2, sum(absolute) / 2)
        assert damage.relative < DAMAGE
        found = self.weigh(label, students, trees)
        assert found.wrong
        assert any("stand apart" in reason for reason in found.reasons)
        monkeypatch.setattr(evidence, "APART_Z", np.inf)
        assert not self.weigh(label, students, trees).wrong  # so it is this that decides

    @pytest.mark.parametrize("hurt", ["gross", "swap", "shift"])
    def test_wrong_labels_that_fall_anywhere_are_found(self, hurt):
        rng = np.random.default_rng(0)
        truth, noise, drawn, drawn_too = rng.normal(size=(4, 2000))
        label, wrong = truth + 0.1 * noise, rng.random(2000) < 0.2
        label[wrong] = {
            "gross": label[wrong] + rng.normal(0, 4, wrong.sum()),
            "swap": rng.permutation(label)[wrong],
            "shift": label[wrong] + 4,
        }[hurt]
        level = 0.8 if hurt == "shift" else 0.0
        squared = truth + level + 0.5 * drawn, truth + level + 0.5 * drawn_too
        robust = truth + 0.1 * drawn, truth + 0.1 * drawn_too
        found = self.weigh(label, (squared[0], robust[0]), (squared[1], robust[1]))
        assert found.wrong

    def test_labels_of_few_values_may_be_shifted(self):
        """As numbers of rings are, of which a tenth and more are one value."""
        rng = np.random.default_rng(0)
        truth, drawn, drawn_too = rng.normal(size=(3, 2000))
        label, wrong = np.round(2 * truth), rng.random(2000) < 0.3
        assert (label == 0).mean() > MASS
        label[wrong] += 9
        robust = 2 * truth + 0.1 * drawn, 2 * truth + 0.1 * drawn_too
        # Both are as near to a straight line through the labels; only the errors tell.
        found = self.weigh(label, (robust[0] + 2.7, robust[0]), (robust[1] + 2.7, robust[1]))
        assert found.wrong

    def test_that_others_than_the_most_common_value_stand_apart_is_no_evidence(self):
        """Where most are 0 the model of the absolute error says 0, and all others stand apart."""
        rng = np.random.default_rng(0)
        label = np.where(rng.random(2000) < 0.6, 0.0, rng.exponential(1, 2000))
        mean, nothing = np.full(2000, 0.4), 1e-3 * rng.normal(size=2000)
        found = self.weigh(label, (mean, nothing), (mean, nothing))
        assert not found.wrong
        assert "no errors stand apart" in found.reasons[-1]

    def test_students_that_are_hurt_learn_by_the_absolute_error_where_trees_are_not(self):
        """Trees of the absolute error may fail among zeros, and students of it may not."""
        rng = np.random.default_rng(0)
        truth, noise = rng.normal(size=(2, 2000))
        label = truth.clip(0) + 0.01 * noise
        label[:100] += rng.choice([-5, 5], 100)
        students = truth.clip(0) + 0.5 * noise[::-1], truth.clip(0)
        found = self.weigh(label, students, (truth.clip(0), np.zeros(2000)))
        assert not found.wrong
        assert found.student_loss == "absolute_error"

    def test_what_is_drawn_next_does_not_depend_on_the_evidence(self):
        """Clean labels end the search early, and leave the generator as others do."""
        rng = np.random.default_rng(0)
        label, noise = rng.normal(size=(2, 300))
        states = []
        for squared in (label + noise, label + 9 * noise):
            data = fit_data(noise[:, None], label)
            models = SimpleNamespace(data=data, students=SimpleNamespace(fold=np.arange(300) % 5))
            weigh_evidence(models, label, (squared, label + noise), (squared, label + noise))
            states.append(data.random_state.randint(2**31))
        assert states[0] == states[1]

    @pytest.mark.parametrize(
        ("students", "trees", "good"),
        [(-1.7, 2.6, False), (0.5, 3.4, True), (3.2, -3.4, False), (1.5, 1.5, True)],
    )
    def test_both_families_together_say_whether_labels_are_good(self, students, trees, good):
        assert are_good([Difference(0.1, students), Difference(0.1, trees)]) is good


@pytest.mark.parametrize(
    ("params", "summary"),
    [
        (
            {"rejected": 0.05, "expected_wrong": 210.4, "mistakes": "mostly ten times too large"},
            "About 210 of 4,000 labels look wrong, mostly ten times too large; 200 were replaced "
            "by predictions (rule: mad).",
        ),
        (
            {"rejected": 0.0, "expected_wrong": 210.4},
            "About 210 of 4,000 labels look wrong; all are learned from.",
        ),
        ({"expected_wrong": 1.2}, "One of 4,000 labels looks wrong; all are learned from."),
        ({"expected_wrong": 0.2}, "No label of 4,000 looks wrong; all are learned from."),
        ({"n_labels": 0}, "All labels are learned from."),
        (
            {"n_labels": 0, "rejected": 0.123},
            "12.3% of the labels were replaced by predictions (rule: mad).",
        ),
    ],
)
def test_a_decision_is_printed_in_plain_words_with_its_reasons(params, summary):
    params = {"rejected": 0.0, "n_labels": 4000, **params}
    decision = Decision(rule="mad", alpha=0.75, reasons=("one", "two"), scores={}, **params)
    assert str(decision) == f"{summary} The student's target is 75% teacher.\n- one\n- two"
