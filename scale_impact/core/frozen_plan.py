"""Frozen plans: what a study meant to do, sealed before its results, and how a run departs from it.

``studies/<slug>/plan.json`` holds versions, the plan as it was frozen first and then its amendments.
Each is sealed by a hash of its content, its date, its reason and the hash of the version before it,
so that neither a plan nor its history can be edited unnoticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from scale_impact.core.catalogue.indicator import load_indicators, meaning
from scale_impact.core.catalogue.measure import load_measure, said
from scale_impact.core.manifest import file_hash, text_hash
from scale_impact.core.project import Project
from scale_impact.core.settings import Choice, Outcome, Settings, describe
from scale_impact.core.source import Source, SourceFile, load_source, repairs
from scale_impact.core.study import Study
from scale_impact.core.template import read_template
from scale_impact.core.words import plain, some
from scale_impact.core.yaml_file import validate
from scale_impact.errors import StudyError

PLAN_FILE, TEXT_FILE = "plan.json", "plan.md"

SCHEMA = 1

RUN_KEYS = ("variants", "grid")
"""Keys that say which runs there are; runs are compared one by one."""

UNPLANNED = ("title", *RUN_KEYS)
"""Keys whose change is no deviation by itself."""


# ---- the record ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Version:
    """A plan at one time.

    Attributes
    ----------
    date:
        When it was frozen, UTC, ISO 8601.
    reason:
        Why it amends the one before; None for the first.
    previous:
        Hash of the one before; None for the first.
    plan:
        What was planned; see ``content``.
    hash:
        SHA-256 of all of this as canonical JSON.
    """

    date: str
    reason: str | None
    previous: str | None
    plan: Mapping[str, Any]
    hash: str

    @classmethod
    def sealed(
        cls, plan: Mapping[str, Any], date: str, *, after: Version | None = None, reason: str | None = None
    ) -> Version:
        """A version with its hash; ``after`` is the one that it amends."""
        previous = None if after is None else after.hash
        return cls(date, reason, previous, plan, _seal(date, reason, previous, plan))

    @property
    def whole(self) -> bool:
        """Whether the hash is that of the content."""
        return self.hash == _seal(self.date, self.reason, self.previous, self.plan)

    @property
    def id(self) -> str:
        """Short form of the hash."""
        return self.hash[:12]

    @property
    def when(self) -> str:
        """The date for reading."""
        return f"{self.date[:10]} {self.date[11:16]} UTC"


def _seal(date: str, reason: str | None, previous: str | None, plan: Mapping[str, Any]) -> str:
    return text_hash(canonical({"date": date, "reason": reason, "previous": previous, "plan": plan}))


def canonical(value: Any) -> str:
    """JSON in one form only: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class FrozenPlan:
    """The plan of a study with its history: the first version and its amendments."""

    versions: tuple[Version, ...]

    @property
    def last(self) -> Version:
        """The version that counts."""
        return self.versions[-1]

    @property
    def id(self) -> str:
        """Short id of the version that counts."""
        return self.last.id

    @property
    def words(self) -> str:
        """When it was frozen and amended."""
        first = self.versions[0]
        head = f"Analysis plan frozen on {first.when} (id {first.id})"
        amendments = [f"on {v.when} (id {v.id}): {v.reason}" for v in self.versions[1:]]
        return f"{head}, amended {'; '.join(amendments)}." if amendments else f"{head}."

    def to_json(self) -> str:
        """The text of plan.json."""
        return (
            json.dumps({"schema": SCHEMA, "versions": [asdict(v) for v in self.versions]}, indent=2, ensure_ascii=False)
            + "\n"
        )


def read_plan(folder: Path) -> FrozenPlan | None:
    """The frozen plan of a study's folder; None where nothing was frozen.

    Raises
    ------
    StudyError
        The file is damaged, or was edited by hand: its content does not fit its hash.
    """
    path = folder / PLAN_FILE
    try:
        seen = path.stat()
    except OSError:
        return None
    return _read(path, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=1024)
def _read(path: Path, changed: int, size: int) -> FrozenPlan:
    where = "/".join(path.parts[-3:])
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        versions = tuple(Version(**v) for v in raw["versions"])
        known = raw["schema"] == SCHEMA and all(isinstance(v.plan, dict) and isinstance(v.date, str) for v in versions)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StudyError(f"This is no frozen plan ({type(error).__name__}: {error}). {RESTORE}", where=where) from error
    if not versions or not known:
        raise StudyError(f"This is no frozen plan of schema {SCHEMA}. {RESTORE}", where=where)
    if problems := _broken(versions):
        raise StudyError([f"{p} {RESTORE}" for p in problems], where=where)
    return FrozenPlan(versions)


RESTORE = 'Restore the file as it was frozen (such as `git checkout` of it); to change the plan: scale-impact freeze STUDY --amend "why".'


def _broken(versions: tuple[Version, ...]) -> list[str]:
    """Versions that are not as they were sealed."""
    names = ["The plan", *(f"Amendment {k}" for k in range(1, len(versions)))]
    edited = [
        f"{name} of {v.when} does not fit its hash: it was edited by hand."
        for name, v in zip(names, versions, strict=True)
        if not v.whole
    ]
    before = [None, *(v.hash for v in versions[:-1])]
    gaps = [
        f"{name} of {v.when} does not follow on the version before it: one was taken out or put in."
        for name, v, previous in zip(names, versions, before, strict=True)
        if v.previous != previous
    ]
    return edited or gaps


# ---- what is planned -----------------------------------------------------------------------------------


def content(base: Study, runs: Iterable[Study]) -> dict[str, Any]:
    """What a study plans, as JSON: its settings, what each run changes in them, and what surrounds them.

    Parameters
    ----------
    base:
        The study without a variant.
    runs:
        The study in each of its variants; the base alone where it has none.
    """
    planned = settings_to_json(base.settings)
    found = list(runs)
    changes = {
        str(s.variant): _laid_over(planned, settings_to_json(s.settings)) for s in found if s.variant is not None
    }
    return {
        "study": base.slug,
        "settings": planned,
        "runs": changes,
        "overrides": dict(base.overrides),
        **surroundings(base.project, [base.settings, *(s.settings for s in found)]),
    }


def settings_to_json(settings: Settings) -> dict[str, Any]:
    """Settings as JSON keeps them: cohorts as pairs, because keys of JSON are texts and a unit may be a number."""
    raw = settings.model_dump(mode="json")
    cohorts = settings.treatment.cohorts
    if cohorts is not None:
        raw["treatment"]["cohorts"] = [[unit, start] for unit, start in cohorts.items()]
    found: dict[str, Any] = json.loads(json.dumps(raw))
    return found


def _settings_from_json(raw: Mapping[str, Any], where: str) -> Settings:
    """Settings of a plan; keys that came later have their defaults."""
    treatment = dict(raw["treatment"])
    if treatment.get("cohorts") is not None:
        treatment["cohorts"] = dict(treatment["cohorts"])
    choices = {k: [_as_written(c) for c in raw[k]] for k in ("estimators", "checks") if k in raw}
    inference = {"inference": _as_written(raw["inference"])} if "inference" in raw else {}
    settings, problems = validate(Settings, {**raw, **choices, **inference, "treatment": treatment})
    if settings is None:
        raise StudyError(
            [f"The frozen plan cannot be read by this version of scale_impact: {p}" for p in problems], where=where
        )
    return settings


def _as_written(choice: Mapping[str, Any]) -> Any:
    return {choice["name"]: choice["options"]}


def _laid_over(planned: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of a run that are not those of the study."""
    return {k: v for k, v in other.items() if k not in RUN_KEYS and canonical(v) != canonical(planned.get(k))}


def surroundings(project: Project, studied: Iterable[Settings]) -> dict[str, Any]:
    """What numbers and their reading depend on beside the settings: data, code, cards and catalogue."""
    every = list(studied)
    sources, templates, measures = (
        dict.fromkeys(getattr(s, k) for s in every) for k in ("source", "template", "measure")
    )
    outcomes = dict.fromkeys(o.indicator for s in every for o in s.outcomes)
    known = load_indicators(project.indicators)
    return {
        "sources": _sources(_with_components(project, sources), project),
        "templates": {name: code_hash(project.template(name)) for name in templates},
        "measures": {name: said(load_measure(project.measure(name))) for name in measures},
        "indicators": {name: meaning(known[name]) for name in outcomes},
        "package": package(),
    }


def _with_components(project: Project, names: Iterable[str]) -> dict[str, Source]:
    """Cards by name, with those that they are made from."""
    found: dict[str, Source] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = load_source(project.source(name))
            waiting += found[name].components
    return found


def _sources(cards: Mapping[str, Source], project: Project) -> dict[str, Any]:
    return {name: {**_source(card), "sha256": _hash_of(card, cards, project)} for name, card in cards.items()}


def _file(card: Source) -> str:
    """The files of a card in words, or the cards that it is made from."""
    return ", ".join([*(piece.file for piece in card.pieces), *card.components])


def _hash_of(card: Source, cards: Mapping[str, Source], project: Project) -> str | None:
    """The card's hash; of several files and cards one of all of theirs; None where one has none.

    Lists of a panel (names, boundaries) need no hash in the card: theirs is taken of the file.
    """
    own = [piece.sha256 or _hash_of_list(card, piece, project) for piece in card.pieces]
    hashes = [*own, *(_hash_of(cards[name], cards, project) for name in card.components)]
    if None in hashes or not hashes:
        return None
    return hashes[0] if len(hashes) == 1 else text_hash("\n".join(map(str, hashes)))


def _hash_of_list(card: Source, piece: SourceFile, project: Project) -> str | None:
    path = project.root / piece.file
    return file_hash(path) if card.kind == "panel" and path.is_file() else None


WORDS_OF_CARDS = {
    "title",
    "origin",
    "licence",
    "citation",
    "sha256",
    "columns",
    "accessed",
    "address",
    "folder",
    "vintage",
}
FIRST_KEYS = {"redistribute", "kind", "package", "file", "separator", "decimal", "encoding", "missing", "stream"}
"""Keys of the first cards: plans that were frozen then hold a hash of all of them; later keys count where they are set."""


def _source(card: Source) -> dict[str, Any]:
    """What a card says; ``reading`` is what decides how the file becomes numbers."""
    raw = card.model_dump(mode="json")
    set_later = card.model_dump(mode="json", exclude_defaults=True, exclude=FIRST_KEYS | {"exclude", "corrections"})
    kinds = {name: [c.type, c.unit, *([c.in_file] if c.in_file else [])] for name, c in card.columns.items()}
    reading = {k: v for k, v in {**{k: raw[k] for k in FIRST_KEYS}, **set_later}.items() if k not in WORDS_OF_CARDS}
    shown = {k: raw[k] for k in ("title", "origin", "licence", "citation", "kind", "columns")}
    return {
        **shown,
        "file": _file(card),
        "repairs": repairs(card),
        "reading": text_hash(canonical({**reading, "columns": kinds})),
    }


def code_hash(template: Path) -> str | None:
    """Hash of a template's code cells without comment lines and empty lines; None where it cannot be read."""
    try:
        return text_hash("\n\n".join(map(_code, read_template(template).code)))
    except StudyError:
        return None


def _code(source: str) -> str:
    lines = [line.rstrip() for line in source.splitlines()]
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("#"))


@cache
def package() -> dict[str, str]:
    """Version of scale_impact, and the hash of what a notebook can import of it."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda p: p.relative_to(root).as_posix()):
        name = path.relative_to(root).as_posix()
        if not name.startswith(("cli/", "workflow/")):
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    version = str(import_module("scale_impact").__version__)
    return {"version": version, "source": digest.hexdigest()}


# ---- how a run departs from it -------------------------------------------------------------------------


@dataclass(frozen=True)
class Adherence:
    """How a study, as it is now, stands to its frozen plan.

    Attributes
    ----------
    plan:
        The frozen plan.
    changes:
        What is another than planned (after the last amendment).
    since:
        What changed around it since it was frozen: data, template, package, cards.
    """

    plan: FrozenPlan
    changes: tuple[str, ...]
    since: tuple[str, ...]

    @property
    def deviations(self) -> str | None:
        """All of it as one text, as it stands in results; None where there is nothing."""
        since = f"since the plan was frozen: {'; '.join(self.since)}" if self.since else ""
        return "; ".join([*self.changes, *([since] if since else [])]) or None

    @property
    def words(self) -> list[str]:
        """Sentences for a reader."""
        follows = "This run follows it." if not self.since else "Its choices are those of the plan."
        follows = follows if not self.changes else f"This run deviates: {'; '.join(self.changes)}."
        since = [f"Since the plan was frozen: {'; '.join(self.since)}."] if self.since else []
        return [f"{self.plan.words} {follows}", *since, *_late(self.plan)]


def _late(plan: FrozenPlan) -> Iterator[str]:
    """What a reader has to know about how the plan came about."""
    for k, version in enumerate(plan.versions):
        name = f"Amendment {k}" if k else "The plan"
        if version.plan.get("results"):
            yield f"{name} was frozen after results existed: {version.plan['results']}"
    dry = plan.last.plan.get("dry_run") or {}
    if not dry.get("done", True):
        yield f"The plan was not tried out before it was frozen: {dry['why']}"


def adherence(study: Study) -> Adherence | None:
    """How a study stands to its frozen plan; None where nothing was frozen.

    Raises
    ------
    StudyError
        The plan was edited by hand, or cannot be read.
    """
    plan = read_plan(study.folder)
    if plan is None:
        return None
    wanted = _planned(study, plan)
    return Adherence(plan, tuple(_changes(study, plan, wanted)), tuple(_since(study, plan, wanted)))


def words(study: Study) -> list[str]:
    """What to say about a study's frozen plan, in sentences; nothing where there is none. Errors as ``adherence``."""
    found = adherence(study)
    return found.words if found is not None else []


def frozen_settings(study: Study) -> Settings | None:
    """The settings that were planned for a study (for its variant, if it is in one); None where nothing was frozen."""
    plan = read_plan(study.folder)
    return None if plan is None else _planned(study, plan)


def _planned(study: Study, plan: FrozenPlan) -> Settings:
    """The planned settings of a run; of the study itself where the run was not planned."""
    planned = plan.last.plan
    raw = {**planned["settings"], **planned["runs"].get(study.variant, {})}
    return _settings_from_json(raw, f"studies/{study.slug}/{PLAN_FILE}")


def _changes(study: Study, plan: FrozenPlan, wanted: Settings) -> Iterator[str]:
    planned = set(plan.last.plan["runs"])
    if study.variant is not None and study.variant not in planned:
        yield f"run {study.variant}: not planned"
    if gone := sorted(planned - set(study.variants)):
        yield f"planned and no longer there: {some(gone)}"
    now, then = _flat(study.settings), _flat(wanted)
    if set(study.variants) == set(study.settings.variants):  # a grid, if any, is evaluated whole by one notebook
        now, then = now | _axes(study.settings), then | _axes(wanted)
    for key in [*then, *(k for k in now if k not in then)]:
        if (is_now := now.get(key, "none")) != (was := then.get(key, "none")):
            yield f"{key}: {is_now}, planned {was}"
    yield from _other_rows(study, plan)


def _other_rows(study: Study, plan: FrozenPlan) -> Iterator[str]:
    """What cards leave out, put right or compute otherwise than planned: that chooses the rows, as ``sample`` does."""
    then, now = plan.last.plan["sources"], surroundings(study.project, [study.settings])["sources"]
    for name in [n for n in now if n in then]:
        is_now, was = now[name]["repairs"], then[name].get("repairs", [])
        yield from (f"source {name} {said}: not planned" for said in is_now if said not in was)
        yield from (f"planned and no longer so: source {name} {said}" for said in was if said not in is_now)
        if now[name]["kind"] in ("sql", "panel") and now[name]["reading"] != then[name]["reading"]:
            yield f"source {name} is computed in another way than planned"


def _axes(settings: Settings) -> dict[str, str]:
    """The choices of a grid in words; read back from JSON, where keys are texts."""
    return {f"grid.{axis}": in_words(values) for axis, values in settings_to_json(settings)["grid"].items()}


def _flat(settings: Settings) -> dict[str, str]:
    """Values in words, by dotted key."""
    found: dict[str, str] = {}
    for key in type(settings).model_fields:
        value = getattr(settings, key)
        if key in UNPLANNED:
            continue
        if key in ("treatment", "design", "sample", "parameters"):
            inner = value if isinstance(value, Mapping) else dict(value)
            found |= {f"{key}.{k}": in_words(v) for k, v in inner.items()}
        else:
            found[key] = in_words(value)
    return found


def in_words(value: Any) -> str:
    """A value of study.yaml for reading."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, Choice):
        return describe(value)
    if isinstance(value, Outcome):
        return f"{value.column} ({value.indicator}, {value.scale})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{in_words(k)}: {in_words(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(in_words, value)) + "]"
    return plain(value)


def _since(study: Study, plan: FrozenPlan, wanted: Settings) -> Iterator[str]:
    """What is no longer as it was when the plan was frozen; parts that the settings replace are their business."""
    then, settings = plan.last.plan, study.settings
    if then["study"] != study.slug:
        yield f"the study is called {study.slug}, it was {then['study']}"
    now = surroundings(study.project, [settings])
    for name in now["sources"]:
        if name in then["sources"]:
            yield from _of_source(name, now["sources"][name], then["sources"][name])
    for kind, thing in (
        ("templates", "the code of template"),
        ("measures", "the card of measure"),
        ("indicators", "the catalogue's entry of"),
    ):
        for name in now[kind]:
            if name in then[kind] and _differ(now[kind][name], then[kind][name]):
                yield f"{thing} {name} changed"
    yield from _of_package(now["package"], then["package"])


def _differ(now: Any, then: Any) -> bool:
    """Whether what a plan holds is another now; keys that files got since are no change of this one."""
    if isinstance(now, Mapping) and isinstance(then, Mapping):
        return any(now.get(key) != value for key, value in then.items())
    return bool(now != then)


def _of_source(name: str, now: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[str]:
    if then["sha256"] is not None and now["sha256"] != then["sha256"]:
        yield f"the data file of source {name} is another than at the time of freezing"
    if now["reading"] != then["reading"]:
        yield f"the card of source {name} reads it in another way"


def _of_package(now: Mapping[str, str], then: Mapping[str, str]) -> Iterator[str]:
    if now["version"] != then["version"]:
        yield f"scale_impact is {now['version']}, it was {then['version']}"
    elif now["source"] != then["source"]:
        yield f"the source code of scale_impact {now['version']} changed"
