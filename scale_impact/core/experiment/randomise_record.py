"""An assignment and its record: who got what, by which scheme, from which seed, under which hash."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.experiment.randomise_scheme import Codes, Floats, Scheme
from scale_impact.core.safe_csv import defused, write_csv
from scale_impact.core.words import counted, plain, to_label
from scale_impact.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
"""Of the record's form."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """Who gets which arm, and all that is needed to deal again in the same way.

    Attributes
    ----------
    frame:
        The units as given, with the column ``column``.
    unit, column:
        Columns of the unit and of its arm.
    arms:
        Labels: 0 and 1, names, or first treated periods (None: never treated).
    units:
        Units as text, in the frame's order.
    codes:
        [U], position in ``arms`` of each unit.
    settings:
        What was asked for.
    seed:
        Of the dealing.
    scheme, dealt:
        How clusters (or units) are dealt, and the position of each unit among them.
    tries:
        Dealings that were looked at until one was admissible.
    acceptance:
        Share of dealings that are admissible (1 without a criterion).
    balance:
        Frame with a row a covariate: its mean in each arm, and the largest difference between two in standard deviations.
    notes:
        What a reader of the dealing has to know.
    """

    frame: pd.DataFrame
    unit: str
    column: str
    arms: tuple[Any, ...]
    units: tuple[str, ...]
    codes: Codes
    settings: Mapping[str, Any]
    seed: int
    scheme: Scheme
    dealt: Codes
    tries: int
    acceptance: float
    balance: pd.DataFrame
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """In a line: how many units got which arm, from which seed, and how far arms are apart."""
        counts = np.bincount(self.codes, minlength=len(self.arms))
        dealt = ", ".join(f"{_arm(a)}: {n:,}" for a, n in zip(self.arms, counts, strict=True))
        apart = [float(v) for v in self.balance.get("largest difference", ())]
        told = f", largest difference {max(apart):.3g} standard deviations" if apart else ""
        tries = counted(self.tries, "try", "tries")
        return f"Assignment({counted(len(self.units), 'unit')}, {self.column} {{{dealt}}}, seed {self.seed}, {tries}{told})"

    @property
    def by_unit(self) -> dict[str, Any]:
        """The arm of each unit."""
        return {u: self.arms[c] for u, c in zip(self.units, self.codes, strict=True)}

    @property
    def cohorts(self) -> dict[str, Any]:
        """The first treated period of each unit that is treated some time, for a stepped wedge's ``cohorts``."""
        return {u: a for u, a in self.by_unit.items() if a is not None}

    @property
    def hash(self) -> str:
        """SHA-256 over units, settings, seed and result."""
        return _hash(self._sealed())

    def draws(self, n: int, seed: int) -> Codes:
        """Other admissible dealings of exactly the same scheme, [n, U]: positions in ``arms``, units in the frame's order.

        More draws of the same seed begin with the same ones.
        """
        dealings = self.scheme.admissible(np.random.default_rng([seed, 2]))
        found = np.array([arms for arms, _ in islice(dealings, n)], dtype=np.int64).reshape(n, len(self.scheme))
        return np.asarray(found[:, self.dealt])

    def replays(self) -> bool:
        """Whether the seed gives this assignment again."""
        arms, tries = next(self.scheme.admissible(np.random.default_rng([self.seed, 1])))
        return tries == self.tries and bool((arms[self.dealt] == self.codes).all())

    def save(self, path: str | Path) -> Path:
        """Write the table (CSV) and beside it the record (``.json``, the same name); both or none.

        Returns the path of the record.

        Raises
        ------
        DataError
            One of the files is there already: an assignment is not overwritten.
        """
        table = Path(path).with_suffix(".csv")
        record = table.with_suffix(".json")
        if there := [p for p in (table, record) if p.exists()]:
            raise DataError(
                f"{' and '.join(map(str, there))} there already: an assignment is not overwritten. Choose another name."
            )
        text = json.dumps({**self._sealed(), "hash": self.hash, **self._told()}, indent=1, ensure_ascii=False)
        rows = StringIO()
        write_csv(self._readable(), rows)
        table.parent.mkdir(parents=True, exist_ok=True)
        _written({table: rows.getvalue(), record: text + "\n"})
        return record

    def _readable(self) -> pd.DataFrame:
        """The table with its arms as they are called: 2027 and an empty cell, where a column with gaps has 2027.0."""
        import pandas as pd

        if not any(a is None for a in self.arms) or not all(float(a).is_integer() for a in self.arms if _is_number(a)):
            return self.frame
        if not all(a is None or _is_number(a) for a in self.arms):
            return self.frame
        arms = pd.array([None if (a := self.arms[c]) is None else int(a) for c in self.codes], dtype="Int64")
        return self.frame.assign(**{self.column: arms})

    def _sealed(self) -> dict[str, Any]:
        """What the hash is made of."""
        scheme = self.scheme
        return {
            "version": VERSION,
            "settings": dict(self.settings),
            "seed": self.seed,
            "unit": self.unit,
            "column": self.column,
            "arms": [to_label(a) if a is not None else None for a in self.arms],
            "units": list(self.units),
            "assigned": self.codes.tolist(),
            "dealt": self.dealt.tolist(),
            "strata": scheme.strata.tolist(),
            "shares": scheme.shares.tolist(),
            "covariates": None if scheme.covariates is None else scheme.covariates.tolist(),
            "criterion": scheme.criterion,
            "limit": scheme.limit,
            "tries": self.tries,
            "acceptance": self.acceptance,
        }

    def _told(self) -> dict[str, Any]:
        """What is told beside it; texts stay texts when the table is read (a code keeps its zeros)."""
        import pandas as pd

        texts = [str(c) for c in self.frame if not pd.api.types.is_numeric_dtype(self.frame[c])]
        told = {"notes": list(self.notes), "balance": self.balance.to_dict("records"), "texts": texts}
        return {**told, "numpy": np.__version__}

    @classmethod
    def read(cls, path: str | Path) -> Assignment:
        """Read a saved assignment by its table or its record, and hold both against the hash.

        Raises
        ------
        DataError
            A file is missing or no record; its contents do not have its hash; the table says something else. All problems at once.
        """
        import pandas as pd

        record, table = Path(path).with_suffix(".json"), Path(path).with_suffix(".csv")
        found = _record(record, table)
        frame = pd.read_csv(table, dtype=str, keep_default_na=False)
        if problems := [*_unsealed(found), *_otherwise(found, frame)]:
            raise DataError(problems, where=str(record))
        covariates = None if found["covariates"] is None else np.array(found["covariates"], dtype=np.float64)
        scheme = Scheme(
            np.array(found["shares"]),
            np.array(found["strata"], dtype=np.int64),
            covariates,
            found["criterion"],
            found["limit"],
        )
        return cls(
            _table(table, found), found["unit"], found["column"], tuple(found["arms"]), tuple(found["units"]),
            np.array(found["assigned"], dtype=np.int64), found["settings"], found["seed"], scheme,
            np.array(found["dealt"], dtype=np.int64), found["tries"], found["acceptance"],
            pd.DataFrame(found["balance"]), tuple(found["notes"]),
        )  # fmt: skip


def _is_number(arm: object) -> bool:
    return isinstance(arm, (int, float, np.number)) and not isinstance(arm, bool)


def _arm(arm: object) -> str:
    return "never" if arm is None else plain(arm)


def _written(files: Mapping[Path, str]) -> None:
    """Write files under names that nobody reads, and give them their own once all are there."""
    aside = {path.with_name(f".{path.name}.part"): path for path in files}
    try:
        for part, path in aside.items():
            part.write_bytes(files[path].encode())
        for part, path in aside.items():
            part.replace(path)
    finally:
        for part in aside:
            part.unlink(missing_ok=True)


def _hash(sealed: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(sealed, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


SEALED = (
    "version", "settings", "seed", "unit", "column", "arms", "units", "assigned", "dealt", "strata", "shares", "covariates",
    "criterion", "limit", "tries", "acceptance",
)  # fmt: skip


def _record(record: Path, table: Path) -> dict[str, Any]:
    """The record's contents; an error that says what is missing."""
    absent = [p for p in (record, table) if not p.is_file()]
    if absent:
        raise DataError(
            f"{' and '.join(map(str, absent))} not found: an assignment is a table (.csv) and its record (.json), side by side."
        )
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{record} is no JSON ({error}). Use the file that `save` wrote.") from error
    lacking = [
        k for k in (*SEALED, "hash", "notes", "balance", "texts") if not isinstance(found, dict) or k not in found
    ]
    if lacking:
        raise DataError(
            f"{record} is no record of an assignment: it lacks {', '.join(lacking)}. Use the file that `save` wrote."
        )
    return dict(found)


def _table(table: Path, found: Mapping[str, Any]) -> pd.DataFrame:
    """The table in the record's order, its units and arms as the record has them (a spreadsheet's apostrophes taken away)."""
    import pandas as pd

    unit, column = found["unit"], found["column"]
    frame = pd.read_csv(table, dtype={defused(c): str for c in (*found["texts"], unit)})
    frame = frame.set_index(defused(unit), drop=False).loc[[defused(u) for u in found["units"]]].reset_index(drop=True)
    arms = [found["arms"][a] for a in found["assigned"]]
    return frame.rename(columns={defused(c): c for c in (unit, column)}).assign(**{unit: found["units"], column: arms})


def _unsealed(found: Mapping[str, Any]) -> list[str]:
    made = _hash({k: found[k] for k in SEALED})
    if made == found["hash"]:
        return []
    return [
        f"Its contents have the hash {made[:12]}..., and it says {str(found['hash'])[:12]}...: it was changed. Use the original."
    ]


def _otherwise(found: Mapping[str, Any], frame: pd.DataFrame) -> list[str]:
    """Where the table says something else than the record."""
    unit, column = defused(found["unit"]), defused(found["column"])
    if unit not in frame or column not in frame:
        return [f"The table lacks {unit!r} or {column!r}. Use the table that `save` wrote."]
    label = {a: "" if arm is None else defused(plain(arm)) for a, arm in enumerate(found["arms"])}
    wanted = Counter((defused(u), label[a]) for u, a in zip(found["units"], found["assigned"], strict=True))
    seen = Counter((u, _whole(a)) for u, a in zip(frame[unit], frame[column], strict=True))
    if seen == wanted:
        return []
    other = [u for u, _ in seen - wanted]
    who = f" ({', '.join(other[:3])})" if other else ""
    return [
        f"The table has {counted(len(frame), 'row')} and differs from the record{who}: it was changed. Use the original."
    ]


def _whole(text: str) -> str:
    """2020.0 as 2020: a column with gaps is written with decimals."""
    return text[:-2] if text.endswith(".0") else text


def balance_table(columns: Floats, names: tuple[str, ...], codes: Codes, arms: tuple[Any, ...]) -> pd.DataFrame:
    """Means of covariates in each arm, and the largest difference between two arms in standard deviations."""
    import pandas as pd

    means = (
        np.stack([columns[codes == a].mean(axis=0) for a in range(len(arms))])
        if len(names)
        else np.empty((len(arms), 0))
    )
    spread = columns.std(axis=0, ddof=1)
    rows = [
        {
            "covariate": name,
            **{f"mean {_arm(arm)}": float(means[a, k]) for a, arm in enumerate(arms)},
            "largest difference": float(np.ptp(means[:, k]) / spread[k]),
        }
        for k, name in enumerate(names)
    ]
    return pd.DataFrame(rows)
