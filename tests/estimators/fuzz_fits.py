"""Random fits: `make fuzz-fits` runs many, the tests a few.

Each case (:mod:`tests.estimators.fuzz_cases`) must end in one of two ways:

- in a ValueError, TypeError or RuntimeError whose message names what is wrong: the data, a
  parameter, the teacher, the student or the weights;
- in a model whose predictions for the rows of `fit` are finite. Where the labels are right, the
  teacher does not contradict them, the student has at least 30 epochs and the rows that count are
  effectively 10 at least, it is no worse than a constant: its mean absolute error on rows of
  positive weight, weighted, is not above 1.1 times that of the median, or its mean squared error
  is not above 1.2 times that of the mean. (One of the two: of labels with a mass at one value a
  good model of the mean has a larger absolute error than the median.) What is worse gets ten times
  the epochs before it counts as a fault: of 40 steps, or of a tiny learning rate, nothing is wrong.

Whatever the end, the global generators, the state of torch and the arrays of the user are what
they were, our own code has used nothing deprecated, and in one case of ten a second fit gives the
same predictions.
"""

import argparse
import json
import random
import re
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone

import sklearn_regkd
from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from tests.estimators.fuzz_cases import draw_case

PACKAGE = str(Path(sklearn_regkd.__file__).parent)
PARAMETERS = {
    name
    for kind in (StudentRegressor, TORRegressor, DistilledRegressor)
    for name in kind().get_params(deep=False)
}
WORDS = {
    *("X", "y", "column", "columns", "feature", "features", "label", "labels", "row", "rows"),
    *("samples", "sample_weight", "weight", "weights", "teacher", "teachers", "student", "loss"),
    *("teacher_prediction", "X_unlabeled", "fold", "folds", "target", "output", "outputs"),
    "sample",  # scikit-learn about a fold: "Found array with 1 sample(s) ... is required by ..."
    *PARAMETERS,
}
# Words of NumPy and PyTorch about their own insides.
BARE = re.compile(
    "shape mismatch|could not be broadcast|cannot convert|out of bounds|must match the size|"
    "mat1 and mat2|not subscriptable|has no attribute|unsupported operand|expected scalar type"
)
TOO_SLOW = 120  # seconds
# Of rows that count, (sum w)^2 / sum w^2: with fewer, chance decides about the comparison.
FEWEST_ROWS = 10
WORSE = "worse than a constant"


def run_case(seed, number):
    """Fit the case of a number, and return what became of it, as JSON can hold it."""
    case = draw_case(seed, number)
    before = fingerprint(case), globals_now()
    start, outcome, message, fault, prediction = time.perf_counter(), "model", "", "", None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitted = clone(case.estimator).fit(case.X, case.y, **case.fit_params)
        except Exception as error:
            outcome, message = type(error).__name__, str(error)
            fault = wrong_with_error(error)
        else:
            try:
                prediction = np.asarray(fitted.predict(case.X))
                fault = wrong_with_model(case, prediction)
                if fault.startswith(WORSE):
                    fitted = trained_longer(case).fit(case.X, case.y, **case.fit_params)
                    fault = wrong_with_model(case, np.asarray(fitted.predict(case.X)))
            except Exception:
                fault = f"predict fails: {traceback.format_exc()[-1500:]}"
    if globals_now() != before[1]:
        fault += "; the global state has changed"
    if fingerprint(case) != before[0]:
        fault += "; the user's arrays have changed"
    own = [w for w in caught if w.filename.startswith(PACKAGE)]
    if any(issubclass(w.category, FutureWarning | DeprecationWarning) for w in own):
        fault += f"; deprecated: {[str(w.message) for w in own]}"
    if prediction is not None and not fault and number % 10 == 0:
        fault = wrong_with_second(case, prediction)
    numeric = {f"{Path(w.filename).name}:{w.lineno}" for w in own if w.category is RuntimeWarning}
    return {
        "seed": seed,
        "number": number,
        **case.about,
        "judged": case.judged,
        "outcome": outcome,
        "message": message[:1500],
        "fault": fault.removeprefix("; "),
        "numeric_warnings": sorted(numeric),
        "seconds": round(time.perf_counter() - start, 2),
    }


def wrong_with_error(error):
    """Return why an error is none that a user should meet, or nothing."""
    if not isinstance(error, ValueError | TypeError | RuntimeError):
        return f"another error: {traceback.format_exc()[-1500:]}"
    words = set(re.findall(r"\w+", str(error)))
    if not words & WORDS or (BARE.search(str(error)) and not words & {"teacher", "student"}):
        return f"the message names nothing: {traceback.format_exc()[-1500:]}"
    return ""


def wrong_with_model(case, prediction):
    """Return why predictions for the training rows are none that a user should get, or nothing."""
    y = np.asarray(case.y, float)
    if prediction.shape != y.shape:
        return f"predictions have shape {prediction.shape}, y has {y.shape}"
    if not np.isfinite(prediction).all():
        return f"{np.size(prediction) - np.isfinite(prediction).sum()} predictions are not finite"
    if not case.judged:
        return ""
    y, prediction = y.reshape(len(y), -1), prediction.reshape(len(y), -1).astype(float)
    weight = np.ones(len(y)) if case.weight is None else case.weight / np.max(case.weight)
    if weight.sum() ** 2 < FEWEST_ROWS * (weight**2).sum():
        return ""
    rounding = (1e-6 if prediction.dtype == np.float32 else 1e-7) * np.abs(y).max(axis=0)
    scale = np.maximum(np.abs(y).max(axis=0), np.finfo(float).tiny)
    error, rounding = np.abs(prediction - y) / scale, rounding / scale
    y = y / scale
    median = weighted_median(y, weight)
    absolute = np.average(error, axis=0, weights=weight)
    squared = np.average(error**2, axis=0, weights=weight)
    of_median = np.average(np.abs(y - median), axis=0, weights=weight)
    of_mean = np.average((y - np.average(y, axis=0, weights=weight)) ** 2, axis=0, weights=weight)
    worse = absolute > 1.1 * of_median + rounding
    worse &= squared > 1.2 * of_mean + rounding**2
    if worse.any():
        ratio = absolute[worse] / np.maximum(of_median[worse], 1e-300)
        return f"{WORSE}: absolute error {ratio.max():.3g} times that of the median"
    return ""


def trained_longer(case):
    """Return the estimator of a case, unfitted, with ten times the epochs."""
    estimator = clone(case.estimator)
    epochs = {k: v for k, v in estimator.get_params().items() if k.endswith("max_epochs")}
    return estimator.set_params(**{name: 10 * n for name, n in epochs.items()})


def weighted_median(y, weight):
    """Return the median of each column."""
    order = np.argsort(y, axis=0)
    share = np.cumsum(weight[order], axis=0) / weight.sum()
    middle = np.argmax(share >= 0.5, axis=0)
    columns = np.arange(y.shape[1])
    return y[order[middle, columns], columns]


def wrong_with_second(case, prediction):
    """Fit once more with the same seeds; return how the predictions differ, or nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = clone(case.estimator).fit(case.X, case.y, **case.fit_params).predict(case.X)
    return "" if np.array_equal(prediction, again) else "a second fit predicts something else"


def fingerprint(case):
    """Return all that the user handed over, in a form that can be compared."""
    return repr([_content(value) for value in (case.X, case.y, *case.fit_params.values())])


def _content(value):
    if hasattr(value, "columns"):
        return (
            list(value.columns),
            list(map(str, value.dtypes)),
            [list(value[name]) for name in value.columns],
        )
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.dtype.str, value.shape, value.tobytes()
    return type(value), list(value)


def globals_now():
    """Return the state that a fit must leave alone."""
    numbers = np.random.get_state()  # noqa: NPY002
    return (
        *(numbers[1].tobytes(), numbers[2:], random.getstate()),
        *(torch.get_rng_state().numpy().tobytes(), torch.get_default_dtype()),
        *(torch.is_grad_enabled(), torch.get_num_threads()),
    )


def fuzz(seed, numbers, out=None):
    """Run cases, and yield what became of each; append it to a file, if there is one."""
    for number in numbers:
        result = run_case(seed, number)
        if out is not None:
            with Path(out).open("a") as file:
                file.write(json.dumps(result) + "\n")
        yield result


def finished(out, seed):
    """Return the results that a file holds already, by their numbers."""
    content = Path(out).read_text() if Path(out).exists() else ""
    whole = content[: content.rfind("\n") + 1]
    if whole != content:  # it was stopped while it wrote the last line
        Path(out).write_text(whole)
    results = [json.loads(line) for line in whole.splitlines()]
    return {result["number"]: result for result in results if result["seed"] == seed}


def main():
    """Run the cases that are not in the file yet, and print counts of all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="fuzz_fits.jsonl", help="file of the results")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.cases)
    results = finished(options.out, options.seed)
    missing = [number for number in numbers if number not in results]
    for result in fuzz(options.seed, missing, options.out):
        results[result["number"]] = result
        if result["fault"] or result["seconds"] > TOO_SLOW:
            print(json.dumps(result, indent=1), flush=True)
    results = [results[number] for number in numbers]
    for outcome, count in Counter(result["outcome"] for result in results).most_common():
        print(f"{outcome:>20}: {count}")
    faults = [result["number"] for result in results if result["fault"]]
    judged = sum(result["judged"] and result["outcome"] == "model" for result in results)
    print(f"{len(results)} fits, {judged} models compared with a constant, faults: {faults}")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
