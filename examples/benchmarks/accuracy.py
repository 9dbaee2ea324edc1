"""How right is the student, with clean labels and with wrong ones? Writes docs/accuracy.md.

Every model is trained on the same rows, whose labels are spoiled by a named
noise, and scored by R2 on rows whose labels are clean. All models have their
default parameters.

    make accuracy DATA=folder            # all sets, 3 seeds; goes on where it was stopped
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
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score, roc_auc_score

NOISES = ("none", "gauss_all", "gross20", "gross40", "swap30", "shift30")
STUDENTS = ("alone", "absolute", "huber", "tukey", "teacher_labels", "teacher_mix", "cleanlab")
TEACHERS = ("hgb", "hgb_absolute", "hgb3")
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


def corrupt(y, noise, rng):
    """Return spoiled labels (n_samples,), and which of them were spoiled."""
    spoiled, sd, wrong = y.copy(), y.std(), np.zeros(len(y), bool)
    if noise == "none":
        return spoiled, wrong
    if noise == "gauss_all":
        return y + rng.normal(0, 0.5 * sd, len(y)), wrong
    rows = rng.choice(len(y), int(int(noise[-2:]) / 100 * len(y)), replace=False)
    wrong[rows] = True
    if noise.startswith("gross"):
        spoiled[rows] += rng.normal(0, 3 * sd, len(rows))
    elif noise.startswith("swap"):
        spoiled[rows] = rng.permutation(y[rows])
    else:
        spoiled[rows] += 3 * sd
    return spoiled, wrong


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
    """Return a fitted model, and the scores of its labels where it has any (small: suspicious)."""
    from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor

    def student(loss="squared_error"):
        return StudentRegressor(loss=loss, random_state=seed)

    if name in ("hgb", "hgb_absolute"):
        loss = "squared_error" if name == "hgb" else "absolute_error"
        return HistGradientBoostingRegressor(loss=loss, random_state=0).fit(X, y), None
    if name == "hgb3":
        return MeanOfThree().fit(X, y), None
    if name in OURS:
        Estimator = TORRegressor if name == "tor" else DistilledRegressor
        fitted = Estimator(random_state=seed).fit(X, y)
        return fitted, fitted.inlier_probability_
    if name.startswith("teacher"):
        teacher = HistGradientBoostingRegressor(loss="absolute_error", random_state=0)
        weight = 1.0 if name == "teacher_labels" else 0.5
        return student().fit(X, weight * teacher.fit(X, y).predict(X) + (1 - weight) * y), None
    if name == "cleanlab":
        from cleanlab.regression.learn import CleanLearning

        model = HistGradientBoostingRegressor(max_iter=60)
        found = CleanLearning(model, seed=0).find_label_issues(X, y)
        kept = ~found["is_label_issue"].to_numpy()
        return student().fit(X[kept], y[kept]), found["label_quality"].to_numpy()
    return student("squared_error" if name == "alone" else LOSSES[name]).fit(X, y), None


LOSSES = {"absolute": "absolute_error", "huber": "huber", "tukey": "tukey"}


def run_cell(task):
    """Fit all models on one set, noise and seed; return one record for each."""
    path, noise, seed, n_rows, names = task
    warnings.filterwarnings("ignore")
    X, given, true, X_test, y_test = split(path, seed, n_rows)
    y, wrong = (given, np.zeros(len(given), bool))
    if noise != "given":
        y, wrong = corrupt(true, noise, np.random.default_rng(1000 + seed))
    records = []
    for name in (*names, "oracle"):
        start = time.perf_counter()
        fitted, quality = fit(*(("alone", X, true) if name == "oracle" else (name, X, y)), seed)
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
        if quality is not None and wrong.any():
            record["auc"] = roc_auc_score(wrong, -quality)
        if name == "distilled":
            record["parameters"] = fitted.student_.n_parameters_
            record["decision"] = str(fitted.decisions_[0]).splitlines()[0]
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
    aucs = {}
    for record in records:
        if "auc" in record:
            pair = (record["model"], record["noise"])
            aucs.setdefault(pair, []).append(record["auc"])
    flagged = [n for n in ("cleanlab", "tor", "distilled") if n in names]
    spoiled = [n for n in kinds if n != "gauss_all"]
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
        "The noises: `gauss_all` adds half a standard deviation (sd) of normal noise to every "
        "label; `gross20` and `gross40` add 3 sd of it to 20 and 40 %; `swap30` permutes 30 % of "
        "the labels; `shift30` adds 3 sd to 30 %.",
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
        "Area under the ROC curve of the score of each label against the truth, mean over sets and "
        "seeds.",
        "",
        table(
            ["", *spoiled],
            [
                [
                    NAMES[n],
                    *(f"{np.mean(aucs[n, k]):.3f}" if (n, k) in aucs else "" for k in spoiled),
                ]
                for n in flagged
            ],
        ),
        "",
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
    parser.add_argument("--noise", default=",".join(NOISES))
    parser.add_argument("--models", default=",".join(NAMES))
    parser.add_argument("--rows", type=int, default=5000, help="rows used at most")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--records", type=pathlib.Path, default=pathlib.Path("accuracy.jsonl"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/accuracy.md"))
    parser.add_argument("--title", default="Accuracy", help="of the page")
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
