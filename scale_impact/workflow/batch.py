"""Many runs: several at once, each in a process of its own, none of which can stop the others."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from scale_impact.errors import RunError, ScaleImpactError
from scale_impact.workflow.conditions import Conditions, Event, Watch, environment_of, silent
from scale_impact.workflow.execute import Outcome
from scale_impact.workflow.limits import cores
from scale_impact.workflow.runs import Run
from scale_impact.workflow.scratch import scratch
from scale_impact.workflow.warm import WarmKernels, modules_of
from scale_impact.workflow.worker import Order, Worker

Result = Outcome | ScaleImpactError


@dataclass(frozen=True)
class Settings:
    """How a batch is executed.

    Attributes
    ----------
    jobs:
        Runs at once; None: as many as there are cores.
    cold:
        Start a new Python for each run, even where warm kernels could be had.
    fail_fast:
        Begin no further run after one has failed.
    time_limit, memory_limit:
        Of each run, in seconds and bytes.
    look_first:
        Look at a run's data and design before its notebook is executed.
    force:
        Execute what another process has brought up to date meanwhile, too.
    conditions:
        What else surrounds each execution.
    """

    jobs: int | None = None
    cold: bool = False
    fail_fast: bool = False
    time_limit: float | None = None
    memory_limit: int | None = None
    look_first: bool = True
    force: bool = True
    conditions: Conditions = field(default_factory=Conditions)


def run_batch(
    runs: Sequence[Run],
    settings: Settings | None = None,
    watch: Watch = silent,
    kernels: WarmKernels | None = None,
) -> list[Result]:
    """Execute runs; the outcome of each, or the error with which it ended, in their order.

    ``kernels`` were started ahead; they serve where they were started for as many threads as a run has.

    An interrupt ends what is being executed, leaves finished runs finished, and is raised again.
    """
    settings = settings or Settings()
    jobs = max(1, min(settings.jobs or cores(), len(runs)))
    conditions = _shared(settings, max(1, cores() // jobs))
    if not runs:
        return []
    with ExitStack() as stack:
        _own_orphans(stack)
        folder = stack.enter_context(scratch())
        if len(runs) > 1 and not settings.cold:
            if kernels is None or kernels.environment != environment_of(conditions.threads):
                kernels = stack.enter_context(WarmKernels(environment_of(conditions.threads), folder))
            kernels.preload(modules_of(runs))
            conditions = replace(conditions, warm=kernels.socket)
        batch = _Batch(runs, conditions, settings, watch)
        stack.callback(batch.close)
        for wave in waves(runs):
            batch.finish(wave, jobs)
        return [result or not_begun(run) for run, result in zip(runs, batch.results, strict=True)]


def waves(runs: Sequence[Run]) -> list[list[int]]:
    """Positions of runs in waves: those that read results of others in this batch after these, and so on."""
    depth = depths({run.study.slug: tuple(run.study.reads) for run in runs})
    found = [
        [k for k, run in enumerate(runs) if depth[run.study.slug] == d]
        for d in range(max(depth.values(), default=0) + 1)
    ]
    return [wave for wave in found if wave]


def depths(reads: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many studies have to be run before each, one after the other; those that read each other in a circle are not waited for."""
    found: dict[str, int] = {}
    waiting = {slug: {o for o in others if o in reads and o != slug} for slug, others in reads.items()}
    while ready := [slug for slug, others in waiting.items() if others <= found.keys()]:
        found |= {slug: max((found[o] + 1 for o in waiting.pop(slug)), default=0) for slug in ready}
    return {slug: found.get(slug, 0) for slug in reads}


def started_ahead(settings: Settings, stack: ExitStack) -> WarmKernels | None:
    """Warm kernels that import while it is still being found out which runs there are."""
    if settings.cold:
        return None
    threads = max(1, cores() // (settings.jobs or cores()))
    return stack.enter_context(WarmKernels(environment_of(threads), stack.enter_context(scratch())))


def _shared(settings: Settings, threads: int) -> Conditions:
    """What surrounds each execution of a batch."""
    return replace(
        settings.conditions, threads=threads, time_limit=settings.time_limit, memory_limit=settings.memory_limit
    )


class _Batch:
    """Runs that wait, are being executed, and have ended."""

    def __init__(self, runs: Sequence[Run], conditions: Conditions, settings: Settings, watch: Watch) -> None:
        self.runs, self.conditions, self.settings = runs, conditions, settings
        self.watch = watch
        self.results: list[Result | None] = [None] * len(runs)
        self.waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self.workers: dict[int, Worker] = {}
        self.stopped = False

    def finish(self, wave: Sequence[int], jobs: int) -> None:
        """Execute runs by their positions; events are told in this thread."""
        for index in wave:
            self.waiting.put(index)
        threads = [threading.Thread(target=self._serve, args=(slot,), daemon=True) for slot in range(jobs)]
        for thread in threads:
            thread.start()
        busy = jobs
        while busy:
            event = self._next()
            if event is None:
                busy -= 1
            else:
                self.watch(event)

    def _next(self) -> Event | None:
        """The next event; naps are short, so that an interrupt is heard."""
        while True:
            try:
                return self.events.get(timeout=0.2)
            except queue.Empty:
                continue

    def _serve(self, slot: int) -> None:
        """One slot: take a run, have it executed, until none waits."""
        try:
            while not self.stopped:
                try:
                    index = self.waiting.get_nowait()
                except queue.Empty:
                    break
                self.results[index] = self._result(slot, self.runs[index])
        finally:
            self.events.put(None)

    def _result(self, slot: int, run: Run) -> Result:
        clock = time.perf_counter()
        try:
            order = Order(run, self.conditions, self.settings.look_first, self.settings.force)
            done = self._worker(slot).perform(order, self.events.put)
        except ScaleImpactError as error:
            self.stopped = self.stopped or self.settings.fail_fast
            self.events.put(Event(run.name, "failed", time.perf_counter() - clock, what=str(error)))
            return error
        outcome: Outcome = done
        self.events.put(Event(run.name, "current" if outcome.fresh else "done", outcome.seconds))
        return outcome

    def _worker(self, slot: int) -> Worker:
        """The slot's process; a new one where it died."""
        worker = self.workers.get(slot)
        if worker is None or not worker.alive:
            worker = self.workers[slot] = Worker()
        return worker

    def close(self) -> None:
        """End all processes."""
        self.stopped = True
        enders = [threading.Thread(target=worker.close) for worker in self.workers.values()]
        for thread in enders:
            thread.start()
        for thread in enders:
            thread.join()


def not_begun(run: Run) -> RunError:
    """The error of a run that another one's failure kept from beginning."""
    return RunError(f"{run.name}: not begun, because another run failed (--fail-fast).")


def _own_orphans(stack: ExitStack) -> None:
    """While the batch runs, be the parent of whatever a killed worker leaves, and kill it at the end."""
    if sys.platform != "linux":
        return
    from scale_impact.workflow.zygote import PR_SET_CHILD_SUBREAPER, descendants, prctl

    before = set(descendants(os.getpid()))

    def end() -> None:
        _kill(set(descendants(os.getpid())) - before)
        prctl(PR_SET_CHILD_SUBREAPER, 0)

    prctl(PR_SET_CHILD_SUBREAPER, 1)
    stack.callback(end)


def _kill(processes: set[int]) -> None:
    import contextlib
    import signal

    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process, 0)
