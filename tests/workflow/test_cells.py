"""What of a template counts: what its code does, not how it is written."""

import json

import pytest

from scale_impact.errors import StudyError
from scale_impact.workflow.cells import cells_of, first_line, normal
from tests.projects import notebook


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1  # a comment", "# another\nx = 1"),
        ("f( a,b )", "f(a, b)"),
        ("f(\n    a,\n    b,\n)", "f(a, b)"),
        ("x = 'a'", 'x = "a"'),
        ("x = 1\n\n\ny = 2", "x = 1\r\ny = 2\r\n"),
        ("%matplotlib inline\nx=1", "%matplotlib inline\n# comment\nx = 1"),
        ("if a:\n    !ls\n    b()", "if a:\n    # list\n    !ls\n    b( )"),
        ("files = !ls\nf(files)", "files = !ls  \n\nf( files )"),
        ("f?\nx=1", "f?\nx = 1"),
        ("x = (1 +", "# a comment in what is no Python\nx = (1 +\n\n"),
    ],
)
def test_comments_and_layout_do_not_count(one, other):
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 2"),
        ("x = '# no comment'", "x = '# another'"),
        ("session.figure('a')", "session.figure('a');"),
        ("%time f()", "%timeit f()"),
        ("!ls", "!ls -l"),
        ("files = !ls", "files = !ls -l"),
        ("%%bash\necho 1", "%%bash\necho 1  # the shell reads this"),
        ("x = (7\n% 3)", "x = (7\n% 2)"),
        ("if a:\n    f()\ng()", "if a:\n    f()\n    g()"),
        ("x = (1 +", "x = (2 +"),
    ],
)
def test_whatever_can_change_a_result_counts(one, other):
    assert normal(one) != normal(other)


def test_a_semicolon_counts_only_where_it_hides_the_last_value():
    assert normal("x = 1; y = 2") == normal("x = 1\ny = 2")
    assert normal("f();  # quiet") == normal("f();") != normal("f()")
    assert normal("f('a;')") == normal('f("a;")')


def template(tmp_path, *cells):
    path = tmp_path / "quick.ipynb"
    content = json.loads(notebook(*(source for source, _ in cells)))
    for cell, (_, tags) in zip(content["cells"], cells, strict=True):
        cell["metadata"] = {"tags": tags}
    path.write_text(json.dumps(content))
    return [(c.number, c.line, c.hash) for c in cells_of(path)]


def test_cells_of_comments_only_are_none_and_numbers_are_those_among_code_cells(tmp_path):
    cells = template(tmp_path, ("study = 'a'", ["parameters"]), ("# nothing\n", []), ("# first\nf( )", []))
    assert [(number, line) for number, line, _ in cells] == [(1, "study = 'a'"), (3, "f( )")]


def test_tags_count_where_they_decide_what_is_executed(tmp_path):
    plain = template(tmp_path, ("study = 'a'", ["parameters"]), ("f()", []))
    assert template(tmp_path, ("study = 'a'", ["parameters", "mine"]), ("f()", ["hide-input"])) == plain
    assert template(tmp_path, ("study = 'a'", ["parameters"]), ("f()", ["raises-exception"])) != plain


def test_a_template_that_is_none_is_refused_as_everywhere(tmp_path):
    path = tmp_path / "quick.ipynb"
    path.write_text("{}")
    with pytest.raises(StudyError, match="This is no notebook"):
        cells_of(path)
    with pytest.raises(StudyError, match="This is no notebook"):
        cells_of(tmp_path / "absent.ipynb")


def test_the_first_line_is_the_first_of_code_shortened():
    assert first_line("# why\n\n  effects = session.estimate()\n") == "effects = session.estimate()"
    assert len(first_line("x = " + "1" * 100)) == 60
