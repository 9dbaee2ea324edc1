"""A training whose targets move along the teacher's route."""

import numpy as np
import torch
from skorch.callbacks import Callback

from sklearn_regkd.supervision.route import next_anchor, route_distance
from sklearn_regkd.supervision.supervision import Curriculum
from sklearn_regkd.training.distributed import current_processes
from sklearn_regkd.training.train import forward
from sklearn_regkd.utils.arithmetic import ceil_div

MOST_ROWS_COMPARED = 2000
# After each epoch fewer have to do: it must not cost what the epoch costs.
MOST_ROWS_RECORDED = 500


class FollowRoute(Callback):
    """Exchange the targets in place when it is time for the next anchor.

    The history learns of each epoch to which stage it belonged (``"route_stage"``) and
    how far the student was from every stage at its end (``"route_distance"``).

    Parameters
    ----------
    curriculum : Curriculum
        The stages of the training rows.
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
        anchor = ceil_div(place * n_stages, schedule.n_anchors) - 1
        if schedule.anchors == "greedy" and 1 < place < schedule.n_anchors:
            anchor = self._greedy(net, self.anchors_[-1])
        self.anchors_ += [anchor] * (place - len(self.anchors_))
        self._exchange_targets(anchor)

    def state_dict(self) -> dict:
        """Return what a checkpoint has to keep; the targets follow from it."""
        return {"epoch": self.epoch_, "anchors": self.anchors_}

    def load_state_dict(self, state: dict) -> None:
        """Go on from there."""
        self.epoch_, self.anchors_ = state["epoch"], state["anchors"]
        self._exchange_targets(self.anchors_[-1])

    def on_epoch_end(self, net, **kwargs):
        """Write down where the student is."""
        predictions = self._predictions(net, MOST_ROWS_RECORDED)
        net.history.record("route_stage", self.anchors_[-1])
        net.history.record("route_distance", route_distance(*predictions).tolist())

    def _greedy(self, net, current: int) -> int:
        predictions = self._predictions(net, MOST_ROWS_COMPARED)
        anchor = next_anchor(*predictions, current, self.curriculum.schedule.delta)
        return current_processes().broadcast_object(anchor)

    def _predictions(self, net, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Return predictions of the student and of all stages of the teacher, for some rows."""
        every = ceil_div(len(self.X_), most)
        teacher = self.curriculum.teacher[:, ::every]
        net.module_.eval()
        student = forward(net.module_, self.X_[::every].numpy())
        return student.reshape(len(student), -1)[:, : teacher.shape[2]], teacher

    def _exchange_targets(self, anchor: int) -> None:
        n_outputs = self.curriculum.label.shape[2]
        # By torch, which counts the changes: a copy on a device has to follow.
        label, teacher = self.packed_[:, : 2 * n_outputs].split(n_outputs, dim=1)
        label.copy_(torch.from_numpy(self.curriculum.label[anchor]))
        teacher.copy_(torch.from_numpy(self.curriculum.teacher[anchor]))
