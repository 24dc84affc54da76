"""What batches do, line by line: for who looks from another terminal, and afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from scale_impact.core.project import Project
from scale_impact.workflow.conditions import Event
from scale_impact.workflow.locks import is_held, lock_file

KEPT = 20
"""Journals that are kept."""


class Journal:
    """The journal of a batch, open for writing; a context manager. Where it cannot be written, nothing is."""

    def __init__(self, project: Project, runs: list[str]) -> None:
        self._project, self._runs = project, runs
        self._file: IO[str] | None = None

    def __enter__(self) -> Journal:
        with contextlib.suppress(OSError):
            folder = _folder(self._project)
            folder.mkdir(parents=True, exist_ok=True)
            (folder.parent / ".gitignore").write_text("*\n", encoding="utf-8")
            for old in sorted(folder.glob("*.jsonl"))[: 1 - KEPT]:
                if not is_held(old):
                    old.unlink(missing_ok=True)
            name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{os.getpid()}.jsonl"
            self._file = (folder / name).open("a", encoding="utf-8")
            lock_file(self._file)
            self._write({"process": os.getpid(), "machine": platform.node(), "runs": self._runs})
        return self

    def __call__(self, event: Event) -> None:
        """Write what a run does."""
        with contextlib.suppress(OSError):  # a full disk must not stop a run that has room elsewhere
            self._write(asdict(event))

    def _write(self, what: dict[str, Any]) -> None:
        if self._file is not None:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._file.write(json.dumps({"time": at, **what}, ensure_ascii=False) + "\n")
            self._file.flush()

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True)
class Batch:
    """A batch as its journal tells it.

    Attributes
    ----------
    alive:
        Whether its process is at work.
    process, machine, started:
        Who it is, where, since when (UTC).
    latest:
        The latest event of each run; None where it has not begun. ``time`` stands beside.
    """

    alive: bool
    process: int
    machine: str
    started: str
    latest: dict[str, tuple[str, Event] | None]


def batches(project: Project) -> list[Batch]:
    """The batches of a project, the latest first."""
    paths = sorted(_folder(project).glob("*.jsonl"), reverse=True)
    return [batch for path in paths if (batch := _read(path)) is not None]


def latest_journal(project: Project) -> Path | None:
    """The file of the latest batch."""
    return max(_folder(project).glob("*.jsonl"), default=None)


def lines(text: Iterator[str]) -> Iterator[str]:
    """Lines of a journal as people read them."""
    for line in text:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            said = json.loads(line)
            if "kind" in said:
                yield in_words(said.pop("time"), Event(**said))


def in_words(time: str, event: Event) -> str:
    """An event as a line of a log."""
    return f"{time[11:19]} {event.run}: {what(event)}"


def what(event: Event) -> str:
    """What a run does, in words."""
    texts = {
        "waiting": f"waiting for {event.what}",
        "started": "started",
        "cell": f"cell {event.cell} of {event.of}, {event.seconds:.1f} s: {event.what}",
        "done": f"done in {event.seconds:.1f} s",
        "current": "up to date meanwhile",
        "failed": f"failed after {event.seconds:.1f} s: {event.what}",
    }
    return texts[event.kind]


def _folder(project: Project) -> Path:
    return project.root / ".scale-impact" / "logs"


def _read(path: Path) -> Batch | None:
    """A batch; None where its journal is empty or no journal."""
    try:
        whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")  # the last line may be torn
        said = [json.loads(line) for line in whole.splitlines()]
        head, events = said[0], said[1:]
        latest: dict[str, tuple[str, Event] | None] = dict.fromkeys(head["runs"])
        for event in events:
            time = event.pop("time")
            latest[event["run"]] = (time, Event(**event))
        return Batch(is_held(path), head["process"], head["machine"], head["time"], latest)
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
