"""A training whose targets move along the teacher's route."""

import numpy as np
from skorch.callbacks import Callback

from sklearn_regkd.supervision.route import next_anchor, route_distance
from sklearn_regkd.supervision.supervision import Curriculum
from sklearn_regkd.training.distributed import current_processes
from sklearn_regkd.training.train import forward

MOST_ROWS_ASKED = 2000
# After each epoch fewer have to do: it must not cost what the epoch costs.
MOST_ROWS_RECORDED = 500


class FollowRoute(Callback):
    """Exchange the targets in place when it is time for the next anchor.

    The history learns of each epoch to which stage it belonged (``"route_stage"``) and
    how far the student was from every stage at its end (``"route_distance"``).

    Parameters
    ----------
    curriculum : Curriculum
        Of the training rows.
    """

    def __init__(self, curriculum: Curriculum):
        self.curriculum = curriculum

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Start before the first anchor."""
        self.X_, self.packed_ = X, y
        self.epoch_ = 0
        self.anchors_: list[int] = []

    def on_epoch_begin(self, net, **kwargs):
        """Move on if this epoch belongs to another anchor."""
        schedule, n_stages = self.curriculum.schedule, len(self.curriculum.label)
        place = min(schedule.n_anchors, schedule.n_anchors * self.epoch_ // net.max_epochs + 1)
        self.epoch_ += 1
        if place == len(self.anchors_):
            return
        # Where epochs are fewer than anchors some are skipped, never the last.
        anchor = -(-place * n_stages // schedule.n_anchors) - 1
        if schedule.anchors == "greedy" and 1 < place < schedule.n_anchors:
            anchor = self._greedy(net, self.anchors_[-1])
        self.anchors_ += [anchor] * (place - len(self.anchors_))
        self._tell(anchor)

    def state_dict(self) -> dict:
        """Return what a checkpoint has to keep; the targets follow from it."""
        return {"epoch": self.epoch_, "anchors": self.anchors_}

    def load_state_dict(self, state: dict) -> None:
        """Go on from there."""
        self.epoch_, self.anchors_ = state["epoch"], state["anchors"]
        self._tell(self.anchors_[-1])

    def on_epoch_end(self, net, **kwargs):
        """Write down where the student is."""
        said = self._said(net, MOST_ROWS_RECORDED)
        net.history.record("route_stage", self.anchors_[-1])
        net.history.record("route_distance", route_distance(*said).tolist())

    def _greedy(self, net, current: int) -> int:
        said = self._said(net, MOST_ROWS_ASKED)
        anchor = next_anchor(*said, current, self.curriculum.schedule.delta)
        return current_processes().broadcast_object(anchor)

    def _said(self, net, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what student and teacher, at all its stages, say of some of the rows."""
        every = -(-len(self.X_) // most)
        teacher = self.curriculum.teacher[:, ::every]
        net.module_.eval()
        said = forward(net.module_, self.X_[::every].numpy())
        return said.reshape(len(said), -1)[:, : teacher.shape[2]], teacher

    def _tell(self, anchor: int) -> None:
        n_outputs = self.curriculum.label.shape[2]
        packed = self.packed_.numpy()
        packed[:, :n_outputs] = self.curriculum.label[anchor]
        packed[:, n_outputs : 2 * n_outputs] = self.curriculum.teacher[anchor]
