"""How a run is executed, whatever it is about: threads, limits, kernel; and what is said meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["waiting", "started", "cell", "done", "current", "failed"]


@dataclass(frozen=True)
class Conditions:
    """What surrounds an execution and must not change its numbers.

    Attributes
    ----------
    threads:
        Threads that numerical libraries may use: cores / jobs.
    time_limit, memory_limit:
        Seconds and bytes after which a run, with all processes that it started, is killed; None: no limit.
    warm:
        Socket of warm kernels; None starts a new Python.
    variables:
        Environment variables that the notebook's kernel gets beside those of a run.
    probe:
        Python source of an expression that is evaluated in the kernel after each code cell and gives a text;
        the texts are ``Outcome.probes``. None probes nothing.
    """

    threads: int = 1
    time_limit: float | None = None
    memory_limit: int | None = None
    warm: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    probe: str | None = None


@dataclass(frozen=True)
class Event:
    """What a run does at a moment: ``cell`` of ``of``, in words; ``what`` says why it waits or failed.

    ``seconds`` is the time since the run started.
    """

    run: str
    kind: Kind
    seconds: float = 0.0
    cell: int | None = None
    of: int | None = None
    what: str = ""


Watch = Callable[[Event], Any]
"""Whoever wants to know what runs do."""


def silent(event: Event) -> None:
    """Watch nothing."""
