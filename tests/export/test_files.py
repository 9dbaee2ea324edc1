"""Where models are written: names, open files, and what is refused."""

import gzip
import io
import os
import stat
import tempfile

import pytest

from sklearn_regkd import StudentRegressor
from sklearn_regkd.export import to_int8_onnx, to_onnx
from tests.export.kill_writers import kill_writers, table, writers

X, Y = table()


@pytest.fixture(scope="module")
def student():
    return StudentRegressor((8,), max_epochs=2, weight_decay=0.1, random_state=0).fit(X, Y)


@pytest.fixture(params=["float32", "int8"])
def export(request, student):
    """Write the student to a path, and return the content that is expected there."""

    def write(path):
        if request.param == "int8":
            return to_int8_onnx(student, X, path).SerializeToString()
        return to_onnx(student, path).SerializeToString()

    return write


@pytest.mark.parametrize("as_name", [str, lambda path: path], ids=["str", "Path"])
def test_names(export, tmp_path, as_name):
    path = tmp_path / "model.onnx"
    assert export(as_name(path)) == path.read_bytes()
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_what_was_there_keeps_its_mode_and_links_stay_links(export, tmp_path):
    path, link = tmp_path / "model.onnx", tmp_path / "link.onnx"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    assert export(link) == path.read_bytes()
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_old_file(export, tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        export(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_binary_files(export, tmp_path):
    buffer = io.BytesIO()
    assert export(buffer) == buffer.getvalue()
    for buffering in (-1, 0):
        with open(tmp_path / "a", "wb", buffering) as opened:
            expected = export(opened)
        assert (tmp_path / "a").read_bytes() == expected
    with gzip.open(tmp_path / "c", "wb") as opened:
        expected = export(opened)
    with gzip.open(tmp_path / "c") as opened:
        assert opened.read() == expected
    with tempfile.TemporaryFile() as opened:
        expected = export(opened)
        opened.seek(0)
        assert opened.read() == expected


class Pieces(io.RawIOBase):
    """A file that takes a thousand bytes at a time."""

    def __init__(self):
        self.taken = []

    def writable(self):
        return True

    def write(self, data):
        self.taken.append(bytes(data[:1000]))
        return len(self.taken[-1])


def test_a_file_that_takes_pieces(export):
    file = Pieces()
    assert export(file) == b"".join(file.taken)
    assert len(file.taken) > 1


def test_what_is_no_binary_file_is_refused(export, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open("text", "w") as text, tempfile.NamedTemporaryFile("w") as temporary:
        for file in (text, temporary, io.StringIO()):
            with pytest.raises(TypeError, match=r"is a text file, .* open it with mode 'wb'"):
                export(file)
    for wrong in (1, b"model.onnx", object()):
        with pytest.raises(TypeError, match="path must be the name of a file"):
            export(wrong)
    with (
        open("text", "rb") as read_only,
        pytest.raises(ValueError, match="not open for writing"),
    ):
        export(read_only)
    with open("closed", "wb") as closed:
        pass
    with pytest.raises(ValueError, match="not open for writing"):
        export(closed)
    assert sorted(os.listdir()) == ["closed", "text"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork")
@pytest.mark.parametrize("name", writers())
def test_no_good_file_is_lost_when_a_writer_is_killed(name, tmp_path):
    """`make fuzz-writers` kills each of them a hundred times."""
    counts = kill_writers(name, tmp_path, n_kills=4, seed=0)
    assert counts["kills"] == 4
    assert counts["lost"] == 0
    assert counts["leftovers of the next write"] == 0
