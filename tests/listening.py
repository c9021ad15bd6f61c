"""A reporter that keeps what it is told."""

from collections.abc import Callable

from glyphgen.progress import Progress


class Listener:
    """Keeps lines and steps; ``on_progress`` may raise, as Ctrl-C does."""

    def __init__(self, on_progress: Callable[[Progress], None] = lambda _: None) -> None:
        self.lines: list[str] = []
        self.steps: list[Progress] = []
        self._on_progress = on_progress

    def message(self, line: str) -> None:
        self.lines.append(line)

    def warning(self, line: str) -> None:
        self.lines.append(f"warning: {line}")

    def progress(self, progress: Progress) -> None:
        self.steps.append(progress)
        self._on_progress(progress)
