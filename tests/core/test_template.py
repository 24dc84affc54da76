"""What a notebook's file says of itself."""

import pytest

from scale_impact.core.template import read_template
from scale_impact.errors import StudyError
from tests.projects import QUICK


def test_code_and_parameters_are_told_apart(place):
    found = read_template(place.root / "notebooks" / "quick.ipynb")
    assert (found.name, found.code, found.parameters, found.whole_grid) == (
        "quick.ipynb",
        tuple(QUICK),
        QUICK[0],
        False,
    )


@pytest.mark.parametrize(
    ("metadata", "whole"),
    [
        ('{"scale_impact": {"grid": "whole"}}', True),
        ('{"scale_impact": {"grid": "each"}}', False),
        ('{"scale_impact": 5}', False),
        ("{}", False),
    ],
)
def test_a_template_says_whether_it_evaluates_a_grid_whole(place, metadata, whole):
    path = place.template(*QUICK)
    path.write_text(path.read_text().replace('"metadata": {}, "nbformat"', f'"metadata": {metadata}, "nbformat"'))
    assert read_template(path).whole_grid is whole


def test_a_template_that_was_changed_is_read_again(place):
    path = place.template(*QUICK)
    before = read_template(path)
    place.template(QUICK[0].replace("towns", "other"), *QUICK[1:])
    assert read_template(path) != before


def test_a_missing_template_is_refused(place):
    with pytest.raises(StudyError, match=r"notebooks/none.ipynb: This is no notebook"):
        read_template(place.root / "notebooks" / "none.ipynb")
