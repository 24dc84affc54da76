"""Parquet sources: read whole where they are small, streamed where they are large, the same answer either way."""

import hashlib
import json

import pandas as pd
import pytest

from scale_impact.core.assemble import design_of, panel_of
from scale_impact.core.cohorts import cohort_moments
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.study import Study
from scale_impact.errors import DesignError, SourceError
from scale_impact.session import open_session
from scale_impact.sources import parquet, read
from tests.projects import COLUMNS, command, sha256, towns, write_yaml
from tests.streamed import same_moments, write_parquet

FOLDER = "data/files/towns"


def hash_of_hashes(folder):
    hashes = sorted(sha256(p) for p in folder.glob("*.parquet"))
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


@pytest.fixture
def source(place):
    """Three files with every third row each; writes their card."""
    folder = place.root / FOLDER
    for k in range(3):
        write_parquet(towns().iloc[k::3], folder / f"part-{k}.parquet")

    def card(**changes):
        keys = {
            "title": "Towns", "origin": "made by a test", "licence": "CC0", "kind": "parquet", "file": FOLDER,
            "sha256": hash_of_hashes(folder), "columns": COLUMNS, **changes,
        }  # fmt: skip
        return write_yaml(place.root / "data/sources/towns.yaml", {k: v for k, v in keys.items() if v is not ...})

    return card


def problems(card, root):
    with pytest.raises(SourceError) as caught:
        read(card, root)
    assert caught.value.where == "data/sources/towns.yaml"
    return list(caught.value.problems)


# ---- read whole ------------------------------------------------------------------------------------------


def test_a_folder_and_a_pattern_are_read_as_one_table(place, source):
    expected = pd.concat([towns().iloc[k::3] for k in range(3)], ignore_index=True)
    for file in (FOLDER, f"{FOLDER}/*.parquet", f"{FOLDER}/part-[0-9].parquet"):
        found = read(source(file=file), place.root)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_one_file_has_its_own_hash(place, source):
    path = write_parquet(towns(), place.root / "data/files/all.parquet")
    found = read(source(file="data/files/all.parquet", sha256=sha256(path)), place.root)
    assert len(found) == 72


def test_the_hash_of_several_files_is_that_of_their_hashes_in_order(place, source):
    seen = hash_of_hashes(place.root / FOLDER)
    (found,) = problems(source(sha256=...), place.root)
    assert f"Add: sha256: {seen}" in found
    card = source()
    write_parquet(towns(seed=4).iloc[::3], place.root / FOLDER / "part-0.parquet")
    (found,) = problems(card, place.root)
    assert f"the card says {seen}" in found


def test_a_type_of_the_card_changes_what_is_stored(place, source):
    columns = {
        "town": {"unit": "none", "meaning": "code", "type": "text"},
        "year": {"unit": "year", "meaning": "year", "type": "text"},
        "jobs": {"unit": "jobs", "meaning": "jobs"},
    }
    found = read(source(columns=columns), place.root)
    assert found["year"].iloc[0] == "2001"
    assert list(found.columns) == list(columns)
    numbers = {**columns, "town": {**columns["town"], "type": "number"}}
    assert read(source(columns=numbers), place.root)["town"].iloc[0] == 1
    dates = {**columns, "town": {**columns["town"], "type": "date"}}
    (found,) = problems(source(columns=dates), place.root)
    assert found.startswith("Column 'town' is of type date: '00001' (row 1), '00001' (row 2)")


def test_columns_and_files_that_are_not_there_are_named(place, source):
    for stream in (True, False):
        card = source(columns={**COLUMNS, "jbs": COLUMNS["jobs"]}, stream=stream)
        assert problems(card, place.root) == ["There is no column 'jbs' in towns. Did you mean 'jobs'?"]
    assert "There is no Parquet file data/none" in problems(source(file="data/none"), place.root)[0]
    assert "within the project" in problems(source(file="../*.parquet"), place.root)[0]


def test_a_file_that_is_no_parquet_is_refused(place, source):
    path = place.root / "data/files/all.parquet"
    path.write_text("town,year\n")
    (found,) = problems(source(file="data/files/all.parquet", sha256=sha256(path)), place.root)
    assert "all.parquet cannot be read as Parquet" in found


# ---- streamed --------------------------------------------------------------------------------------------


def test_large_tables_are_streamed_unless_the_card_says_otherwise(place, source, monkeypatch):
    assert isinstance(read(source(), place.root), pd.DataFrame)
    assert isinstance(read(source(stream=True), place.root), ParquetTable)
    monkeypatch.setattr(parquet, "STREAM_ROWS", 71)
    assert isinstance(read(source(), place.root), ParquetTable)
    assert isinstance(read(source(stream=False), place.root), pd.DataFrame)


def test_the_description_of_a_streamed_table_is_that_of_the_frame(place, source):
    found = read(source(stream=True), place.root).describe()
    expected = read(source(stream=False), place.root).describe().loc[found.index, found.columns]
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "asked",
    [
        {"treatment": {"treated": "zone"}, "design": {"cluster": "people"}},
        {"treatment": {"first_treated": "start"}, "design": {"control": "not_yet", "anticipation": 1}},
        {"treatment": {"cohorts": {"00001": 2003, "00005": 2004}}},
        {"unit": None, "treatment": {"first_treated": "start"}},
    ],
    ids=["treated", "first_treated", "cohorts", "cross-sections"],
)
def test_a_study_of_a_streamed_source_has_the_moments_of_the_same_study_in_memory(place, source, asked):
    if "cluster" in asked.get("design", {}):
        for k in range(3):
            rows = towns().assign(people=lambda f: f["town"].astype(int) // 2).iloc[k::3]
            write_parquet(rows, place.root / FOLDER / f"part-{k}.parquet")
    place.study(**asked)
    study = Study.load(place.root / "studies/towns")
    found = {}
    for stream in (True, False):
        data = read(source(stream=stream), place.root)
        panel = panel_of(study, data, study.outcomes[0])
        found[stream] = panel, design_of(study, panel)
    assert found[True][1].notes == found[False][1].notes
    same_moments(cohort_moments(*found[True]), cohort_moments(*found[False]))


def test_what_needs_single_units_is_inapplicable_or_refused_before_a_run(place, source):
    source(stream=True)
    place.study(checks=["pre_trends", "leave_one_out"])
    verdicts = open_session("towns").verdicts()
    assert verdicts["verdict"].to_dict()["leave_one_out"] == "inapplicable"
    assert "are streamed" in verdicts.loc["leave_one_out", "reason"]
    place.study(estimators=[{"twfe": {"covariates": ["people"]}}])
    answer = command("check", "towns", cwd=place.root)
    assert answer.code == 11
    assert "The data are streamed" in answer.err
    assert "`stream: false`" in answer.err


def test_problems_of_the_design_are_those_of_data_in_memory(place, source):
    source(stream=True)
    place.study(treatment={"first_treated": "people"})
    study = Study.load(place.root / "studies/towns")
    with pytest.raises(SourceError, match="Column 'people' varies within 12 units: town 00001"):
        panel_of(study, read(place.root / "data/sources/towns.yaml", place.root), study.outcomes[0])
    place.study(treatment={"cohorts": {f"{k:05d}": 2003 for k in range(1, 13)}})
    study = Study.load(place.root / "studies/towns")
    panel = panel_of(study, read(place.root / "data/sources/towns.yaml", place.root), study.outcomes[0])
    with pytest.raises(DesignError, match="Everyone is treated"):
        design_of(study, panel)


def test_few_clusters_without_single_units_are_said(place, source):
    source(stream=True)
    place.study(estimators=["callaway_santanna"])
    (effect,) = open_session("towns").estimate()
    assert effect.overall.std_error > 0
    assert [n for n in effect.notes if n.startswith("Intervals stay analytic: The data are streamed")]


def published(root, out):
    return [json.loads(line) for line in (root / out / "towns/results/estimates.jsonl").read_text().splitlines()]


def test_the_template_publishes_the_numbers_of_the_run_in_memory(place, source):
    place.study(checks=["pre_trends", "leave_one_out", "bacon"])
    many = pd.concat([towns(k).assign(town=lambda f, k=k: f"{k}-" + f["town"]) for k in range(5)], ignore_index=True)
    for k in range(3):  # with few towns intervals rest on single ones, which streamed data do not have
        write_parquet(many.iloc[k::3], place.root / FOLDER / f"part-{k}.parquet")
    for stream in (True, False):
        source(stream=stream)
        answer = command("run", "towns", "--out", f"out-{stream}", cwd=place.root)
        assert answer.code == 0, answer.err
    streamed, whole = published(place.root, "out-True"), published(place.root, "out-False")
    assert len(streamed) == len(whole) > 10
    for row, known in zip(streamed, whole, strict=True):
        numbers = {k for k, v in known.items() if isinstance(v, float)}
        assert {k: row[k] for k in numbers} == pytest.approx({k: known[k] for k in numbers}, rel=1e-10, abs=1e-12)
        assert {k: v for k, v in row.items() if k not in {*numbers, "run_id"}} == {
            k: v for k, v in known.items() if k not in {*numbers, "run_id"}
        }
    figures = {p.name for p in (place.root / "out-True/towns/results/figures").iterdir()}
    assert "treatment_timing.png" in figures
    again = command("run", "towns", "--out", "out-False", cwd=place.root)
    assert "up to date" in again.out


# ---- the same rules either way ------------------------------------------------------------------------------


def made(place, frame, columns, **card):
    path = place.root / "data/files/made.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path)
    said = {c: {"unit": "none", "meaning": c, **about} for c, about in columns.items()}
    content = {
        "title": "Made", "origin": "a test", "licence": "CC0", "kind": "parquet", "file": "data/files/made.parquet", "sha256": sha256(path),
        "columns": said, **card,
    }  # fmt: skip
    return write_yaml(place.root / "data/sources/towns.yaml", content)


def values(data, *names):
    """Columns of a frame or of a streamed table, as lists with None for no value."""
    frame = data.frame() if isinstance(data, ParquetTable) else data
    return [frame[n].astype(object).where(frame[n].notna(), None).tolist() for n in names]


@pytest.mark.parametrize("stream", [True, False])
def test_what_the_card_names_as_no_value_is_none(place, stream):
    frame = pd.DataFrame(
        {"town": ["NA", "b", "x"], "v": [-999.0, 1.5, 2.0], "n": [-999, 7, 8], "t": ["-999", " 4", ""]}
    )
    columns = {"town": {}, "v": {"minimum": 0}, "n": {"minimum": 0}, "t": {"type": "number"}}
    found = read(made(place, frame, columns, stream=stream, missing=["-999", "x"]), place.root)
    assert values(found, "town", "v", "n", "t") == [["NA", "b", None], [None, 1.5, 2], [None, 7, 8], [None, 4, None]]


@pytest.mark.parametrize("stream", [True, False])
def test_cells_that_are_not_of_the_type_of_their_column_are_refused(place, stream):
    frame = pd.DataFrame({"town": ["a", "2"], "day": ["2024-02-30", "2024-01-01"], "v": [1.0, 2.0]})
    columns = {"town": {"type": "number"}, "day": {"type": "date"}, "v": {"type": "date"}}
    found = problems(made(place, frame, columns, stream=stream), place.root)
    assert [p.partition(" and holds")[0].partition(":")[0] for p in found][:2] == [
        "Column 'town' is of type number", "Column 'day' is of type date",
    ]  # fmt: skip
    assert "'a'" in found[0]
    assert "2024-02-30" in found[1]
    assert len(found) == 3


@pytest.mark.parametrize("stream", [True, False])
def test_numbers_and_days_become_the_same_texts(place, stream):
    frame = pd.DataFrame(
        {"a": [1984.0, None, 0.5], "d": pd.to_datetime(["2024-07-31T00:00:00", None, "2024-01-01T12:30:00"])}
    )
    found = read(made(place, frame, {"a": {"type": "text"}, "d": {"type": "text"}}, stream=stream), place.root)
    assert values(found, "a", "d") == [["1984", None, "0.5"], ["2024-07-31", None, "2024-01-01T12:30:00"]]


@pytest.mark.parametrize("stream", [True, False])
def test_texts_with_and_without_a_time_zone_are_refused(place, stream):
    frame = pd.DataFrame({"t": ["2024-01-01T00:00:00Z", "2024-07-01 00:00:00", "2024-07-02"]})
    (found,) = problems(made(place, frame, {"t": {"type": "date"}}, stream=stream), place.root)
    assert "without" in found
    zoned = pd.DataFrame({"t": ["2024-01-01T00:00:00+01:00", "2024-07-01T00:00:00+02:00"]})
    found = read(made(place, zoned, {"t": {"type": "date"}}, stream=stream), place.root)
    (moments,) = values(found, "t")
    assert [f"{m:%Y-%m-%d %H}" for m in moments] == ["2023-12-31 23", "2024-06-30 22"]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"pattern": "(?<=a)b"}, "columns.town.pattern is '(?<=a)b', which is not of the dialect RE2 (invalid perl operator"),
        ({"pattern": r"(a)\1"}, "It has no look-ahead and look-behind"),
        ({"minimum": float("nan")}, "columns.town.minimum is nan, which bounds nothing."),
        ({"minimum": 3, "maximum": 2}, "columns.town: minimum 3 is above maximum 2."),
        ({"values": []}, "columns.town.values is empty"),
        ({"minimum": 0}, "Column 'town' has a minimum or maximum and holds no numbers."),
    ],
)  # fmt: skip
def test_a_rule_that_is_none_is_the_cards_fault(place, stream, rule, words):
    (found,) = problems(made(place, pd.DataFrame({"town": ["a", "b"]}), {"town": rule}, stream=stream), place.root)
    assert words in found


@pytest.mark.parametrize("stream", [True, False])
def test_patterns_mean_the_same_either_way(place, stream):
    columns = {"town": {"pattern": r"\d+|[A-ZÄÖÜa-zäöüß]+"}}
    assert values(
        read(made(place, pd.DataFrame({"town": ["12", "Köln", None]}), columns, stream=stream), place.root), "town"
    )
    (found,) = problems(made(place, pd.DataFrame({"town": ["12", "١٢", "12\n"]}), columns, stream=stream), place.root)
    assert "in 2 rows" in found
    evil = {"town": {"pattern": "(a+)+b"}}  # exponential for other engines
    assert "in 1 row" in problems(made(place, pd.DataFrame({"town": ["a" * 60]}), evil, stream=stream), place.root)[0]
