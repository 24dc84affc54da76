"""Simulated outcomes: an analysis plan is tried out on data in which nothing of an outcome is left.

Of a column that is simulated two things are taken from the data, never a value: which rows are
missing, and of which kind it is (whole numbers, 0 and 1 only, all positive). Everything else comes
from a seed.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core import keys
from scale_impact.core.project import Project
from scale_impact.core.settings import Choice, Settings
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.study import Study
from scale_impact.errors import DataError, UsageError

SIMULATED_VARIABLE = "SCALE_IMPACT_SIMULATED"
"""Environment variable with a seed: the notebook's outcomes are simulated."""

UNIT, PERIOD, NOISE = 1.0, 0.5, 0.5
"""Standard deviations of the effects of unit and period and of the noise, before the kind of column is given to them."""

SCALE = 10.0
"""What they are multiplied by in a column of whole numbers, so that rounding leaves something."""

WITHHELD = "(withheld in a dry run)"
"""What stands in texts that the study does not name."""

_PLAIN = {"i": "int64", "u": "int64", "b": "bool"}
"""Types that columns without a missing value keep; a short integer type may be too short for what is simulated."""

Numbers = NDArray[np.float64]


def simulation_seed() -> int | None:
    """The seed of the simulation that the environment asks for; None where it asks for none.

    Raises
    ------
    UsageError
        The variable holds something else than a whole number from 0 on.
    """
    text = os.environ.get(SIMULATED_VARIABLE, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise UsageError(f"{SIMULATED_VARIABLE} is {text!r}; it has to be a seed (0, 1, 2, ...), or not set.")
    return int(text)


@dataclass(frozen=True)
class Roles:
    """What columns are for: ``outcomes`` are simulated, ``kept`` stay as they are, others are withheld."""

    unit: str | None
    period: str
    outcomes: tuple[str, ...]
    kept: tuple[str, ...]

    @classmethod
    def of(cls, studied: Collection[Settings]) -> Roles:
        """Roles of columns in all specifications of one study; an outcome of one of them is an outcome."""
        first = next(iter(studied))
        outcomes = dict.fromkeys(c for s in studied for c in _outcomes(s))
        named = dict.fromkeys(c for s in studied for c in _named(s))
        return cls(first.unit, first.period, tuple(outcomes), tuple(c for c in named if c not in outcomes))


def _choices(settings: Settings) -> list[tuple[str, str, Choice]]:
    """Estimators, checks and inference with their rooms and functions."""
    rooms = [("estimators", "fit", c) for c in settings.estimators] + [("checks", "run", c) for c in settings.checks]
    method = settings.inference
    return [*rooms, ("inference", "judge", method)] if method.name in keys.names("inference") else rooms


def _options(settings: Settings) -> list[tuple[str, str]]:
    """Options that name columns, each with a column."""
    return [
        pair for room, function, c in _choices(settings) for pair in keys.columns(room, c.name, function, c.options)
    ]


def _outcomes(settings: Settings) -> list[str]:
    """The outcomes, and those of checks: a placebo outcome is one too."""
    return [o.column for o in settings.outcomes] + [c for option, c in _options(settings) if option == "outcome"]


def _named(settings: Settings) -> list[str]:
    """Columns that say who is observed when, who is treated, and what is held constant."""
    treatment = settings.treatment
    named = [settings.unit, settings.period, *treatment.columns.values()]
    options = [column for option, column in _options(settings) if option != "outcome"]
    return [c for c in (*named, settings.design.cluster, *settings.covariates, *options) if c is not None]


def simulated(frame: pd.DataFrame, roles: Roles, seed: int) -> pd.DataFrame:
    """A frame with the same rows whose outcomes are unit effect + period effect + noise, without an effect of treatment.

    Columns that have no role in the study are withheld: an outcome's raw form may be among them. Numbers among them
    are simulated in the same way, texts and dates become one value. The frame given is not changed.

    Raises
    ------
    DataError
        An outcome is no number, or infinite: then there is nothing to be tried out. All problems at once.
    """
    if problems := [p for c in roles.outcomes if c in frame for p in _problems(frame[c])]:
        raise DataError(problems)
    units = _codes(frame, roles.unit)
    periods = _codes(frame, roles.period)
    new = {c: _stand_in(frame[c], units, periods, seed) for c in map(str, frame.columns) if c not in roles.kept}
    return frame.assign(**new)


def _problems(column: pd.Series[Any]) -> list[str]:
    if not _is_number(column):
        return [f"Outcome {column.name!r} is no number in the data, so no plan can be tried out on it."]
    n = int(np.isinf(column.to_numpy(dtype=float, na_value=np.nan)).sum())
    return [f"Outcome {column.name!r} is infinite in {n} row(s). Correct the data (the log of 0?)."] if n else []


def _is_number(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)


def _codes(frame: pd.DataFrame, column: str | None) -> NDArray[np.intp] | None:
    """Positions of labels, in order of appearance; the last one stands for rows without a label."""
    return None if column is None or column not in frame else pd.factorize(frame[column])[0]


def _stand_in(
    column: pd.Series[Any], units: NDArray[np.intp] | None, periods: NDArray[np.intp] | None, seed: int
) -> pd.Series[Any]:
    """A column of the same kind with the same rows missing."""
    missing = column.isna()
    if not _is_number(column):
        return pd.Series(WITHHELD, index=column.index, name=column.name, dtype=object).mask(missing)
    rng = np.random.default_rng([seed, crc32(str(column.name).encode())])
    latent = _effect(rng, units, UNIT) + _effect(rng, periods, PERIOD) + rng.normal(0, NOISE, len(column))
    values = pd.Series(_of_kind(latent, _kind(column), rng), index=column.index, name=column.name)
    return (
        values.mask(missing)
        if missing.any()
        else values.astype(_PLAIN.get(getattr(column.dtype, "kind", "f"), "float64"))
    )


def _effect(rng: np.random.Generator, codes: NDArray[np.intp] | None, size: float) -> Numbers | float:
    """An effect a label, one value a row."""
    if codes is None or len(codes) == 0:
        return 0.0
    effects: Numbers = rng.normal(0, size, codes.max() + 2)  # the last one is for the code -1
    return np.asarray(effects[codes])


@dataclass(frozen=True)
class Kind:
    """What is known of a column's values: whether all are whole, 0 or 1, positive."""

    whole: bool
    binary: bool
    positive: bool


def _kind(column: pd.Series[Any]) -> Kind:
    values = column.dropna().to_numpy(dtype=float)
    return Kind(
        whole=bool((values == np.floor(values)).all()),
        binary=bool(np.isin(values, (0.0, 1.0)).all()),
        positive=bool((values > 0).all()),
    )


def _of_kind(latent: Numbers, kind: Kind, rng: np.random.Generator) -> Numbers:
    """Numbers of a kind that rise with the latent ones."""
    if kind.binary:
        return (rng.random(len(latent)) < 1 / (1 + np.exp(-latent))).astype(float)
    if kind.whole:
        return np.floor(SCALE * np.exp(latent)) + 1 if kind.positive else np.rint(SCALE * latent)
    return np.exp(latent) if kind.positive else latent


def kinds_in_words() -> str:
    """What of the outcomes a dry run takes from the data."""
    return (
        "Of the outcomes only two things are taken from the data: which rows are missing, and whether a column holds "
        "finite numbers, whole numbers, only 0 and 1, only positive numbers. Their values are replaced by unit effect + period effect + noise, "
        "without an effect of treatment. Columns that have no role in the study are replaced too."
    )


def simulated_data(study: Study, data: pd.DataFrame | ParquetTable, seed: int) -> pd.DataFrame:
    """The data of a study with simulated outcomes: all that a notebook sees in a dry run.

    Raises
    ------
    DataError
        As ``simulated``; or the data are streamed, which no dry run reads.
    """
    if isinstance(data, ParquetTable):
        raise DataError(
            f"The data of source {study.settings.source} are streamed, and outcomes are simulated in memory only. Say `stream: false` in "
            "its card for the dry run, or freeze without one (--without-dry-run)."
        )
    whole = study.combinations if study.combination is None else ()
    studied = [study.settings, *(study.with_combination(c).settings for c in whole)]
    return simulated(data, Roles.of(studied), seed)


# ---- what readers are told -----------------------------------------------------------------------------

NO_RESULT = "simulated outcomes: no result"
"""What stands under ``deviations`` in rows of a dry run."""


def as_notice(seed: int) -> str:
    """What a reader of a notebook with simulated outcomes has to know, as Markdown."""
    return (
        f"**Dry run: every outcome is simulated (seed {seed}), and treatment has no effect in it. No number and no figure of this "
        "notebook is a result.**"
    )


def refuse_to_publish(out: Path, project: Project) -> None:
    """Keep simulated numbers out of a project's studies.

    Raises
    ------
    UsageError
        The folder of results lies among them.
    """
    if out.resolve().is_relative_to(project.studies.resolve()):
        raise UsageError(
            f"{SIMULATED_VARIABLE} is set, so the outcomes of this notebook are simulated; they are not written to "
            f"{project.relative(out)}. Unset the variable, or name another folder."
        )
