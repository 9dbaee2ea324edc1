"""How the student was led along the teacher's route."""

from typing import Any

import numpy as np

from sklearn_regkd.inspection.style import BLUE, GREEN, ORANGE, PURPLE, RED, legend_above, new_axes
from sklearn_regkd.inspection.training_rows import fitted_history

COLORS = (ORANGE, GREEN, PURPLE, RED)


class RouteDisplay:
    """Distance of the student to each anchor of the teacher's route, epoch by epoch.

    Parameters
    ----------
    distance : ndarray of shape (n_epochs, n_stages)
        Mean squared distance to each stage at the end of an epoch, in units of the
        variance of the finished teacher.
    stage : ndarray of int of shape (n_epochs,)
        Number of the anchor, from 0, to which the student was led in each epoch.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that the picture was drawn on.
    figure_ : matplotlib Figure
        Figure of these axes.

    See Also
    --------
    TrainingDisplay : Loss curves.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import GradientBoostingRegressor
    >>> from sklearn_regkd import DistilledRegressor, StudentRegressor
    >>> from sklearn_regkd.inspection import RouteDisplay
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> distilled = DistilledRegressor(
    ...     GradientBoostingRegressor(n_estimators=6),
    ...     StudentRegressor((8,), max_epochs=4, weight_decay=0.1),
    ...     outliers=None, alpha=0.5, route=2, random_state=0,
    ... ).fit(X, X[:, 0])
    >>> RouteDisplay.from_estimator(distilled).stage
    array([0, 0, 1, 1])
    """

    def __init__(self, distance: np.ndarray, stage: np.ndarray):
        self.distance = distance
        self.stage = stage

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any = None, y: Any = None, *, ax: Any = None
    ) -> "RouteDisplay":
        """Read the distances from the history of a fit with `route`, and draw them.

        Parameters
        ----------
        estimator : DistilledRegressor, Pipeline or search
            A DistilledRegressor that was fitted with `route`, a Pipeline that ends with one,
            or a search over them.
        X, y : ignored
            Not used, present for consistency with the other displays.
        ax : matplotlib Axes, default=None
            Axes to draw on; None opens a new figure.

        Returns
        -------
        RouteDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If it was fitted without `route`.
        """
        return cls._of_estimator(estimator).plot(ax)

    @classmethod
    def _of_estimator(cls, estimator: Any) -> "RouteDisplay":
        """Return the display without drawing it."""
        epochs = fitted_history(estimator, cls.__name__)
        if not epochs or "route_distance" not in epochs[0]:
            raise ValueError(
                f"{estimator!r} was fitted without a route, so that there is nothing to show: "
                "fit DistilledRegressor(route=4)"
            )
        distance = np.array([epoch["route_distance"] for epoch in epochs], float)
        return cls(distance, np.array([epoch["route_stage"] for epoch in epochs], int))

    def plot(self, ax: Any = None) -> "RouteDisplay":
        """Draw one line for each anchor; it is thick while the student is led there.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None opens a new figure.

        Returns
        -------
        RouteDisplay
            The display itself.
        """
        self.figure_, self.ax_ = new_axes(ax)
        ax = self.ax_
        epochs = np.arange(1, len(self.stage) + 1)
        anchors = np.unique(self.stage)
        last = self.distance.shape[1] - 1
        shown = np.sqrt(self.distance)
        for place, anchor in enumerate(anchors):
            final = anchor == last
            color = BLUE if final else COLORS[place % len(COLORS)]
            name = "finished teacher" if final else f"stage {anchor + 1} of {last + 1}"
            here = self.stage == anchor
            ax.plot(epochs, shown[:, anchor], color=color, lw=1.5, label=name)
            # From the end of the epoch before: from there on the student was led here.
            led = here | np.append(here[1:], False)
            thick = np.where(led, shown[:, anchor], np.nan)
            ax.plot(epochs, thick, color=color, lw=4, zorder=3, solid_capstyle="round")
            if len(epochs) < 15:
                ax.plot(epochs[here], shown[here, anchor], "o", color=color, ms=5)
        for change in epochs[1:][np.diff(self.stage) != 0]:
            ax.axvline(change - 0.5, color="#BBBBBB", lw=1, ls=":", zorder=0)
        ax.set_ylim(bottom=0)
        ax.set(
            xlabel="epoch (thick: the anchor that the student is led to)",
            ylabel="distance of the student to the anchor\n(standard deviations of the teacher)",
        )
        ax.xaxis.get_major_locator().set_params(integer=True)
        legend_above(ax, "The student on the teacher's route", 3)
        return self
