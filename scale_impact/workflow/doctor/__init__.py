"""The doctor: what this machine has, what is missing, and the command that mends it.

Each probe is asked on its own: one that raises or never answers is a finding, not the end. What may crash a process
(NumPy's linear algebra, a kernel) is asked in another one.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from scale_impact.errors import ScaleImpactError
from scale_impact.workflow.doctor import folders, kernels, machine, packages, tools
from scale_impact.workflow.doctor.finding import Finding, anonymous, in_words, missing, note

__all__ = ["Finding", "Probe", "examine"]

Probe = Callable[[Path | None], list[Finding]]
"""Looks at one thing, given the project's folder (None: there is none)."""

PROBES: tuple[tuple[Probe, bool], ...] = (
    (machine.system, False),
    (machine.cores, False),
    (machine.memory, False),
    (machine.disk, False),
    (machine.limits, False),
    (machine.encoding, False),
    (machine.bytecode, False),
    (packages.python, True),
    (packages.package, True),
    (packages.declared, True),
    (packages.lock, False),
    (packages.blas, False),
    (packages.papermill, True),
    (kernels.sockets, True),
    (kernels.kernel, True),
    (kernels.warm, False),
    (kernels.python_path, False),
    (kernels.shadows, True),
    (folders.project, False),
    (folders.studies, True),
    (folders.temporary, True),
    (packages.extras, False),
    (tools.programs, False),
    (tools.browser, False),
    (tools.network, False),
)
"""In the order in which findings are shown; and whether it is not known without an answer that runs work."""

PATIENCE = 30.0
"""Seconds after which a probe that has not answered (a dead network disk) is left alone."""


def examine(patience: float = PATIENCE) -> tuple[Finding, ...]:
    """Ask all probes at once and give their findings in a fixed order; raises nothing, whatever is broken."""
    root, found = _project()
    answers = [_asked(probe, root) for probe, _ in PROBES]
    end = time.monotonic() + patience
    for (probe, needed), answer in zip(PROBES, answers, strict=True):
        found += _answer(probe, answer, needed, max(0.0, end - time.monotonic()))
    return tuple(anonymous(finding, root) for finding in found)


def _project() -> tuple[Path | None, list[Finding]]:
    from scale_impact.core.project import Project

    try:
        return Project.find().root, []
    except (ScaleImpactError, OSError) as error:
        return None, [missing("project", str(error), "cd THE-PROJECT")]


def _asked(probe: Probe, root: Path | None) -> queue.SimpleQueue[list[Finding] | BaseException]:
    """Ask in a thread that does not keep the process alive."""
    box: queue.SimpleQueue[list[Finding] | BaseException] = queue.SimpleQueue()

    def ask() -> None:
        try:
            box.put(probe(root))
        except BaseException as error:  # a probe that breaks says what is broken
            box.put(error)

    threading.Thread(target=ask, daemon=True).start()
    return box


def _answer(
    probe: Probe, box: queue.SimpleQueue[list[Finding] | BaseException], needed: bool, seconds: float
) -> list[Finding]:
    broken = missing if needed else note
    try:
        answer = box.get(timeout=seconds)
    except queue.Empty:
        return [broken(probe.__name__, "could not be looked at: no answer")]
    if isinstance(answer, BaseException):
        return [broken(probe.__name__, f"could not be looked at: {in_words(answer)}")]
    return answer
