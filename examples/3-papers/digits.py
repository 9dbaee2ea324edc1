"""
How far is it turned? Rotated digits, for everybody to run
==========================================================

The 1,797 handwritten digits that come with scikit-learn, 8 x 8 pixels, each turned by a random
angle between -45 and 45 degrees; the angle is the label. A growing share of the training labels is
wrong. The models are those of ``gaze.py``: a larger convolutional teacher, a small student with
less than a tenth of its parameters alone (squared and absolute error), and the same student
distilled by ``TORRegressor`` and ``DistilledRegressor``, by the latter also with mixed pictures.

The label is exact, but the task is not: people write at a slant, and a 0 looks the same from many
sides. That is why a few degrees of error remain.

This page and a notebook show a ``--quick`` run, which takes seconds and proves nothing. The
figures of the user guide are those of ``make digits``, a script::

    python examples/3-papers/digits.py

"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import sys
import tempfile
import warnings

import matplotlib.pyplot as plt
import numpy as np
from joblib import Parallel, delayed
from scipy.ndimage import rotate
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.datasets import corrupt_labels
from sklearn_regkd.networks.cnn import CNN, large_cnn
from sklearn_regkd.supervision.synthetic import SyntheticRows

parser = argparse.ArgumentParser(description="Angles of turned digits, with wrong labels.")
parser.add_argument("--seeds", type=int, default=5, help="number of repeats")
parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.1, 0.2, 0.4])
parser.add_argument("--kind", default="gross", help="gross, swap or shift")
parser.add_argument("--output", default="digits.png", help="file of the picture")
parser.add_argument("--quick", action="store_true", help="4 epochs: to see that it runs")
# A notebook has no command line: what would stand on it stands in this list.
options = parser.parse_args(["--quick"] if "ipykernel" in sys.modules else None)
if options.seeds < 1 or options.jobs < 1:
    parser.error("--seeds and --jobs must be at least 1")
if options.quick:
    options.seeds, options.jobs, options.output = 1, 1, None
    options.shares = [0.0, 0.4]
    print("--quick: 1 seed, 4 epochs, a third of the digits. These numbers mean nothing.")

# %%
# Turned digits
# -------------

MOST = 45.0  # degrees


def turned_digits(seed):
    """Return pictures (n, 8, 8), uint8, and the angles in degrees."""
    images = load_digits().images[: 600 if options.quick else None] * (255 / 16)
    angles = np.random.default_rng(seed).uniform(-MOST, MOST, len(images))
    turned = [
        rotate(one, angle, reshape=False, order=1)
        for one, angle in zip(images, angles, strict=True)
    ]
    return np.clip(turned, 0, 255).astype(np.uint8), angles


pictures, angles = turned_digits(seed=0)
figure, axes = plt.subplots(1, 8, figsize=(9, 1.6), layout="constrained")
for ax, picture, angle in zip(axes, pictures, angles, strict=False):
    ax.imshow(picture, cmap="gray_r")
    ax.set_title(f"{angle:.0f} degrees", fontsize=9)
    ax.set_axis_off()

# %%
# The models
# ----------
# All are trained on the same wrong labels, the teacher too. Students are trained with the absolute
# error unless another one is in their name; ``TORRegressor`` has the loss of its paper.

made = 3  # mixed pictures for each of the training set


def fit_models(X, y, seed, teacher, student):
    """Return the fitted models by name."""
    alone = clone(student).set_params(loss="absolute_error")
    # With mixed pictures there are as many more steps to train: let the other have them, too.
    longer = clone(alone).set_params(max_epochs=(1 + made) * student.max_epochs)
    with tempfile.TemporaryDirectory() as memory, warnings.catch_warnings():
        # DistilledRegressor warns that it gathers no evidence on images, but uses a fixed rule.
        warnings.filterwarnings("ignore", message="outliers='auto' needs a table")
        params = {"cv": 3, "memory": memory, "random_state": seed}
        mixed = SyntheticRows("mixup", share=made)
        tor = TORRegressor(teacher, student, **params).fit(X, y)
        models = {
            "teacher itself": tor.teacher_,  # fitted on all labels as they came
            "student alone, squared error": student.fit(X, y),
            "student alone, absolute error": alone.fit(X, y),
            "the same, four times as long": longer.fit(X, y),
            "TORRegressor": tor,
            "DistilledRegressor": DistilledRegressor(teacher, alone, **params).fit(X, y),
            "DistilledRegressor, mixed pictures": DistilledRegressor(
                teacher, alone, synthetic=mixed, **params
            ).fit(X, y),
        }
    large, small = tor.teacher_.n_parameters_, tor.student_.n_parameters_
    if 10 * small > large:
        raise ValueError(f"a student of {small} parameters is no small one beside {large}")
    return models


def run(share, seed):
    """Return the mean absolute error of each model in degrees."""
    X, y = turned_digits(seed)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
    given, _ = corrupt_labels(y, options.kind, share, random_state=seed)
    teacher = StudentRegressor(
        module=large_cnn,
        loss="absolute_error",
        lr=0.003,
        max_epochs=4 if options.quick else 20,
        batch_size=64,
    )
    student = StudentRegressor(
        module=CNN,
        module_params={"channels": (8, 12, 12)},
        lr=0.005,
        max_epochs=4 if options.quick else 40,
        batch_size=64,
        random_state=seed,
    )
    models = fit_models(X, given, seed, teacher, student)
    return {name: np.abs(m.predict(X_test) - y_test).mean() for name, m in models.items()}


# %%
# Repeats
# -------
# Networks this small gain nothing from more threads, but from more processes.


def run_on_one_thread(share, seed):
    with threadpool_limits(1):
        return run(share, seed)


tasks = [(share, seed) for share in options.shares for seed in range(options.seeds)]
found = Parallel(options.jobs)(delayed(run_on_one_thread)(*task) for task in tasks)
errors = {share: {name: [] for name in found[0]} for share in options.shares}
for (share, _), models in zip(tasks, found, strict=True):
    for name, degrees in models.items():
        errors[share][name].append(degrees)


def with_error(values, form=".3f"):
    """Return the mean and, of several values, its standard error."""
    error = f" +- {np.std(values, ddof=1) / len(values) ** 0.5:.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):{form}}{error}"


title = f"Turned digits: mean error in degrees ({options.kind} errors; seeds: {options.seeds})"
reference = "student alone, absolute error"  # the better of the two alone
print(title)
for share, models in errors.items():
    print(f"\n{share:.0%} of the training labels wrong")
    for name, values in models.items():
        beside = with_error(np.subtract(values, models[reference]), "+.3f")
        line = f"  {name:<42}{with_error(values)}"
        print(line if name == reference else f"{line}   {beside}")
print(f"\nThe second pair of numbers is the difference to: {reference}")

# %%
# The picture
# -----------
# Logarithmic: a student that follows every label is off by several times as much. Okabe and Ito's
# colours, which the colour-blind can distinguish, with marks for those who see none.

colors = ["#D55E00", "#E69F00", "#009E73", "#0072B2", "#CC79A7", "#56B4E9", "#7F7F7F"]
styles = ["-", "--", "-.", "-", ":", "--", "-"]
figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
for k, name in enumerate(found[0]):
    values = [errors[share][name] for share in errors]
    places = np.arange(len(errors)) + (k - len(found[0]) / 2) * 0.05  # side by side
    error = [np.std(v, ddof=1) / len(v) ** 0.5 if len(v) > 1 else 0 for v in values]
    look = {"color": colors[k], "ls": styles[k], "marker": "X^soDvP"[k], "capsize": 3}
    ax.errorbar(places, np.mean(values, axis=1), yerr=error, label=name, **look)
ax.set_xticks(range(len(errors)), [f"{share:.0%}" for share in errors])
ax.set(title=title, xlabel="wrong training labels", yscale="log")
ax.set_ylabel("mean error on clean test labels (degrees)")
ax.yaxis.set_major_formatter("{x:g}")
ax.yaxis.set_minor_formatter("{x:g}")
ax.grid(axis="y", which="both", alpha=0.3)
figure.legend(loc="outside right upper")
if options.output:
    figure.savefig(options.output, dpi=100, pil_kwargs={"optimize": True})
    print(f"Picture: {options.output}")
