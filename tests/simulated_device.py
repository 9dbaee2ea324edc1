"""A device for machines without an accelerator: numbers of the CPU, kept apart, and costs counted.

    with SimulatedDevice() as device:
        StudentRegressor(device=NAME).fit(X, y)
        print(device.counts)

Each of its tensors wraps one of the CPU, on which all operations run, so that results are those of
the CPU. Tensors of both do not mix, but for scalars, as on CUDA: what would fail there fails here.
Counted is what takes an accelerator's time: copies to and fro, values read back (for which the
program has to wait), and launches, which are all operations that do more than return a view.

It leans on ``torch.utils.backend_registration``, which PyTorch calls experimental.
"""

from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor, nn
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

NAME = "simulated"
# Whether this version of PyTorch knows of devices that are written in Python. It takes one
# accelerator: where there is CUDA, autograd would look for the streams of this one.
IS_THERE = (
    hasattr(backend_registration, "_setup_privateuseone_for_python_backend")
    and not torch.cuda.is_available()
)
COPIES = {"aten::_to_copy", "aten::copy_", "aten::_foreach_copy_"}
INDEXING = {"aten::index", "aten::index_put_", "aten::_index_put_impl_"}
READING = {
    "aten::_local_scalar_dense",
    "aten::_unique2",
    "aten::equal",
    "aten::is_nonzero",
    "aten::masked_select",
    "aten::nonzero",
}
VIEWS = {
    "aten::_reshape_alias",
    "aten::_unsafe_view",
    "aten::empty_like",  # memory, not a launch
    "aten::new_empty",
    "aten::new_empty_strided",
}


@dataclass
class Counts:
    """What was done since the device was made or reset.

    Parameters
    ----------
    to_device, to_host : int
        Copies between the CPU and the device.
    read_back : int
        Values that Python asked for.
    launches : int
        Operations on the device.
    """

    to_device: int = 0
    to_host: int = 0
    read_back: int = 0
    launches: int = 0

    def __sub__(self, other: "Counts") -> "Counts":
        mine, others = asdict(self), asdict(other)
        return Counts(**{name: mine[name] - others[name] for name in mine})


COUNTS = Counts()


class SimulatedTensor(Tensor):
    """A tensor of the device.

    Parameters
    ----------
    held : Tensor
        The tensor of the CPU that has its values.
    """

    held: Tensor

    @staticmethod
    def __new__(cls, held):
        made = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=torch.device(NAME, 0),
        )
        made.held = held
        return made

    @property
    def data(self):
        """Share memory, as the attribute of every tensor does."""
        return SimulatedTensor(self.held)

    @data.setter
    def data(self, value):
        self.held = value.held

    def data_ptr(self):
        """Return where the values are."""
        return self.held.data_ptr()

    def tolist(self):
        """Read the values back, all at once."""
        COUNTS.read_back += 1
        return self.held.tolist()

    def __deepcopy__(self, memo):
        made = memo[id(self)] = _rebuilt(*self.__reduce_ex__(2)[1])
        return made

    def __reduce_ex__(self, protocol):
        values, shape = self.held.detach().flatten().tolist(), tuple(self.shape)
        return _rebuilt, (
            values,
            shape,
            self.dtype,
            self.requires_grad,
            isinstance(self, nn.Parameter),
        )

    def __repr__(self, **kwargs):
        return f"SimulatedTensor({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _compute(func, args, kwargs or {})


def _rebuilt(values, shape, dtype, requires_grad, is_parameter):
    held = torch.tensor(values, dtype=dtype, device="cpu").reshape(shape)
    made = SimulatedTensor(held).requires_grad_(requires_grad)
    if is_parameter:
        made._is_param = True  # what PyTorch tells a parameter of such a class by
    return made


class SimulatedDevice(TorchDispatchMode):
    """Let the code inside compute on the device, and count what that costs."""

    def __init__(self):
        super().__init__()
        self.reset()

    def reset(self) -> None:
        """Count from 0 again."""
        for name, zero in asdict(Counts()).items():
            setattr(COUNTS, name, zero)

    @property
    def counts(self) -> Counts:
        """Return a copy of the counts."""
        return replace(COUNTS)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        composite = torch._C.DispatchKey.CompositeImplicitAutograd
        if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), composite):
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        return _compute(func, args, kwargs)


def _compute(func, args, kwargs):
    """Run an operation on the CPU; its result is on the device if its arguments are."""
    name = func._schema.name
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    here = [tensor for tensor in given if isinstance(tensor, SimulatedTensor)]
    elsewhere = [tensor for tensor in given if not isinstance(tensor, SimulatedTensor)]
    if here:
        _check_together(name, elsewhere)
        COUNTS.read_back += name in READING
        COUNTS.launches += not _is_view(func)
    to = kwargs.get("device")
    result_is_here = bool(here) if to is None else torch.device(to).type == NAME
    if name == "aten::copy_":
        result_is_here = isinstance(args[0], SimulatedTensor)
        _count_copy(isinstance(args[1], SimulatedTensor), result_is_here)
    elif name == "aten::_to_copy":
        _count_copy(bool(here), result_is_here)
    if to is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
        kwargs.pop("pin_memory", None)
    wrapper_of = {id(tensor.held): tensor for tensor in here}
    own = {id(tensor) for tensor in elsewhere}

    def wrapped(result):
        if id(result) in wrapper_of:  # changed in its place
            return wrapper_of[id(result)]
        return SimulatedTensor(result) if result_is_here and id(result) not in own else result

    args, kwargs = tree_map_only(SimulatedTensor, lambda tensor: tensor.held, (args, kwargs))
    return tree_map_only(Tensor, wrapped, func(*args, **kwargs))


def _check_together(name, elsewhere):
    """Refuse what would need a copy that nobody has asked for."""
    shapes = [tuple(tensor.shape) for tensor in elsewhere if tensor.ndim]
    if shapes and name not in COPIES | INDEXING:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but {name} got {NAME} and cpu {shapes}"
        )


def _is_view(func) -> bool:
    returns = func._schema.returns
    aliases = [one.alias_info is not None and not one.alias_info.is_write for one in returns]
    return (bool(aliases) and all(aliases)) or func._schema.name in VIEWS


def _count_copy(was_here: bool, is_here: bool) -> None:
    COUNTS.to_device += is_here and not was_here
    COUNTS.to_host += was_here and not is_here


def _register() -> torch.library.Library:
    """Tell PyTorch the device's name, and what it calls without asking the mode."""

    class Backend(backend_registration._DummyBackendModule):
        """The device's part of PyTorch, without a random generator of its own."""

        def get_rng_state(self, device=None):
            return torch.empty(0, dtype=torch.uint8, device="cpu")

        def set_rng_state(self, state, device=None):
            pass

    backend_registration._setup_privateuseone_for_python_backend(NAME, Backend())
    library = torch.library.Library("aten", "IMPL")

    def empty(size, dtype=None, **others):
        return SimulatedTensor(torch.empty(size, dtype=dtype, device="cpu"))

    def empty_strided(size, stride, dtype=None, **others):
        return SimulatedTensor(torch.empty_strided(size, stride, dtype=dtype, device="cpu"))

    def copy_from(source, target, non_blocking=False):
        _count_copy(isinstance(source, SimulatedTensor), isinstance(target, SimulatedTensor))
        values = source.held if isinstance(source, SimulatedTensor) else source
        (target.held if isinstance(target, SimulatedTensor) else target).copy_(values)
        return target

    library.impl("empty.memory_format", empty, "PrivateUse1")
    library.impl("empty_strided", empty_strided, "PrivateUse1")
    library.impl("_copy_from", copy_from, "PrivateUse1")
    torch.serialization.add_safe_globals([_rebuilt])
    return library


# Now, and not when the device is first used: autograd makes a queue for each device that it knows
# when it first runs.
_LIBRARY = _register() if IS_THERE else None
