"""What a notebook shows of a distillation estimator: the diagram, and what was decided."""

from html import escape
from typing import Any

import numpy as np

from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.teachers.ensemble import as_ensemble
from sklearn_regkd.teachers.kinds import default_teacher
from sklearn_regkd.utils.sklearn_compat import VisualBlock


def teacher_and_student(distiller: Any) -> VisualBlock:
    """Return the two side by side: the fitted ones, the given ones, or the defaults.

    Parameters
    ----------
    distiller : TORRegressor or DistilledRegressor
        Fitted or not.
    """
    if "student_" in vars(distiller):
        teacher, student = distiller.teacher_, distiller.student_
        if teacher is None:
            # scikit-learn shows a text as it is.
            teacher = "predictions that were given to fit"
    else:
        teacher = default_teacher() if distiller.teacher is None else as_ensemble(distiller.teacher)
        student = StudentRegressor() if distiller.student is None else distiller.student
    parts = {"teacher": teacher, "student": student}
    names = [_name(role, part, getattr(distiller, role) is None) for role, part in parts.items()]
    return VisualBlock(
        "parallel", list(parts.values()), names=names, name_details=[str(p) for p in parts.values()]
    )


def what_was_decided(distiller: Any) -> str:
    """Return in HTML what a fit has decided about the labels; empty before it.

    A sentence for each output, which opens to the reasons. Nothing but elements that every notebook
    shows, in the colours of its own text.

    Parameters
    ----------
    distiller : TORRegressor or DistilledRegressor
        Fitted or not.
    """
    if "student_" not in vars(distiller):
        return ""
    if hasattr(distiller, "decisions_"):
        found = [(one.summary, one.reasons) for one in distiller.decisions_]
    elif hasattr(distiller, "outlier_mask_"):
        mask = distiller.outlier_mask_
        sums = np.atleast_1d(mask.sum(axis=0))
        found = [(f"{n:,} of {len(mask):,} labels were rejected.", ()) for n in sums]
    else:  # loaded from a file without training rows
        found = []
    several = len(found) > 1
    return "".join(
        _sentence(f"Output {k}: {text}" if several else text, reasons)
        for k, (text, reasons) in enumerate(found)
    )


def _sentence(text: str, reasons: tuple[str, ...]) -> str:
    if not reasons:
        return f"<p>{escape(text)}</p>"
    items = "".join(f"<li>{escape(reason)}</li>" for reason in reasons)
    return f"<details><summary>{escape(text)}</summary><ul>{items}</ul></details>"


def _name(role: str, part: Any, is_default: bool) -> str:
    # What stands before the colon is taken for the prefix of its parameters.
    kind = "given predictions" if isinstance(part, str) else type(part).__name__
    return f"{role}: {kind}" + (", the default" if is_default and kind[0].isupper() else "")
