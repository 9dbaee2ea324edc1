"""What a prediction costs where there is little of everything."""

from dataclasses import dataclass

from sklearn_regkd.export.plan import StudentPlan


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one prediction costs.

    Parameters
    ----------
    flash : int
        Bytes of constants, without the program.
    ram : int
        Bytes of buffers on the stack.
    multiply_adds : int
        Products that are added up, at most.
    waves : int
        Sines and cosines.
    exponentials : int
        Calls of the activation, and of exp, where that is more than a comparison.
    """

    flash: int
    ram: int
    multiply_adds: int
    waves: int
    exponentials: int


def cost_of(plan: StudentPlan, flash: int) -> Cost:
    """Return what a student costs whose constants take so many bytes."""
    first, *others = plan.layers
    n_plain = plan.n_inputs + 2 * plan.n_waves * len(plan.frequency)
    products = len(first.bias) * n_plain + sum(layer.weight.size for layer in others)
    hidden = sum(len(layer.bias) for layer in plan.layers[:-1])
    calls = 0 if plan.activation == "relu" else hidden
    if plan.intervals is not None:
        products += plan.intervals.weight.size
        calls += plan.n_outputs
    return Cost(
        flash=flash,
        ram=4 * sum(buffers(plan)),
        multiply_adds=products,
        waves=2 * plan.n_waves * len(plan.frequency),
        exponentials=calls + (plan.n_outputs if plan.largest_log is not None else 0),
    )


def buffers(plan: StudentPlan) -> tuple[int, int]:
    """Return the lengths of the two buffers that hidden layers take in turn."""
    widths = [len(layer.bias) for layer in plan.layers[:-1]]
    return max(widths[::2], default=0), max(widths[1::2], default=0)
