"""Fits that end on every device where they end on the CPU, by name: functions of the device."""

import pickle
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import torch
from skorch.callbacks import Callback

from sklearn_regkd import (
    DistilledRegressor,
    DistilledSearchCV,
    StudentRegressor,
    TORRegressor,
    load,
)
from sklearn_regkd.estimators import student_training
from sklearn_regkd.losses.modules import BATCHED_LOSSES, LEARNED, TEACHER_LOSSES
from sklearn_regkd.networks.cnn import small_cnn
from sklearn_regkd.out_of_core import distill_blocks
from sklearn_regkd.training import build, checkpoint
from tests.helpers import TwoLayers, boosting, in_blocks, smooth_table

X, Y = smooth_table(150, noise=0.2)
WRONG = Y.copy()
WRONG[::9] += 30
TWO = np.column_stack([WRONG, 100 * X[:, 2] - 5])
IMAGES = np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8)
BRIGHTNESS = IMAGES[:, :4].mean(axis=(1, 2))


def student(device, **params):
    quick = {"max_epochs": 6, "batch_size": 32, "weight_decay": 0.1, "random_state": 0}
    return StudentRegressor(**{"hidden_layer_sizes": (12, 8), "device": device, **quick, **params})


def taught(device, Distiller=DistilledRegressor, learner=None, **params):
    quick = {"teacher": boosting(), "cv": 3, "random_state": 0}
    if Distiller is DistilledRegressor:
        quick |= {"outliers": 3.0, "alpha": 0.5}
    return Distiller(**{**quick, "student": student(device, **(learner or {})), **params})


def fitted_student(device, table=(X, WRONG), **params):
    return student(device, **params).fit(*table).predict(table[0])


def fitted_distiller(device, table=(X, WRONG), **params):
    return taught(device, **params).fit(*table).predict(table[0])


def reloaded(device):
    fitted = taught(device).fit(X, WRONG)
    with TemporaryDirectory() as folder:
        fitted.save(Path(folder, "model"))
        return load(Path(folder, "model")).predict(X)


def pickled(device):
    return pickle.loads(pickle.dumps(student(device).fit(X, WRONG))).predict(X)


class Crash(checkpoint.Checkpoint):
    """Ends the process, as it seems, when the third epoch is in the file."""

    def on_epoch_end(self, net, **kwargs):
        super().on_epoch_end(net, **kwargs)
        if len(net.history) == 3:
            raise InterruptedError


def resumed(device):
    with (
        TemporaryDirectory() as folder,
        patch.object(checkpoint, "LEAST_SECONDS", 0.0),
    ):
        learner = student(device, checkpoint=Path(folder, "state"))
        with patch.object(student_training, "Checkpoint", Crash), suppress(InterruptedError):
            learner.fit(X, WRONG)
        assert Path(folder, "state").exists()
        return learner.fit(X, WRONG).predict(X)


def in_parts(device):
    learner = student(device)
    for block in in_blocks(X, WRONG, 50):
        learner.partial_fit(*block)
    return learner.predict(X)


def out_of_core(device):
    with TemporaryDirectory() as folder, patch.object(build, "AUTO_STEPS", 30):
        return distill_blocks(taught(device), in_blocks(X, WRONG, 50), folder=folder).predict(X)


def searched(device, estimator=None, **grid):
    search = DistilledSearchCV(student(device) if estimator is None else estimator, grid, cv=2)
    return np.append(search.fit(X, WRONG).cv_results_["mean_test_score"], search.predict(X))


def shifted(images, generator):
    """Augment by a number of one's own for each image."""
    shape = (len(images), *[1] * (images.ndim - 1))
    return images + torch.randint(0, 9, shape, generator=generator, dtype=images.dtype)


class Watcher(Callback):
    """Has a hook for batches, so that the loop is skorch's."""

    def on_batch_end(self, net, **kwargs):
        pass


TRIED = {"weight_decay": "auto", "max_epochs": 3}
PICTURES = {"table": (IMAGES, BRIGHTNESS), "module": small_cnn}
CASES = {
    **{f"loss {name}": partial(fitted_student, loss=name) for name in BATCHED_LOSSES},
    **{f"loss {name}": partial(fitted_student, loss=name) for name in LEARNED},
    **{f"taught by {name}": partial(fitted_distiller, loss=name) for name in TEACHER_LOSSES},
    **{
        f"trials of {name}": partial(fitted_student, loss=name, **TRIED)
        for name in ("squared_error", "huber", "wing")
    },
    **{f"activation {name}": partial(fitted_student, activation=name) for name in ("relu", "gelu")},
    "linear": partial(fitted_student, hidden_layer_sizes=(), embedding=None),
    "standard inputs": partial(fitted_student, input_transform="standard", embedding=None),
    "single precision": partial(fitted_student, table=(X.astype(np.float32), WRONG)),
    "two outputs": partial(fitted_student, table=(X, TWO), loss="huber"),
    "early stopping": partial(fitted_student, early_stopping=True),
    "stochastic gradient": partial(fitted_student, optimizer="sgd", lr=0.05),
    "module": partial(fitted_student, module=TwoLayers),
    "images": partial(fitted_student, **PICTURES),
    "augmented images": partial(fitted_student, augment=shifted, **PICTURES),
    "augmented rows": partial(
        fitted_student, net_params={"iterator_train__augment": lambda rows, generator: rows + 1}
    ),
    "watched batches": partial(fitted_student, net_params={"callbacks": [Watcher()]}),
    "tor": partial(fitted_distiller, Distiller=TORRegressor),
    "default": lambda device: (
        DistilledRegressor(
            boosting(), student(device, weight_decay="auto", max_epochs=2), cv=3, random_state=0
        )
        .fit(X, WRONG)
        .predict(X)
    ),
    "two heads": partial(fitted_distiller, heads=2, table=(X, TWO), predict_head="mean"),
    "hints": partial(fitted_distiller, hints="leaves"),
    "equal route": partial(fitted_distiller, route=2),
    "greedy route": partial(fitted_distiller, route="greedy"),
    "revision": partial(fitted_distiller, revision="label"),
    "selection": partial(fitted_distiller, selection="influence"),
    "synthetic rows": partial(fitted_distiller, synthetic="mixup"),
    "taught module": partial(fitted_distiller, learner={"module": TwoLayers}, hints="leaves"),
    "file": reloaded,
    "pickle": pickled,
    "checkpoint": resumed,
    "blocks": in_parts,
    "out of core": out_of_core,
    "search": partial(searched, lr=[0.01, 0.03], weight_decay=[0.1, 1.0]),
    "search of seeds": partial(searched, random_state=[0, 1]),
    "search of losses": partial(searched, loss=["huber", "tukey"]),
}
