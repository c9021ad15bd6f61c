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


def test_the_commands_run_one_after_the_other_and_then_the_python(checkout: Path) -> None:
    commands = re.findall(r"^    (glyphgen [^#\n]*)", README, flags=re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        program = [str(Path(sys.executable).parent / "glyphgen"), *command.split()[1:]]
        subprocess.run(program, cwd=checkout, check=True, capture_output=True)
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
