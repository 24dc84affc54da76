"""Who was observed in an experiment, and on which side: the rows that bounds for attrition work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.experiment.bounds import Answers
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError, EstimationError

NOT_FOLLOWED = "Nobody is followed and treatment starts some time: who is missing on which side is not in the data."


@dataclass(frozen=True, eq=False)
class Attrition:
    """Answers, what their cells are called, the periods that are compared, and what a reader has to know."""

    answers: Answers
    cell_names: tuple[str, ...]
    changes: bool
    notes: tuple[str, ...]


def attrition_of(
    panel: Panel, design: Design, *, strata: Sequence[str], tighten: Sequence[str], groups: int
) -> Attrition:
    """Rows observed or not, in cells of period, strata and covariates.

    Parameters
    ----------
    strata, tighten:
        Columns within which chance dealt, and columns from before the dealing that make cells smaller.
    groups:
        Numbers with more values than this are cut into so many groups of alike size.

    Raises
    ------
    DesignError
        Exposures are doses or a threshold's; a column is missing. All problems at once.
    EstimationError
        No cell has outcomes on both sides.
    """
    design.needs_absorbing()
    frame, notes = _exposed(panel, design) if design.exposed is not None else _dated(panel, design)
    columns = [*strata, *tighten]
    for name in columns:
        frame[name] = _column(frame, panel, name)
    _refuse_missing(frame, columns)
    for name in tighten:
        frame[name] = _grouped(frame[name], groups)
    keys = ["period", *columns]
    frame["cell"] = frame.groupby(keys, sort=True).ngroup()
    kept, lost = _comparable(frame)
    notes = (*notes, *lost)
    shown = kept.drop_duplicates("cell").sort_values("cell")
    names = tuple(", ".join(plain(v) for v in row) for row in shown[keys].itertuples(index=False))
    cell = np.unique(kept["cell"], return_inverse=True)[1]
    answers = Answers(
        kept["y"].to_numpy(float), kept["seen"].to_numpy(bool), kept["side"].to_numpy(bool), cell,
        pd.factorize(kept["cluster"])[0],
    )  # fmt: skip
    return Attrition(answers, names, design.exposed is None, notes)


def _exposed(panel: Panel, design: Design) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows of an exposure design, those without an outcome too."""
    assert design.exposed is not None
    if design.running is not None or not design.exposed.binary:
        raise DesignError(f"attrition_bounds needs an exposure of 0 or 1 that chance dealt; {design.exposure} is none.")
    seen = _plain(panel, design, panel.frame if panel._rows is None else panel.frame.iloc[panel._rows])
    seen["side"], seen["y"], seen["seen"] = design.exposed.values, panel.values, True
    if panel.unobserved is None:
        return seen, ()
    gone = _plain(panel, design, panel.unobserved)
    gone["side"], gone["y"], gone["seen"] = _sides(panel.unobserved, design.exposed.name), 0.0, False
    return pd.concat([seen, gone], ignore_index=True), ()


def _sides(rows: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Exposure of rows without an outcome."""
    values = pd.to_numeric(rows[name], errors="coerce").to_numpy(float)
    if not np.isin(values, (0, 1)).all():
        n = int((~np.isin(values, (0, 1))).sum())
        raise DesignError(
            f"{name} is not 0 or 1 in {counted(n, 'row')} without an outcome. Say what they were assigned to."
        )
    return np.asarray(values)


def _plain(panel: Panel, design: Design, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with their period and cluster."""
    by = design.cluster or panel.unit
    cluster = rows[by].map(plain).to_numpy() if by is not None else [f"row {i}" for i in rows.index]
    return rows.reset_index(drop=True).assign(period=rows[panel.period].to_numpy(), cluster=cluster)


def _dated(panel: Panel, design: Design) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Each unit in each period in which some are treated and some not yet; outcomes are changes since before anybody was."""
    if not panel.followed or design.begin is None:
        raise EstimationError(NOT_FOLLOWED)
    begin = np.where(design.begin < panel.n_periods, design.begin, np.inf)
    enters = begin > 0
    first = int(begin[enters].min(initial=np.inf)) if np.isfinite(begin[enters]).any() else panel.n_periods
    y = np.full((panel.n_units, panel.n_periods), np.nan)
    y[panel.unit_codes, panel.period_codes] = panel.values
    before = y[:, :first]
    known = np.isfinite(before)
    count = known.sum(axis=1)
    base = np.where(known, before, 0.0).sum(axis=1) / np.maximum(count, 1)
    units = np.flatnonzero(enters & (count > 0))
    u, t = np.repeat(units, panel.n_periods - first), np.tile(np.arange(first, panel.n_periods), len(units))
    outcome = y[u, t] - base[u]
    own = panel.units if design.cluster is None else panel.unit_column(design.cluster)
    frame = pd.DataFrame(
        {"unit": u, "period": panel.periods[t], "cluster": [plain(c) for c in own[u]], "side": t >= begin[u],
         "y": np.nan_to_num(outcome), "seen": np.isfinite(outcome)}
    )  # fmt: skip
    return frame, _unseen(panel, enters & (count == 0))


def _unseen(panel: Panel, without: NDArray[np.bool_]) -> tuple[str, ...]:
    """Units that bounds cannot count: no outcome before, or none at all."""
    found = []
    if without.any():
        names = [panel.unit_name(int(k)) for k in np.flatnonzero(without)]
        found.append(
            f"{counted(len(names), 'unit')} without an outcome before anybody was treated left out ({some(names)})."
        )
    if panel.unobserved is not None:
        never = sorted(set(map(plain, panel.unobserved[panel.unit])) - set(map(plain, panel.units)))
        if never:
            found.append(
                f"{counted(len(never), 'unit')} without any outcome cannot be counted ({some(never)}): the bounds are about the others."
            )
    return tuple(found)


def _column(frame: pd.DataFrame, panel: Panel, name: str) -> Any:
    """A column of the rows: the row's own, or the first that is known of its unit."""
    if "unit" not in frame:
        if name not in frame:
            panel.column(name)  # refuses, with the nearest name
        return frame[name]
    values = panel.column(name)
    first = np.unique(panel.unit_codes, return_index=True)[1]
    return values[first][frame["unit"].to_numpy()]


def _refuse_missing(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    problems = [
        f"{c!r} is missing in {counted(int(frame[c].isna().sum()), 'row')}: cells need it in each row."
        for c in columns
        if frame[c].isna().any()
    ]
    if problems:
        raise DesignError(problems)


def _grouped(column: pd.Series[Any], groups: int) -> pd.Series[Any]:
    """A number with many values as groups of alike size; other columns as they are."""
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= groups:
        return column
    return pd.qcut(column, groups, duplicates="drop").astype(str)


def _comparable(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows of cells that have outcomes on both sides."""
    sides = frame[frame["seen"]].groupby("cell")["side"].nunique()
    good = frame["cell"].isin(sides.index[sides == 2])
    if not good.any():
        raise EstimationError("No cell has outcomes on both sides. Use fewer columns for cells.")
    both = frame.groupby("cell")["side"].nunique()
    lost = sorted(set(both.index[both == 2]) - set(sides.index[sides == 2]))
    rows = int(frame["cell"].isin(lost).sum())
    return frame[good], (
        (f"{counted(len(lost), 'cell')} without an outcome on one side left out ({counted(rows, 'row')}).",)
        if lost
        else ()
    )
