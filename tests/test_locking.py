"""One process works in a folder at a time: told word for word, and over when it ends, however it ends."""

import errno
import fcntl
import os
import platform
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from listening import Listener
from tiny_datasets import RECIPE, make_dataset

from glyphgen.dataset.claim import Claim, claim_folder, hold_folder
from glyphgen.errors import DatasetError
from glyphgen.files.locking import LockedError, hold_lock, is_free

HOLDER = """
import sys, time
from pathlib import Path
from glyphgen.dataset.claim import hold_folder

with hold_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
COUNTER = """
import sys
from pathlib import Path
from glyphgen.files.locking import LockedError, hold_lock

lock, counter = map(Path, sys.argv[1:])
n = 0
while n < 100:
    try:
        with hold_lock(lock):
            counter.write_text(str(int(counter.read_text()) + 1))
            n += 1
    except LockedError:
        pass
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which works in the folder ``kana``."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "kana"), "ひ\x1b"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process


def refused(folder: Path) -> str:
    with pytest.raises(DatasetError) as caught, hold_folder(folder):
        pass
    return str(caught.value)


def test_a_second_process_is_told_who_works_there(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    command = f"-c {shlex.quote(str(tmp_path / 'kana'))} 'ひ\\x1b'"
    assert refused(tmp_path / "kana") == (
        f"{tmp_path}/kana: process {holder.pid} on {platform.node()} ({command}) works there"
        " (wait until it has ended, or --out DIR takes another folder)"
    )
    assert [path.name for path in (tmp_path / "kana").iterdir()] == [".lock"]


def test_a_second_thread_is_refused_too(tmp_path: Path) -> None:
    told: list[str] = []
    with hold_folder(tmp_path):
        thread = threading.Thread(target=lambda: told.append(refused(tmp_path)))
        thread.start()
        thread.join()
    assert f"{tmp_path}: process {os.getpid()} on " in told[0]


def test_an_owner_that_has_not_said_its_name_is_another_process(tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert f"{tmp_path}: another process works there (wait" in refused(tmp_path)
        file.write('{"process": 7')
        file.flush()
        assert f"{tmp_path}: another process works there (wait" in refused(tmp_path)


@pytest.mark.parametrize("end", [signal.SIGKILL, None])
def test_the_lock_ends_with_its_owner(
    tmp_path: Path, holder: subprocess.Popen[str], end: signal.Signals | None
) -> None:
    folder = tmp_path / "kana"
    if end:
        holder.send_signal(end)
    holder.communicate()
    assert (folder / ".lock").exists() == bool(end)
    with hold_folder(folder):
        assert claim_folder(folder, RECIPE) is Claim.NEW
    assert [path.name for path in folder.iterdir()] == [".work"]


def test_a_folder_that_was_made_for_nothing_is_gone(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for name in ("old", "new", "deep/new"):
        with hold_folder(tmp_path / name):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "old"]
    assert not list((tmp_path / "deep").iterdir())


def test_the_lock_is_no_content_of_a_folder(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        assert claim_folder(tmp_path, RECIPE) is Claim.NEW
        assert claim_folder(tmp_path, RECIPE, force=True) is Claim.NEW
        assert (tmp_path / ".lock").exists(), "--force does not take its own lock away"
        assert "process" in refused(tmp_path)


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("text")
    (tmp_path / "kana").mkdir()
    (tmp_path / "kana" / ".lock").symlink_to(tmp_path / "precious")
    assert refused(tmp_path / "kana") == (
        f"{tmp_path}/kana: cannot be written: Too many levels of symbolic links"
        " (check the disk, then run the same command again: finished shards are kept)"
    )
    assert (tmp_path / "precious").read_text() == "text"


def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    listener = Listener()
    with hold_folder(tmp_path, listener), hold_folder(tmp_path):
        pass
    assert listener.lines == [
        f"warning: {tmp_path}: its file system has no locks: nothing keeps a second process from"
        " writing there"
    ]
    (tmp_path / ".lock").touch()
    assert not is_free(tmp_path / ".lock"), "nobody knows"


def test_a_dataset_that_can_only_be_read_needs_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dataset(tmp_path, "npy")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with hold_folder(tmp_path):
        assert not (tmp_path / ".lock").exists()


def test_what_the_disk_says_of_the_lock_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", refuse)
    assert refused(tmp_path / "kana").startswith(
        f"{tmp_path}/kana: cannot be written: Input/output"
    )


def test_a_file_that_is_never_the_one_that_was_opened_is_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "samestat", lambda one, other: False)
    assert f"{tmp_path}: another process works there (wait" in refused(tmp_path)


@pytest.mark.slow
def test_a_lock_that_comes_and_goes_keeps_all_but_one_out(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    command = [sys.executable, "-c", COUNTER, str(tmp_path / "lock"), str(counter)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert counter.read_text() == "400"


def test_the_lock_is_not_that_of_a_file_which_its_owner_has_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = tmp_path / "lock", os.open
    removed: list[int] = []

    def open_and_lose(name: object, *rest: int) -> int:
        descriptor = opened(path, *rest)
        if not removed:
            path.unlink()
            removed.append(descriptor)
        return descriptor

    monkeypatch.setattr(os, "open", open_and_lose)
    with hold_lock(path), pytest.raises(LockedError), hold_lock(path):
        pass
    assert not path.exists()
