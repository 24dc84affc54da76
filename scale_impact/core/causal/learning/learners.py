"""Learners by name: how outcome and exposure are told from covariates.

Each is a scikit-learn estimator with its own scale, made anew for each fold. Linear ones with a penalty come first: small
panels of cities have few rows for many covariates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from scale_impact.core.causal.cross_section import Floats, Ints
from scale_impact.core.words import nearest
from scale_impact.errors import DesignError

Learner = Literal["constant", "linear", "ridge_cv", "lasso", "boosting", "forest"]
Named = Learner | Sequence[Learner] | Mapping[str, Learner | Sequence[Learner]]
"""A learner; several of which the best is taken; or for ``outcome`` and ``treatment`` each its own."""

PARTS = ("outcome", "treatment")

PENALTIES = np.logspace(-2, 5, 15)
"""Ridge penalties tried, on standardised covariates."""

INVERSE_PENALTIES = np.logspace(-3, 2, 6)
"""Of logistic regressions: scikit-learn's C."""

FLEXIBLE = ("boosting", "forest")
"""Learners that need many rows."""


PENALISED = ("ridge_cv", "lasso")
"""Learners that choose a penalty by cross-validation."""


@dataclass(frozen=True)
class Learners:
    """Names of the learners tried for the outcome and for the exposure, and the seed of their draws.

    The last ``levels`` covariates are dummies of groups, whose levels no penalty may shrink: see ``Levelled``.
    """

    outcome: tuple[str, ...]
    treatment: tuple[str, ...]
    seed: int
    levels: int = 0

    def flexible(self) -> list[str]:
        """Those that need many rows."""
        return sorted({name for name in (*self.outcome, *self.treatment) if name in FLEXIBLE})


def learners(named: Named, seed: int, key: str) -> Learners:
    """Learners as an option names them.

    Raises
    ------
    DesignError
        A part that is neither ``outcome`` nor ``treatment``, or a name that is no learner. All problems at once.
    """
    given: Mapping[str, Any] = named if isinstance(named, Mapping) else dict.fromkeys(PARTS, named)
    parts = {part: _listed(given.get(part, "ridge_cv")) for part in PARTS}
    known = get_args(Learner)
    problems = [f"{key}: learner has no part {part!r}. {nearest(part, PARTS)}" for part in given if part not in PARTS]
    problems += [
        f"{key}: there is no learner {name!r} for the {part}. {nearest(name, known)}"
        for part, names in parts.items()
        for name in names
        if name not in known
    ]
    problems += [f"{key}: name a learner for the {part}." for part, names in parts.items() if not names]
    if problems:
        raise DesignError(problems)
    return Learners(parts["outcome"], parts["treatment"], seed)


def _listed(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def regressor(name: str, seed: int, levels: int = 0) -> Any:
    """A fresh learner of numbers; the last ``levels`` covariates are dummies of groups."""
    return _levelled(_regressor(name, seed), levels)


@dataclass
class Levelled:
    """A learner of how numbers differ from the mean of their group.

    Periods and cohorts have shocks of their own, as large as can be: a penalty must not shrink them, nor a tree miss them. The last
    ``levels`` covariates say which group a row is in (none of them: the first); a group that was not seen has the mean of all.
    """

    learner: Any
    levels: int

    def fit(self, covariates: Floats, target: Floats) -> Levelled:
        """Learn the groups' means, then what is left."""
        codes = self._codes(covariates)
        counts = np.bincount(codes, minlength=self.levels + 1)
        sums = np.bincount(codes, weights=target, minlength=self.levels + 1)
        self.means_ = np.where(counts > 0, sums / np.maximum(counts, 1), np.mean(target))
        self.learner_ = quietly(self.learner, covariates, target - self.means_[codes])
        return self

    def predict(self, covariates: Floats) -> Floats:
        """Mean of the group and what was learned on top, [m]."""
        return np.asarray(self.means_[self._codes(covariates)] + self.learner_.predict(covariates))

    def _codes(self, covariates: Floats) -> Ints:
        dummies = covariates[:, -self.levels :]
        return np.where(dummies.any(axis=1), dummies.argmax(axis=1) + 1, 0)


def _regressor(name: str, seed: int) -> Any:
    from sklearn import dummy, ensemble, linear_model

    made: dict[str, Any] = {
        "constant": lambda: dummy.DummyRegressor(),
        "linear": lambda: linear_model.LinearRegression(),
        "ridge_cv": lambda: linear_model.RidgeCV(PENALTIES),
        "lasso": lambda: linear_model.LassoCV(cv=_shuffled(5, seed), n_jobs=1, random_state=seed),
        "boosting": lambda: ensemble.GradientBoostingRegressor(n_estimators=200, learning_rate=0.05, random_state=seed),
        "forest": lambda: ensemble.RandomForestRegressor(200, min_samples_leaf=5, n_jobs=1, random_state=seed),
    }
    return _scaled(name, made[name]())


def classifier(name: str, seed: int) -> Any:
    """A fresh learner of the probability of a 1."""
    from sklearn import dummy, ensemble, linear_model

    made: dict[str, Any] = {
        "constant": lambda: dummy.DummyClassifier(strategy="prior"),
        "linear": lambda: linear_model.LogisticRegression(C=np.inf, tol=1e-7, max_iter=1000),
        "ridge_cv": lambda: _logistic(seed, 0.0, "newton-cholesky"),
        "lasso": lambda: _logistic(seed, 1.0, "liblinear"),
        "boosting": lambda: ensemble.GradientBoostingClassifier(
            n_estimators=200, learning_rate=0.05, random_state=seed
        ),
        "forest": lambda: ensemble.RandomForestClassifier(200, min_samples_leaf=5, n_jobs=1, random_state=seed),
    }
    return _scaled(name, made[name]())


def _logistic(seed: int, l1_ratio: float, solver: str) -> Any:
    """Logistic regression whose penalty is chosen by log loss."""
    from sklearn.linear_model import LogisticRegressionCV

    return LogisticRegressionCV(
        Cs=INVERSE_PENALTIES, cv=_stratified(seed), l1_ratios=(l1_ratio,), solver=solver, scoring="neg_log_loss", max_iter=1000,
        tol=1e-7, random_state=seed, use_legacy_attributes=False,
    )  # fmt: skip


def _shuffled(parts: int, seed: int) -> Any:
    from sklearn.model_selection import KFold

    return KFold(parts, shuffle=True, random_state=seed)


def _stratified(seed: int) -> Any:
    from sklearn.model_selection import StratifiedKFold

    return StratifiedKFold(3, shuffle=True, random_state=seed)


def _scaled(name: str, model: Any) -> Any:
    """The learner on standardised covariates, where their scale matters."""
    if name not in ("ridge_cv", "lasso", "linear"):
        return model
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), model)


def quietly(model: Any, covariates: Floats, target: Floats | Ints) -> Any:
    """Fit a learner. That some penalty of many did not settle is no news: the best one is taken by its loss."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(covariates, target)


def settled(
    name: str, seed: int, covariates: Floats, target: Floats | Ints, *, chances: bool, levels: int = 0
) -> Callable[[], Any]:
    """How to make a learner anew with the penalty that it chooses on some rows, so that the choice is made once."""
    if chances:
        return _settled_chances(name, seed, covariates, target)
    if name not in PENALISED:
        return lambda: regressor(name, seed, levels)
    fitted = quietly(regressor(name, seed, levels), covariates, target)
    chosen = (fitted.learner_ if levels else fitted)[-1]
    return lambda: _levelled(_scaled(name, _with_penalty(name, chosen, seed, chances=False)), levels)


def _settled_chances(name: str, seed: int, covariates: Floats, target: Floats | Ints) -> Callable[[], Any]:
    if name not in PENALISED:
        return lambda: classifier(name, seed)
    chosen = quietly(classifier(name, seed), covariates, target)[-1]
    return lambda: _scaled(name, _with_penalty(name, chosen, seed, chances=True))


def _levelled(learner: Any, levels: int) -> Any:
    return Levelled(learner, levels) if levels else learner


def _with_penalty(name: str, chosen: Any, seed: int, *, chances: bool) -> Any:
    from sklearn import linear_model

    if chances:
        return linear_model.LogisticRegression(
            C=float(chosen.C_),
            l1_ratio=float(name == "lasso"),
            solver=chosen.solver,
            max_iter=1000,
            tol=1e-7,
            random_state=seed,
        )
    if name == "lasso":
        return linear_model.Lasso(float(chosen.alpha_), max_iter=10_000, random_state=seed)
    return linear_model.Ridge(float(chosen.alpha_))
