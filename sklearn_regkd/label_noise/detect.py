"""Which labels are wrong: by the rule that the user names, or by evidence."""

import warnings
from dataclasses import dataclass, replace
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
from sklearn_regkd.label_noise.rule_search import RuleChoice, RuleSearch
from sklearn_regkd.label_noise.rules import Rule, default_threshold
from sklearn_regkd.label_noise.verdict import Verdict, trust_all
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA
from sklearn_regkd.supervision.mixing import best_alpha, mix
from sklearn_regkd.teachers.cross_fit import CrossFitResult
from sklearn_regkd.utils.random import draw_seed

# Without cross-fitted students: the compromise that was best on average.
DEFAULT_ALPHA = 0.5
FLAG_SIGMA = 3.0
# Where labels are wrong, out-of-fold predictions are as good a guide as the fitted teacher.
OOF_SHARE = 0.5
# Above 1 a label counts negatively in what the student imitates. Of fewer labels such an alpha is
# chance: beside a teacher that predicts a constant it was 1.36 on 46 rows, 1.5 on 5, and students
# of pure noise learned its reverse.
FEWEST_BEYOND_ONE = 200


@dataclass(frozen=True)
class Decision:
    """What was decided about the labels of one output, and why.

    Parameters
    ----------
    rule : str
        ``"none"`` if all labels are trusted, else the rule that decided about them.
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


@dataclass(frozen=True, kw_only=True)
class LabelNoise:
    """Which labels are wrong, and what follows for teacher and student.

    Parameters
    ----------
    verdict : Verdict
        Which labels are trusted.
    trust : ndarray of shape (n_samples, n_outputs)
        Weight of each label against its replacement.
    replacement : ndarray of shape (n_samples, n_outputs)
        What stands in the place of a rejected label, standardised.
    teacher_prediction : ndarray of shape (n_samples, n_outputs)
        Out-of-fold prediction of the teacher, in raw units.
    alpha : ndarray of shape (n_outputs,)
        Best weight of the teacher.
    oof_share : ndarray of shape (n_outputs,)
        Share of `replacement` in what the student imitates; the rest is the prediction of the
        fitted teacher.
    unfitted : object or None
        The teacher to be fitted on repaired labels.
    decisions : list of Decision
        One per output.
    by_fold : ndarray of shape (n_parts, n_samples, n_outputs) or None
        Predictions of the teachers of the first folds for all rows, standardised, where all
        labels are trusted: then they have learned from the same labels as the fitted teacher.
    """

    verdict: Verdict
    trust: np.ndarray
    replacement: np.ndarray
    teacher_prediction: np.ndarray
    alpha: np.ndarray
    oof_share: np.ndarray
    unfitted: Any
    decisions: list[Decision]
    by_fold: np.ndarray | None = None

    def without_teacher(self, unfitted: Any, prediction: np.ndarray) -> "LabelNoise":
        """Return the same for a teacher that deserves no trust, which predicts `prediction`."""
        return replace(
            self,
            teacher_prediction=prediction,
            unfitted=unfitted,
            alpha=np.zeros_like(self.alpha),
            decisions=[replace(one, alpha=0.0) for one in self.decisions],
            by_fold=None,
        )


def detect_by_rule(rule: Rule | None, models: OutOfFoldModels, find_alpha: bool) -> LabelNoise:
    """Apply the user's rule to the teacher's errors.

    Parameters
    ----------
    rule : ThresholdRule, MixtureRule or None
        None trusts all labels.
    models : OutOfFoldModels
        Teacher and student, for predictions of rows that were left out.
    find_alpha : bool
        Whether the weight of the teacher is to be found; it is 0.5 otherwise,
        and where no students can be cross-fitted.
    """
    data = models.data
    label, unfitted = data.bounded_label, data.teacher
    if rule is None:
        unfitted, result = _cross_fit_trusting(models)
    else:
        result = models.cross_fit_teacher()
    teacher = data.scaling.standardize(result.prediction)
    verdict = trust_all(label.shape) if rule is None else rule.detect(label - teacher)
    alpha = np.full(label.shape[1], DEFAULT_ALPHA)
    if find_alpha and models.students is not None:
        student = models.students.predict(label, verdict.inlier * 1.0, ["squared_error"])[0]
        for output in range(len(alpha)):
            known = verdict.inlier[:, output]
            columns = (values[known, output] for values in (label, student, teacher))
            alpha[output] = _bounded_alpha(best_alpha(*columns), int(known.sum()))
    name = "none" if rule is None else repr(rule)
    decisions = [
        Decision(name, float(share), float(a), ("the rule was given",), {})
        for share, a in zip(1 - verdict.inlier.mean(axis=0), alpha, strict=True)
    ]
    return LabelNoise(
        verdict=verdict,
        trust=verdict.inlier * 1.0,
        replacement=teacher,
        teacher_prediction=result.prediction,
        alpha=alpha,
        oof_share=np.zeros(len(alpha)),
        unfitted=unfitted,
        decisions=decisions,
        by_fold=_by_fold(models, result, rule is None),
    )


def detect_by_evidence(models: OutOfFoldModels) -> LabelNoise:
    """Find out whether labels are wrong at all, and if so, by which rule to tell them.

    Parameters
    ----------
    models : OutOfFoldModels
        Teacher and student, for predictions of rows that were left out.
    """
    if models.students is None:
        warnings.warn(
            "outliers='auto' needs a table of numbers to gather evidence; labels farther than 3 "
            "robust standard deviations from the teacher are rejected instead",
            stacklevel=2,
        )
        return detect_by_rule(default_threshold(), models, False)
    data = models.data
    label = data.bounded_label
    squared, absolute = models.students.predict(label, None, ["squared_error", "absolute_error"])
    boosted_squared, boosted_absolute = map(
        models.predict_boosting, ("squared_error", "absolute_error")
    )
    evidence = [
        _are_labels_wrong(models, *columns)
        for columns in zip(
            label.T,
            (squared + boosted_squared).T / 2,
            (absolute + boosted_absolute).T / 2,
            strict=True,
        )
    ]
    wrong = np.array([found for found, _ in evidence])
    unfitted = data.teacher
    if wrong.any():
        result = models.cross_fit_teacher()
    else:
        unfitted, result = _cross_fit_trusting(models)
    teacher = data.scaling.standardize(result.prediction)
    search = RuleSearch(label, models.predict_refitted, models.error_scale)
    outputs = [
        _by_rule_search(search, output, absolute, teacher, reasons)
        if found
        else _trust_all_of_output(models, output, squared, teacher, reasons)
        for output, (found, reasons) in enumerate(evidence)
    ]
    verdicts = [one.verdict for one in outputs]
    losses = {one.loss for one in outputs if one.loss is not None}
    if data.is_default_teacher and losses == {"squared_error"}:
        unfitted = with_loss(unfitted, "squared_error")
    return LabelNoise(
        verdict=_join_outputs(verdicts),
        trust=np.column_stack([one.trust for one in outputs]),
        replacement=np.column_stack([one.replacement for one in outputs]),
        teacher_prediction=result.prediction,
        alpha=np.array([one.decision.alpha for one in outputs]),
        oof_share=np.where(wrong, OOF_SHARE, 0.0),
        unfitted=unfitted,
        decisions=[one.decision for one in outputs],
        by_fold=_by_fold(models, result, not wrong.any()),
    )


@dataclass(frozen=True, kw_only=True)
class _OutputNoise:
    """The label noise of one output: columns of :class:`LabelNoise`."""

    verdict: Verdict
    trust: np.ndarray
    replacement: np.ndarray
    decision: Decision
    loss: str | None = None


def _by_rule_search(
    search: RuleSearch, output: int, student: np.ndarray, teacher: np.ndarray, reasons: list[str]
) -> _OutputNoise:
    """Return the noise of an output of which some labels are known to be wrong."""
    choice: RuleChoice = search.choose(output, student[:, output], teacher[:, output])
    verdict = search.verdict(output, choice)
    rejected = np.mean(verdict.inlier_probability[:, 0] < 0.5)
    alpha = float(np.clip(choice.candidate.alpha, DEFAULT_ALPHA, 1))
    scores = {candidate.name: candidate.cost for candidate in choice.tried}
    why = (*reasons, *choice.reasons)
    return _OutputNoise(
        verdict=verdict,
        trust=search.trust(choice.rule, verdict),
        replacement=choice.candidate.prediction,
        decision=Decision(choice.candidate.name, float(rejected), alpha, why, scores),
        loss=choice.loss,
    )


def _trust_all_of_output(
    models: OutOfFoldModels,
    output: int,
    student: np.ndarray,
    teacher: np.ndarray,
    reasons: list[str],
) -> _OutputNoise:
    """Return the noise of an output whose labels are all trusted, but ranked."""
    data = models.data
    label = data.bounded_label[:, output]
    alpha = best_alpha(label, student[:, output], teacher[:, output])
    replacement = mix(student[:, output], teacher[:, output], alpha)
    # Trusted, yet ranked: who checks labels by hand begins with the least likely.
    error = (data.label[:, output] - replacement)[:, None]
    ranking = default_threshold().detect(error).inlier_probability
    # Evidence or not, no good label is a thousand standard deviations away.
    near = np.abs(error) < MOST_SIGMA
    verdict = Verdict(
        inlier=near,
        inlier_probability=near * (1 + ranking) / 2,
        sigma=np.array([np.nan]),
        threshold=np.array([np.inf]),
        rules=(None,),
        mixtures=(None,),
    )
    rejected = float(np.mean(~near))
    return _OutputNoise(
        verdict=verdict,
        trust=near[:, 0] * 1.0,
        replacement=replacement,
        decision=Decision("none", rejected, _bounded_alpha(alpha, len(label)), tuple(reasons), {}),
    )


def _bounded_alpha(alpha: float, n_labels: int) -> float:
    """Return an alpha that was found, at most 1 where few labels bear it out."""
    return min(alpha, 1.0) if n_labels < FEWEST_BEYOND_ONE else alpha


def _join_outputs(verdicts: list[Verdict]) -> Verdict:
    # Where errors are measured on a scale of each row's own, no distance holds for all.
    threshold = [one.threshold if one.rules[0] is None else [np.nan] for one in verdicts]
    probability = np.hstack([one.inlier_probability for one in verdicts])
    return Verdict(
        inlier=probability >= 0.5,
        inlier_probability=probability,
        sigma=np.concatenate([one.sigma for one in verdicts]),
        threshold=np.concatenate(threshold),
        rules=tuple(one.rules[0] for one in verdicts),
        mixtures=tuple(one.mixtures[0] for one in verdicts),
    )


def _by_fold(models: OutOfFoldModels, result: CrossFitResult, trusting: bool) -> np.ndarray | None:
    if result.by_fold is None or not trusting:
        return None
    return models.data.scaling.standardize(result.by_fold)


def _cross_fit_trusting(models: OutOfFoldModels) -> tuple[Any, CrossFitResult]:
    """Return the teacher for labels that are all trusted, and its predictions."""
    data = models.data
    if not data.is_default_teacher:
        return data.teacher, models.cross_fit_teacher_by_fold()
    unfitted = with_loss(data.teacher, "squared_error")
    return unfitted, models.cross_fit_teacher_by_fold(unfitted)


def _are_labels_wrong(
    models: OutOfFoldModels, label: np.ndarray, squared: np.ndarray, absolute: np.ndarray
) -> tuple[bool, list[str]]:
    """Decide for one output, and give the reasons in words."""
    # Drawn even if not needed: what is drawn next must not depend on the student.
    seed = draw_seed(models.data.random_state)
    damage = measure_damage(label, squared, absolute)
    direction = "worse" if damage.relative >= 0 else "better"
    words = (
        "models of the squared error predict left-out labels "
        f"{abs(damage.relative):.1%} {direction} in absolute error than models of the absolute "
        f"error ({damage.z:.1f} standard errors)"
    )
    if not is_suspicious(damage):
        return False, [words, "which clean labels do as well: all are trusted"]
    error = label - absolute
    flagged = np.abs(error) > FLAG_SIGMA * robust_sigma(error)
    assert models.students is not None, "without students there is no evidence"
    auc = flags_auc(models.data.X, flagged, models.students.fold, seed)
    gain = measure_gain(label, squared, absolute)
    if is_foreseen(gain, auc):
        return False, [
            words,
            f"but X predicts where the large errors are (with an AUC of {auc:.2f}; 0.5 is chance), "
            f"and models of the squared error foresee them: theirs is {gain.relative:.1%} lower, "
            f"shift and scale apart ({gain.z:.1f} standard errors); all labels are trusted",
        ]
    required = required_damage(auc)
    found = damage.relative > required and damage.z > DAMAGE_Z
    outcome = "more" if found else "not more"
    return found, [
        words,
        f"where the large errors are is predicted from X with an AUC of {auc:.2f} (0.5 is chance): "
        f"clean labels like that do up to {required:.1%} and {DAMAGE_Z:.1f} standard errors of "
        f"damage, these do {outcome}",
    ]
