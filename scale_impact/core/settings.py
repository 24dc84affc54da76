"""Settings: the keys of study.yaml as one model, from which types of everything else are taken.

The text below a key is what an editor shows of it (``scale-impact check --schema``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt, StrictStr, field_validator, model_validator

from scale_impact.core.design import Balance, BasePeriod, Control
from scale_impact.core.exposure import Side
from scale_impact.core.panel import Missing
from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.core.words import plain
from scale_impact.core.yaml_file import Record

Kind = Literal["measure", "benchmark", "transfer", "scaleup"]
"""What a study asks: what a measure did, how a city does among others, what the next city may expect, whether it is worth scaling."""

BLOCKS: tuple[Literal["benchmark", "transfer", "scaleup"], ...] = ("benchmark", "transfer", "scaleup")
"""Keys that make a study one of another kind than the study of a measure."""


def kind_of(raw: Mapping[str, Any]) -> Kind:
    """The kind of a study by its keys, as a model or as written."""
    for name in BLOCKS:
        if raw.get(name) is not None:
            return name
    return "measure"


FOLDER_NAME = r"[a-z0-9][a-z0-9_-]{0,99}"
"""What a variant may be called: its results lie in a folder of that name."""


def _label(raw: Any) -> Any:
    if isinstance(raw, date):
        return raw.isoformat()
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise ValueError(f"write a number, a date or a text (it is {raw!r}).")
    return raw


Label = Annotated[Any, BeforeValidator(_label)]
"""A unit or a period, as its author wrote it."""


def _known(raw: Any) -> Any:
    if isinstance(raw, bool) or not (raw is None or isinstance(raw, (int, float, str))):
        raise ValueError(f"write a number, a text, or null where it is not known (it is {raw!r}).")
    if isinstance(raw, float) and not isfinite(raw):
        raise ValueError(f"write a finite number, or null where it is not known (it is {raw!r}).")
    return raw


Known = Annotated[Any, BeforeValidator(_known)]
"""A number or a text that is known of a city; None where it is not."""


Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A number that is one."""


class Outcome(Record):
    """An outcome: a column of the source, the indicator it measures, and whether it holds logs."""

    column: StrictStr
    """Column of the source."""
    indicator: StrictStr
    """What it measures: a key or code of data/indicators/catalogue.csv."""
    scale: Literal["level", "log"] = "level"
    """`log` where the column holds logarithms already; nothing is transformed."""
    goalposts: tuple[Finite, Finite] | None = None
    """Of a benchmark: the values that count 0 and 100 (worst, best); default those of the catalogue."""
    weight: Annotated[Finite, Field(gt=0)] | None = None
    """Of a benchmark: how much it counts within its dimension, relative to the others; default 1."""
    std_error: StrictStr | None = None
    """Of a benchmark: the column with the value's standard error; without it a value is taken as known exactly."""
    per: StrictStr | None = None
    """Of a benchmark: the column that the value is divided by, such as residents."""
    times: Annotated[Finite, Field(gt=0)] | None = None
    """Of a benchmark, with `per`: what the ratio is multiplied by, such as 1000; default 1."""
    pooled: Annotated[StrictInt, Field(ge=1)] | None = None
    """Of a benchmark, with `per`: counts of so many periods are pooled and shrunk to the rate of all (empirical Bayes)."""

    @property
    def only_scored(self) -> tuple[str, ...]:
        """The keys given that a benchmark alone takes."""
        named = ("goalposts", "weight", "std_error", "per", "times", "pooled")
        return tuple(k for k in named if getattr(self, k) is not None)


class Treatment(Record):
    """Who is treated from when, in one of four ways (see ``Design.from_panel``); or from when on a pilot is planned."""

    treated: StrictStr | None = None
    """A 0/1 column that is 1 from the first treated period on."""
    first_treated: StrictStr | None = None
    """A column with the first treated period; empty, infinite or 0 for never treated."""
    cohorts: dict[Label, Label] | None = None
    """Unit to first treated period; units not named are never treated."""
    group: StrictStr | None = None
    """A 0/1 column of the treated group, with `starts`."""
    starts: Label | None = None
    """The period in which treatment of the group starts."""
    planned: Label | None = None
    """Nobody is treated yet: the period from which a pilot may run. Rows from then on are cut off."""
    exposure: StrictStr | None = None
    """A column with each observation's own exposure, 0/1 or a dose: observations of one period are compared."""
    running: StrictStr | None = None
    """The column that decides who is treated, with `threshold`; with `exposure` where it does not decide alone."""
    threshold: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None
    """The value of the running variable from which on (`side: below`: below which) the measure is meant to be."""
    side: Side | None = None
    """Which side of the threshold is meant to be treated; default `above`."""

    @property
    def is_exposure(self) -> bool:
        """Whether observations of one period are compared, and nobody before and after."""
        return self.exposure is not None or self.running is not None

    @property
    def columns(self) -> dict[str, str]:
        """The keys that name a column of the source, with the columns."""
        named = ("treated", "first_treated", "group", "exposure", "running")
        return {k: v for k in named if (v := getattr(self, k)) is not None}

    @model_validator(mode="after")
    def _one_way(self) -> Treatment:
        ways = ("treated", "first_treated", "cohorts", "group", "planned")
        given = [k for k in ways if getattr(self, k) is not None]
        given += ["exposure" if self.exposure is not None else "running"] if self.is_exposure else []
        if len(given) != 1:
            raise ValueError(
                "say who is treated in exactly one way: treated, first_treated, cohorts, group with starts, exposure, or running with threshold "
                f"(given: {', '.join(given) or 'none'})."
            )
        if (self.group is None) != (self.starts is None):
            raise ValueError(
                f"{'starts' if self.starts is None else 'group'} is missing; group and starts go together, such as "
                "{group: nearinc, starts: 1981}."
            )
        if (self.running is None) != (self.threshold is None):
            raise ValueError(
                f"{'threshold' if self.threshold is None else 'running'} is missing; running and threshold go together, such as "
                "{running: population, threshold: 5000}."
            )
        return self


class CausalGraph(Record):
    """What is assumed to cause what; nodes are columns, `treatment` and `outcome` the study's own (see ``core.causal.graphs.graph``)."""

    edges: list[StrictStr] = []
    """Arrows: `size -> score`, chains `a -> b -> c`, and `a <-> b` for an unobserved common cause."""
    dot: StrictStr | None = None
    """The graph in the DOT language, instead of edges."""
    unobserved: list[StrictStr] = []
    """Nodes that the data do not have."""
    constant: list[StrictStr] = []
    """Unobserved nodes that stay the same over time, so that they drop out of changes."""


NOBODY = Treatment.model_construct()
"""The treatment of a benchmark, which asks what cities are like and not what was done."""


class ContextChoice(Record):
    """What cities are compared on: a column, and whether it is a number or a group."""

    column: StrictStr
    """Column of the source."""
    kind: Literal["number", "group"] = "number"
    """`group` where only equality counts, such as a region."""
    log: bool = False
    """Whether ratios count and not differences, as for residents: a number above 0 whose logarithm is compared."""


def _as_context(raw: Any) -> Any:
    return {"column": raw} if isinstance(raw, str) else raw


class BenchmarkChoices(Record):
    """A city among comparable cities; steps without options are made with their defaults (docs/benchmark.md)."""

    city: Label
    """The city that the page is about, as the data name it."""
    names: StrictStr | None = None
    """Column with the names that are shown; default the unit."""
    at: Label | None = None
    """The period in which cities are judged; default the last."""
    before: Label | None = None
    """An earlier period: what has changed since then; default no change is asked for."""
    context: Annotated[list[Annotated[ContextChoice, BeforeValidator(_as_context)]], Field(min_length=1)]
    """What a city cannot choose and is compared on; never what it is judged by. A column, or {column: ..., kind: group}."""
    measures: list[StrictStr] = []
    """Studies of measures that peers may have tried, by slug."""
    scores: dict[str, Any] = {}
    """Options of the scores: normaliser, weights, missing, aggregation ..."""
    peers: dict[str, Any] = {}
    """Options of the peers: method, number, caliper ..."""
    adjustment: dict[str, Any] | None = {}
    """Options of the context adjustment; null leaves it out."""
    frontier: dict[str, Any] | None = {}
    """Options of the frontier; null leaves it out."""
    rank_bands: dict[str, Any] = {}
    """Options of the rank bands."""
    robustness: dict[str, Any] | None = {}
    """Options of the robustness to choices; null leaves it out."""
    change: dict[str, Any] | None = {}
    """Options of the change over time; null leaves it out."""

    @property
    def columns(self) -> dict[str, str]:
        """The keys that name a column of the source, with the columns."""
        named = {} if self.names is None else {"benchmark.names": self.names}
        return named | {f"benchmark.context.{k}.column": c.column for k, c in enumerate(self.context)}


class TransportChoices(Record):
    """A study that tells effects apart by context, and the people or units of the city that asks."""

    study: StrictStr
    """The study, by slug or as study/variant: one with rows of kind `subgroup` or `unit`."""
    outcome: StrictStr | None = None
    """Column of its outcome; default the first that has such rows."""
    estimator: StrictStr | None = None
    """The estimator; default the first that has such rows."""
    shares: dict[StrictStr, Annotated[Finite, Field(ge=0, le=1)]] = {}
    """Share of each group in the city, by the group's label; they sum to 1."""
    means: dict[StrictStr, Finite] = {}
    """Or means of the contexts in the city, by column: units are weighted until they have these."""
    by: StrictStr | None = None
    """The context whose groups are meant, such as `age` of `age: up to 21`."""

    @model_validator(mode="after")
    def _one_way(self) -> TransportChoices:
        if bool(self.shares) == bool(self.means):
            raise ValueError("say who lives there in one way: shares of groups, or means of contexts.")
        return self


class TransferChoices(Record):
    """What the next city may expect of a measure; steps without options are made with their defaults (docs/transfer.md)."""

    city: Label
    """The city that asks: a unit of the data that does not have the measure, or any name where `here` describes it."""
    here: dict[StrictStr, Known] = {}
    """Context of the city that asks, by column, where the data do not have it."""
    names: StrictStr | None = None
    """Column with the names that are shown; default the unit."""
    at: Label | None = None
    """The period whose context counts; default the last one before anybody has the measure, without treatment the last."""
    context: list[Annotated[ContextChoice, BeforeValidator(_as_context)]] = []
    """What cities are compared on, known before the measure. A column, or {column: ..., kind: group}."""
    target: Finite | None = None
    """The effect that would be enough, in the outcome's unit: how likely it is reached is said."""
    studies: list[StrictStr] = []
    """Studies whose published effects are put together, by slug, instead of `treatment`."""
    papers: list[StrictStr] = []
    """Files of data/evidence whose effects are put together too, by name."""
    include: list[Literal["unfrozen", "failed", "simulated", "failed_checks"]] = []
    """Evidence that is left out unless it is named here."""
    effects: dict[str, Any] = {}
    """Options of the effects of single cities: window, base ..."""
    pooling: dict[str, Any] = {}
    """Options of the pooling: tau2, inference ..."""
    for_city: dict[str, Any] = {}
    """Options of the answer for the city: kernel, bandwidth ..."""
    held_out: dict[str, Any] | None = {}
    """Options of the held-out test; null leaves it out."""
    selection: dict[str, Any] | None = {}
    """Options of the look at which cities were studied and what was published; null leaves it out."""

    transport: TransportChoices | None = None
    """An effect carried over by who lives in the city; default none."""

    @property
    def columns(self) -> dict[str, str]:
        """The keys that name a column of the source, with the columns."""
        named = {} if self.names is None else {"transfer.names": self.names}
        return named | {f"transfer.context.{k}.column": c.column for k, c in enumerate(self.context)}

    @property
    def from_rows(self) -> bool:
        """Whether the effects are those that studies and papers have published."""
        return bool(self.studies or self.papers)


class DesignChoices(Record):
    """The comparison; see ``Design.from_panel``."""

    control: Control = "never"
    """Who is compared: units never treated, also those not yet treated, or nobody (`none`: each unit with its own past)."""
    anticipation: Annotated[StrictInt, Field(ge=0)] = 0
    """Periods before treatment in which units may already react."""
    base_period: BasePeriod = "varying"
    """Effects before treatment are changes from the period before (`varying`) or to the last one before treatment (`universal`)."""
    balance: Balance = "strict"
    """What to do with units that are not observed in each period."""
    cluster: StrictStr | None = None
    """Column to cluster standard errors by; default the unit."""
    missing: Missing = "refuse"
    """Rows without an outcome: refuse them, or drop them."""


class Choice(Record):
    """An estimator or check with its options: ``name`` or ``{name: {option: value}}`` in the file."""

    name: StrictStr
    options: dict[str, Any] = {}


def as_choice(raw: Any) -> Any:
    """A name, or ``{name: {option: value}}``, as the fields of a choice."""
    if isinstance(raw, str):
        return {"name": raw}
    if isinstance(raw, Mapping) and len(raw) == 1:
        name, options = next(iter(raw.items()))
        if isinstance(options, Mapping) or options is None:
            return {"name": name, "options": dict(options or {})}
    raise ValueError(f"write a name, or {{name: {{option: value}}}} (it is {raw!r}).")


Choices = list[Annotated[Choice, BeforeValidator(as_choice)]]


class Sample(Record):
    """Which periods and units of the source are used: all, but for what is said here."""

    first_period: Label | None = None
    """The first period that is used."""
    last_period: Label | None = None
    """The last period that is used. Who starts treatment later counts as never treated."""
    without: list[Label] = []
    """Units that are left out, by name as in the data."""


class Settings(Record):
    """The keys of study.yaml."""

    title: StrictStr
    """The study's title, a question in a few words."""
    question: StrictStr
    """What the study wants to know, in a sentence."""
    measure: StrictStr = ""
    """What was done: the name of a card, data/measures/<name>.yaml. A benchmark has none."""
    template: StrictStr
    """The notebook that evaluates it: notebooks/<name>.ipynb."""
    source: StrictStr = ""
    """Where the numbers come from: the name of a card, data/sources/<name>.yaml. A scale-up has none: it reads published rows."""
    unit: StrictStr | None = None
    """Column that names the unit followed over time; null for repeated cross-sections."""
    period: StrictStr = ""
    """Column of the period: whole numbers, dates, or texts that sort by time."""
    outcomes: Annotated[list[Outcome], Field(min_length=1)]
    """What may have changed; the first is the primary outcome. Of a benchmark: what cities are judged by."""
    treatment: Treatment = NOBODY
    """Who is treated from when, said in exactly one way. A benchmark has none."""
    benchmark: BenchmarkChoices | None = None
    """A city among comparable cities, instead of the effect of a measure."""
    transfer: TransferChoices | None = None
    """What the next city may expect of the measure, instead of the measure's effect on those who had it."""
    scaleup: ScaleUp | None = None
    """From the effect of a pilot to the decision for a city, for each partner who pays or gains."""
    sample: Sample = Sample()
    """Periods and units of the source that are used; default all."""
    graph: CausalGraph | None = None
    """What is assumed to cause what; estimators that adjust take their covariates from it where `covariates` names none."""
    design: DesignChoices = DesignChoices()
    """Who is compared with whom."""
    covariates: list[StrictStr] = []
    """Columns to hold constant, for estimators that take them."""
    estimators: Annotated[Choices, Field(min_length=1, validate_default=False)] = []
    """How the effect is estimated; the first is the primary one. A name, or {name: {option: value}}. A benchmark has none."""
    checks: Choices = []
    """What is tried on the primary estimate. A name, or {name: {option: value}}."""
    inference: Annotated[Choice, BeforeValidator(as_choice)] = Choice(name="auto")
    """How intervals are made: auto, analytic, a method, or {method: {option: value}}."""
    level: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.95
    """Level of the intervals."""
    seed: Annotated[StrictInt, Field(ge=0)] = 20251122
    """Seed of everything random."""
    parameters: dict[str, Any] = {}
    """Parameters of the template's own, which its parameters cell declares."""
    variants: dict[str, dict[str, Any]] = {}
    """Runs of the study with other keys, by name; results lie in a folder of that name."""
    grid: dict[str, Any] = {}
    """Axes, each a key with a list of values to try: every combination is a run. `exclude` lists combinations to leave out."""

    @property
    def kind(self) -> Kind:
        """What kind of study it is: the key that says so, or the study of a measure."""
        return kind_of({name: getattr(self, name) for name in BLOCKS})

    @field_validator("variants")
    @classmethod
    def _are_folder_names(cls, variants: dict[str, Any]) -> dict[str, Any]:
        wrong = [v for v in variants if not re.fullmatch(FOLDER_NAME, v) or v == "figures"]
        if wrong:
            raise ValueError(
                f"{', '.join(map(repr, wrong))} cannot name a folder of results. Use small letters, digits, - and _, such as early."
            )
        return variants


def describe(choice: Choice) -> str:
    """An estimator with its options, in words."""
    options = "; ".join(f"{k} {_words(v)}" for k, v in choice.options.items())
    return f"{choice.name} ({options})" if options else choice.name


def _words(value: Any, *, inner: bool = False) -> str:
    """An option's value; lists within it stand in brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{plain(k)} {_words(v, inner=True)}" for k, v in value.items())
    if isinstance(value, list):
        listed = ", ".join(_words(v, inner=True) for v in value)
        return f"({listed})" if inner else listed
    return plain(value)
