"""
Where do you look? A small network for gaze, distilled from a larger one
========================================================================

The direction of gaze (pitch and yaw) from a grey picture of an eye, 36 x 60 pixels, as in MPIIGaze
(X. Zhang, Y. Sugano, M. Fritz, A. Bulling, CVPR 2015). A growing share of the training labels
gets an annotation error (``--kind gross``: Gaussian, of three standard deviations of the labels).
Compared are, by the mean angle between true and predicted gaze on clean labels of test rows:

- a teacher with 187,442 parameters;
- a student with less than a tenth of them, alone: with squared and with absolute error, and with
  the latter for four times as many epochs;
- the same student, distilled by ``TORRegressor`` and ``DistilledRegressor``, by the latter also
  with three mixed pictures for each of the training set, which the teacher labels.

The teacher learns from the same wrong labels, with the absolute error. Nothing was tuned.

**The data** are yours to get (CC BY-NC-SA 4.0, non-commercial research): either the unpacked data
set, ``--folder MPIIGaze --persons p00``, or a file ``--data eyes.npz`` of arrays ``X`` (n, 36, 60),
uint8, and ``y`` (n, 2), pitch and yaw in radians.

**The split.** Frames that follow each other are nearly the same picture; were some of them among
the training rows, all errors would look too small. Of a folder whole days are held out, each a
block of frames in time. A file holds no times, and the evaluation lists of MPIIGaze are
drawn at random, so that a block of its rows would be no block of time: there pictures are sorted
into 40 groups by their light (k-means of means over 6 x 6 pixels), and whole groups are held out.

This page and a notebook show a ``--quick`` run on eyes that are drawn here: a dark disc on a light
one. The figures of the user guide are those of ``make gaze DATA=eyes.npz``, a script::

    python examples/3-papers/gaze.py --data eyes.npz --seeds 1 --shares 0 0.4

"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import sys
import tempfile
import warnings

import matplotlib.pyplot as plt
import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.model_selection import GroupShuffleSplit
from threadpoolctl import threadpool_limits

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.datasets import corrupt_labels, load_mpiigaze, mean_angular_error
from sklearn_regkd.networks.cnn import large_cnn, small_cnn
from sklearn_regkd.supervision.synthetic import SyntheticRows

parser = argparse.ArgumentParser(description="Gaze from pictures of eyes, with wrong labels.")
parser.add_argument("--seeds", type=int, default=5, help="number of repeats")
parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.1, 0.2, 0.4])
parser.add_argument("--kind", default="gross", help="gross, swap or shift")
parser.add_argument("--output", default="gaze.png", help="file of the picture")
parser.add_argument(
    "--quick",
    action="store_true",
    help="4 epochs, eyes are drawn if none are given: to see that it runs",
)
source = parser.add_mutually_exclusive_group()
source.add_argument("--data", help="file .npz with X (n, 36, 60) uint8 and y (n, 2) radians")
source.add_argument("--folder", help="the unpacked MPIIGaze")
parser.add_argument("--persons", nargs="+", default=["p00"], help="whom of the folder")
# A notebook has no command line: what would stand on it stands in this list.
options = parser.parse_args(["--quick"] if "ipykernel" in sys.modules else None)
if options.seeds < 1 or options.jobs < 1:
    parser.error("--seeds and --jobs must be at least 1")
if not (options.data or options.folder or options.quick):
    parser.error("--data FILE or --folder FOLDER is needed; --quick draws eyes itself")
if options.quick:
    options.seeds, options.jobs, options.output = 1, 1, None
    options.shares = [0.0, 0.4]
    print("--quick: 1 seed, 4 epochs. These numbers mean nothing.")

# %%
# Pictures and angles
# -------------------

BLOCK = 6  # pixels


def load_file(path):
    """Return pictures, angles, and the group of each picture by its light."""
    with np.load(path) as arrays:
        X, y = arrays["X"], arrays["y"]
    if X.dtype != np.uint8 or X.ndim != 3 or y.shape != (len(X), 2):
        raise SystemExit(f"{path}: expected X (n, height, width) uint8 and y (n, 2)")
    height, width = (size - size % BLOCK for size in X.shape[1:])
    blocks = X[:, :height, :width].reshape(len(X), height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    light = blocks.mean(axis=(2, 4)).reshape(len(X), -1)
    return X, y, KMeans(40, n_init=3, random_state=0).fit_predict(light)


def load_folder(path, persons):
    """Return pictures, angles, and the day of each picture."""
    eyes = load_mpiigaze(path, persons)
    days = np.char.add(eyes.groups, eyes.day)
    return np.asarray(eyes.images), eyes.y, np.unique(days, return_inverse=True)[1]


def draw_eyes(n_eyes=400, seed=0):
    """Return pictures of made-up eyes, their angles in radians, and the light that they are in."""
    rng = np.random.default_rng(seed)
    y = rng.uniform([-0.3, -0.5], [0.3, 0.5], (n_eyes, 2))
    light = rng.integers(20, size=n_eyes)
    down, right = np.mgrid[:36, :60]
    row, column = 18 - 30 * y[:, 0, None, None], 30 + 30 * y[:, 1, None, None]
    pupil = (down - row) ** 2 + (right - column) ** 2 < 36
    white = ((down - 18) / 14) ** 2 + ((right - 30) / 26) ** 2 < 1
    X = np.where(pupil, 30, np.where(white, 200, 120)) + 2 * light[:, None, None]
    return np.clip(X + rng.normal(0, 5, X.shape), 0, 255).astype(np.uint8), y, light


if options.data:
    X, y, groups = load_file(options.data)
elif options.folder:
    X, y, groups = load_folder(options.folder, options.persons)
else:
    X, y, groups = draw_eyes()
figure, axes = plt.subplots(1, 5, figsize=(9, 1.6), layout="constrained")
for ax, picture, angles in zip(axes, X, y, strict=False):
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    ax.set_title("pitch {:.0f}, yaw {:.0f}".format(*np.degrees(angles)), fontsize=9)
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
    """Return the mean angular error of each model."""
    split = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=seed)
    train, test = next(split.split(X, groups=groups))
    given, _ = corrupt_labels(y[train], options.kind, share, random_state=seed)
    teacher = StudentRegressor(
        module=large_cnn,
        loss="absolute_error",
        lr=0.003,
        max_epochs=4 if options.quick else 8,
        batch_size=64,
    )
    student = StudentRegressor(
        module=small_cnn,
        lr=0.005,
        max_epochs=4 if options.quick else 15,
        batch_size=64,
        random_state=seed,
    )
    models = fit_models(X[train], given, seed, teacher, student)
    return {name: mean_angular_error(y[test], m.predict(X[test])) for name, m in models.items()}


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


title = f"Gaze: mean angular error in degrees ({options.kind} errors; seeds: {options.seeds})"
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
