"""Cards of real data: complete, pulled from a mirror into an empty project, read, and made into the panels that studies use."""

import shutil
from urllib.parse import urlsplit

import numpy as np
import pytest

from scale_impact.core.source import load_source
from scale_impact.core.study import StudyFile
from scale_impact.sources import read
from scale_impact.sources._pulling.pull import pull
from tests.panels import ROOT, shared

CARDS = {path.stem: load_source(path) for path in sorted((ROOT / "data/sources").glob("*.yaml"))}
SHARED = {
    "nyc_congestion_pricing": (21_798, 39),
    "nyc_published_effects": (510, 13),
    "nyc_monitors": (18, 5),
    "nyc_cbd_daily": (1_952, 3),
    "santa_clara_digital_tracing": (231, 31),
    "swiss_naturalisation": (22_971, 4),
    "chile_egov_benchmark": (1_035, 26),
    "chile_municipal_finance": (1_035, 16),
}
"""Cards of the four real city measures, with rows and columns."""
DERIVED = {
    "nyc_pm25_monthly": (590, 9),
    "nyc_pm25_spring": (69, 6),
    "santa_clara_zip_weeks": (231, 10),
    "chile_councils": (309, 12),
    "chile_municipal_benchmark": (690, 24),
    "swiss_municipalities": (22_971, 8),
}
PACKAGED = {
    "indiana_enterprise_zones": (198, 5),
    "indiana_anderson_claims": (108, 5),
    "north_andover_houses": (321, 16),
    "us_city_crime_1982_1987": (92, 15),
    "norway_district_crime_1972_1978": (106, 7),
    "north_carolina_county_crime": (630, 26),
    "college_town_rents": (128, 10),
    "us_driving_1980_2004": (1_200, 31),
    "california_traffic_1981_1989": (108, 16),
    "us_cigarette_sales_1970_2000": (1_209, 5),
    "london_water_1849_1854": (4, 3),
    "us_supported_work": (445, 14),
    "swedish_municipal_accounts": (2_385, 5),
    "swedish_region_names": (312, 2),
    "swedish_municipal_finances": (530, 14),
}
STUDIES = (
    "snow-london-water",
    "nyc-congestion-pricing",
    "santa-clara-digital-tracing",
    "chile-civil-society-councils",
    "swiss-naturalisation",
    "chile-municipal-egovernment",
    "swedish-municipal-finances",
)


def empty_project(root):
    """A fresh clone as far as data are concerned: cards and no data."""
    shutil.copytree(ROOT / "data/sources", root / "data/sources")
    return root


@pytest.fixture(scope="module")
def pulled(tmp_path_factory):
    """An empty project after `data pull --mirror`, and what each pull said."""
    mirror, root = shared("data"), empty_project(tmp_path_factory.mktemp("project"))
    said = {name: pull(name, root, mirror=mirror) for name in SHARED}
    return root, said


def frame_of(root, name):
    return read(root / f"data/sources/{name}.yaml", root)


# ---- what every card says --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CARDS)
def test_a_card_says_whence_under_which_licence_and_what_each_column_means(name):
    card = CARDS[name]
    assert all(text.strip() for text in (card.title, card.origin, card.licence))
    assert all(c.unit.strip() and c.meaning.strip() for c in card.columns.values())


@pytest.mark.parametrize("name", SHARED)
def test_a_pulled_card_has_edition_address_and_hash(name):
    card = CARDS[name]
    assert card.vintage
    for piece in card.pieces:
        address = urlsplit(piece.address)
        assert (address.scheme, address.netloc) == ("https", "raw.githubusercontent.com")
        assert card.vintage in address.path, "the address names the commit that the edition stands for"
        assert len(piece.sha256) == 64


@pytest.mark.parametrize("name", PACKAGED)
def test_data_of_a_package_are_read_and_not_handed_on(name):
    frame = frame_of(ROOT, name)
    assert not CARDS[name].redistribute
    assert frame.shape == PACKAGED[name]
    assert frame.notna().any().all()


def test_logarithms_of_cards_have_units_that_say_so():
    wrong = [
        (name, column)
        for name, card in CARDS.items()
        for column, said in card.columns.items()
        if "ogarithm" in said.meaning and not said.unit.startswith("log(")
    ]
    assert not wrong


# ---- pulled from a mirror --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHARED)
def test_real_data_are_pulled_from_a_mirror_into_a_fresh_clone(pulled, name):
    root, said = pulled
    assert {f.state for f in said[name].files} == {"fetched"}
    assert [f.sha256 for f in said[name].files] == [piece.sha256 for piece in CARDS[name].pieces]
    frame = frame_of(root, name)
    assert frame.shape == SHARED[name]
    assert frame.notna().any().all()


def test_the_data_themselves_are_no_part_of_the_project():
    files = {piece.file for name in SHARED for piece in CARDS[name].pieces}
    assert not [p for p in (ROOT / "data").rglob("*") if p.name in files and "raw" not in p.relative_to(ROOT).parts]


def test_pulling_a_computed_card_pulls_what_it_is_made_from(tmp_path):
    root = empty_project(tmp_path)
    said = pull("chile_councils", root, mirror=shared("data"))
    assert {f.card for f in said.files} == {"chile_municipal_finance", "chile_egov_benchmark"}


# ---- panels that studies use -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", DERIVED)
def test_a_computed_card_gives_its_panel(pulled, name):
    frame = frame_of(pulled[0], name)
    card = CARDS[name]
    assert frame.shape == DERIVED[name]
    assert not frame.duplicated([card.unit, card.period]).any()


def test_months_of_new_york_rest_on_15_days_and_january_begins_with_the_charge(pulled):
    months = frame_of(pulled[0], "nyc_pm25_monthly")
    assert months["days"].min() == 15
    assert months.query("month == '2025-01'")["days"].max() == 27
    assert (months["month"].min(), months["month"].max()) == ("2024-01", "2025-05")
    assert months.query("charged == 1")["month"].min() == "2025-01"
    assert months.query("charged == 1")["monitor"].nunique() == 6


def test_a_month_is_the_mean_of_its_days_highest_values(pulled):
    days, months = (frame_of(pulled[0], n) for n in ("nyc_congestion_pricing", "nyc_pm25_monthly"))
    highest = days.groupby(["aqs_id_full", "date"])["value"].max()
    january = highest.loc["840999999991", "2025-01-05":"2025-01-31"]
    seen = months.set_index(["monitor", "month"]).loc[("840999999991", "2025-01")]
    assert seen["pm25"] == pytest.approx(january.mean(), abs=1e-6)  # the card rounds to six decimals
    assert seen["days"] == january.count()


def test_new_yorks_community_monitors_fell_towards_the_others_before_the_charge(pulled):
    """Why spring against spring misleads, as the study's README says; means of monitors with 15 days in the month."""
    months = frame_of(pulled[0], "nyc_pm25_monthly")
    wide = months.pivot(index="monitor", columns="month", values="pm25")
    regulatory = wide.loc[months.query("network == 'regulatory'")["monitor"].unique()].mean()
    followed = {
        "zone": ["840999999914", "840999999991", "840999999995", "840999999996"],
        "elsewhere": ["840999999998", "840999999999"],
    }
    above = {place: wide.loc[monitors].mean() - regulatory for place, monitors in followed.items()}
    spring, autumn = ["2024-03", "2024-04", "2024-05"], ["2024-09", "2024-10", "2024-11", "2024-12"]
    seen = {place: [gap[spring].mean(), gap[autumn].mean()] for place, gap in above.items()}
    assert seen["zone"] == pytest.approx([5.5, 1.0], abs=0.05)
    assert seen["elsewhere"] == pytest.approx([4.0, -0.8], abs=0.05)


def test_a_spring_of_new_york_has_its_three_months(pulled):
    months, springs = (frame_of(pulled[0], n) for n in ("nyc_pm25_monthly", "nyc_pm25_spring"))
    one = months[(months["monitor"] == "840999999996") & months["month"].isin(["2024-03", "2024-04", "2024-05"])]
    seen = springs.set_index(["monitor", "year"]).loc[("840999999996", 2024)]
    assert seen["pm25"] == pytest.approx(one["pm25"].mean(), abs=1e-6)
    assert springs.query("charged == 1").shape[0] == 6


def test_waves_of_santa_clara_are_those_of_the_trial(pulled):
    weeks = frame_of(pulled[0], "santa_clara_zip_weeks")
    first = weeks[weeks["automated"] == 1].groupby("zip")["week"].min().dt.strftime("%Y-%m-%d")
    assert first.value_counts().to_dict() == {"2022-01-03": 7, "2022-01-10": 3, "2022-01-17": 13}
    assert weeks["zip"].nunique() == 29


def test_completeness_is_the_mean_over_people_of_both_kinds(pulled):
    weeks = frame_of(pulled[0], "santa_clara_zip_weeks").set_index(["zip", "week"])
    both, one = weeks.loc[("94040", "2021-12-13")], weeks.loc[("94041", "2021-12-13")]
    assert both["completeness"] == pytest.approx((1 * 9 / 11 + 10 * 7.2 / 11) / 11)  # 1 automated, 10 manual
    assert one["completeness"] == pytest.approx(9.5 / 11)  # 4 people, all manual
    assert both["people"] == 11


def test_new_councils_of_chile_are_17_beside_86_municipalities_without(pulled):
    rows = frame_of(pulled[0], "chile_councils")
    first = rows[rows["council"] == 1].groupby("municipality")["year"].min()
    assert first.value_counts().to_dict() == {2021: 11, 2020: 6}
    assert rows["municipality"].nunique() - len(first) == 86
    assert rows.groupby("municipality")["council"].apply(lambda c: c.is_monotonic_increasing).all()


@pytest.fixture(scope="module")
def chile(pulled):
    """What the card of the benchmark gives, and what it is made from, by municipality and year."""
    rows, tidy, raw = (
        frame_of(pulled[0], n) for n in ("chile_municipal_benchmark", "chile_egov_benchmark", "chile_municipal_finance")
    )
    return (
        rows.set_index(["municipality", "year"]),
        tidy.query("year != 2016").set_index(["cut_com", "year"]),
        raw.set_index(["cut", "year"]),
    )


JUDGED = {
    "online_services": "egi", "internet": "internet_con", "professionals": "iadm25", "council": "mcosoc",
    "participation_rule": "mocosoc", "organisations": "isoc013",
}  # fmt: skip


def test_chiles_missing_answers_stay_missing_and_no_staff_is_no_answer(chile):
    rows, tidy, _ = chile
    for column, of in JUDGED.items():
        lost = rows[column].isna() & tidy[of].reindex(rows.index).notna()
        assert list(rows[lost]["name"]) == (["Malloa"] if column == "professionals" else [])
        assert not (rows[column].notna() & tidy[of].reindex(rows.index).isna()).any()
    assert rows.groupby("year")["internet"].count().to_dict() == {2019: 319, 2021: 321}
    assert (rows[list(JUDGED)].notna().any(axis=1)).all(), "a city without any value cannot be benchmarked"


def test_chiles_rural_share_of_2019_is_that_of_2020(chile):
    """Rural residents of 2019 are on another basis: in 11 municipalities they exceed all residents."""
    rows, _, raw = chile
    of_2019 = raw.xs(2019, level="year")
    assert (of_2019["itpr"] > of_2019["itpc"]).sum() == 11
    shares = raw["itpr"] / raw["itpc"] * 100
    found = rows["rural_share"].xs(2019, level="year")
    assert found.sub(shares.xs(2020, level="year")).abs().max() < 1e-9
    assert rows["rural_share"].between(0, 100).all()


def test_chiles_standard_errors_say_how_far_one_year_is_from_two(chile):
    rows = chile[0]
    for column, scale in (("online_services", lambda v: v), ("internet", np.sqrt), ("organisations", np.log)):
        wide = scale(rows[column]).unstack()
        apart = (wide[2021] - wide[2019]).std() / np.sqrt(2)
        slope = {"internet": 2 * np.sqrt(rows["internet"]), "organisations": rows["organisations"]}.get(column, 1.0)
        found = rows[f"{column}_se"][rows[column].notna()]
        assert found.sub((apart * slope * (rows[column] * 0 + 1)).dropna(), fill_value=0).abs().max() < 1e-9
    late = rows.xs(2021, level="year")
    assert late["online_services_se"].iloc[0] / late["online_services"].std() == pytest.approx(1.0, abs=0.01)


def test_chiles_websites_were_scored_anew_and_go_with_the_budget(chile):
    """What the study's README says of the index, beside what its authors publish: budget raises it, need lowers it."""
    rows, tidy, _ = chile
    wide = rows["online_services"].unstack().dropna()
    assert len(wide) == 326
    assert wide.corr("spearman").iloc[0, 1] == pytest.approx(0.18, abs=0.005)
    budget = (tidy["iadm40"] + tidy["iadm41"]).reindex(rows.index)
    for year, up, down in ((2019, 0.46, -0.35), (2021, 0.39, -0.21)):
        scored = rows.xs(year, level="year")
        assert scored["online_services"].corr(budget.xs(year, level="year"), "spearman") == pytest.approx(up, abs=0.005)
        assert scored["online_services"].corr(scored["common_fund_share"], "spearman") == pytest.approx(down, abs=0.005)


# ---- Sweden, from packages alone -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sweden():
    """Spans of years, and the years themselves with the span that each belongs to."""
    years = frame_of(ROOT, "swedish_municipal_accounts")
    return frame_of(ROOT, "swedish_municipal_finances"), years.assign(last=np.where(years["year"] <= 1982, 1982, 1987))


def test_swedens_accounts_are_those_that_greene_describes(sweden):
    """Means and standard deviations of Greene (2003), table 18.2, in kronor; he had one digit more of each value."""
    found = sweden[1][["expenditures", "revenues", "grants"]] * 1e6
    assert list(found.mean()) == pytest.approx([18478.51, 13422.56, 5236.03], abs=0.02)
    assert list(found.std()) == pytest.approx([3174.36, 3004.16, 1260.97], abs=0.02)


def test_swedens_numbers_are_official_codes(sweden):
    """Who lives most on grants lies in the far north, and who lives least on them is the capital with its rich suburbs."""
    now = sweden[0].query("year == 1987").sort_values("own_revenue_share")
    assert set(now["name"].head(5)) >= {"Pajala", "Haparanda"}
    assert set(now["name"].tail(3)) == {"Sundbyberg", "Solna", "Stockholm"}
    assert now["kind"].value_counts().to_dict() == {"town": 96, "rural": 83, "market town": 66, "county town": 20}
    assert now["county"].nunique() == 23
    assert (now["name"].str.fullmatch(r"\d{4} \(.+\)")).sum() == 47
    assert now["name"].is_unique


def of_mean(spans):
    """Squared errors of the means of some series of alike years, each [N, years] apart from the common course."""
    d = [np.concatenate([((s[:, k:] - s[:, :-k]) ** 2).ravel() for s in spans]).mean() for k in (1, 2, 3)]
    r = max(0.0, np.sqrt((d[1] + d[2]) / d[0] - 1) - 1)
    for s in spans:
        n, own = s.shape[1], s.var(axis=1, ddof=1)
        v = np.mean([[r ** abs(i - j) for i in range(n)] for j in range(n)])
        yield (own + own.mean()) / 2 / n * (n - 1) * v / (1 - v)


def of_swing(spans):
    """Squared errors of standard deviations, by the jackknife over years."""
    for s in spans:
        n = s.shape[1]
        own = (n - 1) * np.var([np.delete(s, k, axis=1).std(axis=1, ddof=1) for k in range(n)], axis=0)
        yield (own + own.mean()) / 2


def test_swedens_means_and_errors_are_those_of_their_years(sweden):
    spans, years = sweden
    own = years["revenues"] / (years["revenues"] + years["grants"]) * 100
    covered = (years["revenues"] + years["grants"]) / years["expenditures"] * 100
    size = 100 * np.log(years["expenditures"])
    for column, series in (("own_revenue_share", own), ("expenditure_covered", covered), ("expenditure_swing", size)):
        wide = years.assign(v=series).pivot(index="municipality", columns="year", values="v").to_numpy()
        parts, swing = (wide[:, :4], wide[:, 4:]), column == "expenditure_swing"
        apart = [s - s.mean(axis=0) for s in parts]
        for last, whole, s, squared in zip(
            (1982, 1987), parts, apart, (of_swing if swing else of_mean)(apart), strict=True
        ):
            rows = spans[spans["year"] == last].sort_values("municipality")
            wanted = s.std(axis=1, ddof=1) if swing else whole.mean(axis=1)
            assert rows[column].to_numpy() == pytest.approx(wanted)
            kept = min(1.0, wanted.var(ddof=1) / squared.mean())  # chance is no more than all that is seen
            assert (kept < 1) == (column == "expenditure_covered")
            assert rows[f"{column}_se"].to_numpy() == pytest.approx(np.sqrt(squared * kept))


def test_swedens_context_is_that_of_the_others_in_the_county(sweden):
    spans = sweden[0].query("year == 1987").set_index("municipality")
    blekinge = spans[spans["county"] == "Blekinge"]["grants"]
    assert len(blekinge) == 5
    for code, own in blekinge.items():
        assert spans["county_grants"][code] == pytest.approx((blekinge.sum() - own) / 4)


def test_swedens_series_break_in_1983(sweden):
    wide = sweden[1].pivot(index="municipality", columns="year", values=["revenues", "expenditures", "grants"])
    moved = {c: wide[c][1983] / wide[c][1982] - 1 for c in ("revenues", "expenditures", "grants")}
    assert {c: round(float(m.mean()), 2) for c, m in moved.items()} == {
        "revenues": -0.21,
        "expenditures": -0.15,
        "grants": 0.0,
    }
    assert [int((moved[c] < 0).sum()) for c in ("revenues", "expenditures")] == [262, 263]


def test_swedens_years_say_almost_nothing_of_who_covers_what_it_spends(sweden):
    """Of the differences between municipalities, this much is more than chance (README)."""
    now = sweden[0].query("year == 1987")
    told = {
        c: 1 - (now[f"{c}_se"] ** 2).mean() / now[c].var()
        for c in ("own_revenue_share", "expenditure_covered", "expenditure_swing")
    }
    assert {c: abs(round(float(v), 2)) for c, v in told.items()} == {
        "own_revenue_share": 0.95, "expenditure_covered": 0.0, "expenditure_swing": 0.25,
    }  # fmt: skip


# ---- studies ---------------------------------------------------------------------------------------------


def test_swiss_cantons_are_26_and_municipalities_are_described_by_years_that_no_studied_council_touched(pulled):
    frame = frame_of(pulled[0], "swiss_municipalities")
    assert frame["canton"].nunique() == 26
    assert frame.groupby("canton")["municipality"].nunique()["Vaud"] == 166
    early = frame[frame["year"] <= 1996].groupby("municipality")["rate"].mean()
    assert frame.drop_duplicates("municipality").set_index("municipality")["early_rate"].sub(early).abs().max() < 1e-8
    assert set(frame.loc[frame["latin"] == 1, "canton"]) == {
        "Fribourg", "Ticino", "Vaud", "Valais", "Neuchatel", "Geneva", "Jura",
    }  # fmt: skip


@pytest.mark.parametrize("slug", STUDIES)
def test_a_shipped_study_and_its_variants_are_valid_and_in_the_units_of_their_indicators(slug):
    file = StudyFile.read(ROOT / "studies" / slug)
    for name in file.variants or (None,):
        study = file.study(name)
        assert all(study.unit_of(outcome) for outcome in study.outcomes)
        assert study.settings.source in CARDS


def test_new_yorks_variants_leave_out_the_monitors_that_they_say(pulled):
    monitors = frame_of(pulled[0], "nyc_pm25_monthly").drop_duplicates("monitor")
    file = StudyFile.read(ROOT / "studies/nyc-congestion-pricing")
    left_out = {name: set(file.study(name).settings.sample.without) for name in file.variants}
    assert left_out["outside_the_city"] == set(monitors.query("area == 'nyc'")["monitor"])
    regulatory = set(monitors.query("network == 'regulatory'")["monitor"])
    assert left_out["same_network"] == left_out["same_season_and_network"] == regulatory
