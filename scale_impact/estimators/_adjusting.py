"""What estimators by the propensity share: who is compared, who is left out and why, and how the number becomes an effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from scale_impact.core.analysis import MANY_CLUSTERS, MANY_TREATED, ONE_CLUSTER, ROUGH
from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.balancing.balance import effective_size
from scale_impact.core.causal.balancing.cohorts import blocks_of, by_block, columns_by, sharing
from scale_impact.core.causal.balancing.logit import Bools, Logit, fit_logit, independent
from scale_impact.core.causal.balancing.sections import CELLS, TREATED_AFTER, cells_of
from scale_impact.core.causal.balancing.weights import Target, beyond, cluster_variance, crump_cut
from scale_impact.core.causal.cross_section import Change, CrossSection, Floats, Ints, cross_section
from scale_impact.core.causal.retrials import Again, Retrials
from scale_impact.core.causal.row_influence import row_influence
from scale_impact.core.design import Design
from scale_impact.core.doubly_robust import has_rank
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number, plain, some
from scale_impact.errors import DesignError, EstimationError, UsageError

ALONE = "no standard error: one {} {}, whose own variation cannot be seen"

HEAVY, ALL_BUT_ALONE = 0.1, 0.5
"""A row with a larger share of its side's weight is said; with the second it all but stands alone."""

TWICE = 2
"""Where the smaller side is small each row has a large share: only one that counts for more than two of its rows is said."""

Values = Callable[[Floats, Floats, Bools, Ints, Floats | None], float]
"""The estimate from columns [m, k], outcomes, exposure, groups [m], and coefficients to start a logit from; NaN: none."""


@dataclass(frozen=True, eq=False)
class Compared:
    """Rows that are compared, of whom the effect is, what to say of it, and [n] which rows share slopes (``blocks``)."""

    key: str
    design: Design
    rows: CrossSection
    target: Target
    notes: tuple[str, ...]
    blocks: Ints

    def columns(self, kept: Bools) -> Floats:
        """What models of some rows take, a constant first, see ``columns_by``."""
        return columns_by(self.rows.covariates[kept], self._dummies[kept], self.blocks[kept])

    @property
    def _dummies(self) -> Floats:
        return self.rows.controls[:, self.rows.covariates.shape[1] :]

    @property
    def exposed(self) -> Bools:
        """Which rows are exposed, [n]."""
        return self.rows.treated

    @property
    def thing(self) -> str:
        """What errors are clustered by, in words."""
        if self.design.cluster is not None:
            return self.design.cluster
        panel = self.rows._panel
        return str(panel.unit) if panel.followed else "row"


def compared(
    panel: Panel,
    design: Design,
    key: str,
    covariates: tuple[str, ...],
    estimand: Target | None,
    known: tuple[Target, ...],
    change: Change,
) -> Compared:
    """The rows of a design, those without anybody to compare with left out.

    Raises
    ------
    UsageError
        No such estimand or change.
    DesignError
        An exposure that is not 0/1; an estimand that the design does not have.
    EstimationError
        Too few rows for the covariates.
    """
    target = _target(design, estimand, known, change)
    rows = cross_section(panel, design, key, covariates, change)
    _refuse_doses(key, rows)
    kept, said = _with_both(key, rows)
    found = Compared(key, design, kept, target, (*design.notes, *rows.notes, *said), blocks_of(kept))
    _refuse_few(found)
    return found


def _target(design: Design, estimand: Target | None, known: tuple[Target, ...], change: Change) -> Target:
    if estimand is not None and estimand not in known:
        raise UsageError(f"estimand is {estimand!r}; it has to be one of {', '.join(known)}.")
    if change not in ("mean", "first"):
        raise UsageError(f"change is {change!r}; it has to be one of mean, first.")
    if design.exposed is not None:
        return estimand or "ATE"
    if estimand == "ATE":
        raise DesignError(
            "estimand: ATE is asked of a design in which treatment starts some time: changes of the untreated say what the treated would "
            "have done, not the reverse. Use estimand: ATT, or leave it out."
        )
    return estimand or "ATT"


def _refuse_doses(key: str, rows: CrossSection) -> None:
    if rows.binary:
        return
    values = some(np.unique(rows.exposure).tolist())
    raise DesignError(
        f"{key} compares the exposed with others, and {rows.exposure_name} holds {values}: it has to be 0 or 1. Use a 0/1 column, or "
        "an estimator for doses (backdoor_regression, double_ml)."
    )


def _with_both(key: str, rows: CrossSection) -> tuple[CrossSection, list[str]]:
    """Rows of groups that hold exposed and others; in cross-sections with a start, of all four cells."""
    if rows.side is not None:
        empty = [c for k, c in enumerate(CELLS) if not (cells_of(rows) == k).any()]
        if empty:
            raise DesignError(
                f"{key} needs rows of the treated and of others, before and after: there are none of {some(empty)}."
            )
        return rows, []
    held = np.bincount(rows.groups, minlength=len(rows.group_names))
    own = np.bincount(rows.groups, rows.exposure, len(rows.group_names))
    bad = (own == 0) | (own == held)
    if not bad.any():
        return rows, []
    kept = ~bad[rows.groups]
    if not kept.any():
        raise EstimationError(
            f"{key} compares rows of the same group, and in none of {counted(len(held), 'group')} ({some(rows.group_names)}) are there both "
            f"exposed and others: {rows.exposure_name} does not vary within them."
        )
    gone = [rows.group_names[g] for g in np.flatnonzero(bad & (held > 0))]
    left = rows.take(kept)
    codes = np.cumsum(~bad) - 1
    left = replace(
        left,
        groups=codes[left.groups],
        group_names=tuple(n for n, b in zip(rows.group_names, bad, strict=True) if not b),
    )
    return left, [
        f"{counted(int((~kept).sum()), 'row')} of {some(gone)} are left out: all of a group are exposed, or none, so that nobody can "
        "be compared there."
    ] if gone else []


def _refuse_few(found: Compared) -> None:
    rows = found.rows
    k, n = 1 + rows.covariates.shape[1], len(rows)
    if n <= k + 1:
        raise EstimationError(
            f"{found.key} has {counted(n, 'row')} for {counted(k - 1, 'covariate column')} ({some(rows.names)}): that is too few. Name fewer covariates."
        )
    if found.design.cluster is not None and rows.n_clusters == 1:
        raise DesignError(ONE_CLUSTER.format(found.design.cluster))


# ---- the propensity -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows that stay, with the logit of them.

    Attributes
    ----------
    kept:
        [n], who stays.
    logit:
        Of the rows that stay.
    propensity:
        [n]; of rows that were left out as it was with them.
    notes:
        Who was left out, and who has no counterpart.
    """

    kept: Bools
    logit: Logit
    propensity: Floats
    notes: tuple[str, ...]


def scored(found: Compared, trim: float | str | None = None) -> Scored:
    """The propensity of the rows, without those that no comparison can use.

    Raises
    ------
    EstimationError
        No overlap: covariates tell the exposed from the others.
    """
    rows = found.rows
    everyone = _logit(found, np.ones(len(rows), dtype=bool))
    kept, said = ~everyone.apart, sharing(rows, found.blocks)
    if everyone.apart.any():
        _refuse_separation(found, everyone.apart, trim)
        said.append(_unlike(rows, everyone.apart))
    now = everyone if kept.all() else _logit(found, kept)
    propensity = everyone.probabilities.copy()
    propensity[kept] = now.probabilities
    if trim is not None:
        cut = _cut(propensity[kept], trim, found.target)
        out = beyond(propensity, cut, found.target) & kept
        if out.any():
            kept = kept & ~out
            said.append(_trimmed(found, out, trim, cut))
            _refuse_empty(found, kept)
            now = _logit(found, kept)
            propensity[kept] = now.probabilities
    if now.apart.any():
        _refuse_separation(found, np.isin(np.arange(len(rows)), np.flatnonzero(kept)[now.apart]), None)
    said += _outside(found, propensity, kept)
    return Scored(kept, now, propensity, tuple(said))


def _logit(found: Compared, kept: Bools) -> Logit:
    return fit_logit(found.columns(kept), found.exposed[kept])


def _cut(propensity: Floats, trim: float | str, target: Target) -> float:
    return crump_cut(propensity, target) if isinstance(trim, str) else float(trim)


def _trimmed(found: Compared, out: Bools, trim: float | str, cut: float) -> str:
    rows = found.rows
    own = rows.treated[out].sum()
    bounds = f"above {1 - cut:.3g}" if found.target == "ATT" else f"beyond {cut:.3g} to {1 - cut:.3g}"
    why = " (the rule of Crump and others)" if isinstance(trim, str) else ""
    return f"Trimmed{why}: {rows.who(out)}, {own} of them exposed, with a propensity {bounds} are left out. The effect is about the others."


def _unlike(rows: CrossSection, gone: Bools) -> str:
    side = "exposed" if rows.treated[gone].all() else "not exposed" if not rows.treated[gone].any() else "on both sides"
    return f"{rows.who(gone)}, {side}, are unlike all of the other side (their propensity is 0 or 1) and are left out."


def _refuse_separation(found: Compared, gone: Bools, trim: float | str | None) -> None:
    """Refuse where covariates tell apart whom the effect is about, or everybody."""
    rows = found.rows
    others = not rows.treated[gone].any()
    left = rows.treated[~gone]
    harmless = trim is not None or found.target == "ATO" or (found.target == "ATT" and others)
    if harmless and left.any() and not left.all():
        return
    exposed = int(rows.treated[gone].sum())
    raise EstimationError(
        f"{found.key}: no overlap. {_which(rows, gone)} the exposed from the others in {rows.who(gone)}, {exposed} of them exposed: "
        f"nobody else is like them, and there is nothing to compare with. Leave that covariate out if it is no cause of the outcome, or "
        "these rows; `trim: 0.01` or `estimand: ATO` (propensity_weighting) answers for those who have counterparts."
    )


def _which(rows: CrossSection, gone: Bools) -> str:
    """The covariates that tell rows apart, of changes among those of their own cohorts, with a verb."""
    near = np.isin(rows.groups, rows.groups[gone]) if rows.changes else np.ones(len(rows), dtype=bool)
    own, gone, controls = rows.treated[near], gone[near], rows.controls[near]
    found = [n for n, v in zip(rows.control_names, controls.T, strict=True) if np.ptp(v) and _tells(v, own, gone)]
    if not found:
        return f"A combination of {some(rows.names)} tells"
    return f"{some(found)} {'tells' if len(found) == 1 else 'each tell'}"


def _tells(values: Floats, own: Bools, gone: Bools) -> bool:
    """Whether a covariate alone tells rows apart: ranges that do not meet, or a value that only one side has."""
    a, b = values[own], values[~own]
    if a.min() > b.max() or a.max() < b.min():
        return True
    if len(np.unique(values)) > 2:
        return False
    shared = np.intersect1d(a, b)
    return len(shared) < 2 and bool(np.isin(np.unique(values[gone]), shared, invert=True).all())


def _refuse_empty(found: Compared, kept: Bools) -> None:
    sides = {"exposed": kept & found.exposed, "other": kept & ~found.exposed}
    empty = [name for name, rows in sides.items() if not rows.any()]
    if empty:
        raise EstimationError(
            f"{found.key}: trimming leaves no {' and no '.join(empty)} row: there is no overlap. Leave `trim` out, or name fewer covariates."
        )


def _outside(found: Compared, p: Floats, kept: Bools) -> list[str]:
    """Rows whose propensity is beyond all of the other side's."""
    own, others = kept & found.exposed, kept & ~found.exposed
    sides = [("exposed", own, others)] if found.target == "ATT" else [("exposed", own, others), ("others", others, own)]
    out = [(name, rows & ((p > p[other].max()) | (p < p[other].min()))) for name, rows, other in sides]
    return [
        f"Of the {name} {found.rows.who(rows)} have a propensity beyond all of the other side's ({number(float(p[rows].min()))} to "
        f"{number(float(p[rows].max()))}): they have no near counterpart."
        for name, rows in out
        if rows.any()
    ]


# ---- the effect ---------------------------------------------------------------------------------------


def asked_again(
    found: Compared, kept: Bools, value: Values, x: Floats, start: Floats | None, cells: Ints | None = None
) -> Again:
    """The estimate of other versions of the data: ``x`` [m, k] and ``cells`` are of the rows that stay; NaN where it does not exist.

    ``value`` gets the rows of groups that hold both sides, with their groups, or with ``cells`` in place of these.
    """
    rows, at = found.rows, np.flatnonzero(kept)
    groups = rows.groups[at] if rows.side is None else cells_of(rows)[at]
    rest = np.empty((len(at), 0)) if rows.side is not None else found._dummies[at]
    cells, blocks = groups if cells is None else cells, found.blocks[at]
    base = _Version(x, rows.outcome[at], rows.exposure[at], groups, cells, blocks, start, rest)

    def again(retrials: Retrials) -> Floats:
        four = rows.side is not None
        if (
            four and retrials.exposure is not None
        ):  # who is exposed is where and when: another exposure has no four cells
            return np.full(len(retrials), np.nan)
        return np.array([_number(value, base.changed(retrials, b, at), sections=four) for b in range(len(retrials))])

    return again


@dataclass(frozen=True, eq=False)
class _Version:
    """One version of the data: m rows; ``rest`` are the columns beside the covariates (dummies of groups)."""

    x: Floats
    y: Floats
    d: Floats
    groups: Ints
    cells: Ints
    blocks: Ints
    start: Floats | None
    rest: Floats

    def changed(self, r: Retrials, b: int, at: Ints) -> _Version | None:
        """With the b-th changes; None where they leave no 0/1 exposure."""
        d = self.d if r.exposure is None else r.exposure[b, at]
        if not np.isin(d, (0.0, 1.0)).all():
            return None
        y = self.y if r.outcome is None else r.outcome[b, at]
        x, start = self.x, self.start
        if r.covariates is not None:
            x, start = columns_by(r.covariates[b, at], self.rest, self.blocks), None
        if r.extra is not None:
            more = by_block(r.extra[b, at], self.blocks, np.unique(self.blocks))
            x, start = np.column_stack([x, more]), None if start is None else np.append(start, np.zeros(more.shape[1]))
        made = replace(self, x=x, y=y, d=d, start=start)
        return (
            made if r.counts is None else made.take(np.repeat(np.arange(len(at)), np.rint(r.counts[b, at]).astype(int)))
        )

    def take(self, rows: Ints) -> _Version:
        """Some of the rows."""
        return replace(
            self,
            x=self.x[rows],
            y=self.y[rows],
            d=self.d[rows],
            groups=self.groups[rows],
            cells=self.cells[rows],
            blocks=self.blocks[rows],
            rest=self.rest[rows],
        )

    def comparable(self) -> _Version:
        """Without groups that hold one side only."""
        codes = np.unique(self.groups, return_inverse=True)[1]
        held, own = np.bincount(codes), np.bincount(codes, self.d)
        kept = ((own > 0) & (own < held))[codes]
        return self if kept.all() else self.take(np.flatnonzero(kept))


def _number(value: Values, version: _Version | None, *, sections: bool) -> float:
    """The estimate of one version; NaN where it does not exist: four cells need their own groups, and a side to compare with."""
    if version is None or len(version.y) <= version.x.shape[1]:
        return float("nan")
    v = version if sections else version.comparable()
    if len(v.y) <= v.x.shape[1]:
        return float("nan")
    try:
        return value(v.x, v.y, v.d > 0, v.cells, v.start)
    except (EstimationError, np.linalg.LinAlgError):
        return float("nan")


def reduced(x: Floats, start: Floats | None) -> tuple[Floats, Floats | None]:
    """Columns without those that are combinations of others, which some of the rows may make them."""
    if has_rank(x.T @ x):
        return x, start
    whole = independent(x)
    return x[:, whole], None if start is None else start[whole]


@dataclass(frozen=True, eq=False)
class Made:
    """An estimate: its value and variance, and what each row that stays adds to its error, [m]."""

    value: float
    variance: float
    influence: Floats


def by_influence(found: Compared, kept: Bools, value: float, influence: Floats) -> Made:
    """An estimate whose variance is that of what its rows add, by cluster."""
    return Made(float(value), cluster_variance(influence, found.rows.clusters[kept]), influence)


def effect_of(
    found: Compared, kept: Bools, made: Made, adjusted: Adjusted, words: str, notes: tuple[str, ...]
) -> Effect:
    """The effect with t(G - 1) intervals, G clusters."""
    rows, value, variance = found.rows.take(kept), made.value, made.variance
    panel = rows._panel
    heaviest = _heaviest(found, adjusted.weights)
    reason = _no_error(found, rows, variance) or next((h.reason for h in heaviest if h.share > ALL_BUT_ALONE), None)
    error = None if reason else float(np.sqrt(variance))
    df = None if reason else float(rows.n_clusters - 1)
    clustered = rows.n_clusters < len(rows) or found.design.cluster is not None
    how = f"{words}, clustered by {found.thing}" if clustered else words
    said = (*found.notes, *notes, *(h.words for h in heaviest), *_few(rows))
    return Effect(
        estimator=found.key, overall=Estimate(float(value), error, df, reason), sample=rows.sample(), inference=how,
        estimand=found.target, influence=row_influence(panel, found.design, rows, made.influence), notes=said,
        judged_by="analytic", adjusted=adjusted,
        treated_mean=None if rows.changes else _treated_mean(found, adjusted.weights),
    )  # fmt: skip


@dataclass(frozen=True)
class _Heavy:
    """A row on which a side's mean rests."""

    side: str
    who: str
    share: float
    effective: float
    rows: int

    @property
    def words(self) -> str:
        """For a note."""
        return (
            f"{self.who} alone has {self.share:.0%} of the weight of {self.side}, which is as precise as {self.effective:.1f} of "
            f"{counted(self.rows, 'row')}: `overlap` says more; `trim` or `estimand: ATO` (propensity_weighting) ask about those who have counterparts."
        )

    @property
    def reason(self) -> str:
        """For an estimate without a standard error."""
        return f"no standard error: {self.who} has {self.share:.0%} of the weight of {self.side}, and its own variation cannot be seen"


def _heaviest(found: Compared, weights: Floats | None) -> list[_Heavy]:
    """Rows that count for more than a tenth of their side (or cell), and for more than two rows of the smaller one."""
    if weights is None:
        return []
    rows = found.rows
    sides = {"the exposed": rows.treated, "the others": ~rows.treated}
    if rows.side is not None:
        sides = {name: cells_of(rows) == c for c, name in enumerate(CELLS)}
    least = max(HEAVY, TWICE / min(int(members.sum()) for members in sides.values()))
    made = [_heavy(found, name, members, weights) for name, members in sides.items()]
    return [h for h in made if h.share > least]


def _heavy(found: Compared, name: str, members: Bools, weights: Floats) -> _Heavy:
    w = weights[members]
    who = found.rows.labels[int(np.flatnonzero(members)[w.argmax()])]
    return _Heavy(name, who, float(w.max() / w.sum()), effective_size(w), len(w))


def _treated_mean(found: Compared, weights: Floats | None) -> float | None:
    """Mean outcome of the exposed as they count."""
    own = found.exposed
    return None if weights is None else float(weights[own] @ found.rows.outcome[own])


def _no_error(found: Compared, rows: CrossSection, variance: float) -> str | None:
    held = {
        "treated": len(np.unique(rows.clusters[rows.treated])),
        "untreated": len(np.unique(rows.clusters[~rows.treated])),
    }
    alone = [side for side, n in held.items() if n == 1]
    if alone:
        return ALONE.format(alone[0], found.thing)
    if not np.isfinite(variance) or variance < 0:
        return "no standard error: its variance is not positive here"
    return (
        "no standard error: the outcomes show no variation"
        if variance <= 1e-24 * float(np.square(rows.outcome).max())
        else None
    )


def _few(rows: CrossSection) -> list[str]:
    """Source: Cameron and Miller (2015), section VI."""
    n = rows.n_clusters
    own = len(np.unique(rows.clusters[rows.treated]))
    if n >= MANY_CLUSTERS and own >= MANY_TREATED:
        return []
    return [
        f"{n:,} clusters, {own} of them treated: {ROUGH} (trust begins at about {MANY_CLUSTERS} clusters, {MANY_TREATED} treated)."
    ]


def spread_out(kept: Bools, values: Floats) -> Floats:
    """Values of the rows that stay among all rows, 0 elsewhere."""
    whole = np.zeros(len(kept))
    whole[kept] = values
    return whole


def refuse_trim(trim: float | str | None) -> None:
    """Refuse a trim that is no share below 0.5 and no rule."""
    good = (
        trim is None
        or trim == "crump"
        or (isinstance(trim, (int, float)) and not isinstance(trim, bool) and 0 < trim < 0.5)
    )
    if not good:
        raise UsageError(
            f"trim is {plain(trim)!r}; it has to be a share between 0 and 0.5, such as 0.1, or crump, or left out."
        )


def separated_cells(found: Compared, cell: int, logit: Logit) -> None:
    """Refuse a cell of cross-sections whose rows can be told from the treated after.

    Raises
    ------
    EstimationError
        Naming the cell and how many rows.
    """
    top = int((cells_of(found.rows) == TREATED_AFTER).sum())
    if logit.apart.any():
        raise EstimationError(
            f"{found.key}: no overlap. Covariates tell {CELLS[TREATED_AFTER]} ({counted(top, 'row')}) from {CELLS[cell]} in "
            f"{counted(int(logit.apart.sum()), 'row')}: name fewer covariates ({some(found.rows.names)})."
        )
