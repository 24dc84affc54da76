"""What a study names and the project does not have, and what its keys together do not allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from scale_impact.core import keys
from scale_impact.core.catalogue.indicator import Indicator, find, load_indicators, nearest_indicator
from scale_impact.core.catalogue.measure import load_measure, measure_problems
from scale_impact.core.other_study import OtherStudy
from scale_impact.core.project import Project
from scale_impact.core.settings import BLOCKS, Choice, Outcome, Settings, as_choice, describe, kind_of
from scale_impact.core.source import Source, load_source
from scale_impact.core.template import Template, read_template
from scale_impact.core.words import nearest
from scale_impact.core.yaml_file import read_yaml
from scale_impact.errors import DesignError, ScaleImpactError, StudyError

WRITE = {
    "template": "Or add notebooks/{}.ipynb.",
    "source": "Or describe it in data/sources/{}.yaml.",
    "measure": "Or write its card, data/measures/{}.yaml.",
}
"""What to do about a name that is meant to be new."""

FUNCTIONS = {"estimators": "fit", "checks": "run"}
"""Rooms that a study chooses from, each with its function."""

STEPS = {
    "scores": "score", "peers": "find_peers", "adjustment": "adjust", "frontier": "envelop", "rank_bands": "bands",
    "robustness": "examine", "change": "compare",
}  # fmt: skip
"""Steps of a benchmark, files of the room ``benchmark``, each with its function."""

TRANSFER_STEPS = {"pooling": "pool", "for_city": "expect", "held_out": "hold_out", "selection": "examine"}
"""Steps of a transfer, files of the room ``synthesis``, each with its function."""

CITY_EFFECTS = ("core", "measuring_cities", "city_effects")
"""Where the effects of single cities are estimated: the options of ``transfer.effects``."""

FILLED_HERE = {
    "effects": dict.fromkeys(("unit", "direction"), "it is that of the outcome. Leave it out."),
    "for_city": {
        "name": "the city that asks is transfer.city. Leave it out.", "target": "say transfer.target, which all steps take.",
        "population": "it is the cities of the data without the measure. Leave it out.",
    },
    "held_out": {"target": "say transfer.target, which all steps take."},
    "selection": {"target": "say transfer.target, which all steps take."},
}  # fmt: skip
"""Options of steps of a transfer that a study says elsewhere."""

DATA = ("source", "unit", "period")
"""Keys of a study that looks at data of its own."""

OF_MEASURES = ("measure", "treatment", "estimators")
"""Keys that a study of a measure needs and a benchmark does not have."""

FITTED = ("estimators", "covariates", "checks", "graph", "inference")
"""Keys that say how a model is fitted and tried."""

NEEDED = {
    "measure": (*DATA, *OF_MEASURES), "benchmark": DATA, "transfer": (*DATA, "measure"), "scaleup": ("measure",),
}  # fmt: skip
"""Keys that a study of each kind needs beside those that all need."""

NOT_OF = {
    "measure": (), "benchmark": ("measure", "treatment", "design", *FITTED), "transfer": FITTED,
    "scaleup": (*DATA, "treatment", "design", "sample", *FITTED),
}  # fmt: skip
"""Keys that mean nothing in a study of a kind."""

WHY_NOT = {
    "benchmark": "a benchmark compares cities and evaluates no measure",
    "transfer": "a transfer puts effects of single cities together and fits no model of its own",
    "scaleup": "a scale-up reads published rows and looks at no data of its own",
}

ASKED = {
    "benchmark": "compares no cities",
    "transfer": "tells no city what to expect",
    "scaleup": "decides about no scale-up",
}
"""What a template does not do that lacks the call of a kind."""

DOES = {
    "benchmark": "compares cities",
    "transfer": "tells a city what to expect",
    "scaleup": "decides about a scale-up",
}

CALLS = {"benchmark": "benchmark", "transfer": "transfer", "scaleup": "scale_up"}
"""Method of a session by kind; the template of a kind that is shipped is called like it."""


@dataclass(frozen=True)
class Holdings:
    """What a project has to name, each looked up once: a thousand runs of a study name the same things."""

    project: Project
    _known: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def templates(self) -> tuple[str, ...]:
        """Names of templates."""
        return self.project.keys("templates")

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Names of sources."""
        return self.project.keys("sources")

    @cached_property
    def measures(self) -> tuple[str, ...]:
        """Names of measures."""
        return self.project.keys("measures")

    @cached_property
    def indicators(self) -> Mapping[str, Indicator] | StudyError:
        """The catalogue, or what is wrong with it."""
        try:
            return load_indicators(self.project.indicators)
        except StudyError as error:
            return error

    def template(self, name: Any) -> Template | None:
        """A template; None where it is missing or broken, which is said elsewhere."""
        if not isinstance(name, str) or name not in self.templates:
            return None
        found = self.once(("template", name), lambda: self._card(read_template, "template", name))
        return None if isinstance(found, ScaleImpactError) else found

    def kind(self, slug: str) -> str:
        """The kind of a study."""
        path = self.project.studies / slug / "study.yaml"
        found: str = self.once(("study", slug), lambda: kind_of(read_yaml(path)[0]))
        return found

    def variants(self, slug: str) -> tuple[str, ...]:
        """The variants that a study's file names."""
        path = self.project.studies / slug / "study.yaml"
        found = self.once(("variants", slug), lambda: read_yaml(path)[0].get("variants"))
        return tuple(found) if isinstance(found, Mapping) else ()

    @cached_property
    def papers(self) -> tuple[str, ...]:
        """Names of files with evidence of others."""
        return tuple(sorted(p.stem for p in self.project.papers.glob("*.csv")))

    def source(self, name: Any) -> Source | ScaleImpactError | None:
        """The card of a source, or what is wrong with it; None where there is no such source."""
        if not isinstance(name, str) or name not in self.sources:
            return None
        card: Source | ScaleImpactError = self.once(("source", name), lambda: self._card(load_source, "source", name))
        return card

    def measure_problem(self, name: Any) -> ScaleImpactError | None:
        """What is wrong with a measure's card."""
        if not isinstance(name, str) or name not in self.measures:
            return None
        found: ScaleImpactError | None = self.once(("measure", name), lambda: self._of_measure(name))
        return found

    def _of_measure(self, name: str) -> ScaleImpactError | None:
        """What is wrong with a measure's card as it is written, or else with the names in it."""
        card, known = self._card(load_measure, "measure", name), self.indicators
        if isinstance(card, ScaleImpactError) or isinstance(known, StudyError):
            return card if isinstance(card, ScaleImpactError) else None
        problems = measure_problems(card, known)
        return StudyError(problems, where=f"data/measures/{name}.yaml") if problems else None

    def _card(self, load: Callable[..., Any], kind: str, name: str) -> Any:
        try:
            return load(getattr(self.project, kind)(name))
        except ScaleImpactError as error:
            return error

    def once(self, what: tuple[str, ...], find: Callable[[], Any]) -> Any:
        """An answer, found when it is first asked for."""
        if what not in self._known:
            self._known[what] = find()
        return self._known[what]


# ---- names of other files ----------------------------------------------------------------------


def of_another_kind(raw: Mapping[str, Any]) -> list[str]:
    """Keys that are missing in a study of its kind, keys that have no place in it, and two kinds at once."""
    kind, given = kind_of(raw), [name for name in BLOCKS if raw.get(name) is not None]
    if len(given) > 1:
        return [
            f"{given[1]}: a study has one of {', '.join(BLOCKS)} (given: {', '.join(given)}). Make a study of each."
        ]
    needed = [key for key in NEEDED[kind] if key not in DATA or _looks_at_data(raw, kind)]
    problems = [f"{key}: this key is missing." for key in needed if key not in raw]
    problems += [
        f"{key}: {WHY_NOT[kind]}. Leave the key out, or leave out `{kind}`." for key in NOT_OF[kind] if key in raw
    ]
    return problems + (_ways_of_transfer(raw) if kind == "transfer" else [])


def _looks_at_data(raw: Mapping[str, Any], kind: str) -> bool:
    """Whether a study has data of its own: a transfer of published effects that compares no context needs none."""
    chosen = raw.get(kind)
    if kind != "transfer" or not isinstance(chosen, Mapping):
        return True
    published = bool(chosen.get("studies") or chosen.get("papers"))
    return not published or bool(chosen.get("context") or chosen.get("names")) or any(key in raw for key in DATA)


def _ways_of_transfer(raw: Mapping[str, Any]) -> list[str]:
    """Effects come from data of the study's own, or from what was published; not from both and not from nowhere."""
    chosen = raw["transfer"] if isinstance(raw["transfer"], Mapping) else {}
    published = [f"transfer.{key}" for key in ("studies", "papers") if chosen.get(key)]
    if "treatment" in raw and published:
        return [
            f"{published[0]}: effects come from the study's own `treatment` or from what was published, not from both. Leave one out."
        ]
    if "treatment" not in raw and not published:
        return [
            "treatment: say who has the measure since when, or name `transfer.studies` or `transfer.papers` whose effects are put together."
        ]
    return (
        ["design: nobody is compared where effects are those that were published. Leave the key out."]
        if published and "design" in raw
        else []
    )


def unknown_names(holdings: Holdings, raw: Mapping[str, Any], slug: str) -> list[str]:
    """What the study of a slug names and the project does not have, or has as something else."""
    problems = []
    for key, known in (
        ("template", holdings.templates),
        ("source", holdings.sources),
        ("measure", holdings.measures),
    ):
        name = raw.get(key)
        if isinstance(name, str) and name not in known:
            problems.append(f"{key}: there is no {key} {name!r}. {nearest(name, known)} {WRITE[key].format(name)}")
    if (wrong := holdings.measure_problem(raw.get("measure"))) is not None:
        problems.append(f"measure: {wrong}")
    problems += _template_problems(holdings, raw) + _column_problems(holdings, raw) + _indicator_problems(holdings, raw)
    for room in FUNCTIONS:
        problems += [
            f"{room}.{k}{p}" for k, item in enumerate(_items(raw, room)) for p in _of_choice(holdings, room, item)
        ]
    blocks = (_benchmark_problems, _transfer_problems, _scaleup_problems)
    return problems + _inference_problems(raw) + [p for of in blocks for p in of(holdings, raw, slug)]


def _template_problems(holdings: Holdings, raw: Mapping[str, Any]) -> list[str]:
    """A template that does not answer what a study of this kind asks."""
    name, template, kind = raw.get("template"), holdings.template(raw.get("template")), kind_of(raw)
    if template is None or kind in template.kinds:
        return []
    if kind != "measure":
        return [f"template: {name} {ASKED[kind]}, and the study has the key `{kind}`. Use the template {CALLS[kind]}, or call "
                f"session.{CALLS[kind]}() in a cell of notebooks/{name}.ipynb."]  # fmt: skip
    other = min(template.kinds, key=BLOCKS.index)
    return [f"template: {name} {DOES[other]}, and the study has no key `{other}`. Add the key (docs/{other}.md), or use a template "
            "that estimates effects, such as staggered_did."]  # fmt: skip


def _benchmark_problems(holdings: Holdings, raw: Mapping[str, Any], slug: str) -> list[str]:
    """Unknown studies and options of a benchmark."""
    chosen = raw.get("benchmark")
    if not isinstance(chosen, Mapping):
        return []
    named = [(k, name) for k, name in enumerate(_items(chosen, "measures")) if isinstance(name, str)]
    problems = [
        f"benchmark.measures.{k}: {p}" for k, name in named if (p := _no_study_of_a_measure(holdings, name, slug))
    ]
    given = {step: options for step in STEPS if isinstance(options := chosen.get(step), Mapping)}
    return problems + [
        f"benchmark.{p}"
        for step, options in given.items()
        for p in keys.wrong_options("benchmark", step, STEPS[step], options)
    ]


def _transfer_problems(holdings: Holdings, raw: Mapping[str, Any], slug: str) -> list[str]:
    """Unknown studies, files of evidence and options of a transfer."""
    chosen = raw.get("transfer")
    if not isinstance(chosen, Mapping):
        return []
    named = [(k, name) for k, name in enumerate(_items(chosen, "studies")) if isinstance(name, str)]
    problems = [
        f"transfer.studies.{k}: {p}" for k, name in named if (p := _no_study_of_a_measure(holdings, name, slug))
    ]
    carried = chosen.get("transport")
    if isinstance(carried, Mapping) and isinstance(slug_of := carried.get("study"), str):
        problems += [f"transfer.transport.study: {p}" for p in [_no_study_of_a_measure(holdings, slug_of, slug)] if p]
    known = holdings.papers
    problems += [
        f"transfer.papers.{k}: there is no data/evidence/{name}.csv. {nearest(name, known)}"
        for k, name in enumerate(_items(chosen, "papers"))
        if isinstance(name, str) and name not in known
    ]
    given = {step: options for step in TRANSFER_STEPS if isinstance(options := chosen.get(step), Mapping)}
    problems += [
        f"transfer.{step}.{name}: {why}"
        for step, filled in FILLED_HERE.items()
        if isinstance(own := chosen.get(step), Mapping)
        for name, why in filled.items()
        if name in own
    ]
    effects = chosen.get("effects")
    of_effects = keys.wrong_options(*CITY_EFFECTS, effects) if isinstance(effects, Mapping) else []
    return [
        *problems,
        *(f"transfer.effects: {p.removeprefix('measuring_cities').lstrip(': ')}" for p in of_effects),
        *(
            f"transfer.{p}"
            for step, options in given.items()
            for p in keys.wrong_options("synthesis", step, TRANSFER_STEPS[step], options)
        ),
    ]


def _scaleup_problems(holdings: Holdings, raw: Mapping[str, Any], slug: str) -> list[str]:
    """Unknown studies of a scale-up: it reads those of measures and transfers."""
    chosen = raw.get("scaleup")
    rows = (
        {key: row for key in ("effect", "pilot") if isinstance(row := chosen.get(key), Mapping)}
        if isinstance(chosen, Mapping)
        else {}
    )
    named = {key: row["study"] for key, row in rows.items() if isinstance(row.get("study"), str)}
    return [
        f"scaleup.{key}.study: {p}"
        for key, name in named.items()
        if (p := _no_study_of_a_measure(holdings, name, slug, "transfer") or _with_variant(name))
    ]


def _with_variant(name: str) -> str:
    """What to do about a run that is named in one word, where its variant has a key of its own; empty where it is not."""
    study, _, variant = name.partition("/")
    return f"name the run by two keys: {{study: {study}, variant: {variant}}}." if variant else ""


def _no_study_of_a_measure(holdings: Holdings, name: str, slug: str, *also: str) -> str:
    """Why a name is none of a study of a measure; empty where it is. Published results are enough: a crate holds no more of it."""
    what = f"Name studies of {' or '.join(['measures', *(f'{k}s' for k in also)])}: what they found is read."
    given, (name, _, variant) = name, name.partition("/")
    if name == slug:
        return f"{name!r} is this study itself. {what}"
    studies = holdings.project.keys("studies")
    if name not in studies:
        there = name and Path(name).name == name and OtherStudy(holdings.project, name, whole=True).results
        return "" if there else f"there is no study {given!r}. {nearest(name, studies)}"
    kind, runs = holdings.kind(name), holdings.variants(name)
    if kind not in ("measure", *also):
        return f"{name!r} is a {kind.replace('scaleup', 'scale-up')}. {what}"
    published = Path(variant).name == variant and OtherStudy(holdings.project, given, whole=True).results
    if variant and variant not in runs and not published:
        return f"study {name} has no variant {variant!r}. {nearest(variant, runs)}"
    return ""


def _items(raw: Mapping[str, Any], key: str) -> list[Any]:
    value = raw.get(key)
    return value if isinstance(value, list) else []


def source_problems(holdings: Holdings, raw: Mapping[str, Any]) -> list[str]:
    """What is wrong with the source's card; said with other problems, and by reading the data where there is no other."""
    card = holdings.source(raw.get("source"))
    return [f"source: {card}"] if isinstance(card, ScaleImpactError) else []


def _column_problems(holdings: Holdings, raw: Mapping[str, Any]) -> list[str]:
    source = raw.get("source")
    card = holdings.source(source)
    if not isinstance(card, Source):
        return []
    return [
        f"{place}: the card of source {source} describes no column {name!r}. {nearest(name, card.columns)} Or describe it under "
        f"`columns` in data/sources/{source}.yaml."
        for place, name in _columns_named(holdings, raw)
        if isinstance(name, str) and name not in card.columns
    ]


def _columns_named(holdings: Holdings, raw: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Every place of a study that names a column."""
    named = [(k, raw.get(k)) for k in ("unit", "period")]
    named += [
        (f"outcomes.{k}.column", o.get("column"))
        for k, o in enumerate(_items(raw, "outcomes"))
        if isinstance(o, Mapping) and not _from_rows(raw)
    ]
    named += [(f"covariates.{k}", c) for k, c in enumerate(_items(raw, "covariates"))]
    treatment, design = raw.get("treatment"), raw.get("design")
    if isinstance(treatment, Mapping):
        named += [
            (f"treatment.{k}", treatment.get(k)) for k in ("treated", "first_treated", "group", "exposure", "running")
        ]
    if isinstance(design, Mapping):
        named.append(("design.cluster", design.get("cluster")))
    return [*named, *_columns_of_blocks(raw), *_columns_of_options(holdings, raw)]


def _from_rows(raw: Mapping[str, Any]) -> bool:
    """Whether outcomes are columns of published rows and not of the source."""
    return kind_of(raw) == "transfer" and "treatment" not in raw


def _columns_of_blocks(raw: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Columns that a benchmark or a transfer names beside outcomes."""
    outcomes = [(k, o) for k, o in enumerate(_items(raw, "outcomes")) if isinstance(o, Mapping)]
    named = [(f"outcomes.{k}.{key}", o[key]) for k, o in outcomes for key in ("std_error", "per") if key in o]
    for block in ("benchmark", "transfer"):
        if isinstance(chosen := raw.get(block), Mapping):
            context = [c.get("column") if isinstance(c, Mapping) else c for c in _items(chosen, "context")]
            named += [
                (f"{block}.names", chosen.get("names")),
                *((f"{block}.context.{k}", c) for k, c in enumerate(context)),
            ]
    return named


def _columns_of_options(holdings: Holdings, raw: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Columns that options of estimators and checks name."""
    return [
        (f"{room}.{k}.{option}", column)
        for room in FUNCTIONS
        for k, item in enumerate(_items(raw, room))
        for option, column in holdings.once(("columns", room, repr(item)), lambda r=room, i=item: _columns_of(r, i))  # type: ignore[misc]
    ]


def _columns_of(room: str, item: Any) -> list[tuple[str, str]]:
    choice = _choice(item)  # what is no choice is said where names and options are looked at
    if choice is None or choice.name not in keys.names(room):
        return []
    return keys.columns(room, choice.name, FUNCTIONS[room], choice.options)


def _choice(item: Any) -> Choice | None:
    try:
        return Choice.model_validate(as_choice(item))
    except ValueError:
        return None


def _indicator_problems(holdings: Holdings, raw: Mapping[str, Any]) -> list[str]:
    known = holdings.indicators
    if isinstance(known, StudyError):
        return [str(known)]
    named = [(k, o.get("indicator")) for k, o in enumerate(_items(raw, "outcomes")) if isinstance(o, Mapping)]
    return [
        f"outcomes.{k}.indicator: there is no indicator {name!r}. {nearest_indicator(known, name)} Or add its line to data/indicators/catalogue.csv."
        for k, name in named
        if isinstance(name, str) and find(known, name) is None
    ]


def by_key(holdings: Holdings, settings: Settings) -> Settings:
    """Settings whose outcomes name their indicators by key, where the study gives codes."""
    known = holdings.indicators
    if isinstance(known, StudyError) or all(o.indicator in known for o in settings.outcomes):
        return settings
    found = [(o, find(known, o.indicator)) for o in settings.outcomes]
    named = [o if i is None else o.model_copy(update={"indicator": i.indicator}) for o, i in found]
    return settings.model_copy(update={"outcomes": named})


def _of_choice(holdings: Holdings, room: str, item: Any) -> list[str]:
    found: list[str] = holdings.once(("choice", room, repr(item)), lambda: _choice_problems(room, item))
    return found


def _choice_problems(room: str, item: Any) -> list[str]:
    """Unknown names and options of an estimator or check; each to be put behind its place."""
    choice = _choice(item)
    if choice is None:
        return []
    if choice.name not in keys.names(room):
        return [f": there is no {room.removesuffix('s')} {choice.name!r}. {nearest(choice.name, keys.names(room))}"]
    return [f": {p}" for p in keys.wrong_options(room, choice.name, FUNCTIONS[room], choice.options)]


def _inference_problems(raw: Mapping[str, Any]) -> list[str]:
    """Unknown methods and options of ``inference``."""
    choice = _choice(raw.get("inference", "auto"))
    return [] if choice is None else [f"inference: {p}" for p in keys.wrong_inference(choice.name, choice.options)]


# ---- what contradicts itself ---------------------------------------------------------------------


def contradictions(settings: Settings) -> list[str]:
    """What each key allows and the keys together do not."""
    lists = {
        "outcomes": [o.column for o in settings.outcomes],
        "covariates": settings.covariates,
        "estimators": [describe(c) for c in settings.estimators],
        "checks": [describe(c) for c in settings.checks],
        "sample.without": [str(u) for u in settings.sample.without],
        "benchmark.measures": [] if settings.benchmark is None else settings.benchmark.measures,
        "transfer.studies": [] if settings.transfer is None else settings.transfer.studies,
        "transfer.papers": [] if settings.transfer is None else settings.transfer.papers,
        "transfer.context": [] if settings.transfer is None else [c.column for c in settings.transfer.context],
    }
    problems = [
        f"{key}.{k}: {name} stands here twice. Leave one out."
        for key, names in lists.items()
        for k, name in enumerate(names)
        if name in names[:k]
    ]
    problems += _columns_in_two_roles(settings) + _of_planned(settings) + _of_scores(settings) + _of_transfer(settings)
    if settings.sample.without and settings.unit is None:
        problems.append(
            "sample.without: no unit is followed over time (unit is null), so none can be left out by name."
        )
    without = [c.name for c in settings.estimators if not _takes_covariates(c.name)] if settings.covariates else []
    return problems + [
        f"covariates: {name} takes none ({', '.join(settings.covariates)} given). Leave them out or use another estimator."
        for name in without
    ]


def _of_planned(settings: Settings) -> list[str]:
    """What a study cannot have while nobody is treated."""
    if settings.treatment.planned is None:
        return []
    problems = [f"checks.{k}: nobody is treated yet, so there is nothing that {c.name} could be tried on. Leave it out."
                for k, c in enumerate(settings.checks)]  # fmt: skip
    if settings.unit is None:
        problems.append("unit: a pilot is planned for units that are followed over time, and unit is null.")
    return problems


def _of_scores(settings: Settings) -> list[str]:
    """Keys of a benchmark in the study of a measure, and what its own keys contradict."""
    if settings.benchmark is None:
        return [
            f"outcomes.{k}.{key}: a benchmark alone takes it, and the study has no key `benchmark`. Leave it out."
            for k, outcome in enumerate(settings.outcomes)
            for key in outcome.only_scored
        ]
    columns = [o.column for o in settings.outcomes]
    problems = [f"benchmark.context.{k}: {c.column} is an outcome too. What cities are judged by is no context: leave it out of the one or "
                "the other." for k, c in enumerate(settings.benchmark.context) if c.column in columns]  # fmt: skip
    problems += [f"outcomes.{k}.times: it goes with `per`, the column that the value is divided by. Give both, or leave it out."
                 for k, o in enumerate(settings.outcomes) if o.times is not None and o.per is None]  # fmt: skip
    problems += [f"outcomes.{k}.pooled: it goes with `per`: counts are pooled with what they happened to. Name the column."
                 for k, o in enumerate(settings.outcomes) if o.pooled is not None and o.per is None]  # fmt: skip
    if settings.unit is None:
        problems.append(
            "unit: a benchmark compares units that have a name, and unit is null. Name the column of the city."
        )
    return problems


def _of_transfer(settings: Settings) -> list[str]:
    """What the keys of a transfer or a scale-up contradict."""
    chosen, problems = settings.transfer, []
    if settings.kind in ("transfer", "scaleup") and len(settings.outcomes) > 1:
        problems.append(
            f"outcomes.1: a {settings.kind} is about one outcome, and {len(settings.outcomes)} are given. Make a study of each."
        )
    if chosen is None:
        return problems
    treatment = settings.treatment
    if settings.unit is None and settings.source:
        problems.append(
            "unit: a transfer looks at cities that have a name, and unit is null. Name the column of the city."
        )
    if not chosen.from_rows and (treatment.is_exposure or treatment.planned is not None or treatment.group is not None):
        problems.append(
            "treatment: effects of single cities need the first treated period of each. Give treated, first_treated or cohorts."
        )
    own = [o.column for o in settings.outcomes]
    problems += [f"transfer.here: {c} is no context of the transfer. {nearest(c, [x.column for x in chosen.context])}"
                 for c in chosen.here if c not in [x.column for x in chosen.context]]  # fmt: skip
    return problems + [f"transfer.effects: options of effects that were published elsewhere cannot be chosen ({', '.join(chosen.effects)}). Leave "
                       "them out." for _ in own[:1] if chosen.from_rows and chosen.effects]  # fmt: skip


def unit_problems(holdings: Holdings, settings: Settings) -> list[str]:
    """Where the source's card and the catalogue give an outcome in different units."""
    card, known = holdings.source(settings.source), holdings.indicators
    published = settings.transfer is not None and settings.transfer.from_rows  # the outcome is a column of rows
    if not isinstance(card, Source) or isinstance(known, StudyError) or published:
        return []
    found = [
        None if o.per is not None else _unit_problem(o, card.columns[o.column].unit.strip(), known[o.indicator].unit)
        for o in settings.outcomes  # a ratio has the indicator's unit, and its parts have units of their own
    ]
    return [f"outcomes.{k}: {problem}" for k, problem in enumerate(found) if problem]


def graph_problems(holdings: Holdings, settings: Settings) -> list[str]:
    """What is wrong with the causal graph, by itself and with the columns that the source's card describes."""
    card = holdings.source(settings.source)
    if settings.graph is None or not isinstance(card, Source):
        return []
    from scale_impact.core.causal.graphs.graph import Graph

    named = next(iter(settings.treatment.columns.values()), "treatment")
    try:
        graph = Graph.parse(**settings.graph.model_dump())
        for outcome in settings.outcomes:
            graph.of_study(named, outcome.column, [*card.columns, *(o.column for o in settings.outcomes)])
    except DesignError as error:
        return [f"graph: {p}" for p in error.problems]
    return []


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
    """Outcomes that are the unit, the period, the treatment or held fixed too, and treatments that are held fixed: no effect is left."""
    columns = settings.treatment.columns
    treatment = [(f"treatment.{k}", column) for k, column in columns.items()]
    fixed = [(f"covariates.{k}", name) for k, name in enumerate(settings.covariates)]
    fixed += [held for room in FUNCTIONS for held in _held_fixed(room, getattr(settings, room))]
    said = [
        f"outcomes.{k}.column: {o.column} is {role} too. An outcome is a column of its own."
        for k, o in enumerate(settings.outcomes)
        for role, column in [("unit", settings.unit), ("period", settings.period), *treatment, *fixed]
        if o.column == column
    ]
    return said + [
        f"treatment.{k}: {columns[k]} is {role} too. With the treatment held fixed nobody is left to compare: leave it out of {role}."
        for k in ("treated", "exposure")
        for role, column in fixed
        if columns.get(k) == column
    ]


HELD_FIXED = {"estimators": ("covariates", "contexts", "through", "exact", "instruments"), "checks": ("covariates",)}
"""Options by which rows are made alike or told apart."""


def _held_fixed(room: str, chosen: Sequence[Choice]) -> list[tuple[str, str]]:
    """Columns that options of estimators and checks hold fixed, each with its place."""
    return [
        (f"{room}.{k}.{option}", column)
        for k, choice in enumerate(chosen)
        if choice.options and choice.name in keys.names(room)
        for option, column in keys.columns(room, choice.name, FUNCTIONS[room], choice.options)
        if option in HELD_FIXED[room]
    ]


def _takes_covariates(name: str) -> bool:
    return name not in keys.names("estimators") or "covariates" in keys.options("estimators", name, "fit")
