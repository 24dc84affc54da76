"""Evidence map: what is known of each measure, dimension by dimension, and where its card expects something and nobody has looked.

A study counts once in a cell, however many runs, outcomes and estimators it has; so does a paper. What a cell finds is told by the
first overall effect of each outcome and its interval. Marked evidence (``standing.MARKS``) is counted apart and shown as such;
simulated data, plans, benchmarks, transfers and decisions are no evidence of an effect and are not counted, nor are outcomes that are
context (they are never judged).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scale_impact.core.catalogue.indicator import DIMENSIONS, Indicator, load_indicators, shown
from scale_impact.core.catalogue.measure import Measure, load_measures
from scale_impact.core.evidence_map import CELL_FIELDS, By, EvidenceMap
from scale_impact.core.keys import checked
from scale_impact.core.project import Project
from scale_impact.core.words import counted, nearest
from scale_impact.errors import UsageError
from scale_impact.evidence.gathered import Include
from scale_impact.evidence.papers import paper_rows
from scale_impact.evidence.query import load, standings_of
from scale_impact.evidence.standing import MARKS, Standing

ANSWERS = (
    "SELECT study, variant, measure, outcome, indicator, dimension, direction, estimate, ci_low, ci_high FROM estimates "
    "WHERE kind = 'overall' AND measure IS NOT NULL AND indicator IS NOT NULL AND estimate IS NOT NULL "
    "QUALIFY row_number() OVER (PARTITION BY study, variant, outcome ORDER BY role = 'primary' DESC, rowid) = 1"
)
"""The first overall effect of each outcome of each run."""


@dataclass(frozen=True)
class Look:
    """One effect that a study or paper found.

    Attributes
    ----------
    measure, indicator, dimension:
        Of what.
    name:
        The study or paper, which counts once.
    finding:
        ``better``, ``worse``, ``changed`` or ``unclear``.
    credibility:
        Level of the Maryland scale, None where there is none.
    paper, marked:
        Whether it is a paper's; whether it carries a mark that is not included.
    """

    measure: str
    indicator: str
    dimension: str
    name: str
    finding: str
    credibility: int | None
    paper: bool
    marked: bool


@checked
def evidence_map(
    project: Project, *, by: By = "dimension", measures: list[str] | None = None, papers: list[str] | None = None,
    include: Sequence[Include] = (),
) -> EvidenceMap:  # fmt: skip
    """Measures by dimensions (or indicators): how many studies, how strong, what they find, and gaps.

    Parameters
    ----------
    project:
        Whose studies, cards and published numbers.
    by:
        Columns: ``dimension`` or ``indicator`` (those that a card names or a study measures).
    measures:
        Default all that have a card.
    papers:
        Files of data/evidence by name; default all, an empty list none.
    include:
        Marks of evidence that is counted with the rest (``gathered.collect``); ``simulated`` counts it at all.

    Raises
    ------
    UsageError
        A measure or mark that there is not.
    StudyError, SourceError
        Cards, results or published numbers that cannot be read.
    """
    cards, indicators = load_measures(project), load_indicators(project.indicators)
    problems = [f"There is no measure {m!r}. {nearest(m, cards)}" for m in measures or () if m not in cards]
    problems += [f"include: there is no mark {m!r}. {nearest(m, MARKS)}" for m in include if m not in MARKS]
    if problems:
        raise UsageError(problems)
    chosen = tuple(dict.fromkeys(cards if measures is None else measures))
    looks, notes = _looks(project, papers, include)
    looks = [k for k in looks if k.measure in chosen and k.dimension != "context"]
    asked = {name: _asked(cards[name], indicators, by) for name in chosen}
    found = {(k.measure, k.dimension if by == "dimension" else k.indicator) for k in looks}
    columns = _columns(indicators, by, {c for of in asked.values() for c in of} | {column for _, column in found})
    cells = [
        _cell(measure, column, asked[measure].get(column, []), cards[measure], looks, by)
        for measure in chosen
        for column in columns
        if column in asked[measure] or (measure, column) in found
    ]
    titles = {name: cards[name].title for name in chosen}
    headings = {c: shown(c) if by == "dimension" else indicators[c].name if c in indicators else c for c in columns}
    return EvidenceMap(by, chosen, columns, titles, headings, _frame(cells), tuple(notes))


def _asked(card: Measure, indicators: dict[str, Indicator], by: By) -> dict[str, list[str]]:
    """The columns of which a card says something, each with the indicators that it names."""
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys((*card.expected, *card.risks)):
        if name in indicators and indicators[name].dimension != "context":
            found.setdefault(indicators[name].dimension if by == "dimension" else name, []).append(name)
    return found


def _columns(indicators: dict[str, Indicator], by: By, used: Collection[str]) -> tuple[str, ...]:
    """Columns in the order of the dimensions, or of the catalogue; unknown ones last."""
    own = sorted({i.dimension for i in indicators.values()} - {*DIMENSIONS})
    order = (
        [*DIMENSIONS, *own] if by == "dimension" else sorted(indicators, key=lambda k: _rank(indicators[k].dimension))
    )
    return (*(c for c in order if c in used), *sorted({*used} - {*order}))


def _rank(dimension: str) -> int:
    return DIMENSIONS.index(dimension) if dimension in DIMENSIONS else len(DIMENSIONS)


# ---- what was found ------------------------------------------------------------------------------------


def _looks(project: Project, papers: Sequence[str] | None, include: Collection[str]) -> tuple[list[Look], list[str]]:
    """All effects that studies and papers have found, and what is not counted."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        load(connection, project.studies, ["estimates", "checks"])
        known = {(s.study, s.variant): s for s in standings_of(connection, project.studies)}
        rows = connection.execute(ANSWERS)
        names = [c[0] for c in rows.description]
        answers = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    counts = {run: s for run, s in known.items() if s.kind == "measure" and ("simulated" in include or not s.simulated)}
    looks = [
        _of_study(r, counts[r["study"], r["variant"]], include) for r in answers if (r["study"], r["variant"]) in counts
    ]
    published = [
        r
        for r in paper_rows(project, papers)
        if r["role"] == "primary" and r["design"] not in ("meta_analysis", "model")
    ]
    return [*looks, *map(_of_paper, published)], _notes(known.values(), include)


def _of_study(row: dict[str, Any], standing: Standing, include: Collection[str]) -> Look:
    marked = any(mark not in include for mark in standing.marks)
    level = standing.credibility.level
    return Look(row["measure"], row["indicator"], row["dimension"], row["study"], _finding(row), level, False, marked)


def _of_paper(row: dict[str, Any]) -> Look:
    level = row["credibility"]
    return Look(row["measure"], row["indicator"], row["dimension"], row["study"], _finding(row), level, True, False)


def _finding(row: dict[str, Any]) -> str:
    """What one effect says: its way, where its interval excludes no effect."""
    low, high = row["ci_low"], row["ci_high"]
    if low is None or high is None or low <= 0 <= high:
        return "unclear"
    if row["direction"] not in ("+", "-"):
        return "changed"
    return "better" if (low > 0) == (row["direction"] == "+") else "worse"


def _notes(known: Iterable[Standing], include: Collection[str]) -> list[str]:
    """What is counted, and what is not."""
    runs = list(known)
    notes = [
        "A study counts once in a cell, so does a paper. Marked: "
        + "; ".join(f"{m} ({w})" for m, w in MARKS.items())
        + "."
    ]
    others = {s.study for s in runs if s.kind != "measure"}
    if others:
        notes.append(
            f"Not counted: {counted(len(others), 'study', 'studies')} without effects (plans, benchmarks, transfers, decisions)."
        )
    simulated = {s.study for s in runs if s.simulated and s.kind == "measure"}
    if simulated and "simulated" not in include:
        notes.append(
            f"Not counted: {counted(len(simulated), 'study', 'studies')} of simulated data ({', '.join(sorted(simulated))})."
        )
    return notes


# ---- cells ---------------------------------------------------------------------------------------------


def _cell(measure: str, column: str, asked: list[str], card: Measure, looks: Sequence[Look], by: By) -> dict[str, Any]:
    """One cell: what the card asks, and what those who looked found."""
    here = [k for k in looks if k.measure == measure and (k.dimension if by == "dimension" else k.indicator) == column]
    sound = [k for k in here if not k.marked]
    sound_names = {k.name for k in sound}
    marked = [k for k in here if k.name not in sound_names]  # a study with one sound run counts by that one
    shown_ = sound or marked
    by_name = {
        name: _together([k.finding for k in shown_ if k.name == name]) for name in sorted({k.name for k in shown_})
    }
    counts = {
        word: sum(found == word for found in by_name.values()) for word in ("better", "worse", "changed", "unclear")
    }
    levels = [k.credibility for k in shown_ if k.credibility is not None]
    expected, risks = [n for n in asked if n in card.expected], [n for n in asked if n in card.risks]
    return {
        "measure": measure, "column": column, "asked": "both" if expected and risks else "expected" if expected else "risk" if risks else "",
        "expected": expected, "risks": risks, "studies": len({k.name for k in sound if not k.paper}),
        "papers": len({k.name for k in sound if k.paper}), "marked": len({k.name for k in marked}), **counts,
        "finding": _together(list(by_name.values())) if by_name else None, "credibility": max(levels) if levels else None,
        "gap": not here, "names": sorted({k.name for k in here}),
    }  # fmt: skip


def _together(findings: Sequence[str]) -> str:
    """What several findings say together: those that tell nothing do not speak against one that does."""
    told = {f for f in findings if f != "unclear"}
    if not told:
        return "unclear"
    return told.pop() if len(told) == 1 else "mixed"


def _frame(cells: list[dict[str, Any]]) -> Any:
    import pandas as pd

    frame = pd.DataFrame(cells, columns=list(CELL_FIELDS))
    frame["credibility"] = frame["credibility"].astype("Int64")
    frame["gap"] = frame["gap"].astype(bool)
    return frame
