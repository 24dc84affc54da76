"""Comparing what was published with what came out now: number by number, and files by their bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scale_impact.core.words import counted
from scale_impact.errors import RunError
from scale_impact.evidence.store import read_rows
from scale_impact.workflow.verify.quantities import Key, Row, checks, estimates
from scale_impact.workflow.verify.verdicts import GOOD, ORDER, Value, Verdict, distance, judge, worst

NOTHING = Row("", {}, None, False)  # type: ignore[arg-type]
"""Stands for a row that is not there: it has no values, so nothing is asked of it."""


@dataclass(frozen=True)
class Finding:
    """A number or text that did not come out to the last bit.

    Attributes
    ----------
    about:
        Outcome, estimator or check, label.
    field:
        Column of the row, or path within ``details``.
    published, now:
        The two values; None where there is none.
    difference:
        Relative to the larger of the two; None for texts and where one is missing.
    """

    file: str
    about: str
    field: str
    published: Value | None
    now: Value | None
    verdict: Verdict
    difference: float | None


@dataclass(frozen=True)
class Comparison:
    """All numbers and texts of a run against the published ones.

    Attributes
    ----------
    counts:
        How many numbers have each verdict.
    texts:
        How many texts have each verdict.
    findings:
        All that are not identical: the primary estimate, then the worst first.
    """

    counts: Mapping[Verdict, int]
    texts: Mapping[Verdict, int]
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all."""
        return worst([*self.counts, *self.texts])

    @property
    def numbers(self) -> int:
        """Numbers compared."""
        return sum(self.counts.values())

    @property
    def moved(self) -> tuple[Finding, ...]:
        """The findings beyond tolerance, the worst first."""
        return tuple(f for f in self.findings if f.verdict not in GOOD)

    @property
    def largest(self) -> float:
        """The largest relative difference of two numbers."""
        return max((f.difference for f in self.findings if f.difference is not None), default=0.0)


def compare(published: Path, now: Path) -> Comparison:
    """Compare the rows of two results folders.

    A file of rows that is missing or damaged counts as one without rows; ``published.damage`` says so.

    Raises
    ------
    RunError
        There is no row at all on either side: nothing was compared, which is no verdict.
    """
    numbers: Counter[Verdict] = Counter()
    texts: Counter[Verdict] = Counter()
    findings = []
    for name, flat in (("estimates.jsonl", estimates), ("checks.jsonl", checks)):
        for finding in _findings(name, flat(rows_of(published / name)), flat(rows_of(now / name))):
            kind = texts if isinstance(_any(finding), (str, bool)) else numbers
            kind[finding.verdict] += 1
            findings += [finding] if finding.verdict != "identical" else []
    if not numbers and not texts:
        raise RunError("neither the published run nor this one has a row to compare.")
    primary = next((row.about for row in estimates(rows_of(published / "estimates.jsonl")).values()), None)
    return Comparison(numbers, texts, tuple(sorted(findings, key=lambda f: _badness(f, primary))))


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Rows of a file; none where it is missing or damaged."""
    try:
        rows = read_rows(path)
    except (OSError, ValueError):
        return []
    return rows if all(isinstance(row, dict) for row in rows) else []


def _findings(file: str, published: Mapping[Key, Row], now: Mapping[Key, Row]) -> Iterator[Finding]:
    """One finding a number or text, identical ones too, in the order of the published rows."""
    for key in dict.fromkeys([*published, *now]):
        before, after = published.get(key, NOTHING), now.get(key, NOTHING)
        for field in dict.fromkeys([*before.values, *_known(before, after)]):
            yield from _finding(file, field, before, after)


def _known(before: Row, after: Row) -> Iterable[str]:
    """Fields of a row that its published form could have: columns that later versions add are no findings."""
    if not before.values:
        return after.values
    columns = {_column(f) for f in before.values}
    return (f for f in after.values if _column(f) in columns)


def _column(field: str) -> str:
    return field.split(".")[0].split("[")[0]


def _finding(file: str, field: str, before: Row, after: Row) -> Iterator[Finding]:
    """The finding of a field; none where there is no value on either side."""
    a, b = before.values.get(field), after.values.get(field)
    if a is None and b is None:
        return
    row = before if before.values else after
    verdict = judge(a, b, row.tolerance(field), before.conclusion, after.conclusion)
    yield Finding(file, row.about, field, a, b, verdict, distance(a, b))


def _any(finding: Finding) -> Value | None:
    return finding.now if finding.published is None else finding.published


def _badness(finding: Finding, primary: str | None) -> tuple[bool, int, bool, bool, float]:
    """Order of findings: the study's answer, worst verdict, numbers before texts, estimates before checks, difference."""
    answer = finding.about == primary and finding.field == "estimate"
    is_text = isinstance(_any(finding), str)
    in_checks = finding.file == "checks.jsonl"
    return not answer, -ORDER.index(finding.verdict), is_text, in_checks, -(finding.difference or 0.0)


# ---- files ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Files:
    """Published files whose bytes came out otherwise; information, no verdict: fonts and versions draw differently.

    Attributes
    ----------
    of, differing:
        Names of the files of both sides, and of those that differ.
    """

    of: tuple[str, ...]
    differing: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """What differs, in words; nothing where nothing does."""
        figures, moved = (sum(n.startswith("figures/") for n in names) for names in (self.of, self.differing))
        others = [n for n in self.differing if not n.startswith("figures/")]
        said = [f"{moved:,} of {counted(figures, 'figure')} differ in bytes."] if moved else []
        return [*said, *(f"{name} differs in bytes." for name in others)]


def compare_files(published: Mapping[str, str], now: Mapping[str, str]) -> Files:
    """Compare files by the hashes of two manifests (rows are compared by their numbers instead)."""
    names = sorted({*published, *now} - {"estimates.jsonl", "checks.jsonl"})
    return Files(tuple(names), tuple(n for n in names if published.get(n) != now.get(n)))
