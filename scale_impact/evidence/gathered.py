"""Gathered: what studies and papers found of one measure on one indicator, as city effects that can be put together.

One effect of each study and outcome (the primary overall one), or the effects of its cities where it has published them, never both.
Marked evidence is left out unless ``include`` names the mark, numbers without a standard error always; each with its reason. Effects
in different units or with different directions are refused: a difference of logarithms and one of persons have no mean.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.catalogue.indicator import load_indicators, nearest_indicator
from scale_impact.core.city_effects import CityEffects
from scale_impact.core.project import Project
from scale_impact.core.words import counted, nearest, some
from scale_impact.errors import DesignError, UsageError
from scale_impact.evidence.duplicates import clusters
from scale_impact.evidence.gathering.agreement import agree, in_unit, once
from scale_impact.evidence.gathering.candidates import Found, Left, Row, candidates
from scale_impact.evidence.standing import MARKS

if TYPE_CHECKING:
    import pandas as pd

Include = Literal["unfrozen", "failed", "simulated", "failed_checks"]


@dataclass(frozen=True)
class Gathered:
    """City effects with the rows that they are.

    Attributes
    ----------
    effects:
        As synthesis takes them.
    rows:
        The rows of the effects, in their order.
    left_out:
        What was left out: study, why.
    """

    effects: CityEffects
    rows: tuple[Row, ...]
    left_out: tuple[Left, ...] = field(default=())


def gather(
    project: Project, measure: str, indicator: str, *, studies: Sequence[str] | None = None, papers: Sequence[str] | None = None,
    include: Collection[Include] = (), cities: bool = True, unit: str | None = None, factors: Mapping[str, float] | None = None,
) -> CityEffects:  # fmt: skip
    """City effects of one measure on one indicator; see ``collect``, which takes the same and also gives the rows."""
    return collect(
        project, measure, indicator, studies=studies, papers=papers, include=include, cities=cities, unit=unit, factors=factors
    ).effects  # fmt: skip


def collect(
    project: Project, measure: str, indicator: str, *, studies: Sequence[str] | None = None, papers: Sequence[str] | None = None,
    include: Collection[Include] = (), cities: bool = True, unit: str | None = None, factors: Mapping[str, float] | None = None,
) -> Gathered:  # fmt: skip
    """Effects of one measure on one indicator that studies and papers have published, with their rows.

    Parameters
    ----------
    project, measure, indicator:
        Whose evidence, and of what.
    studies:
        Slugs, or slug/variant; default all, an empty list none. Of a study with several runs the first by name counts unless a
        variant is named.
    papers:
        Files of data/evidence by name; default all, an empty list none.
    include:
        Marks of evidence that counts all the same: ``unfrozen``, ``failed``, ``simulated``, ``failed_checks``.
    cities:
        Whether a study's effects of single cities stand for its overall effect, where two or more have standard errors.
    unit, factors:
        The unit that is meant where studies differ: others are left out, or multiplied by what one of theirs is in it, by unit:
        ``unit="%", factors={"share": 100}``.

    Raises
    ------
    UsageError
        A measure, indicator, study, file or mark that there is not.
    SourceError
        Results or published numbers that cannot be read.
    DesignError
        Nothing is left, or effects whose units or directions contradict each other, each pair by name.
    """
    problems = _unknown(project, measure, indicator, studies, include)
    problems += (
        ["factors are given without the unit that they lead to. Name it (unit)."] if factors and unit is None else []
    )
    if problems:
        raise UsageError(problems)
    found, left_out = candidates(project, measure, indicator, studies, papers, include, cities)
    if unit is not None:
        found, others = in_unit(found, unit, factors or {})
        left_out += others
    agree(found, indicator)
    found, again = once(found)
    left_out += again
    if not found:
        raise DesignError(_nothing(measure, indicator, left_out))
    return _gathered(found, left_out)


def _unknown(
    project: Project, measure: str, indicator: str, studies: Sequence[str] | None, include: Collection[str]
) -> list[str]:
    """Names that there are not."""
    for name, given in (("studies", studies), ("include", include)):
        if isinstance(given, str):  # whose letters would be taken for names
            return [f"{name} is {given!r}: it should be a list of names, [{given!r}]."]
    indicators, measures, slugs = load_indicators(project.indicators), project.keys("measures"), _slugs(project)
    problems = [] if measure in measures else [f"There is no measure {measure!r}. {nearest(measure, measures)}"]
    if indicator not in indicators:
        problems.append(f"There is no indicator {indicator!r}. {nearest_indicator(indicators, indicator)}")
    problems += [
        f"There is no study {s!r}. {nearest(s, slugs)}" for s in studies or () if s.partition("/")[0] not in slugs
    ]
    problems += [f"include: there is no mark {m!r}. {nearest(m, MARKS)}" for m in include if m not in MARKS]
    return problems


def _slugs(project: Project) -> set[str]:
    return {*project.keys("studies"), *(p.parent.name for p in project.studies.glob("*/results"))}


def _nothing(measure: str, indicator: str, left_out: Sequence[Left]) -> list[str]:
    """Why there is nothing to put together."""
    head = f"There is no evidence of {measure} on {indicator}"
    if not left_out:
        return [
            f"{head}: no study has published it, and no line of data/evidence/*.csv. Run a study, or enter what others found."
        ]
    return [f"{head} that counts.", *_by_reason(left_out)]


def _gathered(found: Sequence[Found], left_out: Sequence[Left]) -> Gathered:
    rows = [f.row for f in found]
    together = clusters([f.piece() for f in found])
    errors = np.array([r["std_error"] for r in rows], dtype=float)
    effects = CityEffects(
        _labels(found),
        np.array([r["estimate"] for r in rows], dtype=float),
        np.diag(errors**2),
        next((str(r["outcome_unit"]) for r in rows if r["outcome_unit"] is not None), ""),
        str(rows[0]["direction"]),
        together,
        _context(rows),
        np.array([math.inf if r["df"] is None else r["df"] for r in rows], dtype=float),
        tuple(_notes(found, together, errors, left_out)),
    )
    return Gathered(effects, tuple(rows), tuple(left_out))


def _labels(found: Sequence[Found]) -> tuple[str, ...]:
    """A name for each effect: the city, or the study; with what tells it from another one of that name."""
    makers: list[Callable[[Found], str]] = [
        lambda f: str(f.row["label"]) if f.row["kind"] == "unit" else f.name,
        lambda f: f"{f.row['label']} ({f.name})" if f.row["kind"] == "unit" else f"{f.name}: {f.row['outcome']}",
        lambda f: f"{f.name}: {f.row['label']}, {f.row['outcome']}",
        lambda f: f"{f.name}: {f.row.get('place') or f.row['label']}, {f.row['outcome']}",
    ]
    names = [makers[0](f) for f in found]
    for make in makers[1:]:
        times = Counter(names)
        names = [make(f) if times[n] > 1 else n for f, n in zip(found, names, strict=True)]
    times = Counter(names)
    return tuple(n if times[n] == 1 else f"{n} [{names[: k + 1].count(n)}]" for k, n in enumerate(names))


def _context(rows: Sequence[Row]) -> pd.DataFrame | None:
    """What the rows say of their cities, a column each; None where none says anything."""
    import pandas as pd

    said = [_mapping(row.get("context")) for row in rows]
    return pd.DataFrame(said, columns=list(dict.fromkeys(k for s in said for k in s))) if any(said) else None


def _mapping(context: Any) -> dict[str, Any]:
    found = json.loads(context) if isinstance(context, str) else context
    return dict(found) if isinstance(found, Mapping) else {}


def _notes(
    found: Sequence[Found],
    together: Sequence[str],
    errors: NDArray[np.float64],
    left_out: Sequence[Left],
) -> list[str]:
    """What the numbers rest on, and what was left out."""
    several = [c for c in dict.fromkeys(together) if together.count(c) > 1]
    notes = [
        f"{counted(len(found), 'effect')} in {counted(len(set(together)), 'cluster')}; clusters share no study, city or data."
    ]
    if several:
        parts = [f"{c}: {some([f.name for f, t in zip(found, together, strict=True) if t == c])}" for c in several]
        notes.append(
            f"The same city, data or study: {'; '.join(dict.fromkeys(parts))}. Take them as clusters, not as independent."
        )
    studied = [f.name for f in found if f.standing is not None and f.row["kind"] == "unit"]
    if len(studied) > len(set(studied)):
        notes.append(
            "Errors of the cities of one study are taken as independent: rows do not tell what shared controls cause. One staggered study "
            "gives it (core.measuring_cities.city_effects)."
        )
    marked = {f.name: f.standing.marks for f in found if f.standing is not None and f.standing.marks}
    notes += [f"{name} counts although {'; '.join(MARKS[m] for m in marks)}." for name, marks in marked.items()]
    if zero := [f.name for f, e in zip(found, errors, strict=True) if e == 0]:
        notes.append(f"A standard error of 0: {some(zero)}.")
    return [*notes, *_by_reason(left_out)]


def _by_reason(left_out: Sequence[Left]) -> list[str]:
    """What was left out, a sentence a reason."""
    names: dict[str, list[str]] = {}
    for name, why in dict.fromkeys(left_out):
        names.setdefault(why, []).append(name)
    return [f"Left out: {some(of, 12)}: {why}." for why, of in names.items()]
