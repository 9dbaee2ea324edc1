"""torch's global generator: seeded inside, and afterwards as if nothing had been drawn."""

import pytest
import torch

from sklearn_regkd.training.randomness import torch_seeded


def draw(seed, shape=3):
    with torch_seeded(seed):
        return torch.rand(shape)


def test_the_seed_decides_what_is_drawn():
    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_the_generator_is_put_back_also_after_an_error():
    before = torch.get_rng_state()
    draw(1)
    with pytest.raises(RuntimeError, match="negative dimension"):
        draw(1, shape=-1)
    assert torch.equal(torch.get_rng_state(), before)
