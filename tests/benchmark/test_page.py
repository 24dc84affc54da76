"""The page of one city: on real municipalities, with parts missing, without peers, without a score."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from scale_impact.benchmark.adjustment import adjust
from scale_impact.benchmark.against_peers import against_all, against_peers
from scale_impact.benchmark.change import compare
from scale_impact.benchmark.cities import Cities, ContextColumn, Criterion
from scale_impact.benchmark.frontier import envelop
from scale_impact.benchmark.page import page
from scale_impact.benchmark.paging.sure import how_sure, known_exactly
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
    assert (60 if label in chile()["scores"].why_not else 250) < len(text.split()) < 850
    assert "## What this page does not say" in text


def test_the_place_is_that_of_the_bands():
    found = chile()
    k = found["bands"].labels.index("Iquique")
    text = page_of("Iquique")
    assert f"**Rank {found['bands'].rank[k]:.0f} of {found['bands'].ranked}.**" in text
    low, high = int(found["bands"].low[k]), int(found["bands"].high[k])
    assert (
        f"between {low} and {high}: {low - 1} cities are surely ahead of it" in text
        or "no city is surely ahead of it" in text
    )
    assert f"and the other {high - low} cannot be told from it" in text


def test_what_is_taken_as_known_exactly_stands_beside_the_band():
    assert known_exactly(chile()["scores"].cities) == tuple(c.name for c in CRITERIA[1:])
    assert "Taken as known exactly, because no errors are given: women among staff" in page_of("Iquique")
    none = replace(chile()["scores"].cities, std_errors=None)
    assert known_exactly(none) == tuple(c.name for c in CRITERIA)
    told = " ".join(how_sure("Iquique", chile()["bands"], none))
    assert "Only values that were estimated make it unsure" in told


@pytest.mark.parametrize(("side", "said"), [("lower", "or worse: "), ("upper", "or better: ")])
def test_bands_with_one_end_have_words_of_their_own(side, said):
    scores = chile()["scores"]
    one = bands(scores.cities.labels, scores.index, draws=scores.draws, side=side)
    told = next(how_sure("Iquique", one, scores.cities))
    assert said in told
    assert "between" not in told
    assert ("ahead" in told) == (side == "lower")


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
    assert "held against" not in text
    assert "Parts of a number" not in text
    assert len(text.split()) < 450
    assert "## Whom it is compared with" in text
    assert "What lifts it" not in text
    assert "How much the weights decide" not in text


def test_a_city_without_a_fair_peer_is_held_against_all_and_says_so():
    peers = chile()["peers"]
    label = next(c for c in peers.why_not if c not in chile()["scores"].why_not)
    text = page_of(label)
    assert "held against all other cities, which is less fair" in text
    assert "the middle of all other cities has" in text
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
    assert "That was not asked" in text


def test_without_errors_the_rank_is_not_said_to_be_sure():
    scores = chile()["scores"]
    text = page_of("Iquique", bands=bands(scores.cities.labels, scores.index))
    assert "That is not known: the values come without errors" in text


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
    assert "in the middle of its peers" in text
    assert "the points that the difference adds to the index" not in text


def test_an_unknown_city_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'Iquique'"):
        page_of("Iquiqe")


# ---- all cities: no sentence against another -------------------------------------------------------------


@cache
def invented():
    """Few cities with ties, gaps, one without peers, one without a score, one alone with its peer, one without context."""
    rng = np.random.default_rng(4)
    n = 40
    table = pd.DataFrame({
        "city": [f"City {k:02d}" for k in range(n)], "a": rng.integers(20, 60, n).astype(float), "b": rng.uniform(0, 50, n),
        "yes": rng.integers(0, 2, n).astype(float), "t": rng.uniform(0, 20, n), "size": np.exp(rng.normal(10, 1, n)),
        "share": rng.uniform(0, 60, n), "se": 4.0,
    })  # fmt: skip
    table.loc[1, ["a", "b", "yes", "t"]] = table.loc[0, ["a", "b", "yes", "t"]]  # a tie
    table.loc[2, ["a", "b", "yes"]] = np.nan  # no score
    table.loc[3, "share"] = np.nan  # no context
    table.loc[4, ["size", "share"]] = [1e9, 95.0]  # nobody like it
    table.loc[[5, 6], "size"] = [1e-3, 1.2e-3]  # a pair
    table.loc[7, "b"] = np.nan  # estimated
    criteria = (
        Criterion("a", "Online services", "index 0-100", "digital", "+", worst=0.0, best=100.0),
        Criterion("b", "Days to a permit", "days", "digital", "-", worst=60.0, best=0.0),
        Criterion("yes", "Council", "0/1", "open", "+", worst=0.0, best=1.0),
        Criterion("t", "Warmth", "degrees", "open", "target", target=10.0, worst=0.0, best=10.0),
    )
    context = (ContextColumn("size", "Residents", "persons"), ContextColumn("share", "Share of rural residents", "%"))

    def scored(frame):
        made = Cities.from_frame(frame, city="city", criteria=criteria, context=context, std_errors={"a": "se"})
        return score(made, missing="impute", coverage=0.6, coverage_in_dimension=0.0, draws=400, beyond="clip")

    then = table.assign(a=table["a"] + rng.normal(0, 8, n), t=table["t"].sample(frac=1, random_state=1).to_numpy())
    now, earlier = scored(table), scored(then)
    c = now.cities.context
    return {
        "scores": now,
        "peers": find_peers(c, log=["size"], number=5, caliper=1.0),
        "adjustment": adjust(c, now.index, now.std_errors, log=["size"], repeats=2),
        "bands": bands(now.cities.labels, now.index, draws=now.draws),
        "frontier": envelop(now.dimension_scores, c, list(now.dimensions), method="order_m", draws=20),
        "robustness": examine(now, draws=300, choices=[], leavers=1),
        "changes": compare({2019: earlier, 2021: now}, breaks={"b": 2021}),
    }


RAW = re.compile(
    r"\bnan\b|\binf\b|None\b of None|\{|\}|\bits 1 peer|None of its 1 |caliper|asked for|defined anew|zero is|  "
)


@pytest.mark.parametrize("made", [invented, chile])
def test_no_page_of_any_city_contradicts_itself(made):
    found = made()
    columns = [
        c.column for c in (*found["scores"].cities.criteria, *found["scores"].cities.context.columns) if "_" in c.column
    ]
    for label in found["scores"].cities.labels:
        text = page(label, **found)
        assert not (seen := RAW.search(text)), (label, seen)
        assert not [c for c in columns if c in text], label
        if label in found["scores"].why_not:
            assert "held against" not in text
            continue
        check_rank(label, text, found)
        check_change(label, text)
        check_behind(label, text, found)


def check_rank(label, text, found):
    """One band, and counts that belong to it; the plain rank is the same wherever it stands."""
    rank, of = re.search(r"\*\*Rank (\d+) of (\d+)\.\*\*", text).groups()
    k = found["bands"].labels.index(label)
    assert int(rank) == found["bands"].rank[k]
    low, high = int(found["bands"].low[k]), int(found["bands"].high[k])
    ahead, behind = (
        re.search(rf"(no|\d+) (?:city is|cities are) surely {w} it", text).group(1) for w in ("ahead of", "behind")
    )
    ahead, behind = (0 if v == "no" else int(v) for v in (ahead, behind))
    rest = re.search(r"the other (\d+) cannot", text)
    assert (ahead, behind) == (low - 1, int(of) - high)
    assert ahead + behind + (int(rest.group(1)) if rest else 0) + 1 == int(of)
    for again in re.findall(r"by the index it has rank (\d+)|by the index is (\d+)", text, re.IGNORECASE):
        assert rank in again


def check_change(label, text):
    """What is shown subtracts; who changes sides gains or loses, and nobody is nearer than before on the other side."""
    for then, now, way, size in re.findall(
        r"had ([\d.]+) of 100 points in \d+ and has ([\d.]+) in \d+: (up|down) by ([\d.]+)", text
    ):
        assert float(now) - float(then) == pytest.approx(float(size) * (1 if way == "up" else -1), abs=1e-9), label
    place = r"(?:([\d.]+) points (behind|ahead of)|level with)"
    for d0, s0, d1, s1, word in re.findall(rf"was {place} .*? in \d+ and is {place} it in \d+: (.*?)[.(]", text):
        before, after = (float(d or 0) * (-1 if s == "behind" else 1) for d, s in ((d0, s0), (d1, s1)))
        if before * after <= 0 and before != after:
            assert ("gained" if after > before else "lost") in word, label
        else:
            assert ("closer" in word) == (before < after <= 0), label
            assert ("farther behind" in word) == (after < before <= 0), label


def check_behind(label, text, found):
    """Where peers are said to be ahead, the city is behind their middle, and it is no strength."""
    if "## Where its peers are ahead" not in text:
        return
    listed = re.findall(r"- \*\*(.*?)\*\*: ", part(text, "Where its peers are ahead"))
    rows = (
        {r.name: r for r in against_peers(label, found["scores"], found["peers"]).of_kind("indicator")}
        if listed
        else {}
    )
    helps = re.search(r"Most help: (.*)", text)
    for name in listed:
        assert rows[name].value < rows[name].median
        assert helps is None or name[:1].lower() + name[1:] not in helps.group(1)


def test_what_was_left_out_is_said_before_the_numbers_it_changes():
    text = part(page("City 10", **invented()), "Has it moved?")
    assert text.strip().startswith(
        "Without the days to a permit (whose series breaks in between, as the study says): City 10 had"
    )
    assert "at the top are not the same number" in text


def test_one_peer_is_called_by_its_name():
    text = page("City 05", **invented())
    assert "1 peer, chosen on its situation alone" in text
    assert "Its one peer, City 06, has" in text
    assert "middle of its peers" not in text
    assert "here" in part(text, "What lifts it, and what lowers it")
    assert "in City 06" in text


def test_an_unscored_city_without_peers_hears_that_once():
    found = invented()
    text = page(
        "City 02",
        **{
            **found,
            "peers": replace(
                found["peers"], indices=tuple(np.empty(0, dtype=np.int64) for _ in found["peers"].indices)
            ),
        },
    )
    assert "It has no fair peer. No other city is near enough." in text
    assert "Has it moved?" not in text


def test_ranks_among_fewer_cities_are_told_from_the_rank_among_all():
    text = page("City 10", **invented())
    assert re.search(r"rank \d+(,)? of all 39 cities(;| and of)", text)
    assert "the 38 whose situation is known" in text
