"""The pages keep their word: every command runs, the recipe is the shipped one, the Python works."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from notebooks import run_cells

ROOT = Path(__file__).parent.parent
PAGES = {"README.md": ROOT / "README.md"} | {
    path.name: path for path in sorted((ROOT / "docs").glob("*.md"))
}

# What makes each command quick enough for a test; values that are written on the pages come first.
SMALLER = {
    "render": ["--set", "render.per_class=30", "--set", "image.height=16", "--set", "image.width=16"],
    "train-baseline": ["--epochs", "0.02"],
    "evaluate": [],
}  # fmt: skip
SMALLER_PAGES = ["--set", "render.count=12"]
REPLACED = {"10000": "40", "2000": "40", "--minutes 2": "", "--minutes 8": ""}

# Files that a reader has, and a test has not, and a board that waits for a hand.
BROUGHT = ("downloads/", "scans", "scan.png", "datasets/k49", "datasets/mine", "mine.toml",
           "datasets/calligraphers", "s3://", "dask://", "timm:", "glyphgen pad", "fetch ")  # fmt: skip


def read(page: str) -> str:
    return PAGES[page].read_text(encoding="utf-8")


def list_commands(page: str) -> list[str]:
    """List the indented command lines of a page, without their comments."""
    lines = re.findall(r"^    (glyphgen [^\n]*)", read(page), flags=re.MULTILINE)
    return [line.partition("  #")[0].strip() for line in lines]


def shrink(command: str) -> list[str]:
    for written, small in REPLACED.items():
        command = command.replace(written, small)
    words = shlex.split(command)
    is_of_pages = words[1] == "render" and "pages" in command
    return [*words, *(SMALLER_PAGES if is_of_pages else SMALLER.get(words[1], []))]


def list_runnable(page: str) -> list[str]:
    return [c for c in list_commands(page) if not any(brought in c for brought in BROUGHT)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader has it, with the datasets and the run that later pages take as given."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("recipes", "fonts"):
        (folder / name).symlink_to(ROOT / name)
    for command in (
        "glyphgen render recipes/kana.toml",
        "glyphgen train-baseline datasets/kana",
        "glyphgen render recipes/digits.toml",
    ):
        run(shrink(command), folder)
    return folder


def run(words: list[str], folder: Path) -> None:
    program = [str(Path(sys.executable).parent / words[0]), *words[1:]]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(words)}: {done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if list_runnable(page)])
def test_every_command_of_a_page_runs(page: str, checkout: Path) -> None:
    for command in list_runnable(page):
        run([*shrink(command), *(["--force"] if is_making(command) else [])], checkout)


def is_making(command: str) -> bool:
    """Whether a command makes a dataset, an export or a run, which another page may have made otherwise."""
    words = command.split()
    makers = ("render", "balance", "train-baseline", "export", "import")
    return words[1] in makers and "--dry-run" not in words


def test_the_commands_that_are_left_out_are_few_and_known() -> None:
    left_out = {
        command for page in PAGES for command in list_commands(page)
    } - {command for page in PAGES for command in list_runnable(page)}  # fmt: skip
    assert len(left_out) == 30, left_out


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "getting-started.md"])
def test_the_python_of_a_page_works(page: str, checkout: Path) -> None:
    [program_text] = re.findall(r"```python\n(.*?)```", read(page), flags=re.DOTALL)
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


@pytest.mark.slow
def test_the_python_of_the_stream_page_works(checkout: Path) -> None:
    """All of it as one program, as it may stand in a file."""
    parts = re.findall(r"```python\n(.*?)```", read("streams.md"), flags=re.DOTALL)
    assert len(parts) == 2
    told = "print(stream.stream.name, state['next_batch'], tuple(images.shape), floats.dtype)"
    (checkout / "streams.py").write_text("\n".join(parts) + f"\n    {told}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "streams.py"], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("(")[0] == "digits 40 "


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = json.loads((ROOT / "docs" / "quickstart.ipynb").read_text(encoding="utf-8"))
    outputs = [output for _, of_cell in run_cells(page) for output in of_cell]
    told = "".join(line for output in outputs for line in output.get("text", []))
    assert "10 classes x 40 = 400 images: 8 faces in equal turns" in told
    assert "a 7, " in told
    assert int(told.partition("% of the images of a face")[0].split()[-1]) > 50
    shown = [output["data"] for output in outputs if "data" in output]
    kept = [o["data"] for c in page["cells"] for o in c.get("outputs", []) if "data" in o]
    assert [data.get("image/png") for data in shown] == [data.get("image/png") for data in kept]
    assert [data["text/plain"] for data in shown] == [data["text/plain"] for data in kept]


def test_the_recipe_that_is_explained_is_the_one_that_comes_along() -> None:
    [explained] = re.findall(r"```toml\n(.*?)```", read("getting-started.md"), flags=re.DOTALL)
    shipped = (ROOT / "recipes" / "digits.toml").read_text(encoding="utf-8")
    assert tomllib.loads(explained) == tomllib.loads(shipped)


@pytest.mark.slow
def test_a_recipe_for_own_fonts_works_as_it_is_written(tmp_path: Path) -> None:
    [written] = re.findall(r"```toml\n(.*?)```", read("README.md"), flags=re.DOTALL)
    assert "~/fonts" in written
    recipe = written.replace("~/fonts", str(ROOT / "fonts" / "latin"))
    (tmp_path / "mine.toml").write_text(recipe, encoding="utf-8")
    commands = [command for command in list_commands("README.md") if "mine.toml" in command]
    assert [command.split()[1] for command in commands] == ["preview", "fonts", "render"]
    for command in commands:
        run(
            [*shlex.split(command), *(["--per-class", "8"] if " render " in command else [])],
            tmp_path,
        )
    assert (tmp_path / "datasets" / "mine" / "index.json").exists()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_and_picture_that_is_linked_is_there(page: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", read(page)):
        assert (PAGES[page].parent / target).exists(), target


def test_every_command_of_the_program_is_on_a_page() -> None:
    from glyphgen.cli import cli

    text = "\n".join(map(read, PAGES))
    assert [name for name in cli.commands if f"glyphgen {name}" not in text] == []


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html",
         ROOT / "docs", tmp_path / "html"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "render_dataset" in (tmp_path / "html" / "api.html").read_text(encoding="utf-8")
