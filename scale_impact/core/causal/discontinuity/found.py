"""Discontinuity: what an estimate at a threshold adds to its effect, so that checks and figures can ask it again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scale_impact.core.causal.discontinuity.bandwidths import Bandwidths, bandwidths
from scale_impact.core.causal.discontinuity.choices import Choices, Floats
from scale_impact.core.causal.discontinuity.jump import Jump, contributions, jump
from scale_impact.core.causal.discontinuity.observations import Observations
from scale_impact.core.causal.discontinuity.sides import Side


@dataclass(frozen=True, eq=False)
class Discontinuity:
    """An estimated jump, the observations and choices behind it, and how to ask again.

    Attributes
    ----------
    observations, choices:
        What was estimated from, and how.
    jump:
        The estimate.
    sides:
        The observations below and above, in the direction of treatment.
    """

    observations: Observations
    choices: Choices
    jump: Jump
    sides: tuple[Side, Side]

    def at(self, bandwidths: Bandwidths) -> Jump:
        """The estimate at other bandwidths."""
        return jump(*self.sides, self.choices, self.observations.fuzzy, bandwidths)

    def crossing(self) -> Jump:
        """What crossing the threshold does to the outcome itself, at the estimate's bandwidths."""
        return jump(*replace(self.observations, exposure=None).sides(), self.choices, given=self.jump.bandwidths)

    def contributions(self) -> Floats:
        """What each observation adds to the error of the corrected estimate."""
        rows = self.observations
        return contributions(self.sides, self.choices, rows.fuzzy, self.jump.bandwidths, len(rows))

    def jump_of(self, outcome: Floats) -> Jump:
        """What crossing the threshold does to another outcome [n], at that outcome's own bandwidths."""
        return jump(*self.observations.plain(outcome).sides(), self.choices)

    def placed(self, at: float) -> Jump:
        """The outcome's jump at a threshold that is none, ``at`` a distance from the real one, by one side's observations alone.

        Source: Cattaneo, Idrobo and Titiunik (2020), section 5.3.
        """
        own = self.observations.take(self.observations.eligible if at > 0 else ~self.observations.eligible)
        return jump(*own.plain(own.outcome).moved(at).sides(), self.choices)


def estimated(found: Observations, choices: Choices, given: Bandwidths | None, bias: float | None) -> Discontinuity:
    """Estimate a jump; ``given`` bandwidths, or a rule's with the bias's replaced by ``bias``."""
    sides = found.sides()
    widths = given or bandwidths(*sides, choices, found.fuzzy)
    widths = widths if bias is None else replace(widths, b=(bias, bias))
    return Discontinuity(found, choices, jump(*sides, choices, found.fuzzy, widths), sides)
