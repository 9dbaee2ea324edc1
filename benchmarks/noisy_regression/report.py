"""Write the page and the picture of a record.

    python -m benchmarks.noisy_regression.report --record FILE --page PAGE.md --picture PICTURE.png

Several records are read as one.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.noisy_regression import record, summary
from benchmarks.noisy_regression.about import described, errors, introduction, tables_of
from benchmarks.noisy_regression.markdown import bold, grid, number
from benchmarks.noisy_regression.mistakes import DESCRIPTIONS
from benchmarks.noisy_regression.models import MODELS
from benchmarks.noisy_regression.tables import TABLES

OURS = "distilled"
FLAG_FIGURES = {
    "auc": "AUC",
    "first": "first 50",
    "precision": "precision",
    "recall": "recall",
    "error_removed": "error removed",
}


def page(runs, results, picture=None, notes=""):
    """Return the page, as Markdown.

    Parameters
    ----------
    runs, results : list of dict
        Of :func:`record.read`.
    picture : str, default=None
        The link to the picture.
    notes : str, default=""
        What a reader of this very record has to know.
    """
    sizes = {one["rows"] for one in results}
    if len(sizes) != 1:
        raise SystemExit(f"Results of {sorted(sizes)} rows cannot be compared: report one of them.")
    found = summary.cells(results)
    names = [name for name in MODELS if any(name in models for models in found.values())]
    broad = [name for name in names if MODELS[name].scope == "all"]
    slow = [name for name in names if name not in broad and MODELS[name].teacher is None]
    blocks = ["# Open benchmark: regression under wrong labels", introduction(runs, results)]
    if picture:
        text = "Mean R2 over all noisy cells against the time that a prediction takes"
        blocks.append(f"![{text}]({picture})")
    if notes:
        blocks += ["## About this record", notes.strip()]
    blocks += ["## Summary", summary_text(), summary_table(results, found, broad)]
    blocks += ["## By noise", by_noise(found, broad)]
    blocks += ["## By kind of table", by_kind(found, broad), "## Cost", cost_table(results, names)]
    blocks += ["## Wins and losses of DistilledRegressor", *duels(found, [*broad, *slow])]
    blocks += ["## Where another model is better by more than .02", *lost(found, [*broad, *slow])]
    if slow:
        blocks += ["## Models that are too slow for all cells", slow_table(found, broad, slow)]
    blocks += teachers(results, found, names)
    finders = [n for n in broad if summary.mean_of(results, "auc", n) is not None]
    if finders:
        blocks += ["## Which labels are wrong", flag_table(results, finders)]
        blocks += ["## With no wrong label", clean_flags(results, finders)]
    blocks += ["## Each table", "R2, mean over seeds; here also where it is under 0."]
    blocks += [each_table(table, found, names) for table in tables_of(found)]
    blocks += ["## Tables and noises", described(found), errors(results)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def summary_text():
    """Return what the columns of the summary are."""
    even, people = (summary.FAMILIES[name] for name in ("even", "mistakes"))
    return (
        "Mean R2 over cells (a cell is a table with a noise), by family of noise. An R2 under 0 "
        "counts as 0. *Even noise*: "
        + ", ".join(f"`{one}`" for one in even)
        + "; *mistakes*: "
        + ", ".join(f"`{one}`" for one in people)
        + " (as far as they were run); *measured*: tables with a cheap label to learn from and a "
        "good one to be scored on. *Rank*: mean over the cells, 1 is best. *Lost*: R2 that the "
        "noise takes from the model itself, mean over noisy cells."
    )


def summary_table(results, found, names):
    """Return mean R2 by family of noise, ranks and what the noise takes, best on noisy cells first.

    Only cells count that all of these models have.
    """
    shared = summary.shared_cells(found, names)
    rank = summary.ranks(found, names)
    rows = []
    for name in sorted(names, key=lambda name: -(noisy_r2(shared, name) or 0)):
        row = [bold(name)]
        for family in summary.FAMILIES:
            mean = summary.mean_r2(shared, name, lambda _, noise, f=family: in_family(noise, f))
            row.append(number(mean))
        row += [number(noisy_r2(shared, name)), number(rank.get(name), 1)]
        rows.append([*row, number(summary.spent_by_noise(shared, name))])
    header = ["model", "no noise", "even noise", "mistakes", "measured", "all with noise", "rank"]
    n_noisy = sum(noise != "none" for _, noise in shared)
    text = f"{len(shared)} cells that all of these models have, {n_noisy} of them with noise."
    return grid([*header, "lost"], rows) + "\n\n" + text


def by_noise(found, names):
    """Return mean R2 over the tables for each noise, on the cells that all models have."""
    shared = summary.shared_cells(found, names)
    noises = [one for one in ("given", *DESCRIPTIONS) if any(one == n for _, n in shared)]
    rows = [
        [
            bold(name),
            *(
                number(summary.mean_r2(shared, name, lambda _, n, one=one: n == one))
                for one in noises
            ),
        ]
        for name in names
    ]
    text = (
        "Mean over the tables. A label that is a thousand times too large, as under `unit10`, is "
        "seen by anyone who looks at the labels first; here nobody does. The absolute loss aims at "
        "the median, which is not the mean where many labels are zero, and has to be behind there. "
        "MLPRegressor does not scale the labels, and by default stops far from large ones."
    )
    return text + "\n\n" + grid(["model", *(f"`{noise}`" for noise in noises)], rows)


def by_kind(found, names):
    """Return mean R2 over noisy cells by kind of table, and without two hard noises."""
    shared = summary.shared_cells(found, names)
    kinds = list(dict.fromkeys(TABLES[table].kind for table, _ in shared))
    rows = []
    for name in names:
        means = [
            summary.mean_r2(
                shared, name, lambda t, n, kind=kind: n != "none" and TABLES[t].kind == kind
            )
            for kind in kinds
        ]
        mild = summary.mean_r2(shared, name, lambda _, n: n not in ("none", "unit10", "shift30"))
        rows.append([bold(name), *map(number, [*means, mild])])
    text = (
        "Cells with noise. The last column leaves out `unit10` and `shift30`, which bring most "
        "models down to 0 and so decide much of the mean of all."
    )
    return text + "\n\n" + grid(["model", *kinds, "all, without those two"], rows)


def in_family(noise, family):
    """Return whether a noise belongs to a family."""
    return summary.FAMILY[noise] == family


def noisy_r2(found, name):
    """Return mean R2 over all cells with noise."""
    return summary.mean_r2(found, name, lambda _, noise: noise != "none")


def cost_table(results, names):
    """Return what fits and predictions cost, and sizes: medians over cells."""
    rows = []
    for name in names:
        costs = [
            summary.median_of(results, figure, name)
            for figure in ("fit_seconds", "microseconds", "one_row_ms", "numbers", "bytes")
        ]
        row = [bold(name), number(costs[0], 2), number(costs[1], 1), number(costs[2], 2)]
        row += ["" if costs[3] is None else f"{costs[3]:,.0f}", f"{costs[4] / 1000:,.0f}"]
        rows.append(row)
    header = ["model", "fit (s)", "µs a row", "one row (ms)", "numbers", "kB"]
    text = "Medians over all cells; CPU time of one thread; *µs a row* in a call with 1,000 rows."
    return text + "\n\n" + grid(header, rows)


def duels(found, names):
    """Return in how many cells DistilledRegressor wins and loses against each other model."""
    rows = []
    for name in (one for one in names if one != OURS):
        row = [MODELS[name].title]
        for noisy in (False, True):
            some = {cell: m for cell, m in found.items() if (cell[1] != "none") == noisy}
            wins, losses, n_cells = summary.compare(some, OURS, name)
            row += [str(wins), str(losses), str(n_cells)]
        rows.append(row)
    header = ["against", "wins without noise", "losses", "cells"]
    yield (
        "A win is a difference of R2 of more than .01 and of more than the standard error of the "
        "mean difference over the seeds; what is between is neither."
    )
    yield grid([*header, "wins with noise", "losses", "cells"], rows)


def lost(found, names):
    """Return where another model is better than DistilledRegressor, the worst first."""
    others = [name for name in names if name != OURS]
    rows = summary.losses(found, OURS, others)
    if not rows:
        yield "In no cell."
        return
    n_cells = sum(OURS in models for models in found.values())
    yield f"The best other model in each of {len(rows)} such cells, of {n_cells}."
    header = ["table", "noise", "better model", "its R2", "DistilledRegressor", "difference"]
    yield grid(
        header,
        [
            [t, n, MODELS[other].title, number(r2), number(mine), number(r2 - mine)]
            for t, n, other, mine, r2 in rows
        ],
    )


def slow_table(found, broad, slow):
    """Return R2 of slow models beside those of all others on the same cells."""
    blocks = [
        "They ran on the first seed and on some noises and tables. Beside them the others there."
    ]
    for name in slow:
        cells = {c: first_seed(m) for c, m in found.items() if name in m and OURS in m}
        rows = []
        for one in sorted([*broad, name], key=lambda one: -(noisy_r2(cells, one) or 0)):
            clean = summary.mean_r2(cells, one, lambda _, noise: noise == "none")
            rows.append([bold(one), number(clean), number(noisy_r2(cells, one))])
        n_noisy = sum(noise != "none" for _, noise in cells)
        header = ["model", f"no noise ({len(cells) - n_noisy} cells)", f"with noise ({n_noisy})"]
        blocks += [f"Where {MODELS[name].title} ran:", grid(header, rows)]
    return "\n\n".join(blocks)


def first_seed(models):
    """Return the results of a cell on its first seed."""
    return {name: {0: seeds[0]} for name, seeds in models.items() if 0 in seeds}


def teachers(results, found, names):
    """Return what students keep of their teachers."""
    rows = []
    for name in (name for name in names if MODELS[name].teacher in names):
        teacher = MODELS[name].teacher
        cells = {c: first_seed(m) for c, m in found.items() if name in m and teacher in m}
        row = [MODELS[teacher].title]
        for noisy in (False, True):
            for one in (teacher, name):
                r2 = summary.mean_r2(cells, one, lambda _, n, noisy=noisy: (n != "none") == noisy)
                row.append(number(r2))
        for one in (teacher, name):
            size = summary.median_of(results, "numbers", one)
            kilobytes = summary.median_of(results, "bytes", one) / 1000
            row.append("" if size is None else f"{size:,.0f}")
            row.append(f"{kilobytes:,.0f}")
            row.append(number(summary.median_of(results, "microseconds", one), 1))
        rows.append([*row, str(len(cells))])
    if not rows:
        return []
    header = [
        "teacher",
        "R2 without noise: teacher",
        "student",
        "R2 with noise: teacher",
        "student",
    ]
    header += [
        "numbers of the teacher",
        "kB",
        "µs a row",
        "numbers of the student",
        "kB",
        "µs a row",
    ]
    text = (
        "`DistilledRegressor(teacher=...)`, on the first seed. The teacher's R2 is that of the "
        "model alone, trained on the same labels; the student's teacher learns from repaired ones."
    )
    return ["## What a student keeps of its teacher", text, grid([*header, "cells"], rows)]


def flag_table(results, finders):
    """Return what flags and suspicion are worth, by noise."""
    rows = []
    for noise in (one for one in DESCRIPTIONS if any(r["noise"] == one for r in results)):
        for name in finders:
            values = [
                summary.mean_of(results, figure, name, lambda _, n, noise=noise: n == noise)
                for figure in FLAG_FIGURES
            ]
            if values[0] is not None:
                rows.append([f"`{noise}`", MODELS[name].title, *map(number, values)])
    text = (
        "Means over tables and seeds. *First 50*: how many of the 50 most suspicious labels (of as "
        "many as are wrong, where these are fewer) are wrong, as a share. *Error removed*: 1 - "
        "RMSE of the labels over that of the given ones, with the suggestion in the place of each "
        "flagged label."
    )
    return text + "\n\n" + grid(["noise", "model", *FLAG_FIGURES.values()], rows)


def clean_flags(results, finders):
    """Return how many labels are flagged on tables with no wrong label."""
    rows = []
    for table in tables_of({(one["table"], one["noise"]): 0 for one in results}):
        shares = []
        for name in finders:
            found = [
                one["flagged"] / one["labels"]
                for one in summary.good(results)
                if (one["table"], one["noise"], one["model"]) == (table, "none", name)
            ]
            shares.append(f"{np.mean(found):.1%}" if found else "")
        if any(shares):
            rows.append([table, *shares])
    header = ["table", *(MODELS[name].title for name in finders)]
    text = "Share of the labels that are flagged although none was spoiled, mean over seeds."
    return text + "\n\n" + grid(header, rows)


def each_table(table, found, names):
    """Return R2 of each model on a table, by noise."""
    noises = [noise for noise in ("given", *DESCRIPTIONS) if (table, noise) in found]
    header = ["model", *(f"`{noise}`" for noise in noises)]
    rows = []
    for name in names:
        scores = [found[table, noise].get(name, {}).values() for noise in noises]
        if any(scores):
            row = [number(np.mean(list(one))) if one else "" for one in scores]
            rows.append([bold(name), *row])
    return f"### {table}\n\n{TABLES[table].about} ({TABLES[table].source})\n\n" + grid(header, rows)


def main(argv=None):
    """Read records, write the page, draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", type=Path, nargs="+", required=True)
    parser.add_argument("--page", type=Path, required=True)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--notes", type=Path, help="Markdown on this very record")
    options = parser.parse_args(argv)
    runs, results = record.read(options.record)
    results = [one for one in results if one["model"] in MODELS and one["table"] in TABLES]
    if not results:
        raise SystemExit(f"There are no results in {', '.join(map(str, options.record))}.")
    link = None
    if options.picture:
        from benchmarks.noisy_regression.picture import draw

        draw(results, options.picture)
        link = options.picture.resolve().relative_to(options.page.resolve().parent).as_posix()
    notes = options.notes.read_text(encoding="utf-8") if options.notes else ""
    options.page.write_text(page(runs, results, link, notes), encoding="utf-8")


if __name__ == "__main__":
    main()
