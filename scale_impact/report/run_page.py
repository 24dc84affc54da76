"""The page of a run: question, answer, path, groups, checks, what it rests on, plan, data, how to make it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.catalogue.measure import Measure, load_measure
from scale_impact.core.frozen_plan import in_words as setting_words
from scale_impact.core.frozen_plan import words as plan_words
from scale_impact.core.project import Project
from scale_impact.core.source import Source, load_source
from scale_impact.core.study import Study
from scale_impact.report import answers, details, tables
from scale_impact.report.pictures import PATHS, WEIGHTS, Picture, pictures
from scale_impact.report.places import MOST, told
from scale_impact.report.published import Row, RunRead, StudyRead, tolerant
from scale_impact.report.slugs import slug

SETTINGS = (
    "template",
    "unit",
    "period",
    "treatment",
    "design",
    "sample",
    "estimators",
    "checks",
    "inference",
    "covariates",
    "level",
    "seed",
)

ABOUT_WEIGHTS = ("negative_weights", "bacon", "leave_one_out", "leave_one_donor_out")
"""Checks that say what an answer rests on."""


@dataclass(frozen=True)
class Shown:
    """A picture on a page: its file in the folder of figures, its size, what it shows."""

    file: str
    alt: str
    caption: str
    size: tuple[int, int] | None


@dataclass(frozen=True)
class Section:
    """A part of the page with pictures and tables of numbers."""

    title: str
    pictures: list[Shown]
    tables: list[tables.NumberTable]
    intro: str = ""


@dataclass(frozen=True)
class Cards:
    """What a run names: its measure and its sources, where they could be read; what could not."""

    measure: Measure | None
    sources: dict[str, Source]
    problems: tuple[str, ...]


def read_cards(project: Project, study: Study | None) -> Cards:
    """The cards that a run names, with those that a source is made of."""
    if study is None:
        return Cards(None, {}, ())
    problems: list[str] = []
    card = study.measure_card
    measure = None if card is None else tolerant(lambda: load_measure(card), problems)
    sources: dict[str, Source] = {}
    waiting = [study.settings.source] if study.settings.source else []
    while waiting:
        name = waiting.pop(0)
        found = None if name in sources else tolerant(partial(load_source, project.source(name)), problems)
        if found is not None:
            sources[name] = found
            waiting += found.components
    return Cards(measure, sources, tuple(problems))


# ---- the parts -----------------------------------------------------------------------------------------


def content(
    study: StudyRead,
    run: RunRead,
    cards: Cards,
    indicators: Mapping[str, Indicator],
    places: Mapping[str, Shown],
    most: int,
) -> dict[str, Any]:
    """What the page says; tables have at most so many rows."""
    found, kind = pictures(run, study.title), answers.kind_of(run)
    main = answers.main_rows(run)
    several = len({c["outcome"] for c in run.checks}) > 1
    shown = {p.name: places[p.name] for p in found if p.name in places}
    by_check = {p.name: p.key for p in found if any(p.key == c["check"] for c in run.checks)}
    sections = list(_sections(run, found, shown, indicators, most, kind))
    used = {*_leading(found, (*PATHS, *WEIGHTS)), *by_check}
    return {
        "title": study.title, "variant": run.variant, "question": str(study.raw.get("question") or ""), "ran": run.ran,
        "about": about(study, run, kind), "answers": [answers.sentence(row, indicators) for row in main[:12]],
        "beside": answers.beside(run.estimates, main[0])[:30] if main else [], "decision": answers.decision(run.checks),
        "sections": sections, "checks": [_check(c, by_check, shown, most, several) for c in run.checks[:60]], "more_checks": max(len(run.checks) - 60, 0),
        "pictures": [shown[p.name] for p in found if p.name in shown and p.name not in used],
        "measure": _measure(run, cards), "settings": list(_settings(run)), "sources": [_source(n, s) for n, s in cards.sources.items()],
        "no_source": "It reads what other studies have published." if run.study is not None else "study.yaml could not be read.",
        "commands": commands(study.slug), "run_command": commands(study.slug)[0], "facts": list(_facts(run)), **_places(run, most),
    }  # fmt: skip


def about(study: StudyRead, run: RunRead, kind: str) -> str:
    """Kind, measure and template in a line."""
    settings = None if run.study is None else run.study.settings
    parts = [
        answers.KINDS[kind],
        "" if settings is None else settings.measure,
        "" if settings is None else settings.template,
        study.slug,
    ]
    return " · ".join(p.replace("_", " ") for p in parts if p)


def commands(name: str) -> list[str]:
    """What to type to see the same numbers."""
    quoted = shlex.quote(name)
    return [
        f"scale-impact run {quoted}      # executes what is out of date",
        f"scale-impact verify {quoted}   # executes again, elsewhere, and compares every number",
    ]


def _leading(found: list[Picture], keys: Iterable[str]) -> list[str]:
    """The first figure of each key; those of other estimators come later on the page."""
    first = {p.key: p.name for p in reversed(found)}
    return [first[key] for key in keys if key in first]


def _sections(
    run: RunRead,
    found: list[Picture],
    shown: Mapping[str, Shown],
    indicators: Mapping[str, Indicator],
    most: int,
    kind: str,
) -> Iterator[Section]:
    """The parts with numbers, those that have any."""

    def of(keys: tuple[str, ...]) -> list[Shown]:
        return [shown[name] for name in _leading(found, keys) if name in shown]

    checks = {str(c["check"]) for c in run.checks}
    rows = run.estimates
    parts = [
        Section("Estimates", [], list(tables.overall_tables(rows, indicators, most, kind))[:20]),
        Section("The answer in pictures and over time", of(tuple(k for k in PATHS if k not in checks)), list(tables.path_tables(rows, indicators, most))),
        Section("For whom, and made of what", [], list(tables.group_tables(rows, indicators, most, kind))[:20]),
        Section("What the answer rests on", of(WEIGHTS), [], _rests_on(run)),
    ]  # fmt: skip
    return iter([part for part in parts if part.pictures or part.tables or part.intro])


def _rests_on(run: RunRead) -> str:
    """What checks of weights and of influence say."""
    return " ".join(str(c["reason"]) for c in run.checks if c["check"] in ABOUT_WEIGHTS)[:3000]


def _check(
    check: Row, by_check: Mapping[str, str], shown: Mapping[str, Shown], most: int, several: bool
) -> dict[str, Any]:
    """A check with its verdict, its reason, its picture and its numbers."""
    numbers = [f"statistic {answers.shown(check['statistic'])}"] if check["statistic"] is not None else []
    numbers += [f"p-value {answers.shown(check['p_value'])}"] if check["p_value"] is not None else []
    named = [name for name, key in by_check.items() if key == check["check"]]
    own = [n for n in named if n.endswith(f"_{check['outcome']}")] or [n for n in named if n == check["check"]]
    return {
        "name": str(check["check"]).replace("_", " "), "outcome": check["outcome"] if several else "", "verdict": check["verdict"],
        "reason": check["reason"] or "", "numbers": ", ".join(numbers), "pictures": [shown[n] for n in own if n in shown],
        "tables": details.tables(check["details"], min(most, 30) if most > 4 else 0),
    }  # fmt: skip


def _measure(run: RunRead, cards: Cards) -> dict[str, str] | None:
    name = "" if run.study is None else run.study.settings.measure
    if not name:
        return None
    if cards.measure is None:
        return {"title": name, "what": "", "mechanism": "", "href": ""}
    card = cards.measure
    return {"title": card.title, "what": card.what, "mechanism": card.mechanism, "href": f"measures/{slug(name)}.html"}


def _settings(run: RunRead) -> Iterator[tuple[str, str]]:
    """What was chosen, key by key."""
    if run.study is None:
        return
    settings = run.study.settings
    yield "outcomes", setting_words(settings.outcomes)
    for key in SETTINGS:
        value = getattr(settings, key)
        raw = (
            value
            if not hasattr(value, "model_dump") or key == "inference"
            else value.model_dump(mode="json", exclude_defaults=True)
        )
        if raw not in ({}, [], None, ""):
            yield key, setting_words(raw)
    for key in ("benchmark", "transfer", "scaleup"):
        if (value := getattr(settings, key, None)) is not None:
            raw = value.model_dump(mode="json", exclude_defaults=True) if hasattr(value, "model_dump") else value
            yield key, setting_words(raw)


def _source(name: str, card: Source) -> dict[str, Any]:
    """What a source's card says of origin, licence, edition and hash."""
    files = ", ".join(piece.file for piece in card.pieces[:5]) + (" and more" if len(card.pieces) > 5 else "")
    hashes = ", ".join(piece.sha256 for piece in card.pieces[:5] if piece.sha256)
    facts = {
        "card": f"data/sources/{name}.yaml", "origin": card.origin, "licence": card.licence,
        "handing on": "allowed" if card.redistribute else "not allowed by the licence", "citation": card.citation, "edition": card.vintage,
        "fetched": card.accessed, "kind": card.kind, "files": files, "made from": ", ".join(card.components), "SHA-256": hashes,
    }  # fmt: skip
    return {"title": card.title, "facts": [(k, v) for k, v in facts.items() if v]}


def _facts(run: RunRead) -> Iterator[tuple[str, str]]:
    """The record of the run."""
    kept = run.manifest
    if kept is None:
        return
    environment = kept.environment
    commit = str(environment.get("git_commit") or "")
    yield from (
        ("run id", kept.run_id),
        ("started", f"{kept.started} (UTC)"),
        ("seconds", str(kept.seconds)),
        ("seed", str(kept.seed)),
    )
    yield "Python", f"{environment.get('python', '?')} on {environment.get('platform', '?')}"
    if commit:
        yield "git commit", commit + (" with changes that were not committed" if environment.get("git_dirty") else "")
    versions = kept.inputs.get("versions")
    if isinstance(versions, dict):
        yield "packages", ", ".join(f"{k} {v}" for k, v in versions.items())
    hashes = {k: v for k, v in kept.inputs.items() if isinstance(v, str)}
    yield "hashes of what went in", ", ".join(f"{k} {v[:16]}" for k, v in hashes.items())
    if kept.notes:
        yield "notes", " ".join(map(str, kept.notes))


def _places(run: RunRead, most: int) -> dict[str, Any]:
    found = list(dict.fromkeys(t.place for t in told(run)))
    shown = found[: min(MOST, most)]
    return {
        "places": shown,
        "more_places": len(found) - len(shown),
        "places_words": "Each has a page with all that studies say of it.",
    }


def plan(study: Study | None, run: RunRead) -> list[str]:
    """What was fixed beforehand, and how the run departs from it."""
    problems: list[str] = []
    told_now = [] if study is None else tolerant(lambda: plan_words(study), problems)
    then = next(
        (f"When it ran, it departed from its plan: {r['deviations']}." for r in run.estimates if r["deviations"]), ""
    )
    found = [*(told_now or []), *([then] if then else []), *problems]
    return found or ["No analysis plan was frozen before the outcome was looked at."]


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a PNG, so that the page does not jump while it loads."""
    with path.open("rb") as file:
        head = file.read(24)
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
