"""A teacher's predictions for each block, in a file of its own, so that none is computed twice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sklearn_regkd.out_of_core.block_reader import BlockReader
from sklearn_regkd.out_of_core.worker import hold_value, predict_block
from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.teachers.kinds import is_torch
from sklearn_regkd.utils.files import FileError, read_file, write_file
from sklearn_regkd.utils.progress import report_stage

KIND, VERSION = "teacher's predictions", 1


class PredictionStore:
    """A folder of a teacher's predictions, one file for each block.

    Parameters
    ----------
    folder : path-like
        The folder; it is made if it is not there.
    teacher : str
        Fingerprint of the teacher.
    blocks : sequence of str
        Fingerprints of the blocks. Predictions of another teacher, or for another content,
        count as missing.
    """

    def __init__(self, folder: Any, teacher: str, blocks: Sequence[str]):
        self.folder, self.teacher, self.blocks = Path(folder), teacher, blocks
        self.folder.mkdir(parents=True, exist_ok=True)

    def missing(self) -> list[int]:
        """Return the blocks for which there is no valid file."""
        return [index for index in range(len(self.blocks)) if self._find(index) is None]

    def read(self, index: int) -> np.ndarray:
        """Return the predictions for a block, float32 (n_rows, n_outputs), standardised.

        Raises
        ------
        FileError
            If there are none, or no longer.
        """
        found = self._find(index)
        if found is None:
            raise FileError(
                f"the teacher's predictions for block {index} are gone from {self.folder}, or "
                "were changed: call distill_blocks once more, and they are computed again"
            )
        return found

    def write(self, index: int, prediction: np.ndarray) -> None:
        """Keep the predictions for a block."""
        state = {"teacher": self.teacher, "block": self.blocks[index]}
        tensors = {"prediction": torch.from_numpy(prediction)}
        write_file(self._path(index), KIND, VERSION, state, tensors)

    def _find(self, index: int) -> np.ndarray | None:
        try:
            _, state, tensors = read_file(self._path(index), KIND, VERSION)
        except (FileError, OSError):
            return None
        if state != {"teacher": self.teacher, "block": self.blocks[index]}:
            return None
        prediction = tensors.get("prediction")
        return None if prediction is None else prediction.numpy()

    def _path(self, index: int) -> Path:
        return self.folder / f"block-{index:06d}.safetensors"


def predict_blocks(
    reader: BlockReader,
    predictions: PredictionStore,
    teacher: Any,
    scaling: Scaling,
    client: Any = None,
) -> int:
    """Let a teacher predict all blocks for which there is no file yet; return how many.

    Parameters
    ----------
    reader : BlockReader
        The blocks.
    predictions : PredictionStore
        Where predictions are, and are written as they come.
    teacher : object
        The fitted teacher.
    scaling : Scaling
        Scaling of the targets.
    client : distributed.Client or None, default=None
        Client of the cluster whose workers predict; None predicts here.
    """
    missing = predictions.missing()
    if not missing:
        return 0
    sent = teacher
    if client is not None:  # sent once, and known to the scheduler if the worker dies
        sent = client.submit(hold_value, teacher, pure=False)
    arguments = sent, reader.names, is_torch(teacher)
    blocks = reader.each(predict_block, client, missing, lambda index: arguments)
    for done, (index, prediction) in enumerate(blocks, start=1):
        report_stage(f"teacher's predictions, block {done:,} of {len(missing):,}")
        predictions.write(index, scaling.standardize(prediction).astype(np.float32))
    return len(missing)
