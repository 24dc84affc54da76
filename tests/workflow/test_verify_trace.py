"""Where two executions part: the first cell, the variables, and who drew from a generator that nobody seeded."""

import json

from scale_impact.workflow.verify.trace import first_divergence


def state(random="r0", numpy=None, **variables):
    """A probe's text: variables as (type, words, fingerprint, parts)."""
    found = {n: list(v) if isinstance(v, tuple) else ["float", str(v), str(v), {}] for n, v in variables.items()}
    found["<random>"] = ["global random state", "", random, {}]
    if numpy is not None:
        found["<numpy.random>"] = ["global random state", "", numpy, {}]
    return json.dumps(found)


def run(*states, sources=("a = 1", "# draw\nb = draw()", "c = b")):
    """Probes of an execution; cell 0 of the notebook is text."""
    return [(k + 1, source, text) for k, (source, text) in enumerate(zip(sources, states, strict=False))]


def test_equal_executions_have_no_divergence():
    one = run(state(a=1), state(a=1, b=2))
    assert first_divergence(one, one) is None
    assert first_divergence([], []) is None


def test_the_first_cell_and_variable_are_named_with_both_values():
    one = run(state(a=1), state(a=1, b=0.123), state(a=1, b=0.123, c=7))
    other = run(state(a=1), state(a=1, b=0.456), state(a=1, b=0.456, c=8))
    found = first_divergence(one, other)
    assert (found.cell, found.source) == (3, "b = draw()")
    assert [v.name for v in found.variables] == ["b"]
    assert found.words == (
        "run 1 and run 2 diverge first in cell 3 (`b = draw()`): variable b (float): 0.123 and 0.456"
    )


def test_columns_or_fields_that_part_are_named():
    def frame(mark):
        return ("DataFrame", "3 x 2", mark, {"town": "t", "jobs": mark})

    found = first_divergence(run(state(a=frame("x"))), run(state(a=frame("y"))))
    assert found.variables[0].words == "variable a (DataFrame, in jobs): 3 x 2"


def test_a_variable_that_only_one_execution_has_is_a_divergence():
    found = first_divergence(run(state(a=1, b=2)), run(state(a=1)))
    assert found.variables[0].words == "variable b (float): 2 and not there"


def test_types_that_part_are_named():
    found = first_divergence(run(state(a=("int", "1", "i", {}))), run(state(a=("str", "'1'", "s", {}))))
    assert found.variables[0].words == "variable a (int and str): 1 and '1'"


def test_a_global_generator_that_starts_elsewhere_is_no_divergence_by_itself():
    one = run(state(random="r1", numpy="n1", a=1), state(random="r1", numpy="n1", a=1, b=2))
    other = run(state(random="r2", numpy="n2", a=1), state(random="r2", numpy="n2", a=1, b=2))
    assert first_divergence(one, other) is None


def test_a_generator_that_nobody_seeded_is_named_beside_what_was_drawn_from_it():
    one = run(state(random="r1", numpy="n1", a=1), state(random="r1", numpy="n1+", a=1, b=0.1))
    other = run(state(random="r2", numpy="n2", a=1), state(random="r2", numpy="n2+", a=1, b=0.2))
    found = first_divergence(one, other)
    assert [v.name for v in found.variables] == ["b"]
    assert found.drew == ("NumPy's global random generator (`numpy.random`)",)
    assert found.words.endswith("which nobody seeded: give code the study's seed")


def test_a_generator_that_was_not_drawn_from_is_not_blamed():
    one = run(state(random="r1", a=1), state(random="r1", a=1, b=0.1))
    other = run(state(random="r2", a=1), state(random="r2", a=1, b=0.2))
    assert first_divergence(one, other).drew == ()


def test_a_generator_that_was_seeded_and_then_parts_is_a_divergence():
    one = run(state(random="r1", numpy="seeded", a=1), state(random="r1", numpy="after 3 draws", a=1))
    other = run(state(random="r2", numpy="seeded", a=1), state(random="r2", numpy="after 4 draws", a=1))
    found = first_divergence(one, other)
    assert (found.cell, [v.name for v in found.variables]) == (3, ["NumPy's global random generator (`numpy.random`)"])


def test_many_variables_are_counted():
    one, other = ({f"v{k}": k + shift for k in range(8)} for shift in (0, 0.5))
    assert first_divergence(run(state(**one)), run(state(**other))).words.endswith(" and 3 more")


def test_an_execution_with_more_cells_is_a_divergence():
    one, other = run(state(a=1), state(a=1)), run(state(a=1))
    assert first_divergence(one, other).cell == 3
    assert first_divergence(other, one).cell == 3
