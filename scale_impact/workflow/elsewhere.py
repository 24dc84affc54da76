"""The other side of ``distribute``: what happens in the processes of Dask workers. Needs Dask to be imported."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dask.distributed import WorkerPlugin, get_worker

from scale_impact.core.project import ROOT_VARIABLE
from scale_impact.core.study import Study
from scale_impact.errors import RunError, ScaleImpactError
from scale_impact.workflow.bundle import unpack, zipped
from scale_impact.workflow.conditions import Conditions, Event, environment_of
from scale_impact.workflow.execute import Outcome
from scale_impact.workflow.runs import Run
from scale_impact.workflow.scratch import scratch
from scale_impact.workflow.warm import WarmKernels
from scale_impact.workflow.worker import Order, Worker

EVERY = 1.0
"""Seconds between two looks whether a run is still wanted."""

IDLE = 600.0
"""Seconds without a run after which a worker's processes are ended: a client that was killed cannot take them back."""


@dataclass(frozen=True)
class Task:
    """A run as it is sent: its study by the path from the project's folder.

    Attributes
    ----------
    key:
        Of Dask's task; what is told about it carries it.
    parcel:
        Name of the ``Parcel`` that holds its files, and of the topic of what is told.
    identity:
        What the sender's ``identity()`` gives.
    """

    key: str
    parcel: str
    identity: dict[str, str]
    study: str
    variant: str | None
    overrides: tuple[tuple[str, Any], ...]
    conditions: Conditions
    look_first: bool = True


@dataclass(frozen=True)
class Delivery:
    """What comes back: results (a zip file) with the outcome, or an error with the failed notebook (a zip file)."""

    worker: str
    files: bytes
    outcome: Outcome | None = None
    error: ScaleImpactError | None = None


def identity() -> dict[str, str]:
    """The source of this package as it lies on disk now, and the versions of packages that make numbers."""
    from scale_impact.workflow import fingerprint

    fresh = getattr(fingerprint.package_hash, "__wrapped__", fingerprint.package_hash)
    return {"scale_impact": fresh()[:16], **fingerprint.versions()}


def differences(here: dict[str, str], there: dict[str, str]) -> list[str]:
    """Where two machines differ, in words."""
    names = dict.fromkeys([*here, *there])
    return [
        f"{'source of ' if name == 'scale_impact' else ''}{name} {there.get(name, 'missing')} (here {here.get(name, 'missing')})"
        for name in names
        if here.get(name) != there.get(name)
    ]


class Parcel(WorkerPlugin):
    """The files of a batch on a worker, and the processes that execute its runs there.

    Dask gives it to every worker, those too that come later or replace a dead one. Each run is executed in a process
    beside the worker: Papermill may run once a process, a worker may have several threads.
    """

    def __init__(self, name: str, content: bytes, modules: tuple[str, ...], threads: int) -> None:
        self.name = name
        self.content = content
        self.modules = modules
        self.threads = threads

    def setup(self, worker: Any) -> None:
        """Unpack the files into the worker's folder, which Dask removes even after a worker was killed."""
        os.environ.pop(ROOT_VARIABLE, None)  # the project is the one that was sent
        self.folder = Path(tempfile.mkdtemp(prefix="scale-impact-", dir=worker.local_directory))
        self.root = self.folder / "project"
        try:
            unpack(self.content, self.root)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self.content = b""
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._rest: threading.Timer | None = None
        self._stack = ExitStack()
        self.warm = self._warm_kernels() if self.modules else None
        self._rest_later()

    def teardown(self, worker: Any) -> None:
        """End what still runs and remove the files."""
        if self._rest is not None:
            self._rest.cancel()
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, *, only_if_idle: bool = False) -> None:
        """End the processes and the warm kernels."""
        with self._lock:
            if only_if_idle and self._busy:
                return
            processes, self._idle, self.warm = [*self._idle, *self._busy], [], None
        enders = [threading.Thread(target=process.close) for process in processes]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
        self._stack.close()

    def _warm_kernels(self) -> str | None:
        """The socket of kernels that all runs on this worker share."""
        folder = self._stack.enter_context(scratch())
        kernels = self._stack.enter_context(WarmKernels(environment_of(self.threads), folder))
        kernels.preload(self.modules)
        return kernels.socket

    @contextmanager
    def process(self) -> Iterator[Worker]:
        """A process that executes a run; it is kept for the next one unless it died."""
        with self._lock:
            found = next((w for w in self._idle if w.alive), None)
            self._idle = [w for w in self._idle if w is not found]
            taken = found or Worker()
            self._busy.append(taken)
        try:
            yield taken
        finally:
            with self._lock:
                self._busy.remove(taken)
                if taken.alive:
                    self._idle.append(taken)
            self._rest_later()

    def _rest_later(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._rest = threading.Timer(IDLE, self._end, kwargs={"only_if_idle": True})
        self._rest.daemon = True
        self._rest.start()


def execute_there(task: Task) -> Delivery:
    """Execute a run on this worker; an expected error is delivered, not raised."""
    worker = get_worker()
    name = f"{worker.name} on {socket.gethostname()}"
    worker.log_event(task.parcel, {"key": task.key, "at": name})
    run: Run | None = None
    try:
        parcel = _parcel(worker, task, name)
        run = _run(parcel.root, task)
        outcome = _executed(parcel, run, task, worker)
        return Delivery(name, zipped(run.results), outcome=outcome)
    except ScaleImpactError as error:
        return Delivery(name, zipped(run.failed) if run else b"", error=type(error)(error.problems, where=error.where))


def _parcel(worker: Any, task: Task, name: str) -> Parcel:
    """The batch's files here, if this worker would give the sender's numbers: it may have come after the others were asked."""
    if wrong := differences(task.identity, identity()):
        raise RunError(
            f"{task.study}: worker {name} differs: {', '.join(wrong)}. Start it again with what is installed here."
        )
    found = worker.plugins.get(task.parcel)
    if not isinstance(found, Parcel) or not hasattr(found, "root"):
        raise RunError(f"{task.study}: worker {name} could not unpack the project's files. Has it room in its folder?")
    return found


def _run(root: Path, task: Task) -> Run:
    study = Study.load(root / task.study, variant=task.variant, overrides=dict(task.overrides))
    return Run(study, study.folder)


def _executed(parcel: Parcel, run: Run, task: Task, worker: Any) -> Outcome:
    """Execute in a process beside the worker, which is ended when nobody waits for the run any more."""

    def tell(event: Event) -> None:
        worker.log_event(task.parcel, {"key": task.key, "event": asdict(event)})

    shutil.rmtree(run.failed, ignore_errors=True)
    done = threading.Event()
    with parcel.process() as process:
        order = Order(run, replace(task.conditions, warm=parcel.warm), task.look_first)
        threading.Thread(target=_watch, args=(worker, task.key, process, done), daemon=True).start()
        try:
            outcome: Outcome = process.perform(order, tell)
        finally:
            done.set()
    return outcome


def _watch(worker: Any, key: str, process: Worker, done: threading.Event) -> None:
    while not done.wait(EVERY):
        state = getattr(worker.state.tasks.get(key), "state", None)
        if state in (None, "cancelled", "released", "forgotten"):
            process.close()
            return
