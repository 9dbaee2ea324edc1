"""Rows on a device: the same as on the CPU, whatever is gathered at a time."""

import pytest
import torch
from torch import nn

from sklearn_regkd.networks.inputs import EmbeddedRows
from sklearn_regkd.training import placed_rows
from sklearn_regkd.training.distributed import SingleProcess
from sklearn_regkd.training.placed_rows import PlacedRows, PlacedTensor, RowOrder

X = torch.arange(24.0).reshape(12, 2)
KNOWN = torch.arange(36.0).reshape(12, 3) + 100
ROWS = [torch.tensor([3, 0]), torch.tensor([11, 3, 4]), torch.tensor([7])]


def generator():
    return torch.Generator().manual_seed(3)


class TestPlacedTensor:
    def test_rows_of_each_part_along_the_first_axis(self):
        both = torch.stack([KNOWN, -KNOWN])
        placed = PlacedTensor(both, "cpu", dim=1)
        assert torch.equal(placed.take(ROWS[0]), both[:, ROWS[0]])
        own = torch.stack([ROWS[0], ROWS[1][:2]])
        expected = torch.stack([KNOWN[ROWS[0]], -KNOWN[ROWS[1][:2]]])
        assert torch.equal(placed.take(own), expected)

    def test_on_the_cpu_nothing_is_copied(self):
        assert PlacedTensor(KNOWN, "cpu").source is KNOWN

    def test_a_copy_follows_its_tensor(self):
        """Of a device that only knows shapes the copy is there, and is made anew."""
        tensor = KNOWN.clone()
        placed = PlacedTensor(tensor, "meta")
        first = placed.source
        assert first.device.type == "meta"
        assert placed.source is first
        tensor.add_(1)
        assert placed.source is not first

    def test_what_is_too_large_stays(self, monkeypatch):
        monkeypatch.setattr(placed_rows, "MOST_BYTES_PLACED", KNOWN.numel() * 4 - 1)
        placed = PlacedTensor(KNOWN, "meta")
        assert placed.source is KNOWN
        assert placed.take(ROWS[0]).device.type == "meta"


class Second(SingleProcess):
    """The second of two processes."""

    rank, size = 1, 2

    def local_rows(self, rows, dim=0):
        return rows.tensor_split(2, dim=dim)[1]


@pytest.mark.parametrize("most_rows", [None, 1, 5, 100])
@pytest.mark.parametrize("processes", [SingleProcess(), Second()], ids=["alone", "second"])
def test_batches_are_those_of_a_loop(most_rows, processes, monkeypatch):
    placed = PlacedRows(EmbeddedRows(X, nn.Identity()), KNOWN)
    if most_rows is not None:  # as on a device
        monkeypatch.setattr(placed, "_rows_at_a_time", most_rows)
        monkeypatch.setattr(placed, "_is_on_cpu", False)
    found = list(placed.batches(iter(ROWS), processes))
    assert len(found) == len(ROWS)
    for rows, (inputs, known) in zip(ROWS, found, strict=True):
        assert torch.equal(inputs, processes.local_rows(X[rows]))
        assert torch.equal(known, KNOWN[rows])


class TestRowOrder:
    def orders(self, is_on_cpu, n_ahead, draw, n=5):
        order = RowOrder(draw, 8, "cpu", n_ahead)
        order._is_on_cpu = is_on_cpu
        found, states = [], []
        for _ in range(n):
            found.append(next(order))
            states.append(draw.get_state())
        return found, states

    @pytest.mark.parametrize("n_ahead", [1, 2, 5, 9])
    def test_drawn_ahead_they_are_the_same(self, n_ahead):
        expected, states = self.orders(True, 1, generator())
        found, later = self.orders(False, n_ahead, generator())
        assert all(map(torch.equal, found, expected))
        assert all(map(torch.equal, later, states))

    def test_no_more_at_a_time_than_memory_allows(self, monkeypatch):
        monkeypatch.setattr(placed_rows, "MOST_BYTES_AHEAD", 3 * 8 * 8)
        assert RowOrder(generator(), 8, "cpu", 100).n_ahead == 3
