"""Files of tensors: what was written comes back, and no other byte passes."""

import pytest
import torch

from sklearn_regkd.utils.files import FileError, pack, read_file, unpack, write_file

STATE = {"name": "a", "sizes": [1, 2], "none": None}
TENSORS = {"weight": torch.arange(3.0), "flags": torch.tensor([True, False])}


def test_what_was_written_comes_back(tmp_path):
    write_file(tmp_path / "file", "numbers", 2, STATE, TENSORS)
    version, state, tensors = read_file(tmp_path / "file", "numbers", newest=3)
    assert (version, state) == (2, STATE)
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_every_changed_or_missing_byte_is_found():
    data = pack("numbers", 1, {"a": 1}, {"x": torch.zeros(1)})
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        for wrong in (bytes(changed), data[:place]):
            with pytest.raises(FileError):
                unpack(wrong, "numbers", 1, "the file")


@pytest.mark.parametrize(
    ("kind", "newest", "message"),
    [
        ("pictures", 2, "the file holds a numbers, expected a pictures"),
        ("numbers", 1, "has version 2 of its layout, and this sklearn_regkd reads 1 to 1"),
    ],
)
def test_another_kind_and_a_later_version_are_named(kind, newest, message):
    with pytest.raises(FileError, match=message):
        unpack(pack("numbers", 2, STATE, TENSORS), kind, newest, "the file")
