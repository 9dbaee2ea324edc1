"""Images that stay on disk until they are indexed."""

from collections.abc import Callable
from typing import Any

import numpy as np


class LazyImages:
    """An array of images on disk: an index reads its rows, ``np.asarray`` reads all of them.

    Parameters
    ----------
    read : callable
        ``read(file, rows)`` returns the images of some rows of one file, uint8 of shape
        (len(rows), *shape). Called once for each file that an index touches: ask for many rows at
        once, and for rows of the same file together.
    file : ndarray of int of shape (n_images,)
        Number of the file that holds each image.
    shape : tuple of int
        Shape of an image.

    Attributes
    ----------
    shape : tuple of int
        Number of images, and the shape of each.
    dtype : numpy.dtype
        Always uint8.
    ndim : int
        Number of dimensions: those of an image and one more.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.datasets.lazy_images import LazyImages
    >>> def read(file, rows):
    ...     return np.full((len(rows), 2, 2), rows[:, None, None], np.uint8)
    >>> images = LazyImages(read, np.array([0, 0, 1]), (2, 2))
    >>> images.shape, images[[2, 0]][:, 0, 0]
    ((3, 2, 2), array([2, 0], dtype=uint8))
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        read: Callable[[int, np.ndarray], np.ndarray],
        file: np.ndarray,
        shape: tuple[int, ...],
    ):
        self._read, self._file = read, file
        self.shape = (len(file), *shape)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return len(self._file)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, dtype={self.dtype})"

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read the images of an integer, a slice, a mask or a list of rows."""
        if isinstance(key, tuple):
            rows, inner = self[key[0]], key[1:]
            return rows[inner if rows.ndim < self.ndim else (slice(None), *inner)]
        wanted = np.arange(len(self))[key]
        rows = np.atleast_1d(wanted)
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for file in np.unique(self._file[rows]):
            here = np.flatnonzero(self._file[rows] == file)
            images[here] = self._read(int(file), rows[here])
        return images if np.ndim(wanted) else images[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("these images are on disk: an array of them is always a copy")
        return self[:].astype(dtype or np.uint8, copy=False)
