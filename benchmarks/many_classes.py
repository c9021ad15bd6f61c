"""Recipes of thousands of classes: from the shell to the first image, and what is made of it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.launch import launch
from benchmarks.measure import Measured, Unavailable
from glyphgen.dataset.index import INDEX_NAME, read_index
from glyphgen.errors import FontError
from glyphgen.fonts.installed import find_installed

__all__ = ["measure_kanji", "measure_many_classes"]

_N_CLASSES = 0x9FA5 - 0x4E00 + 1
_RECIPE = """
classes.ranges = ["U+4E00..U+9FA5"]
fonts.files = ['{font}']
gate.allow = [{{ forms = "U+4E00..U+9FA5" }}]
render.per_class = 4
"""

_N_KANJI = 6355
_KANJI_FACES = {
    "IPAMincho": None,
    "VL Gothic": None,
    "Noto Sans CJK JP": "Regular",
    "Noto Serif CJK JP": "Regular",
}
_KANJI_RECIPE = """
classes.sets = ["jis_level1", "jis_level2"]
classes.language = "ja"
fonts.faces = [{faces}]
render.per_class = 20
"""
_GLYPHGEN = [sys.executable, "-m", "glyphgen"]


def measure_many_classes() -> Measured:
    """Draw a contact sheet of 20,902 classes, with nothing kept of an earlier run, and again."""
    what = f"preview of {_N_CLASSES:,} classes, classes a second"
    try:
        font = _find_font()
    except Unavailable as error:
        return Measured(what=what, is_compared=False, note=str(error))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        recipe = Path(folder) / "han.toml"
        recipe.write_text(_RECIPE.format(font=font), encoding="utf-8")
        sheet = ["--classes", "400", "-o", f"{folder}/han.png"]
        # A cache of its own: the first run reads every outline and asks the gate.
        command = ["env", f"XDG_CACHE_HOME={folder}/cache", *_GLYPHGEN]
        command += ["preview", str(recipe), *sheet]
        seconds, peak_bytes = launch(command)
        again, _ = launch(command)
    return Measured(
        what=what,
        rate=_N_CLASSES / seconds,
        is_compared=False,
        note=f"{seconds:.1f} s from the shell to the first image, {again:.1f} s the second time,"
        f" with {font.name}; {peak_bytes / 1e6:.0f} MB in the largest process",
    )


def measure_kanji() -> Measured:
    """Draw all kanji of JIS X 0208 in four faces, with nothing kept of an earlier run, and report."""
    what = f"preview of {_N_KANJI:,} kanji in four faces, classes a second"
    try:
        faces = [
            f'{{ file = "{path}", index = {index} }}'
            for path, index in (
                find_installed(family, style=style) for family, style in _KANJI_FACES.items()
            )
        ]
    except FontError as error:
        return Measured(what=what, is_compared=False, note=str(error))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        recipe, data = folder / "kanji.toml", folder / "kanji"
        recipe.write_text(_KANJI_RECIPE.format(faces=", ".join(faces)), encoding="utf-8")
        run = ["env", f"XDG_CACHE_HOME={folder}/cache", *_GLYPHGEN]
        sheet = ["--classes", "400", "-o", f"{folder}/kanji.png"]
        seconds, peak_bytes = launch([*run, "preview", str(recipe), *sheet])
        launch([*run, "render", str(recipe), "--out", str(data), "--quiet"])
        read_index(data)  # the schema is made once
        start = time.perf_counter()
        read_index(data)
        reading = time.perf_counter() - start
        reporting, _ = launch([*run, "report", str(data), "-o", f"{folder}/kanji.html"])
        n_bytes = (data / INDEX_NAME).stat().st_size
    return Measured(
        what=what,
        rate=_N_KANJI / seconds,
        is_compared=False,
        note=f"{seconds:.0f} s from the shell to the first image, {peak_bytes / 1e6:,.0f} MB in the largest"
        f" process; index.json of {n_bytes / 1e6:.1f} MB read in {reading * 1e3:.0f} ms; report in"
        f" {reporting:.0f} s",
    )


def _find_font() -> Path:
    """Return a font of this machine that draws all of them, the first by name.

    Raises:
        Unavailable: fontconfig knows of none.
    """
    if not shutil.which("fc-list"):
        raise Unavailable("fontconfig is not installed (apt install fontconfig)")
    listed = subprocess.run(
        ["fc-list", ":charset=4e00-9fa5", "file"], capture_output=True, text=True, check=True
    )
    paths = sorted(Path(line.rstrip(": ")) for line in listed.stdout.splitlines())
    plain = [path for path in paths if path.suffix in (".ttf", ".otf") and os.access(path, os.R_OK)]
    if not plain:
        raise Unavailable("no font has U+4E00..9FA5 (apt install fonts-droid-fallback)")
    return plain[0]
