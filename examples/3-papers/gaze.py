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

Run it with ``make gaze DATA=eyes.npz``, or a part of it::

    python examples/3-papers/gaze.py --data eyes.npz --seeds 1 --shares 0 0.4

.. image:: /images/gaze.png
   :alt: Mean angular error in degrees of all models against the share of wrong labels

"""  # noqa: D205, D400  (the first line is the title of a page)
# sphinx_gallery_thumbnail_path = "images/gaze.png"

from functools import partial

import numpy as np
from angles import add_choices, check_sizes, compare, fit_models
from common import options
from sklearn.cluster import KMeans
from sklearn.model_selection import GroupShuffleSplit

from sklearn_regkd import StudentRegressor
from sklearn_regkd.datasets import corrupt_labels, load_mpiigaze, mean_angular_error
from sklearn_regkd.networks.cnn import large_cnn, small_cnn

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


def run(data, kind, quick, share, seed):
    """Return the mean angular error of each model."""
    X, y, groups = data
    split = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=seed)
    train, test = next(split.split(X, groups=groups))
    given, _ = corrupt_labels(y[train], kind, share, random_state=seed)
    teacher = StudentRegressor(
        module=large_cnn,
        loss="absolute_error",
        lr=0.003,
        max_epochs=1 if quick else 8,
        batch_size=64,
    )
    student = StudentRegressor(
        module=small_cnn, lr=0.005, max_epochs=1 if quick else 15, batch_size=64, random_state=seed
    )
    models = fit_models(X[train], given, seed, teacher, student)
    check_sizes(models)
    return {name: mean_angular_error(y[test], m.predict(X[test])) for name, m in models.items()}


def add(parser):
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", help="file .npz with X (n, 36, 60) uint8 and y (n, 2) radians")
    source.add_argument("--folder", help="the unpacked MPIIGaze")
    parser.add_argument("--persons", nargs="+", default=["p00"], help="whom of the folder")
    add_choices(parser)


def main():
    found = options("Gaze from pictures of eyes, with wrong labels.", "gaze.png", add)
    data = load_file(found.data) if found.data else load_folder(found.folder, found.persons)
    title = f"Gaze: mean angular error in degrees ({found.kind} errors; seeds: {found.seeds})"
    compare(partial(run, data, found.kind, found.quick), found, title)


if __name__ == "__main__":
    main()
