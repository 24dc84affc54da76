"""The machine as a notebook's own process sees it: numerical libraries, and what may steer them.

Only the kernel knows which libraries it loaded and with how many threads, so ``session.save()``
notes it in the folder of results, and the run takes the note into its manifest.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

NOTE = ".machine.json"
"""File of the note; it is never published."""

STEERING = (
    "PYTHON", "OMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "GOTO_", "NUMEXPR_", "NUMBA_", "KMP_", "SCALE_IMPACT_", "LC_", "MPL",
)  # fmt: skip
"""Beginnings of names of environment variables that can change what a notebook does."""

SET_BY_LIBRARIES = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK")
"""Variables that scikit-learn sets when it is imported."""

BLAS = {"internal_api": "name", "version": "version", "architecture": "architecture", "num_threads": "threads"}
"""What is kept of a numerical library, and under which name; its path is not."""


def describe() -> dict[str, Any]:
    """Numerical libraries of this process, and names (never values) of environment variables that may steer it."""
    from threadpoolctl import threadpool_info

    found = [{ours: library.get(theirs) for theirs, ours in BLAS.items()} for library in threadpool_info()]
    unique = {json.dumps(library, sort_keys=True): library for library in found}
    return {"blas": [unique[key] for key in sorted(unique)], "variables": steering_variables()}


def steering_variables() -> list[str]:
    """Names of environment variables that can change what Python and its libraries do."""
    found = [name for name in os.environ if name.startswith(STEERING) or name in ("LANG", "LANGUAGE", "TZ")]
    return sorted(name for name in found if name not in SET_BY_LIBRARIES)


def note(folder: Path) -> None:
    """Note this process's libraries in a folder of results."""
    (folder / NOTE).write_text(json.dumps(describe()), encoding="utf-8")


def fold(folder: Path) -> dict[str, Any]:
    """The note of a folder, which is removed; empty where a notebook left none."""
    path = folder / NOTE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    with contextlib.suppress(OSError):
        path.unlink()
    return found if isinstance(found, dict) else {}
