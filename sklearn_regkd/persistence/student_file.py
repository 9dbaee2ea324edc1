"""A fitted student as tensors and JSON, and back.

A file may claim any size. Each is compared with the tensors that the file really holds before
something of that size is made, so that loading takes memory and time by the size of the file.
"""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.history import History
from torch import Tensor
from torch.nn.parameter import is_lazy

from sklearn_regkd.networks.embedding import embedded_width
from sklearn_regkd.networks.inputs import InputTransform, QuantileTransform, StandardTransform
from sklearn_regkd.networks.mlp import layer_widths
from sklearn_regkd.networks.scaling import OutputScaling
from sklearn_regkd.persistence.domain_file import domain_from_plain, domain_to_plain
from sklearn_regkd.persistence.json_params import PLAIN, NotSaved, integer, number
from sklearn_regkd.preprocessing.columns import TableColumns
from sklearn_regkd.preprocessing.quantile import TABLES, Quantiles
from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.training.build import build_net
from sklearn_regkd.training.device import device_of
from sklearn_regkd.training.randomness import torch_seeded
from sklearn_regkd.training.train import use_criterion
from sklearn_regkd.utils.files import FileError
from sklearn_regkd.utils.json_codec import LONGEST

# Numbers in a row with which a loaded network is tried. A module for pictures holds nothing that
# would tell how large they are.
MOST_TRIED = 2**18
# Layers of the built-in network: torch loads many of them in the square of their number.
MOST_LAYERS = 1000


def student_to_plain(student: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return all that a fitted student has learned, without its parameters.

    Returns
    -------
    state : dict
        Values that JSON can hold.
    tensors : dict of Tensor
        Tensors on the CPU.

    Raises
    ------
    TypeError
        If a category is not text, number or None.
    """
    words, numbers = _history_to_plain(student.history_)
    domain, of_domain = domain_to_plain(getattr(student, "_domain", None))
    state = {
        "n_heads": student._output.n_heads,
        "log": student._output.log,
        "n_outputs": student.n_outputs_,
        "y_ndim": student._y_ndim,
        "input_shape": list(student._input_shape),
        "n_features_in": student.n_features_in_,
        "feature_names_in": _names(student),
        "weight_decay": student.weight_decay_,
        "history": words,
        "columns": student._columns.to_plain(),
        **domain,
    }
    tensors = {f"module.{k}": v for k, v in student.net_.module_.state_dict().items()}
    tensors |= {f"output.{k}": v for k, v in student._output.state_dict().items()}
    tensors |= {f"history.{k}": v for k, v in numbers.items()} | of_domain
    return state, {name: tensor.cpu().clone() for name, tensor in tensors.items()}


def student_from_plain(
    student: Any, state: dict[str, Any], tensors: dict[str, Tensor], module_given: Any = None
) -> None:
    """Make a student fitted by what :func:`student_to_plain` returned.

    Parameters
    ----------
    student : StudentRegressor
        The student, with the parameters that it had; only the device may be another one.
    state, tensors : dict
        What was returned.
    module_given : callable or skorch.NeuralNet, default=None
        What was given to ``StudentRegressor(module=...)``, of which a file holds the name.

    Raises
    ------
    FileError
        If they do not fit together, or not to the student.
    """
    _set_module(student, module_given)
    n_outputs = integer(state["n_outputs"], 1, "n_outputs")
    n_heads = integer(state["n_heads"], 1, "n_heads")
    student._y_ndim = integer(state["y_ndim"], 1, "y_ndim")
    shape = tuple(integer(size, 1, "input_shape") for size in state["input_shape"])
    student.n_features_in_ = integer(state["n_features_in"], 1, "n_features_in")
    if n_heads > 2 or student._y_ndim > 2 or shape[:1] != (student.n_features_in_,):
        raise FileError("the file contradicts itself about the shapes of X and y")
    if state["feature_names_in"] is not None:
        _set_names(student, state["feature_names_in"])
    student._columns = _columns(state)
    student.weight_decay_ = number(state["weight_decay"], "weight_decay")
    student.n_outputs_, student._input_shape = n_outputs, shape

    module = _below("module.", tensors)
    categorical = student._columns.categorical
    transform = _transform(module, student.n_features_in_, categorical)
    student._domain = domain_from_plain(state, tensors, student.n_features_in_, categorical)
    output = _output(_below("output.", tensors), n_heads, state.get("log", False))
    if output.n_outputs != n_outputs:
        raise FileError(f"the file has {output.n_outputs} outputs and says {n_outputs}")
    if student.module is None:
        if len(shape) > 1:
            raise FileError(f"the built-in network takes tables, and the file has rows {shape}")
        _check_widths(student, module, transform, n_outputs * n_heads)
    net = _rebuild(student, shape, module, transform, n_outputs * n_heads)
    if student.module is not None:
        _check_shapes(net, module)
    use_criterion(net, {"n_outputs": n_outputs, "n_heads": n_heads, "loss": "squared_error"})
    net.set_params(predict_nonlinearity=output.forward)
    # A user's module draws its first weights; for the built-in network nobody waits.
    with nullcontext() if student.module is None else torch_seeded(0, net.device):
        net.initialize()
    transform.attach(net.module_, 1 + len(shape))
    try:
        net.module_.load_state_dict(module)
    except RuntimeError as error:
        raise FileError(f"the file's network is not the module that was given: {error}") from error
    net.module_.eval()
    net.history = _history_from_plain(state["history"], _below("history.", tensors))
    net.for_prediction_ = True  # without the state of an optimizer and the loss
    student.net_, student.history_, student.n_iter_ = net, net.history, len(net.history)
    student.n_parameters_ = sum(p.numel() for p in net.module_.parameters())
    student._output = output.to(device_of(net.module_))
    student._inference = student._inference_networks()
    if math.prod(shape) <= MOST_TRIED:
        _try(student, shape)


def _columns(state: dict[str, Any]) -> TableColumns:
    if "columns" in state:
        return TableColumns.from_plain(state["columns"])
    # Files from before there was this table: of columns that are not text it has no names.
    return TableColumns.from_plain(
        {
            "names": state["feature_names_in"],
            "categorical": state["categorical"],
            "categories": state["categories"]["categories"],
        }
    )


def _set_module(student: Any, module: Any) -> None:
    """Put the user's module where the file has its name, or refuse one that is not wanted."""
    if student.module is None and module is not None:
        raise FileError("it holds a student with the built-in network: leave `module` away")
    if student.module is not None and module is None:
        raise FileError(
            f"it holds a student with a network of its own, {student.module}: "
            "load(path, module=...) needs what was given to StudentRegressor(module=...)"
        )
    student.module = module


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _history_to_plain(history: History) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a history by columns, None for those that are tensors; batches are left out."""
    words: dict[str, Any] = {}
    numbers: dict[str, Tensor] = {}
    for key in dict.fromkeys(key for row in history for key in row if key != "batches"):
        column = [row.get(key) for row in history]
        values = None if None in column else np.asarray(column)
        if values is not None and values.ndim == 1 and values.dtype.kind in "biuf":
            words[key], numbers[key] = None, torch.from_numpy(values)
        else:
            words[key] = [PLAIN.encode(one) for one in column]
    return words, numbers


def _history_from_plain(words: dict[str, Any], numbers: dict[str, Tensor]) -> History:
    columns = {
        key: numbers[key].tolist() if column is None else [*PLAIN.decode_all(column)]
        for key, column in words.items()
    }
    # A row is far larger in memory than the least that a column can hold of it: each has an epoch.
    if columns and ("epoch" not in numbers or numbers["epoch"].dtype != torch.int64):
        raise FileError("the file's history does not number its epochs")
    rows = zip(*columns.values(), strict=True)
    return History({"batches": [], **dict(zip(columns, row, strict=True))} for row in rows)


def _names(estimator: Any) -> list[str] | None:
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _set_names(estimator: Any, names: list[str]) -> None:
    """Set the names of the features, of which there must be n_features_in_."""
    if len(names) != estimator.n_features_in_ or not all(isinstance(n, str) for n in names):
        raise FileError(
            f"the file does not name {estimator.n_features_in_} features: {str(names)[:LONGEST]}"
        )
    estimator.feature_names_in_ = np.array(names, dtype=object)


def _transform(
    module: dict[str, Tensor], n_features: int, categorical: Sequence[int]
) -> InputTransform:
    """Return how X enters the network, read from the buffers that hold it."""
    if "input_center" in module:
        center, scale = (module[f"input_{k}"].reshape(-1).numpy() for k in ("center", "scale"))
        if not len(center) == len(scale) == n_features:
            raise FileError(f"the file scales {len(center)} features of {n_features}")
        _check_double(center, scale)
        return StandardTransform(Scaling(center, scale, np.zeros(len(center), bool)))
    # Files from before there was this table: all numbers were embedded alike.
    module.setdefault("input_two_valued", torch.empty(0, dtype=torch.int64))
    quantiles = Quantiles(**{name: module[f"input_{name}"].numpy() for name in TABLES})
    for name in ("numeric", "missing", "category_feature", "two_valued"):
        values = getattr(quantiles, name)
        if values.ndim != 1 or values.dtype.kind != "i":
            raise FileError(f"the file's {name} are no features")
        if len(values) and not 0 <= values.min() <= values.max() < n_features:
            raise FileError(f"the file's {name} name features beyond the {n_features} there are")
    _check_double(quantiles.knots, quantiles.scores, quantiles.category_value)
    features = sorted([*quantiles.numeric.tolist(), *categorical])
    # Lengths first: a range of a claimed number of features is as long as it says.
    if len(features) != n_features or features != list(range(n_features)):
        raise FileError(
            f"the file has numbers in {len(quantiles.numeric)} features and categories in "
            f"{len(categorical)}, and these are not each of its {n_features} features once"
        )
    tables = len(quantiles.numeric), quantiles.knots.shape[-1]
    if not quantiles.knots.shape == quantiles.scores.shape == tables or not (
        quantiles.category_value.shape == quantiles.category_feature.shape
    ):
        raise FileError("the file's tables of its inputs have unequal lengths")
    last = len(quantiles.numeric) - len(quantiles.two_valued)
    if not np.array_equal(quantiles.numeric[max(last, 0) :], quantiles.two_valued):
        raise FileError("the file's features of two values are not the last of its numbers")
    if not (quantiles.knots[:, 1:] >= quantiles.knots[:, :-1]).all():
        raise FileError("the file's quantiles do not rise")
    return QuantileTransform(quantiles)


def _check_double(*tables: np.ndarray) -> None:
    if any(values.dtype != np.float64 for values in tables):
        raise FileError("the file's tables of its inputs are not of double precision")


def _output(tensors: dict[str, Tensor], n_heads: int, log: Any) -> OutputScaling:
    if not isinstance(log, bool):
        raise FileError(f"log must be true or false in the file, got {log!r}")
    center, scale = tensors["center"], tensors["scale"]
    if center.ndim != 1 or center.shape != scale.shape or center.dtype != scale.dtype:
        raise FileError("the file's scaling of the targets is none")
    if not (center.isfinite().all() and scale.isfinite().all()):
        raise FileError("the file's scaling of the targets is not finite")
    plain = np.zeros(len(center))
    output = OutputScaling(Scaling(plain, plain + 1, plain > 0, log), n_heads)
    output.center, output.scale = center, scale
    if "low" in tensors:
        _clip(output, tensors["low"], tensors["high"])
    return output


def _clip(output: OutputScaling, low: Tensor, high: Tensor) -> None:
    for bound in (low, high):
        if bound.shape != output.center.shape or bound.dtype != torch.float64:
            raise FileError(
                f"the file's range of the labels has shape {tuple(bound.shape)} and type "
                f"{bound.dtype}, expected {tuple(output.center.shape)} and double precision"
            )
    if not (low.isfinite() & high.isfinite() & (low <= high)).all():
        raise FileError("the file's range of the labels is none")
    output.clip_to(low.numpy(), high.numpy())


def _check_widths(
    student: Any, module: dict[str, Tensor], transform: InputTransform, n_columns: int
) -> None:
    """Refuse a built-in network that is not as large as it says, before it is built."""
    first = embedded_width(transform.n_numeric, _n_frequencies(module), transform.n_plain)
    widths = [first, *layer_widths(student.hidden_layer_sizes), n_columns]
    expected = list(zip(widths[1:], widths[:-1], strict=True))
    weights = {k: v for k, v in module.items() if k.endswith(".weight")}
    found = [tuple(weights[k].shape) for k in sorted(weights, key=lambda k: int(k.split(".")[0]))]
    if len(found) > MOST_LAYERS:
        raise FileError(
            f"the file's network has {len(found)} layers, expected {MOST_LAYERS} at most"
        )
    if found != expected:
        raise FileError(
            f"the file's layers have sizes {str(found)[:LONGEST]}, expected "
            f"{str(expected)[:LONGEST]}"
        )


def _check_shapes(net: NeuralNet, module: dict[str, Tensor]) -> None:
    """Refuse a network of the user's that is not as large as the file, before it takes memory."""
    try:
        with torch.device("meta"):  # on which tensors have shapes and no numbers
            built = net.initialized_instance(net.module, net.get_params_for("module"))
    except Exception:
        return  # it wants numbers when it is built
    known = {k: v for k, v in built.state_dict().items() if not is_lazy(v)}
    for name, shape in {k: tuple(v.shape) for k, v in known.items()}.items():
        if name not in module or module[name].shape != shape:
            found = tuple(module[name].shape) if name in module else "not there"
            raise FileError(
                f"the file's network is not the module that was given: {name} has shape {shape} in "
                f"the module, and in the file it is {found}"
            )


def _n_frequencies(module: dict[str, Tensor]) -> int:
    return module["0.frequency"].numel() if "0.frequency" in module else 0


def _rebuild(student, shape, module, transform, n_columns):
    """Return the net, not initialised; what only training needs is that of any student."""
    bare = type(student)(
        student.hidden_layer_sizes,
        activation=student.activation,
        embedding=student.embedding,
        module=student.module,
        module_params=_plain_params(student.module_params),
        device=student.device,
        max_epochs=1,
        batch_size=1,
    )
    if bare.device != "auto":
        there = torch.cuda.is_available() or torch.device(bare.device).type == "cpu"
        bare.device = bare.device if there else "cpu"
    rows = (1, transform.n_inputs) if student.module is None else (1, *shape)
    net = build_net(bare, rows, transform.n_plain, n_columns, 0.0, np.random.RandomState(0))
    if student.module is None:
        net.set_params(module__n_frequencies=_n_frequencies(module))
    return net


def _plain_params(params: Any) -> dict[str, Any] | None:
    """Return the parameters of a user's module, if they are in the file."""
    return None if isinstance(params, NotSaved) else params


def _try(student: Any, shape: tuple[int, ...]) -> None:
    """Predict one row, so that a file in which something is missing is refused now."""
    prediction = student._predict_columns(np.zeros((1, *shape), np.float32), "label")
    if prediction.shape != (1, student.n_outputs_):
        raise FileError(f"the network in the file returns {prediction.shape[1:]} for a row")
