"""`scale-impact evidence`: all rows, in full, in four formats; nothing but the rows."""

import csv
import io
import json
import shutil
import sys

import duckdb
import pandas as pd
import pytest

from scale_impact.core.evidence import ESTIMATE_FIELDS
from tests.panels import ROOT
from tests.projects import command


@pytest.fixture
def filled(place):
    """The small project with published results of shipped studies."""
    for study in ("indiana-enterprise-zones", "indiana-specifications", "north-andover-incinerator"):
        shutil.copytree(ROOT / "studies" / study / "results", place.root / "studies" / study / "results")
    return place


@pytest.fixture
def published(filled):
    """The rows of the files, read without the package."""
    files = sorted((filled.root / "studies").glob("*/results/estimates.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_by_default_the_overall_estimates_are_shown(filled, published, cli):
    answer = cli("evidence")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0].split()[:8] == ["study", "outcome", "estimator", "role", "estimate", "ci_low", "ci_high", "p_value"]
    overall = [r for r in published if r["kind"] == "overall"]
    assert len(lines) == 1 + len(overall)
    assert [line.split()[0] for line in lines[1:]] == [r["study"] for r in overall]


def test_a_condition_chooses_rows_and_shows_their_labels(filled, published, cli):
    answer = cli("evidence", "--where", "kind = 'event_time' and estimator = 'callaway_santanna'")
    expected = [r for r in published if r["kind"] == "event_time" and r["estimator"] == "callaway_santanna"]
    assert len(answer.out.splitlines()) == 1 + len(expected) > 1
    assert "event time -4" in answer.out


def numbers(frame):
    return [
        [None if pd.isna(v) or v == "" else float(v) for v in row]
        for row in frame[["estimate", "std_error", "ci_low", "df"]].to_numpy(object)
    ]


def test_all_formats_carry_the_published_numbers_to_the_last_digit(filled, published, cli, tmp_path):
    expected = [[r["estimate"], r["std_error"], r["ci_low"], r["df"]] for r in published]
    as_csv = pd.DataFrame(csv.DictReader(io.StringIO(cli("evidence", "--where", "true", "--format", "csv").out)))
    as_json = pd.DataFrame(json.loads(cli("evidence", "--where", "true", "--format", "json").out))
    packed = command_bytes("evidence", "--where", "true", "--format", "parquet", cwd=filled.root)
    (tmp_path / "rows.parquet").write_bytes(packed)
    as_parquet = duckdb.sql(f"SELECT * FROM '{tmp_path / 'rows.parquet'}'").df()
    for frame in (as_csv, as_json, as_parquet):
        assert list(frame.columns) == list(ESTIMATE_FIELDS)
        assert numbers(frame) == expected


def command_bytes(*arguments, cwd):
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", "from scale_impact.cli import main; main()", *arguments],
        cwd=cwd,
        capture_output=True,
        check=True,
    )
    return done.stdout


def test_json_says_null_and_never_nan(filled, cli):
    text = cli("evidence", "--where", "true", "--format", "json").out
    assert "NaN" not in text
    assert {r["variant"] for r in json.loads(text)} == {None}


def test_types_of_columns_do_not_depend_on_what_the_studies_hold(filled, cli, tmp_path):
    # no study has a variant here; the column stays a text all the same
    (tmp_path / "rows.parquet").write_bytes(
        command_bytes("evidence", "--where", "true", "--format", "parquet", cwd=filled.root)
    )
    types = dict(
        duckdb.sql(f"DESCRIBE SELECT * FROM '{tmp_path / 'rows.parquet'}'")
        .df()[["column_name", "column_type"]]
        .to_numpy()
    )
    assert types["variant"] == "VARCHAR"
    assert types["estimate"] == "DOUBLE"


def test_a_whole_query_joins_estimates_and_checks(filled, cli):
    sql = "SELECT DISTINCT study, verdict FROM estimates JOIN checks USING (study, outcome) WHERE \"check\" = 'bacon'"
    assert json.loads(cli("evidence", "--sql", sql, "--format", "json").out) == [
        {"study": "indiana-enterprise-zones", "verdict": "pass"}
    ]


def test_lists_dates_and_repeated_names_of_a_query_reach_json(filled, cli):
    sql = (
        "SELECT [1, 2] AS l, DATE '2020-01-31' AS d, NULL::TIMESTAMP AS n, 1.5::DECIMAL(4, 1) AS m, 'x' AS a, 'y' AS a"
    )
    (row,) = json.loads(cli("evidence", "--sql", sql, "--format", "json").out)
    assert (row["l"], row["d"][:10], row["n"], float(row["m"]), row["a"]) == ([1, 2], "2020-01-31", None, 1.5, "x")


def test_square_brackets_are_text_and_no_markup(filled, cli):
    answer = cli("evidence", "--sql", "SELECT '[bold]x[/bold] [/nope]' AS \"[red]\"")
    assert answer.code == 0
    assert answer.out.split("\n")[0].strip() == "[red]"
    assert "[bold]x[/bold] [/nope]" in answer.out


def test_no_results_and_no_matching_row_are_told_apart(filled, cli):
    assert "No row answers this." in cli("evidence", "--where", "false").out
    shutil.rmtree(filled.root / "studies")
    assert "No results yet. Run a study" in cli("evidence").out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--where", "nope = 1"],
        ["--where", "kind ="],
        ["--where", "1=1; SELECT 5"],
        ["--where", "1=1) --"],
        ["--sql", "SELEC 1"],
        ["--sql", "-- nothing"],
        ["--sql", "SELECT * FROM nowhere"],
        ["--sql", "SELECT error('stop')"],
        ["--sql", "DROP TABLE estimates"],
        ["--sql", "SELECT 1", "--where", "true"],
    ],
    ids=" ".join,
)
def test_a_query_that_cannot_be_answered_is_a_usage_error(filled, cli, arguments):
    answer = cli("evidence", *arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert "Traceback" not in answer.err


def test_files_outside_the_results_are_out_of_reach(filled, cli, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    leak = tmp_path / "leak.csv"
    for sql in (
        f"SELECT * FROM '{secret}'",
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM read_text('{secret}')",
        f"COPY estimates TO '{leak}'",
        f"EXPORT DATABASE '{leak}'",
        f"ATTACH '{tmp_path / 'x.db'}'",
        f"SET enable_external_access = true; SELECT * FROM read_text('{secret}')",
        "INSTALL httpfs",
    ):
        assert cli("evidence", "--sql", sql).code == 2, sql
    assert not leak.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["project", "secret.csv"]


def test_python_variables_are_out_of_reach_of_a_query(filled, cli):
    # DuckDB would find data frames by the names of Python variables
    for name in ("frame", "fields", "rows", "statement", "connection"):
        assert cli("evidence", "--sql", f"SELECT * FROM {name}").code == 2, name


def test_asking_changes_nothing(filled, cli):
    before = filled.snapshot()
    cli("evidence")
    cli("evidence", "--sql", "DELETE FROM estimates")
    assert filled.snapshot() == before


def test_variants_are_rows_too(filled, published, cli):
    rows = [{**r, "study": "towns", "variant": "early"} for r in published if r["kind"] == "overall"][:2]
    folder = filled.root / "studies/towns/results/early"
    folder.mkdir(parents=True)
    (folder / "estimates.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    found = json.loads(cli("evidence", "--where", "variant = 'early'", "--format", "json").out)
    assert [r["study"] for r in found] == ["towns", "towns"]


def test_a_folder_with_a_quote_in_its_name_is_read(filled, cli):
    (filled.root / "studies/indiana-enterprise-zones").rename(filled.root / "studies/it's")
    assert cli("evidence").code == 0


def test_a_damaged_file_is_named(filled, cli):
    (filled.root / "studies/indiana-enterprise-zones/results/estimates.jsonl").write_text('{"schema": 1, "study"')
    answer = cli("evidence")
    assert answer.code == 11
    assert "indiana-enterprise-zones" in answer.err
    assert "Traceback" not in answer.err


def test_rows_of_another_schema_are_not_shown_as_if_they_were_of_this_one(filled, cli):
    (filled.root / "studies/indiana-enterprise-zones/results/estimates.jsonl").write_text('{"schema": 2, "value": 3}\n')
    answer = cli("evidence", "--where", "true", "--format", "json")
    assert answer.code == 11
    assert "1 row of estimates is not of schema 1" in answer.err


def test_the_command_works_from_a_process_of_its_own(filled):
    answer = command("evidence", "--format", "csv", cwd=filled.root)
    assert answer.code == 0
    assert answer.out.splitlines()[0] == ",".join(ESTIMATE_FIELDS)


# ---- other tables, and the map --------------------------------------------------------------------------------------------


def test_what_is_known_of_each_run_is_a_table(filled, cli):
    (row,) = [
        r
        for r in json.loads(cli("evidence", "--from", "studies", "--format", "json").out)
        if r["study"] == "indiana-enterprise-zones"
    ]
    assert (row["frozen"], row["failed"], row["marks"], row["credibility"]) == (False, False, "unfrozen", 3)
    shown = cli("evidence", "--from", "studies", "--where", "credibility = 3").out.splitlines()
    assert shown[0].split()[:3] == ["study", "kind", "measure"] or shown[0].split()[:2] == ["study", "variant"]
    assert "indiana-enterprise-zones" in "\n".join(shown)


@pytest.mark.parametrize("table", ["checks", "units", "studies", "papers"])
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_each_table_can_be_written_in_each_form(filled, cli, table, form):
    answer = cli("evidence", "--from", table, "--format", form)
    assert answer.code == 0, answer.err
    assert answer.out.strip()


def test_published_numbers_are_a_table_with_their_pages(filled, cli):
    rows = json.loads(cli("evidence", "--from", "papers", "--where", "study = 'grundy-2009'", "--format", "json").out)
    assert [(r["page"], r["conversion"], r["credibility"]) for r in rows] == [("abstract, results", "per_cent", 3)]


def test_a_formula_in_a_published_number_is_defused(filled, cli):
    path = filled.root / "data/evidence/published_effects.csv"
    path.write_text(path.read_text().replace("Matrix completion", "=1+1"))
    assert ',"\'=1+1"' in cli("evidence", "--from", "papers", "--format", "csv").out


def test_broken_published_numbers_are_said_whole_and_checked_with_the_studies(filled, cli):
    path = filled.root / "data/evidence/published_effects.csv"
    path.write_text(path.read_text().replace("tobacco_tax", "tobaco_tax"))
    for verb in (("evidence", "--from", "papers"), ("check",)):
        answer = cli(*verb)
        assert answer.code in (10, 11)
        assert answer.err.count("Did you mean 'tobacco_tax'") == 5
        assert "line 2, arkhangelsky-2021" in answer.err
        assert "Traceback" not in answer.err


def test_without_published_numbers_that_is_said(filled, cli):
    shutil.rmtree(filled.root / "data/evidence")
    assert "No published numbers yet. Enter them in data/evidence/" in cli("evidence", "--from", "papers").out
    assert cli("evidence", "--map").code == 0


def test_the_map_is_a_table_of_measures(filled, cli):
    answer = cli("evidence", "--map")
    assert answer.code == 0
    (line,) = [x for x in answer.out.splitlines() if x.startswith("enterprise_zone")]
    assert "1 better, level 3 (+2 marked)" in line
    assert "Note: A study counts once in a cell" in answer.out


def test_the_cells_of_the_map_are_rows_for_programs(filled, cli):
    cells = json.loads(cli("evidence", "--map", "--by", "indicator", "--format", "json").out)
    (cell,) = [c for c in cells if (c["measure"], c["column"]) == ("enterprise_zone", "unemployment_claims")]
    assert (cell["papers"], cell["marked"], cell["gap"]) == (1, 2, False)


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_map_can_be_drawn_twice_with_the_same_bytes(filled, cli, tmp_path, ending):
    paths = [tmp_path / "out" / f"{k}.{ending}" for k in "ab"]
    for path in paths:
        assert cli("evidence", "--map", "--figure", str(path)).code == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--map", "--where", "true"), "leave out --where"),
        (("--by", "indicator"), "--by belongs to the map"),
        (("--figure", "x.png"), "--figure belongs to the map"),
        (("--map", "--figure", "x.pdf"), "a .png or .svg file"),
        (("--from", "papers", "--sql", "SELECT 1"), "not both"),
    ],
)
def test_options_that_do_not_go_together_are_refused(filled, cli, arguments, said):
    answer = cli("evidence", *arguments)
    assert answer.code == 2
    assert said in answer.err
