"""Networks for images: shapes, sizes, and that places matter to them."""

import numpy as np
import pytest
import torch

from sklearn_regkd import StudentRegressor
from sklearn_regkd.networks.cnn import CNN, large_cnn, small_cnn


@pytest.mark.parametrize("factory", [small_cnn, large_cnn])
@pytest.mark.parametrize("shape", [(36, 60), (1, 36, 60), (3, 17, 9), (1, 1)])
def test_outputs(factory, shape):
    network = factory(input_shape=shape, n_outputs=4).eval()
    assert network(torch.zeros(5, *shape)).shape == (5, 4)


def test_a_student_is_small_beside_a_teacher():
    small, large = (
        sum(p.numel() for p in factory((36, 60), 2).parameters())
        for factory in (small_cnn, large_cnn)
    )
    assert 10 * small < large


def test_pictures_with_and_without_a_channel_are_the_same():
    torch.manual_seed(0)
    plain = CNN((8, 8), 1).eval()
    channel = CNN((1, 8, 8), 1).eval()
    channel.load_state_dict(plain.state_dict())
    X = torch.randn(3, 8, 8)
    assert torch.equal(plain(X), channel(X[:, None]))


def test_learns_where_something_is():
    rng = np.random.default_rng(0)
    place = rng.integers(2, 10, (300, 2))
    X = rng.integers(0, 40, (300, 12, 12), dtype=np.uint8)
    for picture, (row, column) in zip(X, place, strict=True):
        picture[row - 1 : row + 2, column - 1 : column + 2] += 200
    student = StudentRegressor(
        module=small_cnn, lr=0.02, max_epochs=12, batch_size=32, random_state=0
    ).fit(X[:240], place[:240])
    assert student.score(X[240:], place[240:]) > 0.8


@pytest.mark.parametrize(("shape", "channels"), [((8,), (4,)), ((1, 1, 8, 8), (4,)), ((8, 8), ())])
def test_refuses_what_is_no_picture(shape, channels):
    with pytest.raises(ValueError, match="input_shape"):
        CNN(shape, 1, channels)
