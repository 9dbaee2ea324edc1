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

Run it with ``make digits``, or in seconds, to see that it works::

    python examples/3-papers/digits.py --quick

.. image:: /images/digits.png
   :alt: Mean error in degrees of all models against the share of wrong labels

"""  # noqa: D205, D400  (the first line is the title of a page)
# sphinx_gallery_thumbnail_path = "images/digits.png"

from functools import partial

import numpy as np
from angles import add_choices, check_sizes, compare, fit_models
from common import options
from scipy.ndimage import rotate
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_regkd import StudentRegressor
from sklearn_regkd.datasets import corrupt_labels
from sklearn_regkd.networks.cnn import CNN, large_cnn

MOST = 45.0  # degrees


def turned_digits(seed):
    """Return pictures (n, 8, 8), uint8, and the angles in degrees."""
    images = load_digits().images * (255 / 16)
    angles = np.random.default_rng(seed).uniform(-MOST, MOST, len(images))
    turned = [
        rotate(one, angle, reshape=False, order=1)
        for one, angle in zip(images, angles, strict=True)
    ]
    return np.clip(turned, 0, 255).astype(np.uint8), angles


def run(kind, quick, share, seed):
    """Return the mean absolute error of each model in degrees."""
    X, y = turned_digits(seed)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
    given, _ = corrupt_labels(y, kind, share, random_state=seed)
    teacher = StudentRegressor(
        module=large_cnn,
        loss="absolute_error",
        lr=0.003,
        max_epochs=1 if quick else 20,
        batch_size=64,
    )
    student = StudentRegressor(
        module=CNN,
        module_params={"channels": (8, 12, 12)},
        lr=0.005,
        max_epochs=1 if quick else 40,
        batch_size=64,
        random_state=seed,
    )
    models = fit_models(X, given, seed, teacher, student)
    check_sizes(models)
    return {name: np.abs(m.predict(X_test) - y_test).mean() for name, m in models.items()}


def main():
    found = options("Angles of turned digits, with wrong labels.", "digits.png", add_choices)
    if found.quick:
        found.seeds, found.shares = 1, [0.0, 0.4]
    title = f"Turned digits: mean error in degrees ({found.kind} errors; seeds: {found.seeds})"
    compare(partial(run, found.kind, found.quick), found, title)


if __name__ == "__main__":
    main()
