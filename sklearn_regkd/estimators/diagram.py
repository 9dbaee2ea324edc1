"""What scikit-learn's diagram of a distillation estimator shows."""

from typing import Any

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


def _name(role: str, part: Any, is_default: bool) -> str:
    # What stands before the colon is taken for the prefix of its parameters.
    kind = "given predictions" if isinstance(part, str) else type(part).__name__
    return f"{role}: {kind}" + (", the default" if is_default and kind[0].isupper() else "")
