"""The page of one city: on real municipalities, with parts missing, without peers, without a score."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pandas as pd
import pytest

from scale_impact.benchmark.adjustment import adjust
from scale_impact.benchmark.against_peers import against_all, against_peers
from scale_impact.benchmark.change import compare
from scale_impact.benchmark.cities import Cities, ContextColumn, Criterion
from scale_impact.benchmark.page import page
from scale_impact.benchmark.peers import find_peers
from scale_impact.benchmark.rank_bands import bands
from scale_impact.benchmark.robustness import examine
from scale_impact.benchmark.scores import score
from scale_impact.benchmark.tried_by_peers import Adoption, tried_by_peers
from scale_impact.errors import UsageError
from tests.panels import shared

CRITERIA = (
    Criterion("egi", "Online services", "index of 10.25", "technology", "+", worst=0.0, best=10.25),
    Criterion("iadm25", "Women among staff", "%", "organisation", "+", worst=0.0, best=100.0),
    Criterion("iadm33", "Professionals among staff", "%", "organisation", "+", worst=0.0, best=100.0),
    Criterion("mcosoc", "Council of civil society", "0/1", "participation", "+", worst=0.0, best=1.0),
    Criterion(
        "organisations", "Community organisations", "per 1 000 inhabitants", "participation", "+", worst=0.0, best=60.0
    ),
)
CONTEXT = (
    ContextColumn("itpc", "population", "inhabitants"),
    ContextColumn("rural", "rural share", "%"),
    ContextColumn("icar007", "density", "inhabitants per km2"),
)


def municipalities(year, **options):
    table = pd.read_csv(shared(f"data/chile_egov_benchmark/local_gov_indicators_{year}.csv"))
    for c in ("mcosoc", "mocosoc"):
        table[c] = pd.to_numeric(table[c], errors="coerce")
    table["organisations"] = 1000 * table["isoc013"] / table["itpc"]
    table["rural"] = 100 * table["itpr"] / table["itpc"]
    table["se"] = 0.3
    table = table[table[[c.column for c in CRITERIA]].notna().any(axis=1)]
    cities = Cities.from_frame(
        table.reset_index(drop=True), city="commune", criteria=CRITERIA, context=CONTEXT, std_errors={"egi": "se"}
    )
    return score(cities, beyond="clip", draws=200, **options)


@cache
def chile():
    """Scores, peers and all that a page may show, of Chile's municipalities."""
    then, now = municipalities(2019), municipalities(2021)
    context = now.cities.context
    return {
        "scores": now,
        "peers": find_peers(context, log=["itpc", "icar007"]),
        "adjustment": adjust(context, now.index, now.std_errors, log=["itpc"], repeats=2),
        "bands": bands(now.cities.labels, now.index, draws=now.draws),
        "robustness": examine(now, draws=1000, choices=[], leavers=1),
        "changes": compare({2019: then, 2021: now}),
    }


def page_of(label, **changed):
    return page(label, **{**chile(), **changed})


def part(text, title):
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("label", ["Iquique", "Alto Hospicio", "Puente Alto", "Vitacura", "Camarones"])
def test_real_cities_large_and_small_get_a_page_without_gaps(label):
    text = page_of(label)
    assert text.startswith(f"# Why is {label} here?")
    assert not re.search(r"\bnan\b|\binf\b|None\b of None|\{|\}", text)
    assert 250 < len(text.split()) < 800
    assert "## What this page does not say" in text


def test_the_place_is_that_of_the_bands():
    found = chile()
    k = found["bands"].labels.index("Iquique")
    text = page_of("Iquique")
    assert f"**Rank {found['bands'].rank[k]:.0f} of {found['bands'].ranked}.**" in text
    assert f"between {found['bands'].low[k]:.0f} and {found['bands'].high[k]:.0f}" in text
    assert f"cannot be told from {len(found['bands'].alike('Iquique'))} other cities" in text


def test_what_lifts_and_lowers_adds_up_to_the_distance_from_the_yardstick():
    found = against_peers("Iquique", chile()["scores"], chile()["peers"])
    index = found.rows[0]
    for kind in ("dimension", "indicator"):
        assert sum(r.lift for r in found.of_kind(kind)) == pytest.approx(index.lift, abs=1e-10)
    assert index.lift == pytest.approx(index.value - index.yardstick, abs=1e-10)
    scores = chile()["scores"]
    rows = [scores.cities.labels.index(p) for p in found.peers]
    by_hand = np.median(scores.normalised[rows], axis=0) @ scores.effective_weights
    assert index.yardstick == pytest.approx(by_hand)
    assert index.median == pytest.approx(np.median(scores.index[rows]))


def test_numbers_have_their_units_and_answers_are_yes_or_no():
    text = page_of("Alto Hospicio")
    assert re.search(r"\d(\.\d+)? %", text)
    assert "per 1 000 inhabitants" in text
    assert "0/1" not in text


def test_a_city_without_a_score_says_why_and_keeps_its_peers():
    label = next(iter(chile()["scores"].why_not))
    text = page_of(label)
    assert f"**{label} has no place.** Too little is known" in text
    assert "## Whom it is compared with" in text
    assert "What lifts it" not in text
    assert "How much the weights decide" not in text


def test_a_city_without_a_fair_peer_is_held_against_all_and_says_so():
    peers = chile()["peers"]
    label = next(c for c in peers.why_not if c not in chile()["scores"].why_not)
    text = page_of(label)
    assert "held against all other cities, which is less fair" in text
    assert "middle value of all other cities" in text
    assert "Where its peers are ahead" not in text
    assert len(against_all(label, chile()["scores"]).peers) == int((~np.isnan(chile()["scores"].index)).sum()) - 1


def test_a_city_with_few_peers_says_why_once():
    fewer = chile()["peers"].fewer
    label = next(c for c in fewer if len(chile()["peers"].of(c)) < 3)
    assert page_of(label).count(fewer[label]) == 1


def test_parts_that_were_not_asked_are_left_out():
    text = page("Iquique", chile()["scores"], chile()["peers"])
    for title in ("in its situation", "weights decide", "Has it moved", "peers tried", "How far the best"):
        assert title not in text
    assert "How sure that rank is was not asked" in text


def test_without_errors_the_rank_is_not_said_to_be_sure():
    scores = chile()["scores"]
    text = page_of("Iquique", bands=bands(scores.cities.labels, scores.index))
    assert "How sure that rank is, is not known" in text


def test_what_peers_tried_stands_on_the_page():
    peer = chile()["peers"].of("Iquique")[0]
    zone = Adoption("a-study", "Open data portal", "Requests", "a year", {peer: "2020"}, (), 3.0, 1.0, 5.0)
    text = page_of("Iquique", tried=tried_by_peers(chile()["peers"], "Iquique", [zone]))
    assert f"1 of its 10 peers tried this: open data portal ({peer} from 2020 on)" in part(text, "What its peers tried")
    assert "no forecast for this city" in text


def test_what_was_not_measured_is_said():
    scores = chile()["scores"]
    records = scores.records[scores.records["before"].isna()]
    label = records["city"].iloc[0]
    assert "not measured there, estimated from the rest" in page_of(label)


def test_an_index_that_has_no_parts_gives_dimensions_alone():
    scores = municipalities(2021, aggregation="copeland", missing="median", coverage=0.8)
    text = page("Iquique", scores, chile()["peers"])
    assert "This index has no parts that add up" in text
    assert "points of the index" not in text


def test_an_unknown_city_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'Iquique'"):
        page_of("Iquiqe")
