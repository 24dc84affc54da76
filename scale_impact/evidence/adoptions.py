"""Adoptions: who tried a measure, and what one study found, from what the study has published.

A benchmark tells a city what its peers tried. Nothing is estimated for that: the rows of the study's last run are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scale_impact.benchmark.tried_by_peers import Adoption, CityEffect
from scale_impact.core.catalogue.indicator import load_indicators
from scale_impact.core.catalogue.measure import load_measure
from scale_impact.core.evidence import NOTICED, RANKED
from scale_impact.core.project import Project
from scale_impact.core.words import counted, nearest
from scale_impact.errors import DesignError
from scale_impact.evidence.reading import in_words
from scale_impact.evidence.store import read_rows

Rows = list[dict[str, Any]]


def adoptions_of(project: Project, slug: str, names: Mapping[str, str]) -> list[Adoption]:
    """Who tried the measure of a study, one adoption an outcome; of a study with variants its first run.

    Parameters
    ----------
    project:
        The project that the study belongs to.
    slug:
        The study.
    names:
        The name that is shown of each city, by the unit as the study's data write it; units without one keep their own.

    Raises
    ------
    DesignError
        The study has no results, or none that say who was treated since when.
    """
    folder = project.studies / slug
    run = next((path.parent for path in sorted(folder.glob("results/**/units.jsonl"))), None)
    if run is None:
        raise DesignError(
            f"benchmark.measures: study {slug} has published nobody by name who was treated (results/units.jsonl). "
            f"Run it first: scale-impact run {slug}. Or name a study that follows cities over time."
        )
    units = [row["unit"] for row in read_rows(run / "units.jsonl")]
    if not set(units) & set(names):
        first = units[0]
        raise DesignError(
            f"benchmark.measures: no unit of study {slug} (such as {first!r}) is a city of this benchmark. {nearest(first, names)} "
            "Both have to write a city alike: leave the study out, or give the benchmark the same codes as unit."
        )
    return list(_of_run(project, slug, run, names))


def _of_run(project: Project, slug: str, run: Path, names: Mapping[str, str]) -> Iterable[Adoption]:
    units, rows, checks = (read_rows(run / f"{name}.jsonl") for name in ("units", "estimates", "checks"))
    shown = {row["unit"]: names.get(row["unit"], row["unit"]) for row in units}
    since = {shown[row["unit"]]: row["first_treated"] for row in units}
    for row in _answers(rows):
        yield Adoption(
            slug,
            _title(project, row["measure"]),
            _name(project, row),
            str(row["outcome_unit"]),
            {city: start for city, start in since.items() if start is not None},
            tuple(city for city, start in since.items() if start is None),
            row["estimate"],
            row["ci_low"],
            row["ci_high"],
            row["level"],
            row["p_value"],
            direction=str(row["direction"]),
            reading=in_words(row, _name(project, row)),
            checks=Counter(c["verdict"] for c in checks if c["outcome"] == row["outcome"]),
            sample=_sample(run, units),
            by_city=_by_city(rows, row, shown),
            why_not="" if row["estimate"] is not None else str(row["inference"] or "the study gives no reason"),
        )


def _answers(rows: Rows) -> Rows:
    """The overall estimate of each outcome by the study's first estimator."""
    effects = [r for r in rows if r["kind"] == "overall" and r["estimand"] not in (NOTICED, RANKED)]
    by_outcome = {r["outcome"]: r for r in reversed(effects)}
    return [by_outcome[name] for name in dict.fromkeys(r["outcome"] for r in effects) if by_outcome[name]["indicator"]]


def _by_city(rows: Rows, answer: dict[str, Any], shown: Mapping[str, str]) -> dict[str, CityEffect]:
    """What the same estimator says of single cities."""
    same = ("outcome", "estimator", "estimand")
    found = [r for r in rows if r["kind"] == "unit" and all(r[k] == answer[k] for k in same)]
    return {
        shown[r["label"]]: CityEffect(r["estimate"], r["ci_low"], r["ci_high"])
        for r in found
        if r["label"] in shown and r["estimate"] is not None
    }


def _sample(run: Path, units: Rows) -> str:
    of = "" if run.name == "results" else f", variant {run.name}"
    treated = sum(row["first_treated"] is not None for row in units)
    return f"{counted(len(units), 'unit')}, {treated:,} with the measure{of}"


def _title(project: Project, measure: str) -> str:
    return load_measure(project.measure(measure)).title


def _name(project: Project, row: Mapping[str, Any]) -> str:
    known = load_indicators(project.indicators).get(row["indicator"])
    return str(row["outcome"]) if known is None else known.name
