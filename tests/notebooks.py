"""Runs a notebook's cells in one process, as a kernel does; as a program it also keeps what they give.

`python tests/notebooks.py docs/quickstart.ipynb` writes the outputs that readers see; in an empty folder.
"""

import ast
import base64
import contextlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def run_cells(notebook: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield each cell of code with its outputs: what it prints, and the value of its last line."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(tree, cell["id"], "exec"), names)
            value = None
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), cell["id"], "eval"), names)
        outputs: list[dict[str, Any]] = []
        if text := printed.getvalue():
            lines = text.splitlines(keepends=True)
            outputs.append({"output_type": "stream", "name": "stdout", "text": lines})
        if value is not None:
            outputs.append({"output_type": "display_data", "metadata": {}, "data": show(value)})
        yield cell, outputs


def show(value: Any) -> dict[str, Any]:
    """Return a value as notebooks show it."""
    data: dict[str, Any] = {"text/plain": [repr(value).split(" at 0x")[0]]}
    if make_png := getattr(value, "_repr_png_", None):
        data["image/png"] = base64.b64encode(make_png()).decode()
    if make_html := getattr(value, "_repr_html_", None):
        data["text/html"] = make_html()
    return data


if __name__ == "__main__":
    path = Path(sys.argv[1]).resolve()
    page = json.loads(path.read_text(encoding="utf-8"))
    for number, (cell, outputs) in enumerate(run_cells(page), start=1):
        cell["outputs"], cell["execution_count"] = outputs, number
    path.write_text(json.dumps(page, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
