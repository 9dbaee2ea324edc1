"""Write golden files in the current layout; what later versions must still read.

Run once for each version of the layout, and never again:
    python -m tests.persistence.make_golden tests/persistence/golden/v1
"""

import sys
from pathlib import Path

import numpy as np

from tests.persistence.fuzz import originals

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir()
    names = ("plain", "categories", "tor", "distilled")
    for name, (data, X, said) in zip(names, originals(folder), strict=True):
        (folder / f"{name}.regkd").write_bytes(data)
        np.savez(folder / f"{name}.npz", X=X, said=said)
    for leftover in folder.glob("[0-9].regkd"):
        leftover.unlink()
