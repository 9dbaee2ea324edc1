"""Train one skorch net on rows and their supervision."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochScoring
from skorch.utils import to_numpy
from torch import nn

from sklearn_regkd.losses.criterion import SupervisionCriterion
from sklearn_regkd.networks.hints import HintAdapter
from sklearn_regkd.networks.inputs import InputTransform, TransformedRows
from sklearn_regkd.networks.scaling import OutputScaling
from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.supervision.supervision import Supervision, unpack_label
from sklearn_regkd.training.batches import Rows, WholeBatches
from sklearn_regkd.training.checkpoint import parts_of
from sklearn_regkd.training.device import device_of
from sklearn_regkd.training.distributed import current_processes
from sklearn_regkd.training.manual_backward import ManualTraining
from sklearn_regkd.training.net import StudentNet, check_shared
from sklearn_regkd.utils.tensor import as_tensor

# Inputs per chunk of a prediction: bounds the memory of the hidden layers, and
# leaves the overhead of a chunk far below its arithmetic.
CHUNK_ELEMENTS = 2**17


class RawLabel:
    """Read the labels, in raw units, out of packed supervision.

    Scoring callbacks of a user's own net compare with these.
    """

    def __init__(self, scaling: Scaling):
        self.scaling = scaling

    def __call__(self, packed: Any) -> np.ndarray:
        """Return labels (n_samples, n_outputs) in raw units."""
        label = unpack_label(torch.as_tensor(packed), len(self.scaling.center))
        return to_numpy(label) * self.scaling.scale + self.scaling.center


def use_criterion(net: NeuralNet, criterion: dict[str, Any]) -> None:
    """Replace whatever criterion a net has by the supervision's."""
    for name in [n for n in net.get_params(deep=False) if n.startswith("criterion__")]:
        delattr(net, name)
    net.set_params(
        criterion=SupervisionCriterion,
        **{f"criterion__{name}": value for name, value in criterion.items()},
    )


def score_in_raw_units(net: NeuralNet, output: OutputScaling, scaling: Scaling) -> None:
    """Let a net's `predict` and its scoring callbacks use the units of y."""
    net.set_params(predict_nonlinearity=output.forward)
    for callback in net.callbacks or ():
        scoring = callback[1] if isinstance(callback, tuple) else callback
        if isinstance(scoring, EpochScoring) and scoring.target_extractor is to_numpy:
            scoring.target_extractor = RawLabel(scaling)


def train(
    *,
    net: NeuralNet,
    X: np.ndarray,
    supervision: Supervision,
    scaling: Scaling,
    n_heads: int,
    inputs: TransformedRows | InputTransform,
    extra_callbacks: list[tuple[str, Callback]],
    adapter_seed: int,
    on_done: Callable[[], None],
) -> None:
    """Initialise a net and train it; or leave that for later, see `defer_training`.

    Parameters
    ----------
    net : NeuralNet
        Not initialised, owned by the caller; its criterion is set.
    X : ndarray of shape (n_samples, ...)
        Raw inputs, not copied.
    supervision : Supervision
        Supervision of the same rows.
    scaling : Scaling
        Scaling of the targets.
    n_heads : {1, 2}
        Heads that the criterion expects of the network.
    inputs : TransformedRows or InputTransform
        What the built-in network sees of X; how X enters any other module.
    extra_callbacks : list of (str, Callback)
        Called after the net's own, and not kept with it.
    adapter_seed : int
        Seed of the adapter between the network and the hints, if there are any.
    on_done : callable
        Called at the end, with the net in evaluation mode; if the training is deferred,
        now and once more when it is done.

    Raises
    ------
    ValueError
        If the module's output does not have the expected width.
    KeyboardInterrupt
        If the user interrupts the training. skorch would end it quietly, and
        leave a half-trained model that looks like a trained one.
    """
    training = Training(
        net=net,
        X=X,
        supervision=supervision,
        scaling=scaling,
        n_heads=n_heads,
        inputs=inputs,
        extra_callbacks=extra_callbacks,
        adapter_seed=adapter_seed,
        on_done=on_done,
    )
    pending = _PENDING.get()
    if pending is not None and training.can_be_deferred():
        pending.append(training)
    else:
        with training.session():
            net.fit_loop(training.rows, epochs=net.max_epochs - len(net.history))
    on_done()


# Where deferred trainings are collected in this context, if anywhere.
_PENDING: ContextVar[list["Training"] | None] = ContextVar("pending", default=None)


@contextmanager
def defer_training(pending: list["Training"]) -> Iterator[None]:
    """Collect inside the trainings that can be deferred, instead of running them.

    The estimators that they belong to seem to be fitted, but their networks are
    not, until :func:`~sklearn_regkd.training.deferred.train_deferred` has trained them.
    """
    token = _PENDING.set(pending)
    try:
        yield
    finally:
        _PENDING.reset(token)


class Training:
    """A net about to be trained; its parameters are those of :func:`train`."""

    def __init__(
        self,
        *,
        net,
        X,
        supervision,
        scaling,
        n_heads,
        inputs,
        extra_callbacks,
        adapter_seed,
        on_done,
    ):
        self.net, self.extra_callbacks, self.on_done = net, extra_callbacks, on_done
        self.adapter: HintAdapter | None = None
        transform = inputs.transform if isinstance(inputs, TransformedRows) else inputs
        start_net(net, X, transform, len(scaling.center), n_heads)
        if supervision.hints is not None:
            n_hints = supervision.hints.shape[1]
            few = as_tensor(X[:2]).to(device_of(net.module_))
            self.adapter = HintAdapter(net.module_, net.criterion_, few, n_hints, adapter_seed)
            net.initialize_optimizer()  # once more: the adapter is to be trained, too
        net.callbacks_ = [*net.callbacks_, *extra_callbacks]
        self.rows = Rows(X, supervision.packed())
        if isinstance(inputs, TransformedRows) and ManualTraining.supports(net):
            net.manual_ = ManualTraining(net, inputs, self.rows.y)

    def can_be_deferred(self) -> bool:
        """Return whether it is an ordinary training, of which no callback sees the epochs."""
        net = self.net
        return (
            isinstance(net, StudentNet)
            and current_processes().size == 1
            and net.manual_ is not None
            and net.train_split is None
            and net.batch_size > 0
            and [name for name, _ in net.callbacks or ()] == ["one_cycle"]
            and [name for name, _ in self.extra_callbacks] == ["divergence", "progress"]
        )

    @contextmanager
    def session(self) -> Iterator[None]:
        """Let the net be trained inside, and put before and after it what belongs there."""
        net, rows = self.net, self.rows
        if isinstance(net, StudentNet) and net.iterator_train is WholeBatches:
            seed = net.get_params_for("iterator_train").get("seed", 0)
            net.order_ = torch.Generator().manual_seed(seed)
        try:
            if current_processes().size > 1:
                check_shared(net)
                current_processes().check_same(
                    **{
                        "rows": rows.X,
                        "labels or teachers' predictions": rows.y,
                        "initial weights": [part.state_dict() for part in parts_of(net).values()],
                        "steps": (net.batch_size, net.max_epochs, net.order_.initial_seed()),
                    }
                )
            with notified(net, rows):
                yield
        finally:
            net.callbacks_ = [c for c in net.callbacks_ if c not in self.extra_callbacks]
            if isinstance(net, StudentNet):
                net.order_ = None
                net.release()
            if self.adapter is not None:
                _forget(net.optimizer_, self.adapter.drop())
        net.module_.eval()


def start_net(
    net: NeuralNet, X: np.ndarray, transform: InputTransform, n_outputs: int, n_heads: int
) -> None:
    """Initialise a net that takes raw rows like those of X; see :func:`train`."""
    net.initialize()
    transform.attach(net.module_, X.ndim)
    check_output_width(net.module_, X, n_outputs * n_heads, n_heads)


@contextmanager
def notified(net: NeuralNet, rows: Rows) -> Iterator[None]:
    """Tell a net's callbacks that it is trained inside; one of them may end that early."""
    net.notify("on_train_begin", X=rows.X, y=rows.y)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if not _raised_by_callback(interrupt):
            raise
    net.notify("on_train_end", X=rows.X, y=rows.y)


def _forget(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> None:
    """Let an optimizer lose what it knows of parameters that are gone."""
    gone = {id(p) for p in parameters}
    for group in optimizer.param_groups:
        group["params"] = [p for p in group["params"] if id(p) not in gone]
    for parameter in parameters:
        optimizer.state.pop(parameter, None)


def _raised_by_callback(interrupt: BaseException) -> bool:
    """Tell skorch's way of ending a training early from a user's Ctrl-C."""
    trace = interrupt.__traceback__
    while trace is not None:
        if isinstance(trace.tb_frame.f_locals.get("self"), Callback):
            return True
        trace = trace.tb_next
    return False


def check_output_width(module: nn.Module, X: np.ndarray, expected: int, n_heads: int) -> None:
    """Run two rows through a module and refuse an output of another width than expected.

    A width of 1 may come without its dimension. Two rows, because some modules
    drop the first dimension of a single one.
    """
    module.eval()  # skorch sets the mode anew for each training step
    name, n_rows = type(module).__name__, min(2, len(X))
    try:
        with torch.inference_mode():
            output = module(as_tensor(X[:2]).to(device_of(module)))
    except RuntimeError as error:
        raise ValueError(
            f"module {name} cannot take rows of shape {X.shape[1:]}: {error}"
        ) from error
    if not isinstance(output, torch.Tensor):
        raise TypeError(f"module {name} must return a tensor, got {type(output).__name__}")
    if output.shape == (n_rows, expected) or (expected == 1 and output.shape == (n_rows,)):
        return
    heads = f"{n_heads} heads x {expected // n_heads} outputs" if n_heads > 1 else "outputs"
    raise ValueError(
        f"module {name} returned shape {tuple(output.shape)} for {n_rows} rows, "
        f"expected {(n_rows, expected)} ({heads}): build its last layer with n_outputs={expected}"
    )


def forward(
    module: nn.Module,
    X: np.ndarray,
    finish: nn.Module | None = None,
    dtype: torch.dtype | None = None,
    **finish_params: Any,
) -> np.ndarray:
    """Run a module over an array in chunks, without gradients.

    Parameters
    ----------
    module : nn.Module
        In evaluation mode.
    X : ndarray of shape (n_samples, ...)
        Inputs.
    finish : nn.Module, default=None
        Applied to each chunk of outputs, with `finish_params`.
    dtype : torch.dtype, default=None
        Type to cast each chunk of inputs to; None leaves it as it is.

    Returns
    -------
    ndarray
        The outputs of all rows.
    """
    device = device_of(module)
    chunk = max(1, CHUNK_ELEMENTS // max(1, int(np.prod(X.shape[1:]))))
    with torch.inference_mode():
        outputs = []
        for start in range(0, len(X), chunk):
            output = module(as_tensor(X[start : start + chunk]).to(device, dtype))
            outputs.append(output if finish is None else finish(output, **finish_params))
        joined = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
        return joined.cpu().numpy()
