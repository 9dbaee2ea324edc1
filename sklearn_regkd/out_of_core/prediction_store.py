"""What a teacher says of each block, in a file of its own, so that nothing is asked twice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sklearn_regkd.out_of_core.block_reader import BlockReader
from sklearn_regkd.out_of_core.worker import itself, predict_block
from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.teachers.kinds import is_torch
from sklearn_regkd.utils.files import FileError, read_file, write_file

KIND, VERSION = "teacher's answers", 1


class PredictionStore:
    """A folder of a teacher's answers, one file a block.

    Parameters
    ----------
    folder : path-like
        Where to; it is made if it is not there.
    teacher : str
        Fingerprint of the teacher.
    blocks : sequence of str
        Fingerprints of the blocks. Answers of another teacher, or about another
        content, count as missing.
    """

    def __init__(self, folder: Any, teacher: str, blocks: Sequence[str]):
        self.folder, self.teacher, self.blocks = Path(folder), teacher, blocks
        self.folder.mkdir(parents=True, exist_ok=True)

    def missing(self) -> list[int]:
        """Return the blocks of which there is no valid answer."""
        return [index for index in range(len(self.blocks)) if self._find(index) is None]

    def read(self, index: int) -> np.ndarray:
        """Return the answer about a block, float32 (n_rows, n_outputs), standardised.

        Raises
        ------
        FileError
            If there is none, or no longer.
        """
        found = self._find(index)
        if found is None:
            raise FileError(
                f"the teacher's answer about block {index} is gone from {self.folder}, or was "
                "changed: call once more, and it is asked again"
            )
        return found

    def write(self, index: int, said: np.ndarray) -> None:
        """Keep the answer about a block."""
        state = {"teacher": self.teacher, "block": self.blocks[index]}
        tensors = {"said": torch.from_numpy(said)}
        write_file(self._path(index), KIND, VERSION, state, tensors)

    def _find(self, index: int) -> np.ndarray | None:
        try:
            _, state, tensors = read_file(self._path(index), KIND, VERSION)
        except (FileError, OSError):
            return None
        if state != {"teacher": self.teacher, "block": self.blocks[index]}:
            return None
        return tensors["said"].numpy()

    def _path(self, index: int) -> Path:
        return self.folder / f"block-{index:06d}.safetensors"


def predict_blocks(
    source: BlockReader,
    answers: PredictionStore,
    teacher: Any,
    scaling: Scaling,
    client: Any = None,
) -> int:
    """Ask a teacher about all blocks of which there is no answer yet; return how many.

    Parameters
    ----------
    source : BlockReader
        Of the blocks.
    answers : PredictionStore
        Where answers are, and are written as they come.
    teacher : object
        Fitted.
    scaling : Scaling
        Of the targets.
    client : distributed.Client or None, default=None
        Of the cluster that asks.
    """
    missing = answers.missing()
    if not missing:
        return 0
    who = teacher
    if client is not None:  # sent once, and known to the scheduler if the worker dies
        who = client.submit(itself, teacher, pure=False)
    more = who, source.names, is_torch(teacher)
    for index, said in source.each(predict_block, client, missing, lambda index: more):
        answers.write(index, scaling.standardize(said).astype(np.float32))
    return len(missing)
