"""Whether labels of one output are wrong at all, and which models are to be believed about them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from sklearn_regkd.label_noise.local_fdr import wrong_label_probability
from sklearn_regkd.label_noise.loss_gap import (
    DAMAGE_Z,
    ROBUST_Z,
    Difference,
    are_good,
    are_hurt,
    flags_auc,
    is_foreseen,
    is_suspicious,
    measure_damage,
    measure_gain,
    required_damage,
    winsorize,
)
from sklearn_regkd.label_noise.mass import one_value_stands_out
from sklearn_regkd.label_noise.out_of_fold import OutOfFoldModels
from sklearn_regkd.label_noise.rule_search import FEWEST, SecondKind
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from sklearn_regkd.utils.random import draw_seed

FLAG_SIGMA = 3.0
# Where errors stand apart so much damage is enough. Of concrete with 30 % of the labels too large
# 16 of 16 fits had it, and errors apart in students and trees alike; of 24 fits of 12 clean tables,
# 800 rows each, none. With the limits of damage alone 3 of the first 10 fits trusted all labels.
APART_Z = 2.0
# Fewer labels that somebody has checked say nothing about which models are better.
FEWEST_TRUSTED = 30
FAMILIES = "students", "trees", "both on checked labels"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What out-of-fold models tell about the labels of one output.

    Parameters
    ----------
    wrong : bool
        Whether labels are wrong, so that it pays to look for them.
    student_loss : {"squared_error", "absolute_error"}
        By which loss a student follows these labels better, all of them trusted.
    reasons : tuple of str
        Why, in words.
    """

    wrong: bool
    student_loss: str
    reasons: tuple[str, ...]

    def with_reasons(self, more: Sequence[str]) -> Self:
        """Return the same evidence with further reasons."""
        return replace(self, reasons=(*self.reasons, *more))


def weigh_evidence(
    models: OutOfFoldModels,
    label: np.ndarray,
    students: tuple[np.ndarray, np.ndarray],
    trees: tuple[np.ndarray, np.ndarray],
    trusted: np.ndarray | None = None,
) -> Evidence:
    """Compare models of the squared and of the absolute error.

    Two questions are asked. Does following every label do *damage*: do models of the squared
    error predict left-out labels worse in absolute error? And are they *ahead*, shift and scale
    apart: is what they predict nearer to a straight line through all labels? Wrong labels that
    fall anywhere add the same noise to whatever is compared with them and leave the order of two
    predictions as it is, so the second answer holds whether labels are wrong or not, and
    whether mean and median of good labels are the same or not. What it cannot see is a
    shift: wrong labels that all err on one side. There errors of a second kind stand apart, and
    where they do so in students and trees alike, little damage is enough.

    Parameters
    ----------
    models : OutOfFoldModels
        The data of the fit, and its folds.
    label : ndarray of shape (n_samples,)
        Standardised labels.
    students, trees : tuple of (ndarray of shape (n_samples,), ndarray of shape (n_samples,))
        Out-of-fold predictions of the squared and of the absolute error.
    trusted : ndarray of bool of shape (n_samples,), default=None
        Labels that somebody has checked: which models predict these better is asked as well.
    """
    # Drawn even if not needed: what is drawn next must not depend on the student.
    seed = draw_seed(models.data.random_state)
    squared, absolute = (
        (student + tree) / 2 for student, tree in zip(students, trees, strict=True)
    )
    damage = measure_damage(label, squared, absolute)
    near = winsorize(label)
    gains = [measure_gain(near, *family) for family in (students, trees)]
    if trusted is not None and trusted.sum() >= FEWEST_TRUSTED:
        gains.append(measure_gain(label[trusted], squared[trusted], absolute[trusted]))
    loss = "absolute_error" if gains[0].z < -ROBUST_Z else "squared_error"
    words = [_of_damage(damage), _of_gains(gains)]

    def conclude(wrong: bool, *more: str) -> Evidence:
        return Evidence(wrong=wrong, student_loss=loss, reasons=(*words, *more))

    errors = label - absolute, label - students[1], label - trees[1]
    apart = damage.z > APART_Z and not one_value_stands_out(label) and _all_stand_apart(errors)
    if apart:
        words.append("errors of students and trees alike stand apart on one side")
    elif not is_suspicious(damage):
        return conclude(False, "clean labels do as much damage: all are trusted")
    if are_good(gains):
        return conclude(False, "so these labels are worth following: all are trusted")
    error = errors[0]
    flagged = np.abs(error) > FLAG_SIGMA * robust_sigma(error)
    assert models.students is not None, "without students there is no evidence"
    auc = flags_auc(models.data.X, flagged, models.data.folds, seed)
    gain = measure_gain(label, squared, absolute)
    if is_foreseen(gain, auc):
        return conclude(
            False,
            f"X predicts where the large errors are (with an AUC of {auc:.2f}; 0.5 is chance), "
            "and models of the squared error foresee them: that of the others is "
            f"{1 + gain.relative:.2f} times theirs, shift and scale apart ({gain.z:.1f} standard "
            "errors); all labels are trusted",
        )
    required = required_damage(auc)
    found = damage.relative > required and damage.z > DAMAGE_Z
    words.append(
        f"where the large errors are is predicted from X with an AUC of {auc:.2f} (0.5 is chance): "
        f"clean labels like that do up to {required:.1%} and {DAMAGE_Z:.1f} standard errors of "
        f"damage, these do {'more' if found else 'not more'}"
    )
    # Trees of few rows may fail where a student does not: 460 rows of `energy`, 30 % shifted.
    if found and not are_hurt(gains) and not any(_stand_apart(label, one) for one in errors[:2]):
        return conclude(
            False,
            "but models of the absolute error are not clearly ahead, and no errors stand apart: "
            "all labels are trusted",
        )
    return conclude(found or apart)


def _all_stand_apart(errors: Sequence[np.ndarray]) -> bool:
    return all(SecondKind.of(error).stands_apart for error in errors)


def _stand_apart(label: np.ndarray, error: np.ndarray) -> bool:
    """Return whether there are errors of a second kind, on one side or by their size.

    Where one value stands out, the model of the absolute error says little else, and that all
    other labels stand apart tells nothing.
    """
    if one_value_stands_out(label):
        return False
    return SecondKind.of(error).stands_apart or wrong_label_probability(error).mean() > FEWEST


def _of_damage(damage: Difference) -> str:
    return (
        "models that follow every label (squared error) predict left-out ones with "
        f"{1 + damage.relative:.2f} times the absolute error of models that follow the majority "
        f"({damage.z:.1f} standard errors)"
    )


def _of_gains(gains: list[Difference]) -> str:
    of_each = (
        f"the {family} by {-gain.z:+.1f}" for family, gain in zip(FAMILIES, gains, strict=False)
    )
    return (
        "shift and scale apart, those of the absolute error are ahead in squared error, in "
        f"standard errors: {', '.join(of_each)}"
    )
