"""The packages: versions against what pyproject.toml allows and uv.lock names, the linear algebra, Papermill."""

from __future__ import annotations

import json
import operator
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scale_impact.workflow.doctor.finding import Finding, missing, note, ok

OURS = "scale-impact"

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip

NUMERIC = ("numpy", "pandas", "scipy", "linearmodels", "dowhy", "econml", "statsmodels", "scikit-learn", "matplotlib")
"""Packages that make numbers and figures, named with their versions."""

SECONDS = 20
"""After which a Python that imports a package is given up."""


def python(root: Path | None) -> list[Finding]:
    """This Python, and whether the project takes it."""
    bits = 64 if sys.maxsize > 2**32 else 32
    words = f"{platform.python_version()} ({platform.python_implementation()}, {bits} bit) in {sys.prefix}"
    wanted = _pyproject(root).get("project", {}).get("requires-python", "")
    if not within(platform.python_version(), wanted):
        mend = "rm -rf .venv && make setup PYTHON=python3.13"
        return [missing("python", f"{words}; the project needs {wanted}", mend)]
    return [ok("python", words)]


def package(root: Path | None) -> list[Finding]:
    """This package: its version, and where its source comes from."""
    here, own_version = Path(__file__).resolve().parents[2], import_module("scale_impact").__version__
    own = root is not None and here == root.resolve() / "scale_impact"
    words = f"{own_version}, source in {'scale_impact/ of this project' if own else 'the installed package'}"
    if not own and root is not None and (root / "scale_impact" / "__init__.py").is_file():
        return [
            note(OURS, f"{words}; this project's own scale_impact/ is not used", install("--editable .", root=root))
        ]
    try:
        known = version(OURS)
    except PackageNotFoundError:
        return [
            note(
                OURS,
                f"{words}; not installed: the command `scale-impact` is missing",
                install("--editable .", root=root),
            )
        ]
    if known != own_version:
        return [note(OURS, f"{words}, but installed as {known}", install("--editable .", root=root))]
    return [ok(OURS, words)]


def declared(root: Path | None) -> list[Finding]:
    """Whether each package that this one needs is there, in a version that it takes."""
    wanted = dict(map(_requirement, _dependencies(root)))
    found = _installed()
    wrong = [missing(f"package {name}", _wrong(found.get(name), bounds), install(_pin(name, bounds), root=root))
             for name, bounds in wanted.items() if not within(found.get(name, ""), bounds)]  # fmt: skip
    shown = ", ".join(f"{name} {found[name]}" for name in NUMERIC if name in found)
    good = f"{len(wanted) - len(wrong)} of {len(wanted)} in the ranges of pyproject.toml: {shown}"
    return [ok("packages", good) if not wrong else note("packages", good), *wrong]


def _wrong(seen: str | None, bounds: str) -> str:
    return (
        f"not installed; {bounds or 'any version'} is needed"
        if seen is None
        else f"{seen} is installed, {bounds} is needed"
    )


def _pin(name: str, bounds: str) -> str:
    return f"'{name}{bounds}'"


def lock(root: Path | None) -> list[Finding]:
    """Whether uv.lock is of this pyproject.toml, and whether the installed versions are those of uv.lock.

    A name that is locked in several versions (by Python) agrees when the installed one is among them.
    """
    path = None if root is None else root / "uv.lock"
    if path is None or not path.is_file():
        return [note("uv.lock", "none here: versions are not pinned, numbers may differ from published ones")]
    locked = tomllib.loads(path.read_text(encoding="utf-8"))["package"]
    return [_lock_and_ranges(locked, root), _lock_and_installed(locked, root)]


def _lock_and_ranges(locked: list[dict[str, Any]], root: Path | None) -> Finding:
    own: dict[str, Any] = next((p for p in locked if p["name"] == OURS), {})
    known = {_name(r["name"]): r.get("specifier", "") for r in own.get("metadata", {}).get("requires-dist", [])}
    wanted = dict(map(_requirement, _dependencies(root)))
    stale = sorted(n for n, bounds in wanted.items() if _bounds(known.get(n, "absent")) != _bounds(bounds))
    if stale:
        return note("uv.lock", f"older than pyproject.toml in {', '.join(stale)}", "uv lock")
    return ok("uv.lock", "agrees with pyproject.toml")


def _lock_and_installed(locked: list[dict[str, Any]], root: Path | None) -> Finding:
    versions: dict[str, set[str]] = {}
    for each in locked:
        versions.setdefault(_name(each["name"]), set()).add(each.get("version", ""))
    found = {n: v for n, v in _installed().items() if n in versions and n != OURS}
    other = {n: v for n, v in sorted(found.items()) if v not in versions[n]}
    if not other:
        return ok("locked versions", f"{len(found)} installed packages are those of uv.lock")
    said = ", ".join(f"{n} {v} (locked: {' or '.join(sorted(versions[n]))})" for n, v in list(other.items())[:5])
    rest = f" and {len(other) - 5} more" if len(other) > 5 else ""
    mend = "uv sync --frozen --extra lab" if uv(root) else "rm -f .venv/.ready && make setup"
    return note("locked versions", f"{len(other)} of {len(found)} differ from uv.lock: {said}{rest}", mend)


def blas(root: Path | None) -> list[Finding]:
    """The linear algebra that NumPy and SciPy call, asked in a Python of its own: a broken one may crash it."""
    said = ask("import json, numpy, scipy.linalg, threadpoolctl; print(json.dumps(threadpoolctl.threadpool_info()))")
    pools = [p for p in json.loads(said) if p.get("user_api") == "blas"]
    if not pools:
        return [note("blas", "threadpoolctl knows none of the libraries loaded: threads cannot be limited")]
    names = sorted({f"{p['internal_api']} {p.get('version')} ({p.get('architecture', 'unknown')})" for p in pools})
    return [ok("blas", f"{', '.join(names)}; {max(p['num_threads'] for p in pools)} threads unless told otherwise")]


def papermill(root: Path | None) -> list[Finding]:
    """Whether Papermill can be imported, without the web-address grammar that takes half of its time."""
    said = ask("import sys; sys.modules['rfc3987_syntax'] = None; import papermill; print(papermill.__version__)")
    return [ok("papermill", f"{said}, imported")]


def extras(root: Path | None) -> list[Finding]:
    """What only some need: dask for clusters, JupyterLab for editing."""
    wanted = {
        "dask": ("distributed", "`run --scheduler` needs it", "dask[dataframe,distributed]>=2025.1,<2027"),
        "lab": ("jupyterlab", "`make lab` needs it", "jupyterlab>=4.2,<5"),
    }
    return [_extra(name, module, why, need, root) for name, (module, why, need) in wanted.items()]


def _extra(name: str, module: str, why: str, need: str, root: Path | None) -> Finding:
    if find_spec(module) is None:
        return note(f"extra {name}", f"not installed; only {why}", install(f"'{need}'", root=root))
    return ok(f"extra {name}", f"{module} {_installed().get(module, 'of unknown version')}")


def ask(code: str) -> str:
    """What a new Python prints last; its crash is an error with the last line that it said.

    Raises
    ------
    RuntimeError
        It ended otherwise than well.
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        last = next(reversed(done.stderr.strip().splitlines()), f"ended with {done.returncode} without a word")
        raise RuntimeError(last)
    return next(reversed(done.stdout.strip().splitlines()), "")


def install(what: str, *, root: Path | None) -> str:
    """The command that installs a requirement into this Python, by what there is here."""
    here = shlex.quote(_shown(Path(sys.executable), root))
    if command := uv(root):
        return f"{command} pip install --python {here} {what}"
    first = "" if find_spec("pip") else f"{here} -m ensurepip && "
    return f"{first}{here} -m pip install {what}"


def uv(root: Path | None) -> str | None:
    """How uv is called here; the Makefile gets one of its own where there is none."""
    own = None if root is None else root / ".tools" / "bin" / "uv"
    if shutil.which("uv"):
        return "uv"
    return ".tools/bin/uv" if own is not None and own.is_file() else None


def _shown(path: Path, root: Path | None) -> str:
    return path.relative_to(root).as_posix() if root is not None and path.is_relative_to(root) else str(path)


def _dependencies(root: Path | None) -> Iterable[str]:
    """Requirements of the package, without extras: of the source where that is used, else as installed."""
    if found := _pyproject(root).get("project", {}).get("dependencies"):
        return list(found)
    try:
        return [r for r in requires(OURS) or [] if ";" not in r]
    except PackageNotFoundError:
        return []


def _pyproject(root: Path | None) -> dict[str, Any]:
    """pyproject.toml of the project, where it is this package's."""
    path = None if root is None else root / "pyproject.toml"
    found = tomllib.loads(path.read_text(encoding="utf-8")) if path is not None and path.is_file() else {}
    return found if found.get("project", {}).get("name") == OURS else {}


def _installed() -> dict[str, str]:
    """Versions by name; of a name that was left behind twice, the one that Python imports: the first."""
    found: dict[str, str] = {}
    for each in distributions():
        if name := each.metadata["Name"]:
            found.setdefault(_name(name), each.version)
    return found


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _requirement(text: str) -> tuple[str, str]:
    """Name and bounds of ``numpy[extra]>=1.26,<3``."""
    found = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)", text)
    return (_name(found[1]), found[2].replace(" ", "")) if found else (text, "")


def _bounds(text: str) -> frozenset[str]:
    return frozenset(b.strip() for b in text.split(",") if b.strip())


def within(found: str, bounds: str) -> bool:
    """Whether a version lies within bounds such as ``>=1.26,<3``; no version lies within none.

    Raises
    ------
    ValueError
        A bound is written in a way that is not used here (``~=``, ``==1.*``).
    """
    return bool(found) and all(_holds(found, bound) for bound in _bounds(bounds))


def _holds(found: str, bound: str) -> bool:
    parts = re.fullmatch(r"(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)*)", bound)
    if parts is None:
        raise ValueError(f"the bound {bound!r} cannot be read")
    return COMPARE[parts[1]](_release(found), _release(parts[2]))


def _release(text: str) -> tuple[int, ...]:
    """Numbers of a version without trailing zeros: 2.0 is 2."""
    numbers = [int(n) for n in (re.match(r"\d+(?:\.\d+)*", text) or ["0"])[0].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
