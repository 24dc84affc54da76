"""Decision card as a page of its own: one file without a script that is read on a phone and prints on one A4 page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from scale_impact.core.project import Project
from scale_impact.evidence.cards import Cards, run_name
from scale_impact.report.answers import kind_of
from scale_impact.report.intervals import Bars, bars
from scale_impact.report.pages import page
from scale_impact.report.published import RunRead, StudyRead, read_study
from scale_impact.report.run_page import read_cards

if TYPE_CHECKING:
    from scale_impact.core.catalogue.indicator import Indicator
    from scale_impact.scaleup.card import DecisionCard

SIGNS = {"stop": "■", "adapt": "▲", "scale": "●", None: "○"}
"""A sign for each decision, so that no colour stands alone."""

FULL, CROWDED = 2700, 3250
"""Characters from which on print is set smaller, so that the page stays one."""


def decision_card_page(card: DecisionCard, *, links: Sequence[tuple[str, str]] = ()) -> str:
    """The card as a whole HTML page, with its style in it: nothing else has to lie beside it.

    Parameters
    ----------
    card:
        What it says; see ``scaleup.card.make_card``.
    links:
        Words and addresses of pages to go back to, such as that of the study; print leaves them out.
    """
    style, style_hash = _style()
    return page(
        "decision_card.html.j2", "", card=card, links=tuple(links), sign=SIGNS[card.decision], bars=_bars(card),
        density=_density(card), style=Markup(style), style_hash=style_hash,
    )  # fmt: skip


def card_of(
    project: Project, study: StudyRead, run: RunRead, indicators: Mapping[str, Indicator]
) -> DecisionCard | None:
    """The card of a published scale-up, from its rows and those of the studies that it read; None for other runs."""
    from scale_impact.scaleup.card import make_card

    if kind_of(run) != "scaleup" or not run.estimates:
        return None
    read = _runs_read(project, run)
    named = next((str(row["indicator"]) for row in run.estimates if row["indicator"] is not None), "")
    block = None if run.study is None else run.study.settings.scaleup
    return make_card(
        run.estimates, run.checks, measure=read_cards(project, run.study).measure, indicator=indicators.get(named),
        others=[row for one in read for row in one.estimates], other_checks=[row for one in read for row in one.checks],
        title=study.title, city=None if block is None else block.city, dates=_dates([run, *read]), warnings=_warnings(project, study, run),
    )  # fmt: skip


def _runs_read(project: Project, run: RunRead) -> list[RunRead]:
    """The published runs from which a scale-up has its effects."""
    from scale_impact.core.scaleup_choices import EffectRow

    block = None if run.study is None else run.study.settings.scaleup
    rows = [] if block is None else [block.effect, *([block.pilot] if block.pilot is not None else [])]
    named = dict.fromkeys((row.study, row.variant) for row in rows if isinstance(row, EffectRow))
    found = []
    for slug, variant in named:
        if slug in project.keys("studies"):
            other = read_study(project, slug)
            found.append(next((r for r in other.runs if r.variant == variant), other.first))
    return [one for one in found if one.ran]


def _dates(runs: Sequence[RunRead]) -> dict[str, str]:
    """When each run was made, by run id: ``20 November 2026``."""
    found = {}
    for run in runs:
        if run.manifest is not None:
            day = datetime.fromisoformat(run.manifest.started)
            found[str(run.manifest.run_id)] = f"{day.day} {day:%B %Y}"
    return found


def _warnings(project: Project, study: StudyRead, run: RunRead) -> tuple[str, ...]:
    """What a reader has to know first, of the run and of all that it rests on: simulated data, runs that failed since."""
    from scale_impact.scaleup.carding.warned import warned

    ground = Cards(project).ground(study.slug, run.variant)
    return warned(simulated=bool(ground.simulated), failed=[run_name(one) for one in ground.failed])


def _bars(card: DecisionCard) -> Bars | None:
    """Gains and losses on one scale; None where there are none to compare."""
    rows = [{"estimate": p.value, "ci_low": p.low, "ci_high": p.high, "outcome_unit": p.unit} for p in card.partners]
    return bars(rows)


def _density(card: DecisionCard) -> str:
    """How small print is set: by all that has to stand on the page; a row of the table takes as much as its words and its line."""
    texts = [
        card.title,
        card.headline,
        card.reason,
        *card.sources,
        *card.warnings,
        *(s for part in card.parts for s in part.sentences),
    ]
    size = sum(map(len, texts)) + sum(150 + len(p.name) for p in card.partners)
    return "crowded" if size > CROWDED else "full" if size > FULL else "plain"


@lru_cache(maxsize=1)
def _style() -> tuple[str, str]:
    """The style, and the hash by which the page allows it and no other."""
    style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return style, f"sha256-{digest}"
