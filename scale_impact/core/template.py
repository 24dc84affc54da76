"""Template: what a notebook's file says of itself: its code, its parameters cell, who handles a grid."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from scale_impact.errors import StudyError

CALLED = {"benchmark": ("benchmark", "why_here"), "transfer": ("transfer",), "scaleup": ("scale_up",)}
"""What a template calls of its session, by the key of the studies that it is for."""

OF_MEASURES = ("estimate", "estimates", "design", "panel", "specifications", "pilot_design", "power_analysis")
"""What it calls to evaluate a measure, or to plan for one."""


@dataclass(frozen=True)
class Template:
    """A notebook's code.

    Attributes
    ----------
    name:
        Its file.
    code:
        Sources of its code cells.
    parameters:
        Source of the cell tagged ``parameters``.
    whole_grid:
        Whether it evaluates a study's grid itself, in one run (``"scale_impact": {"grid":
        "whole"}`` in its metadata).
    """

    name: str
    code: tuple[str, ...]
    parameters: str
    whole_grid: bool = False

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Kinds of studies that it can evaluate; what calls nothing of any kind may evaluate a measure elsewhere."""
        found = {kind for kind, names in CALLED.items() if not self._calls.isdisjoint(names)}
        return frozenset(found if found and self._calls.isdisjoint(OF_MEASURES) else {*found, "measure"})

    @cached_property
    def _calls(self) -> frozenset[str]:
        """Names of the methods that its cells call."""
        return frozenset(name for source in self.code for name in _called(source))


def read_template(path: Path) -> Template:
    """Read a notebook; each content is parsed once a process.

    Raises
    ------
    StudyError
        It is no notebook, or has no cell tagged ``parameters``.
    """
    try:
        return _parsed(path.name, path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(
            f"This is no notebook ({type(error).__name__}: {error}). Save it again in JupyterLab.",
            where=f"notebooks/{path.name}",
        ) from error


@lru_cache(maxsize=64)
def _parsed(name: str, text: str) -> Template:
    notebook = json.loads(text)
    code = [(c["metadata"], "".join(c["source"])) for c in notebook["cells"] if c["cell_type"] == "code"]
    tagged = [source for metadata, source in code if "parameters" in metadata.get("tags", [])]
    if not (tagged and notebook["nbformat"]):
        raise StudyError(
            "No code cell is tagged `parameters`, so the study could not be handed to the notebook. Tag the cell that sets "
            "`study` (JupyterLab: property inspector, common tools, cell tags).",
            where=f"notebooks/{name}",
        )
    return Template(name, tuple(source for _, source in code), tagged[0], _whole_grid(notebook.get("metadata")))


def _whole_grid(metadata: Any) -> bool:
    own = metadata.get("scale_impact") if isinstance(metadata, dict) else None
    return isinstance(own, dict) and own.get("grid") == "whole"


def _called(source: str) -> Iterator[str]:
    """Names of methods that a cell calls; of one that is no plain Python, whatever looks like a call."""
    try:
        tree = ast.parse("\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))))
    except SyntaxError:
        yield from re.findall(r"\.(\w+)\s*\(", source)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr
