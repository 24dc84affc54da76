"""The effect that a scale-up starts from, taken from the rows that another study has published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS, NOTICED, PREDICTED, RANKED
from scale_impact.core.project import Project
from scale_impact.core.scaleup_choices import EffectChoice, EffectGiven, EffectRow
from scale_impact.core.words import nearest, some
from scale_impact.errors import DesignError, SourceError
from scale_impact.evidence.store import whole_rows
from scale_impact.scaleup.effect import EffectToScale

Row = Mapping[str, Any]

NO_EFFECTS = (NOTICED, RANKED)
"""Estimands that are no effect of anything."""

MOST = 10


def effect_of(
    project: Project, choice: EffectChoice, *, outcome: str, indicator: str, city: str, key: str
) -> EffectToScale:
    """The effect of a choice: of a published row, or as it is given.

    ``outcome``, ``indicator`` and ``city`` are the study's own: a row of another indicator is refused, and so is the prediction for another
    city, unless the choice names it by its label.

    Raises
    ------
    DesignError
        No such results, no such row, a row without a number or a standard error, another indicator; with the place ``key``.
    """
    if isinstance(choice, EffectGiven):
        unit = f"log({choice.unit})" if choice.scale == "log" else choice.unit
        return EffectToScale(
            choice.estimate, choice.std_error, choice.df, unit=unit, outcome_unit=choice.unit, direction=choice.direction,
            label=choice.label, source=choice.source, scale=choice.scale, kind="given",
        )  # fmt: skip
    row = row_of(project, choice, outcome=outcome, key=key)
    problems = [f"{key}: {p}" for p in (*_unfit(row, choice, indicator), *_elsewhere(row, choice, city))]
    if problems:
        raise DesignError(problems)
    return _scaled(row)


def row_of(project: Project, choice: EffectRow, *, outcome: str, key: str) -> Row:
    """The published row of a choice; errors as ``effect_of``."""
    rows = rows_of(project, choice, key)
    wanted = {
        "outcome": choice.outcome,
        "estimator": choice.estimator,
        "estimand": choice.estimand,
        "label": choice.label,
    }
    found = [r for r in rows if r["estimand"] not in NO_EFFECTS]
    for name, value in wanted.items():
        if value is not None:
            kept = [r for r in found if r[name] == value]
            if not kept:
                known = dict.fromkeys(str(r[name]) for r in found)
                raise DesignError(
                    f"{key}.{name}: study {choice.study} has published no row with {name} {value!r}. {nearest(value, known)}"
                )
            found = kept
    if choice.label is None:
        found = [r for r in found if r["kind"] == "overall"]
    if choice.outcome is None:
        found = [r for r in found if r["outcome"] == outcome] or found
    predicted = [r for r in found if r["estimand"] == PREDICTED]
    for row in predicted or sorted(found, key=lambda r: r["role"] != "primary"):
        return row
    raise DesignError(f"{key}: study {choice.study} has published no effect as a whole. Name the label of one of its rows: "
                      f"{some(list(dict.fromkeys(str(r['label']) for r in rows)), MOST)}.")  # fmt: skip


def rows_of(project: Project, choice: EffectRow, key: str = "scaleup.effect") -> list[dict[str, Any]]:
    """Estimates of the run that a choice names; of several runs without a name the only one.

    Raises
    ------
    DesignError
        Nothing is published, or several runs are.
    SourceError
        Rows that are not whole.
    """
    return whole_rows(project, _run_of(project, choice, key) / "estimates.jsonl", ESTIMATE_FIELDS, key=f"{key}.study")


def _run_of(project: Project, choice: EffectRow, key: str) -> Path:
    """The folder of the run that a choice names."""
    results = project.studies / choice.study / "results"
    folder = results / (choice.variant or "")
    if (folder / "estimates.jsonl").is_file():
        return folder
    runs = sorted(p.parent.name for p in results.glob("*/estimates.jsonl"))
    if choice.variant is None and len(runs) == 1:
        return results / runs[0]
    if runs:
        raise DesignError(f"{key}.variant: study {choice.study} has the runs {some(runs, MOST)}. Name one of them.")
    raise DesignError(
        f"{key}.study: study {choice.study} has published nothing. Run it first: scale-impact run {choice.study}."
    )


def _unfit(row: Row, choice: EffectRow, indicator: str) -> list[str]:
    """Why a row cannot be scaled."""
    what = f"the {row['estimand']} of study {choice.study} ({row['label']}, outcome {row['outcome']})"
    if row["estimate"] is None:
        other = " Name another estimand of it, such as POOLED." if row["estimand"] == PREDICTED else ""
        return [f"{what} has no number: {str(row['inference'] or 'no reason is published').rstrip('.')}.{other}"]
    problems = []
    if row["indicator"] != indicator:
        problems.append(
            f"{what} is about {row['indicator']}, and this study is about {indicator}. Name another row, or correct outcomes."
        )
    if row["std_error"] is None:
        problems.append(
            f"{what} has no standard error, so nobody knows how sure it is. Name another estimator, or put it together with others first (template "
            "transfer)."
        )
    if row["direction"] not in ("+", "-"):
        problems.append(
            f"{what}: neither more nor less of it is better (direction {row['direction']!r}), so nothing can be decided by it."
        )
    return problems


def _elsewhere(row: Row, choice: EffectRow, city: str) -> list[str]:
    """That a prediction is one for another city."""
    if row["estimand"] != PREDICTED or row["kind"] != "overall" or choice.label is not None or row["label"] == city:
        return []
    return [
        f"study {choice.study} predicts for {row['label']}, and the city that decides is {city}. Run it for {city} (--set city=...), or say "
        f"`label: {row['label']}` where that city stands for this one."
    ]


def _scaled(row: Row) -> EffectToScale:
    unit = str(row["outcome_unit"])
    log = unit.startswith("log(")
    where = "/".join(str(row[k]) for k in ("study", "variant") if row[k])
    return EffectToScale(
        float(row["estimate"]), float(row["std_error"]), None if row["df"] is None else float(row["df"]), unit=unit,
        outcome_unit=unit.removeprefix("log(").removesuffix(")") if log else unit, direction=str(row["direction"]),
        label=f"{row['outcome']}, {row['label']}", scale="log" if log else "level",
        source=f"study {where}, {row['estimand']} by {row['estimator']} ({row['label']})",
        kind="prediction" if row["estimand"] == PREDICTED else "pilot",
    )  # fmt: skip


def other_rows(project: Project, choices: Mapping[str, EffectChoice | None]) -> tuple[list[Row], list[Row]]:
    """Estimates and checks of the runs that a scale-up reads, each run once; ``choices`` by their key.

    Raises
    ------
    DesignError, SourceError
        As ``rows_of``, of all runs at once.
    """
    estimates: list[Row] = []
    checks: list[Row] = []
    runs: dict[Path, str] = {}
    for key, choice in choices.items():
        if isinstance(choice, EffectRow):
            runs.setdefault(_run_of(project, choice, key), key)
    problems: list[str] = []
    for folder, key in runs.items():
        for name, fields, found in (("estimates", ESTIMATE_FIELDS, estimates), ("checks", CHECK_FIELDS, checks)):
            try:
                found += whole_rows(
                    project, folder / f"{name}.jsonl", fields, key=f"{key}.study", may_be_empty=name == "checks"
                )
            except SourceError as error:
                problems += error.problems
    if problems:
        raise SourceError(problems)
    return estimates, checks
