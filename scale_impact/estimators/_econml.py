"""EconML as the three estimators of heterogeneous effects use it: learners it takes as they are, splits of ours, no warnings lost.

EconML tunes scikit-learn's cross-validated learners once on all rows, the left-out fold among them. Here a learner is handed over as
one thing with ``fit`` and ``predict``, so that penalties, too, are chosen without the fold that they are used on. EconML is imported
where it is used: that takes two seconds and brings DoWhy, matplotlib and numba with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from scale_impact.core.causal.cross_section import Floats, Ints
from scale_impact.core.causal.learning.learners import Learners, classifier, quietly, regressor
from scale_impact.core.causal.learning.nuisance import say


@dataclass(frozen=True, eq=False)
class Setting:
    """Rows as EconML takes them: n of each, contexts [n, K] and other controls [n, L] (None: no others)."""

    outcome: Floats
    exposure: Floats
    contexts: Floats
    others: Floats | None
    clusters: Ints
    binary: bool
    by: Learners
    clip: tuple[float, float]

    @property
    def controls(self) -> Floats:
        """[n, K + L], in EconML's order."""
        return self.contexts if self.others is None else np.column_stack([self.contexts, self.others])

    def take(self, rows: Ints) -> Setting:
        """Some of the rows."""
        others = None if self.others is None else self.others[rows]
        parts = (self.outcome[rows], self.exposure[rows], self.contexts[rows], others, self.clusters[rows])
        return Setting(*parts, self.binary, self.by, self.clip)

    def outcome_learner(self) -> Learns:
        """What EconML learns the outcome with."""
        return Learns(self.by.outcome[0], self.by.seed, self.by.levels)

    def arms_learner(self) -> ByArm:
        """What EconML learns the outcomes of both arms with."""
        return ByArm(self.by.outcome[0], self.by.seed, self.by.levels)

    def treatment_learner(self) -> Learns:
        """What EconML learns the exposure with."""
        kind = Chances if self.binary else Learns
        return kind(self.by.treatment[0], self.by.seed, self.by.levels)

    def clipped_learner(self) -> Chances:
        """What EconML learns the exposure with where it divides by probabilities."""
        return Chances(self.by.treatment[0], self.by.seed, self.by.levels, self.clip)


class Told(Protocol):
    """Conditional effects of any contexts."""

    def at(self, contexts: Floats) -> tuple[Floats, Floats | None]:
        """Effects at contexts [m, K], and standard errors where there are any."""


Learn = Callable[[Setting, Ints], Told]
"""Conditional effects learned from rows, cross-fitted over folds [n] of them."""


@dataclass
class Learns:
    """A learner of numbers that EconML and scikit-learn take for one of theirs."""

    name: str
    seed: int
    levels: int = 0

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What makes another one like it."""
        return {"name": self.name, "seed": self.seed, "levels": self.levels}

    def set_params(self, **given: Any) -> Learns:
        """Change what it is made from."""
        for name, value in given.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        return regressor("constant", self.seed).__sklearn_tags__()

    def fit(self, covariates: Floats, target: Floats) -> Learns:
        """Learn."""
        self.model_ = quietly(regressor(self.name, self.seed, self.levels), covariates, np.ravel(target))
        return self

    def predict(self, covariates: Floats) -> Floats:
        """What it says, [m]."""
        return say(self.model_, covariates)


@dataclass
class Chances(Learns):
    """A learner of probabilities, within bounds."""

    bounds: tuple[float, float] = (0.0, 1.0)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What makes another one like it."""
        return {**super().get_params(deep), "bounds": self.bounds}

    def __sklearn_tags__(self) -> Any:
        return classifier("constant", self.seed).__sklearn_tags__()

    def fit(self, covariates: Floats, target: Floats) -> Chances:
        """Learn."""
        self.model_ = quietly(classifier(self.name, self.seed), covariates, np.ravel(target).astype(np.int64))
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, covariates: Floats) -> Floats:
        """Probabilities of 0 and 1, [m, 2]."""
        exposed = np.clip(say(self.model_, covariates), *self.bounds)
        return np.column_stack([1 - exposed, exposed])


@dataclass
class ByArm(Learns):
    """Outcomes learned in each arm by itself; the last covariate says which arm."""

    def fit(self, covariates: Floats, target: Floats) -> ByArm:
        """Learn."""
        arms = [covariates[:, -1] == arm for arm in (0, 1)]
        made = [regressor(self.name, self.seed, self.levels) for _ in arms]
        learned = zip(made, arms, strict=True)
        self.models_ = [quietly(m, covariates[a, :-1], np.ravel(target)[a]) for m, a in learned]
        return self

    def predict(self, covariates: Floats) -> Floats:
        """What it says, [m]."""
        said = [say(model, covariates[:, :-1]) for model in self.models_]
        return np.where(covariates[:, -1] == 1, said[1], said[0])
