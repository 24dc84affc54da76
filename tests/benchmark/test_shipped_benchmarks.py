"""What the READMEs of the two shipped benchmarks say, from the data that the studies read.

Each number there is written here as the sentence around it, made of what the code gives now: a sentence that the README does not
have is one to be corrected, and the failing test prints it as it should be.
"""

import re

import numpy as np
import pytest

from scale_impact.benchmark.rank_bands import bands
from scale_impact.benchmarking import Benchmark
from scale_impact.core.study import StudyFile
from scale_impact.sources import read
from scale_impact.sources._pulling.pull import pull
from tests.panels import ROOT, shared
from tests.test_shipped_sources import empty_project

ADOPTERS = {
    "Ollagüe", "Queilén", "Papudo", "Malloa", "Mejillones", "Yungay", "Hijuelas", "Llaillay", "Las Cabras", "Pucón", "La Unión",
    "Castro", "Cerrillos", "San Antonio", "Quilpué", "El Bosque", "La Pintana",
}  # fmt: skip
"""Municipalities of the study of councils that set one up in 2020 or 2021."""


def benchmark_of(slug, root):
    """A shipped study's benchmark; its data lie below ``root``."""
    study = StudyFile.read(ROOT / "studies" / slug).study(None)
    return Benchmark(study, read(root / f"data/sources/{study.settings.source}.yaml", root))


@pytest.fixture(scope="module")
def sweden():
    return benchmark_of("swedish-municipal-finances", ROOT)


@pytest.fixture(scope="module")
def chile(tmp_path_factory):
    root = empty_project(tmp_path_factory.mktemp("project"))
    pull("chile_municipal_benchmark", root, mirror=shared("data"))
    return benchmark_of("chile-municipal-egovernment", root)


def readme(slug):
    """What a study's README says, in one line."""
    return " ".join((ROOT / "studies" / slug / "README.md").read_text(encoding="utf-8").replace("**", "").split())


def whole(value):
    return f"{value:.0f}".replace("-", "−")


def points(value):
    return f"{value:+.1f}".replace("-", "−") if abs(value) < 9.95 else f"{value:+.0f}".replace("-", "−")


def unlike(found):
    """Share of pairs that cannot be told apart, in %."""
    n = found.ranked
    return 100 * (1 - found.beats.sum() / (n * (n - 1) / 2))


def width(table):
    return (table["high_all"] - table["low_all"] + 1).astype(float).median()


def beyond_chance(found, column):
    """Share of the differences between municipalities that is more than their errors, in %."""
    now = found.data[found.data["year"] == 1987]
    return 100 * max(0.0, 1 - (now[f"{column}_se"] ** 2).mean() / now[column].var())


# ---- Sweden ----------------------------------------------------------------------------------------------


def swedish_rows(found):
    """The table of the README: what each indicator can rank by itself."""
    now = found.data.query("year == 1987")
    ways = {"own_revenue_share": "high", "expenditure_covered": "high", "expenditure_swing": "low"}
    for column, better in ways.items():
        made = bands(list(now["name"]), now[column].to_numpy(), now[f"{column}_se"].to_numpy(), better=better).table()
        first = (made["low_all"] == 1).sum()
        name = column.replace("_", " ")
        yield f"| {name} | {whole(beyond_chance(found, column))} % | {first} of 265 | {whole(width(made))} ranks |"
        if better == "high" and first < 200:
            band = {r.city: f"{r.city} ({r.low_all} to {r.high_all})" for r in made.itertuples()}
            order = list(made.sort_values("rank")["city"])
            yield f"By own revenue alone {band[order[0]]}, {band[order[1]]} and {order[2]} lead"
            yield f"and {band[order[-1]]} and {band[order[-2]]} come last"


def swedish(found):
    """What the README says, from the code."""
    table, n = found.bands.table().set_index("city"), 265
    first, own = list(table.sort_values("rank").index[:3]), table.loc["Örebro"]
    yield f"{first[0]}, {first[1]} and {first[2]} lead; {(table['low_all'] == 1).sum()} of {n} could be first"
    yield f"{unlike(found.bands):.1f} % of all pairs"
    yield f"Örebro ranks {own['rank']}, and its band is {own['low_all']} to {own['high_all']}"
    yield from swedish_rows(found)
    yield from swedish_situation(found)
    k = found.robustness.labels.index("Örebro")
    yield f"between {whole(found.robustness.low[k])} and {whole(found.robustness.high[k])} in nine of ten cases"
    change, k = found.changes, found.changes.place("Örebro")
    moved = f"{whole(-change.change[k])} points ({whole(change.low[k])} to {whole(change.high[k])})"
    yield f"Örebro lost {moved}, and the middle municipality {whole(-change.typical)}: more than chance by itself, not among {n}"
    assert change.high[k] < 0
    assert change.p_all[k] > 0.05
    seen = found.changes.convergence.spread
    yield f"({seen.then:.1f} points then, {seen.now:.1f} now, p = {seen.seen_p:.2g})"


def swedish_situation(found):
    """What the README says of the situation."""
    made, table = found.adjustment, found.adjustment.table().set_index("city")
    own, moves = table.loc["Örebro"], table["move"].abs()
    expected = f"{own['expected']:.1f} expected, {own['low']:.1f} to {own['high']:.1f}"
    yield f"Örebro is as expected ({own['outcome']:.1f} of 100; {expected})"
    share = (
        f"{whole(100 * made.explained)} % ({whole(100 * made.explained_low)} to {whole(100 * made.explained_high)} %)"
    )
    far = table.loc[moves.idxmax()]
    yield f"Situation explains {share} of the index; {(moves > 50).sum()} municipalities move by more than 50 places"
    yield f"most of all {moves.idxmax()}, from {whole(far['rank'])} to {whole(far['adjusted_rank'])}"
    outliers = list(table.index[table["q_value"] < 0.05])
    yield f"{' and '.join(outliers)} is {table['verdict'][outliers[0]]} than expected even when all {n_of(table)} are counted"


def n_of(table):
    return int(table["q_value"].notna().sum())


def test_the_readme_of_sweden_says_what_the_code_gives(sweden):
    said = readme("swedish-municipal-finances")
    assert [s for s in swedish(sweden) if s not in said] == []


def test_swedens_errors_are_no_more_than_what_is_seen(sweden):
    for column in ("own_revenue_share", "expenditure_covered", "expenditure_swing"):
        for _, rows in sweden.data.groupby("year"):
            assert (rows[f"{column}_se"] ** 2).mean() <= rows[column].var() * (1 + 1e-9)


def test_swedens_peers_of_a_county_town_are_county_towns(sweden):
    assert sweden.label == "Örebro"
    assert set(sweden.peers.of("Örebro")) == {"Härnösand", "Karlskrona", "Gävle"}
    assert set(sweden.peers.why_not) == {"Stockholm", "Luleå", "Älvsbyn"}


# ---- Chile -----------------------------------------------------------------------------------------------


def chilean(found):
    """What the README says, from the code."""
    table = found.bands.table().set_index("city")
    scored = table[table["rank"].notna()].sort_values("rank")
    first, n, own, last = list(scored.index[:3]), len(scored), scored.loc["San Felipe"], scored.iloc[-1]
    yield f"the first are {first[0]}, {first[1]} and {first[2]}"
    yield f"with 95 % confidence for all ranks at once | {(scored['low_all'] == 1).sum()} of {n} |"
    yield f"width of the middle municipality's band | {whole(width(scored))} of {n} ranks |"
    yield f"pairs of municipalities that cannot be told apart | {whole(unlike(found.bands))} % |"
    band = f"{own['low_all']} to {own['high_all']} (by itself {own['low']} to {own['high']})"
    yield f"| San Felipe: rank {own['rank']} | {band} |"
    yield f"| last: {last.name}, rank {last['rank']} | {last['low_all']} to {last['high_all']} |"
    yield from chilean_situation(found)
    yield from chilean_choices(found)
    change, k = found.changes, found.changes.place("San Felipe")
    yield f"San Felipe {points(change.change[k])} points ({points(change.low[k])} to {points(change.high[k])})"
    yield f"the middle municipality {points(change.typical)}"
    imputed = found.scores.records["what"].str.startswith("imputed").sum()
    known = np.isnan(found.cities.values[[label not in found.scores.why_not for label in found.cities.labels]]).size
    drawn = change.convergence
    yield f"(slope {drawn.as_seen.value:.2f})".replace("-", "−")
    yield f"({drawn.spread.then:.1f} points then, {drawn.spread.now:.1f} now, p = {drawn.spread.seen_p:.2g})"
    yield f"{len(found.scores.why_not)} of 345 have no index (fewer than four of six values); {imputed} of {known:,} values are imputed"
    filled = found.scores.records["what"].iloc[0]
    yield f"values are imputed, as the {filled.removeprefix('imputed, ')}"


def chilean_situation(found):
    """What the README says of the situation."""
    made, table = found.adjustment, found.adjustment.table().set_index("city")
    own, santiago, moves = table.loc["San Felipe"], table.loc["Santiago"], table["move"].abs()
    share = (
        f"{whole(100 * made.explained)} % ({whole(100 * made.explained_low)} to {whole(100 * made.explained_high)} %)"
    )
    yield f"explain {share} of the differences"
    expected = f"{own['outcome']:.1f} of 100; {own['expected']:.1f} expected, {own['low']:.1f} to {own['high']:.1f}"
    yield f"({expected}): {whole(own['rank'])}th as it is, {whole(own['adjusted_rank'])}th for its situation"
    yield f"({(moves > 50).sum()} of {moves.notna().sum()} that have both)"
    yield f"Santiago falls from {whole(santiago['rank'])} to {whole(santiago['adjusted_rank'])}"
    outside = table["verdict"].isin(["better", "worse"]).sum()
    yield f"{outside} lie outside of what is expected, as many as by chance alone; none stays when all are counted"
    assert not (table["q_value"] < 0.05).any()


def chilean_choices(found):
    """What the README says of weights and other choices."""
    said = " ".join(found.robustness.sentences())
    covers = re.search(r"rank band of the median city is (\d+) of (\d+)", said)
    yield f"the middle municipality's rank still covers {covers[1]} of {covers[2]} places"
    for part, pattern in {
        "weights explain {} %": r"weights explain \S+ % alone and (\d+) %",
        "the scale {} %": r"the normaliser explains \S+ % alone and (\d+) %",
        "what stands for missing values {} %": r"missing values explains \S+ % alone and (\d+) %",
    }.items():
        yield part.format(re.search(pattern, said)[1])


def test_the_readme_of_chile_says_what_the_code_gives(chile):
    said = readme("chile-municipal-egovernment")
    assert [s for s in chilean(chile) if s not in said] == []


def test_chiles_change_is_judged_by_no_error_made_of_it(chile):
    assert chile.changes.errors == "from the change"
    assert np.isnan(chile.changes.p_values).all()


def test_four_of_san_felipes_ten_peers_set_up_a_council(chile):
    peers = chile.peers.of(chile.label)
    assert len(peers) == 10
    assert ADOPTERS & set(peers) == {"San Antonio", "Llaillay", "Quilpué", "Hijuelas"}
    assert len(chile.peers.why_not) == 13


def test_chiles_missing_values_are_imputed_and_said(chile):
    assert len(chile.scores.why_not) == 14
    assert (chile.scores.records["what"].str.startswith("imputed")).sum() == 50


def test_chiles_choices_are_examined_though_filled_values_have_no_standard_error(chile):
    assert "missing: impute, mean, available" in chile.robustness_in_words().data
