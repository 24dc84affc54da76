"""A process that executes runs, one after another, for whoever started it; and the handle of that process.

Requests and answers are pickled values over the process's standard input and output. The process ends, with all that its
run started, when its standard input closes: no run outlives its owner.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from scale_impact.errors import RunError, ScaleImpactError
from scale_impact.workflow.conditions import Conditions, Event
from scale_impact.workflow.runs import Run

GRACE = 5.0
"""Seconds in which a process is expected to end by itself."""


@dataclass(frozen=True)
class Order:
    """What to execute, whether its data and design are looked at before, and whether results that are up to date count."""

    run: Run
    conditions: Conditions
    look_first: bool = True
    force: bool = True


class Worker:
    """The handle: a process that executes one run at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from scale_impact.workflow.worker import main; main()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, env=_environment(),
        )  # fmt: skip

    def perform(self, order: Order, watch: Callable[[Event], Any]) -> Any:
        """Execute a run; its outcome.

        Raises
        ------
        ScaleImpactError
            It failed, or the process that executed it died.
        """
        try:
            pickle.dump(order, self._to)
            self._to.flush()
            for said in self._answers():
                if isinstance(said, Event):
                    watch(said)
                elif isinstance(said, ScaleImpactError):
                    raise said
                else:
                    return said
        except BrokenPipeError:
            pass
        code = self._process.wait()
        raise RunError(f"{order.run.name}: the process that executed it ended ({_ending(code)}). Run it again.")

    def _answers(self) -> Iterator[Any]:
        with contextlib.suppress(EOFError, pickle.UnpicklingError):
            while True:
                yield pickle.load(self._from)

    @property
    def _to(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _from(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def alive(self) -> bool:
        """Whether it can take another run."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process, and with it what it executes; again, and it is killed."""
        with contextlib.suppress(OSError):
            self._to.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._from.close()


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _environment() -> dict[str, str]:
    """This environment, with one thread for what the process itself computes."""
    from scale_impact.workflow.conditions import BLAS

    return {**os.environ, **dict.fromkeys(BLAS, "1")}


# ---- in the process ----------------------------------------------------------------------------


def main() -> None:
    """Execute what is ordered until standard input closes."""
    signal.signal(signal.SIGTERM, _leave)
    logging.getLogger("asyncio").setLevel(
        logging.CRITICAL
    )  # what it says of a kernel that was killed is said by the run
    _own_orphans()
    orders, answers = _channels()
    inbox: queue.SimpleQueue[Order] = queue.SimpleQueue()
    busy = threading.Event()
    threading.Thread(target=_listen, args=(orders, inbox, busy), daemon=True).start()
    _import_ahead()
    while True:
        order = inbox.get()
        answer = _answer(order, lambda event: _say(answers, event))
        busy.clear()  # before the answer, which brings the next order
        _say(answers, answer)


def _answer(order: Order, watch: Callable[[Event], Any]) -> Any:
    """The outcome of a run, or the error with which it ended."""
    try:
        return perform(order, watch)
    except ScaleImpactError as error:
        return type(error)(error.problems, where=error.where)
    except Exception as error:
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        return RunError(
            f"{order.run.name}: executing it failed with {type(error).__name__}: {error} ({place.name}, line {place.lineno} of "
            f"{os.path.basename(place.filename)})."
        )


def perform(order: Order, watch: Callable[[Event], Any]) -> Any:
    """Look at a run's data and design, then execute it."""
    from scale_impact.workflow.execute import execute
    from scale_impact.workflow.preflight import preflight

    if not order.look_first:
        return execute(order.run, order.conditions, watch, force=order.force)
    found = preflight(order.run, estimate=False)
    if found.errors:
        raise together(found.errors)
    return execute(order.run, order.conditions, watch, found.notes, force=order.force)


def together(errors: tuple[ScaleImpactError, ...]) -> ScaleImpactError:
    """Several errors as one of the first one's kind."""
    return errors[0] if len(errors) == 1 else type(errors[0])([str(error) for error in errors])


def _own_orphans() -> None:
    """Become the parent of whatever a run leaves behind, so that it can be found and killed."""
    if sys.platform == "linux":
        from scale_impact.workflow.zygote import PR_SET_CHILD_SUBREAPER, prctl

        prctl(PR_SET_CHILD_SUBREAPER, 1)


def _channels() -> tuple[IO[bytes], IO[bytes]]:
    """Standard input and output for orders and answers alone: what else prints goes to the error stream."""
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return orders, answers


def _listen(orders: IO[bytes], inbox: queue.SimpleQueue[Order], busy: threading.Event) -> None:
    """Take orders; when there can be no more, end at once with all that was started."""
    with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            order = pickle.load(orders)
            busy.set()
            inbox.put(order)
    if not busy.is_set():
        os._exit(0)  # nothing to tidy away
    _end()


def _end() -> None:
    """Leave as on a signal, so that folders in which results were collected are removed; then without ceremony."""
    from scale_impact.workflow.limits import kill_below

    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE / 2)
    kill_below(os.getpid())
    os._exit(1)


def _leave(*_: object) -> None:
    """Once: what is being tidied away then must not be interrupted again."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)


def _say(answers: IO[bytes], what: Any) -> None:
    pickle.dump(what, answers)
    answers.flush()


def _import_ahead() -> None:
    """Import what the first run needs while its order is on the way."""
    from scale_impact.workflow.execute import _lighten

    _lighten()
    import scale_impact.workflow.client
    import scale_impact.workflow.kernel  # noqa: F401
