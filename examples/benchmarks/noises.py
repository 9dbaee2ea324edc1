"""How labels are spoiled in the scripts of this folder: the noises of the open benchmark."""

import sys
from pathlib import Path

# A script finds what lies beside it, and not the folder above, where the benchmark is.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.noisy_regression.mistakes import (
    DESCRIPTIONS,
    corrupt,
    hetero_size,
)

# The two that the benchmark added later are asked for by their names.
NOISES = tuple(noise for noise in DESCRIPTIONS if noise not in ("slip20", "one_sided30"))
__all__ = ["DESCRIPTIONS", "NOISES", "corrupt", "hetero_size"]
