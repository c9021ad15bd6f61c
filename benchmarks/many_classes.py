"""A recipe of every unified Han character of Unicode 1.1: from the shell to the first image."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.launch import launch
from benchmarks.measure import Measured, Unavailable

__all__ = ["measure_many_classes"]

_N_CLASSES = 0x9FA5 - 0x4E00 + 1
_RECIPE = """
classes.ranges = ["U+4E00..U+9FA5"]
fonts.files = ['{font}']
gate.allow = [{{ forms = "U+4E00..U+9FA5" }}]
render.per_class = 4
"""


def measure_many_classes() -> Measured:
    """Draw a contact sheet of 20,902 classes, with nothing kept of an earlier run, and again."""
    what = f"preview of {_N_CLASSES:,} classes, classes a second"
    try:
        font = _find_font()
    except Unavailable as error:
        return Measured(what=what, of_limit=False, note=str(error))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        recipe = Path(folder) / "han.toml"
        recipe.write_text(_RECIPE.format(font=font), encoding="utf-8")
        sheet = ["--classes", "400", "-o", f"{folder}/han.png"]
        # A cache of its own: the first run reads every outline and asks the gate.
        command = ["env", f"XDG_CACHE_HOME={folder}/cache", sys.executable, "-m", "glyphgen"]
        command += ["preview", str(recipe), *sheet]
        seconds, peak_bytes = launch(command)
        again, _ = launch(command)
    return Measured(
        what=what,
        rate=_N_CLASSES / seconds,
        of_limit=False,
        note=f"{seconds:.1f} s from the shell to the first image, {again:.1f} s the second time,"
        f" with {font.name}; {peak_bytes / 1e6:.0f} MB in the largest process",
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
