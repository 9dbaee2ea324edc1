"""``outliers="auto"``: which rule, if any, decides about the labels.

Whole candidates are compared: a rule, the labels that it trusts, and two models
refitted on these out-of-fold. Candidates are scored against *all* given labels,
so that none is rewarded for what it threw away: by the squared error, because
the mean is what is wanted of skewed or two-humped good labels, and at most that
of three robust standard deviations, because wrong labels have no more to say.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_regkd.label_noise.mixture import MixtureRule, fit_mixture
from sklearn_regkd.label_noise.threshold import ThresholdRule
from sklearn_regkd.label_noise.verdict import Verdict
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from sklearn_regkd.supervision.mixing import best_alpha, mix

# Trust (n_samples, n_outputs) and a loss in; what student and teacher, refitted
# on the trusted labels, say of rows that were left out.
Ask = Callable[[np.ndarray, str], tuple[np.ndarray, np.ndarray]]
# Errors (n_samples, n_outputs) in; how large an ordinary one is in each row, median 1.
Spread = Callable[[np.ndarray], np.ndarray]

# Wrong labels are taken to be on one side if the second kind of errors stands
# clear of the first and hardly any rejected label lies on the other side.
SEPARATION, ONE_SIDED, FEWEST = 3.5, 0.95, 0.05
# The mixture rejects a lot, and clean labels of few values attract it: where
# errors are on both sides it has to be clearly better than the threshold.
MIXTURE_MARGIN, MIXTURE_MOST = 0.01, 0.4
ROUND_MARGIN = 0.003
# Errors count as no larger than that many robust standard deviations: in the score of a
# candidate, and where one-sided errors are to be told from a model that ran after them.
SCORE_CAP, NEAR_CAP = 3.0, 2.0


@dataclass
class Candidate:
    """A rule and what follows from it, for one output.

    Parameters
    ----------
    name : str
        Of the rule, and the round.
    opinion : ndarray of shape (n_samples,)
        Out-of-fold blend of student and teacher.
    alpha : float
        The teacher's share in it.
    cost : float
        Mean squared error against all labels, each error capped at three robust
        standard deviations of the first candidate's errors, relative to the
        first candidate.
    near : float
        Mean absolute error, capped at two of them, likewise.
    """

    name: str
    opinion: np.ndarray
    alpha: float
    cost: float = 1.0
    near: float = 1.0


@dataclass
class RuleChoice:
    """What was found for one output.

    Parameters
    ----------
    candidate : Candidate
        The chosen one.
    rule : ThresholdRule or MixtureRule
        The rule that gives the final verdict.
    tried : list of Candidate
        All of them.
    reasons : list of str
        In words.
    loss : str
        By which the chosen candidate was fitted.
    """

    candidate: Candidate
    rule: BaseEstimator
    tried: list[Candidate]
    reasons: list[str] = field(default_factory=list)
    loss: str = "absolute_error"


class RuleSearch:
    """Choose among outlier rules for labels of which some are known to be wrong.

    Parameters
    ----------
    label : ndarray of shape (n_samples, n_outputs)
        Standardised.
    counted : ndarray of bool of shape (n_samples,)
        Rows of positive weight; the others are judged but not learned from.
    threshold : ThresholdRule
        The rule for errors on both sides.
    ask, spread : callable
        See :data:`Ask` and :data:`Spread`.
    """

    def __init__(self, label, counted, threshold: BaseEstimator, ask: Ask, spread: Spread):
        self.label, self.counted = label, counted
        self.threshold, self.mixture = threshold, MixtureRule(max_share=1.0)
        self.ask, self.spread = ask, spread
        self.local = np.ones(label.shape)

    def investigate(self, output: int, student: np.ndarray, teacher: np.ndarray) -> RuleChoice:
        """Find the rule for one output.

        Parameters
        ----------
        output : int
            Column of the labels.
        student, teacher : ndarray of shape (n_samples,)
            Out-of-fold opinions after training on all labels with the absolute error.
        """
        label = self.label[:, output]
        every = np.ones(len(label), bool)
        first = self._candidate("all labels, absolute error", label, student, teacher, every, None)
        error = label - first.opinion
        self.local[:, output] = self.spread(error[:, None])[:, 0]
        bound = self.mixture.judge(error[:, None], self.counted).inlier_probability[:, 0]
        by_threshold = self._refit("threshold", self.threshold, output, first, first)
        by_mixture = self._refit("mixture", self.mixture, output, first, first)
        tried = [first, by_threshold, by_mixture]
        shape = fit_mixture(error[self.counted])
        rejected = (bound < 0.5) & self.counted
        share = rejected.sum() / self.counted.sum()
        above = np.mean(error[rejected] > shape.location) if rejected.any() else 0.5
        side = max(above, 1 - above)
        reasons = [
            f"the mixture rejects {share:.0%} of the labels, {side:.0%} of these on one side, "
            f"{shape.separation:.1f} robust standard deviations away"
        ]
        one_sided = side > ONE_SIDED and shape.separation >= SEPARATION and share > FEWEST
        cap = NEAR_CAP * shape.scale
        near = [
            np.minimum(np.abs(self.label[:, output] - c.opinion), cap)[self.counted].mean()
            for c in (first, by_threshold, by_mixture)
        ]
        if one_sided and near[2] <= min(near):
            reasons.append("errors stand apart on one side: the mixture decides")
            second = self._refit("mixture, round 2", self.mixture, output, by_mixture, first)
            tried.append(second)
            best = second if second.near < by_mixture.near else by_mixture
            return self._settle(output, RuleChoice(best, self.mixture, tried, reasons))
        best, rule = (by_threshold, self.threshold) if by_threshold.cost < 1 else (first, None)
        if by_mixture.cost < best.cost - MIXTURE_MARGIN and share < MIXTURE_MOST:
            best, rule = by_mixture, self.mixture
        if rule is None:
            reasons.append("no refit on trusted labels predicts left-out labels better")
            return self._settle(output, RuleChoice(first, self.threshold, tried, reasons))
        name = "threshold" if rule is self.threshold else "mixture"
        reasons.append(
            f"the model refitted by the {name} predicts left-out labels best "
            f"({best.cost - 1:+.1%} squared error, capped)"
        )
        second = self._refit(f"{name}, round 2", rule, output, best, first)
        tried.append(second)
        if second.cost < best.cost - ROUND_MARGIN:
            best = second
        return self._settle(output, RuleChoice(best, rule, tried, reasons))

    def _settle(self, output: int, found: RuleChoice) -> RuleChoice:
        """Refit with the squared error once labels are sorted, and keep what is better.

        Of skewed good labels the mean is wanted, not the median; what is left
        of wrong ones speaks for the median.
        """
        trust = np.ones(self.label.shape)
        trust[:, output] = self._trust(output, found.rule, found.candidate)
        student, teacher = (opinion[:, output] for opinion in self.ask(trust, "squared_error"))
        first = found.tried[0]
        name = "threshold" if found.candidate is first else found.candidate.name
        label, trusted = self.label[:, output], trust[:, output] >= 0.5
        mean = self._candidate(f"{name}, squared error", label, student, teacher, trusted, first)
        found.tried.append(mean)
        if mean.cost < found.candidate.cost:
            found.candidate, found.loss = mean, "squared_error"
            found.reasons.append("labels are predicted better by the mean of trusted ones")
        else:
            found.reasons.append("labels are predicted better by the median of trusted ones")
        return found

    def judge(self, output: int, found: RuleChoice) -> Verdict:
        """Return the verdict on one output, columns of length 1."""
        return self._apply(found.rule, output, found.candidate)

    def _trust(self, output: int, rule, candidate: Candidate) -> np.ndarray:
        verdict = self._apply(rule, output, candidate)
        hard = rule is self.threshold
        return (verdict.inlier * 1.0 if hard else verdict.inlier_probability)[:, 0]

    def _apply(self, rule, output, candidate: Candidate) -> Verdict:
        error = self.label[:, [output]] - candidate.opinion[:, None]
        # A mixture looks for a second kind of errors at one distance; a
        # threshold must not mistake the noisier rows for wrong ones.
        local = self.local[:, [output]] if rule is self.threshold else 1.0
        return rule.judge(error / local, self.counted)

    def _refit(self, name, rule, output, before: Candidate, first: Candidate) -> Candidate:
        trust = np.ones(self.label.shape)
        trust[:, output] = self._trust(output, rule, before)
        student, teacher = (opinion[:, output] for opinion in self.ask(trust, "absolute_error"))
        label = self.label[:, output]
        return self._candidate(name, label, student, teacher, trust[:, output] >= 0.5, first)

    def _candidate(self, name, label, student, teacher, trusted, first) -> Candidate:
        known = trusted & self.counted
        alpha = best_alpha(label[known], student[known], teacher[known])
        candidate = Candidate(name, mix(student, teacher, alpha), alpha)
        if first is not None:
            sigma = float(robust_sigma((label - first.opinion)[self.counted]))
            error = np.abs(label - candidate.opinion)[self.counted]
            base = np.abs(label - first.opinion)[self.counted]
            candidate.cost = _relative(error, base, SCORE_CAP * sigma, 2)
            candidate.near = _relative(error, base, NEAR_CAP * sigma, 1)
        return candidate


def _relative(error: np.ndarray, base: np.ndarray, cap: float, power: int) -> float:
    costs = [np.mean(np.minimum(e, cap) ** power) for e in (error, base)]
    return float(costs[0] / max(costs[1], 1e-300))


def default_threshold() -> ThresholdRule:
    """Return the rule for errors on both sides: 3 robust standard deviations."""
    return ThresholdRule(3.0)
