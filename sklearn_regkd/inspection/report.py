"""One page about a fitted distillation: what it is worth, what it costs, what was decided."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from sklearn_regkd.inspection import page
from sklearn_regkd.inspection.agreement import TeacherAgreementDisplay
from sklearn_regkd.inspection.label_noise import LabelNoiseDisplay
from sklearn_regkd.inspection.measures import (
    Cost,
    Quality,
    ask_teacher,
    has_teacher,
    rows_for_teacher,
)
from sklearn_regkd.inspection.route import RouteDisplay
from sklearn_regkd.inspection.suspicious_labels import SuspiciousLabels, find_suspicious_labels
from sklearn_regkd.inspection.tables import Picture, Table, amount, cost_table, quality_table
from sklearn_regkd.inspection.training import TrainingDisplay
from sklearn_regkd.inspection.training_rows import TrainingRows, fitted_distiller
from sklearn_regkd.preprocessing.validation import as_columns

STUDENT, TEACHER, ALONE = "student", "teacher", "student alone"
# More pictures than that nobody looks at.
MOST_OUTPUTS = 4
WIDTH = 92


@dataclass(frozen=True)
class DistillationReport:
    """What :func:`distillation_report` found out; ``print`` it, or write a page.

    Parameters
    ----------
    title : str
        Of the page.
    summary : str
        The report in a sentence or two.
    tables : list of Table
        Quality, fidelity and cost.
    decisions : list of (str, tuple of str)
        What was decided about the labels of each output, and why.
    suspects : SuspiciousLabels
        Labels to check.
    pictures : list of Picture
        Displays and what they show.
    missing : list of str
        What the report could not say, and what it would need for that.
    quality : dict of str to list of Quality
        Of each model, one per output; ``"fidelity"`` is the student's, with the teacher as
        the truth.
    cost : dict of str to Cost
        Of each model.
    """

    title: str
    summary: str
    tables: list[Table]
    decisions: list[tuple[str, tuple[str, ...]]]
    suspects: SuspiciousLabels
    pictures: list[Picture]
    missing: list[str]
    quality: dict[str, list[Quality]]
    cost: dict[str, Cost]

    def __str__(self) -> str:
        parts = [self.title, "=" * len(self.title), "", fill(self.summary, WIDTH), ""]
        for table in self.tables:
            parts += [str(table), ""]
        parts.append("What was decided")
        for head, reasons in self.decisions:
            parts.append(fill(head, WIDTH, initial_indent="  ", subsequent_indent="  "))
            parts += [
                fill(why, WIDTH, initial_indent="  - ", subsequent_indent="    ") for why in reasons
            ]
        parts += ["", str(self.suspects.table(10))]
        if self.missing:
            parts += ["", "Not in this report"]
            parts += [
                fill(what, WIDTH, initial_indent="  - ", subsequent_indent="    ")
                for what in self.missing
            ]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        return page.fragment(self)

    def to_html(self, path: str | os.PathLike) -> None:
        """Write the report as one page that needs nothing else: no other file, no network.

        Parameters
        ----------
        path : str or path-like
            Where to; an existing file is replaced.
        """
        Path(path).write_text(page.document(self), encoding="utf-8")

    def to_csv(self, path: str | os.PathLike) -> None:
        """Write the suspicious labels, the most suspicious first, all of them.

        Parameters
        ----------
        path : str or path-like
            Where to; an existing file is replaced.
        """
        columns = self.suspects.columns
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))


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
    """Say what a fitted distillation is worth, what it costs, and which labels to check.

    Parameters
    ----------
    estimator : TORRegressor, DistilledRegressor, Pipeline or a search over one
        Fitted. A Pipeline ends with one of the two; the time that its other steps take is not
        counted.
    X : array-like of shape (n_samples, n_features)
        Rows that were held out, on which the models are marked, in the form that `estimator`
        takes.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their labels, best clean ones. Names of columns are taken over.
    X_train, y_train : array-like, default=None
        What was given to `fit`, in that order: with the labels the list of suspicious ones
        says what they are, with the rows what the student says instead. An index is taken over.
    alone : estimator, default=None
        The same student fitted without a teacher, or any other fitted regressor to compare with;
        it gets X as it is.
    unit : str, default=""
        Of y, as in ``"MPa"``.

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
    >>> int(report.suspects.columns["row"][0])
    7
    """
    index = next((v.index for v in (y_train, X_train) if hasattr(v, "iloc")), None)
    X_given = X
    distiller, (X, X_train) = fitted_distiller(estimator, "distillation_report", X, X_train)
    n_outputs, n_rows = distiller.n_outputs_, len(X)
    label = as_columns(y, n_rows, n_outputs, "y")
    outputs = _names(y, n_outputs)
    predictions, cost, missing = {}, {}, []
    if has_teacher(distiller):
        rows = rows_for_teacher(distiller, X)
        predictions[TEACHER] = ask_teacher(distiller, rows)
        cost[TEACHER] = Cost.of(distiller.teacher_, lambda X: ask_teacher(distiller, X), rows)
    else:
        missing.append(
            "The teacher's quality and cost: the estimator does not hold its teacher (it was "
            "fitted with predictions, or loaded from a file)."
        )
    predictions[STUDENT] = as_columns(distiller.predict(X), n_rows, n_outputs, STUDENT)
    cost[STUDENT] = Cost.of(distiller.student_, distiller.predict, X)
    if alone is not None:
        predictions[ALONE] = as_columns(alone.predict(X_given), n_rows, n_outputs, "alone")
        cost[ALONE] = Cost.of(alone, alone.predict, X_given)
    else:
        missing.append("What the student reaches without a teacher: pass it fitted as alone=.")
    quality = {
        name: [Quality.of(*pair) for pair in zip(label.T, said.T, strict=True)]
        for name, said in predictions.items()
    }
    heads = f"Quality on {n_rows:,} held-out rows"
    note = "R2: 1 is perfect, 0 is what the mean would reach."
    tables = [quality_table(heads, quality, outputs, unit, note)]
    if TEACHER in predictions:
        pairs = zip(predictions[TEACHER].T, predictions[STUDENT].T, strict=True)
        fidelity = {"student": [Quality.of(*pair) for pair in pairs]}
        title = "Fidelity: the student, with the teacher as the truth"
        tables.append(quality_table(title, fidelity, outputs, unit))
        quality["fidelity"] = fidelity["student"]
    tables.append(cost_table(cost))

    if "teacher_prediction_" in vars(distiller):
        training = TrainingRows.of(distiller, y_train)
    else:
        missing.append(
            "Suspicious labels: the estimator was saved without its training rows "
            "(training_rows=False)."
        )
        nothing = np.empty((0, n_outputs))
        training = TrainingRows(None, nothing, nothing, nothing.astype(bool))
        X_train = y_train = None
    n_train = len(training.teacher)
    if X_train is not None and len(X_train) != n_train:
        raise ValueError(
            f"X_train has {len(X_train)} rows, but {type(distiller).__name__} was fitted with "
            f"{n_train}: pass the rows that were given to fit, in that order"
        )
    if y_train is None and n_train:
        missing.append("The suspicious labels themselves: pass the labels of fit as y_train=.")
    if X_train is None and n_train:
        missing.append("The student's word on suspicious rows: pass the rows of fit as X_train=.")
    suspects = find_suspicious_labels(
        training, distiller.predict, X_train, None if n_outputs == 1 else outputs, index, unit
    )
    displays = _pictures(distiller, X_train, y_train, label, predictions, outputs, unit)
    return DistillationReport(
        f"{type(distiller).__name__}: what was distilled",
        _summary(quality, cost, training.flagged, outputs),
        tables,
        _decisions(distiller, training.flagged, outputs),
        suspects,
        displays,
        missing,
        quality,
        cost,
    )


def _names(y: Any, n_outputs: int) -> list[str]:
    """Return the names of outputs; empty for a single one without a name."""
    if hasattr(y, "columns"):
        return [str(name) for name in y.columns]
    name = getattr(y, "name", None)
    if n_outputs == 1:
        return ["" if name is None else str(name)]
    return [f"output {output}" for output in range(n_outputs)]


def _summary(quality, cost, flagged, outputs) -> str:
    """Return what one would say first."""
    words = []
    for output, name in enumerate(outputs):
        others = [
            f"{who} {quality[who][output].r2:.3f}" for who in (TEACHER, ALONE) if who in quality
        ]
        of = f" of {name}" if name and len(outputs) > 1 else ""
        r2 = f"{quality[STUDENT][output].r2:.3f}"
        words.append(
            f"The student's R2{of} on held-out rows is {r2}"
            + (f" ({', '.join(others)})." if others else ".")
        )
    if TEACHER in cost:
        faster = [cost[TEACHER].one_row / cost[STUDENT].one_row]
        faster.append(cost[TEACHER].per_row / cost[STUDENT].per_row)
        if min(faster) >= 1:
            words.append(
                f"It predicts a single row {amount(faster[0])} times and many rows "
                f"{amount(faster[1])} times as fast as the teacher."
            )
    if len(flagged):
        found = f"{flagged.sum():,} of {flagged.size:,} training labels ({flagged.mean():.1%})"
        words.append(
            f"{found} were rejected." if flagged.any() else "No training label was rejected."
        )
    return " ".join(words)


def _decisions(distiller, flagged, outputs) -> list[tuple[str, tuple[str, ...]]]:
    """Return for each output what was decided, in words, and why."""
    told = []
    for output, name in enumerate(outputs):
        before = f"{name}: " if name else ""
        if hasattr(distiller, "decisions_"):
            decision = distiller.decisions_[output]
            if decision.rule == "none":
                head = "All labels are trusted."
            else:
                head = f"Rule: {decision.rule}. {decision.rejected:.1%} of the labels are rejected."
            weight = f"{head} The student learns {decision.alpha:.0%} of the teacher, "
            rest = f"{1 - decision.alpha:.0%} of the (repaired) labels."
            told.append((before + weight + rest, tuple(decision.reasons)))
        else:
            share = (
                f"{flagged[:, output].mean():.1%} of the labels are rejected."
                if len(flagged)
                else ""
            )
            head = f"Rule: distance to the teacher, threshold {distiller.threshold!r}. {share}"
            why = "where a label is rejected, the student is pulled to the teacher instead"
            told.append((before + head.rstrip(), (why,)))
    return told


def _pictures(distiller, X_train, y_train, label, predictions, outputs, unit) -> list[Picture]:
    """Return what can be shown of a fit, nothing of it drawn yet."""
    shown = []
    agreement = noise = None
    if y_train is not None:
        noise = LabelNoiseDisplay.from_estimator(distiller, X_train, y_train)
    if y_train is not None and X_train is not None:
        agreement = TeacherAgreementDisplay.from_estimator(distiller, X_train, y_train)
        where = "training rows, teacher out-of-fold"
    elif TEACHER in predictions:
        agreement = TeacherAgreementDisplay.from_predictions(
            label, teacher=predictions[TEACHER], student=predictions[STUDENT]
        )
        where = "held-out rows"
    for output, name in list(enumerate(outputs))[:MOST_OUTPUTS]:
        options = {"output": output, "unit": unit}
        of = f" {name}," if name else ""
        if noise is not None:
            text = (
                f"Labels minus what the teacher said of them without having seen them,{of} "
                "training rows. Flagged labels are hatched."
            )
            shown.append(Picture(noise, text, options))
        if agreement is not None:
            text = (
                f"Student against teacher against label,{of} {where}. On the horizontal line the "
                "student follows the teacher, on the diagonal the label."
            )
            shown.append(Picture(agreement, text, options))
    shown.append(
        Picture(TrainingDisplay.from_estimator(distiller), "Loss of the student by epoch.", {})
    )
    if len(distiller.history_) and "route_distance" in distiller.history_[0]:
        text = "Distance of the student to the anchors of the teacher's route."
        shown.append(Picture(RouteDisplay.from_estimator(distiller), text, {}))
    return shown
