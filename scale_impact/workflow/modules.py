"""Python files of a project that its notebooks import or run: code of a run like its cells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

OWN = ("scale_impact", "tests", "benchmarks")
"""Packages in the project's folder that are no notebook's own code."""

RUN = re.compile(r"^\s*%run\s+(?:-\w+\s+)*(\S+)", flags=re.MULTILINE)
"""The magic that runs a file."""


def local_modules(sources: Iterable[str], root: Path) -> tuple[Path, ...]:
    """Files below a project's folder that sources import or run, and those that these import, sorted.

    Notebooks are executed in the project's folder, so ``import helpers`` finds ``helpers.py`` there.
    """
    found: dict[Path, None] = {}
    waiting = [path for source in sources for path in _named(source, root)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = None
            waiting += _named(path.read_text(encoding="utf-8", errors="replace"), root)
    return tuple(sorted(found))


def _named(source: str, root: Path) -> Iterator[Path]:
    for name in imports(source):
        if name.partition(".")[0] not in OWN:
            yield from _files(root, name.split("."))
    for name in RUN.findall(source):
        path = root / (name if name.endswith(".py") else f"{name}.py")
        if path.is_file() and path.resolve().is_relative_to(root.resolve()):
            yield path


def _files(root: Path, parts: list[str]) -> Iterator[Path]:
    """The file of a module and those of the packages around it; none where it is not in the project."""
    for k in range(1, len(parts) + 1):
        base = root.joinpath(*parts[:k])
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file():
                yield path


def imports(source: str) -> list[str]:
    """Modules that a source imports, at its top or inside functions; `from a import b` gives `a` and `a.b`."""
    try:
        tree = ast.parse("\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))))
    except SyntaxError:
        return []
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found
