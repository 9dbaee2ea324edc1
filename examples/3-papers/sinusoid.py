"""
Teacher outlier rejection on a noisy sine
=========================================

The toy experiment of M. Takamoto, Y. Morishita, H. Imaoka, "An efficient method of
training small models for regression problems with knowledge distillation", MIPR 2020,
arXiv 2002.12597: a small student learns ``y = sin(2 pi x)`` from noisy labels, of which
a growing share is wrong. Four ways of training it are compared:

- the student alone, with squared error on the labels as they came;
- the teacher only: the student imitates the teacher and never sees a label;
- teacher outlier rejection (TOR) with one output;
- TOR with two outputs, one for the label and one for the teacher.

The score is the root mean squared error (RMSE) against the true sine.

**What is ours.** Of the paper we could read the abstract, and two public
implementations restate its loss. All of the following could not be read, is our choice,
and makes the numbers below no reproduction of the paper's: the number of samples (200)
and of repeats, the noise (Gaussian, standard deviation 0.1), the kinds and sizes of the
outliers (``gross``: Gaussian of 3 standard deviations of the labels; ``shift``: 3
standard deviations upwards, always the same), their shares, the teacher and its size,
the size of the student, and all training settings, the weight of the second output and
the output that predicts among them.

**The teacher** is a wide network of the same family, as a large and a small network are
the paper's subject. It is trained with the absolute error: a teacher that is to find
wrong labels must not follow them itself, and under ``shift`` a squared error
would move it by the share of wrong labels times their size. ``teacher itself`` is listed
for comparison; it is no student.

This page and a notebook show a ``--quick`` run, which takes seconds and proves nothing. The
figures of the user guide are those of ``make sinusoid``, a script; a part of it is::

    python examples/3-papers/sinusoid.py --seeds 2 --shares 0 0.3

"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, cross_val_predict
from threadpoolctl import threadpool_limits

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.datasets import make_sinusoid

parser = argparse.ArgumentParser(description="The toy experiment of arXiv 2002.12597.")
parser.add_argument("--seeds", type=int, default=5, help="number of repeats")
parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.1, 0.2, 0.3, 0.4])
parser.add_argument("--output", default="sinusoid.png", help="file of the picture")
parser.add_argument("--quick", action="store_true", help="1 seed: to see that it runs")
# A notebook has no command line: what would stand on it stands in this list.
options = parser.parse_args(["--quick"] if "ipykernel" in sys.modules else None)
if options.seeds < 1:
    parser.error("--seeds must be at least 1")
student_epochs, teacher_epochs = 250, 150
if options.quick:
    options.seeds, options.shares, options.output = 1, [0.0, 0.3], None
    student_epochs, teacher_epochs = 120, 60
    print("--quick: 1 seed, few shares, short training. These numbers mean nothing.")
shares = sorted(set(options.shares))

KINDS = {
    "gross": "gross: wrong by chance, either way",
    "shift": "shift: all wrong the same way",
}
ALONE = "student alone"
ONLY = "teacher only"
TOR_1 = "TOR, one output"
TOR_2 = "TOR, two outputs"
TEACHER = "teacher itself"
MODELS = (ALONE, ONLY, TOR_1, TOR_2, TEACHER)
# Okabe and Ito's colours, which the colour-blind can distinguish, with marks and dashes
# for those who see none.
LOOKS = {
    ALONE: {"color": "#D55E00", "marker": "X", "ls": "-"},
    ONLY: {"color": "#E69F00", "marker": "^", "ls": "--"},
    TOR_1: {"color": "#009E73", "marker": "s", "ls": "-."},
    TOR_2: {"color": "#0072B2", "marker": "o", "ls": "-"},
}

# %%
# The sine, the student and the teacher
# -------------------------------------
# Plain networks. Ranks and waves of the inputs, which the default student sees, are made for
# tables: on 200 noisy points of a smooth function they double the error.

GRID = np.linspace(0, 1, 501)[:, None]
TRUTH = np.sin(2 * np.pi * GRID[:, 0])
PLAIN = {"embedding": None, "input_transform": "standard", "lr": 0.01, "batch_size": 100}


def make_student(seed):
    return StudentRegressor((32, 32), max_epochs=student_epochs, random_state=seed, **PLAIN)


def make_teacher(seed):
    return StudentRegressor(
        (128, 128),
        loss="absolute_error",
        max_epochs=teacher_epochs,
        random_state=seed,
        **PLAIN,
    )


# %%
# Four ways of training
# ---------------------


def fit_models(X, y, seed):
    """Return the fitted models by name."""
    # TORRegressor(teacher) would cross-fit the teacher by itself. Both TOR students have
    # the same teacher here, so it is cross-fitted once.
    folds = KFold(5, shuffle=True, random_state=seed)
    oof_prediction = cross_val_predict(make_teacher(seed), X, y, cv=folds)
    teacher = make_teacher(seed).fit(X, y)
    student = make_student(seed)
    tor = {"student": student, "random_state": seed}
    return {
        ALONE: make_student(seed).fit(X, y),
        ONLY: DistilledRegressor(
            FrozenEstimator(teacher),
            student,
            alpha=1.0,
            outliers=None,
            loss="squared_error",
            random_state=seed,
        ).fit(X, y),
        TOR_1: TORRegressor(heads=1, **tor).fit(X, y, teacher_prediction=oof_prediction),
        TOR_2: TORRegressor(heads=2, **tor).fit(X, y, teacher_prediction=oof_prediction),
        TEACHER: teacher,
    }


# %%
# Errors
# ------
# Networks this small gain nothing from more threads, and threads that wait for each other are many
# times slower where other programs use the same cores.


def draw_data(kind, share, seed):
    return make_sinusoid(outlier_share=share, outlier_kind=kind, random_state=seed)


def rmse_on_truth(model):
    return np.sqrt(np.mean((model.predict(GRID) - TRUTH) ** 2))


def run(shares, seeds):
    """Return the errors by kind, share and model, one value per seed."""
    errors = {}
    for share in shares:
        for kind in KINDS:
            if share == 0 and kind != "gross":  # no outliers, so no kinds
                errors[kind, share] = errors["gross", share]
                continue
            repeats = []
            for seed in range(seeds):
                X, y, _, _ = draw_data(kind, share, seed)
                repeats.append([rmse_on_truth(m) for m in fit_models(X, y, seed).values()])
            errors[kind, share] = dict(zip(MODELS, np.transpose(repeats), strict=True))
    return errors


def standard_error(values):
    """Return the standard error of the mean, 0 where there is a single value."""
    return values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0


def with_error(values):
    """Return the mean and, of several values, its standard error."""
    error = f" +- {standard_error(values):.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{error}"


def print_table(errors, seeds):
    what = f"mean of {seeds} seeds +- standard error" if seeds > 1 else "1 seed"
    print(f"RMSE against the true sine, {what}")
    print("* is the lowest mean; where another lies within a standard error, that is chance\n")
    line = "{:<6}{:>7}" + "{:>19}" * len(MODELS)
    print(line.format("kind", "share", *MODELS))
    for (kind, share), by_model in sorted(errors.items()):
        best = min(by_model, key=lambda name: by_model[name].mean())
        cells = [f"{with_error(v)}{'*' if name == best else ' '}" for name, v in by_model.items()]
        print(line.format(kind, f"{share:.0%}", *cells))


with threadpool_limits(1):
    errors = run(shares, options.seeds)
print_table(errors, options.seeds)

# %%
# The picture
# -----------


def draw_errors(ax, errors, kind, shares):
    """Draw the error against the share of wrong labels."""
    # Side by side, for the error bars of equal models to be seen.
    for offset, (name, look) in zip(np.linspace(-0.9, 0.9, len(LOOKS)), LOOKS.items(), strict=True):
        values = [errors[kind, share][name] for share in shares]
        ax.errorbar(
            100 * np.array(shares) + offset,
            [v.mean() for v in values],
            yerr=[standard_error(v) for v in values],
            label=name,
            capsize=3,
            **look,
        )
    ax.set(
        title=KINDS[kind],
        xlabel="wrong labels (%)",
        xticks=[100 * share for share in shares],
        ylabel="error against the true sine (RMSE, logarithmic)",
        # The errors span a factor of forty; on a linear axis the good models are one line.
        yscale="log",
    )
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.grid(axis="y", alpha=0.3)


def draw_example(ax, kind, share):
    """Draw the data of one seed and the models' predictions."""
    X, y, _, mask = draw_data(kind, share, 0)
    ax.scatter(X[~mask], y[~mask], s=12, c="#8A8A8A", alpha=0.6, lw=0, label="good labels")
    ax.scatter(X[mask], y[mask], s=22, c="black", marker="x", lw=1, label="wrong labels")
    ax.plot(GRID, TRUTH, color="black", lw=8, alpha=0.2, label="true sine")
    models = fit_models(X, y, 0)
    # Curves that coincide are drawn thick to thin, for all of them to be seen.
    for name, width in ((TOR_2, 4), (TOR_1, 2.5), (ONLY, 1.5), (ALONE, 2)):
        style = {k: v for k, v in LOOKS[name].items() if k != "marker"}
        ax.plot(GRID, models[name].predict(GRID), lw=width, **style)
    ax.set(title=f"one example: {kind}, {share:.0%} wrong", xlabel="x", ylabel="y")


with plt.rc_context({"font.size": 10, "axes.titlesize": 11}):
    figure, axes = plt.subplots(
        1, 3, figsize=(14, 5), layout="constrained", width_ratios=(1, 1, 1.3)
    )
    with threadpool_limits(1):
        draw_example(axes[2], "shift", 0.3)
    for ax, kind in zip(axes, KINDS, strict=False):
        draw_errors(ax, errors, kind, shares)
    limits = [limit for ax in axes[:2] for limit in ax.get_ylim()]
    for ax in axes[:2]:
        ax.set_ylim(min(limits), max(limits))
    handles, titles = axes[0].get_legend_handles_labels()
    more, more_titles = axes[2].get_legend_handles_labels()
    figure.legend(handles + more, titles + more_titles, loc="outside lower center", ncols=7)
    figure.suptitle("A small student learns a sine from labels of which some are wrong")
if options.output:
    figure.savefig(options.output, dpi=100, pil_kwargs={"optimize": True})
    print(f"\nPicture: {options.output}")
