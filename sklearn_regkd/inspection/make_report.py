"""A report is made: models are evaluated and timed, decisions and suspicious labels collected."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sklearn_regkd.estimators.base import BaseDistiller
from sklearn_regkd.inspection.agreement import TeacherAgreementDisplay
from sklearn_regkd.inspection.interval_band import IntervalBand
from sklearn_regkd.inspection.label_noise import LabelNoiseDisplay
from sklearn_regkd.inspection.measures import (
    Cost,
    Quality,
    has_teacher,
    predict_with_teacher,
    rows_for_teacher,
)
from sklearn_regkd.inspection.page import Picture
from sklearn_regkd.inspection.report import DistillationReport
from sklearn_regkd.inspection.route import RouteDisplay
from sklearn_regkd.inspection.suspicious_labels import find_suspicious_labels
from sklearn_regkd.inspection.tables import Table, amount, cost_table, quality_table
from sklearn_regkd.inspection.training import TrainingDisplay
from sklearn_regkd.inspection.training_rows import TrainingRows, fitted_distiller
from sklearn_regkd.preprocessing.validation import as_columns

STUDENT, TEACHER, ALONE, FIDELITY = "student", "teacher", "student alone", "fidelity"
# Outputs beyond that have no pictures: nobody looks at more of them.
MOST_OUTPUTS = 4


class Model(NamedTuple):
    """A model that is evaluated: the estimator, how it predicts, and the rows as it takes them."""

    estimator: Any
    predict: Callable[[Any], Any]
    rows: Any


def distillation_report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    X_train: Any = None,
    y_train: Any = None,
    alone: Any = None,
    unit: str = "",
) -> DistillationReport:
    """Report quality and cost of a fitted distillation, and which labels to check.

    Parameters
    ----------
    estimator : TORRegressor, DistilledRegressor, Pipeline or search
        A fitted distillation estimator, a Pipeline that ends with one, or a search over them.
        The time that other steps of a Pipeline take is not counted.
    X : array-like of shape (n_samples, n_features)
        Held-out rows on which the models are evaluated, in the form that `estimator` takes.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels of these rows, best clean ones. Names of columns are taken over.
    X_train : array-like of shape (n_train, n_features), default=None
        Rows that were given to `fit`, in that order: the list of suspicious labels then holds
        predictions of the student. An index is taken over.
    y_train : array-like of shape (n_train,) or (n_train, n_outputs), default=None
        Labels that were given to `fit`, in that order: the list of suspicious labels then holds
        the labels themselves. An index is taken over.
    alone : estimator, default=None
        The same student fitted without a teacher, or any other fitted regressor to compare with;
        it gets X as it is.
    unit : str, default=""
        Unit of y, as in ``"MPa"``.

    Returns
    -------
    DistillationReport
        ``print`` it, show it in a notebook, or call `to_html` or `to_csv`.

    Raises
    ------
    ValueError
        If X and y, or `X_train` and `y_train` and the rows of `fit`, differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn_regkd import StudentRegressor, TORRegressor
    >>> from sklearn_regkd.inspection import distillation_report
    >>> X = np.random.default_rng(0).normal(size=(90, 2))
    >>> y = X[:, 0].copy()
    >>> y[7] = 50.0  # wrong
    >>> student = StudentRegressor((8,), max_epochs=3, weight_decay=0.1)
    >>> tor = TORRegressor(RandomForestRegressor(5), student, random_state=0).fit(X[:60], y[:60])
    >>> report = distillation_report(tor, X[60:], y[60:], X_train=X[:60], y_train=y[:60])
    >>> int(report.suspicious_labels.columns["row"][0])
    7
    """
    index = next((rows.index for rows in (y_train, X_train) if hasattr(rows, "iloc")), None)
    X_given = X
    distiller, (X, X_train) = fitted_distiller(estimator, "distillation_report", X, X_train)
    n_outputs = distiller.n_outputs_
    label = as_columns(y, len(X), n_outputs, "y")
    outputs = _names(y, n_outputs)

    if "teacher_prediction_" in vars(distiller):
        training = TrainingRows.of(distiller, y_train)
    else:
        training, X_train, y_train = TrainingRows.none(n_outputs), None, None
    if X_train is not None and len(X_train) != len(training):
        raise ValueError(
            f"X_train has {len(X_train)} rows, but {type(distiller).__name__} was fitted with "
            f"{len(training)}: pass the rows that were given to fit, in that order"
        )

    models = _models(distiller, X, alone, X_given)
    predictions = {
        name: as_columns(model.predict(model.rows), len(X), n_outputs, f"prediction of {name}")
        for name, model in models.items()
    }
    cost = {name: Cost.of(*model) for name, model in models.items()}
    quality = {name: _quality(label, prediction) for name, prediction in predictions.items()}
    if TEACHER in predictions:
        quality[FIDELITY] = _quality(predictions[TEACHER], predictions[STUDENT])
    band = IntervalBand.of(distiller, X, label, predictions[STUDENT])

    return DistillationReport(
        title=f"{type(distiller).__name__}: what was distilled",
        summary=_summary(quality, cost, training.flagged, outputs, band),
        tables=_tables(quality, cost, len(X), outputs, unit),
        decisions=_decisions(distiller, training.flagged, outputs),
        suspicious_labels=find_suspicious_labels(
            training, distiller.predict, X_train, None if n_outputs == 1 else outputs, index, unit
        ),
        pictures=_pictures(distiller, X_train, y_train, label, predictions, outputs, unit, band),
        missing=_missing(models, training, X_train),
        quality=quality,
        cost=cost,
    )


def _names(y: Any, n_outputs: int) -> list[str]:
    """Return the names of outputs; empty for a single one without a name."""
    if hasattr(y, "columns"):
        return [str(name) for name in y.columns]
    name = getattr(y, "name", None)
    if n_outputs == 1:
        return ["" if name is None else str(name)]
    return [f"output {output}" for output in range(n_outputs)]


def _models(distiller: BaseDistiller, X: Any, alone: Any, X_alone: Any) -> dict[str, Model]:
    """Return the models that there are, the teacher first."""
    models = {}
    if has_teacher(distiller):
        models[TEACHER] = Model(
            distiller.teacher_,
            lambda rows: predict_with_teacher(distiller, rows),
            rows_for_teacher(distiller, X),
        )
    models[STUDENT] = Model(distiller.student_, distiller.predict, X)
    if alone is not None:
        models[ALONE] = Model(alone, alone.predict, X_alone)
    return models


def _quality(truth: np.ndarray, prediction: np.ndarray) -> list[Quality]:
    return [Quality.of(*columns) for columns in zip(truth.T, prediction.T, strict=True)]


def _summary(
    quality: dict[str, list[Quality]],
    cost: dict[str, Cost],
    flagged: np.ndarray,
    outputs: list[str],
    band: IntervalBand | None,
) -> str:
    """Return the most important numbers in a few sentences."""
    sentences = []
    for output, name in enumerate(outputs):
        others = [
            f"{model} {quality[model][output].r2:.3f}"
            for model in (TEACHER, ALONE)
            if model in quality
        ]
        of = f" of {name}" if name and len(outputs) > 1 else ""
        r2 = f"{quality[STUDENT][output].r2:.3f}"
        sentences.append(
            f"The student's R2{of} on held-out rows is {r2}"
            + (f" ({', '.join(others)})." if others else ".")
        )
    if TEACHER in cost:
        faster = [cost[TEACHER].one_row / cost[STUDENT].one_row]
        faster.append(cost[TEACHER].per_row / cost[STUDENT].per_row)
        if min(faster) >= 1:
            sentences.append(
                f"It predicts a single row {amount(faster[0])} times and many rows "
                f"{amount(faster[1])} times as fast as the teacher."
            )
    if band is not None:
        names = outputs[:MOST_OUTPUTS] if len(outputs) > 1 else [""]
        sentences += [band.sentence(output, name) for output, name in enumerate(names)]
    if len(flagged):
        found = f"{flagged.sum():,} of {flagged.size:,} training labels ({flagged.mean():.1%})"
        sentences.append(
            f"{found} were rejected." if flagged.any() else "No training label was rejected."
        )
    return " ".join(sentences)


def _tables(
    quality: dict[str, list[Quality]],
    cost: dict[str, Cost],
    n_rows: int,
    outputs: list[str],
    unit: str,
) -> list[Table]:
    title = f"Quality on {n_rows:,} held-out rows"
    note = "R2: 1 is perfect, 0 is what the mean would reach."
    on_labels = {name: values for name, values in quality.items() if name != FIDELITY}
    tables = [quality_table(title, on_labels, outputs, unit, note)]
    if FIDELITY in quality:
        title = "Fidelity: the student, with the teacher as the truth"
        tables.append(quality_table(title, {STUDENT: quality[FIDELITY]}, outputs, unit))
    return [*tables, cost_table(cost)]


def _decisions(
    distiller: Any, flagged: np.ndarray, outputs: list[str]
) -> list[tuple[str, tuple[str, ...]]]:
    """Return for each output what was decided, in words, and why."""
    found = []
    for output, name in enumerate(outputs):
        if hasattr(distiller, "decisions_"):
            decision = distiller.decisions_[output]
            head = decision.summary
            reasons = tuple(decision.reasons)
        else:
            head = f"Rule: distance to the teacher, threshold {distiller.threshold!r}."
            if len(flagged):
                head += f" {flagged[:, output].mean():.1%} of the labels are rejected."
            reasons = ("where a label is rejected, the student is pulled to the teacher instead",)
        found.append((f"{name}: {head}" if name else head, reasons))
    return found


def _pictures(
    distiller: BaseDistiller,
    X_train: Any,
    y_train: Any,
    label: np.ndarray,
    predictions: dict[str, np.ndarray],
    outputs: list[str],
    unit: str,
    band: IntervalBand | None,
) -> list[Picture]:
    """Return what can be shown of a fit, none of it drawn yet."""
    pictures = []
    agreement = noise = None
    if y_train is not None:
        noise = LabelNoiseDisplay._of_estimator(distiller, y_train)
    if y_train is not None and X_train is not None:
        agreement = TeacherAgreementDisplay._of_estimator(distiller, X_train, y_train)
        where = "training rows, teacher out-of-fold"
    elif TEACHER in predictions:
        agreement = TeacherAgreementDisplay._of_predictions(
            label, predictions[TEACHER], predictions[STUDENT]
        )
        where = "held-out rows"
    for output, name in list(enumerate(outputs))[:MOST_OUTPUTS]:
        options = {"output": output, "unit": unit}
        of = f" {name}," if name else ""
        if noise is not None:
            caption = (
                f"Labels minus out-of-fold predictions of the teacher,{of} training rows. Flagged "
                "labels are hatched."
            )
            pictures.append(Picture(display=noise, caption=caption, options=options))
        if agreement is not None:
            caption = (
                f"Student and label, both minus the teacher,{of} {where}. On the horizontal line "
                "the student follows the teacher, on the diagonal the label."
            )
            pictures.append(Picture(display=agreement, caption=caption, options=options))
        if band is not None:
            caption = (
                f"Label against prediction of the student,{of} held-out rows. The band is the "
                "median interval of rows with about that prediction; whether a label is outside "
                "is decided by its own interval."
            )
            pictures.append(Picture(display=band, caption=caption, options=options))
    training = TrainingDisplay._of_estimator(distiller)
    pictures.append(Picture(display=training, caption="Loss of the student by epoch.", options={}))
    if len(distiller.history_) and "route_distance" in distiller.history_[0]:
        route = RouteDisplay._of_estimator(distiller)
        caption = "Distance of the student to the anchors of the teacher's route."
        pictures.append(Picture(display=route, caption=caption, options={}))
    return pictures


def _missing(models: dict[str, Model], training: TrainingRows, X_train: Any) -> list[str]:
    """Return what the report does not hold, and what it would need for that."""
    missing = []
    if TEACHER not in models:
        missing.append(
            "The teacher's quality and cost: the estimator does not hold its teacher (it was "
            "fitted with predictions, or loaded from a file)."
        )
    if ALONE not in models:
        missing.append("What the student reaches without a teacher: pass it fitted as alone=.")
    if not len(training):
        missing.append(
            "Suspicious labels: the estimator was saved without its training rows "
            "(training_rows=False)."
        )
        return missing
    if training.label is None:
        missing.append("The suspicious labels themselves: pass the labels of fit as y_train=.")
    if X_train is None:
        missing.append(
            "The student's predictions of suspicious rows: pass the rows of fit as X_train=."
        )
    return missing
