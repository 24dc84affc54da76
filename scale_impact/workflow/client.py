"""Papermill's engine for runs: says which cell is at work, keeps outputs within bounds, looks into the kernel if asked."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat import from_dict as _from_dict
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

ENGINE = "scale_impact"

LARGEST = 1_000_000
"""Characters of a cell's printed text, and of each representation of a displayed value, that a notebook keeps."""

PICTURE = 50_000_000
"""The same for pictures."""


@dataclass
class Looks:
    """What is looked for while a notebook is executed, and what was seen.

    Attributes
    ----------
    cell:
        Told index, number of cells and source when a cell starts.
    probe:
        Expression to evaluate after each code cell.
    seen:
        Index and source of each cell, with what the probe gave.
    seconds:
        How long all cells took together.
    at:
        The cell at work: index and source.
    notebook:
        The notebook as far as it came.
    """

    cell: Callable[[int, int, str], Any]
    probe: str | None = None
    seen: list[tuple[int, str, str]] = field(default_factory=list)
    seconds: float = 0.0
    at: tuple[int, str] | None = None
    notebook: NotebookNode | None = None

    def write_broken_off(self, path: Path, reason: str) -> None:
        """Write the notebook of a kernel that is gone, with the reason below the cell that was at work."""
        if self.notebook is None or self.at is None:
            return
        said = {"output_type": "error", "ename": "Stopped", "evalue": reason, "traceback": [reason]}
        self.notebook.cells[self.at[0]].outputs.append(_node(said))
        path.write_text(nbformat.writes(self.notebook), encoding="utf-8")  # type: ignore[no-untyped-call]


class StudyClient(PapermillNotebookClient):  # type: ignore[misc]
    """Executes cells one by one."""

    def __init__(self, nb_man: Any, looks: Looks, **options: Any) -> None:
        super().__init__(nb_man, **options)
        self.looks = looks
        self._printed: dict[tuple[int, str], int] = {}
        self.clear_before_next_output: bool

    def execute_cell(self, cell: NotebookNode, cell_index: int, **options: Any) -> NotebookNode:
        """Execute a cell; say so before, look into the kernel afterwards."""
        if cell.cell_type == "code":
            self.looks.at = (cell_index, cell.source)
            self.looks.cell(cell_index, len(self.nb.cells), cell.source)
        clock = time.perf_counter()
        done: NotebookNode = super().execute_cell(cell, cell_index, **options)
        self.looks.seconds += time.perf_counter() - clock
        if self.looks.probe and cell.cell_type == "code":
            self.looks.seen.append((cell_index, cell.source, self._probed()))
        return done

    def _probed(self) -> str:
        asked = self.kc.execute("", silent=True, store_history=False, user_expressions={"probe": self.looks.probe})
        found = self.wait_for_reply(asked)["content"]["user_expressions"]["probe"]
        if found["status"] != "ok":
            raise RuntimeError(f"the probe failed: {found.get('ename')}: {found.get('evalue')}")
        return str(ast.literal_eval(found["data"]["text/plain"]))

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str, cell_index: int) -> Any:
        """Keep an output, or what it may keep of it."""
        content = msg["content"]
        if msg["msg_type"] == "stream":
            return self._stream(outs, content["name"], content["text"], cell_index)
        if "data" in content:
            content["data"] = {kind: bounded(kind, value) for kind, value in content["data"].items()}
        return super().output(outs, msg, display_id, cell_index)

    def _stream(self, outs: list[NotebookNode], name: str, text: str, cell_index: int) -> None:
        """Printed text: the first characters are kept, of the others their number."""
        if self.clear_before_next_output:
            outs[:] = []
            self.clear_before_next_output = False
        before = self._printed.get((cell_index, name), 0)
        self._printed[cell_index, name] = before + len(text)
        kept = text[: max(0, LARGEST - before)]
        if kept:
            outs.append(_node({"output_type": "stream", "name": name, "text": kept}))

    def left_out(self) -> dict[int, dict[str, int]]:
        """Characters left out, by cell and stream."""
        found: dict[int, dict[str, int]] = {}
        for (cell, name), count in self._printed.items():
            if count > LARGEST:
                found.setdefault(cell, {})[name] = count - LARGEST
        return found


class StudyEngine(Engine):  # type: ignore[misc]
    """Runs a notebook with a study's client."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Execute; papermill's own options that mean nothing here are left aside."""
        client = StudyClient(
            nb_man, options["looks"], kernel_name=kernel_name, kernel_manager_class=options["kernel_manager_class"],
            shutdown_kernel="immediate", timeout=None, startup_timeout=120, record_timing=False,
        )  # fmt: skip
        try:
            client.execute()
        finally:
            options["looks"].notebook = nb_man.nb
            left_out = client.left_out()
            for index, cell in enumerate(nb_man.nb.cells):
                if cell.cell_type == "code":
                    cell.outputs = merged(cell.outputs, left_out.get(index, {}))


papermill_engines.register(ENGINE, StudyEngine)


def bounded(kind: str, value: Any) -> Any:
    """A representation of a displayed value, or what says that it was too large to keep."""
    limit = PICTURE if kind.startswith(("image/", "application/")) else LARGEST
    if not isinstance(value, str) or len(value) <= limit:
        return value
    if kind.startswith("text/plain"):
        return value[:limit] + _said(len(value) - limit)
    return _said(len(value)).strip() if kind.startswith("text/") else ""


def merged(outputs: list[Any], left_out: dict[str, int]) -> list[Any]:
    """Outputs with neighbouring prints as one text a stream, as if nothing of them had come piece by piece.

    How prints are cut into messages, and how the two streams mix, depends on the clock.
    """
    found: list[Any] = []
    group: dict[str, list[str]] = {}
    last: dict[str, Any] = {}

    def close() -> None:
        for name in sorted(group, reverse=True):  # stdout, then stderr
            last[name] = {"output_type": "stream", "name": name, "text": "".join(group[name])}
            found.append(last[name])
        group.clear()

    for output in outputs:
        if output["output_type"] == "stream":
            group.setdefault(output["name"], []).append(output["text"])
        else:
            close()
            found.append(output)
    close()
    for name, count in left_out.items():
        last[name]["text"] += _said(count)
    return [_node(output) for output in found]


def _said(count: int) -> str:
    return f"\n[... {count:,} more characters were left out]\n"


def _node(value: dict[str, Any]) -> Any:
    return _from_dict(value)  # type: ignore[no-untyped-call]
