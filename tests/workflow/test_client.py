"""What a notebook keeps of its outputs."""

from scale_impact.workflow.client import LARGEST, bounded, merged


def printed(name, text):
    return {"output_type": "stream", "name": name, "text": text}


def shown(text):
    return {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}


def texts(outputs):
    return [(o["name"], o["text"]) if o["output_type"] == "stream" else o["data"]["text/plain"] for o in outputs]


def test_prints_are_one_text_a_stream_however_they_came():
    pieces = [
        printed("stdout", "a"),
        printed("stderr", "x"),
        printed("stdout", "b"),
        shown("1"),
        printed("stdout", "c"),
    ]
    whole = [printed("stderr", "x"), printed("stdout", "ab"), shown("1"), printed("stdout", "c")]
    expected = [("stdout", "ab"), ("stderr", "x"), "1", ("stdout", "c")]
    assert texts(merged(pieces, {})) == texts(merged(whole, {})) == expected


def test_what_was_left_out_is_said_at_the_end():
    found = merged([printed("stdout", "a"), shown("1"), printed("stdout", "b")], {"stdout": 1234567})
    assert texts(found) == [("stdout", "a"), "1", ("stdout", "b\n[... 1,234,567 more characters were left out]\n")]


def test_large_values_are_cut_or_replaced_and_pictures_are_kept():
    assert bounded("text/plain", "x" * (LARGEST + 5)) == "x" * LARGEST + "\n[... 5 more characters were left out]\n"
    assert bounded("text/html", "x" * (LARGEST + 5)) == f"[... {LARGEST + 5:,} more characters were left out]"
    assert bounded("image/png", "x" * (LARGEST + 5)) == "x" * (LARGEST + 5)
    assert bounded("application/json", {"a": 1}) == {"a": 1}
