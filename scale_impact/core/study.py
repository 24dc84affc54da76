"""Study: the one declarative file of an evaluation, read whole, with all problems at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt, StrictStr, field_validator, model_validator

from scale_impact.core import keys
from scale_impact.core.design import Balance, BasePeriod, Control
from scale_impact.core.indicator import Indicator, load_indicators
from scale_impact.core.measure import load_measure
from scale_impact.core.panel import Missing
from scale_impact.core.project import Project, study_folder
from scale_impact.core.source import load_source
from scale_impact.core.words import nearest, plain
from scale_impact.core.yaml_file import Record, read_yaml, validate
from scale_impact.errors import ScaleImpactError, StudyError


def _label(raw: Any) -> Any:
    if isinstance(raw, date):
        return raw.isoformat()
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise ValueError(f"write a number, a date or a text (it is {raw!r}).")
    return raw


Label = Annotated[Any, BeforeValidator(_label)]
"""A unit or a period, as its author wrote it."""


class Outcome(Record):
    """An outcome: a column of the source, the indicator it measures, and whether it holds logs."""

    column: StrictStr
    indicator: StrictStr
    scale: Literal["level", "log"] = "level"


class Treatment(Record):
    """Who is treated from when, in one of four ways; see ``Design.from_panel``."""

    treated: StrictStr | None = None
    first_treated: StrictStr | None = None
    cohorts: dict[Label, Label] | None = None
    group: StrictStr | None = None
    starts: Label | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Treatment:
        given = [k for k in ("treated", "first_treated", "cohorts", "group") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(
                "say who is treated in exactly one way: treated, first_treated, cohorts, or group with starts "
                f"(given: {', '.join(given) or 'none'})."
            )
        if (self.group is None) != (self.starts is None):
            raise ValueError(
                f"{'starts' if self.starts is None else 'group'} is missing; group and starts go together, such as "
                "{group: nearinc, starts: 1981}."
            )
        return self


class DesignChoices(Record):
    """The comparison; see ``Design.from_panel``."""

    control: Control = "never"
    anticipation: Annotated[StrictInt, Field(ge=0)] = 0
    base_period: BasePeriod = "varying"
    balance: Balance = "strict"
    cluster: StrictStr | None = None
    missing: Missing = "refuse"


class Choice(Record):
    """An estimator or check with its options: ``name`` or ``{name: {option: value}}`` in the file."""

    name: StrictStr
    options: dict[str, Any] = {}


def _choice(raw: Any) -> Any:
    if isinstance(raw, str):
        return {"name": raw}
    if isinstance(raw, Mapping) and len(raw) == 1:
        name, options = next(iter(raw.items()))
        if isinstance(options, Mapping) or options is None:
            return {"name": name, "options": dict(options or {})}
    raise ValueError(f"write a name, or {{name: {{option: value}}}} (it is {raw!r}).")


Choices = list[Annotated[Choice, BeforeValidator(_choice)]]


class Settings(Record):
    """The keys of study.yaml."""

    title: StrictStr
    question: StrictStr
    measure: StrictStr
    template: StrictStr
    source: StrictStr
    unit: StrictStr | None
    period: StrictStr
    outcomes: Annotated[list[Outcome], Field(min_length=1)]
    treatment: Treatment
    design: DesignChoices = DesignChoices()
    covariates: list[StrictStr] = []
    estimators: Annotated[Choices, Field(min_length=1)]
    checks: Choices = []
    inference: Annotated[Choice, BeforeValidator(_choice)] = Choice(name="auto")
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    seed: Annotated[StrictInt, Field(ge=0)] = 20251122
    variants: dict[str, dict[str, Any]] = {}

    @field_validator("variants")
    @classmethod
    def _are_folder_names(cls, variants: dict[str, Any]) -> dict[str, Any]:
        wrong = [v for v in variants if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", v) or v == "figures"]
        if wrong:
            raise ValueError(
                f"{', '.join(map(repr, wrong))} cannot name a folder of results. Use small letters, digits, - and _, such as early."
            )
        return variants


@dataclass(frozen=True)
class Study:
    """A study, with one of its variants and any overrides applied.

    Attributes
    ----------
    folder:
        Where study.yaml lies.
    settings:
        The resolved keys.
    variant:
        Name of the variant; None where the study has none.
    overrides:
        Values set from outside, by dotted key.
    """

    folder: Path
    settings: Settings
    variant: str | None = None
    overrides: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def load(cls, name: str | Path, *, variant: str | None = None, overrides: Mapping[str, Any] | None = None) -> Study:
        """Read a study by slug or path.

        Parameters
        ----------
        name:
            A slug under studies/, a folder, or a study.yaml.
        variant:
            One of its variants.
        overrides:
            Scalars to change, by key (``level``), dotted key (``design.control``) or the last
            part of one where it is unique (``control``).

        Raises
        ------
        StudyError
            Keys that are unknown, missing or of the wrong kind; names that do not exist. All
            problems at once.
        """
        folder = study_folder(name)
        raw, problems = read_yaml(folder / "study.yaml")
        if problems:
            raise StudyError(problems, where=_shown(folder))
        resolved, problems = _resolve(raw, variant, overrides or {})
        settings, wrong = validate(Settings, resolved)
        problems += wrong
        project = Project.find(folder)
        problems += _unknown_names(project, resolved)
        problems += _contradictions(settings) if settings is not None else []
        problems += _unit_problems(project, settings) if settings is not None and not problems else []
        if problems or settings is None:
            where = _shown(folder) + (f", variant {variant}" if variant else "")
            raise StudyError(_once([*problems, *_source_problems(project, resolved)]), where=where)
        return cls(folder, settings, variant, tuple(sorted((overrides or {}).items())))

    @property
    def slug(self) -> str:
        """Name of the study: its folder's."""
        return self.folder.name

    @cached_property
    def project(self) -> Project:
        """The project around the study."""
        return Project.find(self.folder)

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of its variants."""
        return tuple(self.settings.variants)

    @property
    def outcomes(self) -> list[Outcome]:
        """Its outcomes; the first is the primary one."""
        return self.settings.outcomes

    def indicator(self, outcome: Outcome) -> Indicator:
        """The catalogue's entry for an outcome."""
        return load_indicators(self.project.indicators)[outcome.indicator]

    def unit_of(self, outcome: Outcome) -> str:
        """The unit of effects on an outcome."""
        unit = self.indicator(outcome).unit
        return f"log({unit})" if outcome.scale == "log" else unit


def _shown(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}/study.yaml"


def _once(problems: list[str]) -> list[str]:
    return list(dict.fromkeys(problems))


# ---- variants and overrides --------------------------------------------------------------------


def _resolve(
    raw: dict[str, Any], variant: str | None, overrides: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The file with a variant's keys and the overrides laid over it."""
    problems = []
    resolved: dict[str, Any] = dict(raw)
    variants = raw.get("variants") or {}
    if variant is not None:
        if not isinstance(variants, Mapping) or variant not in variants:
            return resolved, [f"variants: there is no variant {variant!r}. {nearest(variant, map(str, variants))}"]
        changes = variants[variant] or {}
        if not isinstance(changes, Mapping):
            return resolved, []  # the keys' own check says what is wrong with it
        if "variants" in changes:
            return resolved, [f"variants.{variant}.variants: a variant has no variants of its own. Leave the key out."]
        resolved = _overlay(resolved, changes)
    for key, value in overrides.items():
        resolved, wrong = _set(resolved, key, value)
        problems += wrong
    return resolved, problems


def _overlay(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay keys over others; ``design`` key by key, everything else whole."""
    merged = {**base, **changes}
    if isinstance(base.get("design"), Mapping) and isinstance(changes.get("design"), Mapping):
        merged["design"] = {**base["design"], **changes["design"]}
    return merged


def scalar_keys() -> dict[str, str]:
    """Scalars of study.yaml that have one place: short name to dotted key."""
    top = ("title", "question", "measure", "template", "source", "unit", "period", "inference", "level", "seed")
    short = {name: name for name in top}
    short |= {name: f"design.{name}" for name in DesignChoices.model_fields}
    return short | {name: f"treatment.{name}" for name in Treatment.model_fields if name != "cohorts"}


def _set(raw: dict[str, Any], key: str, value: Any) -> tuple[dict[str, Any], list[str]]:
    """Set one scalar by key; a new mapping, and what is wrong."""
    if isinstance(value, (Mapping, list, tuple)):
        return raw, [f"{key}: only scalars can be set from outside (given {value!r})."]
    path = scalar_keys().get(key, key).split(".")
    known = [*scalar_keys(), *scalar_keys().values()]
    if len(path) == 1 and path[0] not in scalar_keys().values():
        return raw, [f"{key}: there is no such scalar to set. {nearest(key, known)}"]
    changed = _put(raw, path, value)
    return (
        (raw, [f"{key}: there is no such scalar to set. {nearest(key, known)}"]) if changed is None else (changed, [])
    )


def _put(node: Any, path: list[str], value: Any) -> Any:
    """A copy of nested mappings and lists with one leaf set; None where the path does not exist."""
    if not path:
        return value if not isinstance(node, (Mapping, list)) else None
    head, rest = path[0], path[1:]
    if isinstance(node, list):
        if not head.isdecimal() or int(head) >= len(node):
            return None
        changed = _put(node[int(head)], rest, value)
        return None if changed is None else [*node[: int(head)], changed, *node[int(head) + 1 :]]
    if node is None or isinstance(node, Mapping):
        inner = dict(node or {})
        if len(rest) == 0:
            if isinstance(inner.get(head), (Mapping, list)):
                return None
            return {**inner, head: value}
        changed = _put(inner.get(head), rest, value)
        return None if changed is None else {**inner, head: changed}
    return None


# ---- names of other files ----------------------------------------------------------------------


def _unknown_names(project: Project, raw: Mapping[str, Any]) -> list[str]:
    """What the study names and the project does not have."""
    problems = []
    for key, kind in (("template", "templates"), ("source", "sources"), ("measure", "measures")):
        name = raw.get(key)
        if isinstance(name, str) and name not in project.keys(kind):
            problems.append(
                f"{key}: there is no {key} {name!r}. {nearest(name, project.keys(kind))} {WRITE[key].format(name)}"
            )
    problems += _card_problems(project, raw) + _indicator_problems(project, raw)
    for room, function in (("estimators", "fit"), ("checks", "run")):
        problems += [p for k, item in enumerate(_items(raw, room)) for p in _choice_problems(room, function, k, item)]
    return problems + _inference_problems(raw)


WRITE = {
    "template": "Or add notebooks/{}.ipynb.",
    "source": "Or describe it in data/sources/{}.yaml.",
    "measure": "Or write its card, data/measures/{}.yaml.",
}
"""What to do about a name that is meant to be new."""


def _items(raw: Mapping[str, Any], key: str) -> list[Any]:
    value = raw.get(key)
    return value if isinstance(value, list) else []


def _card_problems(project: Project, raw: Mapping[str, Any]) -> list[str]:
    """What is wrong with the measure's card, and columns that the source's card does not describe."""
    problems = []
    measure, source = raw.get("measure"), raw.get("source")
    try:
        if isinstance(measure, str) and measure in project.keys("measures"):
            load_measure(project.measure(measure))
    except ScaleImpactError as error:
        problems.append(f"measure: {error}")
    if isinstance(source, str) and not _source_problems(project, raw):
        problems += _column_problems(project, source, raw)
    return problems


def _source_problems(project: Project, raw: Mapping[str, Any]) -> list[str]:
    """What is wrong with the source's card; said with other problems, and by reading the data where there is no other."""
    source = raw.get("source")
    try:
        if isinstance(source, str) and source in project.keys("sources"):
            load_source(project.source(source))
    except ScaleImpactError as error:
        return [f"source: {error}"]
    return []


def _column_problems(project: Project, source: str, raw: Mapping[str, Any]) -> list[str]:
    if source not in project.keys("sources"):
        return []
    columns = load_source(project.source(source)).columns
    return [
        f"{place}: the card of source {source} describes no column {name!r}. {nearest(name, columns)} Or describe it under "
        f"`columns` in data/sources/{source}.yaml."
        for place, name in _columns_named(raw)
        if isinstance(name, str) and name not in columns
    ]


def _columns_named(raw: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Every place of a study that names a column."""
    named = [(k, raw.get(k)) for k in ("unit", "period")]
    named += [
        (f"outcomes.{k}.column", o.get("column"))
        for k, o in enumerate(_items(raw, "outcomes"))
        if isinstance(o, Mapping)
    ]
    named += [(f"covariates.{k}", c) for k, c in enumerate(_items(raw, "covariates"))]
    treatment, design = raw.get("treatment"), raw.get("design")
    if isinstance(treatment, Mapping):
        named += [(f"treatment.{k}", treatment.get(k)) for k in ("treated", "first_treated", "group")]
    if isinstance(design, Mapping):
        named.append(("design.cluster", design.get("cluster")))
    return [*named, *_columns_of_options(raw)]


def _columns_of_options(raw: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Columns that options of estimators and checks name."""
    found: list[tuple[str, Any]] = []
    for room, function in (("estimators", "fit"), ("checks", "run")):
        for k, item in enumerate(_items(raw, room)):
            try:
                choice = Choice.model_validate(_choice(item))
            except ValueError:  # said where names and options are looked at
                continue
            if choice.name in keys.names(room):
                named = keys.columns(room, choice.name, function, choice.options)
                found += [(f"{room}.{k}.{option}", column) for option, column in named]
    return found


def _indicator_problems(project: Project, raw: Mapping[str, Any]) -> list[str]:
    try:
        known = load_indicators(project.indicators)
    except StudyError as error:
        return [str(error)]
    named = [(k, o.get("indicator")) for k, o in enumerate(_items(raw, "outcomes")) if isinstance(o, Mapping)]
    return [
        f"outcomes.{k}.indicator: there is no indicator {name!r}. {nearest(name, known)} Or add its line to data/indicators/catalogue.csv."
        for k, name in named
        if isinstance(name, str) and name not in known
    ]


def _choice_problems(room: str, function: str, k: int, item: Any) -> list[str]:
    """Unknown names and options of estimators and checks."""
    try:
        choice = Choice.model_validate(_choice(item))
    except ValueError:
        return []
    if choice.name not in keys.names(room):
        return [
            f"{room}.{k}: there is no {room.removesuffix('s')} {choice.name!r}. {nearest(choice.name, keys.names(room))}"
        ]
    return [f"{room}.{k}: {p}" for p in keys.wrong_options(room, choice.name, function, choice.options)]


def _inference_problems(raw: Mapping[str, Any]) -> list[str]:
    """Unknown methods and options of ``inference``."""
    try:
        choice = Choice.model_validate(_choice(raw.get("inference", "auto")))
    except ValueError:
        return []
    return [f"inference: {p}" for p in keys.wrong_inference(choice.name, choice.options)]


def _contradictions(settings: Settings) -> list[str]:
    """What each key allows and the keys together do not."""
    lists = {
        "outcomes": [o.column for o in settings.outcomes],
        "covariates": settings.covariates,
        "estimators": [describe(c) for c in settings.estimators],
        "checks": [describe(c) for c in settings.checks],
    }
    problems = [
        f"{key}.{k}: {name} stands here twice. Leave one out."
        for key, names in lists.items()
        for k, name in enumerate(names)
        if name in names[:k]
    ]
    problems += _columns_in_two_roles(settings)
    without = [c.name for c in settings.estimators if not _takes_covariates(c.name)] if settings.covariates else []
    return problems + [
        f"covariates: {name} takes none ({', '.join(settings.covariates)} given). Leave them out or use another estimator."
        for name in without
    ]


def _unit_problems(project: Project, settings: Settings) -> list[str]:
    """Where the source's card and the catalogue give an outcome in different units."""
    if settings.source not in project.keys("sources") or _source_problems(project, {"source": settings.source}):
        return []
    columns, indicators = load_source(project.source(settings.source)).columns, load_indicators(project.indicators)
    found = [_unit_problem(o, columns[o.column].unit.strip(), indicators[o.indicator].unit) for o in settings.outcomes]
    return [f"outcomes.{k}: {problem}" for k, problem in enumerate(found) if problem]


def _unit_problem(outcome: Outcome, card: str, catalogue: str) -> str | None:
    column = outcome.column
    if outcome.scale == "log" and not card.startswith("log("):
        return (
            f"scale: log says that {column} holds logarithms already, and the card gives it in {card}. Say `scale: level`, or "
            f"make a column of logarithms and give its unit as log({card})."
        )
    if outcome.scale == "level" and card.startswith("log(") and not catalogue.startswith("log("):
        return f"the card gives {column} in {card}. Say `scale: log`."
    wanted = f"log({catalogue})" if outcome.scale == "log" else catalogue
    if card == wanted:
        return None
    return (
        f"the card gives {column} in {card}, the catalogue gives {outcome.indicator} in {catalogue}. Convert the data, or "
        "correct the unit in the card or in data/indicators/catalogue.csv."
    )


def _columns_in_two_roles(settings: Settings) -> list[str]:
    """Outcomes that are the unit, the period, the treatment or a covariate too: their effect says nothing."""
    treatment = settings.treatment
    roles = {"unit": settings.unit, "period": settings.period, "treatment.treated": treatment.treated}
    roles |= {"treatment.first_treated": treatment.first_treated, "treatment.group": treatment.group}
    roles |= {f"covariates.{k}": name for k, name in enumerate(settings.covariates)}
    return [
        f"outcomes.{k}.column: {o.column} is {role} too. An outcome is a column of its own."
        for k, o in enumerate(settings.outcomes)
        for role, column in roles.items()
        if o.column == column
    ]


def _takes_covariates(name: str) -> bool:
    return name not in keys.names("estimators") or "covariates" in keys.options("estimators", name, "fit")


def describe(choice: Choice) -> str:
    """An estimator with its options, in words."""
    options = "; ".join(f"{k} {_words(v)}" for k, v in choice.options.items())
    return f"{choice.name} ({options})" if options else choice.name


def _words(value: Any) -> str:
    return ", ".join(map(plain, value)) if isinstance(value, list) else plain(value)
