"""StudentRegressor: what it learns, what it takes, what it refuses."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochScoring, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn

from sklearn_regkd import StudentRegressor
from sklearn_regkd.networks.mlp import MLP
from sklearn_regkd.training.train import RawLabel
from tests.helpers import TwoLayers


def student(**params):
    quick = {"hidden_layer_sizes": (32,), "lr": 0.05, "batch_size": 32, "max_epochs": 150}
    return StudentRegressor(**{**quick, "random_state": 0, **params})


class WrongWidth(TwoLayers):
    def __init__(self, n_features, n_outputs):
        super().__init__(n_features, n_outputs + 1)


class Convolution(nn.Module):
    """A user's module for images (n, channels, height, width)."""

    def __init__(self, input_shape, n_outputs):
        super().__init__()
        channels, height, width = input_shape
        self.convolution = nn.Conv2d(channels, 4, 3, padding=1)
        self.last = nn.Linear(4 * height * width, n_outputs)

    def forward(self, X):
        return self.last(torch.relu(self.convolution(X)).flatten(1))


def own_net(**params):
    return NeuralNet(
        TwoLayers,
        criterion=nn.MSELoss,
        module__n_features=3,
        module__n_outputs=1,
        **{"max_epochs": 3, "lr": 0.05, "optimizer": torch.optim.Adam, **params},
    )


# --- what it learns -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "tukey"])
def test_every_loss_learns_a_smooth_function(table, loss):
    assert student(loss=loss).fit(*table).score(*table) > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["absolute_error", "huber", "tukey"])
def test_robust_losses_resist_wrong_labels(table, wrong_labels, loss):
    X, y = table
    _, noisy, _ = wrong_labels
    robust = student(loss=loss).fit(X, noisy).score(X, y)
    squared = student().fit(X, noisy).score(X, y)
    assert robust > max(0.8, squared)


@pytest.mark.slow
def test_two_outputs_of_different_units(two_outputs):
    X, y = two_outputs
    prediction = student().fit(X, y).predict(X)
    assert prediction.shape == y.shape
    assert (np.abs(prediction - y).mean(axis=0) < 0.1 * y.std(axis=0)).all()


@pytest.mark.parametrize("shape", [(120,), (120, 1)])
def test_prediction_has_the_shape_of_y(table, shape):
    X, y = table
    assert student(max_epochs=1).fit(X, y.reshape(shape)).predict(X).shape == shape


def test_raw_units_are_enough(table):
    """Features and target on wild scales are learned as well as standardised ones."""
    X, y = table
    wild = X * [1e-6, 1e6, 1.0] + [0, 1e7, -3]
    fitted = student().fit(wild, 1e9 * y)
    assert fitted.score(wild, 1e9 * y) > 0.98


@pytest.mark.slow
def test_predictions_follow_a_change_of_units(table):
    X, y = table
    plain = student().fit(X, y).predict(X)
    # A power of two changes no digit of the standardised problem...
    same = student().fit(X, 1024 * y).predict(X)
    np.testing.assert_allclose(same / 1024, plain, rtol=1e-6)
    # ...and any other unit leaves its quality.
    assert student().fit(X, -1e-3 * y + 7).score(X, -1e-3 * y + 7) > 0.98


def test_time_stamps_keep_their_resolution(table):
    """Seconds since 1970 need more than single precision, as input and as target."""
    X, y = table
    start = 1.7e9
    stamped = X.copy()
    stamped[:, 0] = start + 100 * X[:, 0]
    fitted = student().fit(stamped, start + y)
    assert fitted.score(stamped, start + y) > 0.98
    assert fitted.predict(stamped.astype(np.float32)).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predictions_have_the_type_of_X(table, dtype):
    X, y = table
    fitted = student(max_epochs=2).fit(X.astype(dtype), y)
    assert fitted.predict(X.astype(dtype)).dtype == dtype
    other = fitted.predict(X.astype(np.float32)).astype(np.float64)
    np.testing.assert_allclose(other, fitted.predict(X), rtol=1e-4)


@pytest.mark.parametrize("module", [None, MLP])
def test_chunked_prediction_equals_the_whole(table, monkeypatch, module):
    X, y = table
    fitted = student(max_epochs=2, module=module).fit(X, y)
    whole = fitted.predict(X)
    alone = np.concatenate([fitted.predict(row[None]) for row in X])
    monkeypatch.setattr("sklearn_regkd.training.train.CHUNK_ELEMENTS", 3 * 7)
    monkeypatch.setattr("sklearn_regkd.networks.inference.CHUNK_ELEMENTS", 500)
    rtol = 1e-12 if module is None else 1e-5
    np.testing.assert_allclose(fitted.predict(X), whole, rtol=rtol)
    np.testing.assert_allclose(alone, whole, rtol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_form_of_the_rows_gives_the_same(table, dtype, tmp_path):
    X, y = table
    fitted = student(max_epochs=2).fit(X, y)
    X = X.astype(dtype)
    np.save(tmp_path / "X.npy", X)
    constant = X.copy()
    constant.flags.writeable = False
    forms = {
        "memmap": np.load(tmp_path / "X.npy", mmap_mode="r"),
        "read only": constant,
        "columns first": np.asfortranarray(X),
        "every other number": np.repeat(X, 2, axis=1)[:, ::2],
        "other byte order": X.astype(np.dtype(dtype).newbyteorder()),
        "subclass": X.view(np.recarray),
    }
    expected = fitted.predict(X)
    for name, form in forms.items():
        np.testing.assert_allclose(fitted.predict(form), expected, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(fitted.predict(X.tolist()), expected, rtol=1e-4)


def test_predict_leaves_the_rows_alone(table):
    X, y = table
    for params in ({}, {"embedding": None, "input_transform": "standard"}):
        fitted = student(max_epochs=2, **params).fit(X, y)
        for rows in (X.copy(), X[:1].copy()):
            before = rows.copy()
            fitted.predict(rows)
            np.testing.assert_array_equal(rows, before)


def test_predict_takes_numbers_whose_sum_is_infinite(table):
    X, y = table
    fitted = student(max_epochs=2).fit(X, y)
    wild = np.full((4, 3), 3e38, np.float32)
    np.testing.assert_allclose(
        fitted.predict(wild), fitted.predict(np.tile(X.max(0), (4, 1))), rtol=1e-4
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: np.where(X[2, 1] == X, np.nan, X), "NaN"),
        (lambda X: np.where(X[2, 1] == X, -np.inf, X), "infinity"),
        (lambda X: X[:0], "0 sample"),
        (lambda X: X[:, :2], "2 features"),
        (lambda X: X[0], "1D array"),
        (lambda X: X[None], "dim 3"),
        (lambda X: X * 1j, "Complex"),
    ],
)
def test_predict_refuses_what_it_cannot_take(table, dtype, change, message):
    X, y = table
    fitted = student(max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match=message):
        fitted.predict(change(X.astype(dtype)))


def test_predict_refuses_sparse_rows_and_warns_of_missing_names(table):
    X, y = table
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        student(max_epochs=1).fit(X, y).predict(csr_array(X))
    named = student(max_epochs=1).fit(pd.DataFrame(X, columns=list("abc")), y)
    with pytest.warns(UserWarning, match="valid feature names"):
        named.predict(X)
    with pytest.raises(ValueError, match="feature names"):
        named.predict(pd.DataFrame(X, columns=list("cab")))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_give_names_and_the_same_predictions(table, frame):
    X, y = table
    columns = dict(zip("abc", X.T, strict=True))
    fitted = student(max_epochs=2).fit(frame(columns), y)
    assert list(fitted.feature_names_in_) == ["a", "b", "c"]
    np.testing.assert_allclose(
        fitted.predict(frame(columns)), student(max_epochs=2).fit(X, y).predict(X), rtol=1e-6
    )


def test_trains_from_a_memmap_without_a_copy(table, tmp_path, monkeypatch):
    X, y = table
    path = tmp_path / "X.npy"
    np.save(path, X.astype(np.float32))
    mapped = np.load(path, mmap_mode="r")
    seen = []
    from sklearn_regkd.training import train as module

    rows = module.Rows
    monkeypatch.setattr(module, "Rows", lambda X, packed: seen.append(X) or rows(X, packed))
    student(max_epochs=1).fit(mapped, y)
    assert np.shares_memory(seen[0], mapped)


@pytest.mark.parametrize(("sizes", "n_parameters"), [((), 4), (5, 26), ([5, 2], 35)])
def test_hidden_layer_sizes(table, sizes, n_parameters):
    plain = student(hidden_layer_sizes=sizes, max_epochs=1, embedding=None)
    assert plain.fit(*table).n_parameters_ == n_parameters


# --- early stopping -------------------------------------------------------------------


@pytest.mark.slow
def test_early_stopping_stops_and_keeps_the_best_weights(table):
    X, y = table
    rng = np.random.default_rng(1)
    noisy = y + rng.normal(0, 3, len(y))
    fitted = student(
        hidden_layer_sizes=(128, 128), early_stopping=True, max_epochs=300, validation_fraction=0.3
    ).fit(X, noisy)
    valid = [record["valid_loss"] for record in fitted.history_]
    best = int(np.argmin(valid))
    assert fitted.n_iter_ < 300
    assert fitted.n_iter_ - 1 - best == 10
    # The validation rows, predicted by the weights that were kept, have the best epoch's loss.
    split = fitted.net_.train_split
    _, held_out = split(torch.utils.data.TensorDataset(torch.zeros(len(y))))
    standard = (fitted.predict(X) - noisy)[held_out.indices] / _target_scale(fitted)
    assert np.mean(standard**2) == pytest.approx(valid[best], rel=1e-3)


def _target_scale(fitted):
    return float(fitted._output.scale)


# --- weights --------------------------------------------------------------------------


def test_rows_of_weight_zero_are_absent(wrong_labels):
    X, y, mask = wrong_labels
    weighted = student(max_epochs=5).fit(X, y, sample_weight=(~mask).astype(float))
    without = student(max_epochs=5).fit(X[~mask], y[~mask])
    np.testing.assert_array_equal(weighted.predict(X), without.predict(X))


def test_the_scale_of_weights_does_not_matter(table):
    X, y = table
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    one = student(max_epochs=5).fit(X, y, weight).predict(X)
    other = student(max_epochs=5).fit(X, y, 1024 * weight).predict(X)
    np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.slow
def test_heavy_rows_are_fitted_better(table):
    X, y = table
    rng = np.random.default_rng(0)
    clash = np.concatenate([y, y + rng.choice([-4, 4], len(y))])
    weight = np.repeat([1.0, 1e-3], len(y))
    fitted = student().fit(np.vstack([X, X]), clash, weight)
    assert fitted.score(X, y) > 0.97


# --- the user's own network -----------------------------------------------------------


def test_own_module_is_built_with_sizes_and_parameters(table):
    fitted = student(module=TwoLayers, module_params={"width": 5}, max_epochs=80).fit(*table)
    assert fitted.net_.module_.body.weight.shape == (5, 3)
    assert fitted.score(*table) > 0.8


def test_a_factory_is_a_module_too(table):
    def factory(n_features, n_outputs):
        return nn.Sequential(nn.Linear(n_features, n_outputs))

    assert student(module=factory).fit(*table).score(*table) > 0.8


def test_module_output_without_its_last_dimension(table):
    class Flat(TwoLayers):
        def forward(self, X):
            return super().forward(X)[:, 0]

    assert student(module=Flat).fit(*table).score(*table) > 0.8


def test_images_reach_a_convolution():
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (60, 2, 5, 4)).astype(np.float32)
    y = images[:, 0].mean(axis=(1, 2))
    fitted = student(module=Convolution, max_epochs=60).fit(images, y)
    assert fitted.score(images, y) > 0.8
    with pytest.raises(ValueError, match=r"rows of shape \(2, 4, 5\).*\(2, 5, 4\)"):
        fitted.predict(images.transpose(0, 1, 3, 2))


def test_net_params_reach_skorch(table):
    class Count(Callback):
        def on_train_begin(self, net, **kwargs):
            self.epochs_ = 0

        def on_epoch_end(self, net, **kwargs):
            self.epochs_ += 1

    count = Count()
    fitted = student(
        max_epochs=4,
        net_params={
            "callbacks": [("count", count)],
            "optimizer__betas": (0.5, 0.9),
            "iterator_train": torch.utils.data.DataLoader,
        },
    ).fit(*table)
    assert dict(fitted.net_.callbacks_)["count"].epochs_ == 4
    assert not hasattr(count, "epochs_")  # the user's object is left alone
    assert fitted.net_.optimizer_.param_groups[0]["betas"] == (0.5, 0.9)
    assert fitted.net_.iterator_train is torch.utils.data.DataLoader


def test_own_skorch_net_keeps_what_its_author_chose(table):
    X, y = table
    net = own_net(
        optimizer__param_groups=[("last.*", {"lr": 0.0})],
        iterator_train=torch.utils.data.DataLoader,
        train_split=ValidSplit(0.25, random_state=0),
        callbacks=[
            ("schedule", LRScheduler("StepLR", step_size=1, gamma=0.5)),
            ("r2", EpochScoring("r2", name="valid_r2", lower_is_better=False)),
            ("mae", EpochScoring("neg_mean_absolute_error", name="valid_mae", use_caching=False)),
        ],
        verbose=1,
    )
    fitted = StudentRegressor(module=net, random_state=0).fit(X, y)
    inside = fitted.net_
    assert inside.iterator_train is torch.utils.data.DataLoader
    assert isinstance(inside.optimizer_, torch.optim.Adam)
    # Names of parameters are the author's: the frozen group was found...
    groups = inside.optimizer_.param_groups
    assert sorted(len(g["params"]) for g in groups) == [2, 2]
    # ...and the schedule ran on the others.
    rates = [record["event_lr"] for record in fitted.history_]
    assert len(rates) == 3
    # Scores of callbacks are those of raw predictions on the held-out labels.
    _, held_out = inside.train_split(torch.utils.data.TensorDataset(torch.zeros(len(y))))
    rows = np.asarray(held_out.indices)
    error = np.abs(fitted.predict(X[rows]) - y[rows]).mean()
    assert fitted.history_[-1]["valid_mae"] == pytest.approx(-error, rel=1e-4)
    assert "valid_r2" in fitted.history_[-1]


def test_own_skorch_net_is_left_alone(table):
    scoring = EpochScoring("r2")
    net = own_net(callbacks=[("r2", scoring)], criterion__reduction="sum")
    StudentRegressor(module=net, random_state=0).fit(*table)
    assert not getattr(net, "initialized_", False)
    assert net.criterion is nn.MSELoss
    assert net.criterion__reduction == "sum"
    assert not isinstance(scoring.target_extractor, RawLabel)


@pytest.mark.parametrize("own", [False, True])
def test_predict_of_the_inner_net_is_in_raw_units(table, own):
    X, y = table
    X = X.astype(np.float32)
    fitted = student(max_epochs=5, module=own_net() if own else None).fit(X, y)
    np.testing.assert_allclose(fitted.net_.predict(X)[:, 0], fitted.predict(X), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer", ["sgd", torch.optim.Adam, torch.optim.RMSprop, torch.optim.LBFGS]
)
def test_other_optimizers(table, optimizer):
    params = {"max_epochs": 300, "lr": 0.02}
    if optimizer is torch.optim.LBFGS:  # takes twenty steps in each batch
        params = {"max_epochs": 15, "batch_size": 1000, "lr": 0.5}
    fitted = student(optimizer=optimizer, weight_decay=0.0, embedding=None, **params)
    assert fitted.fit(*table).score(*table) > 0.8


# --- what it refuses ------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["X", "y", "sample_weight"])
def test_nan_and_infinity_are_refused(table, where, value):
    X, y = table
    data = {"X": X.copy(), "y": y.copy(), "sample_weight": np.ones(len(y))}
    data[where].flat[5] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        student().fit(**data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.arange(119.0)}, "inconsistent numbers of samples"),
        ({"y": np.array(["a", "b"] * 60)}, "y must hold numbers, got text such as .a."),
        ({"y": np.array(["a", "b"] * 60, dtype=object)}, "y must hold numbers, got text"),
        ({"sample_weight": np.ones(7)}, r"sample_weight.shape == \(7,\)"),
        ({"sample_weight": np.r_[-1.0, np.ones(119)]}, "must not be negative, got -1 in row 0"),
        ({"sample_weight": np.zeros(120)}, "at least one non-zero"),
        ({"X": np.zeros((120, 0))}, "0 feature"),
        ({"X": np.random.default_rng(0).normal(0, 1e300, (120, 3))}, r"e\+\d+ in columns 0, 1, 2"),
    ],
)
def test_bad_data_is_refused(table, change, message):
    X, y = table
    with pytest.raises(ValueError, match=message):
        student(input_transform="standard").fit(**{"X": X, "y": y, **change})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "l3"}, "'absolute_error'.*'huber'|'huber'.*'absolute_error'"),
        ({"activation": "step"}, "'silu'"),
        ({"optimizer": "lion"}, "'adamw'"),
        ({"device": "abacus"}, "'auto', 'cpu' or 'cuda'"),
        ({"lr": 0.0}, "'lr'.*Got 0.0"),
        ({"max_epochs": 0}, "'max_epochs'"),
        ({"hidden_layer_sizes": (16, 0)}, "integers > 0"),
        ({"module": TwoLayers, "module_params": {"depth": 3}}, "depth"),
        ({"net_params": {"criterion": nn.L1Loss}}, "criterion follows from loss"),
        ({"net_params": {"no_such_thing": 1}}, "no_such_thing"),
    ],
)
def test_unknown_options_are_named(table, params, message):
    with pytest.raises((ValueError, TypeError), match=message):
        student(**params).fit(*table)


def test_module_of_the_wrong_width_is_named(table):
    with pytest.raises(ValueError, match=r"WrongWidth returned shape \(2, 2\).*expected \(2, 1\)"):
        student(module=WrongWidth).fit(*table)


def test_module_that_cannot_take_the_rows_is_named(table):
    X, y = table
    with pytest.raises(ValueError, match=r"TwoLayers cannot take rows of shape \(2,\)"):
        StudentRegressor(module=own_net()).fit(X[:, :2], y)


def test_module_that_returns_no_tensor_is_named(table):
    class Pair(TwoLayers):
        def forward(self, X):
            return super().forward(X), X

    with pytest.raises(TypeError, match="Pair must return a tensor, got tuple"):
        student(module=Pair).fit(*table)


def test_module_instance_is_refused(table):
    with pytest.raises(TypeError, match="pass its class or a factory"):
        student(module=TwoLayers(3, 1)).fit(*table)


def test_predict_refuses_another_number_of_features(table):
    X, y = table
    fitted = student(max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="X has 2 features, but StudentRegressor is expecting 3"):
        fitted.predict(X[:, :2])


def test_divergence_is_an_error_that_helps(table):
    X, y = table
    with pytest.raises(RuntimeError, match=r"epoch \d+.*Lower lr \(now 1e\+30\)"):
        student(lr=1e30, optimizer="sgd").fit(X, y)


def test_a_label_beyond_single_precision_is_named(table):
    X, y = table
    y[3] = 1e300
    with pytest.raises(ValueError, match="row 3"):
        student().fit(X, y)


@pytest.mark.slow
def test_constant_target_is_predicted_exactly_with_a_warning(two_outputs):
    X, y = two_outputs
    y[:, 1] = 0.1
    with pytest.warns(UserWarning, match="output 1 of y is 0.1 in every row"):
        fitted = student().fit(X, y)
    np.testing.assert_allclose(fitted.predict(X)[:, 1], 0.1, rtol=1e-7)
    assert np.corrcoef(fitted.predict(X)[:, 0], y[:, 0])[0, 1] > 0.98


# --- interruption, printing, pickling -------------------------------------------------


class Interrupted(TwoLayers):
    """Someone presses Ctrl-C in the middle of training."""

    def forward(self, X):
        if self.training:
            raise KeyboardInterrupt
        return super().forward(X)


def test_interrupted_fit_leaves_an_unfitted_estimator_unfitted(table):
    estimator = student(module=Interrupted)
    before = dict(vars(estimator))
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(*table)
    assert vars(estimator) == before


def test_interrupted_fit_leaves_a_fitted_estimator_as_it_was(table):
    X, y = table
    estimator = student(max_epochs=2).fit(X, y)
    expected = estimator.predict(X)
    estimator.set_params(module=Interrupted)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X[:, :2], y)
    estimator.set_params(module=None)
    assert estimator.n_features_in_ == 3
    np.testing.assert_array_equal(estimator.predict(X), expected)


def test_quiet_by_default_and_a_bar_when_asked(table, capfd):
    student(max_epochs=3, early_stopping=True, n_iter_no_change=1).fit(*table)
    StudentRegressor(module=own_net(), random_state=0).fit(*table)
    assert capfd.readouterr() == ("", "")
    student(max_epochs=3, verbose=1).fit(*table)
    assert "3/3" in capfd.readouterr().err
    student(max_epochs=3, verbose=2).fit(*table)
    assert "train_loss" in capfd.readouterr().out


def test_scikit_learn_callbacks_hear_of_every_epoch(table):
    pytest.importorskip("sklearn.callback")

    class Listener:
        def setup(self, estimator, context):
            self.ended = []

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            self.ended.append(context.task_name)
            return len(self.ended) == 3

        def teardown(self, estimator, context):
            self.ended.append("teardown")

    listener = Listener()
    fitted = student(max_epochs=10).set_callbacks(listener).fit(*table)
    assert listener.ended == ["epoch"] * 3 + ["fit", "teardown"]
    assert fitted.n_iter_ == 3  # a callback may end the training


def test_pickle_round_trip(table):
    X, y = table
    fitted = student(max_epochs=2).fit(X, y)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_auto_takes_the_gpu(table):
    fitted = student(module=TwoLayers).fit(*table)
    assert next(fitted.net_.module_.parameters()).is_cuda
    assert fitted.score(*table) > 0.8
