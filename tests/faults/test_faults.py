"""Faults, kills and power cuts at every 7th or 21st system call, and two processes in one folder.

`make faults` tries every call with every kind of fault.
"""

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from trials import (
    EIO,
    EMFILE,
    FULL,
    KILL_AFTER,
    KILL_BEFORE,
    KILLED,
    SCENARIOS,
    Laboratory,
    Outcome,
    find_compiler,
    hash_dataset,
    open_laboratory,
    plan_trials,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_compiler() is None and "CI" not in os.environ, reason="there is no C compiler"
    ),
]

EVERY = 21  # the n-th call
EVERY_OF_NEW = 7  # where a dataset is made from nothing
N_MACHINES, N_STEPS = 4, 12


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    with open_laboratory() as laboratory:
        yield laboratory


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_fault_leaves_a_line_or_a_whole_dataset_and_nothing_that_the_next_run_cannot_mend(
    laboratory: Laboratory, name: str
) -> None:
    calls = laboratory.list_calls(name)
    every = EVERY_OF_NEW if name in ("render to npy", "render to hdf5") else EVERY
    problems = {}
    n_fired = 0
    for at, kind in plan_trials(calls, every):
        trial = laboratory.try_fault(name, at, kind)
        n_fired += trial.outcome.fired
        if trial.problem:
            problems[at, kind] = trial.problem
    assert not problems
    assert n_fired > 0.9 * len(calls) / every


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_power_cut_after_the_end_takes_nothing(laboratory: Laboratory, name: str) -> None:
    found, expected = laboratory.try_cut_after_end(name)
    assert found == expected


_RENDER = ("render", "tiny.toml", "--out", "out", "--workers", "1", "--quiet")
_COMMANDS = {
    "one": _RENDER,
    "one by force": (*_RENDER, "--force"),
    "other": (*_RENDER, "--seed", "7"),
    "other by force": (*_RENDER, "--seed", "7", "--force"),
}
_IN_THE_WAY = re.compile(
    r"^out: (process \d+ on \S+ \(.*\) works there|another process works there|holds .*) \(", re.M
)
_commands = st.sampled_from(sorted(_COMMANDS))
_faults = st.one_of(
    st.just((0, 0)),
    st.tuples(st.integers(60, 280), st.sampled_from([KILL_BEFORE, KILL_AFTER, EIO, EMFILE, FULL])),
)


class Folder(RuleBasedStateMachine):
    """One folder, in which commands run alone and in pairs, are killed, resumed, and tampered with."""

    laboratory: Laboratory
    datasets: dict[str, dict[str, str]]  # what each command has to make

    def __init__(self) -> None:
        super().__init__()
        self.laboratory.restore("render to npy")
        self.out = self.laboratory.base / "out"

    @rule(command=_commands, fault=_faults)
    def run(self, command: str, fault: tuple[int, int]) -> None:
        outcome = self.laboratory.run(_COMMANDS[command], at=fault[0], kind=fault[1])
        self.check(outcome)
        if outcome.code == 0:
            assert hash_dataset(self.out) == self.datasets[command]

    @rule(first=_commands, second=_commands)
    def run_two_from_nothing(self, first: str, second: str) -> None:
        shutil.rmtree(self.out, ignore_errors=True)  # so that both have all the work to do
        self.run_two(first, second, (0, 0))

    @rule(first=_commands, second=_commands, fault=_faults)
    def run_two(self, first: str, second: str, fault: tuple[int, int]) -> None:
        outcomes = self.laboratory.run_two(
            _COMMANDS[first], _COMMANDS[second], at=fault[0], kind=fault[1]
        )
        made = [
            self.datasets[command]
            for command, outcome in zip((first, second), outcomes, strict=True)
            if outcome.code == 0
        ]
        for outcome in outcomes:
            self.check(outcome)
            if outcome.code == 1 and not outcome.fired:
                assert _IN_THE_WAY.search(outcome.stderr), outcome.stderr
        if len(made) == 2 or (made and not outcomes[0].fired and not self.is_forced(first, second)):
            assert hash_dataset(self.out) in made

    @staticmethod
    def is_forced(*commands: str) -> bool:
        return any("force" in command for command in commands)

    @rule(command=_commands)
    def run_until_it_is_done(self, command: str) -> None:
        outcome = self.laboratory.run((*_COMMANDS[command], "--force"))
        assert outcome.code == 0, outcome.stderr
        assert hash_dataset(self.out) == self.datasets[command]

    @rule(name=st.sampled_from(["images", "labels", "samples"]), place=st.integers(0, 89))
    def flip_a_bit(self, name: str, place: int) -> None:
        path = self.out / f"{name}.npy"
        if path.exists():
            content = bytearray(path.read_bytes())
            content[-1 - place] ^= 4
            path.write_bytes(content)

    @rule(name=st.sampled_from(["images.npy", ".work/shard-00000-*", ".work/claim.json"]))
    def remove_a_file(self, name: str) -> None:
        for path in self.out.glob(name):
            path.unlink()

    @rule()
    def verify(self) -> None:
        outcome = self.laboratory.run(("verify", "out"))
        self.check(outcome)
        found = hash_dataset(self.out)
        shown = {
            name: found[name] for name in found if not name.startswith(".")
        }  # not the work folder
        is_whole = shown in self.datasets.values()
        assert (outcome.code == 0) == is_whole, outcome.stderr

    def check(self, outcome: Outcome) -> None:
        assert outcome.code in (0, 1, KILLED), outcome.stderr
        assert "Traceback" not in outcome.stderr, outcome.stderr

    @invariant()
    def nobody_works_there(self) -> None:
        assert not list((self.laboratory.base / "tmp").glob("glyphgen-temporary-*/*.outlines"))


def test_two_processes_on_one_folder(laboratory: Laboratory) -> None:
    laboratory.restore("render to npy")
    Folder.laboratory = laboratory
    Folder.datasets = {}
    for name, command in _COMMANDS.items():
        assert laboratory.run((*command, "--force")).code == 0
        Folder.datasets[name] = hash_dataset(laboratory.base / "out")
    run_state_machine_as_test(
        Folder,
        settings=settings(
            max_examples=N_MACHINES,
            stateful_step_count=N_STEPS,
            deadline=None,
            derandomize=True,
            phases=[
                Phase.generate
            ],  # two processes are never twice the same: nothing is made smaller
            suppress_health_check=list(HealthCheck),
        ),
    )
