"""Effects of single cities: what each treated city of one staggered study got, with the errors that shared controls cause.

A city's effect is its own change since before treatment less its controls' mean change, averaged over its periods after
treatment. Cities of a cohort averaged give Callaway and Sant'Anna's effect of that cohort. The error of one treated city cannot be
learnt from that city: it is taken from the untreated ones, whose paths are weighted in the same way. As all cities are held
against the same controls, their errors are related, and the covariance says by how much.

Source: Callaway and Sant'Anna (2021), equation 2.4; Conley and Taber (2011); Ferman and Pinto (2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.check import Check
from scale_impact.core.city_effects import CityEffects
from scale_impact.core.design import Design
from scale_impact.core.keys import Count, Seed, Share, checked
from scale_impact.core.measuring.comparisons import (
    Bools,
    Comparisons,
    Floats,
    Ints,
    Table,
    Window,
    common_window,
    compared,
    said_of_periods,
)
from scale_impact.core.measuring.likeness import NAME, in_words, ratio_before
from scale_impact.core.measuring.noise import ENOUGH, covariance_of, noise_of
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.words import counted, nearest, plain, some
from scale_impact.errors import DataError, DesignError, EstimationError, UsageError

if TYPE_CHECKING:
    import pandas as pd

ASSUMED = (
    "A treated city's own shocks are taken to vary like those of the untreated cities, and to be independent of theirs; "
    "`like_controls` holds the periods before treatment against that."
)


@checked
def city_effects(
    panel: Panel,
    design: Design,
    context: Any = None,
    *,
    window: list[float] | Literal["all", "common"] | None = None,
    base: Literal["last", "mean"] = "last",
    size: str | None = None,
    covariates: list[str] | None = None,
    unit: str = "",
    direction: str = "0",
) -> CityEffects:
    """The effect in each treated city, and the covariance of their errors.

    Parameters
    ----------
    panel, design:
        One staggered study: cities over time, and who is treated from when.
    context:
        What is known of each city before it began: a table, one row a city, indexed by the panel's names of them.
    window:
        Event times that count, ``[first, last]`` on the panel's clock: cities not watched to its end are left out, and said.
        ``common``: those that all treated cities have. Default ``all``: all periods after treatment that each city has.
    base:
        ``last``: the change since the last period before (anticipated) treatment; ``mean``: since the mean of all before.
    size:
        Column with the size of a city (inhabitants), where small cities vary more: variance a + b / size.
    covariates:
        Refused: trends that are parallel given covariates are a matter of groups of cities.
    unit, direction:
        Unit of the effects and which way is better, as ``CityEffects`` keeps them.

    Raises
    ------
    DesignError
        No city can be compared; no or one control; treatment switches off; cross-sections; an exposure; covariates.
    DataError, UsageError, EstimationError
        Context without a row for a city, sizes that are none; a window that is none; untreated cities show no variation.
    """
    _refuse(panel, design, covariates or [])
    table = Table.of(panel, design)
    _needs_controls(panel, design, table)
    asked = _window(panel, design, table, window)
    found = compared(panel, design, table, asked, base)
    if not len(found.rows):
        raise DesignError(["No treated city can be compared with controls.", *_left_out(panel, found)])
    clusters = _clusters(design, table)
    sizes = None if size is None else _sizes(panel, table, size)
    labels = tuple(panel.unit_name(int(u)) for u in table.units[found.rows])
    noise = noise_of(table, found, _sources(design, table), clusters, sizes, panel.periods, labels)
    covariance = covariance_of(found, noise, clusters)
    _needs_variation(panel, found, covariance)
    notes = [*design.notes, *_left_out(panel, found), *said_of_periods(panel, found, table.start), *noise.words,
             *_few(found), ASSUMED]  # fmt: skip
    stands = tuple(n for n in notes if "its own variation cannot be seen" not in n)  # it is taken from the controls
    return CityEffects(
        labels, found.values(table.y), covariance, unit, direction,
        None if clusters is None else _cluster_names(panel, design, table.units[found.rows]), _context(context, labels), noise.df,
        stands, tuple(plain(panel.periods[s]) for s in table.start[found.rows]),
    )  # fmt: skip


# ---- what is refused ---------------------------------------------------------------------------------


def _refuse(panel: Panel, design: Design, covariates: Sequence[str]) -> None:
    design.needs_absorbing()
    design.needs_controls("the effect of a single city")
    problems = []
    if design.exposed is not None:
        problems.append(
            f"Effects of single cities need a start of treatment; this design compares exposures ({design.exposure})."
        )
    if design.cross_sections:
        problems.append(
            "Effects of single cities need cities that are followed over time; these are repeated cross-sections."
        )
    if panel.streamed:
        problems.append(
            "Effects of single cities need the cities' own paths; of streamed data only moments are kept. Read them whole."
        )
    if covariates:
        problems.append(
            f"covariates ({some(list(covariates))}): a single city has no group in which trends given covariates could be compared. Leave them "
            "out here, use `control: not_yet`, or take effects from callaway_santanna or imputation with covariates, by cohort."
        )
    if problems:
        raise DesignError(problems)


def _needs_controls(panel: Panel, design: Design, table: Table) -> None:
    never = int((table.start == panel.n_periods).sum())
    if design.control == "never" and never < 2:
        raise DesignError(
            f"{counted(never, 'city is', 'cities are')} never treated; how much a single city varies takes two at the least. Use "
            "`control: not_yet`, or add untreated cities."
        )


def _needs_variation(panel: Panel, found: Comparisons, covariance: Floats) -> None:
    largest = float(np.abs(panel.values).max(initial=0.0))
    if (np.diag(covariance) <= (1e-13 * largest) ** 2).any():
        raise EstimationError(
            "Untreated cities all follow the same path: how much a single city varies by itself cannot be seen. Are their outcomes measured, "
            "or filled in from one series? Use outcomes of their own."
        )


def _left_out(panel: Panel, found: Comparisons) -> list[str]:
    return [
        f"{counted(len(units), 'treated city', 'treated cities')} left out ({some([panel.unit_name(u) for u in sorted(units)])}): {reason}."
        for reason, units in found.left_out.items()
    ]


def _few(found: Comparisons) -> list[str]:
    fewest = int(found.fewest.min())
    if fewest >= ENOUGH:
        return []
    return [
        f"Some comparison has {counted(fewest, 'control')} only: what happens there by chance goes into all effects that use it."
    ]


# ---- options -------------------------------------------------------------------------------------------


def _window(panel: Panel, design: Design, table: Table, window: Any) -> Window:
    """Event times that count; None for all that each city has."""
    if window is None or window == "all":
        return None
    if window == "common":
        return common_window(panel, _starts_with_base(design, table, panel), _last_with_controls(design, table, panel))
    numbers = list(window) if isinstance(window, (list, tuple, np.ndarray)) else []
    if len(numbers) != 2 or not all(np.isfinite(float(v)) for v in numbers) or not 0 <= numbers[0] <= numbers[1]:
        raise UsageError(
            f"window is {window!r}; give [first, last] event times with 0 <= first <= last, `common` or `all`."
        )
    first, last = float(numbers[0]), float(numbers[1])
    most = float(elapsed(panel.clock, panel.n_periods - 1, int(table.start.min())))
    if last > most:
        raise UsageError(
            f"window ends at event time {plain(last)}, and no city is watched beyond {plain(most)}. End it there or earlier."
        )
    return first, last


def _starts_with_base(design: Design, table: Table, panel: Panel) -> Ints:
    """First treated periods of the cities that may have an effect: treated before the last period with controls."""
    starts = np.unique(table.start[table.start < panel.n_periods])
    last = _last_with_controls(design, table, panel)
    return np.asarray(starts[(starts > design.anticipation) & (starts <= last)])


def _last_with_controls(design: Design, table: Table, panel: Panel) -> int:
    """The last period in which somebody is untreated."""
    if (table.start == panel.n_periods).any():
        return panel.n_periods - 1
    return int(table.start.max()) - 1 - design.anticipation


def _sources(design: Design, table: Table) -> Bools:
    """Who may be asked how cities err: those who serve as controls."""
    if design.control == "never":
        return np.asarray(table.start == design.n_periods)
    return np.ones(len(table.start), dtype=bool)


def _clusters(design: Design, table: Table) -> Ints | None:
    """Cluster of each unit; None where each unit is its own."""
    if design.cluster_codes is None:
        return None
    codes = np.asarray(design.cluster_codes)[table.units]
    return None if len(np.unique(codes)) == len(codes) else codes.astype(np.int64)


def _cluster_names(panel: Panel, design: Design, units: Ints) -> tuple[str, ...]:
    return tuple(plain(v) for v in panel.unit_column(str(design.cluster))[units])


def _sizes(panel: Panel, table: Table, column: str) -> Floats:
    values: NDArray[Any] = panel.unit_column(column)[table.units]
    if not np.issubdtype(values.dtype, np.number) or not (np.asarray(values, float) > 0).all():
        raise DataError(f"size {column!r} has to be a number above 0 for each city.")
    if not np.isfinite(values.astype(float)).all():
        raise DataError(f"size {column!r} has to be a finite number for each city.")
    return values.astype(float)


def _context(context: Any, labels: tuple[str, ...]) -> pd.DataFrame | None:
    """The rows of the cities, in their order."""
    if context is None:
        return None
    if not hasattr(context, "iloc"):
        raise UsageError(f"context: it is a {type(context).__name__}. Give a table of pandas with one row a city.")
    names = [plain(v) for v in context.index]
    problems = [
        f"context: {name} stands twice. Give one row a city."
        for name in sorted({n for n in labels if names.count(n) > 1})
    ]
    problems += [f"context: no row for {name}. {nearest(name, names)}" for name in labels if name not in names]
    if problems:
        raise DataError(problems)
    at = {name: k for k, name in enumerate(names)}
    rows = context.iloc[[at[name] for name in labels]].copy()
    rows.index = rows.index.map(plain)
    return rows


# ---- are the treated like the controls? ----------------------------------------------------------------


@checked
def like_controls(
    panel: Panel, design: Design, *, draws: Count = 999, level: Share = 0.95, seed: Seed = 20251122
) -> Check:
    """Whether treated cities varied like the untreated before anybody was treated: the errors of their effects rest on it.

    Parameters
    ----------
    panel, design:
        As for ``city_effects``.
    draws, level, seed:
        Dealings of the cities to the two sides; 1 - level is where variances count as different; seed of the dealings.

    Returns
    -------
    ``pass``, ``fail`` with the direction, or ``inapplicable`` where there is nothing to compare.

    Raises
    ------
    DesignError
        As ``city_effects``.

    Source: a permutation test of the ratio of two variances around the means of their sides.
    """
    _refuse(panel, design, [])
    table = Table.of(panel, design)
    others = table.start == table.start.max()  # the never treated, or who waits longest
    first = int(table.start.min()) - 1 - design.anticipation
    found = ratio_before(table, ~others, others, first, draws, seed)
    return Check.inapplicable(NAME, found) if isinstance(found, str) else in_words(found, 1 - level)
