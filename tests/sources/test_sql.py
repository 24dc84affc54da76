"""SQL: over other cards and files by DuckDB; in a real PostgreSQL and in SQLite, whose answers `data pull` keeps."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import traceback

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.source import load_source
from scale_impact.core.yaml_file import place as named
from scale_impact.errors import NotPulledError, SourceError
from scale_impact.sources import read, sql
from tests.postgres import running
from tests.projects import Place, sha256, towns, write_yaml

AIR = {
    "city": {"unit": "none", "meaning": "Code of the city", "type": "text"},
    "year": {"unit": "year", "meaning": "Year"},
    "no2": {"unit": "ug/m3", "meaning": "Mean"},
}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def card(place, query, name="made", **keys):
    columns = keys.pop("columns", AIR)
    content = {
        "title": "Made", "origin": "a test", "licence": "CC0", "kind": "sql", "query": query, "columns": columns, **keys,
    }  # fmt: skip
    return write_yaml(place.root / f"data/sources/{name}.yaml", content)


def given(place, query, **keys):
    return read(card(place, query, **keys), place.root)


def problems(place, query, **keys):
    path = card(place, query, **keys)
    with pytest.raises(SourceError) as caught:
        read(path, place.root)
    assert caught.value.where == named(path)
    return list(caught.value.problems)


# ---- over other cards and files ---------------------------------------------------------------------------

RAW = "city,day,no2\n02,2020-01-01,10\n01,2020-01-01,20\n01,2020-07-01,30\n01,2021-03-01,50\n"
DAYS = {
    "city": AIR["city"], "day": {"unit": "day", "meaning": "Day", "type": "date"}, "no2": AIR["no2"],
}  # fmt: skip
YEARLY = "SELECT city, year(day) AS year, avg(no2) AS no2 FROM towns GROUP BY ALL"


def test_other_cards_are_tables_of_their_names(place):
    place.data(text=RAW, columns=DAYS)
    frame = given(place, YEARLY, tables=["towns"], unit="city", period="year")
    assert frame.to_dict("list") == {"city": ["01", "01", "02"], "year": [2020, 2021, 2020], "no2": [25.0, 50.0, 10.0]}
    assert frame["year"].dtype == "int64"


def test_the_same_data_in_another_order_give_the_same_frame(place):
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {"city": rng.integers(1, 9, 5000).astype(str), "day": "2020-01-01", "no2": rng.integers(0, 9, 5000)}
    )
    place.data(rows, columns=DAYS)
    query = "SELECT city, year(day) AS year, no2 FROM towns"
    first = given(place, query, tables=["towns"])
    place.data(rows.sample(frac=1, random_state=2), columns=DAYS)
    pd.testing.assert_frame_equal(given(place, query, tables=["towns"]), first)


def files(place, **frames):
    """Write Parquet or CSV files and give the card's entries."""
    made = []
    for name, frame in frames.items():
        ending = "csv" if isinstance(frame, str) else "parquet"
        path = place.root / f"data/files/{name}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(frame) if isinstance(frame, str) else frame.to_parquet(path)
        made.append({"file": f"data/files/{name}.{ending}", "sha256": sha256(path)})
    return made


def test_files_are_tables_of_their_names_and_text_files_are_text(place):
    codes = "code;name\n01;Ältstadt\n02;Neustadt\n"
    air = pd.DataFrame(
        {"name": ["Neustadt", "Ältstadt"], "year": np.int32([2020, 2020]), "no2": np.float32([1.5, 2.5])}
    )
    frame = given(
        place, "SELECT code AS city, year, no2 FROM air JOIN codes USING (name)", files=files(place, codes=codes, air=air),
        separator=";",
    )  # fmt: skip
    assert frame.to_dict("list") == {"city": ["01", "02"], "year": [2020, 2020], "no2": [2.5, 1.5]}
    assert frame["year"].dtype == "int64"
    assert frame["no2"].dtype == "float64"


def test_columns_that_a_file_is_given_are_there(place):
    first, second = files(place, a="city,no2\n01,1\n", b="city,no2\n01,2\n")
    query = "SELECT city, year, no2::DOUBLE AS no2 FROM a UNION ALL SELECT city, year, no2::DOUBLE FROM b"
    frame = given(place, query, files=[{**first, "adds": {"year": 2019}}, {**second, "adds": {"year": 2020}}])
    assert frame[["year", "no2"]].to_numpy().tolist() == [[2019, 1], [2020, 2]]


def test_types_of_results_become_those_of_a_panel(place):
    columns = dict.fromkeys(("big", "exact", "whole", "day", "utc", "yes", "code", "none", "half"), AIR["no2"])
    query = """SELECT 3::HUGEINT AS big, 1.25::DECIMAL(10, 2) AS exact, 7::UTINYINT AS whole, DATE '2024-02-29' AS day,
        TIMESTAMPTZ '2024-01-01 01:00:00+01' AS utc, true AS yes, '007' AS code, NULL::INTEGER AS none, 0.5::FLOAT AS half FROM towns LIMIT 1"""
    place.data(text=RAW, columns=DAYS)
    frame = given(place, query, tables=["towns"], columns=columns)
    assert frame[["big", "exact", "whole", "yes", "half"]].to_numpy().tolist() == [[3, 1.25, 7, 1, 0.5]]
    assert [str(frame[c].dtype) for c in ("big", "exact", "whole", "yes")] == ["int64", "float64", "int64", "int64"]
    assert frame["day"][0] == pd.Timestamp(2024, 2, 29)
    assert frame["utc"][0] == pd.Timestamp(2024, 1, 1)
    assert frame["code"][0] == "007"
    assert pd.isna(frame["none"][0])


def test_missing_numbers_are_null_and_texts_for_numbers_are_refused(place):
    place.data(text="city,day,no2\n01,2020-01-01,\n01,2020-01-02,3\n", columns=DAYS)
    assert given(place, YEARLY, tables=["towns"])["no2"].tolist() == [3]
    numbers = {**AIR, "no2": {**AIR["no2"], "type": "number"}}
    (found,) = problems(place, "SELECT city, 1 AS year, 'many' AS no2 FROM towns", tables=["towns"], columns=numbers)
    assert "'many' (row 1)" in found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM town", "there is no table 'town'. Did you mean 'towns'?"),
        ("SELECT cty FROM towns", 'Referenced column "cty" not found in FROM clause! Candidate bindings: "city"'),
        ("SELECT city,\n no3 FROM towns", "(line 2 of the query)"),
        ("SELEC city FROM towns", 'syntax error at or near "SELEC"'),
        ("DELETE FROM towns", "it has to be one SELECT, and is DELETE"),
        ("SELECT 1; SELECT 2", "it has to be one SELECT, and is SELECT, SELECT"),
        ("COPY towns TO 'x.csv'", "it has to be one SELECT, and is COPY"),
        ("ATTACH 'x.db'", "it has to be one SELECT, and is ATTACH"),
        ("SET threads = 8", "it has to be one SELECT, and is SET"),
        ("SELECT * FROM read_csv('/etc/passwd')", "read_csv() is not allowed"),
        (
            "SELECT * FROM towns WHERE city IN (SELECT content FROM read_text('/etc/passwd'))",
            "read_text() is not allowed",
        ),
        ("SELECT * FROM '/etc/passwd'", "there is no table '/etc/passwd'"),
        ("SELECT * FROM duckdb_settings()", "duckdb_settings() is not allowed"),
        ("SELECT *, random() AS x FROM towns", "random gives another value at another time or on another machine"),
        (
            "SELECT *, current_date AS x FROM towns",
            "current_date gives another value at another time or on another machine",
        ),
        ("SELECT *, now() AS x FROM towns", "now gives another value at another time or on another machine"),
        ("SELECT * FROM towns USING SAMPLE 2 ROWS", "a sample is another each time"),
        ("SELECT city, city FROM towns", "column 'city' stands twice in the result"),
        ("SELECT a.city, b.CITY FROM towns a, towns b", "stands twice in the result"),
        ("SELECT city, 1 AS year, [no2] AS no2 FROM towns", "column 'no2' is of type DOUBLE[], which no panel holds"),
        ("SELECT * FROM towns WHERE no2 > 1000", "it gives no rows"),
        (
            "SELECT city, year(day) AS year, city::DOUBLE + 'x'::INT AS no2 FROM towns",
            "Could not convert string 'x' to INT32",
        ),
        ("  ", "needs one SELECT"),
    ],
)
def test_what_is_no_single_select_over_the_cards_tables_is_refused(place, query, said):
    place.data(text=RAW.replace(",10\n", ",10.5\n"), columns=DAYS)
    found = problems(place, query, tables=["towns"])
    assert any(said in p for p in found), found
    assert not any("LINE" in p or "^" in p for p in found)


def test_with_and_generated_series_are_taken(place):
    place.data(text=RAW, columns=DAYS)
    query = """WITH years AS (SELECT range AS year FROM range(2020, 2022)), mean AS (SELECT city, year(day) AS year, avg(no2) AS no2
        FROM towns GROUP BY ALL) SELECT city, year, no2 FROM years JOIN mean USING (year) -- every year;"""
    assert len(given(place, query, tables=["towns"])) == 3


def test_two_tables_of_one_name_are_refused(place):
    place.data(text=RAW, columns=DAYS)
    (found,) = problems(place, YEARLY, tables=["towns"], files=files(place, Towns="city\n1\n"))
    assert "'towns' stands for two of them" in found


def test_large_parquet_files_are_not_read_whole(place, monkeypatch):
    (entry,) = files(place, sensors=pd.DataFrame({"city": ["a", "b"] * 500, "year": 2020, "no2": 1.0}))
    monkeypatch.setattr("scale_impact.core.streams_parquet.ParquetTable.frame", None)
    assert given(place, "SELECT city, year, sum(no2) AS no2 FROM sensors GROUP BY ALL", files=[entry])[
        "no2"
    ].tolist() == [500, 500]


def test_a_streamed_card_is_a_table_too(place):
    (entry,) = files(place, sensors=pd.DataFrame({"city": ["a", "b"] * 500, "year": 2020, "no2": 1.0}))
    keys = {"title": "S", "origin": "x", "licence": "CC0", "kind": "parquet", "stream": True, "columns": AIR, **entry}
    write_yaml(place.root / "data/sources/sensors.yaml", keys)
    query = "SELECT city, year, sum(no2) AS no2 FROM sensors GROUP BY ALL"
    assert given(place, query, tables=["sensors"])["no2"].tolist() == [500, 500]


def test_codes_that_excel_robbed_of_their_zeros_get_them_back(place):
    place.data(text="city,year,no2\n1001000,2020,1\n", columns={**AIR, "city": {"unit": "none", "meaning": "AGS"}})
    frame = given(place, "SELECT lpad(city::VARCHAR, 8, '0') AS city, year, no2 FROM towns", tables=["towns"])
    assert frame["city"].tolist() == ["01001000"]


# ---- SQLite ----------------------------------------------------------------------------------------------


def pulled(place, path):
    """What `data pull` does: fetch into a folder, keep it in the store, write its hash into the card."""
    source = load_source(path)
    folder = place.root / "fetch"
    folder.mkdir(exist_ok=True)
    found = sql.fetch(source, folder)
    assert list(folder.iterdir()) == [found.path]
    (piece,) = source.pieces
    store = place.root / "data/raw" / source.folder / source.edition / piece.file
    store.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(found.path, store)
    with path.open("a") as file:
        file.write(f"sha256: {sha256(store)}\n")
    return read(path, place.root), found


@pytest.fixture
def sqlite(place):
    path = place.root / "air.db"
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE air (city TEXT, year INTEGER, no2 REAL)")
        con.executemany(
            "INSERT INTO air VALUES (?, ?, ?)", [("02", 2020, 1.5), ("01", 2021, None), ("01", 2020, 0.1 + 0.2)]
        )
    return f"sqlite:///{path}"


def test_sqlite_is_asked_once_and_its_answer_is_read_from_the_store(place, sqlite):
    path = card(place, "SELECT city, year, no2 FROM air", database=sqlite, unit="city", period="year")
    with pytest.raises(NotPulledError, match="data pull made"):
        read(path, place.root)
    frame, found = pulled(place, path)
    assert frame["city"].tolist() == ["01", "01", "02"]
    assert frame["year"].tolist() == [2020, 2021, 2020]
    np.testing.assert_array_equal(frame["no2"], [0.1 + 0.2, np.nan, 1.5])
    assert found.address == sqlite


def test_sqlite_is_not_written_to_and_need_be_there(place, sqlite):
    before = (place.root / "air.db").read_bytes()
    for query in ("DELETE FROM air", "SELECT 1; DELETE FROM air", "WITH a AS (SELECT 1) DELETE FROM air"):
        with pytest.raises(SourceError):
            sql.fetch(load_source(card(place, query, database=sqlite)), place.root)
    assert (place.root / "air.db").read_bytes() == before
    with pytest.raises(SourceError, match=r"There is no file .*none\.db"):
        sql.fetch(load_source(card(place, "SELECT 1", database=f"sqlite:///{place.root}/none.db")), place.root)
    assert not (place.root / "none.db").exists()


def test_numbers_and_texts_in_one_column_are_refused(place, sqlite):
    query = "SELECT city, year, CASE WHEN city = '01' THEN 'many' ELSE no2 END AS no2, x'00' AS blob FROM air"
    with pytest.raises(SourceError) as caught:
        sql.fetch(load_source(card(place, query, database=sqlite)), place.root)
    assert caught.value.problems == (
        "query: column 'no2' holds float and str. Cast it in the query.",
        "query: column 'blob' holds bytes, which no panel does. Cast it in the query.",
    )


def test_a_query_that_takes_too_long_is_given_up(place, sqlite, monkeypatch):
    monkeypatch.setattr("scale_impact.sources._database.PATIENCE", 0.2)
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) AS city FROM n"
    with pytest.raises(SourceError, match="interrupted"):
        sql.fetch(load_source(card(place, query, database=sqlite)), place.root)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT $$ ' $$; DROP TABLE air -- '", "SELECT '''; -- '; DROP TABLE air", "UPDATE air SET no2 = 1", "/* SELECT */ DROP TABLE air",
        "-- SELECT\nDELETE FROM air", "PRAGMA query_only = OFF",
    ],
)  # fmt: skip
def test_nothing_but_one_select_is_sent(place, sqlite, query):
    with pytest.raises(SourceError, match="query: "):
        sql.fetch(load_source(card(place, query, database=sqlite)), place.root)


def test_a_semicolon_in_a_text_or_comment_is_none(place, sqlite):
    query = "SELECT city || ';' AS city, year, no2 /* ; */ FROM air -- ;\n;"
    frame, _ = pulled(place, card(place, query, database=sqlite))
    assert frame["city"][0] == "01;"


def test_addresses_that_are_none_and_drivers_that_are_not_there_are_named(place):
    for url, said in {
        "nonsense": "no SQLAlchemy URL",
        "postgresql+nodriver://h/db": "the driver of postgresql+nodriver is not installed",
        "oracle://h/db": "the driver of oracle is not installed",
    }.items():
        with pytest.raises(SourceError, match=re.escape(said)):
            sql.fetch(load_source(card(place, "SELECT 1", database=url)), place.root)


def test_without_sqlalchemy_what_to_install_is_said(place, sqlite, monkeypatch):
    source = load_source(card(place, "SELECT 1", database=sqlite))
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(SourceError, match=r"pip install 'scale-impact\[sql\]'"):
        sql.fetch(source, place.root)


# ---- PostgreSQL ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server():
    with running() as found:
        found.do(
            "CREATE TABLE air (code text, jahr int, no2 numeric(8, 3), seen timestamptz, day date, open boolean, note text)",
            "INSERT INTO air VALUES ('02', 2020, 1.125, '2020-01-01 00:30+01', '2020-01-01', true, NULL), "
            "('01', 2021, NULL, NULL, '2021-01-01', false, ''), ('01', 2020, 41.5, '2020-06-01 12:00+00', '2020-06-01', NULL, 'a:b %s')",
            f"CREATE ROLE reader LOGIN PASSWORD 'p@ss/{found.password}'",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON air TO reader",
        )
        yield found


@pytest.fixture
def account(server, monkeypatch):
    monkeypatch.setenv("AIR_USER", "reader")
    monkeypatch.setenv("AIR_PASSWORD", f"p@ss/{server.password}")
    return {"username": "AIR_USER", "password": "AIR_PASSWORD"}


OFFICE = {
    "city": {**AIR["city"], "in_file": "code"}, "year": {**AIR["year"], "in_file": "jahr"}, "no2": AIR["no2"],
    **{c: {"unit": "none", "meaning": c} for c in ("seen", "day", "open", "note")},
}  # fmt: skip


def asked(place, server, query, **keys):
    path = card(place, query, **{"database": server.url, "columns": OFFICE, **keys})
    return sql.fetch(load_source(path), place.root)


def refused(place, server, query, **keys):
    with pytest.raises(SourceError) as caught:
        asked(place, server, query, **keys)
    (found,) = caught.value.problems
    return found


def test_postgresql_is_read_with_its_types(place, server, account):
    path = card(
        place, "SELECT *, 'x:y'::text AS colons FROM air WHERE coalesce(note, '') NOT LIKE '100%'", database=server.url,
        credentials=account, columns=OFFICE, unit="city", period="year",
    )  # fmt: skip
    frame, found = pulled(place, path)
    assert frame["city"].tolist() == ["01", "01", "02"]
    assert frame["year"].tolist() == [2020, 2021, 2020]
    np.testing.assert_array_equal(frame["no2"], [41.5, np.nan, 1.125])
    assert frame["seen"][2] == pd.Timestamp("2019-12-31 23:30")  # universal time
    assert pd.isna(frame["seen"][1])
    assert frame["day"].tolist() == [pd.Timestamp(2020, 6, 1), pd.Timestamp(2021, 1, 1), pd.Timestamp(2020, 1, 1)]
    np.testing.assert_array_equal(frame["open"], [np.nan, 0, 1])
    assert frame["note"][0] == "a:b %s"
    assert frame["note"][1] == ""
    assert pd.isna(frame["note"][2])
    assert found.address == server.url


def test_the_order_of_rows_in_the_database_does_not_matter(place, server, account):
    first = asked(place, server, "SELECT code, jahr, no2 FROM air ORDER BY no2", credentials=account).path.read_bytes()
    other = asked(
        place, server, "SELECT code, jahr, no2 FROM air ORDER BY no2 DESC", credentials=account
    ).path.read_bytes()
    assert first == other


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM air", "SELECT 1; DELETE FROM air", "WITH gone AS (DELETE FROM air RETURNING *) SELECT * FROM gone",
        "SELECT * INTO other FROM air", "SELECT * FROM air FOR UPDATE", "SELECT set_config('default_transaction_read_only', 'off', false); DELETE FROM air",
    ],
)  # fmt: skip
def test_postgresql_is_not_written_to(place, server, account, query):
    assert "query" in refused(place, server, query, credentials=account)
    assert server.do("SELECT count(*) FROM air") == [[(3,)]]


def test_an_unknown_table_or_column_is_said_in_the_servers_words(place, server, account):
    found = refused(place, server, "SELECT *\nFROM airs", credentials=account)
    assert 'refuses the query: relation "airs" does not exist' in found
    assert "(line 2 of the query)" in found
    assert 'column "cod" does not exist' in refused(place, server, "SELECT cod FROM air", credentials=account)


def test_a_wrong_password_is_refused_and_no_secret_is_shown(place, server, account, monkeypatch):
    monkeypatch.setenv("AIR_PASSWORD", "open-sesame")
    monkeypatch.setenv("AIR_USER", "someone-secret")
    path = card(place, "SELECT 1 AS x", database=server.url, credentials=account, columns=OFFICE)
    with pytest.raises(SourceError) as caught:
        sql.fetch(load_source(path), place.root)
    text = "".join(traceback.format_exception(caught.value))
    assert "cannot be reached or refuses" in text
    assert "password authentication failed" in text
    assert "open-sesame" not in text
    assert "someone-secret" not in text


def test_credentials_that_are_not_set_are_named_all_at_once(place, server, monkeypatch):
    for name in ("AIR_USER", "AIR_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    path = card(
        place,
        "SELECT 1",
        database=server.url,
        credentials={"username": "AIR_USER", "password": "AIR_PASSWORD", "pasword": "HOME"},
    )
    with pytest.raises(SourceError) as caught:
        sql.fetch(load_source(path), place.root)
    unknown, *absent = caught.value.problems
    assert "Did you mean 'password'?" in unknown
    assert [re.search(r"AIR_\w+", p)[0] for p in absent] == ["AIR_USER", "AIR_PASSWORD"]


def test_a_password_in_the_card_is_refused(place):
    with pytest.raises(SourceError, match="carries a user name or password"):
        load_source(card(place, "SELECT 1", database="postgresql+psycopg://me:secret@host/db"))


def test_a_host_that_is_down_is_named(place, account):
    path = card(place, "SELECT 1", database="postgresql+psycopg://127.0.0.1:1/postgres", credentials=account)
    with pytest.raises(SourceError, match=r"postgresql\+psycopg://127.0.0.1:1/postgres cannot be reached or refuses"):
        sql.fetch(load_source(path), place.root)


def test_a_slow_query_is_given_up(place, server, account, monkeypatch):
    monkeypatch.setattr("scale_impact.sources._database.PATIENCE", 1)
    assert "statement timeout" in refused(place, server, "SELECT pg_sleep(30)", credentials=account)


def test_an_answer_larger_than_a_batch_is_kept_whole(place, server, account, monkeypatch):
    monkeypatch.setattr("scale_impact.sources._database.ROWS", 1000)
    query = "SELECT lpad((i % 70)::text, 3, '0') AS code, i AS jahr, i / 8.0 AS no2 FROM generate_series(1, 5000) AS i"
    found = pd.read_parquet(asked(place, server, query, credentials=account).path)
    assert len(found) == 5000
    assert found["no2"].sum() == pytest.approx(5000 * 5001 / 16, rel=1e-15)
    assert found["code"].min() == "000"


def test_an_empty_answer_and_a_column_that_stands_twice_are_refused(place, server, account):
    assert "it gives no rows" in refused(place, server, "SELECT * FROM air WHERE jahr = 1", credentials=account)
    assert "'jahr' stands twice" in refused(place, server, "SELECT jahr, jahr FROM air", credentials=account)


def test_a_query_for_everything_gives_what_the_card_gives(place):
    # the same frame whether a study reads the file or a query over it
    place.data(towns())
    columns = load_source(place.root / "data/sources/towns.yaml").model_dump()["columns"]
    plain = read(place.root / "data/sources/towns.yaml", place.root)
    through = given(place, "SELECT * FROM towns", tables=["towns"], columns=columns, unit="town", period="year")
    pd.testing.assert_frame_equal(through, plain.sort_values(["town", "year"], ignore_index=True))


# ---- the same on every machine ----------------------------------------------------------------------------

ZONES = """
import sys, time
from pathlib import Path
from scale_impact.sources import read
root = Path(sys.argv[1])
data = read(root / "data/sources/made.yaml", root)
print(data.astype(str).to_csv(index=False))
"""


def in_zone(place, zone):
    env = {**os.environ, "TZ": zone}
    done = subprocess.run(
        [sys.executable, "-c", ZONES, str(place.root)], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_zone_of_the_machine_changes_no_result(place):
    moments = pd.to_datetime(["2024-01-01T00:30Z", "2024-01-01T23:30Z"])
    (item,) = files(place, **{"ts.parquet": pd.DataFrame({"city": ["A", "B"], "ts": moments})})
    columns = {c: {"unit": "none", "meaning": c} for c in ("city", "day", "hour", "word", "ts")}
    query = "SELECT city, CAST(ts AS DATE) AS day, hour(ts) AS hour, CAST(ts AS VARCHAR) AS word, ts FROM ts"
    card(place, query, files=[item], columns=columns)
    assert in_zone(place, "America/New_York") == in_zone(place, "UTC") == in_zone(place, "Asia/Tokyo")
    assert "A,2024-01-01,0,2024-01-01 00:30:00+00" in in_zone(place, "America/New_York")


def test_moments_of_parquet_files_are_those_of_universal_time_on_every_machine(place):
    moments = pd.to_datetime(["2024-01-01T00:30Z", "2024-01-01T23:30Z"])
    (item,) = files(place, **{"ts.parquet": pd.DataFrame({"city": ["A", "B"], "ts": moments, "also": moments})})
    columns = {
        "city": AIR["city"],
        "ts": {"unit": "none", "meaning": "t"},
        "also": {"unit": "none", "meaning": "t", "type": "text"},
    }
    content = {"title": "Made", "origin": "a test", "licence": "CC0", "kind": "parquet", "columns": columns, **item}
    write_yaml(place.root / "data/sources/made.yaml", content)
    assert in_zone(place, "America/New_York") == in_zone(place, "UTC")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT age(TIMESTAMP '2000-01-01')::VARCHAR AS city FROM towns", "age(x) counts to today"),
        ("SELECT current_setting('memory_limit') AS city FROM towns", "current_setting gives another value"),
        ("SELECT getvariable('x') AS city FROM towns", "getvariable gives another value"),
        ("SELECT version() AS city FROM towns", "version gives another value"),
        ("SELECT ago(INTERVAL 1 DAY)::VARCHAR AS city FROM towns", "ago gives another value"),
        ("SELECT current_localtimestamp()::VARCHAR AS city FROM towns", "current_localtimestamp gives another value"),
        ("SELECT pg_conf_load_time()::VARCHAR AS city FROM towns", "pg_conf_load_time gives another value"),
        (
            "SELECT b.name AS city FROM (WITH pg_settings AS (SELECT 1 AS name) SELECT 'z' AS z) a, (SELECT name FROM pg_catalog.pg_settings) b",
            "there is no table 'pg_catalog.pg_settings'",
        ),
    ],
)  # fmt: skip
def test_what_another_day_or_machine_would_say_otherwise_is_refused(place, query, words):
    place.data(text=RAW, columns=DAYS)
    assert words in " ".join(problems(place, query, tables=["towns"], columns={"city": AIR["city"]}))


def test_the_age_between_two_days_is_steady(place):
    place.data(text=RAW, columns=DAYS)
    query = "SELECT DISTINCT age(DATE '2020-06-01', DATE '2000-06-01')::VARCHAR AS city FROM towns"
    assert given(place, query, tables=["towns"], columns={"city": AIR["city"]})["city"].tolist() == ["20 years"]
