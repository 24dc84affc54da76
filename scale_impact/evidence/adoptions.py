"""Adoptions: who tried a measure, and what one study found, from what the study has published.

A benchmark tells a city what its peers tried. Nothing is estimated for that: the rows of the study's last run are read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scale_impact.benchmark.tried_by_peers import Adoption, CityEffect
from scale_impact.core.catalogue.indicator import load_indicators
from scale_impact.core.catalogue.measure import load_measure
from scale_impact.core.evidence import NOTICED, RANKED
from scale_impact.core.other_study import ROWS, OtherStudy
from scale_impact.core.project import Project
from scale_impact.core.words import counted, nearest
from scale_impact.errors import DesignError
from scale_impact.evidence.reading import in_plain_words

Rows = list[dict[str, Any]]

TEXT, TEXT_OR_NONE = (str,), (str, type(None))
NUMBER, NUMBER_OR_NONE = (int, float), (int, float, type(None))

FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "units": {"unit": TEXT, "first_treated": TEXT_OR_NONE},
    "estimates": {
        **dict.fromkeys(("kind", "label", "outcome", "estimator", "estimand", "outcome_unit", "direction"), TEXT),
        **dict.fromkeys(("measure", "indicator", "inference"), TEXT_OR_NONE),
        **dict.fromkeys(("estimate", "ci_low", "ci_high", "p_value"), NUMBER_OR_NONE), "level": NUMBER,
    },
    "checks": {"check": TEXT, "verdict": TEXT, "outcome": TEXT},
}  # fmt: skip
"""What is read of each row, and of which kind it is."""

MAY_BE_EMPTY = ("checks",)


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
        The study has no results, none that say who was treated since when or with what effect, or results that are not whole.
    """
    run = OtherStudy(project, slug).run
    if run is None:
        raise DesignError(
            f"benchmark.measures: study {slug} has published nobody by name who was treated (results/units.jsonl). "
            f"Run it first: scale-impact run {_study(slug)}. Or name a study that follows cities over time."
        )
    read = _whole(project, slug, run)
    units = [row["unit"] for row in read["units"]]
    if not set(units) & set(names):
        first = units[0]
        raise DesignError(
            f"benchmark.measures: no unit of study {slug} (such as {first!r}) is a city of this benchmark. {nearest(first, names)} "
            "Both have to write a city alike: leave the study out, or give the benchmark the same codes as unit."
        )
    found = list(_of_run(project, slug, run, read, names))
    if not found:
        raise DesignError(
            f"benchmark.measures: study {slug} has published no effect of a measure ({project.relative(run)}/estimates.jsonl). Leave it out, or "
            "name a study that estimates one."
        )
    return found


def _whole(project: Project, slug: str, run: Path) -> dict[str, Rows]:
    """The rows of a run by file; refused where one is missing or broken, all that is wrong at once."""
    found: dict[str, Rows] = {}
    problems: list[str] = []
    for name in ROWS:
        path = run / f"{name}.jsonl"
        try:
            found[name] = list(_rows(path, name))
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            problems.append(
                f"benchmark.measures: {project.relative(path)} of study {slug} is not whole: {why or error}. Run it again: scale-impact run {_study(slug)}."
            )
    if problems:
        raise DesignError(problems)
    return found


def _rows(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """Rows of a file; ValueError with the line and what is wrong with it."""
    lines = [(k, line) for k, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if line]
    if not lines and name not in MAY_BE_EMPTY:
        raise ValueError("it has no row")
    for k, line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            raise ValueError(f"line {k} is cut off or no JSON") from None
        if wrong := _misfits(row, FIELDS[name]):
            raise ValueError(f"line {k} has no {' and no '.join(wrong)} of the kind that a run writes")
        yield row


def _misfits(row: Any, fields: Mapping[str, tuple[type, ...]]) -> list[str]:
    """Fields that a row does not have, or not of their kind."""
    there = row if isinstance(row, dict) else {}
    return [name for name, kinds in fields.items() if name not in there or not isinstance(there[name], kinds)]


def _of_run(
    project: Project, slug: str, run: Path, read: Mapping[str, Rows], names: Mapping[str, str]
) -> Iterable[Adoption]:
    units, rows, checks = (read[name] for name in ("units", "estimates", "checks"))
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
            reading=in_plain_words(row, _name(project, row)),
            checks=Counter(c["verdict"] for c in checks if c["outcome"] == row["outcome"]),
            sample=_sample(run, units),
            by_city=_by_city(rows, row, shown),
            failed=tuple(c["check"] for c in checks if c["outcome"] == row["outcome"] and c["verdict"] == "fail"),
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


def _study(slug: str) -> str:
    """The study, without its variant."""
    return slug.partition("/")[0]


def _title(project: Project, measure: str) -> str:
    return load_measure(project.measure(measure)).title


def _name(project: Project, row: Mapping[str, Any]) -> str:
    known = load_indicators(project.indicators).get(row["indicator"])
    return str(row["outcome"]) if known is None else known.name
