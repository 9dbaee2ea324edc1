"""What the page says about the record: runs, machines, tables, noises, fits that failed."""

from benchmarks.noisy_regression.markdown import grid
from benchmarks.noisy_regression.mistakes import DESCRIPTIONS
from benchmarks.noisy_regression.models import MODELS
from benchmarks.noisy_regression.tables import TABLES


def introduction(runs, results):
    """Return what was run, where and with what."""
    seeds = sorted({one["seed"] for one in results})
    tried = {one["model"] for one in results}
    skipped = dict.fromkeys(name for run in runs for name in run["skipped"])
    absent = [MODELS[name].title for name in skipped if name in MODELS and name not in tried]
    never = [model.title for name, model in MODELS.items() if name not in {*tried, *skipped}]
    rows = results[0]["rows"]
    lines = [
        "Each model learns from spoiled labels, with default parameters, and is scored by R2 on "
        f"rows whose labels are not spoiled. At most {rows:,} rows are learned from. Anyone can "
        "repeat it with one command and without a download: what is measured, with the formulas, "
        "is written in `benchmarks/noisy_regression/README.md`.",
        f"{len(results):,} fits, each with one thread; seeds {', '.join(map(str, seeds))}"
        + "; not every cell has each seed" * (not complete(results))
        + "."
        + (f" Not installed and left out: {', '.join(absent)}." if absent else "")
        + (f" Not run: {', '.join(never)}." if never else ""),
        "\n".join(map(one_run, runs)),
    ]
    return "\n\n".join(lines)


def one_run(run):
    """Return one run as an item of a list: its command, its machine and its versions."""
    versions = ", ".join(f"{name} {at}" for name, at in run["versions"].items())
    cores = "core" if run["cores"] == 1 else "cores"
    jobs = "process" if run["jobs"] == 1 else "processes"
    return (
        f"- `{run['run']}`: {run['fits']:,} fits on {run['processor']}, {run['cores']} {cores}, "
        f"{run['jobs']} {jobs}; Python {run['python']}, {versions}"
    )


def complete(results):
    """Return whether all cells of a model that runs everywhere have the same seeds."""
    seeds = {}
    for one in results:
        if one["model"] == "distilled":
            seeds.setdefault((one["table"], one["noise"]), set()).add(one["seed"])
    return len(set(map(frozenset, seeds.values()))) <= 1


def described(found):
    """Return lists of the noises and the tables that were run."""
    noises = [one for one in DESCRIPTIONS if any(one == noise for _, noise in found)]
    lines = [f"- `{one}` {DESCRIPTIONS[one]}" for one in noises]
    tables = [
        f"- {name} ({TABLES[name].kind}): {TABLES[name].about}. {TABLES[name].source}"
        for name in tables_of(found)
    ]
    return "\n".join([*lines, "", *tables])


def tables_of(found):
    """Return the tables in the order of the benchmark."""
    return [table for table in TABLES if any(table == name for name, _ in found)]


def errors(results):
    """Return which fits failed."""
    failed = [one for one in results if "error" in one]
    if not failed:
        return "No fit failed."
    rows = [
        [
            MODELS[one["model"]].title,
            one["table"],
            one["noise"],
            str(one["seed"]),
            one["error"][:100],
        ]
        for one in failed
    ]
    return "### Fits that failed\n\n" + grid(["model", "table", "noise", "seed", "error"], rows)
