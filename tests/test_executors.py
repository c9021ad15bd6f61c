import ctypes
import errno
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from glyphgen.errors import DatasetError, MachineError, WorkerError
from glyphgen.executors import run_shards

ADVICE = "(run the same command again, with fewer --workers if memory is short)"
DEADLINE_S = 60  # for what is sure to happen soon; a test fails when it has passed

settings: dict[str, int] = {}  # what an initializer has set, in each worker


def square(number: int) -> int:
    return number * number


def find_process(number: int) -> int:
    return os.getpid()


def keep_offset(offset: int) -> None:
    settings["offset"] = offset


def add_offset(number: int) -> int:
    return number + settings["offset"]


def refuse_to_start(problem: str) -> None:
    raise DatasetError(problem)


def fail_at_three(number: int) -> int:
    if number == 3:
        raise DatasetError("datasets/kana: shard 3 cannot be written", "a second line")
    return number


def die_at(deaths: dict[int, int], number: int) -> int:
    """Die by a signal (negative) or with an exit code for the numbers that ``deaths`` names."""
    end = deaths.get(number, 0)
    if end < 0:
        os.kill(os.getpid(), -end)
    if end > 0:
        os._exit(end)
    return number


def die_once(folder: Path, number: int) -> int:
    mark = folder / "mark"
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    return number


def sleep_after_mark(folder: Path, number: int) -> int:
    (folder / f"{number}.{os.getpid()}").touch()
    if number:
        time.sleep(DEADLINE_S)
    return number


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_number_comes_back_once_with_its_result(workers: int) -> None:
    results = list(run_shards(square, range(40), workers=workers))
    assert sorted(results) == [(number, number * number) for number in range(40)]


@pytest.mark.parametrize("workers", [1, 2])
def test_no_numbers_give_no_results(workers: int) -> None:
    assert list(run_shards(square, [], workers=workers)) == []


def test_one_worker_is_this_process_and_more_are_others() -> None:
    assert dict(run_shards(find_process, range(3), workers=1)) == dict.fromkeys(
        range(3), os.getpid()
    )
    assert os.getpid() not in dict(run_shards(find_process, range(8), workers=2)).values()


@pytest.mark.parametrize("workers", [1, 2])
def test_each_worker_is_initialized(workers: int) -> None:
    results = run_shards(
        add_offset, range(9), workers=workers, initializer=keep_offset, initargs=(100,)
    )
    assert sorted(results) == [(number, number + 100) for number in range(9)]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_an_initializer_is_raised_as_it_is(workers: int) -> None:
    with pytest.raises(DatasetError, match=r"^no outlines$"):
        list(
            run_shards(
                square,
                range(9),
                workers=workers,
                initializer=refuse_to_start,
                initargs=("no outlines",),
            )
        )


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_task_is_raised_as_it_is(workers: int) -> None:
    with pytest.raises(DatasetError) as caught:
        list(run_shards(fail_at_three, range(9), workers=workers))
    assert type(caught.value) is DatasetError
    assert caught.value.problems == ("datasets/kana: shard 3 cannot be written", "a second line")
    assert find_workers(os.getpid()) == []


@pytest.mark.parametrize("error", [DatasetError("a", "b"), WorkerError("shard 3: c")])
def test_errors_can_be_pickled(error: DatasetError | WorkerError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.problems) == (type(error), error.problems)


def test_only_a_few_numbers_are_taken_ahead() -> None:
    taken = []

    def count() -> Iterator[int]:
        for number in range(30):
            taken.append(number)
            yield number

    for n_done, _ in enumerate(run_shards(square, count(), workers=2), start=1):
        assert len(taken) < n_done + 2 * 2 + 1
    assert len(taken) == 30


@pytest.mark.slow
def test_only_crashed_shards_are_named_and_all_others_are_made() -> None:
    task = partial(die_at, {5: -signal.SIGSEGV, 6: 3, 17: -signal.SIGKILL})
    done: list[tuple[int, int]] = []
    with pytest.raises(WorkerError) as caught:
        done.extend(run_shards(task, range(20), workers=2))
    assert sorted(number for number, _ in done) == [
        number for number in range(20) if number not in (5, 6, 17)
    ]
    assert sorted(caught.value.problems) == [
        f"shard 17: its process died though it ran alone: killed by SIGKILL {ADVICE}",
        f"shard 5: its process died though it ran alone: killed by SIGSEGV {ADVICE}",
        f"shard 6: its process died though it ran alone: ended with exit code 3 {ADVICE}",
    ]


def test_a_shard_whose_process_dies_once_is_made_after_all(tmp_path: Path) -> None:
    results = run_shards(partial(die_once, tmp_path), range(24), workers=3)
    assert sorted(results) == [(number, number) for number in range(24)]
    assert (tmp_path / "mark").exists()


def test_processes_that_are_killed_while_they_wait_cost_no_shard() -> None:
    results = run_shards(square, range(20), workers=2)
    done = [next(results) for _ in range(3)]
    workers = find_workers(os.getpid())
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    wait_until_gone(workers)
    time.sleep(0.5)  # the pool has seen it, and refuses what comes next
    done += results
    assert sorted(done) == [(number, number * number) for number in range(20)]


def find_workers(pid: int) -> list[int]:
    """Return the processes that a process has started to work, not to keep track of resources."""
    return [
        child.pid
        for child in psutil.Process(pid).children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(child.cmdline())
    ]


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "workers are left over"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_for_marks(folder: Path, n: int) -> list[int]:
    """Wait until ``n`` tasks have begun; return the processes that they run in."""
    deadline = time.monotonic() + DEADLINE_S
    while len(marks := list(folder.iterdir())) < n:
        assert time.monotonic() < deadline, "tasks have not begun"
        time.sleep(0.01)
    return sorted({int(mark.suffix[1:]) for mark in marks})


PROGRAM = """
import sys
from functools import partial
from pathlib import Path
from test_executors import sleep_after_mark
from glyphgen.executors import run_shards

if __name__ == "__main__":
    try:
        task = partial(sleep_after_mark, Path(sys.argv[1]))
        for number, _ in run_shards(task, range(99), workers=2):
            print("done", number, flush=True)
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program of its own process group, as a terminal starts it, with two workers asleep."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    (tmp_path / "marks").mkdir()
    process = subprocess.Popen(
        [sys.executable, str(path), str(tmp_path / "marks")],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_ctrl_c_stops_at_once_and_leaves_no_process(
    tmp_path: Path, program: subprocess.Popen[str]
) -> None:
    workers = wait_for_marks(tmp_path / "marks", 3)
    os.killpg(program.pid, signal.SIGINT)
    stdout, stderr = program.communicate(timeout=DEADLINE_S / 2)  # the tasks take longer
    assert stdout == "done 0\ninterrupted\n"
    assert stderr == ""
    wait_until_gone(workers)


@pytest.mark.slow
def test_ctrl_c_while_workers_start_says_nothing_but_that(
    tmp_path: Path, program: subprocess.Popen[str]
) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not (workers := find_workers(program.pid)):
        assert program.poll() is None, program.communicate()
        assert time.monotonic() < deadline, "workers do not start"
    os.killpg(program.pid, signal.SIGINT)
    stdout, stderr = program.communicate(timeout=DEADLINE_S / 2)
    assert (stdout, stderr) == ("interrupted\n", "")
    wait_until_gone(workers)


def test_workers_do_not_outlive_a_killed_program(
    tmp_path: Path, program: subprocess.Popen[str]
) -> None:
    workers = wait_for_marks(tmp_path / "marks", 3)
    program.kill()
    wait_until_gone(workers)


def hold_all_threads(folder: Path, number: int) -> None:
    """Sleep as native code does that no other thread of its process can run beside."""
    (folder / f"{number}.{os.getpid()}").touch()
    ctypes.PyDLL(None).sleep(2 * DEADLINE_S)


NATIVE = PROGRAM.replace("sleep_after_mark", "hold_all_threads")
KILLED_AT_ONCE = """
import os
from test_executors import square
from glyphgen.executors import run_shards

if __name__ == "__main__":
    results = run_shards(square, range(9), workers=2)
    next(results)
    print(os.getpid(), flush=True)
    os.killpg(0, 9)
"""


def start_program(path: Path, text: str, *arguments: str) -> subprocess.Popen[str]:
    path.write_text(text)
    return subprocess.Popen(
        [sys.executable, str(path), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no such signal")
def test_workers_in_the_midst_of_native_code_do_not_outlive_a_killed_program(
    tmp_path: Path,
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    with start_program(tmp_path / "program.py", NATIVE, str(marks)) as process:
        workers = wait_for_marks(marks, 2)
        process.kill()
        wait_until_gone(workers)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep no semaphores in files")
def test_semaphores_of_a_program_that_was_killed_with_all_its_processes_are_removed(
    tmp_path: Path,
) -> None:
    with start_program(tmp_path / "program.py", KILLED_AT_ONCE) as process:
        stdout, _ = process.communicate()

    def find_left() -> list[Path]:
        return list(Path("/dev/shm").glob(f"sem.glyphgen-*-{int(stdout)}-*"))

    assert find_left()
    assert dict(run_shards(square, range(3), workers=2)) == {0: 0, 1: 1, 2: 4}
    assert not find_left()
    assert not list(Path("/dev/shm").glob(f"sem.glyphgen-*-{os.getpid()}-*"))


@pytest.mark.parametrize("call", ["ProcessPoolExecutor", "_submit"])
def test_a_machine_without_room_for_processes_says_so(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    where = "glyphgen.executors.processes.ProcessPoolExecutor"
    monkeypatch.setattr(where if call != "_submit" else f"{where}.submit", refuse)
    with pytest.raises(MachineError) as caught:
        list(run_shards(square, range(3), workers=2))
    assert str(caught.value) == (
        "workers: a process cannot be started: Too many open files"
        " (run the same command again, with fewer --workers)"
    )


def test_workers_stop_when_nobody_wants_more_results(tmp_path: Path) -> None:
    results = run_shards(partial(sleep_after_mark, tmp_path), range(9), workers=2)
    assert next(iter(results)) == (0, 0)
    workers = wait_for_marks(tmp_path, 3)
    results.close()  # type: ignore[attr-defined]
    wait_until_gone(workers)
