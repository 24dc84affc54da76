"""Papers: numbers that others have published, by files of ``data/evidence/``, as rows of the same schema as the studies' own.

A file ``data/evidence/<name>.csv`` has one line a number, as printed, with source and page. What a line says in another form than the
indicator's (an odds ratio, per cent, a standardised difference) is converted by a stated formula (``printed.conversions``).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from scale_impact.core.catalogue.csv_lines import Line, read_lines
from scale_impact.core.catalogue.indicator import Indicator, load_indicators, nearest_indicator
from scale_impact.core.evidence import ESTIMATE_FIELDS, SCHEMA
from scale_impact.core.project import Project
from scale_impact.core.words import nearest
from scale_impact.errors import SourceError, StudyError, UsageError
from scale_impact.evidence.credibility import DESIGNS, of_paper
from scale_impact.evidence.printed.columns import COLUMNS, REQUIRED, Cells, read_cells
from scale_impact.evidence.printed.line import effect_of
from scale_impact.evidence.printed.line_problems import problems_of

ESTIMATOR = "published"
"""What stands as estimator of a number that a paper prints."""

MORE_FIELDS = (
    "file", "line", "place", "country", "first_year", "last_year", "data_set", "design", "source", "page", "url", "preregistered",
    "conversion", "printed", "credibility", "rule", "note",
)  # fmt: skip
PAPER_FIELDS = (*ESTIMATE_FIELDS, *MORE_FIELDS)
"""Columns of the table ``papers``: those of ``estimates``, and where the number comes from."""

Row = dict[str, Any]


def paper_names(project: Project) -> tuple[str, ...]:
    """Names of the files of published numbers."""
    return tuple(sorted(path.stem for path in project.papers.glob("*.csv")))


def paper_rows(project: Project, names: Sequence[str] | None = None) -> list[Row]:
    """Rows of the table ``papers``, of all files or of those named; none where there is no such folder.

    Raises
    ------
    UsageError
        There is no file of a name.
    SourceError
        Lines that are not as they should be: all problems of all files at once, each with its line.
    """
    known = paper_names(project)
    unknown = [n for n in names or () if n not in known]
    if unknown:
        raise UsageError([f"There is no data/evidence/{n}.csv. {nearest(n, known)}" for n in unknown])
    rows, problems = list[Row](), list[str]()
    for name in known if names is None else dict.fromkeys(names):
        found, wrong = _file(project, name)
        rows += found
        problems += [f"data/evidence/{name}.csv: {p}" for p in wrong]
    if problems:
        raise SourceError(problems)
    return rows


def _file(project: Project, name: str) -> tuple[list[Row], list[str]]:
    """Rows of a file, or all that is wrong with it."""
    try:
        content = (project.papers / f"{name}.csv").read_bytes()
    except OSError as error:
        return [], [f"The file cannot be read: {error.strerror}."]
    load_indicators(project.indicators)  # says what is wrong with the catalogue before its content is used as a key
    rows, problems = _read(content, name, project.keys("measures"), project.indicators, project.indicators.read_bytes())
    return [dict(row) for row in rows], list(problems)


@lru_cache(maxsize=64)
def _read(
    content: bytes, name: str, measures: tuple[str, ...], catalogue: Path, _: bytes
) -> tuple[list[Row], tuple[str, ...]]:
    """Rows of a file's content; each content is read once a process, with each content of the catalogue."""
    indicators = load_indicators(catalogue)
    try:
        lines = read_lines(content, name, REQUIRED, COLUMNS)
    except StudyError as error:
        return [], error.problems
    read = [(line, *read_cells(line)) for line in lines]
    problems = [
        f"line {line.number}, {line['paper']}: {p}"
        for line, cells, wrong in read
        for p in _problems(cells, wrong, measures, indicators)
    ]
    problems += _repeated(lines)
    if problems:
        return [], tuple(problems)
    return [_row(name, cells, indicators[cells["indicator"]]) for _, cells, _ in read], ()


def _problems(
    cells: Cells, wrong: list[str], measures: Collection[str], indicators: dict[str, Indicator]
) -> Iterator[str]:
    """All that is wrong with one line."""
    yield from wrong
    if cells["measure"] and cells["measure"] not in measures:
        yield f"there is no measure {cells['measure']!r} (data/measures/). {nearest(cells['measure'], measures)}"
    if cells["indicator"] and cells["indicator"] not in indicators:
        yield f"there is no indicator {cells['indicator']!r}. {nearest_indicator(indicators, cells['indicator'])}"
    if cells["design"] and cells["design"] not in DESIGNS:
        yield f"there is no design {cells['design']!r}. {nearest(cells['design'], DESIGNS)}"
    if (cells["credibility"] == "") != (cells["credibility_reason"] == ""):
        yield "credibility and credibility_reason go together: a level that is given has a reason. Give both, or none (the design then decides)."
    if not wrong and cells["indicator"] in indicators:
        indicator = indicators[cells["indicator"]]
        found = list(problems_of(cells, indicator))
        yield from found or _too_large(cells, indicator)


def _too_large(cells: Cells, indicator: Indicator) -> Iterator[str]:
    """A conversion whose result is beyond all numbers: what goes into it is in another unit than it says."""
    try:
        effect = effect_of(cells, indicator)
        numbers = (effect.value, effect.std_error, effect.low, effect.high)
        too_large = not all(math.isfinite(v) for v in numbers if v is not None)
    except (OverflowError, ZeroDivisionError):
        too_large = True
    if too_large:
        yield f"estimate {cells['estimate']} by conversion {cells['conversion']} is no finite number. Correct the numbers that go into it."


def _repeated(lines: list[Line]) -> Iterator[str]:
    """Primary numbers of one paper for one measure, indicator, outcome and place that stand twice."""
    seen: dict[tuple[str, ...], int] = {}
    for line in lines:
        if line["role"] == "secondary":
            continue
        key = tuple(line[c] for c in ("paper", "measure", "indicator", "outcome", "place", "kind"))
        if key in seen:
            yield (
                f"line {line.number}, {line['paper']}: the same paper, indicator and place stand in line {seen[key]}. Which of the two counts? "
                "Write role: secondary in the other one, or leave it out."
            )
        seen.setdefault(key, line.number)


def _row(file: str, cells: Cells, indicator: Indicator) -> Row:
    """A line as a row of ``papers``."""
    found = effect_of(cells, indicator)
    judged = of_paper(cells["design"], _whole(cells, "credibility"), cells["credibility_reason"])
    kind = cells.word("kind")
    row: Row = {
        **dict.fromkeys(PAPER_FIELDS), "schema": SCHEMA, "study": cells["paper"], "measure": cells["measure"],
        "outcome": cells["outcome"] or indicator.name, "indicator": indicator.indicator, "dimension": indicator.dimension,
        "direction": indicator.direction, "outcome_unit": found.unit, "estimator": ESTIMATOR, "role": cells.word("role"),
        "estimand": cells["estimand"] or None, "kind": kind, "label": cells["place"] if kind == "unit" else "overall",
        "estimate": found.value, "std_error": found.std_error, "df": cells.number("df"), "level": found.level,
        "ci_low": found.low, "ci_high": found.high, "p_value": cells.number("p_value"), "inference": found.how,
        "n_units": _whole(cells, "n_units"), "n_treated": _whole(cells, "n_treated"), "file": file, "line": cells.line.number,
        "first_year": _whole(cells, "first_year"), "last_year": _whole(cells, "last_year"), "printed": _printed(cells),
        "credibility": judged.level, "rule": judged.rule,
    }  # fmt: skip
    texts = ("place", "country", "data_set", "design", "source", "page", "url", "preregistered", "conversion", "note")
    return row | {name: cells[name] or None for name in texts}


def _whole(cells: Cells, column: str) -> int | None:
    value = cells.number(column)
    return None if value is None else int(value)


def _printed(cells: Cells) -> str:
    """The number as the paper prints it, with what it prints of its precision."""
    parts = [cells["estimate"]]
    if cells["std_error"]:
        parts.append(f"({cells['std_error']})")
    if cells["ci_low"]:
        parts.append(f"[{cells['ci_low']}, {cells['ci_high']}]")
    parts += [f"{word} {cells[c]}" for c, word in (("t_value", "t"), ("p_value", "p")) if cells[c]]
    return " ".join(parts)
