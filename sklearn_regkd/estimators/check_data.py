"""All that was given to the `fit` of a distillation estimator, validated once."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import process_routing

from sklearn_regkd.preprocessing.folds import (
    check_groups,
    learn_from_all_others,
    make_folds,
    refuse_one_group,
)
from sklearn_regkd.preprocessing.scaling import Scaling, fit_target_scaling
from sklearn_regkd.preprocessing.validation import (
    as_columns,
    check_fit_data,
    check_predict_data,
    check_weight,
)
from sklearn_regkd.supervision.methods import DistillationMethods
from sklearn_regkd.supervision.validation_targets import ValidationTargets
from sklearn_regkd.teachers.cross_fit import predict_teacher_cached, teacher_rows
from sklearn_regkd.teachers.ensemble import TeacherEnsemble, as_ensemble
from sklearn_regkd.teachers.fit_data import FitData, LeftOutRows
from sklearn_regkd.teachers.hints import check_hints
from sklearn_regkd.teachers.kinds import (
    check_default_rows,
    check_teacher,
    is_fitted_teacher,
    own_teacher,
    weight_params,
)
from sklearn_regkd.teachers.refit import check_route
from sklearn_regkd.teachers.route import as_route
from sklearn_regkd.utils.cache import open_memory
from sklearn_regkd.utils.random import fill_random_states, own_random_state
from sklearn_regkd.utils.sklearn_compat import safe_indexing


def check_data(
    distiller: Any,
    student: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    teacher_prediction: Any,
    teacher_route: Any,
    X_unlabeled: Any,
    groups: Any = None,
    known: np.ndarray | None = None,
    trusted: np.ndarray | None = None,
) -> FitData:
    """Validate the arguments of `fit`, and draw the folds; nothing is fitted yet.

    Parameters
    ----------
    distiller : BaseDistiller
        The estimator whose fit this is. Names and number of the features are noted in it.
    student : StudentRegressor
        Its student, owned by this fit; seeds that it lacks are drawn.
    X, y, sample_weight, teacher_prediction, teacher_route, X_unlabeled, groups : array-like or None
        The arguments of `fit`.
    known : ndarray of bool of shape (n_samples, n_outputs), default=None
        Which labels were measured; None means all.
    trusted : ndarray of bool of shape (n_samples, n_outputs), default=None
        Which labels somebody has checked; None means none.

    Raises
    ------
    TypeError
        If the teacher is of a kind that cannot be used.
    ValueError
        Bad data, or arguments that exclude each other.
    """
    teacher = as_ensemble(distiller.teacher)
    if isinstance(teacher, TeacherEnsemble):
        teacher.check()
    check_teacher(teacher)
    if teacher_prediction is not None and distiller.teacher is not None:
        raise ValueError(
            "both teacher and teacher_prediction were given: set teacher=None to use the "
            "predictions, or leave teacher_prediction away"
        )
    X_array, y, distiller._y_ndim = check_fit_data(
        distiller,
        student._encode_categories(X),
        y,
        allow_nd=student.module is not None,
        allow_nan=student._takes_missing(),
    )
    weight = check_weight(sample_weight, X_array)
    groups = check_groups(groups, len(y))
    used = np.ones(len(y), bool) if weight is None else weight > 0
    without = np.zeros(len(y), bool) if known is None else used & ~known.any(axis=1)
    used = used & ~without
    random_state = own_random_state(distiller.random_state)
    fill_random_states(student, random_state)
    cache = open_memory(distiller.memory)
    is_default = teacher is None and teacher_prediction is None
    if teacher_prediction is None:
        if is_default:
            check_default_rows(X, X_array.shape)
        teacher = own_teacher(teacher, y.shape[1], random_state, int(used.sum()))
        teacher_X, prediction = teacher_rows(teacher, X, X_array), None
        if is_fitted_teacher(teacher):
            prediction = predict_teacher_cached(cache, teacher, teacher_X, y.shape[1])
    else:
        teacher_X = X
        prediction = as_columns(teacher_prediction, len(y), y.shape[1], "teacher_prediction")
    extra, teacher_extra = None, None
    if X_unlabeled is not None:
        extra = _check_unlabeled(distiller, student, X_unlabeled, X_array.shape[1:])
        teacher_extra = teacher_rows(teacher, X_unlabeled, extra)
    if without.any() and teacher_prediction is None:
        # Rows that nobody has labelled: the student learns from the teacher what it says of them.
        extra, teacher_extra = _with_rows(
            (extra, teacher_extra), X_array[without], safe_indexing(teacher_X, without.nonzero()[0])
        )
    route = None if teacher_route is None else as_route(teacher_route, y.shape)
    left_out = None
    if not used.all():
        left_out = LeftOutRows(
            mask=~used,
            y=y[~used],
            teacher_X=safe_indexing(teacher_X, np.flatnonzero(~used)),
            teacher_prediction=None if prediction is None else prediction[~used],
        )
        X_array, y = X_array[used], y[used]
        groups = None if groups is None else groups[used]
        known = None if known is None else known[used]
        trusted = None if trusted is None else trusted[used]
        teacher_X = safe_indexing(teacher_X, np.flatnonzero(used))
        prediction = None if prediction is None else prediction[used]
        route = None if route is None else route[:, used]
        if len(y) < 2:
            raise ValueError(
                f"sample_weight is positive in {len(y)} of {len(used)} rows, and at least 2 are "
                "needed: rows of weight 0 count as if they were not there"
            )
    # A common factor of all weights must change nothing, whatever a teacher compares them with.
    every_weight = np.ones(len(y)) if weight is None else weight[used] / weight[used].mean()
    params: dict[str, np.ndarray] = {}
    if (weight is not None or groups is not None) and prediction is None:
        of_rows = None if weight is None else every_weight
        params = _teacher_params(distiller, teacher, of_rows, groups)
    known = None if known is None or known.all() else known
    scaling = _target_scaling(y, every_weight, known)
    refuse_one_group(groups)
    among = None if used.all() else used
    folds = make_folds(distiller.cv, len(used), random_state, among, y, groups)
    if student.early_stopping and not learn_from_all_others(folds, len(y)):
        raise ValueError(
            f"cv={distiller.cv!r} keeps rows apart, and early_stopping=True of the student would "
            "hold out rows from among them by chance: set it to False, or pass fit(..., groups=...)"
        )
    # A splitter says which rows are strangers to each other, wherever some are left out.
    any_rows = groups is None and (distiller.cv is None or isinstance(distiller.cv, Integral))
    return FitData(
        X=X_array,
        y=y,
        weight=every_weight,
        scaling=scaling,
        student=student,
        teacher=teacher,
        teacher_X=teacher_X,
        teacher_params=params,
        is_default_teacher=is_default,
        teacher_prediction=prediction,
        teacher_route=route,
        folds=folds,
        known=known,
        trusted=trusted,
        groups=groups,
        held_out=None if any_rows else ValidationTargets.of_folds(folds, len(y)),
        random_state=random_state,
        cache=cache,
        n_jobs=distiller.n_jobs,
        X_unlabeled=extra,
        teacher_X_unlabeled=teacher_extra,
        left_out=left_out,
    )


def _target_scaling(y: np.ndarray, weight: np.ndarray, known: np.ndarray | None) -> Scaling:
    """Return the scaling of the targets, each by the labels of it that are known."""
    if known is None:
        return fit_target_scaling(y, weight)
    columns = zip(y.T, known.T, strict=True)
    parts = [fit_target_scaling(label[rows, None], weight[rows]) for label, rows in columns]
    center, scale, constant = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("center", "scale", "constant")
    )
    return Scaling(center, scale, constant)


def _with_rows(given: tuple, X: np.ndarray, teacher_X: Any) -> tuple[np.ndarray, Any]:
    """Return rows without labels for student and teacher, those that were given before others."""
    extra, teacher_extra = given
    if extra is None:
        return X, teacher_X
    if not isinstance(teacher_extra, np.ndarray):
        raise ValueError(
            "X_unlabeled is a frame, and rows of y without any label are there, too: append these "
            "rows of X to X_unlabeled, or those of X_unlabeled to X with NaN in y"
        )
    return np.concatenate([extra, X]), np.concatenate([teacher_extra, teacher_X])


def _check_unlabeled(
    distiller: BaseEstimator, student: Any, X_unlabeled: Any, shape: tuple[int, ...]
) -> np.ndarray:
    """Validate rows without labels, which must be like those of X."""
    try:
        student._columns.require_frame(X_unlabeled)
        coded = student._columns.transform(X_unlabeled)
        return check_predict_data(distiller, coded, shape, student._takes_missing())
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"X_unlabeled must hold rows like those of X, at least one: {error}") from error


def _teacher_params(
    distiller: BaseEstimator, teacher: Any, weight: np.ndarray | None, groups: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Return the teacher's fit parameters, by metadata routing where that is switched on."""
    if is_fitted_teacher(teacher):
        return {}
    if get_config()["enable_metadata_routing"]:
        given = {"sample_weight": weight, "groups": groups}
        given = {name: values for name, values in given.items() if values is not None}
        return dict(process_routing(distiller, "fit", **given).teacher.fit)
    return {} if weight is None else weight_params(teacher, weight)


def check_methods(data: FitData, methods: DistillationMethods) -> None:
    """Refuse methods that data or teacher cannot serve, before anything is fitted.

    Raises
    ------
    TypeError
        If the teacher has no route, or nothing to give hints of.
    ValueError
        If methods and extra rows exclude each other, or nobody could label these rows.
    """
    if data.X_unlabeled is not None:
        methods.refuse_extra_rows("X_unlabeled")
    has_extra_rows = data.X_unlabeled is not None or methods.synthetic is not None
    if has_extra_rows and data.teacher is None:
        raise ValueError(
            "X_unlabeled and synthetic rows are labelled by the teacher: pass a teacher, not "
            "its predictions"
        )
    names = data.student._columns.category_names
    if methods.synthetic is not None and names:
        raise ValueError(
            f"synthetic rows are made of numbers, and {names} are columns of categories: encode "
            "them in a Pipeline, or leave synthetic=None"
        )
    if data.known is not None and any(methods):
        raise ValueError(
            "labels of some targets are missing, and methods that change what is learned "
            "(revision, selection, route, hints, synthetic) need all of them: leave them at None, "
            "or fit each target on its own rows"
        )
    if methods.route is not None:
        check_route(data, methods.route)
    if methods.hints is not None:
        check_hints(data.teacher, methods.hints.layer)
