"""Quantities: the numbers and texts of published rows, each with its place, its tolerance and its reader's conclusion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scale_impact.core import keys
from scale_impact.workflow.verify.verdicts import (
    ESTIMATE,
    EXACT,
    OPTIMISED,
    OPTIMISED_P_VALUE,
    P_VALUE,
    Conclusion,
    Tolerance,
    Value,
    sign_of,
)

IGNORED = ("schema", "study", "variant", "run_id")
"""Of which run a row is; the run id changes with a package's version, which is said beside the verdict."""

ESTIMATE_KEY = ("outcome", "estimator", "estimand", "kind", "label", "cohort", "period", "event_time")
CHECK_KEY = ("outcome", "check", "estimator")

EXACTLY = ("level",)
"""Numbers that are settings."""

P_VALUES = ("p_value", "adjusted")
"""Last words of a path that hold p-values."""

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Row:
    """A row of estimates.jsonl or checks.jsonl, flat.

    Attributes
    ----------
    about:
        What it is about, in words, such as ``jobs, callaway_santanna, event time 2``.
    values:
        Its numbers and texts by field; those in ``details`` by path, such as ``details.rows[2].estimate``.
    conclusion:
        What a reader takes from it.
    optimised:
        Whether its numbers are the result of a search.
    """

    about: str
    values: Mapping[str, Value | None]
    conclusion: Conclusion
    optimised: bool

    def tolerance(self, field: str) -> Tolerance:
        """The tolerance of a number."""
        last = field.rsplit(".", 1)[-1].split("[")[0]
        if last in EXACTLY or last.startswith("n_"):
            return EXACT
        if last in P_VALUES:
            return OPTIMISED_P_VALUE if self.optimised else P_VALUE
        return OPTIMISED if self.optimised else ESTIMATE


def estimates(rows: Iterable[Mapping[str, Any]]) -> dict[Key, Row]:
    """Rows of estimates.jsonl by what they are about.

    An estimator may stand in a study several times with other options: the k-th of a name stays the k-th.
    """
    found: dict[Key, Row] = {}
    place: dict[tuple[Any, Any], int] = {}
    for row in rows:
        of = (row["outcome"], row["estimator"])
        place[of] = place.get(of, 0) + (row["kind"] == "overall")
        name = row["estimator"] + (f" ({place[of]})" if place[of] > 1 else "")
        about = f"{row['outcome']}, {name}, {row['label']}"
        key = _unused(found, ("estimates", place[of], *(row[k] for k in ESTIMATE_KEY)))
        optimised = is_optimised("estimators", row["estimator"])
        found[key] = Row(about, _values(row, ESTIMATE_KEY), _conclusion(row), optimised)
    return found


def checks(rows: Iterable[Mapping[str, Any]]) -> dict[Key, Row]:
    """Rows of checks.jsonl by what they are about."""
    found: dict[Key, Row] = {}
    for row in rows:
        key = _unused(found, ("checks", *(row[k] for k in CHECK_KEY)))
        about = f"{row['outcome']}, check {row['check']} of {row['estimator']}"
        optimised = is_optimised("checks", row["check"]) or is_optimised("estimators", row["estimator"])
        found[key] = Row(about, _values(row, CHECK_KEY), Conclusion(None, row["verdict"]), optimised)
    return found


def is_optimised(room: str, name: str) -> bool:
    """Whether the file of an estimator or check says ``OPTIMISED = True``; one that is not known here does not."""
    return keys.marked(room, name, "OPTIMISED")


def _unused(found: Mapping[Key, Row], key: Key) -> Key:
    """A key of its own for each of several rows that are about the same."""
    n = 0
    while (*key, n) in found:
        n += 1
    return (*key, n)


def _values(row: Mapping[str, Any], key: tuple[str, ...]) -> dict[str, Value | None]:
    return {path: v for field in row if field not in (*IGNORED, *key) for path, v in _leaves(field, row[field])}


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Value | None]]:
    """Numbers and texts below a value, by path; an empty list or mapping is no value."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}", inner)
    elif isinstance(value, list) and value:
        for k, inner in enumerate(value):
            yield from _leaves(f"{path}[{k}]", inner)
    else:
        yield path, None if value in ([], {}) or value != value else value  # NaN is no number


def _conclusion(row: Mapping[str, Any]) -> Conclusion:
    return Conclusion(sign_of(row.get("estimate")), significant(row))


def significant(row: Mapping[str, Any]) -> bool | None:
    """Whether the interval excludes zero at the published level, or p < 1 - level; None where neither is known."""
    low, high, p = row.get("ci_low"), row.get("ci_high"), row.get("p_value")
    if low is not None or high is not None:  # an end that is None beside one that is a number is infinite
        return bool((low is not None and low > 0) or (high is not None and high < 0))
    return None if p is None else bool(p < 1 - row["level"])
