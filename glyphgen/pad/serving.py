"""The board's page on loopback: three questions and answers over HTTP, of this machine alone."""

import base64
import binascii
import json
import math
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

import numpy as np

from glyphgen.errors import GlyphgenError, PadError
from glyphgen.pad.board import SIDE_PX, Board, Drawing

__all__ = ["open_server"]

_HOST = "127.0.0.1"
_LONGEST = (
    2 << 20
)  # bytes of a question: a drawing is 90 kB, and its strokes are less than the rest
_MOST_POINTS = 50_000
_JSON = "application/json"


def open_server(board: Board, port: int = 0) -> ThreadingHTTPServer:
    """Open a server of the board's page on 127.0.0.1; ``serve_forever`` runs it.

    Args:
        board: Answers.
        port: 0 takes one that is free.

    Raises:
        PadError: The port is in use, or not allowed.
    """

    class Handler(_Handler):
        answers = board

    try:
        return ThreadingHTTPServer((_HOST, port), Handler)
    except OSError as error:
        raise PadError(
            f"--port: {port}: {error.strerror or error} (--port 0 takes one that is free)"
        ) from None


class _Handler(BaseHTTPRequestHandler):
    answers: Board
    server_version = "glyphgen"
    sys_version = ""
    timeout = 30  # seconds that a question may take to come in

    def do_GET(self) -> None:
        """Send the page, or what it has to know."""
        if not self._is_ours():
            self._refuse(HTTPStatus.FORBIDDEN, "not the address of this page")
        elif self.path == "/":
            self._send(files("glyphgen.pad").joinpath("page.html").read_bytes(), "text/html")
        elif self.path == "/about":
            self._send_page(self.answers.describe())
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "no such page")

    def do_POST(self) -> None:
        """Answer a question about a drawing."""
        # A page of another site can send this type only if we answered its question whether it may.
        if not self._is_ours() or self.headers.get_content_type() != _JSON:
            self._refuse(HTTPStatus.FORBIDDEN, "not from this page")
            return
        try:
            asked = self._receive()
            if self.path == "/read":
                self._send_page(self.answers.read(_parse_drawing(asked)))
            elif self.path == "/keep":
                label = str(asked.get("label", ""))
                self._send_page(self.answers.keep(label, _parse_drawing(asked)))
            elif self.path == "/take-back":
                self._send_page(self.answers.take_back())
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "no such question")
        except GlyphgenError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))

    def _is_ours(self) -> bool:
        """Return whether the page was asked for by its own name: no other may stand for this machine."""
        _, port, *_ = self.connection.getsockname()
        return self.headers.get("Host") in {f"{_HOST}:{port}", f"localhost:{port}"}

    def _receive(self) -> dict[str, Any]:
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if not 0 <= length <= _LONGEST:
            self.close_connection = True  # what was sent stays unread
            raise PadError(f"a question of {length} bytes, expected at most {_LONGEST}")
        try:
            asked = json.loads(self.rfile.read(length))
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            raise PadError("not a drawing: expected a table in JSON")
        return asked

    def _refuse(self, status: HTTPStatus, problem: str) -> None:
        self._send_page({"problem": problem}, status)

    def _send_page(self, page: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(page, ensure_ascii=False).encode(), _JSON, status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the page tells what goes wrong."""


def _parse_drawing(asked: dict[str, Any]) -> Drawing:
    try:
        content = base64.b64decode(asked.get("pixels", ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        content = b""
    if len(content) != SIDE_PX * SIDE_PX:
        raise PadError(
            f"pixels: found {len(content)} bytes, expected {SIDE_PX} x {SIDE_PX} in base64"
        )
    strokes = asked.get("strokes", [])
    try:
        parsed = tuple(tuple(_parse_point(point) for point in stroke) for stroke in strokes)
    except (TypeError, ValueError, OverflowError):
        raise PadError("strokes: expected lists of points of four numbers") from None
    if sum(map(len, parsed)) > _MOST_POINTS:
        raise PadError(f"strokes: expected at most {_MOST_POINTS:,} points")
    return Drawing(
        pixels=np.frombuffer(content, np.uint8).reshape(SIDE_PX, SIDE_PX), strokes=parsed
    )


def _parse_point(point: Any) -> tuple[float, float, float, float]:
    x, y, milliseconds, pressure = (float(number) for number in point)
    if not all(map(math.isfinite, (x, y, milliseconds, pressure))):
        raise ValueError(point)
    return x, y, milliseconds, pressure
