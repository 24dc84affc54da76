"""The decision card as a figure: every text in its column and on the page, whatever its length."""

import warnings

import pytest

from scale_impact import figures
from scale_impact.figures.decision_card import A4, COLOURS, height
from scale_impact.scaleup.card import make_card
from tests.cards import ENDLESS, a_card, crowded_card
from tests.hostile import ALL, TEXTS

KINDS = {
    "stop": a_card,
    "adapt": lambda: a_card(decision="adapt", npv=31_000.0),
    "nothing known": lambda: make_card([], []),
    "crowded": crowded_card,
    "endless": lambda: a_card(title=ENDLESS, note=ENDLESS, partners=(ENDLESS, ENDLESS)),
    "hostile": lambda: a_card(title=ALL, note=ALL, partners=tuple(TEXTS.values())),
}


def drawn(card):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as a letter that the font does not have
        fig = figures.figure("decision_card", card, unit="", source="zones-at-scale, run 1")
    return fig, fig.axes[0]


def boxes(fig, ax):
    """Where each text of the card lies, in pixels."""
    renderer = fig.canvas.get_renderer()
    return [(t.get_text(), t.get_window_extent(renderer)) for t in ax.texts if t.get_text().strip()]


def test_it_has_the_shape_of_a_sheet_of_a4():
    fig, _ = drawn(a_card())
    width, tall = fig.get_size_inches()
    assert tall / width == pytest.approx(A4)
    assert tall == pytest.approx(height(a_card()))


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_is_on_the_page_and_none_lies_on_another(kind):
    fig, ax = drawn(KINDS[kind]())
    found = boxes(fig, ax)
    page = fig.bbox
    source = fig._supxlabel.get_window_extent(fig.canvas.get_renderer())
    for text, box in found:
        assert box.x0 >= page.x0, text
        assert box.x1 <= page.x1, text
        assert box.y0 >= source.y1 - 1, text
        assert box.y1 <= page.y1, text
    for k, (text, box) in enumerate(found):
        for other, beside in found[k + 1 :]:
            across = min(box.x1, beside.x1) - max(box.x0, beside.x0)
            up = min(box.y1, beside.y1) - max(box.y0, beside.y0)
            assert across < 1 or up < 2.5, f"{text!r} on {other!r}"


@pytest.mark.parametrize("kind", KINDS)
def test_texts_of_the_left_column_end_before_the_right_one_begins(kind):
    fig, ax = drawn(KINDS[kind]())
    left, right = sorted(
        {
            round(line.get_xdata()[0])
            for line in ax.lines
            if len(line.get_xdata()) == 2 and line.get_color() == "#D0D0D0"
        }
    )
    begins = ax.transData.transform((right, 0))[0]
    head = [t for t, b in boxes(fig, ax) if b.x0 < begins - 5 and b.x1 > begins + 1]
    assert left == 0
    assert all(
        t.get_position()[0] < 20 for t in ax.texts if t.get_text() in head
    )  # the head and the foot alone are as wide as the page


def test_all_sentences_of_the_card_are_drawn():
    card = a_card()
    _, ax = drawn(card)
    shown = " ".join(" ".join(t.get_text() for t in ax.texts).replace("• ", "").split())
    for part in card.parts:
        assert part.title in shown
        for sentence in part.sentences:
            assert sentence in shown
    assert card.headline in shown
    assert all(f"{p.name}: {p.words}." in shown for p in card.partners)


def test_text_is_never_read_as_formulas():
    _, ax = drawn(a_card(title="Costs $x^2$ and $y$"))
    assert any("$x^2$" in t.get_text() for t in ax.texts)


def test_ranges_of_partners_lie_where_their_numbers_are():
    card = a_card()
    _, ax = drawn(card)
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    values = [p.value for p in card.partners]
    slopes = [
        (a - b) / (u - v)
        for a, u in zip(dots, values, strict=True)
        for b, v in zip(dots, values, strict=True)
        if u != v
    ]
    assert max(slopes) == pytest.approx(min(slopes))
    assert slopes[0] > 0


def test_letters_are_smaller_only_where_there_is_more_to_say():
    sizes = [
        max(t.get_fontsize() for t in drawn(card)[1].texts) for card in (make_card([], []), a_card(), crowded_card())
    ]
    assert sizes[0] >= sizes[1] > sizes[2]
    least = min(t.get_fontsize() for t in drawn(a_card())[1].texts)
    assert least >= 6.0


def test_decisions_differ_by_sign_word_and_colour():
    assert len(set(COLOURS.values())) == 4
    heads = {
        d: [t.get_text() for t in drawn(a_card(decision=d))[1].texts if t.get_fontweight() == "bold"][1]
        for d in ("stop", "adapt", "scale")
    }
    assert [heads[d][0] for d in heads] == ["■", "▲", "●"]
    assert len({h[2:] for h in heads.values()}) == 3


def test_the_same_card_gives_the_same_bytes():
    assert figures.render(drawn(a_card())[0], "svg") == figures.render(drawn(a_card())[0], "svg")
