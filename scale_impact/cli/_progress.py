"""What a batch does, on a terminal as one live line a run, elsewhere as plain lines."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scale_impact.workflow.conditions import Event
from scale_impact.workflow.journal import in_words

if TYPE_CHECKING:
    from rich.console import Group

EVERY = 15.0
"""Seconds between two lines about one run, where the lines stay."""


class Progress:
    """Told events, shows them on the error stream; a context manager."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._ended = {"done": 0, "current": 0, "failed": 0}
        self._busy: dict[str, tuple[Event, float]] = {}
        self._said: dict[str, float] = {}
        self._live: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), get_renderable=self._table, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if event.kind in self._ended:
            self._ended[event.kind] += 1
            self._busy.pop(event.run, None)
            self._say_above(event)
        else:
            self._busy[event.run] = (event, time.monotonic() - event.seconds)
        if self._live is None and self._is_news(event):
            print(in_words(datetime.now(UTC).isoformat(), event), file=sys.stderr, flush=True)

    def _say_above(self, event: Event) -> None:
        """On a terminal: what failed stays above the live lines."""
        if self._live is not None and event.kind == "failed" and self._total > 1:
            self._live.console.print(in_words(datetime.now(UTC).isoformat(), event), markup=False, highlight=False)

    def _is_news(self, event: Event) -> bool:
        """Whether a plain line is due: for beginnings and ends when there are several runs, for cells now and then."""
        if event.kind != "cell":
            self._said[event.run] = time.monotonic()
            return self._total > 1 or event.kind == "waiting"
        due = time.monotonic() - self._said.get(event.run, 0.0) > EVERY
        if due:
            self._said[event.run] = time.monotonic()
        return due

    def _table(self) -> Group:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for _ in range(3):
            table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for run, (event, since) in self._busy.items():
            table.add_row(Text(run), Text(_cell(event)), f"{time.monotonic() - since:.0f} s", Text(event.what))
        return Group(table, Text(self.ended)) if self._total > 1 else Group(table)

    @property
    def ended(self) -> str:
        """How many runs have ended, in words."""
        ended = sum(self._ended.values())
        failed = f", {self._ended['failed']} failed" if self._ended["failed"] else ""
        return f"{ended} of {self._total} runs ended{failed}"


def _cell(event: Event) -> str:
    return f"cell {event.cell} of {event.of}" if event.kind == "cell" else event.kind
