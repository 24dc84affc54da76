"""Checks: one file each, and the file name is the key.

``run(panel, design, refit, *, options) -> Check``; ``refit(panel, design)`` estimates the
study's effect again, so that no check imports an estimator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scale_impact.core import keys
from scale_impact.core.check import Check
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.errors import UsageError

Refit = Callable[[Panel, Design], Effect]


def names() -> tuple[str, ...]:
    """Keys of all checks."""
    return keys.names("checks")


def option_names(name: str) -> tuple[str, ...]:
    """Options that a check takes."""
    return keys.options("checks", name, "run")


def check(name: str, panel: Panel, design: Design, refit: Refit, **options: Any) -> Check:
    """Run a check of a design and its estimate.

    Parameters
    ----------
    name:
        Key of the check: a file of ``scale_impact/checks/``.
    panel, design:
        The data, and who is compared with whom.
    refit:
        Estimates the effect for a panel and a design.
    options:
        Options of the check.

    Raises
    ------
    UsageError
        No such check, or no such option.
    """
    run = keys.load("checks", name, "run")
    if problems := keys.unknown_options("checks", name, "run", options):
        raise UsageError(problems)
    found: Check = run(panel, design, refit, **options)
    return found
