"""C -> the library beside it, wherever there is a C compiler; imports nothing but Python's own.

``python -m glyphgen.kernel.compiling`` compiles in place, as every installation does; it takes another
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
    "KERNEL_LIBRARY",
    "CompilingError",
    "compile_kernel",
    "find_compiler",
    "hash_kernel_source",
]

_SOURCES = tuple(Path(__file__).with_name(name) for name in ("geometry.c", "raster.c", "words.c"))
KERNEL_LIBRARY = Path(__file__).with_name("libkernel.so")

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


def compile_kernel(out: Path = KERNEL_LIBRARY, flags: Sequence[str] = ()) -> None:
    """Compile the kernel; a library that is there already stays whole for whoever has it open.

    Args:
        out: The library.
        flags: Of the compiler, added to the usual ones.

    Raises:
        CompilingError: There is no compiler, or it fails.
    """
    digest = f'-DSOURCE_DIGEST="{hash_kernel_source()}"'
    command = [*find_compiler(), *_FLAGS, *flags, digest, *map(str, _SOURCES)]
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".kernel-") as folder:
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


def hash_kernel_source() -> str:
    """Return the SHA-256 of the sources, by which a library is known to be compiled from them."""
    return hashlib.sha256(b"".join(source.read_bytes() for source in _SOURCES)).hexdigest()


if __name__ == "__main__":
    try:
        compile_kernel(Path(*sys.argv[1:2]) if sys.argv[1:] else KERNEL_LIBRARY, sys.argv[2:])
    except CompilingError as error:
        sys.exit(f"{KERNEL_LIBRARY}: not compiled: {error} (the same is drawn without it, slower)")
