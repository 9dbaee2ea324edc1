"""A file is there as a whole, the old one or the new one, whatever happens to its writer."""

import io
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sklearn_regkd.utils.atomic import LEFTOVER_AGE, write_atomically

LEFTOVER = f"{32 * '0'}.part"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "words.html"
    path.write_bytes(b"old")
    return path


def grown_old(path, seconds=LEFTOVER_AGE + 10):
    path.write_bytes(b"half")
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_a_file_is_created_with_the_mode_of_any_new_file(tmp_path):
    write_atomically(tmp_path / "new", b"new")
    (tmp_path / "other").touch()
    assert (tmp_path / "new").read_bytes() == b"new"
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("given", [str, Path])
def test_an_existing_file_is_replaced_and_keeps_its_mode(path, given):
    path.chmod(0o640)
    write_atomically(given(path), b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_names_are_relative_to_the_working_directory(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    write_atomically(path.name, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("exists", [True, False])
def test_symbolic_links_are_followed(path, exists):
    if not exists:
        path.unlink()
    folder = path.parent / "folder"
    folder.mkdir()
    link = folder / "link"
    link.symlink_to(Path("..", path.name))
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert not path.is_symlink()
    assert list(folder.iterdir()) == [link]


def test_a_pipe_is_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, b"new")
    reader.join(10)
    assert read == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path, b"new")


@pytest.mark.parametrize("given", [io.BytesIO(), 1, None, b"words.html"])
def test_only_names_are_taken(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=r"path must be the name of a file, .* got "):
        write_atomically(given, b"new")
    assert not list(tmp_path.iterdir())


def test_a_read_only_file_is_left_alone(path, monkeypatch):
    path.chmod(0o444)
    if os.geteuid() == 0:  # may write whatever is read-only
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match=r"words\.html is read-only: write to another"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(path, monkeypatch, error):
    def fail(descriptor):
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_the_temporary_file_lies_beside_and_its_ending_says_what_it_is(path, monkeypatch):
    seen = []
    replace = os.replace

    def watch(temporary, target):
        seen.append((temporary.parent, temporary.name, temporary.read_bytes(), path.read_bytes()))
        replace(temporary, target)

    monkeypatch.setattr(os, "replace", watch)
    write_atomically(path, b"new")
    ((folder, name, new, old),) = seen
    assert folder == path.parent
    assert name.startswith("words.html.")
    assert name.endswith(".part")
    assert (new, old) == (b"new", b"old")


def test_what_a_killed_writer_left_goes_with_the_next_write(path):
    old = grown_old(path.with_name(f"{path.name}.{LEFTOVER}"))
    write_atomically(path, b"new")
    assert not old.exists()
    assert list(path.parent.iterdir()) == [path]


def test_leftovers_go_before_the_disk_is_written_on(path, monkeypatch):
    """A full disk is made less full by that."""
    old = grown_old(path.with_name(f"{path.name}.{LEFTOVER}"))
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: pytest.fail("still there") if old.exists() else None
    )
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_what_is_young_or_not_ours_is_left_alone(path):
    young = path.with_name(f"{path.name}.{LEFTOVER}")
    grown_old(young, seconds=LEFTOVER_AGE - 30)
    others = [
        grown_old(path.with_name(name))
        for name in (
            f"other.html.{LEFTOVER}",
            f"wordsxhtml.{LEFTOVER}",
            f"{path.name}.gz.{LEFTOVER}",
            f"{path.name}.1.part",
            f"{path.name}.part",
        )
    ]
    write_atomically(path, b"new")
    assert sorted(path.parent.iterdir()) == sorted([path, young, *others])


def test_brackets_in_a_name_are_no_pattern(tmp_path):
    other = grown_old(tmp_path / f"a.{LEFTOVER}")
    own = grown_old(tmp_path / f"[ab].{LEFTOVER}")
    write_atomically(tmp_path / "[ab]", b"new")
    assert other.exists()
    assert not own.exists()


WRITER = """
import sys
from sklearn_regkd.utils.atomic import write_atomically
number = 0
while True:
    number += 1
    write_atomically(sys.argv[1], b"%d," % (number % 10) * 500_000)
"""


@pytest.mark.slow
def test_no_good_file_is_lost_when_a_writer_is_killed(path):
    path.write_bytes(b"0," * 500_000)
    for round_ in range(10):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, path])
        first = path.stat().st_ino
        until = time.monotonic() + 60
        while path.stat().st_ino == first and time.monotonic() < until:
            time.sleep(0.001)
        assert path.stat().st_ino != first
        time.sleep(0.002 * round_)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        data = path.read_bytes()
        assert data == data[:2] * 500_000
    for leftover in path.parent.glob("*.part"):
        grown_old(leftover)
    write_atomically(path, b"new")
    assert list(path.parent.iterdir()) == [path]
