"""Images on disk: an index reads what an array would give, each file once."""

import numpy as np
import pytest

from sklearn_regkd.datasets.lazy_images import LazyImages

FILE = np.array([1, 0, 1, 2, 0])
ARRAY = np.random.default_rng(0).integers(0, 255, (5, 4, 3)).astype(np.uint8)


@pytest.fixture
def reads():
    return []


@pytest.fixture
def images(reads):
    def read(file, rows):
        assert (FILE[rows] == file).all()
        reads.append(file)
        return ARRAY[rows]

    return LazyImages(read, FILE, (4, 3))


@pytest.mark.parametrize(
    "key",
    [
        2,
        -1,
        slice(1, 4),
        slice(None, None, -1),
        [3, 0, 3],
        FILE == 1,
        (slice(None), 2),
        (1, 2, 0),
        ([0, 4], slice(1, 3), 1),
    ],
    ids=str,
)
def test_an_index_gives_what_an_array_gives(images, key):
    np.testing.assert_array_equal(images[key], ARRAY[key])


def test_nothing_is_read_before_and_each_file_once(images, reads):
    assert (len(images), images.shape, images.ndim) == (5, (5, 4, 3), 3)
    assert "shape=(5, 4, 3)" in repr(images)
    assert reads == []
    images[[0, 2, 1]]
    assert reads == [0, 1]


def test_as_an_array(images):
    np.testing.assert_array_equal(np.asarray(images), ARRAY)
    assert np.asarray(images, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="always a copy"):
        np.array(images, copy=False)
    with pytest.raises(IndexError):
        images[5]
