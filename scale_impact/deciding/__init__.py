"""Decision: a study's scale-up, from the published effect to the rule that decides, computed once.

    decision = session.scale_up()
    decision.effect, decision.outlook, decision.readiness, decision.card

Stands between the session and the room ``scaleup``, as ``benchmarking`` does for the benchmark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scale_impact.core.catalogue.measure import load_measure
from scale_impact.core.check import Check
from scale_impact.core.evidence import NET_VALUE, SCALED, Answer, Origin, answer_row, check_row
from scale_impact.core.scaleup_choices import EffectGiven, ScaleUp
from scale_impact.core.study import Study
from scale_impact.core.words import number
from scale_impact.deciding.effect import effect_of, other_rows
from scale_impact.errors import DesignError, ScaleImpactError, StudyError, UsageError
from scale_impact.scaleup.effect import EffectToScale

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import Markdown

    from scale_impact.scaleup.card import DecisionCard
    from scale_impact.scaleup.outlook import Outlook
    from scale_impact.scaleup.readiness import Readiness


OF_THE_OUTCOME = ("PILOT_EFFECT", "EFFECT_AT_SCALE")
"""Numbers in the outcome's unit."""

BETTER = {
    NET_VALUE: "+",
    "BENEFITS": "+",
    "COSTS": "-",
    "BCR": "+",
    "P_POSITIVE": "+",
    "COST_PER_EFFECT": "-",
    "REACH": "+",
}
"""Which way is better, by estimand."""


@dataclass(frozen=True)
class Decision:
    """A study's scale-up; what is asked for first is computed first, and once.

    Attributes
    ----------
    study:
        A study with the key ``scaleup``.
    run:
        The run that publishes the decision, for the page.

    Raises
    ------
    DesignError, UsageError
        From the attribute that is asked for: what is wrong with the row that is scaled, or with the block.
    """

    study: Study
    run: str | None = None

    @property
    def chosen(self) -> ScaleUp:
        """The study's block."""
        chosen = self.study.settings.scaleup
        if chosen is None:
            raise UsageError(
                "The study has no key `scaleup`. Use the template scale_up with a study that has one (docs/scaleup.md)."
            )
        return chosen

    @cached_property
    def effect(self) -> EffectToScale:
        """The effect on one unit, with its whole distribution, and the pilot's own beside it."""
        found = self._effect("effect")
        return found if self.chosen.pilot is None else replace(found, pilot=self._effect("pilot"))

    def _effect(self, key: str) -> EffectToScale:
        outcome = self.study.outcomes[0]
        choice = getattr(self.chosen, key)
        if isinstance(choice, EffectGiven) and (problems := list(self._contradicts(choice, f"scaleup.{key}"))):
            raise DesignError(problems)
        return effect_of(
            self.study.project,
            choice,
            outcome=outcome.column,
            indicator=outcome.indicator,
            city=self.chosen.city,
            key=f"scaleup.{key}",
        )

    def _contradicts(self, given: EffectGiven, key: str) -> Iterator[str]:
        """Where an effect from elsewhere and the catalogue differ: the unit is that of the indicator, and so is what is better."""
        indicator = self.study.indicator(self.study.outcomes[0])
        if given.unit != indicator.unit:
            yield (
                f"{key}.unit: the effect is given in {given.unit}, and {indicator.indicator} is in {indicator.unit}. Convert it, or correct the unit; "
                "an effect on logarithms has `scale: log` and the unit of the level."
            )
        if given.direction != indicator.direction:
            yield f"{key}.direction: it is {given.direction!r}, and of {indicator.indicator} the catalogue says {indicator.direction!r}. Correct one of them."

    @cached_property
    def others(self) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
        """Estimates and checks of the studies that the effects are from, for the card."""
        return other_rows(
            self.study.project, {"scaleup.effect": self.chosen.effect, "scaleup.pilot": self.chosen.pilot}
        )

    @cached_property
    def outlook(self) -> Outlook:
        """Net present value by partner, what moves it, what to measure next, and the rule that decides."""
        from scale_impact.scaleup.outlook import look_ahead

        settings = self.study.settings
        return look_ahead(self.chosen, self.effect, level=settings.level, seed=settings.seed)

    @property
    def source(self) -> str:
        """Where the effect comes from, for figures."""
        return self.effect.source

    @property
    def unit(self) -> str:
        """What money is given in."""
        return f"{self.chosen.currency} of {self.chosen.year}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know."""
        try:
            return tuple(self.outlook.notes)
        except ScaleImpactError:
            return ()

    # ---- the page -----------------------------------------------------------------------------

    @cached_property
    def card(self) -> DecisionCard:
        """One page in plain words, made of rows as they are published."""
        from scale_impact.evidence.cards import Cards
        from scale_impact.scaleup.card import make_card
        from scale_impact.scaleup.carding.warned import warned

        project, settings, chosen = self.study.project, self.study.settings, self.chosen
        origin = Origin(self.study, self.run, self.study.outcomes[0])
        rows = [answer_row(origin, number, SCALED, settings.level) for number in self.numbers()]
        checks = [check_row(origin, check, SCALED) for check in self.checks()]
        others, other_checks = self.others
        ground = Cards(project).ground(
            self.study.slug, self.study.variant
        )  # runs that failed are told by the report: a figure stays
        return make_card(
            rows, checks, measure=load_measure(project.measure(settings.measure)), indicator=self.study.indicator(self.study.outcomes[0]),
            others=others, other_checks=other_checks, title=settings.title, city=chosen.city,
            warnings=warned(simulated=bool(ground.simulated)),
        )  # fmt: skip

    def page(self) -> Markdown:
        """The card as text."""
        from IPython.display import Markdown

        return Markdown(self.card.markdown())

    def told(self, sentences: Sequence[str], nothing: str = "") -> Markdown:
        """Sentences as a list, each once."""
        from IPython.display import Markdown

        return Markdown("\n".join(f"- {s}" for s in dict.fromkeys(sentences)) or nothing)

    def effect_in_words(self) -> Markdown:
        """The effect that is scaled and what all numbers rest on."""
        return self.told(self.outlook.notes)

    def voltage_table(self) -> pd.DataFrame:
        """What large scale does to effect and costs, a factor a row."""
        import pandas as pd

        from scale_impact.scaleup.voltage import factors

        return pd.DataFrame(factors(self.chosen)).set_index("factor")

    def ledger_table(self) -> pd.DataFrame:
        """Costs, benefits, transfers and net present value of each partner, all together first."""
        shown = ["benefits", "costs", "transfers", "npv", "low", "high", "p_positive", "bcr", "weight"]
        return self.outlook.partners.set_index("partner")[shown].round(2)

    def drives_in_words(self) -> Markdown:
        """Which inputs move the answer most, and the break-even effect."""
        moved = [n for n in self.numbers() if n.estimand == "TORNADO" and n.value]
        told = [
            f"{n.label} moves the net present value by {number(_three(n.value or 0.0))} {self.unit}: {n.how}."
            for n in moved[:3]
        ]
        return self.told([*told, *(n.how for n in self.numbers() if n.estimand == "BREAK_EVEN")])

    def information_table(self) -> pd.DataFrame:
        """What knowing each input exactly is worth, and what each measurement gains and costs."""
        import pandas as pd

        known = self.outlook.information
        inputs = known.by_input.rename(columns={"input": "what", "evppi": "worth"})[["what", "worth"]]
        measured = known.measurements.rename(columns={"name": "what", "after_delay": "worth"})
        columns = [c for c in ("what", "worth", "cost", "net") if c in measured]
        parts = [part for part in (measured[columns], inputs) if len(part)]
        return pd.concat(parts, ignore_index=True).set_index("what") if parts else inputs.set_index("what")

    def rules_table(self) -> pd.DataFrame:
        """The rules in their order, and which of them hold."""
        import pandas as pd

        return pd.DataFrame([asdict(rule) for rule in self.outlook.decision.rules]).set_index("rule")

    def readiness_table(self) -> pd.DataFrame:
        """The checklist with its answers."""
        return self._ready.to_frame().set_index("item")[["question", "answer", "note", "blocks"]]

    def verdicts(self) -> pd.DataFrame:
        """The checks with verdict and reason."""
        import pandas as pd

        found = [(c.check, c.verdict, c.reason) for c in self.checks()]
        return pd.DataFrame(found, columns=["check", "verdict", "reason"]).set_index("check")

    # ---- what is published --------------------------------------------------------------------

    def numbers(self) -> Iterator[Answer]:
        """The numbers that are published; the net present value of all partners comes first."""
        for n in self.outlook.numbers():
            own = None if n.estimand in OF_THE_OUTCOME and n.unit == self._outcome_unit else n.unit
            how = n.why_not or n.how
            yield Answer(n.estimand, n.kind, n.label, n.estimate, n.low, n.high, n.std_error, how=how, unit=own,
                         direction=BETTER.get(n.estimand, ""), role="primary" if n.estimand == NET_VALUE and n.kind == "overall" else "secondary")  # fmt: skip

    @property
    def _outcome_unit(self) -> str:
        return self.study.unit_of(self.study.outcomes[0])

    def checks(self) -> tuple[Check, ...]:
        """What decides, who loses, what was assumed of large scale, and what is not ready."""
        return (*self.outlook.checks(), self.readiness)

    @property
    def readiness(self) -> Check:
        """The readiness checklist as a check."""
        return self._ready.check()

    @cached_property
    def _ready(self) -> Readiness:
        from scale_impact.scaleup.readiness import readiness

        return readiness(self.chosen.readiness)

    # ---- what is wrong --------------------------------------------------------------------------

    def problems(self) -> tuple[ScaleImpactError, ...]:
        """What is wrong with the rows that are read and with the block; all at once."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[ScaleImpactError]:
        said: set[str] = set()
        for step in ("effect", "others", "outlook", "readiness"):
            try:
                getattr(self, step)
            except ScaleImpactError as error:
                fresh = [p for p in error.problems if p not in said]
                said |= set(fresh)
                if fresh:
                    made: Any = StudyError if isinstance(error, UsageError) else type(error)
                    yield made(fresh)


def _three(value: float) -> float:
    """Three digits."""
    return float(f"{value:.3g}")
