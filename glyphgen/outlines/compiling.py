"""raster.c -> the library beside it, wherever there is a C compiler; imports nothing but Python's own.

``python -m glyphgen.outlines.compiling`` compiles in place, as every installation does; it takes another
place, and flags of the compiler.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = [
    "RASTER_LIBRARY",
    "CompilingError",
    "compile_raster",
    "find_compiler",
    "hash_raster_source",
]

_SOURCE = Path(__file__).with_name("raster.c")
RASTER_LIBRARY = _SOURCE.with_name("libraster.so")

# Without -ffp-contract=off a compiler may round a product and a sum at once, and bytes differ between
# machines. No -march: a library that was compiled here runs on every machine of its kind.
_FLAGS = ("-std=c11", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-fPIC", "-shared")


class CompilingError(Exception):
    """There is no library; the message says why, in one line."""


def find_compiler() -> list[str]:
    """Return the command of the C compiler: that of ``$CC``, or the first of cc, gcc and clang.

    Raises:
        CompilingError: There is none.
    """
    named = shlex.split(os.environ.get("CC", ""))
    for command in [named] if named else [["cc"], ["gcc"], ["clang"]]:
        if shutil.which(command[0]):
            return command
    looked_for = f"'{named[0]}' (CC)" if named else "cc, gcc or clang"
    raise CompilingError(f"no C compiler: {looked_for} is not on the PATH")


def compile_raster(out: Path = RASTER_LIBRARY, flags: Sequence[str] = ()) -> None:
    """Compile raster.c; a library that is there already stays whole for whoever has it open.

    Args:
        out: The library.
        flags: Of the compiler, added to the usual ones.

    Raises:
        CompilingError: There is no compiler, or it fails.
    """
    digest = f'-DSOURCE_DIGEST="{hash_raster_source()}"'
    command = [*find_compiler(), *_FLAGS, *flags, digest, str(_SOURCE)]
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".raster-") as folder:
        made = Path(folder, out.name)
        done = subprocess.run(
            [*command, "-o", str(made)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if "error" in line] or ["it fails"]
            raise CompilingError(f"{command[0]}: {said[0].strip()}")
        made.replace(out)


def hash_raster_source() -> str:
    """Return the SHA-256 of raster.c, by which a library is known to be compiled from it."""
    return hashlib.sha256(_SOURCE.read_bytes()).hexdigest()


if __name__ == "__main__":
    try:
        compile_raster(Path(*sys.argv[1:2]) if sys.argv[1:] else RASTER_LIBRARY, sys.argv[2:])
    except CompilingError as error:
        sys.exit(f"{_SOURCE}: not compiled: {error} (FreeType draws the same, slower)")
