"""Randomise: deal a measure to units by chance, so that anybody can check afterwards how.

Strata are dealt one by one; dealings that leave covariates unbalanced can be thrown away by a rule that is set beforehand
(re-randomisation; Morgan and Rubin 2012), and the analysis then has to draw by the same rule (``Assignment.draws``). The same units
and the same seed give the same dealing, in whatever order the rows come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, lgamma, log
from typing import Any

import numpy as np
import pandas as pd

from scale_impact.core.causal.covariates import Columns, as_numbers
from scale_impact.core.experiment.randomise_record import Assignment, balance_table
from scale_impact.core.experiment.randomise_scheme import PILOT, Codes, Criterion, Floats, Scheme, pilot
from scale_impact.core.panel import absent_columns
from scale_impact.core.words import counted, number, plain, some, to_label
from scale_impact.errors import DataError, DesignError, UsageError

ACCEPTANCE = 0.01
"""Share of dealings that a criterion of balance leaves."""

LEAST = 1e-4
"""The smallest share of admissible dealings that can be told from the pilot's draws."""

FEW = 1_000
"""With fewer admissible dealings a test by them has few p-values."""


def randomise(
    frame: pd.DataFrame,
    *,
    unit: str,
    seed: int,
    share: float | None = None,
    arms: Mapping[Any, float] | None = None,
    steps: Sequence[Any] | Mapping[Any, float] | None = None,
    strata: Sequence[str] = (),
    balance: Sequence[str] = (),
    acceptance: float | None = None,
    max_imbalance: float | None = None,
    clusters: str | None = None,
    column: str = "assigned",
) -> Assignment:
    """Deal units to arms by chance.

    Parameters
    ----------
    frame:
        One row a unit. It is not changed.
    unit, column:
        Column that names the unit; the new column of the result.
    seed:
        A whole number, told beforehand (a lottery's, a date's).
    share, arms, steps:
        One of: the share that is treated (default one half; the result is 0/1); the share (or number) of each named arm; the
        periods in which a wave of a stepped wedge starts, alike or with shares (None: never).
    strata:
        Columns whose combinations are dealt one by one.
    balance:
        Columns whose means have to be alike in the arms, for:
    acceptance, max_imbalance:
        Share of dealings, those with the smallest Mahalanobis distance, that are admissible (default 0.01); or instead the largest
        difference between two arms in standard deviations.
    clusters:
        Column of groups that are dealt as one; strata must not cut them, covariates count by their means.

    Raises
    ------
    UsageError
        Options that do not go together or are out of range.
    DataError
        A column is missing; a unit stands twice; labels are missing.
    DesignError
        Covariates are missing; strata cut clusters; an arm gets nobody; no dealing is balanced enough. All of a kind at once.

    Source: Morgan and Rubin (2012); Bruhn and McKenzie (2009) on strata; Carril (2017) on misfits.
    """
    rule = _Rule(
        unit, seed, share, arms, steps, _listed(strata), _listed(balance), acceptance, max_imbalance, clusters, column
    )
    _refuse(UsageError, _wrong_options(frame, rule))
    _refuse(DataError, _wrong_data(frame, rule))
    return _assigned(frame, rule)


def _assigned(frame: pd.DataFrame, rule: _Rule) -> Assignment:
    """The dealing by options and data that are in order."""
    groups = _Groups.of(frame, rule)
    labels, shares = _arms(rule, len(groups.names))
    _refuse(DesignError, _cut(frame, groups, rule))
    free = Scheme(shares, groups.strata, groups.covariates.values if rule.balance else None)
    _refuse(DesignError, _empty(free, labels))
    scheme, acceptance = _limited(free, rule)
    chosen, tries = next(scheme.admissible(np.random.default_rng([rule.seed, 1])))
    codes = chosen[groups.of_unit]
    return Assignment(
        frame.assign(**{rule.column: [labels[c] for c in codes]}), rule.unit, rule.column, labels, groups.units, codes, rule.told(),
        int(rule.seed), scheme, groups.of_unit, tries, acceptance,
        balance_table(groups.covariates.values, groups.covariates.names, chosen, labels),
        tuple(_notes(scheme, groups, rule, acceptance, tries)),
    )  # fmt: skip


def _listed(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _refuse(kind: type[UsageError] | type[DataError] | type[DesignError], problems: list[str]) -> None:
    if problems:
        raise kind(problems)


@dataclass(frozen=True)
class _Rule:
    """The options."""

    unit: str
    seed: int
    share: float | None
    arms: Mapping[Any, float] | None
    steps: Sequence[Any] | Mapping[Any, float] | None
    strata: tuple[str, ...]
    balance: tuple[str, ...]
    acceptance: float | None
    max_imbalance: float | None
    clusters: str | None
    column: str

    @property
    def criterion(self) -> Criterion:
        """How imbalance is measured."""
        return "mahalanobis" if self.max_imbalance is None else "largest"

    def told(self) -> dict[str, Any]:
        """The options as a record has them."""
        steps = self.steps
        if steps is not None:
            steps = _pairs(steps) if isinstance(steps, Mapping) else [_label(s) for s in steps]
        arms = None if self.arms is None else _pairs(self.arms)
        return {
            "share": self.share, "arms": arms, "steps": steps, "strata": list(self.strata), "balance": list(self.balance),
            "acceptance": self.acceptance, "max_imbalance": self.max_imbalance, "unit": self.unit, "clusters": self.clusters,
        }  # fmt: skip


def _label(value: Any) -> Any:
    return None if value is None else to_label(value)


def _pairs(given: Mapping[Any, float]) -> list[list[Any]]:
    return [[_label(k), to_label(v)] for k, v in given.items()]


# ---- arms ------------------------------------------------------------------------------------------------


def _arms(rule: _Rule, n: int) -> tuple[tuple[Any, ...], Floats]:
    """Labels of the arms, and their shares."""
    if rule.arms is None and rule.steps is None:
        share = 0.5 if rule.share is None else rule.share
        return (0, 1), np.array([1 - share, share])
    given = rule.arms if rule.arms is not None else rule.steps
    assert given is not None
    labels = tuple(_label(a) for a in given)
    sizes = np.array(list(given.values()), dtype=np.float64) if isinstance(given, Mapping) else np.ones(len(labels))
    if isinstance(given, Mapping) and _counts(given) and sizes.sum() != n:
        raise DesignError(
            f"The arms' numbers sum to {int(sizes.sum()):,}, and {n:,} units (or clusters) are dealt. Make them sum to that, or give shares."
        )
    return labels, sizes / sizes.sum()


def _counts(given: Mapping[Any, float]) -> bool:
    """Whether arms are given as numbers of units."""
    values = list(given.values())
    return all(float(v).is_integer() for v in values) and sum(values) > 1


def _empty(scheme: Scheme, labels: tuple[Any, ...]) -> list[str]:
    """Arms that may get nobody."""
    few = [plain(a) for a, s in zip(labels, scheme.shares, strict=True) if s * len(scheme) < 1 - 1e-9]
    if not few:
        return []
    return [
        f"{len(scheme):,} units (or clusters) are too few for {len(labels)} arms: {some(few)} may get nobody. Use fewer arms or larger shares."
    ]


# ---- what is dealt -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Groups:
    """What is dealt: units, or clusters of them.

    Attributes
    ----------
    units:
        All units as text, in the frame's order.
    names:
        What is dealt, sorted.
    of_unit:
        [U], position in ``names`` of each unit.
    strata, stratum_names:
        Stratum of each that is dealt.
    covariates:
        Means of the covariates.
    """

    units: tuple[str, ...]
    names: tuple[str, ...]
    of_unit: Codes
    strata: Codes
    stratum_names: tuple[str, ...]
    covariates: Columns

    @classmethod
    def of(cls, frame: pd.DataFrame, rule: _Rule) -> _Groups:
        """Read them off the frame."""
        units = tuple(plain(u) for u in frame[rule.unit])
        dealt = units if rule.clusters is None else tuple(plain(c) for c in frame[rule.clusters])
        names, at = np.unique(np.array(dealt, dtype=object), return_inverse=True)
        strata = np.array(
            [", ".join(plain(v) for v in row) for row in frame[list(rule.strata)].itertuples(index=False)], dtype=object
        )
        first = np.array([int(np.flatnonzero(at == k)[0]) for k in range(len(names))])
        stratum_names, codes = np.unique(strata[first] if rule.strata else np.full(len(names), ""), return_inverse=True)
        numbers = as_numbers({c: frame[c].to_numpy() for c in rule.balance}, units)
        means = (
            np.stack([np.bincount(at, v) / np.bincount(at) for v in numbers.values.T], axis=1)
            if numbers.names
            else np.empty((len(names), 0))
        )
        moving = np.flatnonzero(np.ptp(means, axis=0) > 0) if numbers.names else np.empty(0, dtype=np.int64)
        kept = Columns(means[:, moving], tuple(numbers.names[int(k)] for k in moving), numbers.notes)
        return cls(
            units,
            tuple(map(str, names)),
            at.astype(np.int64),
            codes.astype(np.int64),
            tuple(map(str, stratum_names)),
            kept,
        )


def _limited(scheme: Scheme, rule: _Rule) -> tuple[Scheme, float]:
    """The scheme with the limit of its criterion, and the share of dealings that it leaves."""
    if not rule.balance:
        return scheme, 1.0
    scheme = replace(scheme, criterion=rule.criterion)
    found = pilot(scheme, rule.seed)
    if rule.max_imbalance is None:
        wanted = ACCEPTANCE if rule.acceptance is None else rule.acceptance
        limit = float(np.quantile(found, wanted, method="inverted_cdf"))
        return replace(scheme, limit=limit), float((found <= limit * (1 + 1e-9)).mean())
    share = float((found <= rule.max_imbalance * (1 + 1e-9)).mean())
    if share < LEAST:
        raise DesignError(
            f"max_imbalance: of {len(found):,} dealings {counted(int(share * len(found)), 'has', 'have')} no difference over {rule.max_imbalance:g} standard "
            f"deviations (the best {number(float(found.min()))}). Allow more, or balance on fewer covariates."
        )
    return replace(scheme, limit=float(rule.max_imbalance)), share


# ---- what cannot be -----------------------------------------------------------------------------------------


def _wrong_options(frame: pd.DataFrame, rule: _Rule) -> list[str]:
    problems, seed = [], rule.seed
    if rule.column in frame:
        problems.append(f"{rule.column!r} is a column already: name another `column`.")
    given = [n for n in ("share", "arms", "steps") if getattr(rule, n) is not None]
    if len(given) > 1:
        problems.append(f"{' and '.join(given)} say the same thing: give one of share, arms, steps.")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        problems.append(f"seed is {seed!r}; it has to be a whole number, 0 or more.")
    if rule.share is not None and not (_is_number(rule.share) and 0 < rule.share < 1):
        problems.append(f"share is {rule.share!r}; it has to lie between 0 and 1.")
    for name in ("arms", "steps"):
        problems += _wrong_arms(name, getattr(rule, name))
    return problems + _wrong_criterion(rule)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and bool(np.isfinite(value))


def _wrong_arms(name: str, given: Any) -> list[str]:
    if given is None:
        return []
    if isinstance(given, str) or not isinstance(given, (Mapping, Sequence)):
        return [f"{name} is {given!r}; it has to be a list of labels, or labels with their shares."]
    if len(given) < 2:
        return [f"{name} has {counted(len(given), 'entry', 'entries')}; at least two are needed."]
    if not isinstance(given, Mapping):
        return [f"{name} names an entry twice."] if len(set(given)) < len(given) else []
    odd = [f"{k}: {v!r}" for k, v in given.items() if not (_is_number(v) and v > 0)]
    if odd:
        return [f"{name}: shares or numbers have to be above 0 ({some(odd)})."]
    total = float(sum(given.values()))
    if not _counts(given) and abs(total - 1) > 1e-9:
        return [f"{name}: shares sum to {total:g}, and have to sum to 1 (or be whole numbers of units)."]
    return []


def _wrong_criterion(rule: _Rule) -> list[str]:
    problems = []
    if (rule.acceptance is not None or rule.max_imbalance is not None) and not rule.balance:
        problems.append("acceptance and max_imbalance need `balance`: the columns that have to be alike.")
    if rule.acceptance is not None and rule.max_imbalance is not None:
        problems.append("acceptance and max_imbalance are two ways to say what is admissible: give one.")
    if rule.acceptance is not None and not (_is_number(rule.acceptance) and LEAST * 10 <= rule.acceptance <= 1):
        problems.append(f"acceptance is {rule.acceptance!r}; it has to lie between {LEAST * 10:g} and 1.")
    if rule.max_imbalance is not None and not (_is_number(rule.max_imbalance) and rule.max_imbalance > 0):
        problems.append(f"max_imbalance is {rule.max_imbalance!r}; it has to be above 0.")
    return problems


def _wrong_data(frame: pd.DataFrame, rule: _Rule) -> list[str]:
    unit, clusters = rule.unit, rule.clusters
    named = list(dict.fromkeys([unit, *rule.strata, *rule.balance, *([clusters] if clusters else [])]))
    if problems := absent_columns(frame.columns, named):
        return problems
    if not len(frame):
        return ["The data have no rows."]
    labels = [unit, *rule.strata, *([clusters] if clusters else [])]
    problems = [
        f"Column {c!r} is missing in {counted(int(frame[c].isna().sum()), 'row')}. Fill it: who is dealt has to be known."
        for c in dict.fromkeys(labels)
        if frame[c].isna().any()
    ]
    names = pd.Series([plain(u) for u in frame[unit]])
    twice = names[names.duplicated()].unique()
    if len(twice):
        problems.append(
            f"{counted(len(twice), 'unit stands', 'units stand')} in several rows ({some(list(twice))}). Give one row a unit."
        )
    return problems


def _cut(frame: pd.DataFrame, groups: _Groups, rule: _Rule) -> list[str]:
    """Strata that do not hold whole clusters, and covariates that cannot be balanced."""
    found = []
    if rule.balance and not groups.covariates.names:
        found.append(
            f"balance: {some(rule.balance)} {'has' if len(rule.balance) == 1 else 'have'} one value throughout. Leave it out."
        )
    for c in rule.strata:
        kinds = pd.DataFrame({"at": groups.of_unit, "v": [plain(v) for v in frame[c]]}).groupby("at")["v"].nunique()
        if (kinds > 1).any():
            who = [groups.names[int(k)] for k in kinds.index[kinds > 1]]
            found.append(
                f"Stratum {c!r} varies within {counted(len(who), 'cluster')} ({some(who)}): a cluster is dealt as one. Use another stratum."
            )
    return found


# ---- notes -----------------------------------------------------------------------------------------------------


def _notes(scheme: Scheme, groups: _Groups, rule: _Rule, acceptance: float, tries: int) -> list[str]:
    return [
        *groups.covariates.notes,
        *_said_of_strata(scheme, groups),
        *_said_of_balance(scheme, groups, rule, acceptance, tries),
        *_said_of_few(scheme, acceptance),
    ]


def _said_of_strata(scheme: Scheme, groups: _Groups) -> list[str]:
    notes = []
    thing = "cluster" if len(groups.names) < len(groups.units) else "unit"
    if scheme.misfits and len(groups.stratum_names) > 1:
        notes.append(
            f"{counted(scheme.misfits, thing)} that strata leave over where they do not divide into the arms' shares (misfits) were dealt across "
            "strata, each with the arm's probability: strata are even up to one, and so are totals."
        )
    small = [n for n, size in zip(groups.stratum_names, scheme.sizes, strict=True) if size < len(scheme.shares)]
    if small and len(groups.stratum_names) > 1:
        notes.append(
            f"{counted(len(small), 'stratum has', 'strata have')} fewer {thing}s than there are arms ({some(small)}): nothing can be compared "
            "within."
        )
    return notes


def _said_of_balance(scheme: Scheme, groups: _Groups, rule: _Rule, acceptance: float, tries: int) -> list[str]:
    if scheme.limit is None:
        return []
    what = (
        f"Mahalanobis distance of at most {number(scheme.limit)}"
        if rule.max_imbalance is None
        else f"no difference over {number(scheme.limit)} standard deviations"
    )
    notes = [
        f"Re-randomised for {some(groups.covariates.names, 8)}: {what}, which {acceptance:.2%} of {PILOT:,} dealings meet; {tries:,} "
        f"{'was' if tries == 1 else 'were'} tried. Analyse it with the same rule (`draws`), and with these covariates."
    ]
    if np.ptp(scheme.shares) > 1e-12:
        notes.append(
            "Arms are of different size, so that with re-randomisation units with unusual covariates get the smaller arm a little less often."
        )
    return notes


def _said_of_few(scheme: Scheme, acceptance: float) -> list[str]:
    """Too few admissible dealings for a test by them."""
    sizes = scheme.sizes[:, None] * scheme.shares
    logs = sum(lgamma(n + 1) for n in scheme.sizes) - sum(lgamma(float(k) + 1) for k in sizes.ravel()) + log(acceptance)
    if logs > log(FEW):
        return []
    return [
        f"About {max(1, round(exp(logs))):,} dealings are admissible: a test by them tells few p-values apart. Use fewer strata or a looser criterion."
    ]
