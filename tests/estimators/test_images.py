"""Images: three and four dimensions, bytes that stay bytes, augmentation, teachers."""

import tracemalloc

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from torch import nn

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor, load
from sklearn_regkd.networks.cnn import large_cnn, small_cnn
from sklearn_regkd.supervision.synthetic import SyntheticRows
from sklearn_regkd.teachers.module import forward_teacher


@pytest.fixture(scope="module")
def pictures():
    """Bytes (150, 8, 8), and the brightness of their upper and left halves."""
    X = np.random.default_rng(0).integers(0, 80, (150, 8, 8), dtype=np.uint8)
    X[::2, :4] += 100
    X[::3, :, :4] += 60
    return X, np.column_stack([X[:, :4].mean(axis=(1, 2)), X[:, :, :4].mean(axis=(1, 2))])


def student(module=small_cnn, **params):
    quick = {"lr": 0.01, "max_epochs": 15, "batch_size": 32, "random_state": 0}
    return StudentRegressor(module=module, **{**quick, **params})


class Watch(nn.Module):
    """A module that keeps what it is given, before the scaling of its inputs."""

    seen: list

    def __init__(self, input_shape, n_outputs):
        super().__init__()
        self.network = small_cnn(input_shape, n_outputs)
        self.register_forward_pre_hook(lambda module, args: Watch.seen.append(args[0]))

    def forward(self, X):
        return self.network(X)


# --- shapes and types ------------------------------------------------------------------


def test_bytes_of_three_and_four_dimensions(pictures):
    X, y = pictures
    plain = student().fit(X[:120], y[:120])
    assert plain.score(X[120:], y[120:]) > 0.8
    assert plain.predict(X).dtype == np.float32
    assert student().fit(X[:120, None], y[:120]).score(X[120:, None], y[120:]) > 0.8


def test_bytes_and_floats_predict_the_same(pictures):
    X, y = pictures
    of_bytes, of_floats = student().fit(X, y), student().fit(X.astype(np.float32), y)
    np.testing.assert_allclose(of_bytes.predict(X), of_floats.predict(X), rtol=1e-3, atol=0.01)
    assert of_bytes.predict(X.astype(np.float64)).dtype == np.float64
    np.testing.assert_allclose(
        of_bytes.predict(X), of_bytes.predict(X.astype(np.float64)), rtol=1e-4
    )


def test_one_target_keeps_its_shape(pictures):
    X, y = pictures
    assert student(max_epochs=1).fit(X, y[:, 0]).predict(X).shape == (150,)


def test_pictures_without_channels_are_scaled_as_a_whole(pictures):
    X, y = pictures
    module = student(max_epochs=1).fit(X, y).net_.module_
    np.testing.assert_allclose(module.input_center.numpy().ravel(), X.mean(), rtol=1e-6)
    np.testing.assert_allclose(module.input_scale.numpy().ravel(), X.std(), rtol=1e-6)


def test_the_network_is_given_bytes(pictures):
    X, y = pictures
    Watch.seen = []
    fitted = student(Watch, max_epochs=1, early_stopping=True).fit(X, y)
    fitted.predict(X)
    # The hook of the scaling comes after that of the module itself.
    assert {x.dtype for x in Watch.seen} == {torch.uint8}


def test_no_copy_of_all_images_and_memmap(tmp_path):
    shape = (3000, 48, 48)  # 6.9 MB as bytes, 27.6 MB in single precision
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.uint8, shape)
    X[:] = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    X.flush()
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    y = np.linspace(0, 1, len(X))
    tracemalloc.start()
    fitted = student(max_epochs=1, module=tiny).fit(X, y)
    fitted.predict(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The largest are blocks of the scaling: 2**20 numbers in double precision, a few times.
    assert peak < 6 * 2**20 * 8 < 2 * X.size * 4


def tiny(input_shape, n_outputs):
    return nn.Sequential(nn.AvgPool2d(12), nn.Flatten(), nn.Linear(16, n_outputs))


def test_rows_of_another_shape_are_refused(pictures):
    X, y = pictures
    fitted = student(max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"rows of shape \(8, 7\).*\(8, 8\)"):
        fitted.predict(X[:, :, :7])
    with pytest.raises(ValueError, match="dim 3"):
        StudentRegressor(max_epochs=1).fit(X, y)


def test_weights_and_zero_weights(pictures):
    X, y = pictures
    spoiled, weight = y.copy(), np.ones(len(y))
    spoiled[::5], weight[::5] = 1e4, 0
    fitted = student().fit(X, spoiled, sample_weight=weight)
    assert fitted.score(X, y) > 0.8


# --- augmentation ------------------------------------------------------------------------


def add_noise(X, generator):
    noise = torch.randint(0, 20, X.shape, generator=generator, dtype=torch.uint8)
    return X + noise


def test_augment_is_reproducible_and_for_training_only(pictures):
    X, y = pictures
    state = torch.random.get_rng_state()
    once, again = (student(augment=add_noise, max_epochs=4).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(once.predict(X), again.predict(X))
    assert torch.equal(state, torch.random.get_rng_state())
    other = student(augment=add_noise, max_epochs=4, random_state=1).fit(X, y)
    assert not np.array_equal(once.predict(X), other.predict(X))
    plain = student(max_epochs=4).fit(X, y)
    assert not np.array_equal(once.predict(X), plain.predict(X))


def test_augment_sees_training_batches_only(pictures):
    X, y = pictures
    seen = []

    def watch(batch, generator):
        seen.append(batch.clone())
        return batch.zero_()  # its own copy: the training rows must not change

    before = X.copy()
    fitted = student(augment=watch, max_epochs=2, early_stopping=True, validation_fraction=0.2).fit(
        X, y
    )
    np.testing.assert_array_equal(X, before)
    n_seen = len(seen)
    assert {batch.dtype for batch in seen} == {torch.uint8}
    assert sum(len(batch) for batch in seen) == 2 * 120
    fitted.predict(X)
    assert len(seen) == n_seen


def test_augment_survives_clone_and_reaches_students_of_distillers(pictures):
    X, y = pictures
    seen = []

    def watch(batch, generator):
        seen.append(len(batch))
        return batch

    assert clone(student(augment=watch)).augment is watch
    TORRegressor(student(large_cnn, max_epochs=1), student(augment=watch, max_epochs=1), cv=2).fit(
        X, y
    )
    assert sum(seen) == len(X)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"augment": lambda X, generator: X[:, 1:]}, r"augment returned \(\d+, 7, 8\).*same shape"),
        ({"augment": lambda X, generator: None}, "augment returned NoneType"),
        ({"augment": add_noise, "module": None}, "augment changes the batches"),
        ({"augment": add_noise, "net_params": {"iterator_train": object}}, "of your own"),
        ({"augment": "flip"}, "augment"),
    ],
)
def test_augment_that_cannot_be(pictures, params, message):
    X, y = pictures
    X = X if params.get("module", 1) else X[:, 0]
    with pytest.raises(ValueError, match=message):
        student(**params).fit(X, y)


# --- distillation -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", [TORRegressor, DistilledRegressor])
@pytest.mark.filterwarnings("ignore:outliers='auto' needs a table")
def test_distillation_from_a_larger_network(pictures, Estimator):
    X, y = pictures
    spoiled = y.copy()
    spoiled[::10] += 500
    teacher = student(large_cnn, loss="absolute_error", max_epochs=8)
    taught = Estimator(teacher, student(), cv=2, random_state=0).fit(X, spoiled)
    assert taught.score(X, y) > 0.7
    assert taught.outlier_mask_[::10].mean() > 0.9
    assert taught.predict(X[:3]).dtype == np.float32


@pytest.mark.filterwarnings("ignore:outliers='auto' needs a table")
def test_teachers_in_use(pictures):
    X, y = pictures
    pupil = student(max_epochs=2)
    ready = student(large_cnn, max_epochs=2).fit(X, y)
    for teacher in (FrozenEstimator(ready), small_cnn((8, 8), 2)):
        prediction = TORRegressor(teacher, pupil).fit(X, y).teacher_prediction_
        assert prediction.shape == y.shape
    fitted = DistilledRegressor(student=pupil).fit(X, y, teacher_prediction=y)
    assert fitted.predict(X).shape == y.shape


def test_a_module_as_teacher_is_given_chunks_of_bytes(pictures, monkeypatch):
    X, y = pictures
    seen = []
    teacher = small_cnn((8, 8), 2)
    forward = "sklearn_regkd.teachers.cross_fit.forward_teacher"

    def watch(module, rows):
        seen.append(rows.dtype)
        return forward_teacher(module, rows)

    monkeypatch.setattr(forward, watch)
    TORRegressor(teacher, student(max_epochs=1)).fit(X, y)
    assert seen == [np.uint8]


@pytest.mark.filterwarnings("ignore:outliers='auto' needs a table")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_further_pictures_keep_their_fractions(pictures, dtype):
    X, y = pictures
    Watch.seen = []
    teacher, pupil = student(large_cnn, max_epochs=1), student(Watch, max_epochs=1)
    further = (X[:20] * 0.5).astype(dtype)
    DistilledRegressor(teacher, pupil, cv=2).fit(X, y, X_unlabeled=further)
    assert Watch.seen[-1].numpy().dtype == dtype


def test_the_default_teacher_says_that_it_takes_no_images(pictures):
    with pytest.raises(ValueError, match="pass a teacher for images"):
        DistilledRegressor(student=student()).fit(*pictures)


# --- around it ----------------------------------------------------------------------------


def test_searches_and_files(pictures, tmp_path):
    X, y = pictures
    grid = GridSearchCV(student(max_epochs=1), {"lr": [0.01, 0.001]}, cv=2).fit(X, y)
    assert grid.best_estimator_.predict(X).shape == y.shape
    fitted = student(max_epochs=2, augment=add_noise).fit(X, y)
    fitted.save(tmp_path / "student")
    again = load(tmp_path / "student", module=small_cnn)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


# --- further pictures ------------------------------------------------------------------


def test_mixed_pictures_are_labelled_by_the_teacher(pictures):
    X, y = pictures
    given = []

    class Recorder(StudentRegressor):
        def predict(self, X):
            given.append(X)
            return super().predict(X)

    teacher = FrozenEstimator(Recorder(module=small_cnn, lr=0.01, max_epochs=15).fit(X, y))
    params = {"outliers": None, "alpha": 1.0, "random_state": 0}
    taught = DistilledRegressor(
        teacher, student(), synthetic=SyntheticRows("mixup", share=2.0), **params
    ).fit(X[:100], y[:100])
    assert given[-1].shape == (200, 8, 8)
    assert given[-1].dtype == np.uint8
    assert taught.score(X[100:], y[100:]) > 0.8
    assert taught.teacher_prediction_.shape == (100, 2)


@pytest.mark.parametrize("kind", ["spunge", "neighbors"])
def test_rows_of_tables_are_not_made_of_pictures(pictures, kind):
    X, y = pictures
    with pytest.raises(ValueError, match="for images take synthetic='mixup'"):
        DistilledRegressor(
            student(max_epochs=1), student(max_epochs=1), outliers=3.0, cv=2, synthetic=kind
        ).fit(X, y)
