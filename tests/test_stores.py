"""Datasets in object stores: a server of S3, the memory of the process, and what goes wrong on the way."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from conftest import FONTS
from numpy.typing import NDArray
from object_server import BUCKET, Proxy, Server, forget_connections, serve_objects, use_store
from tiny_datasets import N_ROWS, RECIPE, TinyJob, make_rows, produce_tiny, read_all_bytes

import glyphgen
from glyphgen.balance.balancing import balance_dataset
from glyphgen.balance.prepared_balance import BalanceOptions, prepare_balance
from glyphgen.cli import cli
from glyphgen.dataset.claim import check_claim, claim_folder, write_claim
from glyphgen.dataset.integrity import verify_files
from glyphgen.dataset.shard_table import ShardInfo
from glyphgen.dataset.shards import Arrays, Shards
from glyphgen.errors import (
    ChoiceError,
    DamagedError,
    DatasetError,
    GlyphgenError,
    SourceError,
    StoreError,
)
from glyphgen.exchange.card import write_card
from glyphgen.exchange.exporting import export_dataset
from glyphgen.exchange.importing import import_dataset
from glyphgen.exchange.merging import merge_datasets
from glyphgen.files import object_store
from glyphgen.files.address import Address, parse_place
from glyphgen.files.cache import find_cache_folder
from glyphgen.files.object_store import ObjectStore
from glyphgen.files.store import open_store
from glyphgen.production import check_places
from glyphgen.recipe import Recipe, read_recipe
from glyphgen.render.rendering import render_dataset
from glyphgen.report import make_report
from glyphgen.verify import verify_dataset

OTHER = "ef" * 32
_numbers = count()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve_objects() as served:
        yield served


@pytest.fixture
def s3(server: Server, monkeypatch: pytest.MonkeyPatch) -> Address:
    """An address where nothing lies."""
    use_store(server.env, monkeypatch)
    return Address(f"s3://{BUCKET}/place-{next(_numbers)}")


@pytest.fixture(params=["memory", "s3"])
def place(request: pytest.FixtureRequest) -> Address:
    if request.param == "s3":
        found: Address = request.getfixturevalue("s3")
        return found
    return Address(f"memory://place-{next(_numbers)}")


def read_all(place: Address) -> dict[str, bytes]:
    """Everything that equal datasets have equal."""
    store = open_store(place)
    return {name: store.get_range(name) for name in store.list() if name != "run.json"}


def flip(place: Address, name: str, position: int) -> None:
    content = bytearray(open_store(place).get_range(name))
    content[position] ^= 1
    open_store(place).put(name, bytes(content))


# --- The same dataset


def few(format: str) -> Recipe:
    """The shipped hiragana of one face, 249 rows in three shards."""
    return read_recipe(
        FONTS.parent / "recipes" / "hiragana.toml",
        [
            "render.per_class=3",
            "output.rows_per_shard=100",
            f"output.format={format}",
            'fonts.files=["../fonts/kana/Y*.ttf"]',
        ],
    )


@pytest.fixture(scope="module", params=["npy", "hdf5"])
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("here") / str(request.param)
    render_dataset(few(folder.name), folder)
    return folder


def test_a_render_into_a_store_is_the_local_one(s3: Address, rendered: Path) -> None:
    recipe = few(rendered.name)
    assert render_dataset(recipe, str(s3), workers=2 if rendered.name == "npy" else 1).folder == s3
    here, there = glyphgen.load(rendered), glyphgen.load(str(s3))
    assert there.digest == here.digest
    pages = {"index.json", "gate.json", "recipe.toml"}
    shards = {f"shard-{k:05}.{'bin' if rendered.name == 'npy' else 'h5'}" for k in range(3)}
    assert set(open_store(s3).list()) == pages | shards | {"run.json"}
    for name in pages:
        assert open_store(s3).get_range(name) == (rendered / name).read_bytes()
    for name in ("images", "labels", "samples"):
        found, wanted = getattr(there, name), getattr(here, name)
        assert np.array_equal(found[:], wanted[:])
        assert np.array_equal(found[90:110:3], wanted[90:110:3])
    assert np.array_equal(there.images[[200, 3, 101]], here.images[[200, 3, 101]])
    verified = verify_dataset(str(s3), expect=here.digest)
    assert (verified.problems, verified.n_redrawn) == ((), len(here))
    assert render_dataset(recipe, s3).n_made == 0


def test_a_card_is_written_beside_a_dataset_in_a_store(
    rendered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = Address(f"memory://card-{next(_numbers)}")
    render_dataset(few(rendered.name), there)
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main(["card", str(there), "--quiet"])
    assert capsys.readouterr().out == f"{there}/README.md\n"
    store = open_store(there)
    write_card(rendered, tmp_path)
    assert store.get_range("README.md") == (tmp_path / "README.md").read_bytes()
    described = {
        file["name"]: file["sha256"]
        for file in json.loads(store.get_range("croissant.json"))["distribution"]
    }
    arrays = {name for name in store.list() if name.startswith("shard-")}
    assert set(described) == {"index.json", "gate.json", "recipe.toml", *arrays}
    for name, digest in described.items():
        assert hashlib.sha256(store.get_range(name)).hexdigest() == digest
    assert not verify_dataset(there).problems


@pytest.mark.parametrize("format", ["npz", "parquet", "webdataset"])
def test_an_export_into_a_store_is_the_local_one_and_goes_on(
    place: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    produce_tiny(tmp_path / "tiny")
    export_dataset(format, tmp_path / "tiny", tmp_path / "out")
    wanted = read_all_bytes(tmp_path / "out")
    pages = {"export.json", "classes.json", "README.md", "croissant.json", "pictures/sample.png"}
    last = min(wanted.keys() - pages)  # of test, after train
    put = ObjectStore.put

    def lose_the_last(store: ObjectStore, name: str, *parts: bytes) -> None:
        if name == last:
            raise StoreError("the store is away")
        put(store, name, *parts)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "put", lose_the_last)
        with pytest.raises(StoreError, match="the store is away"):
            export_dataset(format, tmp_path / "tiny", place)
    assert not open_store(place).exists("export.json")
    exported = export_dataset(format, tmp_path / "tiny", place, verify=True)
    assert exported.n_written == (N_ROWS if format == "npz" else 11)
    assert exported.n_verified == N_ROWS
    assert {name: open_store(place).get_range(name) for name in wanted} == wanted
    assert not open_store(place).exists(".work")
    assert export_dataset(format, tmp_path / "tiny", place).n_written == 0
    flip(place, last, len(wanted[last]) // 2)
    with pytest.raises(DatasetError, match=r"\(export again, with --force\)$"):
        export_dataset(format, tmp_path / "tiny", place, verify=True)


def test_an_export_that_a_store_does_not_take(place: Address, tmp_path: Path) -> None:
    produce_tiny(tmp_path / "tiny")
    with pytest.raises(
        ChoiceError,
        match=f"^{place}: lies in a store, which folder has too many files for, expected a folder$",
    ):
        export_dataset("folder", tmp_path / "tiny", place)
    export_dataset("npz", tmp_path / "tiny", place / "all.npz", verify=True)
    assert open_store(place).list() == ("all.npz",)
    with pytest.raises(DatasetError, match=r"all\.npz: is there already \(--force replaces it"):
        export_dataset("npz", tmp_path / "tiny", place / "all.npz")
    write_claim(place / "claimed", OTHER)
    with pytest.raises(DatasetError, match="holds what is unfinished and of another dataset"):
        export_dataset("npz", tmp_path / "tiny", place / "claimed")
    assert open_store(place / "claimed").list(".work/claims") == (OTHER,)


def test_every_room_reads_and_writes_a_store(rendered: Path, tmp_path: Path) -> None:
    there = Address(f"memory://rooms-{next(_numbers)}")
    render_dataset(few(rendered.name), there, workers=2)  # which other processes do not see
    digests: list[list[str]] = []
    for source, out in ((rendered, tmp_path), (there, Address(f"{there}-out"))):
        prepared = prepare_balance(source, 5, options=BalanceOptions(steps=()))
        balance_dataset(prepared, out / "balanced")
        merge_datasets([source, str(out / "balanced")], out / "merged")
        import_dataset("dataset", source, out / "imported")
        export_dataset("npz", source, tmp_path / f"export-{len(digests)}")
        make_report(source, tmp_path / f"report-{len(digests)}.html")
        places = [out / name for name in ("balanced", "merged", "imported")]
        assert [verify_dataset(place).problems for place in places] == [()] * 3
        digests.append([glyphgen.load(place).digest for place in places])
        images, _ = next(iter(glyphgen.stream(source, batch_size=4)))
        digests[-1].append(images.tobytes().hex())
    assert digests[0] == digests[1]
    exports = [sorted((tmp_path / f"export-{k}").glob("*.npz")) for k in (0, 1)]
    assert exports[0]
    for here, other in zip(*exports, strict=True):
        assert here.read_bytes() == other.read_bytes()
    with pytest.raises(DatasetError, match="lies in the source memory://rooms-"):
        check_places(there / "below", [there])
    check_places(tmp_path, [there])
    with pytest.raises(SourceError, match="lies in a store, expected a file or folder of this"):
        import_dataset("folder", there, tmp_path / "no")


# --- What is interrupted


class _KilledError(BaseException):
    """The process ends here."""


def test_whatever_request_is_the_last_the_next_run_finishes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = Address(f"memory://place-{next(_numbers)}")
    produce_tiny(here / "whole")
    whole = read_all(here / "whole")
    ask = ObjectStore._ask
    for last in count():
        left = count(-last)

        def end(*given: Any, **named: Any) -> object:
            if next(left) >= 0:  # noqa: B023
                raise _KilledError
            return ask(*given, **named)

        place = here / f"after-{last}"
        with monkeypatch.context() as patch:
            patch.setattr(ObjectStore, "_ask", end)
            try:
                produce_tiny(place)
                break
            except _KilledError:
                pass
        produce_tiny(place)
        assert read_all(place) == whole
    assert last > 5 * 4


@pytest.mark.parametrize("n_notes", [0, 2])
def test_a_driver_killed_for_good_is_followed_by_one_that_makes_what_is_missing(
    s3: Address, n_notes: int
) -> None:
    program = (
        "import sys, time, tiny_datasets as tiny\n"
        "make = tiny.TinyJob.make_rows\n"
        "def wait(self, *given):\n    time.sleep(0.3)\n    make(self, *given)\n"
        "tiny.TinyJob.make_rows = wait\n"
        "tiny.produce_tiny(sys.argv[1])\n"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", program, str(s3)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    store = open_store(s3)
    while not store.exists(".work") or len(store.list(".work")) < 1 + n_notes:
        assert killed.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not store.exists("index.json")
    with pytest.raises(DatasetError, match="unfinished, it has no"):
        glyphgen.load(s3)
    assert produce_tiny(s3).n_made <= N_ROWS - 5 * n_notes
    assert verify_files(s3) == []
    assert not store.exists(".work")


@pytest.mark.parametrize("format", ["npy", "hdf5"])
def test_what_a_store_loses_or_changes_is_named_and_made_again(place: Address, format: str) -> None:
    suffix = "bin" if format == "npy" else "h5"
    produce_tiny(place, format)
    whole = read_all(place)
    flip(place, f"shard-00001.{suffix}", len(whole[f"shard-00001.{suffix}"]) - 1)
    open_store(place).delete(f"shard-00003.{suffix}")
    flip(place, "note.txt", 0)
    assert verify_files(place) == [
        f"{place}/note.txt: does not match index.json (make the dataset again, with --force)",
        f"{place}: shard 1 does not match index.json (run the command that made it, with --mend)",
        f"{place}/shard-00003.{suffix}: missing (run the command that made it again)",
    ]
    assert produce_tiny(place, format).n_made == 10
    assert read_all(place) == whole


def count_requests(proxy: Proxy) -> Counter[str]:
    """Count what was asked, by method and kind of object, and forget it."""
    asked = re.findall(rb"([A-Z]+) /(\S*) HTTP/1.1\r\n", bytes(proxy.seen))
    proxy.seen.clear()
    kinds = [
        (rb"list-type=2&prefix=[^&]*%2F\.work%2F&", "LIST notes"),
        (rb"list-type=2", "LIST"),
        (rb"/\.work/shard-", "note"),
        (rb"/shard-\d+\.bin", "shard"),
    ]
    named = (
        next((f"{kind}" for pattern, kind in kinds if re.search(pattern, path)), "page")
        for _, path in asked
    )
    return Counter(
        kind if kind.startswith("LIST") else f"{method.decode()} {kind}"
        for (method, _), kind in zip(asked, named, strict=True)
    )


def test_a_shard_costs_two_puts_and_nothing_else_grows_with_their_number(
    server: Server, s3: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = urlsplit(server.url).port
    assert port is not None
    with Proxy(port) as proxy:
        use_store(server.env | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}, monkeypatch)
        produce_tiny(s3)
        made = count_requests(proxy)
        assert (made["PUT shard"], made["PUT note"]) == (5, 5)
        assert made["LIST notes"] <= 6
        assert not {key for key in made if key in {"GET shard", "HEAD shard", "GET note"}}
        assert made.total() - 10 <= 19
        time.sleep(1.1)  # the server tells times in seconds
        open_store(s3).put("index.json", open_store(s3).get_range("index.json"))
        count_requests(proxy)
        assert produce_tiny(s3).n_made == 0
        found = count_requests(proxy)
        assert not {key for key in found if key.endswith(("shard", "note"))}
        assert found["LIST"] <= 3
        assert produce_tiny(s3, mend=True).n_made == 0
        assert count_requests(proxy)["GET shard"] == 5


def test_what_a_worker_could_not_put_before_it_ended_is_made_again(
    place: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, lost = Shards.commit, [1, 3]

    def lose(shards: Shards, k: int, arrays: Arrays, info: ShardInfo) -> None:
        if k in lost:
            lost.remove(k)
        else:
            commit(shards, k, arrays, info)

    monkeypatch.setattr(Shards, "commit", lose)
    produce_tiny(place)
    assert (lost, verify_files(place)) == ([], [])


def test_connections_that_break_in_a_body_are_made_again(
    server: Server, s3: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = np.random.default_rng(0).integers(0, 256, 400_000, np.uint8)
    port = urlsplit(server.url).port
    assert port is not None
    with Proxy(port) as proxy:
        use_store(server.env | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}, monkeypatch)
        store = open_store(s3)
        proxy.cuts["up"] = [150_000, 20_000]
        store.put("array", content)
        assert (store.list(), proxy.n_cut) == (("array",), 2)
        proxy.cuts["down"] = [200_000, 30_000]
        assert store.get_range("array") == content.tobytes()
        assert proxy.n_cut == 4
        produce_tiny(s3 / "whole")
    # Nothing is asked that some servers pass over in silence.
    asked = bytes(proxy.seen).lower()
    assert b"put /store/place" in asked
    assert b"if-none-match" not in asked
    assert b"if-match" not in asked


# --- What is slow, and what hangs


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Between us and the server; a question may take a second."""
    port = urlsplit(server.url).port
    assert port is not None
    with Proxy(port) as found:
        settings = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{found.port}"}
        use_store(server.env | settings | {"FSSPEC_GLYPHGEN_TIMEOUT": "1"}, monkeypatch)
        yield found


def test_what_is_slow_is_waited_for_as_long_as_its_bytes_need(proxy: Proxy) -> None:
    store = open_store(f"s3://{BUCKET}/slow-{next(_numbers)}")
    content = np.arange(1 << 20, dtype=np.uint32)  # 4 MiB: 256 blocks
    proxy.pause_s = 0.005
    started = time.monotonic()
    store.put("array", content)
    assert time.monotonic() - started > 1
    proxy.pause_s = 0
    assert store.get_range("array") == content.tobytes()


class _HangingJob(TinyJob):
    """Lets the store hang in the midst of the dataset."""

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[Any]) -> None:
        super().make_rows(rows, images, samples)
        _proxies[0].hangs |= 12 in rows


_proxies: list[Proxy] = []


def test_a_store_that_never_answers_ends_with_a_line_and_is_gone_on_with(proxy: Proxy) -> None:
    place = Address(f"s3://{BUCKET}/hangs-{next(_numbers)}")
    produce_tiny(place / "whole")
    _proxies[:] = [proxy]
    with pytest.raises(StoreError) as caught:
        produce_tiny(place / "made", job=_HangingJob())
    [line] = caught.value.problems
    assert re.fullmatch(
        rf"{place}/made/\S+: cannot be \w+: no answer within [12] s \(check the store and the way to it, or"
        r" let FSSPEC_GLYPHGEN_TIMEOUT be more seconds, then run the same command again.*\)",
        line,
    )
    assert proxy.n_hung > 0
    proxy.hangs = False
    produce_tiny(place / "made")
    assert read_all(place / "made") == read_all(place / "whole")


@pytest.mark.parametrize("given", ["soon", "0", "-1"])
def test_a_timeout_that_is_none_is_told(
    s3: Address, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    use_store({"FSSPEC_GLYPHGEN_TIMEOUT": given}, monkeypatch)
    with pytest.raises(
        StoreError, match=f"^FSSPEC_GLYPHGEN_TIMEOUT: found {given}, expected seconds, more than 0$"
    ):
        open_store(s3).list()


# --- Two at one place


def test_two_drivers_at_one_address_do_each_other_no_harm(s3: Address) -> None:
    program = "import sys, tiny_datasets; tiny_datasets.produce_tiny(sys.argv[1])"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    drivers = [subprocess.Popen([sys.executable, "-c", program, str(s3)], env=env) for _ in "ab"]
    assert [driver.wait() for driver in drivers] == [0, 0]
    assert verify_files(s3) == []
    produce_tiny(s3 / "alone")
    assert glyphgen.load(s3).digest == glyphgen.load(s3 / "alone").digest


def test_one_finishes_what_another_has_finished_meanwhile(
    place: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glyphgen import production

    make = production._make_shards
    waiting = ["the other"]

    def let_the_other_come_first(*given: object) -> object:
        if waiting:
            waiting.clear()
            produce_tiny(place)
        return make(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(production, "_make_shards", let_the_other_come_first)
    assert produce_tiny(place).n_rows == N_ROWS
    assert verify_files(place) == []
    assert not open_store(place).exists(".work")


def test_of_two_datasets_that_come_at_once_none_gets_the_place_of_the_other(place: Address) -> None:
    put = ObjectStore.put
    with pytest.MonkeyPatch.context() as patch:

        def come_first(store: ObjectStore, name: str, *parts: bytes) -> None:
            put(store, f".work/claims/{OTHER}", b"{}")
            put(store, name, *parts)

        patch.setattr(ObjectStore, "put", come_first)
        with pytest.raises(DatasetError, match="holds an unfinished dataset of another recipe"):
            produce_tiny(place)
    assert open_store(place).list(".work/claims") == (OTHER,)
    assert produce_tiny(place, key=OTHER).n_made == N_ROWS


def test_a_driver_whose_place_was_taken_writes_no_index(
    place: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glyphgen import production

    make = production._make_shards

    def take(*given: object) -> object:
        open_store(place).delete(".work")
        write_claim(place, OTHER)
        return make(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(production, "_make_shards", take)
    with pytest.raises(DatasetError, match="holds an unfinished dataset of another recipe"):
        produce_tiny(place)
    assert not open_store(place).exists("index.json")
    check_claim(place, OTHER)


def test_another_dataset_is_refused_and_replaced_by_force(place: Address) -> None:
    produce_tiny(place, key=OTHER)
    with pytest.raises(DatasetError, match="holds a dataset of another recipe"):
        produce_tiny(place)
    produce_tiny(place, "hdf5", force=True)
    assert not open_store(place).exists("shard-00000.bin")
    assert verify_files(place) == []
    open_store(place / "more").put("photo.jpg", b"1")
    with pytest.raises(DatasetError, match=r"holds something else: photo\.jpg"):
        claim_folder(place / "more", RECIPE)


def test_a_dataset_of_very_many_shards_is_made_kept_and_mended(
    place: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ("glyphgen.production", "glyphgen.dataset.index"):
        monkeypatch.setattr(f"{room}.MOST_LISTED", 4)
    produce_tiny(place)
    assert glyphgen.load(place).index.format_version == 5
    assert np.array_equal(glyphgen.load(place).images[:], make_rows(range(N_ROWS)).images)
    assert produce_tiny(place).n_made == 0
    flip(place, "shard-00001.bin", 7)
    assert produce_tiny(place).n_made == 5
    assert verify_files(place) == []


# --- Copies


def find_copy(dataset: glyphgen.Dataset, k: int) -> Path:
    digest, folder = dataset.index.shards[k].blake3, find_cache_folder("fetched")
    assert folder is not None
    return folder / digest[:2] / digest


def test_rows_are_read_through_copies_that_are_checked(
    place: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    produce_tiny(place)
    wanted = make_rows(range(N_ROWS))
    dataset = glyphgen.load(place)
    for k in range(5):
        find_copy(dataset, k).unlink(missing_ok=True)
    assert np.array_equal(dataset.images[6:9], wanted.images[6:9])
    copies = [find_copy(dataset, k) for k in range(5)]
    assert [copy.exists() for copy in copies] == [False, True, False, False, False]
    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "get_range", None)  # nothing is asked again
        dataset.unmap()
        assert np.array_equal(dataset.images[6:9], wanted.images[6:9])
    content = bytearray(copies[1].read_bytes())
    content[0] ^= 1
    copies[1].write_bytes(content)
    dataset.unmap()
    assert np.array_equal(dataset.labels[6:9], wanted.labels[6:9])
    assert np.array_equal(dataset.images[5], wanted.images[5])
    flip(place, "shard-00002.bin", 3)
    with pytest.raises(DamagedError, match="shard 2 does not match"):
        _ = dataset.images[12]
    assert not copies[2].exists()


def test_a_disk_without_room_for_copies_gives_one_line(
    place: Address, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    produce_tiny(place)
    (tmp_path / "glyphgen").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(GlyphgenError) as caught:
        _ = glyphgen.load(place).images[0]
    [problem] = caught.value.problems
    assert problem.startswith(
        f"{tmp_path}/glyphgen/fetched: copies of a store's files cannot be kept"
    )
    assert problem.endswith("(make room, or let XDG_CACHE_HOME name another folder)")


# --- What is refused


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "Wrong/Secret"}, ": cannot be read: access denied: "),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
            ": cannot be read: Could not connect",
        ),
    ],
)
def test_a_store_that_refuses_gives_one_line(
    s3: Address, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], problem: str
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    monkeypatch.setattr(object_store, "_PAUSE_S", 0.0)
    use_store(env, monkeypatch)
    with pytest.raises(StoreError) as caught:
        produce_tiny(s3)
    [line] = caught.value.problems
    assert line.startswith(f"{s3}{problem}")
    assert line.endswith(", then run the same command again)")
    assert "Wrong" not in line
    with pytest.raises(StoreError):
        glyphgen.load(s3)


def test_without_credentials_the_line_says_so_and_the_command_fails(s3: Address) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-m", "glyphgen", "verify", str(s3)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line == (
        f"{s3}/index.json: cannot be read: no credentials: Unable to locate credentials (set them as the"
        " store's own tools want them, then run the same command again)"
    )


def test_a_denied_put_leaves_what_is_done_and_can_be_resumed(
    server: Server, s3: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_claim(s3, RECIPE)
    with monkeypatch.context() as patch:
        use_store(server.reader_env, patch)
        with pytest.raises(StoreError) as caught:
            produce_tiny(s3)
    assert str(caught.value).startswith(
        f"{s3}/shard-00000.bin: cannot be written: access denied: Access Denied"
    )
    assert str(caught.value).endswith("run the same command again: finished shards are kept)")
    forget_connections()
    assert produce_tiny(s3).n_made == N_ROWS
    with pytest.raises(StoreError, match="there is no such bucket"):
        produce_tiny("s3://nowhere-at-all/place")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("gs://bucket/kana", "gs://bucket/kana: the library of gs:// is not installed: "),
        ("nothing://bucket/kana", "nothing://bucket/kana: Protocol not known: nothing, expected a"),
        ("s3://me:secret@bucket/kana", "s3://...: holds a name, a password or a query, expected"),
        ("https://host/kana?Signature=secret", "https://...: holds a name, a password or a query,"),
        ("s3://bucket/ka\x1bna", "s3://bucket/ka\\x1bna: holds control characters, expected s3://"),
        ("s3://bucket/../kana", "s3://bucket/../kana: holds an empty part or dots, expected s3://"),
        ("s3://", "s3://: holds an empty part or dots, expected s3://bucket/path"),
        (
            Path("s3://bucket/a"),
            "s3:/bucket/a: an address with one slash, expected s3://bucket/a (",
        ),
    ],
)
def test_an_address_that_is_none_is_told_without_its_secrets(given: str, problem: str) -> None:
    with pytest.raises(GlyphgenError) as caught:
        glyphgen.load(given)
    assert str(caught.value).startswith(problem)
    assert "secret" not in str(caught.value)


def test_places_are_told_apart(tmp_path: Path) -> None:
    assert parse_place("file:///tmp/kana") == Path("/tmp/kana")
    assert parse_place("datasets/kana") == Path("datasets/kana")
    assert parse_place("S3://bucket/kana/") == Address("s3://bucket/kana")
    address = Address("s3://bucket/kana.d")
    assert (address.name, address.suffix, str(address.parent)) == ("kana.d", ".d", "s3://bucket")
    assert (address / "a").is_relative_to(address)
    assert not Address("s3://bucket/kana.dd").is_relative_to(address)
    with pytest.raises(TypeError):
        Path(address)  # type: ignore[arg-type]


def test_the_verbs_mean_the_same_in_a_store(place: Address) -> None:
    store = open_store(place)
    assert (store.list(), store.exists(), store.exists("a")) == ((), False, False)
    store.put("b/c", b"12", np.array([[3, 4], [5, 6]], np.uint8), b"", b"7")
    store.put("a", b"0123456789")
    assert store.get_range("b/c") == b"12\x03\x04\x05\x067"
    assert (store.list(), store.list("b"), store.list("x")) == (("a", "b"), ("c",), ())
    assert [store.exists(name) for name in ("", "a", "b", "b/c", "c")] == [True] * 4 + [False]
    for bounds, expected in {(0, 3): b"012", (8, 99): b"89", (5, 2): b"", (99,): b""}.items():
        assert store.get_range("a", *bounds) == expected
    with pytest.raises(FileNotFoundError):
        store.get_range("none")
    store.delete("b")
    store.delete("never")
    assert store.list() == ("a",)


def test_a_page_of_a_dataset_says_nothing_of_where_it_lies(s3: Address) -> None:
    produce_tiny(s3)
    assert str(s3) not in json.dumps(read_all(s3)["index.json"].decode())
