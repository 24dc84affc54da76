"""Downloads over real connections to a server that is slow, breaks off, is busy, or gives something else."""

import gzip
import io
from datetime import UTC, datetime

import pandas as pd
import pytest

from scale_impact.errors import SourceError
from scale_impact.sources._pulling.http import Patience, download, retry_after
from tests.sources.web import Answer, serving

TABLE = b"town,year,no2\n01,2001,41.5\n02,2001,39.0\n"
PAGE = b"<!DOCTYPE html>\n<html><head><title>Air &amp; noise\n data</title></head><body>Log in</body></html>"


@pytest.fixture
def web():
    with serving() as server:
        yield server


class Clock:
    """Notes the waits, and does not wait."""

    def __init__(self):
        self.waits, self.told = [], []

    def patience(self, **changes):
        return Patience(**{"sleep": self.waits.append, "say": self.told.append, "between": 5.0, **changes})


@pytest.fixture
def clock():
    return Clock()


def refused(address, folder, clock, **options):
    """The message of a download that fails; nothing may be left."""
    patience = options.pop("patience", clock.patience())
    with pytest.raises(SourceError) as caught:
        download(address, folder, patience=patience, **options)
    assert not list(folder.iterdir())
    (problem,) = caught.value.problems
    return problem


# ---- what comes ----------------------------------------------------------------------------------------


def test_what_lies_at_an_address_is_kept_byte_by_byte_with_what_the_server_says_of_it(web, tmp_path, clock):
    said = {"ETag": '"v7"', "Last-Modified": "Sat, 21 Nov 2026 10:00:00 GMT"}
    fetched = download(web.plan("/air.csv", Answer(TABLE, headers=said)), tmp_path, patience=clock.patience())
    assert fetched.path.read_bytes() == TABLE
    assert (fetched.etag, fetched.last_modified) == ('"v7"', "Sat, 21 Nov 2026 10:00:00 GMT")
    assert fetched.address == f"{web.address}/air.csv"
    assert web.asked[0][1]["User-Agent"].startswith("scale-impact/")
    assert clock.waits == []


@pytest.mark.parametrize(
    "how", [{"chunked": True}, {"length": None}, {"pause": 0.1}], ids=["chunked", "unsaid", "slow"]
)
def test_bodies_come_whole_however_they_are_sent(web, tmp_path, clock, how):
    fetched = download(web.plan("/air.csv", Answer(TABLE, **how)), tmp_path, patience=clock.patience())
    assert fetched.path.read_bytes() == TABLE


def test_the_query_of_an_address_reaches_the_server_with_blanks_and_letters_escaped_once(web, tmp_path, clock):
    web.plan("/süd%20ost.csv".replace("ü", "%C3%BC"), TABLE)
    download(f"{web.address}/süd ost.csv?a=1&b=x%2Fy", tmp_path, patience=clock.patience())
    assert web.paths == ["/s%C3%BCd%20ost.csv?a=1&b=x%2Fy"]


def test_a_compression_of_the_way_is_undone_so_that_the_hash_is_that_of_the_file(web, tmp_path, clock):
    packed = Answer(gzip.compress(TABLE[:20]) + gzip.compress(TABLE[20:]), headers={"Content-Encoding": "gzip"})
    fetched = download(web.plan("/air.csv", packed), tmp_path, patience=clock.patience())
    assert fetched.path.read_bytes() == TABLE
    assert web.asked[0][1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(("path", "kind"), [("/air.csv.gz", "text/csv"), ("/download", "application/gzip")])
def test_a_compressed_file_stays_as_it_is_though_its_server_calls_that_the_way(web, tmp_path, clock, path, kind):
    body = gzip.compress(TABLE)
    answer = Answer(body, headers={"Content-Encoding": "gzip", "Content-Type": kind})
    assert download(web.plan(path, answer), tmp_path, patience=clock.patience()).path.read_bytes() == body


def test_an_encoding_that_nobody_asked_for_is_refused(web, tmp_path, clock):
    address = web.plan("/air.csv", Answer(TABLE, headers={"Content-Encoding": "br"}))
    assert "encoded as 'br'" in refused(address, tmp_path, clock)


# ---- again ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 202])
def test_a_server_in_trouble_is_asked_again_with_longer_and_longer_waits(web, tmp_path, clock, status):
    trouble = Answer(b"trouble", status)
    address = web.plan("/air.csv", trouble, trouble, trouble, TABLE)
    assert download(address, tmp_path, patience=clock.patience()).path.read_bytes() == TABLE
    assert clock.waits == [1, 2, 4]
    assert len(clock.told) == 3
    assert f"the server answers {status}" in clock.told[0]


def test_a_server_that_stays_in_trouble_is_given_up_and_that_is_said(web, tmp_path, clock):
    problem = refused(web.plan("/air.csv", Answer(b"", 500)), tmp_path, clock)
    assert "the server answers 500 Internal Server Error, 4 times asked. Try again later." in problem
    assert len(web.asked) == 4


def test_a_busy_server_is_waited_for_as_long_as_it_asks(web, tmp_path, clock):
    busy = Answer(b"", 429, {"Retry-After": "37"})
    download(web.plan("/air.csv", busy, TABLE), tmp_path, patience=clock.patience())
    assert clock.waits == [37]
    assert clock.told == [
        f"{web.address}/air.csv: the server answers 429 Too Many Requests; next try in 37 seconds, as the server asks"
    ]


def test_a_server_that_asks_for_an_hour_is_not_asked_again(web, tmp_path, clock):
    problem = refused(web.plan("/air.csv", Answer(b"", 503, {"Retry-After": "3600"})), tmp_path, clock)
    assert "the server asks to wait 60 minutes first. Try again then." in problem
    assert (clock.waits, len(web.asked)) == ([], 1)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120), (" 0 ", 0), ("Sun, 22 Nov 2026 12:00:30 GMT", 30), ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("soon", None), ("", None), (None, None), ("-5", None),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_of_seconds_or_a_date(said, seconds):
    assert retry_after(said, datetime(2026, 11, 22, 12, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("how", [{"length": 1000}, {"chunked": True}], ids=["length", "chunked"])
def test_a_body_that_is_cut_off_is_fetched_again(web, tmp_path, clock, how):
    address = web.plan("/air.csv", Answer(TABLE, cut=True, **how), TABLE)
    assert download(address, tmp_path, patience=clock.patience()).path.read_bytes() == TABLE
    assert "the connection ended after" in clock.told[0]


def test_a_body_that_is_always_cut_off_leaves_nothing(web, tmp_path, clock):
    problem = refused(web.plan("/air.csv", Answer(TABLE, cut=True, length=1000)), tmp_path, clock)
    assert f"the connection ended after {len(TABLE)} of 1,000 bytes, 4 times asked" in problem


def test_a_compression_of_the_way_that_breaks_off_is_noticed_without_a_length(web, tmp_path, clock):
    torn = Answer(gzip.compress(TABLE)[:-9], headers={"Content-Encoding": "gzip"}, length=None)
    assert download(web.plan("/air.csv", torn, TABLE), tmp_path, patience=clock.patience()).path.read_bytes() == TABLE
    assert len(web.asked) == 2


def test_a_server_that_falls_silent_is_asked_again(web, tmp_path, clock):
    silent = Answer(TABLE, pause=1.0)
    patience = clock.patience(between=0.2)
    assert download(web.plan("/air.csv", silent, TABLE), tmp_path, patience=patience).path.read_bytes() == TABLE
    assert f"nothing more came after {len(TABLE) // 2} bytes" in clock.told[0]


def test_a_server_that_never_answers_is_given_up(web, tmp_path, clock):
    patience = clock.patience(between=0.1, tries=2)
    problem = refused(web.plan("/air.csv", Answer(TABLE, before=0.6)), tmp_path, clock, patience=patience)
    assert "no answer in time" in problem
    assert "2 times asked" in problem


def test_a_server_that_drips_is_given_up_when_patience_is_at_its_end(web, tmp_path, clock):
    patience = clock.patience(overall=0.4)
    problem = refused(web.plan("/air.csv", Answer(TABLE, drip=0.03)), tmp_path, clock, patience=patience)
    assert "then it was given up" in problem


def test_waits_end_with_the_patience_too(web, tmp_path, clock):
    problem = refused(web.plan("/a", Answer(b"", 503)), tmp_path, clock, patience=clock.patience(overall=0.5))
    assert "are over" in problem
    assert clock.waits == []


# ---- no --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "404 Not Found. Correct the address."),
        (410, "410 Gone"),
        (403, "It wants a login"),
        (501, "Try again later"),
    ],
)
def test_a_plain_no_is_said_in_words_and_not_asked_again(web, tmp_path, clock, status, said):
    assert said in refused(web.plan("/air.csv", Answer(b"no", status)), tmp_path, clock)
    assert len(web.asked) == 1


def test_nobody_there_is_said_at_once(tmp_path, clock):
    problem = refused("http://127.0.0.1:9/air.csv", tmp_path, clock)
    assert "Check the address and the network" in problem
    assert clock.waits == []


def test_queries_and_what_they_may_hide_are_in_no_message(web, tmp_path, clock):
    problem = refused(f"{web.address}/air.csv?q=hunter2", tmp_path, clock)
    assert "hunter2" not in problem


def test_a_redirection_is_followed_and_its_address_kept_nowhere(web, tmp_path, clock):
    address = web.plan("/old.csv", Answer(b"", 301, {"Location": "/new.csv?signature=hunter2"}))
    web.plan("/new.csv", TABLE)
    fetched = download(address, tmp_path, patience=clock.patience())
    assert fetched.path.read_bytes() == TABLE
    assert fetched.address == address


def test_headers_for_one_server_do_not_go_to_another(web, tmp_path, clock):
    with serving() as other:
        target = other.plan("/new.csv", TABLE)
        address = web.plan("/old.csv", Answer(b"", 302, {"Location": target}))
        download(address, tmp_path, headers={"X-Ckan-Api-Key": "hunter2"}, patience=clock.patience())
        assert web.asked[0][1]["X-Ckan-Api-Key"] == "hunter2"
        assert "hunter2" not in str(other.asked)


def test_headers_stay_with_a_redirection_on_the_same_server(web, tmp_path, clock):
    web.plan("/new.csv", TABLE)
    address = web.plan("/old.csv", Answer(b"", 307, {"Location": "/new.csv"}))
    download(address, tmp_path, headers={"Accept": "text/csv"}, patience=clock.patience())
    assert web.asked[1][1]["Accept"] == "text/csv"


def test_a_circle_of_redirections_is_said(web, tmp_path, clock):
    address = web.plan("/a", Answer(b"", 302, {"Location": "/b"}))
    web.plan("/b", Answer(b"", 302, {"Location": "/a"}))
    assert "the server leads in a circle" in refused(address, tmp_path, clock)


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/x.csv"])
def test_a_redirection_to_files_of_this_machine_or_another_protocol_is_refused(web, tmp_path, clock, to):
    problem = refused(web.plan("/a", Answer(b"", 302, {"Location": to})), tmp_path, clock)
    assert f"the server leads on to {to!r}, which is not followed" in problem


def test_a_redirection_from_https_to_http_is_refused():
    from scale_impact.sources._pulling.http import _Redirects

    class Request:
        full_url = "https://data.org/x.csv"

    with pytest.raises(SourceError, match=r"leads on to 'http://data\.org/x\.csv', which is not followed"):
        _Redirects("x", frozenset()).redirect_request(Request(), None, 302, "", {}, "http://data.org/x.csv")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "local:///etc/passwd", "zip://x::file:///etc/x.zip"])
def test_files_of_this_machine_are_no_address(tmp_path, clock, address):
    assert "other machines do not have" in refused(address, tmp_path, clock)


# ---- something else --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [PAGE, b"\xef\xbb\xbf \n" + PAGE, b"<?xml version='1.0'?>" + PAGE, PAGE[16:]])
def test_a_web_page_in_place_of_data_is_refused_with_its_title(web, tmp_path, clock, page):
    problem = refused(web.plan("/air.csv", page), tmp_path, clock, expects="csv")
    assert "gives a web page (title 'Air & noise data'), not data. Is it a page about the data?" in problem


def test_an_empty_answer_is_refused(web, tmp_path, clock):
    assert "gives an empty file" in refused(web.plan("/air.csv", b""), tmp_path, clock)
    assert "gives an empty file" in refused(web.plan("/no.csv", Answer(b"", 204)), tmp_path, clock)


def excel():
    file = io.BytesIO()
    pd.DataFrame({"a": [1]}).to_excel(file)
    return file.getvalue()


def parquet():
    file = io.BytesIO()
    pd.DataFrame({"a": [1]}).to_parquet(file)
    return file.getvalue()


def stata():
    file = io.BytesIO()
    pd.DataFrame({"a": [1]}).to_stata(file, version=118)
    return file.getvalue()


CONTENT = {
    "csv": TABLE, "excel": excel(), "parquet": parquet(), "stata": stata(), "json": b' [{"a": 1}]', "packed": gzip.compress(TABLE),
    "xml": b"<?xml version='1.0'?><m:Error>No results</m:Error>", "pdf": b"%PDF-1.7 x",
}  # fmt: skip


@pytest.mark.parametrize("expects", ["csv", "excel", "parquet", "stata", "json"])
@pytest.mark.parametrize("content", CONTENT)
def test_a_file_is_of_the_format_that_the_card_says(web, tmp_path, clock, expects, content):
    address = web.plan("/data", CONTENT[content])
    if content == expects or (content == "packed" and expects in ("csv", "json")):
        assert download(address, tmp_path, expects=expects, patience=clock.patience()).path.is_file()
    else:
        assert "and the card says" in refused(address, tmp_path, clock, expects=expects)


def test_what_a_service_says_in_place_of_data_is_repeated(web, tmp_path, clock):
    address = web.plan("/air.csv", b'{"error": "unknown station"}')
    assert """gives JSON ('{"error": "unknown station"}')""" in refused(address, tmp_path, clock, expects="csv")


def test_old_stata_files_are_known(web, tmp_path, clock):
    file = io.BytesIO()
    pd.DataFrame({"a": [1]}).to_stata(file, version=114)
    address = web.plan("/x.dta", file.getvalue())
    assert download(address, tmp_path, expects="stata", patience=clock.patience()).path.is_file()


@pytest.mark.parametrize("how", [{}, {"length": None}], ids=["said", "unsaid"])
def test_a_file_that_is_far_too_large_is_refused_and_the_way_around_said(web, tmp_path, clock, how):
    address = web.plan("/air.csv", Answer(TABLE, **how))
    problem = refused(address, tmp_path, clock, patience=clock.patience(largest=10))
    assert "more than 10 bytes" in problem
    assert "--mirror" in problem


@pytest.mark.parametrize("said", ["9" * 400, "9" * 5000, "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_that_asks_for_ages_is_not_asked_again(web, tmp_path, clock, said):
    problem = refused(web.plan("/air.csv", Answer(b"", 429, {"Retry-After": said})), tmp_path, clock)
    assert "the server asks to wait 365 days first. Try again then." in problem
    assert (clock.waits, len(web.asked)) == ([], 1)


@pytest.mark.parametrize(
    "page",
    [
        b"<!-- c --><body>Error</body>", b"\n\n<div>Service unavailable</div>\n", b'\xef\xbb\xbf <div class="x">No</div>', b"<h1>Oops</h1>",
        b"<!-- a\n-->\n<!-- b -->\n<p>Try later</p>", b"<script>location='/login'</script>", b"<BODY BGCOLOR=white>No",
    ],
)  # fmt: skip
def test_pages_that_start_anyhow_are_no_data(web, tmp_path, clock, page):
    assert "gives a web page" in refused(web.plan("/air.csv", Answer(page)), tmp_path, clock, expects="csv")


@pytest.mark.parametrize("table", [b"<5,10\n1,2\n", b"a,<b\n1,2\n", b"<age>,n\n1,2\n", b"<pm25,city\n1,2\n"])
def test_tables_with_angle_brackets_are_data(web, tmp_path, clock, table):
    assert (
        download(web.plan("/air.csv", table), tmp_path, expects="csv", patience=clock.patience()).path.read_bytes()
        == table
    )
