"""Shards made by a Dask cluster: schedulers and workers are processes of their own, on free ports."""

import gc
import os
import pickle
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest
from conftest import FONTS
from dask_processes import Cluster, wait_until
from numpy.typing import NDArray
from object_server import BUCKET, Server, serve_objects, use_store
from tiny_datasets import (
    RECIPE,
    TinyJob,
    make_layout,
    make_rows,
    produce_tiny,
    read_all_bytes,
)

import glyphgen
from glyphgen.balance.balancing import balance_dataset
from glyphgen.balance.prepared_balance import BalanceOptions, prepare_balance
from glyphgen.choices import check_executor
from glyphgen.dataset.claim import claim_folder
from glyphgen.dataset.integrity import verify_files
from glyphgen.dataset.shard_table import ShardInfo
from glyphgen.dataset.shards import Arrays, make_shards
from glyphgen.errors import ChoiceError, DatasetError, MachineError, WorkerError
from glyphgen.exchange.exporting import export_dataset
from glyphgen.exchange.merging import merge_datasets
from glyphgen.executors import dask_cluster, run_shards
from glyphgen.files.address import AnyPlace, parse_place
from glyphgen.files.store import open_store
from glyphgen.progress import Progress
from glyphgen.recipe import Recipe, read_recipe
from glyphgen.render.rendering import render_dataset
from glyphgen.shard_making import RowJob, _Worker
from glyphgen.shipping import dump_job, open_shipped, ship_job
from glyphgen.version import VERSION


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve_objects() as served:
        yield served


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Cluster]:
    """Two workers with nannies, which start another one where one dies; they may use the server.

    One of them has several threads.
    """
    with Cluster(tmp_path_factory.mktemp("cluster"), allowed_failures="0") as found:
        for threads in ("1", "4"):
            found.add_worker("--nthreads", threads, nanny=True, **server.env)
        yield found


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler without workers."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with Cluster(folder) as found:
        yield found


@pytest.fixture
def impatient() -> Iterator[None]:
    """Two seconds without workers are too many."""
    from dask import config

    with config.set({"glyphgen.no-workers-timeout": 2}):
        yield


def run(task: Callable[[int], int], n: int, executor: str) -> dict[int, int]:
    return dict(run_shards(task, range(n), workers=1, executor=executor))


def square(number: int) -> int:
    return number * number


def die_at(deadly: int, number: int) -> int:
    if number == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def wait_for_mark(folder: Path, number: int) -> int:
    """Leave a mark, and go on when another one is there."""
    (folder / f"{number}.{os.getpid()}").touch()
    while number and not (folder / "go").exists():
        time.sleep(0.02)
    return number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise DatasetError("datasets/kana: shard 3 cannot be written")
    return number


# --- What an executor is


@pytest.mark.parametrize(
    "executor", ["processes", "dask:4", "dask://host:8786", "dask://[::1]:8786", "dask://a.b-c:1"]
)
def test_an_executor_is_taken(executor: str) -> None:
    assert check_executor(executor) == executor


@pytest.mark.parametrize(
    "executor",
    [
        "",
        "dask",
        "dask:",
        "dask:0",
        "dask:-1",
        "dask://host",
        "dask://u@host:1",
        "dask://:1",
        "tcp://h:1",
        None,
    ],
)
def test_another_executor_is_refused_at_every_door(executor: str, tmp_path: Path) -> None:
    expected = r"^executor: found .*, expected one of processes, dask:N, dask://HOST:PORT$"
    out = tmp_path / "out"
    for door in (
        check_executor,
        lambda value: render_dataset(few("npy"), out, executor=value),
        lambda value: merge_datasets(["a", "b"], out, executor=value),
        lambda value: export_dataset("npz", "a", out, executor=value),
        lambda value: produce_tiny(out, executor=value),
    ):
        with pytest.raises(ChoiceError, match=expected):
            door(executor)
    assert not out.exists()


def test_the_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        MachineError, match=r"distributed is not installed \(pip install 'glyphgen\[dask\]'\)$"
    ):
        run(square, 3, "dask:1")


# --- The same dataset


def few(format: str) -> Recipe:
    """The shipped hiragana of one face, 83 rows in nine shards."""
    return read_recipe(
        FONTS.parent / "recipes" / "hiragana.toml",
        [
            "render.per_class=1",
            "output.rows_per_shard=10",
            f"output.format={format}",
            'fonts.files=["../fonts/kana/Y*.ttf"]',
        ],
    )


@pytest.mark.parametrize("format", ["npy", "hdf5"])
def test_commands_make_the_same_on_a_cluster(
    format: str, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With relative paths, and workers with another current folder."""
    monkeypatch.chdir(tmp_path)
    made: dict[str, list[dict[str, bytes]]] = {}
    for executor in ("processes", cluster.executor):
        out = Path("here" if executor == "processes" else "there")
        render_dataset(few(format), out / "few", executor=executor)
        prepared = prepare_balance(out / "few", 2, options=BalanceOptions(steps=()))
        balance_dataset(prepared, out / "balanced", executor=executor)
        merge_datasets([out / "few", out / "balanced"], out / "merged", executor=executor)
        export_dataset("npz", out / "few", out / "npz", executor=executor, verify=True)
        for name in ("few", "balanced", "merged", "npz"):
            content = read_all_bytes(out / name)
            content.pop("run.json", None)
            made.setdefault(name, []).append(content)
    for here, there in made.values():
        assert here == there
    assert render_dataset(few(format), Path("there/few"), executor=cluster.executor).n_made == 0


def test_a_cluster_of_this_machine_makes_the_same(tmp_path: Path) -> None:
    here = produce_tiny(tmp_path / "here")
    there = produce_tiny(tmp_path / "there", executor="dask:1")
    assert (here.n_made, there.n_made, there.n_workers) == (23, 23, 1)
    assert glyphgen.load(here.folder).digest == glyphgen.load(there.folder).digest


class Killer:
    """Kills a worker when two shards are done."""

    def __init__(self, nanny: int) -> None:
        self.nanny = nanny
        self.n_killed = 0

    def message(self, line: str) -> None:
        pass

    warning = message

    def progress(self, progress: Progress) -> None:
        if progress.detail.startswith("2 of") and not self.n_killed:
            for worker in psutil.Process(self.nanny).children(recursive=True):
                worker.kill()
                self.n_killed += 1


def test_a_store_holds_the_same_after_a_worker_is_killed(
    cluster: Cluster, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_store(server.env, monkeypatch)
    cluster.wait_for_workers()
    killer = Killer(cluster.workers[0].pid)
    place = f"s3://{BUCKET}/kana"
    there = render_dataset(few("npy"), place, executor=cluster.executor, reporter=killer)
    here = render_dataset(few("npy"), tmp_path / "here")
    assert killer.n_killed > 0
    assert there.n_made == 83
    assert glyphgen.load(place).digest == glyphgen.load(here.folder).digest
    assert not verify_files(parse_place(place))


def test_the_memory_of_a_process_is_no_place_for_a_cluster() -> None:
    with pytest.raises(DatasetError, match=r"^memory://a: is seen by this process alone, expected"):
        produce_tiny("memory://a", executor="dask:1")


# --- What Dask does not tell


def test_an_error_of_a_task_is_raised_as_it_is(cluster: Cluster) -> None:
    with pytest.raises(DatasetError, match=r"^datasets/kana: shard 3 cannot be written$"):
        run(fail_at_three, 5, cluster.executor)


def test_a_shard_that_kills_its_workers_is_named_and_all_others_are_made(cluster: Cluster) -> None:
    done: dict[int, int] = {}
    results = run_shards(partial(die_at, 2), range(6), workers=1, executor=cluster.executor)
    with pytest.raises(
        WorkerError,
        match=r"^shard 2: its worker died 1 time though it ran alone, the last was tcp://",
    ):
        done.update(results)
    assert done == {k: k for k in range(6) if k != 2}


def die_late(deadly: int, number: int) -> int:
    time.sleep(0.005)  # so that it shares its task
    return die_at(deadly, number)


def test_shards_that_share_a_task_with_one_that_kills_are_made(cluster: Cluster) -> None:
    cluster.wait_for_workers()
    done: dict[int, int] = {}
    results = run_shards(partial(die_late, 150), range(200), workers=1, executor=cluster.executor)
    with pytest.raises(WorkerError, match=r"^shard 150: its worker died 1 time[^\n]*$"):
        done.update(results)
    assert done == {k: k for k in range(200) if k != 150}


def find_task(seconds: float, number: int) -> str:
    from distributed import get_worker

    time.sleep(seconds)
    return str(get_worker().get_current_task())


@pytest.mark.parametrize(
    ("n", "seconds", "least", "most"), [(1000, 0.0, 2, 150), (20, 0.3, 20, 20)]
)
def test_quick_shards_share_tasks_and_slow_ones_have_their_own(
    n: int, seconds: float, least: int, most: int, cluster: Cluster
) -> None:
    results = run_shards(
        partial(find_task, seconds), range(n), workers=1, executor=cluster.executor
    )
    tasks = [task for _, task in results]
    assert len(tasks) == n
    assert least <= len(set(tasks)) <= most


def test_a_worker_that_is_killed_costs_nothing(
    own: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More shards are under way than the workers that are left would get."""
    monkeypatch.setattr(dask_cluster, "_LOOK_S", 0.05)
    for _ in range(2):
        own.add_worker()
    own.wait_for_workers()
    task = partial(wait_for_mark, tmp_path)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(run, task, 9, own.executor)
        wait_until(lambda: len({path.suffix for path in tmp_path.glob("?.*")}) == 2)
        own.workers[0].kill()
        wait_until(lambda: own.workers[0].poll() is not None)
        time.sleep(1)  # the driver looks and waits
        (tmp_path / "go").touch()
        assert done.result() == {k: k for k in range(9)}


def test_a_lost_scheduler_is_told(own: Cluster, tmp_path: Path) -> None:
    own.add_worker()
    results = run_shards(
        partial(wait_for_mark, tmp_path), range(8), workers=1, executor=own.executor
    )
    next(results)
    own.scheduler.kill()
    expected = "the scheduler is lost (start it, and run the same command again to resume)"
    with pytest.raises(WorkerError, match=f"^{re.escape(f'{own.executor}: {expected}')}$"):
        list(results)


def test_nothing_at_the_address_is_told() -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        executor = f"dask://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            WorkerError, match=rf"^{executor}: no scheduler answers there within 5 s"
        ):
            run(square, 3, executor)


def test_a_scheduler_that_is_not_there_is_told_before_the_fonts_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glyphgen.render.rendering.prepare_render", None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        executor = f"dask://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(WorkerError, match=rf"^{executor}: no scheduler answers there"):
            render_dataset(few("npy"), tmp_path / "out", executor=executor)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("impatient")
def test_a_scheduler_without_workers_is_told(own: Cluster) -> None:
    with pytest.raises(
        WorkerError, match=rf"^{own.executor}: has had no workers for 2 s \(start some"
    ):
        run(square, 3, own.executor)


@pytest.mark.usefixtures("impatient")
def test_shards_that_no_worker_is_left_for_are_named(own: Cluster) -> None:
    own.add_worker()
    own.wait_for_workers()
    with pytest.raises(WorkerError, match=r"has had no workers for 2 s, shard 0, shard 1 wait"):
        run(partial(die_at, 0), 2, own.executor)


def write_preload(folder: Path, version: str) -> str:
    """Return a file that makes a worker one of another version."""
    path = folder / "other_version.py"
    path.write_text(
        f"from glyphgen.executors import dask_cluster\ndask_cluster.VERSION = {version!r}\n"
    )
    return str(path)


def test_a_worker_of_another_version_is_named_before_anything_is_made(
    own: Cluster, tmp_path: Path
) -> None:
    own.add_worker("--preload", write_preload(tmp_path, "0.0.1"))
    with pytest.raises(
        WorkerError,
        match=rf"^worker tcp://127\S+: has glyphgen 0\.0\.1, expected {VERSION} as here \(",
    ):
        run(square, 3, own.executor)


def test_a_worker_of_another_version_that_comes_late_makes_nothing(
    own: Cluster, tmp_path: Path
) -> None:
    own.add_worker()
    results = run_shards(
        partial(wait_for_mark, tmp_path), range(1, 9), workers=1, executor=own.executor
    )
    with pytest.raises(WorkerError, match=r"has glyphgen 0\.0\.1, expected"):  # noqa: PT012
        own.add_worker("--preload", write_preload(tmp_path, "0.0.1"))
        list(results)
    (tmp_path / "go").touch()


def test_a_worker_without_glyphgen_is_named(own: Cluster, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden.py"
    hidden.write_text("import sys\nsys.modules['glyphgen'] = None\n")
    own.add_worker("--preload", str(hidden))
    with pytest.raises(
        WorkerError, match=r"^worker tcp://\S+: has no glyphgen: ModuleNotFoundError"
    ):
        run(square, 3, own.executor)


def count_messages() -> int:
    return sum(type(found).__name__ == "ToPickle" for found in gc.get_objects())


def test_the_driver_keeps_nothing_of_shards_that_are_done(cluster: Cluster) -> None:
    counts = [
        count_messages()
        for number, _ in run_shards(square, range(201), workers=1, executor=cluster.executor)
        if number in (30, 200)
    ]
    assert counts[1] - counts[0] < 100


# --- Threads of a worker


class LonelyMaker:
    """Makes the rows of a tiny dataset, and notes whether two threads ever do at once."""

    def __init__(self) -> None:
        self._made = TinyJob().open()
        self._busy = threading.Lock()
        self.was_alone = True

    def open(self) -> "LonelyMaker":
        return self

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[np.void]) -> None:
        if not self._busy.acquire(blocking=False):
            self.was_alone = False
            return
        time.sleep(0.01)
        self._made.make_rows(rows, images, samples)
        self._busy.release()


def test_threads_of_a_worker_make_one_shard_while_others_travel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = parse_place(f"memory://threads-{tmp_path.name}")
    claim_folder(place, RECIPE)
    maker = LonelyMaker()
    worker = open_worker(place, may_outlive=True, job=maker)
    n = worker._shards.layout.n_shards
    all_travel = threading.Barrier(n, timeout=20)  # breaks where they go one after the other
    commit = worker._shards.commit

    def wait_and_commit(k: int, arrays: Arrays, info: ShardInfo) -> None:
        all_travel.wait()
        commit(k, arrays, info)

    monkeypatch.setattr(worker._shards, "commit", wait_and_commit)
    with ThreadPoolExecutor(n) as pool:
        list(pool.map(worker.make_shard, range(n)))
    assert maker.was_alone
    for k in range(n):
        found = worker._shards.read(k)
        expected = make_rows(worker._shards.layout.find_rows(k))
        for name in Arrays._fields:
            assert np.array_equal(getattr(found, name), getattr(expected, name))


def test_a_process_is_open_for_one_run_at_a_time_whatever_its_threads() -> None:
    opened, current, mixed = dask_cluster._Opened(), [""], []
    both = threading.Barrier(2, timeout=20)

    def run_task(token: str) -> None:
        with opened.open(token, pickle.dumps((square, None, ()))) as task:
            assert task(3) == 9
            current[0] = token
            if token == "one":
                both.wait()  # two of one run at once
            time.sleep(0.01)
            mixed.append(current[0] != token)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run_task, ["one", "one", *["other"] * 6]))
    assert mixed == [False] * 8


# --- What workers find


def test_a_job_that_is_not_there_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "kana" / ".work" / "job"
    folder.mkdir(parents=True)
    (folder / "outlines").write_bytes(b"abc")
    dump_job(folder, (folder / "outlines", Path("fonts/a.ttf")))
    for place in (tmp_path / "kana", parse_place(f"memory://{tmp_path.name}")):
        shipped = ship_job(folder, place)
        outlines, font = open_shipped(shipped)
        assert outlines.read_bytes() == b"abc"
        assert font == Path.cwd() / "fonts" / "a.ttf"
        open_store(shipped.place).put("outlines", b"abd")
        with pytest.raises(MachineError, match="the driver has"):
            open_shipped(shipped)
        open_store(shipped.place).delete("outlines")
        with pytest.raises(MachineError, match="the driver has"):
            open_shipped(shipped)
        (folder / "outlines").write_bytes(b"abc")


def open_worker(place: AnyPlace, *, may_outlive: bool, job: RowJob = TinyJob()) -> _Worker:  # noqa: B008
    shards = make_shards(parse_place(place), "npy", make_layout())
    shards.prepare()
    return _Worker(job, shards, RECIPE if may_outlive else "", None)


def test_a_shard_that_comes_late_is_not_written(tmp_path: Path) -> None:
    place = parse_place(f"memory://late-{tmp_path.name}")
    claim_folder(place, RECIPE)
    worker = open_worker(place, may_outlive=True)
    assert worker.make_shard(0)[1]
    assert open_store(place).exists("shard-00000.bin")  # told as made when it is there
    claim_folder(place, "ef" * 32, force=True)
    with pytest.raises(DatasetError, match="holds an unfinished dataset of another recipe"):
        worker.make_shard(1)
    produce_tiny(place, force=True)
    for name in ("shard-00002.bin", "index.json"):  # what is not there would be made
        assert open_store(place).exists(name)
    open_store(place).delete("shard-00002.bin")
    worker.make_shard(2)
    assert not open_store(place).exists("shard-00002.bin")
    assert not open_store(place).exists(".work")
