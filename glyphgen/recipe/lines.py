"""Finds the line on which each key of a TOML text stands.

TOML libraries do not tell lines. This scanner trusts that the text has been parsed before, and so
only has to find its way: strings, comments, nested arrays and tables, and dotted names.
"""

import re
import tomllib

__all__ = ["KeyPath", "find_lines"]

KeyPath = tuple[str | int, ...]
"""Where a value stands: ``("fonts", "faces", 0, "index")``. Numbers count in arrays, from 0."""

_TOKEN = re.compile(
    r"""(?P<string>"{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
    r"|(?P<skip>[ \t\r]+|\#[^\n]*)"
    r"|(?P<mark>[\[\]{}=,.\n])"
    r"|(?P<bare>[^\s\[\]{}=,.\#]+)",
    re.DOTALL,
)


def find_lines(text: str) -> dict[KeyPath, int]:
    """Find the line of every key, table and array element of a TOML text.

    Args:
        text: A text that ``tomllib`` accepts.

    Returns:
        For each path the line, counted from 1, where it first appears.
    """
    return _Scanner(text).scan()


class _Scanner:
    """A walk through the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, int]] = []
        line = 1
        for match in _TOKEN.finditer(text):
            if match.lastgroup != "skip":
                self._tokens.append((match[0], line))
            line += match[0].count("\n")
        self._next = 0
        self._lines: dict[KeyPath, int] = {}
        self._n_tables: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._next < len(self._tokens):
            token = self._peek()
            if token == "\n":
                self._take()
            elif token == "[":
                table = self._scan_header()
            else:
                self._scan_pair(table)
        return self._lines

    def _peek(self) -> str:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else "\n"

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1][0]

    def _line(self) -> int:
        return self._tokens[self._next][1]

    def _skip_newlines(self) -> None:
        while self._peek() == "\n":
            self._take()

    def _skip_comma(self) -> None:
        """Step over what may stand between two elements."""
        self._skip_newlines()
        if self._peek() == ",":
            self._take()
            self._skip_newlines()

    def _scan_header(self) -> KeyPath:
        """Read ``[a.b]`` or ``[[a.b]]`` and return the path of the table that begins there."""
        line = self._line()
        self._take()
        is_array = self._peek() == "["
        if is_array:
            self._take()
        path: KeyPath = ()
        for part in self._scan_name():
            path = (*path, part)
            self._lines.setdefault(path, line)
            if path in self._n_tables:
                path = (*path, self._n_tables[path] - 1)
        if is_array:
            array = path[:-1] if isinstance(path[-1], int) else path
            self._n_tables[array] = self._n_tables.get(array, 0) + 1
            path = (*array, self._n_tables[array] - 1)
            self._lines[path] = line
            self._take()
        self._take()
        return path

    def _scan_name(self) -> list[str]:
        """Read a name with or without dots."""
        parts = [self._scan_name_part()]
        while self._peek() == ".":
            self._take()
            parts.append(self._scan_name_part())
        return parts

    def _scan_name_part(self) -> str:
        token = self._take()
        return str(tomllib.loads(f"name = {token}")["name"]) if token[0] in "\"'" else token

    def _scan_pair(self, table: KeyPath) -> None:
        """Read ``name = value``."""
        line = self._line()
        path = (*table, *self._scan_name())
        for depth in range(len(table) + 1, len(path) + 1):
            self._lines.setdefault(path[:depth], line)
        self._take()
        self._scan_value(path)

    def _scan_value(self, path: KeyPath) -> None:
        if self._peek() == "[":
            self._scan_array(path)
        elif self._peek() == "{":
            self._scan_inline_table(path)
        else:
            while self._peek() not in ("\n", ",", "]", "}"):
                self._take()

    def _scan_array(self, path: KeyPath) -> None:
        self._take()
        index = 0
        self._skip_newlines()
        while self._peek() != "]":
            self._lines[(*path, index)] = self._line()
            self._scan_value((*path, index))
            self._skip_comma()
            index += 1
        self._take()

    def _scan_inline_table(self, path: KeyPath) -> None:
        self._take()
        self._skip_newlines()
        while self._peek() != "}":
            self._scan_pair(path)
            self._skip_comma()
        self._take()
