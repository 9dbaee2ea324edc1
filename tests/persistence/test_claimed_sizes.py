"""Files that claim sizes that they do not hold: refused, or cheap; see `make fuzz` for more."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_regkd import StudentRegressor, TORRegressor, load
from sklearn_regkd.export import FileError
from sklearn_regkd.persistence.domain_file import OF_FEATURES
from sklearn_regkd.utils.files import read_file, write_file
from tests.helpers import QUICK
from tests.persistence.fuzz import TELLS_PEAK, Cost

HUGE = 10**8
only_linux = pytest.mark.skipif(not TELLS_PEAK, reason="only Linux tells the peak of memory")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return files by name: of a student, of one with standardised inputs, of a TORRegressor."""
    folder = tmp_path_factory.mktemp("files")
    X = np.random.default_rng(0).normal(size=(60, 3))
    plain = StudentRegressor((4,), embedding=None, **QUICK)
    standard = StudentRegressor((4,), embedding=None, input_transform="standard", **QUICK)
    fits = {"student": plain, "standard": standard, "tor": TORRegressor(student=plain, cv=2)}
    for name, estimator in fits.items():
        estimator.fit(X, X[:, 0]).save(folder / name)
        load(folder / name)  # what the first load imports is no cost of a claim
    return folder


def forged(path, change):
    """Return a new file with a right checksum, after a change of its state and tensors."""
    _, state, tensors = read_file(path, "estimator", 1)
    change(state, tensors)
    new = path.with_name("forged")
    write_file(new, "estimator", 1, state, tensors)
    return new


def learned(**values):
    return lambda state, tensors: state["learned"].update(values)


def params(**values):
    return lambda state, tensors: state["estimator"]["params"].update(values)


def verdict(**values):
    return lambda state, tensors: state["verdict"].update(values)


def columns(**values):
    return lambda state, tensors: state["learned"]["columns"].update(values)


def nested(depth):
    """Return JSON of lists inside of each other."""
    return {"list": [nested(depth - 1)]} if depth else 0


def layers(widths):
    """Return a change to a network with these layers, which the file really holds."""

    def change(state, tensors):
        n_inputs = len(tensors["module.input_numeric"])
        for name in [name for name in tensors if name.split(".")[1].isdigit()]:
            del tensors[name]
        for i, (n_out, n_in) in enumerate(zip(widths, [n_inputs, *widths], strict=False)):
            tensors[f"module.{2 * i}.weight"] = torch.zeros(n_out, n_in)
            tensors[f"module.{2 * i}.bias"] = torch.zeros(n_out)
        state["estimator"]["params"]["hidden_layer_sizes"] = {"tuple": [*widths[:-1]]}

    return change


def table(n_features, n_knots):
    """Return a change to a table with so many features, which the file really holds."""

    def change(state, tensors):
        state["learned"] |= {"n_features_in": n_features, "input_shape": [n_features]}
        tensors["module.input_numeric"] = torch.arange(n_features)
        knots = torch.arange(float(n_knots), dtype=torch.float64).repeat(n_features, 1)
        tensors["module.input_knots"], tensors["module.input_scores"] = knots, knots.clone()
        for name in OF_FEATURES:
            tensors[f"domain.{name}"] = tensors[f"domain.{name}"][:1].repeat(n_features)
        layers([4, 1])(state, tensors)

    return change


def history(words, **numbers):
    """Return a change of the history."""

    def change(state, tensors):
        for name in [name for name in tensors if name.startswith("history.")]:
            del tensors[name]
        state["learned"]["history"] = {**words, **dict.fromkeys(numbers)}
        tensors |= {f"history.{name}": values for name, values in numbers.items()}

    return change


CLAIMS = {
    "features": ("student", learned(n_features_in=HUGE, input_shape=[HUGE]), "each of its"),
    "features, names": (
        "student",
        learned(n_features_in=HUGE, feature_names_in=["a"] * 10**5),
        "contradicts itself",
    ),
    "standard features": (
        "standard",
        learned(n_features_in=HUGE, input_shape=[HUGE]),
        "scales 3 features",
    ),
    "shape of rows": ("student", learned(input_shape=[3, HUGE]), "takes tables"),
    "outputs": ("student", learned(n_outputs=HUGE), "has 1 outputs and says"),
    "layer": ("student", params(hidden_layer_sizes=HUGE), "layers have sizes"),
    "layer without inputs": (
        "student",
        lambda state, tensors: (
            params(hidden_layer_sizes=HUGE)(state, tensors),
            tensors.update({"module.0.weight": torch.zeros(HUGE, 0)}),
        ),
        "layers have sizes",
    ),
    "layers": ("student", params(hidden_layer_sizes={"tuple": [1] * 10**6}), "layers have sizes"),
    "layers that are there": ("student", layers([1] * 1500), "1500 layers, expected 1000"),
    "knots": (
        "student",
        lambda _, tensors: tensors.update(
            {"module.input_knots": torch.zeros(0, 2**40, dtype=torch.float64)}
        ),
        "unequal lengths",
    ),
    "categorical columns": ("student", columns(categorical=[*range(10**5)]), "each of its"),
    "categories": ("student", columns(categories=[[*range(10**5)]]), "categories of 1 columns"),
    "categories of one hash": (
        "student",
        columns(categorical=[0], categories=[[k * (2**61 - 1) for k in range(10**4)]]),
        "a file holds 64",
    ),
    "epochs in JSON": ("student", history({"epoch": [0] * 10**6}), "number its epochs"),
    "epochs in bits": (
        "student",
        history({}, epoch=torch.zeros(10**6, dtype=torch.bool)),
        "number its epochs",
    ),
    "rules": ("tor", verdict(rules=[None] * 10**5), "about .* outputs, expected 1"),
    "mixtures": ("tor", verdict(mixtures=[None] * 10**5), "about .* outputs, expected 1"),
    "scales": (
        "tor",
        lambda _, tensors: tensors.update({"verdict.sigma": torch.zeros(10**5)}),
        "about .* outputs, expected 1",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("claim", CLAIMS)
def test_claims_that_a_file_does_not_hold_are_refused_at_little_cost(files, claim):
    name, change, words = CLAIMS[claim]
    path = forged(files / name, change)
    with Cost() as cost, pytest.raises(FileError, match=words):
        load(path)
    cost.check(path.stat().st_size, claim)


@pytest.mark.parametrize(
    "text", ['{"__metadata__":{"sklearn_regkd":"%s"}}', '{"sklearn_regkd":%s}']
)
def test_json_that_is_too_deep_for_its_reader_is_refused(tmp_path, text):
    header = (text % ("[" * 10**6)).encode()
    (tmp_path / "file").write_bytes(len(header).to_bytes(8, "little") + header)
    with Cost() as cost, pytest.raises(FileError, match="is not a file that sklearn_regkd has"):
        load(tmp_path / "file")
    cost.check(len(header), "nested JSON")


HELD = {
    "wide table": table(20_000, 1),
    "wide table of two values": table(20_000, 3),
    "wide table of numbers": table(1000, 129),
    "layers": layers([1] * 900),
    "epochs": history({}, epoch=torch.arange(10**5)),
    "epochs and more": history({"more": [0] * 10**5}, epoch=torch.arange(10**5)),
    "objects": params(lr={"list": [{"object": "StudentRegressor", "params": {}}] * 5000}),
    "empty lists": params(lr={"list": [{"list": []}] * 10**5}),
    "nested lists": params(lr=nested(100)),
    "tensors": lambda _, tensors: tensors.update({f"{i}": torch.empty(0) for i in range(10**4)}),
}


@only_linux
@pytest.mark.slow
@pytest.mark.parametrize("content", HELD)
def test_what_a_file_holds_costs_by_its_size(files, content):
    path = forged(files / "student", HELD[content])
    with Cost() as cost:
        load(path)
    cost.check(path.stat().st_size, content)


class Pictures(nn.Module):
    """A module whose size the shape of its inputs decides."""

    def __init__(self, input_shape, n_outputs, width=2):
        super().__init__()
        self.conv = nn.Conv2d(input_shape[0], width, 3, padding=1)
        self.last = nn.Linear(width * input_shape[1] * input_shape[2], n_outputs)

    def forward(self, X):
        return self.last(self.conv(X).flatten(1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (learned(input_shape=[1, 10**5, 10**4]), "last.weight has shape"),
        (params(module_params={"dict": {"width": 10**8}}), "conv.weight has shape"),
    ],
)
def test_a_module_of_the_users_is_compared_before_it_takes_memory(tmp_path, change, words):
    X = np.random.default_rng(0).normal(size=(20, 1, 4, 4)).astype(np.float32)
    student = StudentRegressor(module=Pictures, module_params={"width": 2}, **QUICK)
    student.fit(X, X[:, 0, 0, 0]).save(tmp_path / "file")
    load(tmp_path / "file", module=Pictures)
    path = forged(tmp_path / "file", change)
    with Cost() as cost, pytest.raises(FileError, match=words):
        load(path, module=Pictures)
    cost.check(path.stat().st_size, words)


class AnySize(nn.Module):
    """A module that takes pictures of any size."""

    def __init__(self, input_shape, n_outputs):
        super().__init__()
        self.conv = nn.Conv2d(input_shape[0], n_outputs, 3)

    def forward(self, X):
        return self.conv(X).mean((2, 3))


def test_no_picture_of_a_claimed_size_is_made(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 1, 4, 4)).astype(np.float32)
    student = StudentRegressor(module=AnySize, **QUICK).fit(X, X[:, 0, 0, 0])
    student.save(tmp_path / "file")
    again = load(tmp_path / "file", module=AnySize)
    np.testing.assert_array_equal(again.predict(X), student.predict(X))
    path = forged(tmp_path / "file", learned(input_shape=[1, 10**4, 10**4]))
    with Cost() as cost:
        claimed = load(path, module=AnySize)
    cost.check(path.stat().st_size, "a picture")
    with pytest.raises(ValueError, match="rows of shape"):
        claimed.predict(X)
