"""From opinions to a verdict: by the rule that the user names, or by evidence."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_regkd.label_noise.loss_gap import (
    DAMAGE_Z,
    flags_auc,
    is_foreseen,
    is_suspicious,
    measure_damage,
    measure_gain,
    required_damage,
)
from sklearn_regkd.label_noise.out_of_fold import OutOfFoldModels, with_loss
from sklearn_regkd.label_noise.rule_search import RuleSearch, default_threshold
from sklearn_regkd.label_noise.verdict import Verdict, trust_all
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA
from sklearn_regkd.supervision.mixing import best_alpha, mix
from sklearn_regkd.utils.random import draw_seed

# Without a second opinion: the compromise that was best on average.
DEFAULT_ALPHA = 0.5
FLAG_SIGMA = 3.0
# Where labels are wrong, left-out opinions are as good a guide as the fitted teacher.
SECOND_OPINION = 0.5


@dataclass(frozen=True)
class Decision:
    """What was decided about the labels of one output, and why.

    Parameters
    ----------
    rule : str
        ``"none"`` if all labels are trusted, else the rule that judged them.
    rejected : float
        Share of the labels that were rejected.
    alpha : float
        Weight of the teacher in what the student learns.
    reasons : tuple of str
        The evidence, in words.
    scores : dict of str to float
        Out-of-fold error of each candidate that was tried, squared and capped,
        relative to the first.
    """

    rule: str
    rejected: float
    alpha: float
    reasons: tuple[str, ...]
    scores: dict[str, float]

    def __str__(self) -> str:
        head = f"rule: {self.rule}; {self.rejected:.1%} rejected; alpha {self.alpha:.2f}"
        return "\n- ".join([head, *self.reasons])


@dataclass(frozen=True)
class LabelNoise:
    """All that follows from the opinions.

    Parameters
    ----------
    verdict : Verdict
        Which labels are trusted.
    trust : ndarray of shape (n_samples, n_outputs)
        Weight of each label against what stands in its place.
    opinion : ndarray of shape (n_samples, n_outputs)
        What stands in the place of a rejected label, standardised.
    teacher : ndarray of shape (n_samples, n_outputs)
        What the teacher alone says out-of-fold, standardised.
    alpha : ndarray of shape (n_outputs,)
        Best weight of the teacher.
    second : ndarray of shape (n_outputs,)
        Share of `opinion` in what is imitated; the rest is the fitted teacher's.
    unfitted : object or None
        The teacher to be fitted on repaired labels.
    decisions : list of Decision
        One per output.
    by_fold : ndarray of shape (n_parts, n_samples, n_outputs) or None
        What the teachers of the first folds say of all rows, standardised, where all labels
        are trusted: then they have learned from the same labels as the fitted teacher.
    """

    verdict: Verdict
    trust: np.ndarray
    opinion: np.ndarray
    teacher: np.ndarray
    alpha: np.ndarray
    second: np.ndarray
    unfitted: Any
    decisions: list[Decision]
    by_fold: np.ndarray | None = None


def detect_by_rule(rule: Any, council: OutOfFoldModels, blends: bool) -> LabelNoise:
    """Apply the user's rule to the teacher's errors.

    Parameters
    ----------
    rule : ThresholdRule, MixtureRule or None
        None trusts all labels.
    council : OutOfFoldModels
        Who is asked.
    blends : bool
        Whether the weight of the teacher is to be found; it is 0.5 otherwise,
        and where no peers can be asked.
    """
    label, counted = council.label.clip(-MOST_SIGMA, MOST_SIGMA), council.weight > 0
    unfitted = council.teacher
    by_fold = None
    if rule is None:
        unfitted, teacher, by_fold = _ask_trusting(council)
    else:
        teacher = council.ask_teacher()
    verdict = trust_all(label.shape) if rule is None else rule.judge(label - teacher, counted)
    alpha = np.full(label.shape[1], DEFAULT_ALPHA)
    if blends and council.peers is not None:
        student = council.peers.ask(label, verdict.inlier * 1.0, ["squared_error"])[0]
        for output in range(len(alpha)):
            known = verdict.inlier[:, output] & counted
            columns = (v[known, output] for v in (label, student, teacher))
            alpha[output] = best_alpha(*columns)
    name = "none" if rule is None else repr(rule)
    decisions = [
        Decision(name, float(share), float(a), ("the rule was given",), {})
        for share, a in zip(1 - verdict.inlier[counted].mean(axis=0), alpha, strict=True)
    ]
    trust, second = verdict.inlier * 1.0, np.zeros(len(alpha))
    return LabelNoise(verdict, trust, teacher, teacher, alpha, second, unfitted, decisions, by_fold)


def detect_by_evidence(council: OutOfFoldModels) -> LabelNoise:
    """Ask whether labels are wrong at all, and if so, by which rule to tell them.

    Parameters
    ----------
    council : OutOfFoldModels
        Who is asked.
    """
    if council.peers is None:
        warnings.warn(
            "outliers='auto' needs a table of numbers to gather evidence; labels farther than 3 "
            "robust standard deviations from the teacher are rejected instead",
            stacklevel=2,
        )
        return detect_by_rule(default_threshold(), council, False)
    label, counted = council.label.clip(-MOST_SIGMA, MOST_SIGMA), council.weight > 0
    squared, absolute = council.peers.ask(label, None, ["squared_error", "absolute_error"])
    credulous, wary = map(council.predict_boosting, ("squared_error", "absolute_error"))
    proven, reasons = [], []
    for output in range(label.shape[1]):
        found, why = _are_labels_wrong(
            council,
            label[:, output],
            (squared + credulous)[:, output] / 2,
            (absolute + wary)[:, output] / 2,
            counted,
        )
        proven.append(found)
        reasons.append(why)
    unfitted, by_fold = council.teacher, None
    if any(proven):
        teacher = council.ask_teacher()
    else:
        unfitted, teacher, by_fold = _ask_trusting(council)
    _warn_of_a_bad_teacher(label[counted], teacher[counted])
    investigator = RuleSearch(label, counted, default_threshold(), council.ask, council.spread)
    shape = label.shape
    trust, probability, opinion = np.ones(shape), np.ones(shape), np.empty(shape)
    alpha, sigma = np.empty(shape[1]), np.full(shape[1], np.nan)
    limit = np.full(shape[1], np.inf)
    decisions, losses = [], set()
    for output in range(shape[1]):
        if proven[output]:
            case = investigator.investigate(output, absolute[:, output], teacher[:, output])
            verdict = investigator.judge(output, case)
            opinion[:, output] = case.candidate.opinion
            alpha[output] = np.clip(case.candidate.alpha, DEFAULT_ALPHA, 1)
            probability[:, output] = verdict.inlier_probability[:, 0]
            sigma[output], limit[output] = verdict.sigma[0], verdict.threshold[0]
            losses.add(case.loss)
            hard = case.rule is investigator.threshold
            trust[:, output] = (verdict.inlier if hard else verdict.inlier_probability)[:, 0]
            rule, scores = case.candidate.name, {c.name: c.cost for c in case.tried}
            reasons[output] += case.reasons
        else:
            columns = (v[counted, output] for v in (label, squared, teacher))
            alpha[output] = best_alpha(*columns)
            opinion[:, output] = mix(squared[:, output], teacher[:, output], alpha[output])
            # Trusted, yet ranked: whoever wants to check labels begins with the least likely.
            error = (council.label[:, output] - opinion[:, output])[:, None]
            ranking = default_threshold().judge(error, counted).inlier_probability[:, 0]
            # Evidence or not, no good label is a thousand standard deviations away.
            trust[:, output] = np.abs(error[:, 0]) < MOST_SIGMA
            probability[:, output] = trust[:, output] * (1 + ranking) / 2
            rule, scores = "none", {}
        rejected = float(np.mean(probability[counted, output] < 0.5))
        why_all = tuple(reasons[output])
        decisions.append(Decision(rule, rejected, float(alpha[output]), why_all, scores))
    verdict = Verdict(probability >= 0.5, probability, sigma, limit)
    if council.is_default and losses == {"squared_error"}:
        unfitted = with_loss(unfitted, "squared_error")
    second = np.where(proven, SECOND_OPINION, 0.0)
    return LabelNoise(verdict, trust, opinion, teacher, alpha, second, unfitted, decisions, by_fold)


def _ask_trusting(council: OutOfFoldModels) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Return the teacher for labels that are all trusted, and what it says."""
    if not council.is_default:
        return council.teacher, *council.predict_teacher_by_fold()
    unfitted = with_loss(council.teacher, "squared_error")
    return unfitted, *council.predict_teacher_by_fold(unfitted)


def _warn_of_a_bad_teacher(label: np.ndarray, teacher: np.ndarray) -> None:
    typical = np.median(np.abs(label - np.median(label, axis=0)), axis=0)
    for output in np.flatnonzero(np.median(np.abs(label - teacher), axis=0) > 3 * typical):
        if typical[output] > 0:
            warnings.warn(
                f"the teacher is farther from the labels of output {output} than their median is: "
                "is it biased, or does it predict in other units than y?",
                stacklevel=2,
            )


def _are_labels_wrong(council, label, squared, absolute, counted) -> tuple[bool, list[str]]:
    """Decide for one output, and say why."""
    # Drawn even if not needed: what is drawn next must not depend on the student.
    seed = draw_seed(council.random_state)
    damage = measure_damage(label[counted], squared[counted], absolute[counted])
    direction = "worse" if damage.relative >= 0 else "better"
    words = (
        "models of the squared error predict left-out labels "
        f"{abs(damage.relative):.1%} {direction} in absolute error than models of the absolute "
        f"error ({damage.z:.1f} standard errors)"
    )
    if not is_suspicious(damage):
        return False, [words, "which clean labels do as well: all are trusted"]
    error = np.abs(label - absolute)
    flagged = error > FLAG_SIGMA * robust_sigma((label - absolute)[counted])
    auc = flags_auc(council.X[counted], flagged[counted], council.peers.fold[counted], seed)
    gain = measure_gain(label[counted], squared[counted], absolute[counted])
    if is_foreseen(gain, auc):
        return False, [
            words,
            f"but X predicts where the large errors are (with an AUC of {auc:.2f}; 0.5 is chance), "
            f"and models of the squared error foresee them: theirs is {gain.relative:.1%} lower, "
            f"shift and scale apart ({gain.z:.1f} standard errors); all labels are trusted",
        ]
    required = required_damage(auc)
    found = damage.relative > required and damage.z > DAMAGE_Z
    verdict = "more" if found else "not more"
    return found, [
        words,
        f"where the large errors are is predicted from X with an AUC of {auc:.2f} (0.5 is chance): "
        f"clean labels like that do up to {required:.1%} and {DAMAGE_Z:.1f} standard errors of "
        f"damage, these do {verdict}",
    ]
