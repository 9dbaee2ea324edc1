"""How right is the student, with clean labels and with wrong ones? Writes docs/accuracy-tables.md.

Every model is trained on the same rows, whose labels are spoiled by a named
noise, and scored by R2 on rows whose labels are clean. All models have their
default parameters.

    make accuracy DATA=folder            # all sets, 3 seeds; goes on where it was stopped
    make accuracy DATA=folder ARGS="--noise few3,unit10,decimal10,stale15,sign10,hetero"
    make accuracy DATA=folder ARGS="--sets concrete,bike --seeds 1 --jobs 2"

A set is a file NAME.npz with X (n_samples, n_features) and y (n_samples,). One
with y_given and y_true instead (measured noise) is trained on the first and
scored on the second.
"""

import argparse
import json
import pathlib
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from noises import DESCRIPTIONS, NOISES, corrupt
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

STUDENTS = ("alone", "absolute", "huber", "tukey", "teacher_labels", "teacher_mix", "cleanlab")
OURS = ("tor", "distilled")
DAMAGE_WORTH_REPAIRING = 0.03
NAMES = {
    "alone": "student, squared loss",
    "absolute": "student, absolute loss",
    "huber": "student, Huber loss",
    "tukey": "student, Tukey loss",
    "teacher_labels": "student on teacher labels only",
    "teacher_mix": "student on half label, half teacher",
    "cleanlab": "student without the rows that cleanlab prunes",
    "ridge": "ridge regression",
    "forest": "random forest",
    "hgb": "boosting, squared loss",
    "hgb_absolute": "boosting, absolute loss",
    "hgb3": "mean of 3 early-stopped boostings",
    "tor": "TORRegressor",
    "distilled": "DistilledRegressor",
}
# What the short names at the head of the tables mean.
COLUMNS = (
    "Columns: `alone`, `absolute`, `huber` and `tukey` are students without a teacher, by their "
    "loss (`alone`: squared); `teacher labels` and `teacher mix` imitate a teacher alone or by "
    "half; `hgb3` is the mean of three boostings; `distilled` is `DistilledRegressor`. `clean "
    "labels` is the student with squared loss that was trained without the noise."
)


def split(path, seed, n_rows):
    """Return training inputs, given labels, true labels, test inputs and true test labels."""
    data = np.load(path)
    X = data["X"].astype("float32").reshape(len(data["X"]), -1)
    true = np.asarray(data["y_true"] if "y_true" in data else data["y"], "float64")
    given = np.asarray(data["y_given"], "float64") if "y_given" in data else true
    rows = np.random.default_rng(seed).permutation(len(X))[:n_rows]
    train, test = np.split(rows, [int(0.75 * len(rows))])
    return X[train], given[train], true[train], X[test], true[test]


class MeanOfThree:
    """Three boosted models that stop early, averaged."""

    def fit(self, X, y):
        """Fit all three."""
        self.members = [
            HistGradientBoostingRegressor(
                max_iter=1000, learning_rate=0.05, early_stopping=True, random_state=seed
            ).fit(X, y)
            for seed in range(3)
        ]
        return self

    def predict(self, X):
        """Return their mean."""
        return np.mean([member.predict(X) for member in self.members], axis=0)


def fit(name, X, y, seed):
    """Return a fitted model; what it says of each label (small: suspicious), or None; its flags."""
    from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor

    if name in OURS:
        Estimator = TORRegressor if name == "tor" else DistilledRegressor
        fitted = Estimator(random_state=seed).fit(X, y)
        return fitted, fitted.inlier_probability_, fitted.outlier_mask_
    if name == "cleanlab":
        from cleanlab.regression.learn import CleanLearning

        model = HistGradientBoostingRegressor(max_iter=60)
        found = CleanLearning(model, seed=0).find_label_issues(X, y)
        kept = ~found["is_label_issue"].to_numpy()
        student = StudentRegressor(random_state=seed).fit(X[kept], y[kept])
        return student, found["label_quality"].to_numpy(), ~kept
    return fit_plain(name, X, y, seed), None, None


def fit_plain(name, X, y, seed):
    """Return a fitted model that says nothing of labels."""
    from sklearn_regkd import StudentRegressor

    if name == "ridge":
        return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15))).fit(X, y)
    if name == "forest":
        return RandomForestRegressor(min_samples_leaf=2, random_state=0).fit(X, y)
    if name in ("hgb", "hgb_absolute"):
        loss = "squared_error" if name == "hgb" else "absolute_error"
        return HistGradientBoostingRegressor(loss=loss, random_state=0).fit(X, y)
    if name == "hgb3":
        return MeanOfThree().fit(X, y)
    if name.startswith("teacher"):
        teacher = HistGradientBoostingRegressor(loss="absolute_error", random_state=0)
        weight = 1.0 if name == "teacher_labels" else 0.5
        y = weight * teacher.fit(X, y).predict(X) + (1 - weight) * y
    return StudentRegressor(loss=LOSSES.get(name, "squared_error"), random_state=seed).fit(X, y)


LOSSES = {"absolute": "absolute_error", "huber": "huber", "tukey": "tukey"}
# Where a label is either right or wrong.
FLAGGED = tuple(noise for noise in NOISES if noise not in ("gauss_all", "hetero"))


def worth_of_flags(quality, flagged, wrong):
    """Return what flags and scores of labels are worth, given which labels are wrong."""
    worth = {"flagged": float(flagged.mean()), "wrong": int(wrong.sum())}
    if wrong.any():
        worth["auc"] = roc_auc_score(wrong, -quality)
        worth["recall"] = float(flagged[wrong].mean())
        worth["precision"] = float(wrong[flagged].mean()) if flagged.any() else None
    sure = quality <= 0.1  # for ours: wrong with a probability of 0.9
    worth["sure"], worth["sure_and_wrong"] = int(sure.sum()), int(wrong[sure].sum())
    return worth


def run_cell(task):
    """Fit all models on one set, noise and seed; return one record for each."""
    path, noise, seed, n_rows, names = task
    warnings.filterwarnings("ignore")
    X, given, true, X_test, y_test = split(path, seed, n_rows)
    y, wrong = (given, np.zeros(len(given), bool))
    if noise != "given":
        y, wrong = corrupt(true, noise, np.random.default_rng(1000 + seed), X[:, 0])
    records = []
    for name in (*names, "oracle"):
        start = time.perf_counter()
        given_to_fit = ("alone", X, true) if name == "oracle" else (name, X, y)
        fitted, quality, flagged = fit(*given_to_fit, seed)
        seconds = time.perf_counter() - start
        prediction = np.ravel(fitted.predict(X_test))
        record = {
            "set": path.stem,
            "noise": noise,
            "seed": seed,
            "rows": n_rows,
            "model": name,
            "r2": r2_score(y_test, prediction),
            "rmse": float(np.sqrt(np.mean((y_test - prediction) ** 2))),
            "seconds": seconds,
        }
        if quality is not None and noise in FLAGGED:
            record |= worth_of_flags(np.ravel(quality), np.ravel(flagged), wrong & (y != true))
        if name == "distilled":
            record["parameters"] = fitted.student_.n_parameters_
            record["decision"] = str(fitted.decisions_[0]).splitlines()[0]
            record["expected_wrong"] = fitted.decisions_[0].expected_wrong
        records.append(record)
    return records


def table(header, rows):
    lines = [" | ".join(header), " | ".join(["---"] * len(header))]
    lines += [" | ".join(row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def mean_and_error(values):
    values = np.asarray(values, float)
    if len(values) < 2:
        return f"{values.mean():.3f}"
    return f"{values.mean():.3f} ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}"


def _mean_of(records, name, noise, what):
    """Return the mean of a figure of one model under one noise, as text."""
    of_cell = [r for r in records if r["model"] == name and r["noise"] == noise]
    values = [r[what] for r in of_cell if r.get(what) is not None]
    return f"{np.mean(values):.3f}" if values else ""


def _calibration(records):
    """Return lines on the flags without noise, and on what DistilledRegressor is sure of."""
    ours = [r for r in records if r["model"] == "distilled" and "sure" in r]
    clean = [r["flagged"] for r in ours if r["noise"] == "none"]
    lines = []
    if clean:
        lines.append(
            f"Without noise DistilledRegressor flags {np.mean(clean):.1%} of the labels in the "
            f"mean, at most {max(clean):.1%}."
        )
    found = [r for r in ours if r["wrong"]]
    if found:
        sure = sum(r["sure"] for r in found)
        right = sum(r["sure_and_wrong"] for r in found)
        within = [1 / 1.5 <= r["expected_wrong"] / r["wrong"] <= 1.5 for r in found]
        lines.append(
            f"Of {sure:,} labels that it says are wrong with a probability of 0.9 and more, "
            f"{right / max(1, sure):.0%} are. The number of wrong labels that it expects is within "
            f"a factor of 1.5 of the true one in {sum(within)} of {len(within)} fits."
        )
    return [" ".join(lines), ""]


def summarise(records, command, title):
    """Return the page, from all records."""
    cells = {}
    for record in records:
        key = (record["set"], record["noise"])
        cells.setdefault(key, {}).setdefault(record["model"], []).append(record)
    names = [n for n in NAMES if any(n in models for models in cells.values())]
    sets = list(dict.fromkeys(key[0] for key in cells if key[1] != "given"))
    n_seeds = len({r["seed"] for r in records})

    def r2(models, name):
        return float(np.mean([r["r2"] for r in models[name]]))

    recovery = {name: {} for name in names}
    harm = {name: [] for name in names}
    behind, above, noisy = [], 0, 0
    for (_, noise), models in cells.items():
        if noise == "given":
            continue
        damage = r2(models, "oracle") - r2(models, "alone")
        for name in names:
            if noise == "none":
                harm[name].append(r2(models, "alone") - r2(models, name))
            elif damage > DAMAGE_WORTH_REPAIRING:
                share = (r2(models, name) - r2(models, "alone")) / damage
                recovery[name].setdefault(noise, []).append(share)
        best = max(r2(models, name) for name in names if name in STUDENTS)
        behind.append(best - r2(models, "distilled"))
        if noise != "none":
            noisy += 1
            above += r2(models, "distilled") > best
    kinds = [n for n in NOISES if n != "none" and any(key[1] == n for key in cells)]
    summary = []
    for name in names:
        row = [NAMES[name]]
        for kind in kinds:
            shares = recovery[name].get(kind, [])
            row.append(f"{np.mean(shares):.2f} ({np.min(shares):.2f})" if shares else "")
        row.append(f"{np.mean(harm[name]):+.3f} ({np.max(harm[name]):+.3f})" if harm[name] else "")
        summary.append(row)
    spoiled = [n for n in kinds if n in FLAGGED]
    finders = [n for n in ("cleanlab", "tor", "distilled") if n in names]
    blocks = [
        f"# {title}",
        "",
        "R2 on clean test labels of models trained on spoiled ones, with default parameters; "
        f"mean over {n_seeds} seed{'s, with the standard error' * (n_seeds > 1)}. R2 is 1 for "
        "perfect predictions, and 0 for what the mean of all labels would reach. At most "
        f"{max(r['rows'] for r in records):,} rows of each set (table), three quarters of them for "
        f"training. The sets: {', '.join(dict.fromkeys(key[0] for key in cells))}.",
        "",
        f"Command: `{command}`",
        "",
        "The noises: " + "; ".join(f"`{n}` {DESCRIPTIONS[n]}" for n in kinds) + ".",
        "",
        "## Summary",
        "",
        "Share of the damage that is repaired, mean over the sets (and the worst set), where the "
        "noise costs the student with squared loss more than 0.03; 1 is what it reaches on clean "
        "labels. Harm: how much R2 is lost without any noise, mean (and worst).",
        "",
        table(["model", *kinds, "harm without noise"], summary),
        "",
        f"DistilledRegressor is above every other student in {above} of {noisy} cells with noise, "
        f"and at most {max(behind, default=0):.3f} under the best of them in any cell.",
        "",
        "## Which labels are wrong",
        "",
        "Area under the ROC curve of the score of each label against the truth; share of the "
        "flagged labels that are wrong (precision) and of the wrong ones that are flagged "
        "(recall). Means over sets and seeds.",
        "",
        table(
            ["", *spoiled],
            [
                [f"{NAMES[n]}: {what}", *(_mean_of(records, n, noise, what) for noise in spoiled)]
                for n in finders
                for what in ("auc", "precision", "recall")
            ],
        ),
        "",
        *_calibration(records),
    ]
    for key, models in cells.items():
        if key[1] == "given":
            blocks += [
                f"## Measured noise: {key[0]}",
                "",
                "Root mean squared error against the truth, trained on the given labels "
                "(the oracle: a student trained on the truth).",
                "",
                table(
                    ["model", "RMSE"],
                    [
                        [NAMES.get(n, n), mean_and_error([r["rmse"] for r in models[n]])]
                        for n in [*names, "oracle"]
                        if n in models
                    ],
                ),
                "",
            ]
    for noise in NOISES:
        rows = []
        for name in sets:
            models = cells.get((name, noise))
            if models:
                scores = [mean_and_error([r["r2"] for r in models[n]]) for n in [*names, "oracle"]]
                rows.append([name, *scores])
        if rows:
            header = ["set", *(n.replace("_", " ") for n in names), "clean labels"]
            title = "## R2 without noise" if noise == "none" else f"## R2 under {noise}"
            legend = [COLUMNS, ""] if noise == "none" else []
            blocks += [title, "", *legend, table(header, rows), ""]
    return "\n".join(blocks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of .npz files")
    parser.add_argument("--sets", default="", help="names, separated by commas; all by default")
    parser.add_argument("--noise", default=",".join(NOISES), help="names, with commas")
    parser.add_argument("--models", default=",".join(NAMES))
    parser.add_argument("--rows", type=int, default=5000, help="rows used at most")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--records", type=pathlib.Path, default=pathlib.Path("accuracy.jsonl"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/accuracy-tables.md"))
    parser.add_argument("--title", default="Accuracy, all tables", help="of the page")
    args = parser.parse_args()
    paths = sorted(args.data.glob("*.npz"))
    if args.sets:
        paths = [args.data / f"{name}.npz" for name in args.sets.split(",")]
    done = []
    if args.records.exists():
        done = [json.loads(line) for line in args.records.read_text().splitlines()]
    known = {(r["set"], r["noise"], r["seed"], r["rows"]) for r in done}
    names, tasks = tuple(args.models.split(",")), []
    for seed in range(args.seeds):
        for path in paths:
            fields = np.load(path).files
            if not {"y", "y_true"} & set(fields) or np.load(path)["X"].ndim != 2:
                continue
            noises = ("given",) if "y_true" in fields else args.noise.split(",")
            for noise in noises:
                if (path.stem, noise, seed, args.rows) not in known:
                    tasks.append((path, noise, seed, args.rows, names))
    command = "make accuracy DATA=folder" + f' ARGS="--rows {args.rows} --seeds {args.seeds}"'
    with ProcessPoolExecutor(args.jobs) as pool, args.records.open("a") as file:
        for records in pool.map(run_cell, tasks):
            done += records
            file.writelines(json.dumps(record) + "\n" for record in records)
            file.flush()
            first = records[0]
            scores = "  ".join(f"{r['model']} {r['r2']:.3f}" for r in records)
            print(f"{first['set']} {first['noise']} seed {first['seed']}: {scores}", flush=True)
    done = [r for r in done if r["rows"] == args.rows]
    args.out.write_text(summarise(done, command, args.title))


if __name__ == "__main__":
    main()
