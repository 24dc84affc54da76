"""The catalogue as a page and as a table: docs/indicators.md is made here, and `python -m` this module writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scale_impact.core.catalogue.formula import Formula, load_formulas
from scale_impact.core.catalogue.indicator import DIMENSIONS, DIRECTIONS, QUALITIES, Indicator, load_indicators, shown
from scale_impact.core.catalogue.indicator_example import Example, load_examples
from scale_impact.core.project import Project
from scale_impact.core.words import counted, number

PAGE = "docs/indicators.md"

SCHEMES = {"u4ssc": "U4SSC", "iso37120": "ISO 37120", "sdg": "SDG"}
"""Fields that hold codes of others."""

HEAD = """\
# Indicators

<!-- Made from data/indicators/ by `python -m scale_impact.core.catalogue.indicator_page`: change the files there, then make it again. -->

What a measure can move: {n}, grouped by dimension. A study names one by its key (`pm25`) or its code (`ENV01`);
results hold the key. How a line is written: [files](files.md#the-indicator-a-line-of-dataindicatorscataloguecsv).

**Direction.** *More* or *less* says what is better; *neither* is shown and not judged; *best at a value* is judged by the
distance to it; context describes a city and is never scored. The example of each indicator says which of two cities is better
(in bold) and why, and is a test: if the reason does not convince, the sign is wrong. Directions are values, not facts.

- The only target is the ratio of women's to men's pay: 1. A share of women among all staff has none: it depends on which
  services a city runs itself.
- The naturalisation rate counts as better when it is higher: who is eligible already meets what the law asks, and can vote
  only after it. Who sees it otherwise writes `0` into the line.
- Inputs such as police officers or hospital beds have no direction: more may answer a need or a failure.

**Formula.** `numerator / denominator`, times 100 for per cent; every formula has an example with numbers, which is a test.
Where a numerator is a part of its denominator, a larger one is refused, and so is any denominator that is not above 0; the
voltage ratio alone, an effect over an effect, takes any that is not 0 (-1.8 over -3 is 0.6).

**Goalposts** (worst to best) put values on a scale from 0 to 1. They are never taken from the cities at hand. Scores, ordinals
and yes or no have the ends of their own definition, particles and NO2 those of a norm. A *share of a whole* that is judged has 0 and
100 %, unless one of these stands against its better end:

- turnover, physics or where a city lies leave a rest that no city can bring to nothing: `unemployment`, `youth_unemployment`,
  `it_vacancies`, `water_loss`, `waste_recycled`, `exposed_population`;
- for some of the whole the opposite is right or wished, such as personal data, deliveries, care at home or what one office does
  best alone: `open_share_of_city_data`, `cross_department_delivery`, `evaluated_measures`, `participatory_budget_share`,
  `car_mode_share`, `active_and_transit_share`, `pedestrian_streets`, `child_care`, `full_time_employment`;
- the other parts of a mix have their use: `ict_jobs`, `professional_staff_share`;
- it counts what happens in a year, not how things stand: `naturalisation_rate`, `fatal_accident_share`.

All else has none: counts, rates, ratios, amounts, and the Gini coefficient, because equal incomes for all are nobody's aim.
Ozone has none, because a yearly mean and a peak-season mean are not held against the same guideline.

**Quality** is a property of a value (`quality` of a column in a source card). Where a card says nothing, the usual quality is taken (named in the
last column), and `not traceable` where the catalogue names none:

{qualities}

**Small counts** are marked where events happen one by one (deaths on the roads, of mothers): pooling years is advised, and
the design note and the profile of a study say so; nothing is pooled by itself. `small_counts.pooled` gives the rate over years with
an exact interval for a Poisson count (Garwood 1936). Deaths from disasters and from cholera are rare too and not marked: they come
together, in one flood or one outbreak, so that this interval would be too short and pooling years hides what happened.

**Codes** of U4SSC, ISO 37120:2014 and the UN goals name the same quantity elsewhere. Beside each stands by what it was
checked: *itu* the ITU's own page, *repo* a public repository that uses the codes, *repo+direction* also with the same
direction there, *toc* the standard's table of contents, *yes* the UN's list; *not checked* is what it says.
"""


def catalogue_table(
    indicators: Mapping[str, Indicator],
    formulas: Mapping[str, Formula] | None = None,
    examples: Mapping[str, Example] | None = None,
) -> list[dict[str, str]]:
    """A row an indicator, in the order of dimensions: all that the catalogue says, as texts for a page or a table.

    Keys: dimension, indicator, code, name, definition, unit, direction (in words), formula,
    example, codes, kind, notes (goalposts, small counts, usual quality), references, source;
    empty where there is nothing to say.
    """
    return [
        _row(indicator, (formulas or {}).get(key), (examples or {}).get(key))
        for dimension in dimensions_of(indicators)
        for key, indicator in indicators.items()
        if indicator.dimension == dimension
    ]


def dimensions_of(indicators: Mapping[str, Indicator]) -> list[str]:
    """The dimensions that have indicators, known ones first."""
    there = dict.fromkeys(i.dimension for i in indicators.values())
    return [d for d in DIMENSIONS if d in there] + [d for d in there if d not in DIMENSIONS]


def _row(indicator: Indicator, formula: Formula | None, example: Example | None) -> dict[str, str]:
    return {
        "dimension": indicator.dimension,
        "indicator": indicator.indicator,
        "code": indicator.code,
        "name": indicator.name,
        "definition": indicator.definition,
        "unit": indicator.unit,
        "direction": direction_in_words(indicator),
        "formula": formula.in_words if formula is not None else "",
        "example": example.in_words if example is not None else "",
        "codes": _codes(indicator),
        "kind": indicator.kind,
        "notes": _notes(indicator),
        "references": indicator.references,
        "source": indicator.source_hint,
    }


def direction_in_words(indicator: Indicator) -> str:
    """``more is better``, ``best at 1``."""
    return DIRECTIONS[indicator.direction] if indicator.target is None else f"best at {number(indicator.target)}"


def _codes(indicator: Indicator) -> str:
    """Codes elsewhere, each with by what it was checked."""
    checked = {scheme: by or "yes" for scheme, _, by in (v.partition(":") for v in indicator.verified.split(";"))}
    return "; ".join(
        f"{name} {code} ({f'checked: {checked[scheme]}' if scheme in checked else 'not checked'})"
        for scheme, name in SCHEMES.items()
        if (code := getattr(indicator, scheme))
    )


def _notes(indicator: Indicator) -> str:
    """Goalposts, small counts and usual quality."""
    said = []
    if indicator.worst is not None and indicator.best is not None:
        said.append(f"goalposts {number(indicator.worst)} to {number(indicator.best)} ({indicator.goalposts})")
    said += ["small counts"] if indicator.small_count else []
    said += [f"usually {indicator.quality}"] if indicator.quality else []
    return "; ".join(said)


# ---- the page ------------------------------------------------------------------------------------------


def page(indicators: Mapping[str, Indicator], formulas: Mapping[str, Formula], examples: Mapping[str, Example]) -> str:
    """The catalogue as a Markdown page, a table a dimension."""
    rows = catalogue_table(indicators, formulas, examples)
    qualities = "\n".join(f"{k}. *{name}*: {meaning};" for k, (name, meaning) in enumerate(QUALITIES.items(), 1))
    head = HEAD.format(n=counted(len(rows), "indicator"), qualities=f"{qualities.removesuffix(';')}.")
    sections = [
        section(dimension, [row for row in rows if row["dimension"] == dimension])
        for dimension in dimensions_of(indicators)
    ]
    return "\n".join([head, *sections])


def section(dimension: str, rows: list[dict[str, str]]) -> str:
    """One dimension: its heading and its table."""
    title = shown(dimension)
    head = ["| indicator | what it says | unit | better | example | codes and notes |", "|---|---|---|---|---|---|"]
    return "\n".join([f"## {title[:1].upper()}{title[1:]}\n", *head, *map(_line, rows), ""])


def _line(row: Mapping[str, str]) -> str:
    code = f"<br>{row['code']}" if row["code"] else ""
    formula = f"<br>= {row['formula']}" if row["formula"] else ""
    cells = [
        f"`{row['indicator']}`{code}",
        f"**{row['name']}.** {row['definition']}{formula}",
        row["unit"],
        row["direction"].removesuffix(" is better"),
        row["example"],
        "<br>".join(text for text in (row["codes"], row["kind"], row["notes"]) if text),
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def page_of(project: Project) -> str:
    """The page of a project's catalogue.

    Raises
    ------
    StudyError
        The catalogue, its formulas or its examples are not as they should be.
    """
    folder = project.indicators.parent
    indicators = load_indicators(project.indicators)
    formulas = load_formulas(folder / "formulas.csv", indicators)
    return page(indicators, formulas, load_examples(folder / "examples.csv", indicators))


def write(project: Project) -> Path:
    """Write the page, and say where."""
    path = project.root / PAGE
    path.write_text(page_of(project), encoding="utf-8")
    return path


if __name__ == "__main__":
    write(Project.find())
