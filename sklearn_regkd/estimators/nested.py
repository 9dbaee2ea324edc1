"""Nested parameters of a teacher and a student that are still the defaults."""

from typing import Any

from sklearn.base import BaseEstimator

from sklearn_regkd.estimators.student import StudentRegressor


class NestedParamsMixin(BaseEstimator):
    """Let ``student__lr`` be set where no student was given, and say why ``teacher__...`` cannot.

    scikit-learn lets the object itself set its parameters, and None can set none.
    """

    teacher: Any
    student: Any
    verbose: Any

    def set_params(self, **params: Any):
        """Set parameters of the estimator, and by two underscores those inside it.

        Parameters
        ----------
        **params : dict
            Such as ``alpha=0.5``, ``student__lr=0.01``, ``teacher__max_iter=100``. Where the
            student is None, ``student__...`` puts a ``StudentRegressor`` in its place.

        Returns
        -------
        self
            The estimator.

        Raises
        ------
        ValueError
            If a name is unknown, or a parameter of the default teacher is to be set.
        """
        inside = {name.partition("__")[0] for name in params if "__" in name}
        if "student" in inside and params.get("student", self.student) is None:
            params["student"] = StudentRegressor(verbose=params.get("verbose", self.verbose))
        if "teacher" in inside and params.get("teacher", self.teacher) is None:
            names = sorted(name for name in params if name.startswith("teacher__"))
            raise ValueError(
                f"{names} cannot be set: teacher=None means boosted trees that fit chooses by the "
                "number of rows and by what it finds out about the labels; pass a teacher of your "
                "own, such as teacher=HistGradientBoostingRegressor()"
            )
        return super().set_params(**params)
