"""Teachers of one target each, repeated for several, and what a teacher is called."""

from typing import Any, ClassVar

from sklearn.multioutput import MultiOutputRegressor

from sklearn_regkd.utils.sklearn_compat import HasMethods


class PredictsOnceFitted(MultiOutputRegressor):
    """MultiOutputRegressor of an estimator whose `predict` appears with its fit."""

    _parameter_constraints: ClassVar = {
        **MultiOutputRegressor._parameter_constraints,
        "estimator": [HasMethods(["fit"])],
    }


def name_of(teacher: Any) -> str:
    """Return the class of a teacher for messages: not of what repeats it for each target here."""
    return type(teacher.estimator if isinstance(teacher, PredictsOnceFitted) else teacher).__name__
