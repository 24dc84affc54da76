"""The indicator catalogue."""

import pytest

from scale_impact.core.indicator import load_indicators
from scale_impact.errors import StudyError
from tests.panels import ROOT

HEAD = "indicator,name,dimension,definition,unit,direction\n"
CLAIMS = "claims,Claims,economy,Claims filed,claims,-\n"


def written(tmp_path, content):
    path = tmp_path / "catalogue.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_line_is_an_indicator_with_unit_and_direction(tmp_path):
    found = load_indicators(written(tmp_path, HEAD + CLAIMS))
    assert (found["claims"].unit, found["claims"].direction, found["claims"].dimension) == ("claims", "-", "economy")


def test_a_comma_in_quotes_stays_in_its_field(tmp_path):
    found = load_indicators(written(tmp_path, HEAD + 'air,Air,environment,"NO2, yearly mean",µg/m3,-\n'))
    assert found["air"].definition == "NO2, yearly mean"


def test_a_byte_order_mark_of_a_spreadsheet_is_read_over(tmp_path):
    assert "claims" in load_indicators(written(tmp_path, b"\xef\xbb\xbf" + (HEAD + CLAIMS).encode()))


def test_repeated_keys_and_unknown_directions_are_said_at_once(tmp_path):
    content = HEAD + CLAIMS + CLAIMS + "air,Air,environment,NO2,µg,down\n"
    with pytest.raises(StudyError) as caught:
        load_indicators(written(tmp_path, content))
    assert list(caught.value.problems) == [
        "claims: this key stands twice.",
        "air: direction is 'down'; it has to be one of +, -, 0, target, context.",
    ]


def test_a_catalogue_without_a_column_is_refused(tmp_path):
    with pytest.raises(StudyError, match="lacks the column definition, direction"):
        load_indicators(written(tmp_path, "indicator,name,dimension,unit\nclaims,Claims,economy,claims\n"))


def test_a_catalogue_that_is_not_text_is_refused(tmp_path):
    with pytest.raises(StudyError, match="UTF-8"):
        load_indicators(written(tmp_path, (HEAD + "häuser,x,y,z,u,0\n").encode("latin-1")))


def test_no_catalogue_is_refused(tmp_path):
    with pytest.raises(StudyError, match="no indicator catalogue"):
        load_indicators(tmp_path / "catalogue.csv")


def test_each_shipped_indicator_is_filled_in():
    for key, indicator in load_indicators(ROOT / "data/indicators/catalogue.csv").items():
        assert all(vars(indicator).values()), key
