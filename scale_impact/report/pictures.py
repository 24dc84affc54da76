"""The figures that a run published: which section each belongs to, and what it shows in a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from scale_impact.core import keys
from scale_impact.report.published import RunRead

PATHS = (
    "event_path", "gap_path", "synthetic_path", "interrupted_series", "path_comparison", "gap_comparison", "discontinuity", "dose_response",
    "holistic_profile", "league_table", "pilot_design", "power_analysis", "expected_effect", "forest",
    "held_out", "decision_card", "partner_ledger", "cash_flow",
)  # fmt: skip
"""Figures that show the answer itself."""

WEIGHTS = ("cohort_weights", "donor_weights", "predictor_balance", "treatment_timing", "transfer_support", "tornado")
"""Figures that show what the answer rests on."""


@dataclass(frozen=True)
class Picture:
    """A published figure: its file's name, its key, what it shows."""

    name: str
    key: str
    caption: str
    alt: str


def pictures(run: RunRead, title: str) -> list[Picture]:
    """The figures of a run, each with a sentence."""
    known = keys.names("figures")
    found = []
    for name in run.figures:
        key = _key(name, known)
        about = _about(key) if key in known else name.replace("_", " ")
        rest = name[len(key) :].strip("_")
        which = f" ({'no. ' if rest.isdigit() else ''}{rest})" if rest else ""
        found.append(Picture(name, key, f"{about}{which}", f"{about}{which}. Study: {title[:200]}"))
    return found


def _key(name: str, known: Iterable[str]) -> str:
    """The figure of the package that a file is of: `event_path` of `event_path_2`."""
    return max((k for k in known if name == k or name.startswith(f"{k}_")), key=len, default=name)


@cache
def _about(key: str) -> str:
    """The first sentence of a figure's own description."""
    text = " ".join((import_module(f"scale_impact.figures.{key}").__doc__ or key).split("\n\n")[0].split())
    return text.split(". ")[0].rstrip(".")
