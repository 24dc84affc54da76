"""Choices of a scale-up: the keys of `scaleup:` in study.yaml, everything that a decision for the whole city rests on.

Every number stands with where it comes from, money with its currency and the year of its prices. What is wrong is told all at
once, each problem with its place. The text below a key is what an editor shows of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    StrictInt,
    StrictStr,
    Tag,
    ValidationError,
    model_validator,
)

from scale_impact.core.readiness_items import ReadinessAnswers
from scale_impact.core.scaleup_problems import GIVEN, ROW, advised, problems_in, quantity_problem
from scale_impact.core.yaml_file import Record

Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Above = Annotated[Finite, Field(gt=0)]
Part = Annotated[Finite, Field(ge=0, le=1)]
Text = Annotated[StrictStr, Field(min_length=1)]
Year = Annotated[StrictInt, Field(ge=1900, le=2200)]
"""A calendar year."""
Currency = Annotated[StrictStr, Field(pattern=r"^[A-Z]{3}$")]
"""An ISO 4217 code, such as EUR."""


class Quantity(Record):
    """A number and how sure it is: a plain number, or a best estimate with its range and shape."""

    value: Finite | None = None
    """The best estimate: the peak of a triangular or pert shape, the mean of a normal one, the median of a lognormal one."""
    low: Finite | None = None
    """The least that it can be; of a normal or lognormal shape: the lower end of the interval that holds it with 95 %."""
    high: Finite | None = None
    """The most that it can be; of a normal or lognormal shape: the upper end of the interval that holds it with 95 %."""
    shape: Literal["triangular", "pert", "uniform", "normal", "lognormal"] = "triangular"
    """How likely the values between the ends are."""

    @model_validator(mode="after")
    def _fits(self) -> Quantity:
        if problem := quantity_problem(self.value, self.low, self.high, self.shape):
            raise ValueError(problem)
        return self

    @property
    def is_known(self) -> bool:
        """Whether it is one number, without a range."""
        return self.low is None or self.low == self.high

    @property
    def best(self) -> float:
        """The best estimate: the value, or the middle of the range where none is given."""
        if self.value is not None:
            return self.value
        low, high = self.ends
        return float((low * high) ** 0.5) if self.shape == "lognormal" else (low + high) / 2

    @property
    def ends(self) -> tuple[float, float]:
        """Low and high; of a known number twice the number."""
        if self.low is None or self.high is None:
            return self.best, self.best
        return self.low, self.high


def _as_quantity(raw: Any) -> Any:
    return {"value": raw} if isinstance(raw, (int, float)) and not isinstance(raw, bool) else raw


def _within(least: float, most: float, told: str) -> Any:
    def check(quantity: Quantity) -> Quantity:
        low, high = quantity.ends
        wide = quantity.shape in ("normal", "lognormal") and not quantity.is_known
        reach = (
            (high - low) * 0.75 if wide else 0.0
        )  # five standard deviations: draws stay within, but for one in a million
        if low < least or high > most:
            raise ValueError(f"{told} (it is {low:g}{'' if low == high else f' to {high:g}'}).")
        if wide and quantity.shape == "normal" and (low - reach < least or high + reach > most):
            raise ValueError(
                f"{told}, and draws of a normal shape from {low:g} to {high:g} leave that range. Use shape: pert or triangular."
            )
        if wide and quantity.shape == "lognormal" and most < float("inf"):
            raise ValueError(f"{told}, and a lognormal shape has no upper end. Use shape: pert or triangular.")
        return quantity

    return AfterValidator(check)


Amount = Annotated[Quantity, BeforeValidator(_as_quantity)]
"""A number with its range."""
Positive = Annotated[Amount, _within(1e-12, float("inf"), "this has to be above 0")]
Share = Annotated[Amount, _within(0.0, 1.0, "a share lies between 0 and 1; write 0.4 for 40 %")]


class EffectRow(Record):
    """Which published number: by default the primary one of the study's first outcome, a prediction for the city before a pilot's effect."""

    study: Text
    """Slug of the study that published it."""
    variant: StrictStr | None = None
    """A variant of that study; default its main run."""
    outcome: StrictStr | None = None
    """Column of the outcome; default the study's primary one."""
    estimator: StrictStr | None = None
    """Estimator; default the primary one."""
    estimand: StrictStr | None = None
    """Estimand, such as PREDICTED, ATT or ITT; default PREDICTED where the study has one, else that of the primary number."""
    label: StrictStr | None = None
    """Label of the row, such as the city that a prediction is for; default the row of kind overall."""


class EffectGiven(Record):
    """An effect that no study of the project published: with its source."""

    estimate: Finite
    """The effect of the measure on one unit, in the outcome's unit; on a log scale in log points."""
    std_error: Annotated[Finite, Field(ge=0)]
    """Its standard error: of a prediction for a new city, not only of the mean."""
    df: Annotated[Finite, Field(gt=0)] | None = None
    """Degrees of freedom of its t distribution; default normal."""
    unit: Text
    """Unit of the outcome, such as share or percentage points."""
    direction: Literal["+", "-"]
    """Whether more (+) or less (-) of the outcome is better."""
    scale: Literal["level", "log"] = "level"
    """`log` where the effect is one on logarithms."""
    label: Text
    """What the effect is, in a few words."""
    source: Text
    """Where it is published."""


def _effect_kind(raw: Any) -> str:
    has = raw.__contains__ if isinstance(raw, Mapping) else lambda key: hasattr(raw, key)
    return GIVEN if has("estimate") and not has("study") else ROW


EffectChoice = Annotated[
    Annotated[EffectRow, Tag(ROW)] | Annotated[EffectGiven, Tag(GIVEN)], Discriminator(_effect_kind)
]
"""A published row, or an effect from elsewhere."""


class Baseline(Record):
    """What one unit has without the measure: turns an effect on logarithms into a change of the level."""

    value: Positive
    """The level without the measure, of one of the units that are reached."""
    unit: Text
    """Its unit, such as claims a year."""
    year: Year
    """The year in which it was measured."""
    source: Text
    """Where the number comes from."""


class Reach(Record):
    """How many units the measure can reach in the whole city."""

    units: Positive
    """How many units there are, such as residents, households or cases a year."""
    unit: Text
    """What a unit is: what the pilot's effect is an effect on."""
    share: Share = Quantity(value=1.0)
    """The part of them that the measure can reach at all; default all."""
    grows: Annotated[Finite, Field(gt=-1, lt=1)] = 0.0
    """Growth of their number a year, such as 0.01."""
    source: Text
    """Where the number comes from."""


class Adoption(Record):
    """How many of the units that can be reached take part, year by year; judged in the middle of each year."""

    curve: Literal["at_once", "linear", "logistic", "bass", "table"]
    """at_once: all from `starts` on; linear: over `years`; logistic and bass: S-shaped; table: `shares` as given."""
    ceiling: Share
    """The part that takes part in the end."""
    starts: Annotated[StrictInt, Field(ge=1)] = 1
    """The first year with participants, 1 the first of the horizon."""
    years: Positive | None = None
    """Of linear: years until all take part; of logistic: years from 10 % to 90 % of the ceiling."""
    midpoint: Positive | None = None
    """Of logistic: years after the start until half of the ceiling takes part."""
    innovation: Positive | None = None
    """Of bass: p, the part that begins by itself a year."""
    imitation: Annotated[Amount, _within(0.0, float("inf"), "this cannot be below 0")] | None = None
    """Of bass: q, how strongly participants draw in others a year."""
    shares: Annotated[list[Part], Field(min_length=1)] | None = None
    """Of table: part of the ceiling in each year from `starts` on; the last one stays."""
    reason: Text
    """Why this curve: what it is taken from."""


class Dose(Record):
    """How much of the measure a unit gets in the city, beside the pilot."""

    value: Positive
    """The dose at scale as a multiple of the pilot's: 1 the same, 0.5 half of it."""
    elasticity: Annotated[Finite, Field(ge=0, le=2)] = 1.0
    """The effect is the pilot's times dose to this power; 1: in proportion."""
    reason: Text
    """Why, or how the dose is measured."""


class Shrinks(Record):
    """One of List's five that can only take from the effect."""

    factor: Share
    """What is left of the effect: 1 all of it, 0.7 seven tenths, 0 nothing."""
    reason: Text
    """Why this number; also where it is 1."""


class Moves(Record):
    """One of List's five that can lower or raise."""

    factor: Positive
    """What the effect, or the costs, are multiplied by: below 1 lowers, above 1 raises."""
    reason: Text
    """Why this number; also where it is 1."""


class Voltage(Record):
    """What large scale does to a pilot's effect: List's (2022) five, none left out; a factor of 1 has its reason too."""

    false_positive: Shrinks
    """Was it true at all? What is left when luck and the choice of the best result are taken off."""
    population: Shrinks
    """Who was in the pilot? What is left among those who were not picked or did not come by themselves."""
    ingredients: Shrinks
    """What made it work and does not scale, such as the best staff? What is left without it."""
    spillovers: Moves
    """What happens when many take part: saturation and displacement lower, networks raise."""
    cost: Moves
    """What costs at scale are multiplied by: above 1 where scarce inputs become dearer; not what a harm saves."""


class Decay(Record):
    """How the effect on a participant fades, year by year after it began."""

    half_life: Positive | None = None
    """Years until half of what fades is gone; null: it lasts."""
    floor: Part = 0.0
    """The part that never fades."""
    reason: Text
    """Why, or what is known of how long it lasts."""


class Learning(Record):
    """How costs of a unit fall with what has been made (Wright 1936): by a fixed part with each doubling."""

    rate: Annotated[
        Amount,
        _within(0.3, 1.0, "what is left after a doubling lies between 0.3 and 1; write 0.9 for ten per cent less"),
    ]
    """What is left of the unit cost after each doubling: 0.9, ten per cent less."""
    before: Above
    """Units made before year 1, to which the costs given belong: usually those of the pilot."""
    reason: Text
    """Why this rate."""


class DiscountStep(Record):
    """A later rate of a declining schedule."""

    after: Annotated[StrictInt, Field(ge=1)]
    """The year after which the rate holds."""
    rate: Annotated[Finite, Field(ge=0, lt=1)]
    """The rate from then on."""


class Discount(Record):
    """The social discount rate, real; shown in the tornado and never drawn, for it is a choice."""

    rate: Annotated[Finite, Field(ge=0, lt=1)]
    """The rate a year, such as 0.03."""
    low: Annotated[Finite, Field(ge=0, lt=1)] | None = None
    """The lowest that is tried."""
    high: Annotated[Finite, Field(ge=0, lt=1)] | None = None
    """The highest that is tried."""
    declines: list[DiscountStep] = []
    """Lower rates for later years."""
    timing: Literal["start", "middle", "end"] = "start"
    """When in a year money flows: at the start the first year is not discounted."""
    source: Text
    """Who sets this rate."""


class Partner(Record):
    """Somebody who pays or gains."""

    name: Text
    """Its name in the ledger."""
    kind: Literal["city", "utility", "operator", "vendor", "citizens", "state"]
    """What it is."""
    group: StrictStr | None = None
    """Of citizens: which group."""
    weight: Above = 1.0
    """What a unit of money counts for this partner in the weighted answer, which stands beside the unweighted one."""
    weight_reason: StrictStr | None = None
    """Why the weight is not 1."""
    must_agree: bool | None = None
    """Whether nothing happens without it; default: who pays has to."""


class Optimism(Record):
    """What is added to costs and taken off benefits, because plans are hopeful (HM Treasury, Green Book)."""

    costs: Annotated[Finite, Field(ge=0, le=10)]
    """0.2: costs are taken as 20 % higher than given."""
    benefits: Part
    """0.1: benefits are taken as 10 % lower than given."""
    reason: Text
    """Why these numbers; also where they are 0."""


def _as_shares(raw: Any) -> Any:
    return {raw: 1.0} if isinstance(raw, str) else raw


Shares = Annotated[dict[StrictStr, Annotated[Part, Field(gt=0)]], Field(min_length=1), BeforeValidator(_as_shares)]
"""A partner, or several with their shares."""


class Flow(Record):
    """A line of the ledger: what somebody pays, somebody gains, or one pays to another."""

    name: Text
    """Its name, of which there is one."""
    kind: Literal["cost", "benefit", "transfer"]
    """cost: uses something up, has `paid_by`; benefit: makes something, has `received_by`; transfer: moves money, has both."""
    paid_by: Shares | None = None
    """A partner, or several with their shares, which sum to 1: {city: 0.6, state: 0.4}."""
    received_by: Shares | None = None
    """A partner, or several with their shares."""
    amount: Amount
    """Money for each of what `per` says; at least 0, but for ranges that hold 0."""
    per: Literal["once", "year", "new_unit", "unit", "effect"]
    """once; each year; each unit that joins; each unit a year; each unit of improvement of the outcome, for one unit a year."""
    currency: Currency
    """ISO code of the amount."""
    year: Year
    """The year of its prices."""
    source: Text
    """Where the amount comes from."""
    starts: Annotated[StrictInt, Field(ge=1)] = 1
    """The first year in which it flows, 1 the first of the horizon."""
    ends: Annotated[StrictInt, Field(ge=1)] | None = None
    """The last year in which it flows; default the last of the horizon. Not of once."""
    every: Annotated[StrictInt, Field(ge=1)] | None = None
    """Of once: again every so many years, such as replacements."""
    grows: Annotated[Finite, Field(gt=-1, lt=1)] = 0.0
    """Real growth of the amount a year, beyond prices in general."""
    learns: bool = False
    """Whether it falls by `learning`; of costs per unit and per new unit."""
    optimism: Annotated[Finite, Field(ge=0, le=10)] | None = None
    """Instead of the block's: what is added to this cost, or taken off this benefit."""


class Correlation(Record):
    """Two uncertain inputs that move together."""

    between: Annotated[list[StrictStr], Field(min_length=2, max_length=2)]
    """Names of two inputs: flows by name, others by place, such as effect, reach.units or voltage.population."""
    rho: Annotated[Finite, Field(ge=-1, le=1)]
    """Correlation of their ranks (Spearman)."""
    reason: Text
    """Why."""


class Conversion(Record):
    """What money of another currency or year is worth in the block's."""

    currency: Currency
    """Currency of the amounts."""
    year: Year
    """Year of their prices."""
    factor: Above
    """One unit of it is worth so many of the block's currency, in prices of the block's year."""
    source: Text
    """Where deflator and exchange rate come from."""


class Measurement(Record):
    """A next measurement that could be made before the decision: is it worth its cost?"""

    name: Text
    """What would be measured, such as a second pilot."""
    of: Text
    """The input that it measures: effect, a flow by name, or a place such as voltage.population."""
    std_error: Above
    """The standard error that it would have, in the input's unit."""
    cost: Annotated[Amount, _within(0.0, float("inf"), "a cost cannot be below 0")]
    """What it costs."""
    currency: Currency
    """ISO code of the cost."""
    year: Year
    """The year of its prices."""
    delay: Annotated[Finite, Field(ge=0)] = 0.0
    """Years that the decision waits for it."""
    source: Text
    """Where cost and precision come from."""


class DecisionRules(Record):
    """Thresholds of stop, adapt and scale; the rules are tried in a fixed order, and the first that holds gives the answer."""

    harm: Part = 0.5
    """Stop where the effect is harmful with more than this probability."""
    hopeless: Part = 0.2
    """Stop where the net present value of all is above 0 with less than this probability, and no measurement is worth its cost."""
    sure: Part = 0.8
    """Scale only where the net present value of all is above 0 with at least this probability."""
    payer: Part = 0.5
    """Adapt where a partner that has to agree loses with more than this probability."""

    @model_validator(mode="after")
    def _ordered(self) -> DecisionRules:
        if self.hopeless > self.sure:
            raise ValueError(f"hopeless ({self.hopeless:g}) cannot be above sure ({self.sure:g}).")
        return self


class ScaleUp(Record):
    """From the effect of a pilot to a decision for the whole city (docs/scaleup.md)."""

    city: Text
    """The city that decides."""
    effect: EffectChoice
    """The effect per unit: a published row, or one from elsewhere with its source."""
    pilot: EffectChoice | None = None
    """The pilot's own effect, shown beside, where `effect` is a prediction."""
    baseline: Baseline | None = None
    """The level without the measure; needed where the effect is on a log scale."""
    reach: Reach
    """How many units the measure can reach."""
    adoption: Adoption
    """How many of them take part, year by year."""
    dose: Dose
    """How much of the measure a unit gets, beside the pilot."""
    voltage: Voltage
    """What large scale does to the effect and the costs: five factors, each with its reason."""
    decay: Decay
    """How long the effect lasts."""
    learning: Learning | None = None
    """How unit costs fall; needed where a flow has `learns`."""
    horizon: Annotated[StrictInt, Field(ge=1, le=200)]
    """Years that are counted."""
    currency: Currency
    """Currency of all results."""
    year: Year
    """Year of the prices of all results."""
    discount: Discount
    """The social discount rate."""
    optimism: Optimism
    """What is added to costs and taken off benefits."""
    partners: Annotated[list[Partner], Field(min_length=1)]
    """Who pays or gains."""
    flows: Annotated[list[Flow], Field(min_length=1)]
    """The lines of the ledger, against a city without the measure."""
    convert: list[Conversion] = []
    """What money of other currencies and years is worth."""
    correlations: list[Correlation] = []
    """Inputs that move together; all others are independent."""
    measurements: list[Measurement] = []
    """What could be measured before the decision."""
    rules: DecisionRules = DecisionRules()
    """Thresholds of stop, adapt and scale."""
    readiness: ReadinessAnswers = {}
    """The readiness checklist, by item: {mandate: {answer: yes, note: ...}}; items left out are not answered."""
    draws: Annotated[StrictInt, Field(ge=1000, le=2_000_000)] = 100_000
    """How many worlds are drawn."""

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, raw: Any, handler: ModelWrapValidatorHandler[ScaleUp]) -> ScaleUp:
        try:
            made, errors = handler(raw), []
        except ValidationError as error:
            made, errors = None, advised(error.errors(include_url=False))
        if errors := [*errors, *problems_in(raw)]:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        assert made is not None
        return made
