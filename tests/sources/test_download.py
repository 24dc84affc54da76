"""Cards whose file is an address: downloaded once, kept by hash, never with a credential."""

import gzip
import http.server
import threading
from contextlib import contextmanager
from functools import partial

import fsspec
import pytest

from scale_impact.errors import SourceError
from scale_impact.sources import read
from scale_impact.sources._pulling import download
from scale_impact.sources._pulling.http import Patience
from tests.projects import Place, sha256, towns, write_yaml


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, counts what it was asked, and misbehaves at some addresses."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path.startswith("/private"):
            self.send_error(403)
        elif self.path.startswith("/torn"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"town,year\n")
        elif self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/towns.csv?signature=abc")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_):
        """Be quiet."""


@contextmanager
def serving(folder):
    """A server of a folder; its address, and what it was asked."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", server.asked
        server.shutdown()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Servers in trouble are asked again at once."""
    monkeypatch.setattr(download, "PATIENCE", Patience(first_wait=0.0))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "project")


@pytest.fixture
def web(tmp_path):
    """A server that has towns.csv, and the same file compressed at an address that does not say so."""
    folder = tmp_path / "web"
    folder.mkdir()
    towns().to_csv(folder / "towns.csv", index=False)
    (folder / "17").write_bytes(gzip.compress((folder / "towns.csv").read_bytes(), mtime=0))
    with serving(folder) as (address, asked):
        yield folder, address, asked


def card(place, url, digest=..., **keys):
    """The card of towns with an address as its file."""
    path = place.data(towns(), sha256=digest, **keys)
    return path.write_text(path.read_text().replace("file: data/files/towns.csv", f"file: {url!r}")) and path


def problem(path, place):
    with pytest.raises(SourceError) as caught:
        read(path, place.root)
    assert caught.value.where == "data/sources/towns.yaml"
    (found,) = caught.value.problems
    return found


def test_a_file_is_downloaded_once_and_read_without_network_afterwards(place, web):
    folder, address, asked = web
    path = card(place, f"{address}/towns.csv", sha256(folder / "towns.csv"))
    first = read(path, place.root)
    assert first["jobs"].tolist() == towns()["jobs"].tolist()
    (folder / "towns.csv").unlink()
    assert read(path, place.root).equals(first)
    assert asked == ["/towns.csv"]
    kept = place.root / ".scale-impact/downloads" / sha256(place.root / "data/files/towns.csv") / "towns.csv"
    assert kept.is_file()
    assert (place.root / ".scale-impact/.gitignore").read_text() == "*\n"


def test_a_compressed_file_is_known_by_its_first_bytes(place, web):
    folder, address, _ = web
    assert len(read(card(place, f"{address}/17", sha256(folder / "17")), place.root)) == len(towns())


def test_an_address_that_leads_on_to_a_signed_one_is_followed_and_the_signature_kept_nowhere(place, web):
    folder, address, _ = web
    read(card(place, f"{address}/moved", sha256(folder / "towns.csv")), place.root)
    assert not [p for p in place.root.rglob("*") if "signature" in p.name]


def test_parquet_at_an_address_is_read_too(place, web):
    folder, address, _ = web
    towns().to_parquet(folder / "towns.parquet")
    path = card(place, f"{address}/towns.parquet", sha256(folder / "towns.parquet"), kind="parquet")
    assert read(path, place.root)["people"].tolist() == towns()["people"].tolist()


def test_what_fsspec_knows_is_read_through_it(place):
    text = towns().to_csv(index=False).encode()
    with fsspec.open("memory://bucket/towns.csv", "wb") as file:
        file.write(text)
    path = card(place, "memory://bucket/towns.csv", sha256(place.root / place_file(place, text)))
    assert len(read(path, place.root)) == len(towns())


def place_file(place, content):
    path = place.root / "same.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return "same.csv"


def test_a_card_without_a_hash_is_told_the_hash_and_nothing_is_kept(place, web):
    folder, address, _ = web
    found = problem(card(place, f"{address}/towns.csv"), place)
    assert f"add: sha256: {sha256(folder / 'towns.csv')}" in found
    assert not list((place.root / ".scale-impact/downloads").iterdir())


def test_another_file_than_the_cards_is_refused_with_both_hashes_and_not_kept(place, web):
    folder, address, _ = web
    found = problem(card(place, f"{address}/towns.csv", "0" * 64), place)
    assert sha256(folder / "towns.csv") in found
    assert "0" * 64 in found
    assert not list((place.root / ".scale-impact/downloads").iterdir())


def test_a_kept_file_that_was_changed_is_refused_and_says_what_to_delete(place, web):
    folder, address, _ = web
    digest = sha256(folder / "towns.csv")
    path = card(place, f"{address}/towns.csv", digest)
    read(path, place.root)
    kept = place.root / f".scale-impact/downloads/{digest}/towns.csv"
    kept.write_text("town\n")
    assert f"Delete .scale-impact/downloads/{digest}" in problem(path, place)
    kept.unlink()
    assert len(read(path, place.root)) == len(towns())


def test_a_download_that_ends_too_early_is_said_and_nothing_is_kept(place, web):
    found = problem(card(place, f"{web[1]}/torn.csv", "0" * 64), place)
    assert "the connection ended after 10 of 1,000 bytes" in found
    assert not list((place.root / ".scale-impact/downloads").iterdir())


@pytest.mark.parametrize(
    ("name", "said"), [("nothing.csv", "404 File not found. Correct the address."), ("private.csv", "It wants a login")]
)
def test_what_a_server_refuses_is_said_in_words(place, web, name, said):
    assert said in problem(card(place, f"{web[1]}/{name}", "0" * 64), place)


def test_a_server_that_is_not_there_is_an_expected_error(place):
    found = problem(card(place, "http://127.0.0.1:9/towns.csv", "0" * 64), place)
    assert found.startswith("http://127.0.0.1:9/towns.csv cannot be downloaded: ConnectionRefusedError")


@pytest.mark.parametrize(
    ("url", "secret", "said"),
    [
        ("https://ada:hunter2@data.org/x.csv", "hunter2", "user name or password"),
        ("https://ghp_abc@data.org/x.csv", "ghp_abc", "user name or password"),
        ("s3://AKIA123:hun/ter2@bucket/x.csv", "ter2", "user name or password"),
        ("https://data.org/x.csv?X-Amz-Signature=hunter2&v=1", "hunter2", "X-Amz-Signature"),
        ("https://data.org/x.csv?sv=1&sig=hunter2", "hunter2", "(sig)"),
        ("https://data.org/x.csv?api_key=hunter2", "hunter2", "api_key"),
        ("https://data.org/x.csv#access_token=hunter2", "hunter2", "access_token"),
        ("zip://x.csv::https://ada:hunter2@data.org/x.zip", "hunter2", "user name or password"),
    ],
)
def test_an_address_with_a_credential_is_refused_without_repeating_it(place, url, secret, said):
    found = problem(card(place, url, "0" * 64), place)
    assert said in found
    assert secret not in found


@pytest.mark.parametrize(
    "url", ["https://data.org/x.csv?version=2&key_figure=a", "abfs://box@account.dfs.core.windows.net/x.csv"]
)
def test_an_address_without_a_credential_is_taken(place, url):
    from scale_impact.core.source import load_source

    assert load_source(card(place, url, "0" * 64)).file == url


@pytest.mark.parametrize("url", ["file:///etc/passwd", "local:///etc/passwd", "zip://x::file:///etc/x.zip"])
def test_files_of_this_machine_are_no_address(place, url):
    assert "other machines do not have" in problem(card(place, url, "0" * 64), place)


def test_a_pattern_is_refused(place):
    assert "names one file" in problem(card(place, "s3://bucket/*.parquet", "0" * 64, kind="parquet"), place)


def test_a_protocol_without_its_driver_says_what_to_install(place):
    assert "s3fs" in problem(card(place, "s3://bucket/x.csv", "0" * 64), place)
    assert "There is no protocol 's4'." in problem(card(place, "s4://bucket/x.csv", "0" * 64), place)


def test_a_source_at_an_address_can_be_checked_like_any_other(place, web):
    folder, address, _ = web
    path = card(
        place,
        f"{address}/towns.csv",
        sha256(folder / "towns.csv"),
        columns={"jbs": {"unit": "jobs", "meaning": "jobs"}},
    )
    assert problem(path, place) == "There is no column 'jbs' in towns.csv. Did you mean 'jobs'?"
    write_yaml(path, {})
    with pytest.raises(SourceError):
        read(path, place.root)
