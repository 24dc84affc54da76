"""Agreement: effects in one unit and with one direction, none of them twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from scale_impact.core.words import number
from scale_impact.errors import DesignError
from scale_impact.evidence.duplicates import repeated
from scale_impact.evidence.gathering.candidates import Found, Left


def in_unit(candidates: Sequence[Found], unit: str, factors: Mapping[str, float]) -> tuple[list[Found], list[Left]]:
    """Effects in a unit: those that have it, and those in another one times its factor; the others are left out."""
    kept, left_out = list[Found](), list[Left]()
    for found in candidates:
        own = str(found.row["outcome_unit"])
        if own == unit:
            kept.append(found)
        elif own in factors:
            kept.append(_times(found, factors[own], unit))
        else:
            left_out.append((found.name, f"{found.row['outcome']} is in {own}, and {unit} is asked for"))
    return kept, left_out


def _times(found: Found, factor: float, unit: str) -> Found:
    """An effect in another unit."""
    row = found.row
    ends = ("ci_low", "ci_high") if factor > 0 else ("ci_high", "ci_low")
    changed = {
        to: None if row[end] is None else row[end] * factor for to, end in zip(("ci_low", "ci_high"), ends, strict=True)
    }
    changed |= {"estimate": row["estimate"] * factor, "std_error": row["std_error"] * abs(factor), "outcome_unit": unit}
    return replace(found, row={**row, **changed})


def agree(candidates: Sequence[Found], indicator: str) -> None:
    """Refuse effects whose units or directions differ from those of the first."""
    problems = list[str]()
    for key, word, advice in (
        (
            "outcome_unit",
            "unit",
            "Say which unit is meant (unit), with what one of the other is in it (factors), or name the studies that fit together (studies, papers).",
        ),
        (
            "direction",
            "direction",
            "The catalogue was changed between the two: run the study again, or leave one out (studies).",
        ),
    ):
        known = [f for f in candidates if f.row[key] is not None]
        others = {f.row[key]: f for f in reversed(known) if f.row[key] != known[0].row[key]}
        problems += [
            f"{indicator}: {_said(known[0], key, word)}, and {_said(other, key, word)}. They cannot be put together. {advice}"
            for other in others.values()
        ]
    if problems:
        raise DesignError(problems)


def _said(found: Found, key: str, word: str) -> str:
    row = found.row
    return (
        f"{found.name} ({found.where}, {row['outcome']}, effect {number(row['estimate'])}) has the {word} {row[key]!r}"
    )


def once(candidates: Sequence[Found]) -> tuple[list[Found], list[Left]]:
    """Effects that are not another one's again."""
    again = repeated([f.piece() for f in candidates])
    left_out = [
        (candidates[k].name, f"the same number of the same data as {candidates[j].name}") for k, j in again.items()
    ]
    return [f for k, f in enumerate(candidates) if k not in again], left_out
