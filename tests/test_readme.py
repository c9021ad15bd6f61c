"""The README keeps its word: its commands run, its recipe is the shipped one, its Python works."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("recipes", "fonts"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def list_commands(section: str) -> list[str]:
    text = README[README.index(f"## {section}") :]
    text = text[: text.index("\n## ")]
    return re.findall(r"^    (glyphgen [^#\n]*)", text, flags=re.MULTILINE)


def run(command: str, folder: Path, *more: str) -> None:
    program = [str(Path(sys.executable).parent / "glyphgen"), *command.split()[1:], *more]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"


# What makes each command quick enough for a test.
SMALLER = {
    "render": [
        "--set",
        "render.per_class=30",
        "--set",
        "image.height=16",
        "--set",
        "image.width=16",
    ],
    "train-baseline": ["--epochs", "0.02"],
}


def test_every_other_command_runs_on_a_smaller_dataset(checkout: Path) -> None:
    commands = [*list_commands("From a dataset to a model"), *list_commands("What the gate says")]
    brought = [
        c for c in commands if "downloads/" in c or "datasets/k49" in c or "datasets/mine" in c
    ]
    assert len(brought) == 4  # of files that a reader has, and a test has not
    for command in commands:
        if command not in brought:
            small = command.replace("10000", "40")
            run(small, checkout, *SMALLER.get(command.split()[1], []))
    for made in ("kana.html", "run.html", "refused.png", "coverage.png", "NOTICE.txt"):
        assert (checkout / made).stat().st_size > 500, made


def test_the_commands_run_one_after_the_other_and_then_the_python(checkout: Path) -> None:
    commands = list_commands("From a recipe to a dataset")
    assert len(commands) == 3
    for command in commands:
        run(command, checkout)
    [program_text] = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", program_text],
        cwd=checkout,
        check=True,
        capture_output=True,
        text=True,
    )
    digit, rotation = done.stdout.split()
    assert digit in "0123456789"
    assert -10 <= float(rotation) <= 10


def test_the_recipe_that_is_explained_is_the_one_that_comes_along() -> None:
    [explained] = blocks("toml")
    shipped = (ROOT / "recipes" / "digits.toml").read_text(encoding="utf-8")
    assert tomllib.loads(explained) == tomllib.loads(shipped)


def test_every_page_and_picture_that_it_links_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
