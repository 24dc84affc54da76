"""Transfer: what the next city may expect of a measure, each step with the study's options, computed once.

    transfer = session.transfer()
    transfer.effects, transfer.pooled, transfer.expected, transfer.held_out, transfer.selection

Stands between the session and the room ``synthesis``, as ``benchmarking`` does for the benchmark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scale_impact.core import keys
from scale_impact.core.check import Check
from scale_impact.core.city_effects import CityEffects
from scale_impact.core.evidence import BETWEEN, I_SQUARED, POOLED, PREDICTED, Answer
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.study import Study
from scale_impact.core.study_names import TRANSFER_STEPS
from scale_impact.core.words import effect_unit, some, within_sentence
from scale_impact.errors import DataError, DesignError, EstimationError, ScaleImpactError, StudyError, UsageError
from scale_impact.transferring.numbers import numbers, of_transport
from scale_impact.transferring.table import Table

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import Markdown

    from scale_impact.synthesis.for_city import Expectation
    from scale_impact.synthesis.held_out import HeldOut
    from scale_impact.synthesis.pooling import Pooled
    from scale_impact.synthesis.selection import Selection
    from scale_impact.synthesis.transport import Transported

LEFT_OUT = "The study leaves it out."

CAREFUL = "hartung_knapp_floor"
"""How the mean is judged unless a study says otherwise: an error that effects which happen to be alike do not make smaller than the model's
(Knapp and Hartung 2003, ad hoc correction), for a city that decides by it."""

CHECKS = {"held_out": "held_out", "support": "expected", "selection": "selection"}
"""Checks of a transfer, each with the step that makes it."""


@dataclass(frozen=True)
class Transfer:
    """What the next city may expect; what is asked for first is computed first, and once.

    The held-out test and the look at selection are None where the study leaves them out or the cities cannot answer, and ``left_out`` says
    why. Effects, pooling and the answer for the city are what a transfer is made of: without them there is none.

    Attributes
    ----------
    study:
        A study with the key ``transfer``.
    data:
        The columns of its source; None where it has none.

    Raises
    ------
    DataError, DesignError, UsageError
        From the attribute that is asked for: what is wrong with data, evidence, or the options of a step.
    """

    study: Study
    data: pd.DataFrame | ParquetTable | None

    @cached_property
    def table(self) -> Table:
        """The cities as the study names them."""
        return Table(self.study, self.data)

    @property
    def label(self) -> str:
        """The city that asks, as it is shown."""
        return self.table.label

    @cached_property
    def left_out(self) -> dict[str, str]:
        """Steps that have no answer, each with the reason; filled as steps are asked for."""
        return {}

    # ---- the steps --------------------------------------------------------------------------

    @cached_property
    def effects(self) -> CityEffects:
        """The effect of each city that had the measure, or of each study and paper, with their errors and their context."""
        found = self._gathered() if self.table.chosen.from_rows else self._estimated()
        known = self.table.context.reindex(list(found.labels)) if self.table.columns else None
        return replace(found, context=known)

    def _estimated(self) -> CityEffects:
        """From the study's own data."""
        settings, known = self.study.settings, keys.options("core", "measuring_cities", "city_effects")
        given = {k: v for k, v in {"level": settings.level, "seed": settings.seed}.items() if k in known}
        estimate = keys.load(*_MEASURING)
        found: CityEffects = estimate(self.table.panel, self.table.design, **{**given, **self.table.chosen.effects})
        outcome = self.study.outcomes[0]
        return replace(
            found,
            labels=tuple(self.table.names[label] for label in found.labels),
            unit=self.study.unit_of(outcome),
            direction=self.study.indicator(outcome).direction,
        )

    def _gathered(self) -> CityEffects:
        """From published rows of other studies, and from papers."""
        from scale_impact.evidence.gathered import collect

        chosen, settings, outcome = self.table.chosen, self.study.settings, self.study.outcomes[0]
        gathered = collect(
            self.study.project, settings.measure, outcome.indicator, studies=chosen.studies, papers=chosen.papers,
            include=chosen.include,
        )  # fmt: skip
        found = gathered.effects
        labels = tuple(self.table.names.get(label, label) for label in found.labels)
        if problems := [*self._unfit(found, labels), *_one_piece(found, [str(r["kind"]) for r in gathered.rows])]:
            raise DesignError(problems)
        return replace(found, labels=labels)

    def _unfit(self, found: CityEffects, labels: Sequence[str]) -> Iterator[str]:
        """Why effects that were published are no answer to what the study asks."""
        unit = self.study.unit_of(self.study.outcomes[0])
        if found.unit != unit:
            yield (
                f"outcomes.0: the effects that were published are in {found.unit}, and the outcome is in {unit}. Say `scale: log` where they "
                "are in logarithms, or name other evidence."
            )
        if self.label in labels:
            yield f"transfer.city: the effect of {self.label} is among those that are put together, so it was measured. Name a city without it."

    @cached_property
    def pooled(self) -> Pooled:
        """All cities together."""
        made: Pooled = self._made("pooling", self.effects)
        return made

    @cached_property
    def expected(self) -> Expectation:
        """What the city that asks may expect."""
        made: Expectation = self._made("for_city", self.effects, self.table.city)
        return made

    @cached_property
    def held_out(self) -> HeldOut | None:
        """The track record: each city predicted without it."""
        made: HeldOut | None = self._answer(
            "held_out", lambda: self._made("held_out", self.effects, self._others, self._compared)
        )
        return made

    @cached_property
    def selection(self) -> Selection | None:
        """Which cities were studied, and what was published."""
        made: Selection | None = self._answer(
            "selection", lambda: self._made("selection", self.effects, self._others, None, self.pooled)
        )
        return made

    @cached_property
    def like_controls(self) -> Check:
        """Whether cities with the measure varied like the others before it: the errors of single cities rest on it."""
        if self.table.chosen.from_rows:
            return Check.inapplicable(
                "like_controls", "The effects were published with their errors; nothing is taken from other cities."
            )
        from scale_impact.core.measuring_cities import like_controls

        settings = self.study.settings
        return like_controls(self.table.panel, self.table.design, level=settings.level, seed=settings.seed)

    @cached_property
    def transported(self) -> Transported | None:
        """One study's effect carried over by who lives in the city; None where the study names none."""
        chosen = self.table.chosen.transport
        if chosen is None:
            self.left_out["transport"] = (
                "The study names no study whose effects are told apart by context (`transfer.transport`)."
            )
            return None
        from scale_impact.synthesis.transport import transport
        from scale_impact.transferring.carried import rows_by_context

        rows = rows_by_context(self.study.project, chosen, self.study.outcomes[0].indicator)
        there = dict(chosen.means) or [{"label": label, "share": share} for label, share in chosen.shares.items()]
        who = there if chosen.means else _framed(there)
        return transport(_framed(rows), who, by=chosen.by, level=self.study.settings.level)

    def _made(self, step: str, *data: Any) -> Any:
        """A step with the study's options, and with what the frame knows."""
        function, own = TRANSFER_STEPS[step], dict(getattr(self.table.chosen, step) or {})
        known = keys.options("synthesis", step, function)
        given = {k: v for k, v in {**self._shared(step), **own}.items() if k in known}
        return keys.load("synthesis", step, function)(*data, **given)

    def _shared(self, step: str) -> dict[str, Any]:
        """What all steps take of the study where they take it."""
        settings, table = self.study.settings, self.table
        pooling = {"inference": CAREFUL, **table.chosen.pooling}
        context = [c.column for c in table.columns]
        shared = {
            "level": settings.level,
            "seed": settings.seed,
            "log": table.logs,
            "columns": context,
            "target": table.chosen.target,
        }
        named = {"name": self.label, "population": self._others} if step == "for_city" else {}
        return {**pooling, **shared, **named}

    @property
    def _compared(self) -> dict[str, Any]:
        """How cities are compared and weighted, for a test that does as the answer does."""
        own, known = dict(self.table.chosen.for_city), ("columns", "log")
        shared = {k: v for k, v in self._shared("for_city").items() if k in known}
        return {k: v for k, v in {**shared, **own}.items() if k not in ("target", "target_in", "peers", "draws")}

    @property
    def _others(self) -> pd.DataFrame | None:
        """Context of the cities without the measure; None where no context is named."""
        if not self.table.columns:
            return None
        context = self.table.context
        had = frozenset() if self.table.chosen.from_rows else self.table.had
        return context[~context.index.isin(had | set(self.effects.labels))]

    def _answer(self, step: str, make: Callable[[], Any]) -> Any:
        """A step, or None with the reason: what the study asks for by options has to be answered, what comes by itself need not."""
        own = getattr(self.table.chosen, step)
        if own is None:
            self.left_out[step] = LEFT_OUT
            return None
        try:
            return make()
        except (DesignError, DataError, EstimationError) as error:
            if own:
                raise
            self.left_out[step] = " ".join(error.problems)
            return None

    # ---- what a notebook shows --------------------------------------------------------------

    @property
    def unit(self) -> str:
        """What effects are measured in, with the name of the outcome."""
        outcome = self.study.outcomes[0]
        name = within_sentence(self.study.indicator(outcome).name)
        return f"Effect on {name}, {effect_unit(self.study.unit_of(outcome))}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, and what the numbers rest on."""
        try:
            return tuple(dict.fromkeys([*self.effects.notes, *self.pooled.notes]))
        except ScaleImpactError:  # told by `problems`
            return ()

    def effects_table(self) -> pd.DataFrame:
        """Each city's own effect with its standard error, its share in the mean, and its effect drawn towards the mean."""
        import pandas as pd

        pooled, found = self.pooled, self.effects
        columns = {
            "effect": found.effects, "std_error": found.variances**0.5, "weight": pooled.weights, "drawn to the mean": pooled.shrunken,
        }  # fmt: skip
        return pd.DataFrame(columns, index=pd.Index(found.labels, name="city"))

    def pooled_table(self) -> pd.DataFrame:
        """Mean, differences between cities and prediction, each with its interval."""
        import pandas as pd

        rows = [(a.label if a.estimand != PREDICTED else f"the next city ({a.label})", a.value, a.low, a.high, a.std_error)
                for a in self.numbers() if a.kind == "overall" and a.estimand in (POOLED, PREDICTED, BETWEEN, I_SQUARED)]  # fmt: skip
        return pd.DataFrame(rows, columns=["", "estimate", "low", "high", "std_error"]).set_index("")

    def answer(self) -> Markdown:
        """What the city may expect, in a few sentences."""
        return self.told(self.expected.in_words(unit=self._outcome_unit))

    def contributions(self) -> pd.DataFrame:
        """How much each pilot counts, and how far it is."""
        return self.expected.contributions.set_index("city")

    def support_in_words(self) -> Markdown:
        """Whether the city is like the pilots."""
        return self.told([self.expected.check().reason])

    def held_out_in_words(self) -> Markdown:
        """Whether the intervals hold what they promise, and whether the prediction beats simple rules."""
        return self.told([self.left_out["held_out"]] if self.held_out is None else self.held_out.in_words())

    def held_out_table(self) -> pd.DataFrame | Markdown:
        """Each city's measured effect and the prediction made without it."""
        return self._none("held_out") if self.held_out is None else self.held_out.table().set_index("city")

    def transport_in_words(self) -> Markdown:
        """One study's effect carried over by who lives in the city."""
        found = self.transported
        if found is None:
            return self._none("transport")
        return self.told([found.check().reason, *([found.why_not] if found.why_not else []), *found.notes])

    def selection_in_words(self) -> Markdown:
        """Whether the pilots look picked, and what it would take for the answer to change."""
        return self.told(
            [self.left_out["selection"]]
            if self.selection is None
            else [self.selection.check().reason, *self.selection.notes]
        )

    def selection_table(self) -> pd.DataFrame | Markdown:
        """The mean of all, and what it would be by each correction."""
        return self._none("selection") if self.selection is None else self.selection.means().set_index("method")

    def selection_tests(self) -> pd.DataFrame | Markdown:
        """Each test for small studies that find more, and for early cities that gain more."""
        return self._none("selection") if self.selection is None else self.selection.tests().set_index("method")

    def _none(self, step: str) -> Markdown:
        return self.told([self.left_out[step]])

    @property
    def _outcome_unit(self) -> str:
        return self.study.unit_of(self.study.outcomes[0])

    def verdicts(self) -> pd.DataFrame:
        """The checks with verdict and reason."""
        import pandas as pd

        found = [(c.check, c.verdict, c.reason) for c in self.checks()]
        return pd.DataFrame(found, columns=["check", "verdict", "reason"]).set_index("check")

    def told(self, sentences: Sequence[str], nothing: str = "") -> Markdown:
        """Sentences as a list, each once."""
        from IPython.display import Markdown

        return Markdown("\n".join(f"- {s}" for s in dict.fromkeys(sentences)) or nothing)

    # ---- what is published ------------------------------------------------------------------

    def numbers(self) -> Iterator[Answer]:
        """The numbers that are published; what the city that asks may expect comes first."""
        yield from numbers(self.expected, self.held_out)
        yield from of_transport(self.label, self.transported)

    def checks(self) -> tuple[Check, ...]:
        """What the reader of an expectation has to know, as verdicts."""
        found = []
        for name, step in CHECKS.items():
            answer = getattr(self, step)
            found.append(Check.inapplicable(name, self.left_out[step]) if answer is None else answer.check())
        transported = [] if self.transported is None else [self.transported.check()]
        return (*found, self.like_controls, *transported)

    # ---- what is wrong ----------------------------------------------------------------------

    def problems(self) -> tuple[ScaleImpactError, ...]:
        """What is wrong with the data, the city, and the options of steps; all at once, and nothing twice."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[ScaleImpactError]:
        said: set[str] = set()  # what one step says of the data, the next one says again
        for step, key in (("label", "city"), ("effects", "effects"), ("pooled", "pooling"), ("expected", "for_city"),
                          ("held_out", "held_out"), ("selection", "selection"), ("transported", "transport")):  # fmt: skip
            try:
                getattr(self, step if step != "label" else "_city")
            except ScaleImpactError as error:
                fresh = [p for p in error.problems if p not in said]
                said |= set(fresh)
                if fresh and isinstance(error, UsageError):
                    yield StudyError([f"transfer.{key}: {p}" for p in fresh])
                elif fresh:  # logarithms are chosen by `log: true` of a column
                    yield type(error)([f"transfer.context, {p}" if p.startswith("log: ") else p for p in fresh])

    @property
    def _city(self) -> Mapping[str, Any]:
        return self.table.city


def _one_piece(found: CityEffects, kinds: Sequence[str]) -> Iterator[str]:
    """Whether effects of whole studies are all of one city or one data set: one piece of evidence, told several times."""
    if len(found) > 1 and "unit" not in kinds and found.clusters is not None and len(set(found.clusters)) == 1:
        yield (
            f"transfer.studies: the {len(found)} effects ({some(list(found.labels))}) share a city or a data set, so they are one piece of evidence, "
            "and how cities differ cannot be told from it. Name evidence from elsewhere too, or one of them alone."
        )


_MEASURING = ("core", "measuring_cities", "city_effects")


def _framed(rows: Any) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)
