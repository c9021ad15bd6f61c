"""Collections from a web server of this machine: resumed, proven, and with their license."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from listening import Listener

from glyphgen.choices import COLLECTIONS
from glyphgen.cli import cli
from glyphgen.errors import ChoiceError, SourceError
from glyphgen.fetch import fetch_collection, fetching
from glyphgen.fetch.catalog import COLLECTION_FILES, CollectionFile, describe_terms

IMAGES = bytes(range(256)) * 20_000  # 5 MB: several reads
LABELS = b"labels" * 1000


@dataclass
class Server:
    """What a web server holds, and what it was asked for.

    Attributes:
        files: By path.
        lost_after: Bytes of the next answer after which the connection is lost; none where None.
        has_ranges: Whether it knows them.
        asked: Path and range of each request.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    lost_after: int | None = None
    has_ranges: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)

    def find_tag(self, path: str) -> str:
        return '"' + hashlib.sha256(self.files[path]).hexdigest()[:8] + '"'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server that has k49, whose hashes are those of its bytes; of the class map none is known."""
    held = Server(
        files={"/k49/images.npz": IMAGES, "/k49/labels.npz": LABELS, "/k49/map.csv": b"index,char"}
    )
    listed = (
        CollectionFile(name="images.npz", md5=hashlib.md5(IMAGES).hexdigest()),
        CollectionFile(name="labels.npz", sha256=hashlib.sha256(LABELS).hexdigest()),
        CollectionFile(name="map.csv"),
    )
    monkeypatch.setattr(fetching, "COLLECTION_FILES", {"k49": listed, "kkanji": listed})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            held.asked.append((self.path, wanted))
            content = held.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            tag = held.find_tag(self.path)
            first = 0
            if wanted and held.has_ranges and self.headers["If-Range"] == tag:
                first = int(wanted.removeprefix("bytes=").removesuffix("-"))
                self.send_response(206)
                self.send_header(
                    "Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}"
                )
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content) - first))
            self.send_header("ETag", tag)
            self.end_headers()
            left, held.lost_after = held.lost_after, None
            self.wfile.write(content[first:][:left])

        def log_message(self, format: str, *args: object) -> None:
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.address = f"http://127.0.0.1:{web.server_address[1]}"
    thread = threading.Thread(target=web.serve_forever, args=(0.01,))
    thread.start()
    yield held
    web.shutdown()
    thread.join()
    web.server_close()


def find_problem(run: Callable[[], object]) -> str:
    with pytest.raises(SourceError) as caught:
        run()
    return str(caught.value)


def test_files_come_with_their_hashes_and_their_license(server: Server, tmp_path: Path) -> None:
    listener = Listener()
    fetched = fetch_collection("k49", tmp_path, mirror=server.address, reporter=listener)
    assert (tmp_path / "images.npz").read_bytes() == IMAGES
    assert [(file.name, file.n_bytes, file.proven_by) for file in fetched] == [
        ("images.npz", len(IMAGES), "md5"),
        ("labels.npz", len(LABELS), "sha256"),
        ("map.csv", 10, ""),
    ]
    assert fetched[2].sha256 == hashlib.sha256(b"index,char").hexdigest()
    assert fetched[0].etag == server.find_tag("/k49/images.npz")
    assert listener.lines == [
        "images.npz: fetched, 5.1 MB; its MD5 is the published one",
        "labels.npz: fetched, 6.0 kB; its SHA-256 is the published one",
        "map.csv: fetched, 10 bytes; no hash of it is published; SHA-256"
        f" {fetched[2].sha256[:16]} is noted",
        *describe_terms("k49"),
    ]
    assert "CC BY-SA 4.0" in (tmp_path / "LICENSE-AND-ATTRIBUTION.txt").read_text()
    noted = json.loads((tmp_path / "fetched.json").read_text())
    assert noted["files"][2]["sha256"] == fetched[2].sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "LICENSE-AND-ATTRIBUTION.txt",
        "fetched.json",
        "images.npz",
        "labels.npz",
        "map.csv",
    ]
    assert listener.steps[-1].done == 10


def test_what_is_there_is_kept_and_what_is_damaged_comes_again(
    server: Server, tmp_path: Path
) -> None:
    first = fetch_collection("k49", tmp_path, mirror=server.address)
    server.asked.clear()
    assert fetch_collection("k49", tmp_path, mirror=server.address) == first
    assert server.asked == []
    (tmp_path / "images.npz").write_bytes(IMAGES[:-1] + b"?")
    (tmp_path / "map.csv").write_bytes(b"index,cher")
    assert fetch_collection("k49", tmp_path, mirror=server.address) == first
    assert server.asked == [("/k49/images.npz", ""), ("/k49/map.csv", "")]
    assert (tmp_path / "map.csv").read_bytes() == b"index,char"


def test_a_lost_connection_is_told_and_the_same_call_goes_on(
    server: Server, tmp_path: Path
) -> None:
    server.lost_after = 2_000_000
    problem = find_problem(lambda: fetch_collection("k49", tmp_path, mirror=server.address))
    assert problem == (
        f"{server.address}/k49/images.npz: the connection was lost after 2.0 MB of 5.1 MB"
        " (run the same command again: it goes on from there)"
    )
    assert not (tmp_path / "images.npz").exists()
    server.asked.clear()
    fetch_collection("k49", tmp_path, mirror=server.address)
    assert server.asked[0] == ("/k49/images.npz", "bytes=2000000-")
    assert (tmp_path / "images.npz").read_bytes() == IMAGES
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.parametrize("changes", [True, False])
def test_a_file_that_changed_meanwhile_comes_whole(
    server: Server, tmp_path: Path, changes: bool
) -> None:
    server.lost_after = 1000
    find_problem(lambda: fetch_collection("k49", tmp_path, mirror=server.address))
    if changes:  # of the part that is there the server has another tag
        (tmp_path / "images.npz.part-tag").write_text('"other"')
    else:
        server.has_ranges = False
    (tmp_path / "images.npz.part").write_bytes(b"x" * 1000)
    fetch_collection("k49", tmp_path, mirror=server.address)
    assert (tmp_path / "images.npz").read_bytes() == IMAGES


def test_another_file_than_the_published_one_is_refused(server: Server, tmp_path: Path) -> None:
    server.files["/k49/labels.npz"] = b"evil"
    problem = find_problem(lambda: fetch_collection("k49", tmp_path, mirror=server.address))
    assert problem == (
        f"{server.address}/k49/labels.npz: is not the file of this name that others have published hashes"
        " of (it has changed on the server or on its way: run the same command again, or take another"
        " --mirror)"
    )
    assert not list(tmp_path.glob("labels*"))


def test_what_cannot_be_fetched_is_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del server.files["/k49/images.npz"]
    assert find_problem(lambda: fetch_collection("k49", tmp_path, mirror=server.address)) == (
        f"{server.address}/k49/images.npz: the server answers 404 Not Found (has the file moved?"
        " --mirror names another place)"
    )
    monkeypatch.setenv("no_proxy", "*")
    nowhere = "http://nowhere.invalid"
    problem = find_problem(lambda: fetch_collection("k49", tmp_path, mirror=nowhere))
    assert problem.startswith(f"{nowhere}/k49/images.npz: nowhere.invalid cannot be reached: ")
    assert problem.endswith(" (is this machine online? the file can be brought from another one)")
    problem = find_problem(lambda: fetch_collection("k49", tmp_path, mirror="http://127.0.0.1:1"))
    assert "127.0.0.1 cannot be reached: Connection refused (" in problem
    assert find_problem(lambda: fetch_collection("k49", tmp_path, mirror="file:///etc")) == (
        "file:///etc: expected an address that begins with https:// or http://"
    )
    with pytest.raises(
        ChoiceError, match=r"^collection: found 'k48', expected one of k49, kmnist, k"
    ):
        fetch_collection("k48", tmp_path)


def test_a_folder_of_another_collection_is_left_alone(server: Server, tmp_path: Path) -> None:
    fetch_collection("k49", tmp_path, mirror=server.address)
    assert find_problem(lambda: fetch_collection("kkanji", tmp_path, mirror=server.address)) == (
        f"{tmp_path}: holds 'k49', expected a folder for 'kkanji' (--out DIR)"
    )
    (tmp_path / "fetched.json").write_text("{")
    problem = find_problem(lambda: fetch_collection("k49", tmp_path, mirror=server.address))
    assert problem.startswith(f"{tmp_path / 'fetched.json'}: ")
    assert problem.endswith(" (remove it, and the files are fetched again)")


def test_the_command_prints_the_folder(server: Server, tmp_path: Path) -> None:
    words = ["fetch", "k49", "--mirror", server.address, "--out", str(tmp_path / "k49")]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.stdout == f"{tmp_path / 'k49'}\n"
    assert describe_terms("k49")[1] in done.stderr


def test_every_collection_has_files_whose_hashes_are_whole() -> None:
    assert list(COLLECTION_FILES) == list(COLLECTIONS)
    for files in COLLECTION_FILES.values():
        for file in files:
            assert len(file.sha256) in (0, 64)
            assert len(file.md5) in (0, 32)
