"""Asks the OpenType Sanitizer, which browsers trust, about a font file; knows nothing of faces.

It judges alone: what is read afterwards is the file as it is, so that a dataset is the same whether
the sanitizer is installed or not.
"""

import subprocess
from functools import cache
from pathlib import Path

from glyphgen.errors import UnreadableFontError

__all__ = ["check_sanity"]

_LONGEST_S = 10  # a collection of all of Chinese, Japanese and Korean takes 0.3 s
_LONGEST_REASON = 160


def check_sanity(path: Path) -> None:
    """Check a font file with the OpenType Sanitizer, where the package is installed.

    Raises:
        UnreadableFontError: It rejects the file.

    Source: https://github.com/khaledhosny/ots
    """
    program = _find_program()
    if program is None:
        return
    command = [program, str(path.absolute())]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=_LONGEST_S, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise _rejected(path, f"no verdict within {_LONGEST_S} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").splitlines()
        errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
        raise _rejected(path, errors[0] if errors else f"exit code {done.returncode}")


@cache
def _find_program() -> str | None:
    try:
        import ots
    except ImportError:
        return None
    return str(ots.OTS_SANITIZE)


def _rejected(path: Path, reason: str) -> UnreadableFontError:
    shown = "".join(char if char.isprintable() else "?" for char in reason)[:_LONGEST_REASON]
    return UnreadableFontError(
        f"{path}: rejected by the OpenType Sanitizer: {shown}"
        " (mend the font; fonts.sanitize = false reads it all the same)"
    )
