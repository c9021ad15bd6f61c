"""No home, a locale of plain ASCII, file names that are no UTF-8: every step works, without a traceback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import FONTS

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
NO_HOME = """
import pwd

def find_nobody(_):
    raise KeyError("no such user")

pwd.getpwuid = find_nobody
"""
RECIPE = """
classes.text = "01"
fonts.files = ["fonts/*.ttf"]
image.height = 12
image.width = 12
render.per_class = 12
gate.on_refused = "skip"
"""
pytestmark = pytest.mark.slow


def make_folder(parent: Path, name: bytes) -> Path:
    """A folder of a recipe and three fonts, of which one cannot be read and is left out."""
    shown = os.fsdecode(name)
    folder = parent / shown
    (folder / "fonts").mkdir(parents=True)
    shutil.copy(FONTS / "latin" / "GochiHand_400Regular.ttf", folder / "fonts" / f"{shown}.ttf")
    shutil.copy(FONTS / "latin" / "Caveat_400Regular.ttf", folder / "fonts")
    (folder / "fonts" / f"left out {shown}.ttf").write_text("no font")
    (folder / "tiny.toml").write_text(RECIPE)
    return folder


def run_steps(folder: Path, environment: dict[str, str]) -> None:
    name = folder.name
    for arguments in (
        ["fonts", "list", "tiny.toml"],
        ["preview", "tiny.toml", "--out", f"{name}.png"],
        ["render", "tiny.toml", "--out", f"out {name}", "--workers", "2"],
        ["render", "tiny.toml", "--out", f"out {name}", "--force", "--format", "hdf5"],
        ["verify", f"out {name}"],
        ["balance", f"out {name}", "--per-class", "20", "--out", f"balanced {name}"],
        ["verify", f"balanced {name}"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "glyphgen", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), (
            arguments,
            done.stderr,
        )


@pytest.mark.parametrize("locale", [{"LC_ALL": "C.UTF-8"}, ASCII], ids=["utf-8", "ascii"])
@pytest.mark.parametrize("name", ["字".encode(), b"\xff\xfe"], ids=["japanese", "no utf-8"])
def test_names_that_the_locale_does_not_know(
    tmp_path: Path, name: bytes, locale: dict[str, str]
) -> None:
    run_steps(make_folder(tmp_path, name), {**os.environ, **locale})


def test_a_user_without_a_home(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_HOME)
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), kept.get("PYTHONPATH")]))
    run_steps(make_folder(tmp_path, b"home"), {**kept, "PYTHONPATH": path})
