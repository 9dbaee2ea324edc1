"""Which labels are wrong: by the rule that the user names, or by evidence."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklearn_regkd.label_noise.evidence import Evidence, weigh_evidence
from sklearn_regkd.label_noise.local_fdr import LocalFDRRule
from sklearn_regkd.label_noise.loss_gap import winsorize
from sklearn_regkd.label_noise.mass import have_mass
from sklearn_regkd.label_noise.mistakes import describe_mistakes
from sklearn_regkd.label_noise.noise import Decision, LabelNoise
from sklearn_regkd.label_noise.out_of_fold import OutOfFoldModels, with_params
from sklearn_regkd.label_noise.rule_search import RuleChoice, RuleSearch
from sklearn_regkd.label_noise.rules import Rule, default_threshold
from sklearn_regkd.label_noise.verdict import Verdict, join_outputs, trust_all
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA
from sklearn_regkd.supervision.mixing import best_alpha, mix
from sklearn_regkd.teachers.cross_fit import CrossFitResult

# Without cross-fitted students: the compromise that was best on average.
DEFAULT_ALPHA = 0.5
# Above 1 a label counts negatively in what the student imitates. Of fewer labels such an alpha is
# chance: beside a teacher that predicts a constant it was 1.36 on 46 rows, 1.5 on 5, and students
# of pure noise learned its reverse.
FEWEST_BEYOND_ONE = 200


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
        unfitted, result = models.cross_fit_trusting()
    else:
        result = models.cross_fit_teacher()
    teacher = data.scaling.standardize(result.prediction)
    verdict = trust_all(label.shape) if rule is None else rule.detect(label - teacher)
    verdict = verdict.with_trusted(data.trusted)
    alpha = np.full(label.shape[1], DEFAULT_ALPHA)
    if find_alpha and models.students is not None:
        student = models.students.predict(label, verdict.inlier * 1.0, ["squared_error"])[0]
        for output in range(len(alpha)):
            known = verdict.inlier[:, output]
            columns = (values[known, output] for values in (label, student, teacher))
            alpha[output] = _bounded_alpha(best_alpha(*columns), int(known.sum()))
    name = "none" if rule is None else repr(rule)
    decisions = [
        Decision(
            rule=name,
            rejected=float(share),
            alpha=float(a),
            reasons=("the rule was given",),
            scores={},
            # What is left of wrong labels must not weigh by its square.
            loss="huber" if share else "squared_error",
            expected_wrong=float(expected),
            n_labels=len(label),
        )
        for share, a, expected in zip(
            1 - verdict.inlier.mean(axis=0),
            alpha,
            (1 - verdict.inlier_probability).sum(axis=0),
            strict=True,
        )
    ]
    return LabelNoise(
        verdict=verdict,
        trust=verdict.inlier * 1.0,
        replacement=teacher,
        teacher_prediction=result.prediction,
        alpha=alpha,
        unfitted=unfitted,
        decisions=_with_mistakes(models, verdict, teacher, decisions),
        by_fold=_by_fold(models, result, rule is None),
        weight_decay=None if models.students is None else models.students.known_weight_decay,
    )


def detect_by_evidence(models: OutOfFoldModels) -> LabelNoise:
    """Find out whether labels are wrong at all, and if so, by which rule to tell them.

    Parameters
    ----------
    models : OutOfFoldModels
        Teacher and student, for predictions of rows that were left out.
    """
    if models.students is None:
        return _detect_without_students(models)
    data = models.data
    label = data.bounded_label
    losses = ["squared_error", "absolute_error"]
    students = models.students.predict(label, None, losses)
    trees = [models.predict_boosting(loss) for loss in losses]
    found = [
        weigh_evidence(
            models,
            label[:, output],
            (students[0][:, output], students[1][:, output]),
            (trees[0][:, output], trees[1][:, output]),
            None if data.trusted is None else data.trusted[:, output],
        )
        for output in range(data.n_outputs)
    ]
    wrong = np.array([evidence.wrong for evidence in found])
    unfitted = data.teacher
    if wrong.any():
        result = models.cross_fit_doubting()
    else:
        unfitted, result = models.cross_fit_trusting()
    teacher = data.scaling.standardize(result.prediction)
    search = RuleSearch(label, models.predict_refitted, models.error_scale, data.trusted)
    outputs = []
    for output, evidence in enumerate(found):
        choice = None
        if evidence.wrong:
            choice = search.choose(output, students[1][:, output], teacher[:, output])
            evidence = evidence.with_reasons(choice.reasons)
        if choice is None or choice.rule is None:
            student = students[losses.index(evidence.student_loss)]
            outputs.append(_trust_most(models, output, student, teacher, evidence))
        else:
            outputs.append(_by_rule(search, output, choice, evidence))
    of_teacher = {one.loss for one in outputs if one.loss is not None}
    if data.is_default_teacher and of_teacher == {"squared_error"}:
        unfitted = with_params(unfitted, loss="squared_error")
    return _join(models, outputs, unfitted, result, not wrong.any())


def detect_standing_out(models: OutOfFoldModels) -> LabelNoise:
    """Reject the labels that stand apart from all others, without weighing evidence.

    For labels whose good errors are skewed, as those of counts or of the quantiles that somebody
    asks for are: there squared and absolute errors disagree although all labels are right.

    Parameters
    ----------
    models : OutOfFoldModels
        Teacher and student, for predictions of rows that were left out.
    """
    if models.students is None:
        return _detect_without_students(models)
    label = models.data.bounded_label
    # Models of the absolute error bend least: with a tenth of 800 counts wrong, all of these stood
    # apart from them, and none from models of the squared error. But where most labels are 0
    # they predict zeros, from which all other labels stand apart.
    mostly_one_value = any(have_mass(column, 0.5) for column in label.T)
    loss = "squared_error" if mostly_one_value else "absolute_error"
    student = models.students.predict(label, None, [loss])[0]
    own = models.data.is_default_teacher
    result = models.cross_fit_boosting(loss) if own else models.cross_fit_teacher()
    teacher = models.data.scaling.standardize(result.prediction)
    reasons = ("under this loss good errors may be skewed, so only labels that stand apart count",)
    evidence = Evidence(wrong=False, student_loss="squared_error", reasons=reasons)
    outputs = []
    for output in range(models.data.n_outputs):
        found = _trust_most(models, output, student, teacher, evidence)
        trust = found.trust * found.verdict.inlier[:, 0]
        rejected = float(np.mean(trust < 0.5))
        rule = "local fdr" if rejected else "none"
        decision = replace(found.decision, rule=rule, rejected=rejected)
        outputs.append(replace(found, trust=trust, decision=decision))
    return _join(models, outputs, models.data.teacher, result, False)


def _detect_without_students(models: OutOfFoldModels) -> LabelNoise:
    warnings.warn(
        "outliers='auto' needs a table of numbers to gather evidence; labels farther than 3 "
        "robust standard deviations from the teacher are rejected instead",
        stacklevel=3,
    )
    return detect_by_rule(default_threshold(), models, False)


@dataclass(frozen=True, kw_only=True)
class _OutputNoise:
    """The label noise of one output: columns of :class:`LabelNoise`."""

    verdict: Verdict
    trust: np.ndarray
    replacement: np.ndarray
    decision: Decision
    loss: str | None = None


def _join(
    models: OutOfFoldModels,
    outputs: list[_OutputNoise],
    unfitted: Any,
    result: CrossFitResult,
    trusting: bool,
) -> LabelNoise:
    """Return the noise of all outputs."""
    assert models.students is not None
    verdict = join_outputs([one.verdict for one in outputs])
    replacement = np.column_stack([one.replacement for one in outputs])
    return LabelNoise(
        verdict=verdict,
        trust=np.column_stack([one.trust for one in outputs]),
        replacement=replacement,
        teacher_prediction=result.prediction,
        alpha=np.array([one.decision.alpha for one in outputs]),
        unfitted=unfitted,
        decisions=_with_mistakes(models, verdict, replacement, [one.decision for one in outputs]),
        by_fold=_by_fold(models, result, trusting),
        weight_decay=models.students.known_weight_decay,
    )


def _by_rule(
    search: RuleSearch, output: int, choice: RuleChoice, evidence: Evidence
) -> _OutputNoise:
    """Return the noise of an output of which some labels are known to be wrong.

    The rule says which labels the models do without, the local false discovery rate which ones a
    person should check. Where the wrong ones stand apart, all at one distance, the mixture knows
    more of them and says both.
    """
    verdict = search.verdict(output, choice)
    trust = search.trust(choice.rule, verdict)
    rejected, label = float(np.mean(trust < 0.5)), search.label[:, output]
    to_check = verdict
    if not choice.stands_apart:
        error = (label - choice.candidate.prediction) / search.local_scale[:, output]
        checked = None if search.trusted is None else search.trusted[:, [output]]
        to_check = LocalFDRRule().detect(error[:, None]).with_trusted(checked)
    return _OutputNoise(
        verdict=verdict.on_rows(to_check.inlier, to_check.inlier_probability),
        trust=trust,
        replacement=choice.candidate.prediction,
        decision=Decision(
            rule=choice.name,
            rejected=rejected,
            alpha=float(np.clip(choice.candidate.alpha, 0, 1)),
            reasons=evidence.reasons,
            scores={candidate.name: candidate.cost for candidate in choice.tried},
            # What is left of wrong labels must not weigh by its square.
            loss="huber" if have_mass(label) else "absolute_error",
            expected_wrong=float((1 - to_check.inlier_probability).sum()),
            n_labels=len(label),
        ),
        loss=choice.loss,
    )


def _trust_most(
    models: OutOfFoldModels,
    output: int,
    student: np.ndarray,
    teacher: np.ndarray,
    evidence: Evidence,
) -> _OutputNoise:
    """Return the noise of an output whose labels are all learned from.

    Those that stand apart are to be checked, yet not replaced: where good errors are skewed, wrong
    labels stand out on one side alone, and without these the others pull the models aside. (On
    visits to doctors, a fifth of them with gross errors, R2 falls from .20 to .11.)
    """
    label = models.data.bounded_label[:, output]
    alpha = best_alpha(winsorize(label), student[:, output], teacher[:, output])
    replacement = mix(student[:, output], teacher[:, output], np.clip(alpha, 0, 1))
    error = models.data.label[:, output] - replacement
    # Evidence or not, no good label is a thousand standard deviations away.
    checked = None if models.data.trusted is None else models.data.trusted[:, [output]]
    near = np.abs(error)[:, None] < MOST_SIGMA
    near = near if checked is None else near | checked
    scale = models.error_scale(label - replacement, replacement)
    far = error.clip(-MOST_SIGMA, MOST_SIGMA) / scale
    verdict = LocalFDRRule().detect(far[:, None]).with_trusted(checked)
    probability = near * verdict.inlier_probability
    inlier = near & verdict.inlier
    # Once more, now that the largest labels need not be drawn in.
    known = inlier[:, 0]
    alpha = best_alpha(label[known], student[known, output], teacher[known, output])
    replacement = mix(student[:, output], teacher[:, output], np.clip(alpha, 0, 1))
    every = trust_all(inlier.shape)
    return _OutputNoise(
        verdict=every.on_rows(inlier, probability),
        trust=near[:, 0] * 1.0,
        replacement=replacement,
        decision=Decision(
            rule="none",
            rejected=float(np.mean(~near)),
            alpha=_bounded_alpha(alpha, len(label)),
            reasons=evidence.reasons,
            scores={},
            loss=evidence.student_loss,
            expected_wrong=float((1 - probability).sum()),
            n_labels=len(label),
        ),
    )


def _with_mistakes(
    models: OutOfFoldModels, verdict: Verdict, replacement: np.ndarray, decisions: list[Decision]
) -> list[Decision]:
    """Return the decisions and, in words, what the wrong labels of each output have in common."""
    given = models.data.y
    suggested = models.data.scaling.restore(replacement)
    described = []
    for output, decision in enumerate(decisions):
        wrong = ~verdict.inlier[:, output]
        words = describe_mistakes(given[wrong, output], suggested[wrong, output])
        described.append(replace(decision, mistakes=words))
    return described


def _bounded_alpha(alpha: float, n_labels: int) -> float:
    """Return an alpha that was found, at most 1 where few labels bear it out."""
    return min(alpha, 1.0) if n_labels < FEWEST_BEYOND_ONE else alpha


def _by_fold(models: OutOfFoldModels, result: CrossFitResult, trusting: bool) -> np.ndarray | None:
    if result.by_fold is None or not trusting:
        return None
    return models.data.scaling.standardize(result.by_fold)
