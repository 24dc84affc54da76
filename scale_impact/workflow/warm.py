"""Warm kernels: a process that has imported what notebooks import, and forks a kernel for each run (Linux)."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from scale_impact.errors import ScaleImpactError
from scale_impact.workflow.modules import imports
from scale_impact.workflow.preflight import code_cells
from scale_impact.workflow.runs import Run

ALWAYS = (
    "fsspec", "numpy", "numpy.random", "pandas", "matplotlib", "matplotlib.pyplot", "matplotlib.figure", "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg", "scipy.stats", "scipy.linalg", "scipy.sparse", "scipy.optimize", "scipy.special",
    "annotated_types", "pydantic", "pydantic.main", "pydantic.types", "pydantic.json_schema", "pydantic.functional_validators",
    "pydantic.plugin._schema_validator", "yaml", "threadpoolctl", "urllib.request", "importlib.readers", "encodings.utf_8_sig",
    "encodings.cp437",
)  # fmt: skip
"""What every notebook of a study imports sooner or later, through scale_impact."""


def supported() -> bool:
    """Whether this system can fork kernels: Linux, with the parents of orphans under control."""
    return sys.platform == "linux" and Path("/proc/self/task").is_dir()


@dataclass
class WarmKernels:
    """A zygote for kernels; a context manager. ``socket`` is None where it could not be made: kernels are cold then.

    It starts with what every notebook imports; ``preload`` says what else there is to import, and that it may serve.

    Attributes
    ----------
    environment:
        The environment of its kernels: libraries read some of it when they are imported.
    folder:
        Where its socket lies; its name has to be short.
    """

    environment: Mapping[str, str]
    folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start importing, in the background; who connects meanwhile waits."""
        if not supported():
            return
        zygote = Path(__file__).with_name("zygote.py")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(zygote), self._path, ",".join(ALWAYS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(self.environment),
            start_new_session=True,
        )  # fmt: skip

    def preload(self, modules: Iterable[str]) -> None:
        """Name what else to import (see ``modules_of``); then kernels can be had."""
        if self._process is None or self._process.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):  # it died: kernels are cold
            self._process.stdin.write(json.dumps(list(modules)).encode() + b"\n")
            self._process.stdin.flush()

    @property
    def _path(self) -> str:
        return str(self.folder / "zygote")

    @property
    def socket(self) -> str | None:
        """Where kernels are asked for."""
        return self._path if self._process is not None and self._process.poll() is None else None

    def ready(self) -> bool:
        """Wait until everything is imported; whether kernels can be forked."""
        if self._process is None or self._process.stdout is None:
            return False
        line = self._process.stdout.readline()
        return bool(line) and bool(json.loads(line)["ready"])

    def close(self) -> None:
        """End the zygote, and with it every kernel that it started."""
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close() if pipe else None
            try:
                self._process.wait(timeout=1)  # while it imports it does not listen
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def __enter__(self) -> WarmKernels:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


HEAVY = ("dowhy", "econml", "SALib")
"""Packages that a run which does not use them must not have loaded: preloaded only where each run of a batch names them."""


def modules_of(runs: Iterable[Run]) -> tuple[str, ...]:
    """Third-party modules that the notebooks of runs import: in their cells, and in the estimators and checks they name.

    The package itself is never among them: an edit of it has to be seen by the next run.
    """
    runs = list(runs)
    by_template = {template: _cells(template) for template in {run.template: None for run in runs}}
    by_file = {path: _imported(path) for path in sorted({path for run in runs for path in _named(run)})}
    found = dict.fromkeys((*ALWAYS, *(n for named in (*by_template.values(), *by_file.values()) for n in named)))
    by_run = [
        {_top(n) for p in _named(r) for n in by_file[p]} | {_top(n) for n in by_template[r.template]} for r in runs
    ]
    unshared = {h for h in HEAVY if not all(h in tops for tops in by_run)}
    return tuple(name for name in found if _is_third_party(name) and _top(name) not in unshared)


def _cells(template: Path) -> list[str]:
    """What a template's cells import; nothing where it cannot be read, which its run says."""
    with contextlib.suppress(ScaleImpactError):
        return [name for cell in code_cells(template) for name in imports(cell)]
    return []


def _top(name: str) -> str:
    return name.partition(".")[0]


def _imported(path: Path) -> list[str]:
    """What the file of a key imports, and those files of its room that it shares with others."""
    names = imports(path.read_text(encoding="utf-8"))
    own = f"scale_impact.{path.parent.name}._"
    beside = {
        path.with_name(f"_{name.removeprefix(own).partition('.')[0]}.py") for name in names if name.startswith(own)
    }
    return [*names, *(name for p in sorted(beside) if p.is_file() for name in imports(p.read_text(encoding="utf-8")))]


ROOMS = {"measure": (), "benchmark": ("benchmark",), "transfer": ("synthesis", "benchmark"), "scaleup": ("scaleup",)}
"""Rooms of the package that a study uses beside what it names, by its kind."""


def _named(run: Run) -> list[Path]:
    """Files of the estimators, checks and inference that a run names."""
    package, settings = Path(__file__).resolve().parents[1], run.study.settings
    rooms = {"estimators": settings.estimators, "checks": settings.checks, "inference": [settings.inference]}
    places = [package / room / f"{choice.name}.py" for room, chosen in rooms.items() for choice in chosen]
    places += [p for room in ROOMS[settings.kind] for p in sorted((package / room).rglob("*.py"))]
    return [path for path in places if path.is_file()]


def _is_third_party(name: str) -> bool:
    top = name.partition(".")[0]
    if top == "scale_impact" or top in sys.stdlib_module_names or name.startswith("matplotlib_inline"):
        return False
    with contextlib.suppress(ImportError, ValueError):
        spec = find_spec(top)
        place = (spec.origin or "") if spec else ""
        return "site-packages" in place or "dist-packages" in place
    return False
