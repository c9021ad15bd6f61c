import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from glyphgen.errors import MachineError
from glyphgen.files.temporary import make_temporary_folder

HOLDER = """
from glyphgen.files.temporary import make_temporary_folder

with make_temporary_folder() as folder:
    (folder / "content").touch()
    print(folder, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary folders are made."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return place


def test_the_folder_is_gone_at_the_end(place: Path) -> None:
    def use_and_fail() -> None:
        with make_temporary_folder() as folder:
            assert folder.parent == place
            (folder / "inner").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        use_and_fail()
    assert not list(place.iterdir())


def start_holder() -> tuple[subprocess.Popen[str], Path]:
    """Start a process that works in a temporary folder until it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_has_left_is_removed_and_what_one_works_in_is_not(
    place: Path,
) -> None:
    (killed, left), (working, held) = start_holder(), start_holder()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert sorted([left, held]) == sorted(place.iterdir())
    with make_temporary_folder() as own:
        assert sorted(place.iterdir()) == sorted([held, own])
    working.communicate("\n")
    assert not list(place.iterdir())


def test_what_was_killed_before_it_was_locked_is_removed_when_it_is_old(place: Path) -> None:
    for name in (".glyphgen-new-a", ".glyphgen-new-b", "others"):
        (place / name).mkdir()
    (place / "glyphgen-temporary-c").symlink_to(place / "others")
    hour_ago = time.time() - 3600
    for name in (".glyphgen-new-a", "others"):
        os.utime(place / name, (hour_ago, hour_ago))
    with make_temporary_folder():
        pass
    assert sorted(path.name for path in place.iterdir()) == [
        ".glyphgen-new-b",
        "glyphgen-temporary-c",
        "others",
    ]


def test_without_room_the_place_is_named(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(MachineError) as caught, make_temporary_folder():
        pass
    assert str(caught.value) == (
        f"{place}: temporary files cannot be kept there for now: No space left on device"
        " (make room, or let TMPDIR name another folder)"
    )
