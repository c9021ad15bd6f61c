import os
import socket
from pathlib import Path

import pytest

from glyphgen.files import opening
from glyphgen.files.opening import (
    PAGE,
    FileKind,
    RefusedFileError,
    check_regular,
    describe_unread,
    open_regular,
    read_regular,
)

SMALL = FileKind("a small thing", 1 << 20)


def reason(path: Path, within: Path | None = None) -> str:
    with pytest.raises(OSError, match=r".") as caught:
        read_regular(path, SMALL, within=within)
    return describe_unread(caught.value)


def test_a_regular_file_is_read_and_a_link_to_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("x")
    assert read_regular(tmp_path / "x", SMALL) == b"abc"
    assert read_regular(str(tmp_path / "link"), SMALL, within=tmp_path) == b"abc"
    with open_regular(tmp_path / "x", SMALL) as file:
        file.seek(1)
        assert file.read() == b"bc"


def test_nothing_else_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert reason(tmp_path / "socket") == "is a socket, expected a small thing"
    assert reason(tmp_path / "pipe") == "is a named pipe, expected a small thing"
    assert reason(tmp_path) == "is a folder, expected a small thing"
    assert reason(Path("/dev/zero")) == "is a device, expected a small thing"
    assert reason(tmp_path / "none") == "cannot be read: No such file or directory"


def test_what_becomes_a_pipe_while_it_is_opened_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(opening, "check_regular", lambda *_, **__: None)
    assert reason(tmp_path / "pipe") == "is a named pipe, expected a small thing"


def test_a_file_beyond_the_limit_of_its_kind_is_refused_before_memory_is_taken(
    tmp_path: Path,
) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(6 << 30)
    assert reason(tmp_path / "sparse") == (
        "is 6,144 MiB large, expected at most 1 MiB of a small thing"
    )
    assert reason(Path("/proc/self/maps")) == (
        "is longer than its size says, expected a small thing"
    )


def test_a_link_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"key")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "out").symlink_to("../secret")
    (folder / "up").symlink_to("..")
    (tmp_path / "also").symlink_to("set")
    expected = f"is a link that leads out of {folder}, expected a small thing in it"
    assert reason(folder / "out", folder) == expected
    assert reason(folder / "up" / "secret", folder) == expected
    assert reason(folder / ".." / "secret", folder) == expected
    assert reason(tmp_path / "also" / "out", tmp_path / "also").endswith("a small thing in it")
    assert read_regular(folder / "out", SMALL) == b"key"
    (folder / "in").symlink_to("real")
    (folder / "real").write_bytes(b"fine")
    assert read_regular(tmp_path / "also" / "in", SMALL, within=tmp_path / "also") == b"fine"


def test_what_is_opened_by_its_name_is_checked_alike(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    check_regular(tmp_path / "x", PAGE, within=tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RefusedFileError):
        check_regular(tmp_path / "pipe", PAGE)
