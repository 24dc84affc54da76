"""How a run is executed, whatever it is about: threads, limits, kernel; and what is said meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
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


BLAS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""One thread each: sums in another order have other last digits."""

PARALLEL = ("OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT", "POLARS_MAX_THREADS")
"""A run's share of the cores."""

DROPPED = ("SCALE_IMPACT_", "JPY_", "JUPYTER_", "IPYTHON", "COLUMNS", "LINES", "FORCE_COLOR", "PYTHONSTARTUP")
"""Starts of names that a kernel does not inherit: what another run, notebook or terminal set."""

KEPT = ("SCALE_IMPACT_ROOT",)


SETTINGS = Path(__file__).with_name("matplotlibrc")
"""Matplotlib's settings in a run, whatever a user has for themselves."""


def environment_of(threads: int) -> dict[str, str]:
    """This environment without what would change results, with fixed threads and hash seed: same inputs, same bytes."""
    inherited = {k: v for k, v in os.environ.items() if k in KEPT or not k.startswith(DROPPED)}
    fixed = {**dict.fromkeys(BLAS, "1"), **dict.fromkeys(PARALLEL, str(threads))}
    quiet = {"TQDM_DISABLE": "1", "PYTHONHASHSEED": "0", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    quiet |= {"MATPLOTLIBRC": str(SETTINGS), "SOURCE_DATE_EPOCH": "315532800"}  # pictures without the clock
    quiet["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # a process with two threads must not fork
    return {**inherited, **fixed, **quiet}
