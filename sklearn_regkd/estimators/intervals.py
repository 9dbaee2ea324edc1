"""How sure a distilled student is: intervals and quantiles from errors of left-out rows."""

from numbers import Real
from typing import Any

import numpy as np

from sklearn_regkd.losses.quantile import QuantileLoss
from sklearn_regkd.networks.error_quantiles import fit_error_quantiles
from sklearn_regkd.networks.error_scale import fit_error_scale
from sklearn_regkd.networks.intervals import Intervals
from sklearn_regkd.preprocessing.conformal import Scores, check_coverage
from sklearn_regkd.preprocessing.validation import check_predict_data
from sklearn_regkd.teachers.quantiles import teacher_quantiles
from sklearn_regkd.training.torch_state import plain_arithmetic
from sklearn_regkd.utils.sklearn_compat import check_fitted

# Where so many labels are the least or the largest one, no interval reaches beyond it. Wrong labels
# that were not found may be beyond it; true ones are then left to the share that may be missed.
MASS, MOST_BEYOND = 0.1, 0.02
FEWEST_ERRORS = 2


class IntervalMixin:
    """Gives an estimator with a student `predict_interval` and `predict_quantiles`."""

    student_: Any
    predict_head: Any
    _y_ndim: int
    _input_shape: tuple[int, ...]

    def predict_interval(self, X, coverage=0.9):
        """Predict between which values clean labels lie.

        Errors of training rows that were left out are divided by how large an error is to be
        expected there; their quantiles, times what is expected of a row, are added to its
        prediction (split conformal prediction [1]_ with normalised errors,
        on cross-fitted predictions [2]_). The two sides are taken apart, so that intervals are
        skewed where errors are.

        What is promised is the share of all rows, not of those of one kind, whose *clean* label
        lies inside, as far as the wrong ones were found: labels weigh by their probability of
        being right, `inlier_probability_`. If wrong ones are missed the intervals are too wide
        [3]_, and too narrow if many good ones are taken for wrong. It holds about,
        not exactly: the errors are those of copies of the student and its teacher which have
        learned from fewer rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs, raw as in `fit`.
        coverage : float, default=0.9
            Share of labels that are to lie inside, between 0 and 1, neither included.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            Lower and upper bounds in the units of y, in double precision.

        Raises
        ------
        ValueError
            If `coverage` is not between 0 and 1, if the student predicts a quantile, or if the
            estimator was fitted or saved by an earlier version.

        References
        ----------
        .. [1] J. Lei et al., "Distribution-free predictive inference for regression", JASA 2018.
        .. [2] R. Barber et al., "Predictive inference with the jackknife+", Annals of Statistics
           2021.
        .. [3] B. Einbinder et al., "Label noise robustness of conformal prediction", JMLR 2024.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_regkd import DistilledRegressor, StudentRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1, 1, (300, 2))
        >>> y = X[:, 0] + rng.normal(0, 0.1, 300)
        >>> student = StudentRegressor(max_epochs=20, weight_decay=1.0)
        >>> model = DistilledRegressor(student=student, random_state=0).fit(X, y)
        >>> low, high = model.predict_interval(X, coverage=0.8).T
        >>> bool(0.7 < np.mean((low < y) & (y < high)) < 0.95)
        True
        """
        check_fitted(self, "student_")
        coverage = check_coverage(coverage)
        intervals = _intervals_of(self)
        bounds = intervals.around(*self._prediction_and_layers(X), coverage)
        return bounds[:, 0] if self._y_ndim == 1 else bounds

    def predict_quantiles(self, X):
        """Predict the quantiles of clean labels whose levels are the parameter `quantiles`.

        They are further outputs of the student: its prediction, plus how large an error the row is
        to expect times a linear map of its inputs, which has learned the quantile loss [1]_ of
        errors of left-out rows. Where the teacher predicts quantiles, the outputs learn
        from these as well, as far as this lowers the loss of left-out labels. Then each level is
        shifted by what left-out rows want (conformalised quantile regression [2]_), and those that
        cross are sorted. `predict` stays what it is.

        What is promised is what :meth:`predict_interval` promises, for each level: a share of all
        rows, and of clean labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs, raw as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_quantiles) or (n_samples, n_outputs, n_quantiles)
            Quantiles in the units of y, rising along the last axis, in double precision.

        Raises
        ------
        ValueError
            If `quantiles` was None in `fit`.

        References
        ----------
        .. [1] R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46, 1978.
        .. [2] Y. Romano, E. Patterson, E. Candès, "Conformalized quantile regression",
           NeurIPS 2019.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_regkd import DistilledRegressor, StudentRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1, 1, (300, 2))
        >>> y = X[:, 0] + rng.exponential(0.1, 300)
        >>> student = StudentRegressor(max_epochs=20, weight_decay=1.0)
        >>> model = DistilledRegressor(student=student, quantiles=(0.1, 0.5, 0.9), random_state=0)
        >>> low, middle, high = model.fit(X, y).predict_quantiles(X).mean(axis=0)
        >>> bool(high - middle > middle - low)
        True
        """
        check_fitted(self, "student_")
        intervals = _intervals_of(self)
        if intervals.quantiles is None:
            raise ValueError(
                f"this {type(self).__name__} was fitted with quantiles=None: before fit set it to "
                "levels such as (0.05, 0.5, 0.95); predict_interval needs no parameter"
            )
        found = intervals.quantiles_around(*self._prediction_and_layers(X))
        return found[:, 0] if self._y_ndim == 1 else found

    def _prediction_and_layers(self, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
        student = self.student_
        rows = check_predict_data(
            self, student._columns.transform(X), self._input_shape, student._takes_missing()
        )
        return predict_with_layers(student, rows, self.predict_head)


def check_quantiles(quantiles: Any, loss: Any) -> None:
    """Refuse levels that are no rising numbers between 0 and 1.

    Raises
    ------
    ValueError
        If they are not, or if the student predicts a quantile by itself.
    """
    if quantiles is None:
        return
    if isinstance(loss, QuantileLoss):
        raise ValueError(
            "the student predicts a quantile, from which no errors are measured: with quantiles= "
            "use a student of another loss"
        )
    levels = np.asarray(quantiles, object)
    are_numbers = levels.ndim == 1 and all(isinstance(one, Real) for one in levels)
    if not are_numbers or not len(levels) or not all(0 < one < 1 for one in levels):
        raise ValueError(
            f"quantiles={quantiles!r} must be None or numbers between 0 and 1, such as "
            "(0.05, 0.5, 0.95)"
        )
    if not (np.diff(levels.astype(float)) > 0).all():
        raise ValueError(f"quantiles={quantiles!r} must rise: predict_quantiles returns them so")


def _intervals_of(distiller: Any) -> Intervals:
    intervals = getattr(distiller, "_intervals", None)
    if intervals is None:
        raise ValueError(_why_none(distiller))
    return intervals


def _why_none(distiller: Any) -> str:
    if isinstance(distiller._named_loss(), QuantileLoss):
        return (
            "the student predicts a quantile, not what errors are measured from: for an interval "
            "use a student of another loss, or two students with quantile=0.05 and 0.95"
        )
    return (
        f"this {type(distiller).__name__} does not know its errors, because an earlier version has "
        "fitted or saved it: fit it anew"
    )


def predict_with_layers(
    student: Any, X: np.ndarray, head: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return predictions of validated rows and what the layers of the built-in network say.

    Both in double precision, (n_samples, n_outputs) and (n_samples, n_values); None in place of
    the layers of a module of the user's.
    """
    networks = student._inference
    if networks is None:
        return student._predict_columns(X, head).astype(np.float64), None
    with plain_arithmetic():
        prediction, layers = networks[X.dtype].with_layers(X, head)
    return prediction.astype(np.float64), layers.astype(np.float64)


def learn_intervals(distiller: Any, data: Any, fitted: dict[str, Any], student: Any) -> None:
    """Note what is known of the errors of a student that has been trained.

    Parameters
    ----------
    distiller : BaseDistiller
        It gets the attribute `_intervals`, None where errors say nothing of what is predicted.
    data : FitData
        The data of the fit.
    fitted : dict
        The fitted attributes so far.
    student : StudentRegressor
        Trained.
    """
    distiller._intervals = None
    if isinstance(distiller._named_loss(), QuantileLoss):
        return
    verdict = fitted["verdict_"]
    predicted = fitted.get("suggested_labels_", fitted["teacher_prediction_"])
    # Not of trusted labels alone: they lack the good ones whose errors are large. With 20 % gross
    # ones on five tables .884 of clean labels were then inside at .9, with all of them .908.
    weight = verdict.inlier_probability * data.element_weight.reshape(len(data.y), -1)
    if ((weight > 0).sum(axis=0) < FEWEST_ERRORS).any():
        return
    error = data.y - predicted
    scale, expected = None, np.ones_like(error)
    layers: Any = np.empty((len(error), 0))
    if student._inference is not None:  # a module of the user's is not run for nothing
        layers = predict_with_layers(student, data.X, "label")[1]
        scale, expected = fit_error_scale(layers, error, weight, data.folds)
    ratio = error / expected
    scores = tuple(Scores.of(*one) for one in zip(ratio.T, weight.T, strict=True))
    low, high = _limits(data.y, weight)
    if data.least is not None:
        low = np.maximum(low, data.least)
    quantiles = None
    if distiller.quantiles is not None:
        levels = np.array(distiller.quantiles, float)
        taught = teacher_quantiles(data, levels, fitted["repaired_labels_"], verdict.inlier)
        if taught is not None:
            taught = (taught - predicted[..., None]) / expected[..., None]
        seen = layers[:, : _n_inputs(student)]
        quantiles = fit_error_quantiles(seen, ratio, weight, expected, data.folds, levels, taught)
    distiller._intervals = Intervals(scale, scores, low, high, quantiles)


def _n_inputs(student: Any) -> int:
    """Return how many of the layers' values are inputs, and absolute inputs."""
    return 0 if student._inference is None else student._inference[np.dtype("f4")].n_seen


def _limits(y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the labels of each output where many of them are there."""
    columns = list(zip(y.T, weight.T, strict=True))
    low = [_least_of_many(of_output, of_weight) for of_output, of_weight in columns]
    high = [-_least_of_many(-of_output, of_weight) for of_output, of_weight in columns]
    return np.array(low), np.array(high)


def _least_of_many(y: np.ndarray, weight: np.ndarray) -> float:
    """Return the value at which many labels are and below which next to none, else -inf."""
    values, which = np.unique(y, return_inverse=True)
    share = np.bincount(which, weight) / weight.sum()
    below = np.cumsum(share) - share
    found = values[(share >= MASS) & (below <= MOST_BEYOND)]
    return float(found[0]) if len(found) else -np.inf
