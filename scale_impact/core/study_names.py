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
from scale_impact.core.settings import Choice, Outcome, Settings, as_choice, describe
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

OF_MEASURES = ("measure", "treatment", "estimators")
"""Keys that a study of a measure needs and a benchmark does not have."""

NOT_OF_BENCHMARKS = (*OF_MEASURES, "covariates", "checks", "design", "graph", "inference")
"""Keys that mean nothing where no measure is evaluated."""


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

    def is_benchmark(self, slug: str) -> bool:
        """Whether a study compares cities."""
        path = self.project.studies / slug / "study.yaml"
        found: bool = self.once(("study", slug), lambda: read_yaml(path)[0].get("benchmark") is not None)
        return found

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
    """Keys that are missing in the study of a measure, and keys that have no place in a benchmark."""
    if raw.get("benchmark") is None:
        return [f"{key}: this key is missing." for key in OF_MEASURES if key not in raw]
    return [
        f"{key}: a benchmark compares cities and evaluates no measure. Leave the key out, or leave out `benchmark`."
        for key in NOT_OF_BENCHMARKS
        if key in raw
    ]


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
    return problems + _inference_problems(raw) + _benchmark_problems(holdings, raw, slug)


def _template_problems(holdings: Holdings, raw: Mapping[str, Any]) -> list[str]:
    """A template of the other kind: one that compares cities for a measure, or one that estimates effects for a benchmark."""
    name, template = raw.get("template"), holdings.template(raw.get("template"))
    if template is None:
        return []
    if raw.get("benchmark") is not None and not template.compares_cities:
        return [f"template: {name} compares no cities, and the study has the key `benchmark`. Use the template benchmark, or call "
                f"session.benchmark() in a cell of notebooks/{name}.ipynb."]  # fmt: skip
    if raw.get("benchmark") is None and not template.evaluates_measures:
        return [f"template: {name} compares cities, and the study has no key `benchmark`. Add the key (docs/benchmark.md), or use a template "
                "that estimates effects, such as staggered_did."]  # fmt: skip
    return []


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


def _no_study_of_a_measure(holdings: Holdings, name: str, slug: str) -> str:
    """Why a name is none of a study of a measure; empty where it is. Published results are enough: a crate holds no more of it."""
    what = "Name studies of measures: what they found is read."
    if name == slug:
        return f"{name!r} is this study itself. {what}"
    studies = holdings.project.keys("studies")
    if name not in studies:
        there = name and Path(name).name == name and OtherStudy(holdings.project, name).run is not None
        return "" if there else f"there is no study {name!r}. {nearest(name, studies)}"
    return f"{name!r} is a benchmark. {what}" if holdings.is_benchmark(name) else ""


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
        if isinstance(o, Mapping)
    ]
    named += [(f"covariates.{k}", c) for k, c in enumerate(_items(raw, "covariates"))]
    treatment, design = raw.get("treatment"), raw.get("design")
    if isinstance(treatment, Mapping):
        named += [
            (f"treatment.{k}", treatment.get(k)) for k in ("treated", "first_treated", "group", "exposure", "running")
        ]
    if isinstance(design, Mapping):
        named.append(("design.cluster", design.get("cluster")))
    return [*named, *_columns_of_benchmark(raw), *_columns_of_options(holdings, raw)]


def _columns_of_benchmark(raw: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Columns that a benchmark names beside what cities are judged by."""
    outcomes = [(k, o) for k, o in enumerate(_items(raw, "outcomes")) if isinstance(o, Mapping)]
    named = [(f"outcomes.{k}.{key}", o[key]) for k, o in outcomes for key in ("std_error", "per") if key in o]
    chosen = raw.get("benchmark")
    if not isinstance(chosen, Mapping):
        return named
    context = [c.get("column") if isinstance(c, Mapping) else c for c in _items(chosen, "context")]
    return [
        *named,
        ("benchmark.names", chosen.get("names")),
        *((f"benchmark.context.{k}", c) for k, c in enumerate(context)),
    ]


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
    }
    problems = [
        f"{key}.{k}: {name} stands here twice. Leave one out."
        for key, names in lists.items()
        for k, name in enumerate(names)
        if name in names[:k]
    ]
    problems += _columns_in_two_roles(settings) + _of_planned(settings) + _of_scores(settings)
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


def unit_problems(holdings: Holdings, settings: Settings) -> list[str]:
    """Where the source's card and the catalogue give an outcome in different units."""
    card, known = holdings.source(settings.source), holdings.indicators
    if not isinstance(card, Source) or isinstance(known, StudyError):
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
