"""The page of clusters: what it gives to Dask's own programs is what they take."""

import ast
import re
import shlex
from pathlib import Path

from dask.utils import parse_timedelta

PAGE = Path(__file__).parent.parent / "docs" / "clusters.md"


def find_options(words: list[str]) -> dict[str, str]:
    """Return what follows each flag."""
    pairs = zip(words, [*words[1:], ""], strict=True)
    return {word: value for word, value in pairs if word.startswith("--")}


def list_worker_options() -> list[list[str]]:
    """Return the lists of words that programs of the page give to ``dask worker``."""
    programs = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
    nodes = [node for program in programs for node in ast.walk(ast.parse(program))]
    return [
        ast.literal_eval(node.value)
        for node in nodes
        if isinstance(node, ast.keyword) and node.arg in ("worker_extra_args", "worker_command")
    ]


def test_dask_takes_the_options_of_workers_and_schedulers() -> None:
    from distributed.cli import dask_scheduler, dask_worker

    programs = {"worker": dask_worker.main, "scheduler": dask_scheduler.main}
    known = {
        name: {o for p in program.params for o in p.opts + p.secondary_opts}
        for name, program in programs.items()
    }
    commands = re.findall(r"dask (worker|scheduler) ([^\n`]*--[^\n`]*)", PAGE.read_text("utf-8"))
    given = [(name, shlex.split(rest)) for name, rest in commands]
    given += [("worker", words) for words in list_worker_options()]
    assert len(given) == 4
    for name, words in given:
        options = find_options(words)
        assert options
        assert options.keys() <= known[name]
        for flag in options.keys() & {"--lifetime", "--lifetime-stagger", "--death-timeout"}:
            parse_timedelta(options[flag])  # which knows one unit at a time


def test_dask_knows_the_settings_of_the_page() -> None:
    import distributed  # noqa: F401 - brings its defaults
    from dask import config

    names = re.findall(r"^    export DASK_(DISTRIBUTED\w+)=", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(names) == 4
    for name in names:
        config.get(name.lower().replace("__", "."))  # raises where there is no such key


def test_workers_leave_before_slurm_ends_them() -> None:
    [options] = [find_options(words) for words in list_worker_options() if "--lifetime" in words]
    [hours] = re.findall(r'walltime="(\d+):00:00"', PAGE.read_text("utf-8"))
    longest = parse_timedelta(options["--lifetime"]) + parse_timedelta(
        options["--lifetime-stagger"]
    )
    assert parse_timedelta("10m") < longest < 3600 * int(hours)
