"""What the records of intervals.py prove, as text: one paragraph for each claim, then the tables.

A cell is one table with one noise at one coverage, the mean over seeds. Claims that compare two
methods take the cells that both have.
"""

import numpy as np
from accuracy import table

COVERAGES = (0.8, 0.9, 0.95)
MEAN_WITHIN = 0.025
CELL_WITHIN = 0.05 + 1e-9  # 1 is within 5 points of 0.95
REFERENCE = "none"


def report(records):
    """Return the report.

    Parameters
    ----------
    records : list of dict
        Lines of intervals.py. All must have the same number of rows.
    """
    sizes = {record["rows"] for record in records}
    if len(sizes) != 1:
        raise SystemExit(f"Records of {sorted(sizes)} rows cannot be compared: report one of them.")
    methods = list(dict.fromkeys(record["method"] for record in records))
    seeds = {m: len({r["seed"] for r in records if r["method"] == m}) for m in methods}
    counts = ", ".join(f"{m} of {sum(r['method'] == m for r in records)}" for m in methods)
    blocks = [
        f"At most {sizes.pop():,} rows of each table; seeds: {max(seeds.values())}. Fits: {counts}."
    ]
    cells = {method: cells_of(records, method) for method in methods}
    blocks += ["## Coverage", coverage_table(records, cells)]
    blocks += ["## Width with wrong labels, in that on clean ones", width_table(cells)]
    if {"ours", "mapie_student"} <= set(methods):
        text = narrower(cells["ours"], cells["mapie_student"])
        blocks += ["## Narrower than MAPIE around the same student", text]
    for peer in (name for name in methods if name.startswith("mapie")):
        if "ours" in methods:
            text = score_table(cells["ours"], cells[peer])
            blocks += [f"## Interval score: tables where ours is at or below {peer}", text]
    blocks += ["## Correlation of width and noise that grows", correlation_table(records, methods)]
    for method in methods:
        blocks += [f"## {method}, mean over seeds", cell_table(records, cells[method], method)]
    return "\n\n".join(blocks)


def cells_of(records, method):
    """Return the means over seeds: (table, noise, coverage) -> inside, width, winkler."""
    found = {}
    for record in records:
        if record["method"] == method:
            for coverage, one in record["at"].items():
                key = (record["table"], record["noise"], float(coverage))
                found.setdefault(key, []).append((one["inside"], one["width"], one["winkler"]))
    return {key: np.mean(values, axis=0) for key, values in found.items()}


def groups_of(tables):
    """Return the names of groups of tables, and what tells whether a table is one of them."""
    groups = {
        "smooth": lambda name: not name.startswith("zero_"),
        "zero_*": lambda name: name.startswith("zero_"),
        "all": lambda name: True,
    }
    return {name: test for name, test in groups.items() if any(map(test, tables))}


def coverage_table(records, cells):
    """Return how far the share inside is from what was asked for.

    Mean of all cells, share of cells within 5 points, and share of single fits within 5 points.
    Where many labels are the same number an interval that has that end may hold more than was
    asked for: so cells are counted, too, that lack no more than 5 points.
    """
    header = ["method", "tables", "noise", *(f"mean at {c}" for c in COVERAGES)]
    header += ["cells within 5 points", "cells that lack at most 5", "fits within 5", "claim"]
    rows = []
    for method, found in cells.items():
        noises = list(dict.fromkeys(noise for _, noise, _ in found))
        fits = [
            (r["table"], r["noise"], one["inside"] - float(coverage))
            for r in records
            if r["method"] == method
            for coverage, one in r["at"].items()
        ]
        for group, belongs in groups_of({name for name, _, _ in found}).items():
            for noise in [*noises, "all"]:

                def picked(name, label, belongs=belongs, noise=noise):
                    return belongs(name) and noise in (label, "all")

                keys = [key for key in found if picked(*key[:2])]
                if not keys:
                    continue
                off = np.array([found[key][0] - key[2] for key in keys])
                asked = np.array([key[2] for key in keys])
                means = [off[asked == coverage].mean() for coverage in COVERAGES]
                one_fit = np.array([error for *names, error in fits if picked(*names)])
                within = np.mean(abs(off) <= CELL_WITHIN)
                kept = max(map(abs, means)) <= MEAN_WITHIN and within >= 0.9
                row = [method, group, noise, *(f"{mean:+.3f}" for mean in means)]
                row += [f"{within:.0%} of {len(off)}", f"{np.mean(off >= -CELL_WITHIN):.0%}"]
                row += [f"{np.mean(abs(one_fit) <= CELL_WITHIN):.0%}"]
                rows.append([*row, "kept" if kept else "not kept"])
    return table(header, rows)


def width_table(cells):
    """Return widths in terms of those of the same method, table and coverage on clean labels."""
    rows = []
    for method, found in cells.items():
        for group, belongs in groups_of({name for name, _, _ in found}).items():
            noises = list(dict.fromkeys(noise for _, noise, _ in found))
            for noise in (one for one in noises if one not in (REFERENCE, "hetero")):
                ratios = [
                    value[1] / found[name, REFERENCE, coverage][1]
                    for (name, label, coverage), value in found.items()
                    if label == noise and belongs(name) and (name, REFERENCE, coverage) in found
                ]
                if ratios:
                    numbers = (np.mean(ratios), np.median(ratios), np.max(ratios))
                    rows.append([method, group, noise, *(f"{one:.2f}" for one in numbers)])
    return table(["method", "tables", "noise", "mean", "median", "most"], rows)


def narrower(ours, theirs):
    """Return in how many noisy cells where both cover ours are narrower; which are not."""
    both = [
        key
        for key in ours
        if key[1] != REFERENCE
        and key in theirs
        and min(ours[key][0], theirs[key][0]) >= key[2] - CELL_WITHIN
    ]
    rows, wider = [], []
    for noise in dict.fromkeys(key[1] for key in both):
        of_noise = [key for key in both if key[1] == noise]
        won = [ours[key][1] < theirs[key][1] for key in of_noise]
        ratio = np.mean([ours[key][1] / theirs[key][1] for key in of_noise])
        n_noisy = sum(key[1] == noise and key in theirs for key in ours)
        rows.append([noise, f"{sum(won)} of {len(won)}", str(n_noisy), f"{ratio:.2f}"])
        wider += [key for key, less in zip(of_noise, won, strict=True) if not less]
    header = ["noise", "narrower where both cover", "cells", "mean ratio of widths"]
    names = ", ".join(
        f"{name} {noise} {coverage} ({ours[name, noise, coverage][1]:.2f}, "
        f"{theirs[name, noise, coverage][1]:.2f})"
        for name, noise, coverage in wider
    )
    return table(header, rows) + f"\n\nNot narrower (ours, MAPIE's): {names or 'none'}."


def score_table(ours, theirs):
    """Return on how many tables the interval score is at or below that of a peer."""
    header = ["tables", "noise", *map(str, COVERAGES), "mean of the three", "mean ratio", "not on"]
    rows = []
    for group, belongs in groups_of({name for name, _, _ in ours}).items():
        if group == "all":
            continue
        for noise in dict.fromkeys(key[1] for key in ours if belongs(key[0])):
            names = dict.fromkeys(name for name, label, _ in ours if label == noise)
            ratios = {
                name: [
                    ours[name, noise, c][2] / theirs[name, noise, c][2]
                    if {(name, noise, c)} <= ours.keys() & theirs.keys()
                    else np.nan
                    for c in COVERAGES
                ]
                for name in names
                if belongs(name)
            }
            # Only tables with all coverages of both are counted.
            ratios = {name: ratio for name, ratio in ratios.items() if not np.isnan(ratio).any()}
            if not ratios:
                continue
            each = np.array(list(ratios.values()))
            mean = each.mean(axis=1)
            wins = [(each[:, i] <= 1).sum() for i in range(len(COVERAGES))] + [(mean <= 1).sum()]
            lost = [name for name, ratio in zip(ratios, mean, strict=True) if ratio > 1]
            row = [group, noise, *(f"{one} of {len(each)}" for one in wins)]
            rows.append([*row, f"{mean.mean():.2f}", ", ".join(lost)])
    return table(header, rows)


def correlation_table(records, methods):
    """Return the correlation per table at 0.9, and the largest that the feature allows."""
    found = [record for record in records if "follows" in record]
    rows = []
    for name in dict.fromkeys(record["table"] for record in found):
        of_table = [record for record in found if record["table"] == name]
        cells = [[r["follows"] for r in of_table if r["method"] == m] for m in methods]
        most = np.mean([record["most"] for record in of_table])
        means = [f"{np.mean(values):.2f}" if values else "" for values in cells]
        rows.append([name, *means, f"{most:.2f}"])
    if rows:
        columns = [[float(row[i]) for row in rows if row[i]] for i in range(1, len(methods) + 1)]
        reached = [f"{sum(v >= 0.7 for v in column)} of {len(column)}" for column in columns]
        means = [f"{np.mean(column):.2f}" if column else "" for column in columns]
        rows += [["mean", *means, ""], ["at least .7", *reached, ""]]
    return table(["table", *methods, "most"], rows)


def cell_table(records, cells, method):
    """Return inside, width and score at each coverage for each table and noise."""
    seconds = {}
    for record in records:
        if record["method"] == method:
            seconds.setdefault((record["table"], record["noise"]), []).append(record["seconds"])
    header = ["table", "noise"]
    header += [f"{what} {c}" for what in ("inside", "width", "score") for c in COVERAGES]
    rows = []
    for (name, noise), spent in seconds.items():
        row = [name, noise]
        for what, digits in ((0, 3), (1, 2), (2, 2)):
            for coverage in COVERAGES:
                one = cells.get((name, noise, coverage))
                row.append("" if one is None else f"{one[what]:.{digits}f}")
        rows.append([*row, f"{np.mean(spent):.1f}"])
    return table([*header, "seconds"], rows)
