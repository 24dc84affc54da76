"""Runs on a Dask cluster: sent with all that they read, executed wherever there is room, published here once and whole.

A worker that dies costs nothing but time: its runs are repeated elsewhere. A run under which workers keep dying is tried
again with no other run beside it; if that worker dies too, it has failed, and the others have not.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import queue
import re
import shutil
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scale_impact.core.manifest import Manifest, file_hash
from scale_impact.errors import RunError, ScaleImpactError, UsageError
from scale_impact.workflow.batch import Settings, not_begun, waves
from scale_impact.workflow.bundle import pack, unpack
from scale_impact.workflow.conditions import Conditions, Event, Kind, Watch, silent
from scale_impact.workflow.environment import environment
from scale_impact.workflow.execute import Outcome, staging, writable
from scale_impact.workflow.locks import hold
from scale_impact.workflow.publish import mend, publish
from scale_impact.workflow.runs import Run
from scale_impact.workflow.warm import modules_of

if TYPE_CHECKING:
    from scale_impact.workflow.elsewhere import Delivery, Task

PATIENCE = 30.0
"""Seconds in which a scheduler has to answer and a first worker to be there; twice that when all workers are lost."""

TRIES = 3
"""Workers that may die under a run before it has failed; under the last one it ran alone."""


def distribute(
    runs: Sequence[Run],
    address: str,
    settings: Settings | None = None,
    watch: Watch = silent,
) -> list[Outcome | ScaleImpactError]:
    """Execute runs on a Dask cluster and publish their results here.

    Parameters
    ----------
    address:
        Of the scheduler: ``tcp://host:8786``. The project's files travel there: no shared file system is needed.
    settings:
        As for a batch here; ``jobs`` means nothing: a worker executes as many runs at once as it has threads. Each run has
        ``conditions.threads`` threads for its libraries.

    Returns
    -------
    list
        For each run how it ended, in the order given.

    Raises
    ------
    UsageError
        Dask is not installed, the address is none, files cannot travel.
    RunError
        Nothing answers at the address, there are no workers, or workers would give other numbers than this machine.
    KeyboardInterrupt
        As it came; what had finished is published, the rest is cancelled.
    """
    if not runs:
        return []
    _refuse_unfit(address)
    settings = settings or Settings()
    content, ended = pack(runs), dict[int, Outcome | ScaleImpactError]()
    with _quiet(), _connected(address) as client:
        here = _refuse_different(client)
        for k, wave in enumerate(waves(runs)):
            if settings.fail_fast and any(isinstance(came, ScaleImpactError) for came in ended.values()):
                ended |= {index: not_begun(runs[index]) for index in wave}
                continue
            part = [runs[index] for index in wave]
            came = _distributed(client, part, pack(part) if k else content, here, settings, watch)
            ended |= dict(zip(wave, came, strict=True))
    return [ended[index] for index in range(len(runs))]


def _distributed(
    client: Any, runs: list[Run], content: bytes, here: dict[str, str], settings: Settings, watch: Watch
) -> list[Outcome | ScaleImpactError]:
    """Execute runs that read no results of one another, with what they read as it is now."""
    modules = modules_of(runs) if len(runs) > 1 and not settings.cold else ()
    name = f"scale-impact-{hashlib.sha256(content).hexdigest()[:16]}-{uuid.uuid4().hex[:8]}"
    with _sent(client, name, content, modules, settings.conditions.threads):
        return _Batch(client, runs, name, here, settings, watch).finish()


def _refuse_unfit(address: str) -> None:
    try:
        import dask.distributed  # noqa: F401
    except ImportError as error:
        raise UsageError('--scheduler needs Dask. Install it: pip install "scale-impact[dask]"') from error
    if not re.fullmatch(r"((tcp|tls|ucx|ucxx|ws|wss)://)?(\[[0-9A-Fa-f:]+\]|[\w.-]+):\d{1,5}/?", address):
        raise UsageError(
            f"--scheduler {address}: write the scheduler's address, such as tcp://10.0.0.1:8786 (it prints it)."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask's own messages are not for the user: what matters comes as an expected error."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="distributed")
            yield
    finally:
        logger.setLevel(before)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    from dask.distributed import Client

    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False, name="scale-impact")
    except (OSError, TimeoutError, ValueError) as error:
        raise RunError(
            f"No Dask scheduler answers at {address} ({_said(error)}). Start one (dask scheduler), or correct the address."
        ) from error
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        yield client
    except TimeoutError as error:
        raise RunError(
            f"The scheduler at {address} has no workers, and none came within {PATIENCE:g} s. Start some: dask worker {address}"
        ) from error
    finally:
        client.close(timeout=5)


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _refuse_different(client: Any) -> dict[str, str]:
    """What this machine is, if all workers are the same: others would give other numbers."""
    from scale_impact.workflow.elsewhere import differences, identity

    here = identity()
    found = client.run(identity, on_error="return")
    problems = []
    for worker, there in sorted(found.items()):
        if isinstance(there, BaseException):
            problems.append(
                f"Worker {worker} cannot use scale_impact ({_said(there)}). Install there what is installed here, and start it again."
            )
        elif wrong := differences(here, there):
            problems.append(f"Worker {worker} differs: {', '.join(wrong)}.")
    if problems:
        raise RunError(
            problems, where=f"{len(problems)} of {len(found)} workers would not give the numbers of this machine"
        )
    return here


@contextmanager
def _sent(client: Any, name: str, content: bytes, modules: tuple[str, ...], threads: int) -> Iterator[None]:
    """The project's files on every worker; gone afterwards."""
    from scale_impact.workflow.elsewhere import Parcel

    try:
        try:
            client.register_plugin(Parcel(name, content, modules, threads), name=name)
        except Exception as error:  # a worker's, of whatever kind
            raise RunError(
                f"The project's files could not be unpacked on a worker ({_why(error)}). Has it room in its folder?"
            ) from error
        yield
    finally:
        try:
            client.unregister_worker_plugin(name)
        except Exception:  # whatever is left goes when the worker ends; the results are here
            logging.getLogger(__name__).debug("the parcel %s was not removed", name, exc_info=True)


@dataclass
class _Batch:
    """Runs on their way: futures by run, deaths by task, and what came of each run."""

    client: Any
    runs: list[Run]
    name: str
    here: dict[str, str]
    settings: Settings
    watch: Watch
    futures: dict[int, Any] = field(default_factory=dict)
    suspects: list[int] = field(default_factory=list)
    alone: set[int] = field(default_factory=set)
    places: dict[int, str] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)
    ended: dict[int, Outcome | ScaleImpactError] = field(default_factory=dict)
    inbox: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    without_workers: float = 0.0

    def finish(self) -> list[Outcome | ScaleImpactError]:
        """Send all runs and wait until each has ended."""
        self.client.subscribe_topic(self.name, lambda told: self.inbox.put(told[1]))
        try:
            for index in range(len(self.runs)):
                self._submit(index)
            while self.futures or self.suspects:
                if not self.futures:
                    self._submit_alone(self.suspects.pop(0))
                self._take(timeout=1.0)
        except KeyboardInterrupt:
            self._take_what_is_finished()
            raise
        finally:
            self.client.cancel(list(self.futures.values()), force=True)
            self.client.unsubscribe_topic(self.name)
        return [self.ended[index] for index in range(len(self.runs))]

    # ---- sending ----

    def _submit(self, index: int) -> None:
        task = self._task(index)
        future = self.client.submit(_there(), pickle.dumps(task), key=task.key, pure=False, priority=-index)
        self.futures[index] = future
        self._await(index, future)

    def _submit_alone(self, index: int) -> None:
        self.alone.add(index)
        self._submit(index)

    def _await(self, index: int, future: Any) -> None:
        future.add_done_callback(lambda done: self.inbox.put((index, done)))

    def _task(self, index: int) -> Task:
        from scale_impact.workflow.elsewhere import Task

        study = self.runs[index].study
        return Task(
            key=self._key(index), parcel=self.name, identity=self.here,
            study=study.folder.resolve().relative_to(study.project.root.resolve()).as_posix(),
            variant=study.variant, overrides=study.overrides, conditions=self._conditions(), look_first=self.settings.look_first,
        )  # fmt: skip

    def _conditions(self) -> Conditions:
        asked = self.settings
        return replace(asked.conditions, warm=None, time_limit=asked.time_limit, memory_limit=asked.memory_limit)

    def _key(self, index: int) -> str:
        return f"{self.name}-{index}" + ("-alone" if index in self.alone else "")

    # ---- receiving ----

    def _take(self, timeout: float) -> None:
        """Take what comes next: a message of a worker, or the end of a task."""
        try:
            came = self.inbox.get(timeout=timeout)
        except queue.Empty:
            self._refuse_to_wait_for_nobody(timeout)
            return
        self.without_workers = 0.0
        if isinstance(came, dict):
            self._told(came)
        else:
            self._ended(*came)

    def _told(self, message: dict[str, Any]) -> None:
        index = next((i for i in self.futures if self._key(i) == message["key"]), None)
        if index is None:
            return
        if "event" in message:
            self._happened(index, Event(**message["event"]))
            return
        self.places[index] = message["at"]
        self.starts[message["key"]] += 1
        if self.starts[message["key"]] > (1 if index in self.alone else TRIES - 1):
            self._suspect(index)

    def _happened(self, index: int, event: Event) -> None:
        if event.kind == "started":
            event = replace(event, what=f"worker {self.places[index]}")
        if event.kind not in ("done", "failed"):  # said when the results are here
            self.watch(event)

    def _suspect(self, index: int) -> None:
        """Workers died under a run: it, or one beside it, may have killed them."""
        self.client.cancel([self.futures.pop(index)], force=True)
        if index in self.alone:
            self._fail(index, RunError(self._killer(index)))
        else:
            self.suspects.append(index)
            self.watch(Event(self.runs[index].name, "waiting", what="workers died under it; it is tried again alone"))

    def _killer(self, index: int) -> str:
        deaths = max(TRIES, self.starts[f"{self.name}-{index}"])
        return (
            f"{self.runs[index].name}: {deaths} workers died under it, the last one with no other run beside it. Does it take more memory "
            "than they have (--memory-limit stops it alone), or end processes? Earlier results stay as they were."
        )

    def _ended(self, index: int, future: Any) -> None:
        """A task is over: fetch what it left, publish it."""
        from dask.distributed import KilledWorker

        if index not in self.futures or self.futures[index] is not future:
            return
        try:
            delivery = future.result(timeout=PATIENCE)
        except KilledWorker:
            self._suspect(index)
        except TimeoutError:  # its worker died with the result, and it is made again
            self._await(index, future)
        except Exception as error:
            del self.futures[index]
            self._fail(
                index, RunError(f"{self.runs[index].name}: Dask could not execute it ({_why(error)}). Run it again.")
            )
        else:
            del self.futures[index]
            self._delivered(index, delivery)

    def _delivered(self, index: int, delivery: Delivery) -> None:
        run = self.runs[index]
        try:
            if delivery.error is not None:
                raise _failed_here(run, delivery)
            assert delivery.outcome is not None
            outcome = replace(delivery.outcome, run=run)
            _publish_here(run, delivery.files, self.watch)
        except ScaleImpactError as error:
            self._fail(index, error)
            return
        self.ended[index] = outcome
        kind: Kind = "current" if outcome.fresh else "done"
        self.watch(Event(run.name, kind, outcome.seconds, what=f"worker {delivery.worker}"))

    def _fail(self, index: int, error: ScaleImpactError) -> None:
        self.ended[index] = error
        self.watch(Event(self.runs[index].name, "failed", what=str(error)))
        if self.settings.fail_fast and (self.futures or self.suspects):
            self._give_up("not begun or not finished, because another run failed (--fail-fast)")

    def _give_up(self, why: str) -> None:
        """End all runs that have not ended."""
        left = [*self.futures, *self.suspects]
        self.client.cancel(list(self.futures.values()), force=True)
        self.futures, self.suspects = {}, []
        for index in left:
            self._fail(index, RunError(f"{self.runs[index].name}: {why}."))

    def _take_what_is_finished(self) -> None:
        for index, future in list(self.futures.items()):
            if future.status == "finished":
                self._ended(index, future)

    def _refuse_to_wait_for_nobody(self, waited: float) -> None:
        """Without a worker nothing will ever come."""
        try:
            workers = self.client.nthreads()
        except (OSError, TimeoutError, ValueError):  # the scheduler does not answer
            workers = {}
        self.without_workers = 0.0 if workers else self.without_workers + waited
        if self.without_workers >= 2 * PATIENCE:
            self._give_up(f"all workers are gone, and none came back within {2 * PATIENCE:g} s; run it again")


def _there() -> Callable[[bytes], Any]:
    """The function that a worker calls. Being local it travels whole: the scheduler, which looks at it, has no scale_impact."""

    def there(content: bytes) -> Any:
        import pickle

        from scale_impact.workflow.elsewhere import execute_there

        return execute_there(pickle.loads(content))

    return there


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {_said(error)}"[:300]


def _failed_here(run: Run, delivery: Delivery) -> ScaleImpactError:
    """The error of a run elsewhere, with its notebook kept here."""
    error = delivery.error
    assert error is not None
    notebook = run.failed / "executed.ipynb"
    there = "/".join(["studies", run.study.slug, "failed", *([run.study.variant] if run.study.variant else [])])
    with writable(run):
        shutil.rmtree(run.failed, ignore_errors=True)
        if delivery.files:
            unpack(delivery.files, run.failed)
    here = run.study.project.relative(notebook.parent)
    return type(error)([p.replace(there, here) for p in error.problems], where=error.where)


def _publish_here(run: Run, files: bytes, watch: Watch) -> None:
    """Publish results that came as a zip file, if they are whole; commit and lock file are those of this machine."""

    def waiting(holder: object) -> None:
        watch(Event(run.name, "waiting", what=str(holder or "another process")))

    with writable(run), hold(run.lock, waiting):
        mend(run)
        with staging(run) as folder:
            unpack(files, folder)
            manifest = _whole(run, folder)
            own = {k: v for k, v in environment(run.study.project.root).items() if k.startswith("git") or k == "lock"}
            replace(manifest, environment={**manifest.environment, **own}).write(folder / "manifest.json")
            publish(run, folder)


def _whole(run: Run, folder: Path) -> Manifest:
    """The manifest of results, if all that it lists arrived unchanged."""
    manifest = Manifest.read(folder / "manifest.json")
    here = {p.relative_to(folder).as_posix(): file_hash(p) for p in folder.rglob("*") if p.is_file()}
    if manifest is None or {**manifest.outputs, "manifest.json": here["manifest.json"]} != here:
        raise RunError(
            f"{run.name}: its results did not arrive whole. Run it again; earlier results stay as they were."
        )
    return manifest
