"""What goes wrong with a store, by the command line: one line, exit code 1, and the next run goes on."""

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import FONTS
from object_server import BUCKET, Proxy, Server, forget_connections, serve_objects, use_store

from glyphgen import cli
from glyphgen.files import object_store
from glyphgen.files.address import Address
from glyphgen.files.store import open_store

N_SHARDS = 4
_numbers = count()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve_objects() as served:
        yield served


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(
        f"""
        classes.text = "0123456789"
        fonts.files = ["{FONTS}/latin/GochiHand_400Regular.ttf"]
        render.per_class = 4
        output.rows_per_shard = 10
        """
    )
    return path


class Commands:
    """Runs the command line in this process, as `main` does it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, *arguments: object) -> tuple[int, str]:
        """Return the exit code, and what was said on stderr."""
        self._monkeypatch.setattr(sys, "argv", ["glyphgen", *map(str, arguments)])
        code: Any
        try:
            code = cli._run()
        except SystemExit as end:  # of verify, whose exit code tells what it found
            code = end.code
        return code, self._capsys.readouterr().err

    def run_well(self, *arguments: object) -> str:
        """Return the digest that is said in the end."""
        code, said = self.run(*arguments)
        found = re.search("^digest ([0-9a-f]{64})$", said, re.M)
        assert (code, bool(found)) == (0, True), said
        return found[1] if found else ""

    def refuse(self, *arguments: object) -> str:
        """Return the one line that is said by what must fail."""
        code, said = self.run(*arguments, "--quiet")
        assert (code, len(said.splitlines())) == (1, 1), said
        return said.rstrip("\n")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    monkeypatch.setattr(object_store, "_PAUSE_S", 0.0)
    return Commands(monkeypatch, capsys)


@pytest.fixture
def place(server: Server, monkeypatch: pytest.MonkeyPatch) -> Address:
    """An address where nothing lies, and the keys for it."""
    use_store(server.env, monkeypatch)
    return Address(f"s3://{BUCKET}/faults-{next(_numbers)}")


@pytest.fixture
def render(recipe: Path, place: Address) -> tuple[object, ...]:
    return ("render", recipe, "--workers", "1", "--out", place)


def read_all(place: Address) -> dict[str, bytes]:
    store = open_store(place)
    return {name: store.get_range(name) for name in store.list() if name != "run.json"}


def test_a_shard_that_is_lost_and_a_byte_that_is_flipped(
    commands: Commands, render: tuple[object, ...], place: Address
) -> None:
    digest = commands.run_well(*render)
    whole, store = read_all(place), open_store(place)
    store.delete("shard-00001.bin")
    content = bytearray(whole["shard-00002.bin"])
    content[100] ^= 1
    store.put("shard-00002.bin", bytes(content))
    code, said = commands.run("verify", place)
    assert (code, said.splitlines()) == (
        1,
        [
            f"{place}/shard-00001.bin: missing (run the command that made it again)",
            f"{place}: shard 2 does not match index.json (run the command that made it, with --mend)",
        ],
    )
    assert commands.run_well(*render) == digest
    assert read_all(place) == whole


def test_a_put_that_is_denied(
    commands: Commands,
    render: tuple[object, ...],
    place: Address,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        use_store(server.reader_env, patch)
        line = commands.refuse(*render)
    assert re.fullmatch(
        rf"{place}/\S+: cannot be written: access denied: .* \(check the credentials and what they"
        r" permit, then run the same command again: finished shards are kept\)",
        line,
    )
    forget_connections()
    commands.run_well(*render)


def test_a_store_that_is_slow_and_then_hangs(
    commands: Commands,
    render: tuple[object, ...],
    place: Address,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digest = commands.run_well(*render)
    port = urlsplit(server.url).port
    assert port is not None
    *command, _ = render
    with Proxy(port) as proxy:
        address = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}
        use_store(server.env | address | {"FSSPEC_GLYPHGEN_TIMEOUT": "1"}, monkeypatch)
        proxy.hangs = True
        line = commands.refuse(*command, place / "slow")
        assert re.match(
            rf"{place}/slow/?\S*: cannot be read: no answer within 1 s \(check the store and", line
        )
        proxy.hangs, proxy.pause_s = False, 0.03
        assert commands.run_well(*command, place / "slow") == digest


def test_two_drivers_at_one_address(render: tuple[object, ...], place: Address) -> None:
    program = [sys.executable, "-m", "glyphgen", *map(str, render)]
    drivers = [
        subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in "ab"
    ]
    said = [driver.communicate()[1] for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0]
    first, second = (lines.splitlines()[-1] for lines in said)
    assert first == second
    assert first.startswith("digest ")
    assert not open_store(place).exists(".work")


def test_a_place_that_holds_another_dataset(
    commands: Commands, render: tuple[object, ...], place: Address
) -> None:
    digest = commands.run_well(*render, "--seed", "7")
    ways_out = "(--force replaces it, --out DIR takes another folder)"
    assert commands.refuse(*render) == f"{place}: holds a dataset of another recipe {ways_out}"
    assert commands.run_well(*render, "--seed", "7") == digest
    open_store(place / "more").put("photo.jpg", b"1")
    *command, _ = render
    assert commands.refuse(*command, place / "more") == (
        f"{place}/more: holds something else: photo.jpg {ways_out}"
    )


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        (
            {"AWS_SECRET_ACCESS_KEY": "Wrong/Secret"},
            r"access denied: .* \(check the credentials and what they permit",
        ),
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/nowhere"},
            r"no credentials: Unable to locate credentials \(set them as the store's own tools want them",
        ),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"},
            r"Could not connect to the endpoint URL.* \(check the store and the way to it",
        ),
    ],
)
def test_credentials_that_are_wrong_or_missing_and_a_store_that_is_away(
    commands: Commands,
    render: tuple[object, ...],
    place: Address,
    monkeypatch: pytest.MonkeyPatch,
    env: dict[str, str],
    problem: str,
) -> None:
    with monkeypatch.context() as patch:
        use_store(env, patch)
        line = commands.refuse(*render)
    assert re.fullmatch(
        f"{place}/?\\S*: cannot be read: {problem}, then run the same command again\\)", line
    )
    assert "Wrong" not in line
    forget_connections()
    commands.run_well(*render)


@pytest.mark.parametrize(
    ("out", "hidden", "problem"),
    [
        (
            "gs://bucket/kana",
            "gcsfs",
            "the library of gs:// is not installed: Please install gcsfs",
        ),
        ("s3://bucket/kana", "s3fs", "the library of s3:// is not installed: Install s3fs to"),
        ("s3://bucket/kana", "fsspec.core", "the library fsspec is not installed (pip install"),
        ("never://bucket/kana", "", "Protocol not known: never, expected a scheme such as s3, gs"),
    ],
)
def test_a_scheme_without_its_package(
    commands: Commands,
    render: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    out: str,
    hidden: str,
    problem: str,
) -> None:
    forget_connections()
    if hidden:
        monkeypatch.setitem(sys.modules, hidden, None)
        known = sys.modules["fsspec.registry"]._registry  # what was loaded before
        monkeypatch.delitem(known, out.partition(":")[0], raising=False)
    *command, _ = render
    assert commands.refuse(*command, out).startswith(f"{out}: {problem}")


def test_a_bucket_that_is_not_there(commands: Commands, render: tuple[object, ...]) -> None:
    *command, _ = render
    line = commands.refuse(*command, "s3://nowhere-at-all/kana")
    assert line.endswith(
        ": cannot be written: there is no such bucket (make it, or check the address)"
    )
