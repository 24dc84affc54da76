"""What the READMEs of the two shipped benchmarks say, from the data that the studies read."""

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


# ---- Sweden ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "better", "could_be_first", "width"),
    [
        ("own_revenue_share", "high", 11, 163),
        ("expenditure_covered", "high", 265, 265),
        ("expenditure_swing", "low", 265, 265),
    ],
)
def test_swedens_own_revenue_can_be_ranked_and_the_rest_cannot(sweden, column, better, could_be_first, width):
    now = sweden.data.query("year == 1987")
    found = bands(list(now["name"]), now[column].to_numpy(), now[f"{column}_se"].to_numpy(), better=better).table()
    assert (found["low_all"] == 1).sum() == pytest.approx(could_be_first, abs=2)
    assert (found["high_all"] - found["low_all"] + 1).astype(float).median() == pytest.approx(width, abs=4)


def test_swedens_league_table_tells_nobody_apart(sweden):
    found = sweden.bands.table().set_index("city")
    assert list(found.sort_values("rank").index[:3]) == ["Nybro", "Fagersta", "Mölndal"]
    assert found["rank"]["Örebro"] == 174
    assert (found["low_all"] == 1).sum() == pytest.approx(261, abs=4)


def test_swedens_peers_of_a_county_town_are_county_towns(sweden):
    assert sweden.label == "Örebro"
    assert set(sweden.peers.of("Örebro")) == {"Härnösand", "Karlskrona", "Gävle"}
    assert set(sweden.peers.why_not) == {"Stockholm", "Luleå", "Älvsbyn"}


# ---- Chile -----------------------------------------------------------------------------------------------


def test_chiles_ranks_cover_nearly_everything(chile):
    found = chile.bands.table().set_index("city")
    scored = found[found["rank"].notna()]
    assert len(scored) == 331
    assert list(scored.sort_values("rank").index[:3]) == ["Vitacura", "Las Condes", "Concón"]
    assert scored["rank"]["San Felipe"] == 68
    assert (scored["low_all"] == 1).sum() == pytest.approx(239, abs=8)


def test_chiles_situation_explains_a_third_and_moves_a_third(chile):
    assert chile.adjustment.explained == pytest.approx(0.37, abs=0.02)
    assert (chile.adjustment.table()["move"].abs() > 50).sum() == pytest.approx(127, abs=8)


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
