"""Smaller plans: fewer knots, weights of eight bits."""

from dataclasses import replace

import numpy as np

from sklearn_regkd.export.plan import Dense, Standard, StudentPlan, Table

MOST_STEPS = 127


def in_eight_bits(plan: StudentPlan) -> StudentPlan:
    """Return a student whose hidden layers have weights of eight bits.

    The weights of each output of a layer are rounded to 255 steps between minus and plus the
    largest of them. What flows between the layers stays in single precision: rows need no ranges
    that were seen before, none is cut off, and what is saved is flash, of which the weights are
    most. The last layer has so few weights that it stays as it is.

    Parameters
    ----------
    plan : StudentPlan
        The student.
    """
    *hidden, head = plan.layers
    return replace(plan, layers=(*(_rounded(layer) for layer in hidden), head))


def _rounded(layer: Dense) -> Dense:
    largest = np.abs(layer.weight).max(axis=1, initial=0.0)
    unit = np.where(largest > 0, largest / MOST_STEPS, 1.0).astype(np.float32)
    steps = np.rint(layer.weight / unit[:, None]).clip(-MOST_STEPS, MOST_STEPS)
    return replace(layer, weight=steps.astype(np.int8), unit=unit)


def with_fewer_knots(plan: StudentPlan, tolerance: float) -> StudentPlan:
    """Return a student without the knots that matter little.

    Parameters
    ----------
    plan : StudentPlan
        The student.
    tolerance : float
        How far the score of a value may move, of which the scale is 1; 0 leaves away nothing
        but knots on a straight line.
    """
    table = plan.entrance
    if isinstance(table, Standard):
        return plan
    pairs = list(zip(table.knots, table.scores, strict=True))
    kept = [_needed(knots.astype(np.float64), scores, tolerance) for knots, scores in pairs]
    chosen = [(pair[0][at], pair[1][at]) for pair, at in zip(pairs, kept, strict=True)]
    thinned = Table(
        knots=tuple(knots for knots, _ in chosen), scores=tuple(scores for _, scores in chosen)
    )
    return replace(plan, entrance=thinned)


def _needed(knots: np.ndarray, scores: np.ndarray, tolerance: float) -> np.ndarray:
    """Return which knots to keep, so that no score moves by more than the tolerance.

    From each knot that is kept the line goes to the farthest one that passes all knots between
    them near enough; a line between two knots of a map of lines is farthest from it at a knot.
    """
    last = len(knots) - 1
    kept = [0]
    while kept[-1] < last:
        start = kept[-1]
        end = start + 1
        # The slopes from the start that pass every knot so far within the tolerance.
        least, most = -np.inf, np.inf
        for at in range(start + 1, last + 1):
            gap = knots[at] - knots[start]
            if gap <= 0:  # a step: both of its ends stay
                break
            rise = scores[at] - scores[start]
            if least <= rise / gap <= most:
                end = at
            least = max(least, (rise - tolerance) / gap)
            most = min(most, (rise + tolerance) / gap)
            if least > most:
                break
        kept.append(end)
    return np.array(kept)
