"""How the student was trained: loss against epoch."""

from typing import Any

import numpy as np

from sklearn_regkd.inspection.style import BLUE, DARK, ORANGE, legend_above, new_axes
from sklearn_regkd.inspection.training_rows import fitted_history


class TrainingDisplay:
    """Loss curves of the student.

    Parameters
    ----------
    train_loss : ndarray of shape (n_epochs,)
        Mean loss of the batches of each epoch, in standardised units.
    valid_loss : ndarray of shape (n_epochs,), default=None
        Loss of the held-out rows after each epoch; None where no rows were held out.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes that the picture was drawn on.
    figure_ : matplotlib Figure
        Figure of these axes.
    best_epoch_ : int
        Number, from 1, of the epoch whose weights were kept: that of the least loss of
        held-out rows, the last one where none were held out.

    See Also
    --------
    RouteDisplay : Where the student was between the teacher's stages.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd import StudentRegressor
    >>> from sklearn_regkd.inspection import TrainingDisplay
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> student = StudentRegressor((8,), max_epochs=3, random_state=0).fit(X, X[:, 0])
    >>> TrainingDisplay.from_estimator(student).best_epoch_
    3
    """

    def __init__(self, train_loss: np.ndarray, valid_loss: np.ndarray | None = None):
        self.train_loss = train_loss
        self.valid_loss = valid_loss

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any = None, y: Any = None, *, ax: Any = None
    ) -> "TrainingDisplay":
        """Read the losses from the history of a fit, and draw them.

        Parameters
        ----------
        estimator : StudentRegressor, TORRegressor, DistilledRegressor, Pipeline or search
            A fitted estimator of this library, a Pipeline that ends with one, or a search
            over them.
        X, y : ignored
            Not used, present for consistency with the other displays.
        ax : matplotlib Axes, default=None
            Axes to draw on; None opens a new figure.

        Returns
        -------
        TrainingDisplay
            The display, drawn.
        """
        return cls._of_estimator(estimator).plot(ax)

    @classmethod
    def _of_estimator(cls, estimator: Any) -> "TrainingDisplay":
        """Return the display without drawing it."""
        epochs = fitted_history(estimator, cls.__name__)
        train_loss, valid_loss = (
            np.array([epoch.get(name, np.nan) for epoch in epochs], float)
            for name in ("train_loss", "valid_loss")
        )
        return cls(train_loss, valid_loss if np.isfinite(valid_loss).any() else None)

    def plot(self, ax: Any = None) -> "TrainingDisplay":
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None opens a new figure.

        Returns
        -------
        TrainingDisplay
            The display itself.
        """
        self.figure_, self.ax_ = new_axes(ax)
        from matplotlib.ticker import LogLocator

        ax, epochs = self.ax_, np.arange(1, len(self.train_loss) + 1)
        marker = "o" if len(epochs) < 15 else None
        line = {"lw": 2, "marker": marker, "ms": 4}
        ax.plot(epochs, self.train_loss, color=BLUE, label="training rows", **line)
        self.best_epoch_ = len(epochs)
        if self.valid_loss is not None:
            ax.plot(epochs, self.valid_loss, color=ORANGE, ls="--", label="held-out rows", **line)
            best = int(np.nanargmin(self.valid_loss))
            self.best_epoch_ = best + 1
            ax.plot(
                epochs[best],
                self.valid_loss[best],
                "D",
                color=DARK,
                ms=8,
                mfc="none",
                mew=1.8,
                ls="none",
                label=f"best epoch, kept: {self.best_epoch_}",
            )
        drawn = np.concatenate([v for v in (self.train_loss, self.valid_loss) if v is not None])
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn) and drawn.min() > 0:
            ax.set_yscale("log")
            ax.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
            for show in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
                show("{x:g}")
        ax.set(xlabel="epoch", ylabel="loss (standardised units)")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(axis="y", which="both", color="#DDDDDD", lw=0.8)
        legend_above(ax, "How the student was trained", 3)
        return self
