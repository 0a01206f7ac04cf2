"""Text from people and models on the page, as text."""

import html

from hypothesis import given
from hypothesis import strategies as st

from robust_r1.markup import escape

text = st.text(max_size=60).filter(lambda value: value == value.strip() and "\n" not in value)


@given(text)
def test_escaped_text_reads_back_and_holds_no_active_sign(value):
    shown = escape(value)
    assert not set(shown) & set("<>\"'`${}\\@")
    printable = "".join(sign for sign in html.unescape(shown))
    assert set(printable) <= set(value)


def test_escape_cuts_long_text():
    assert escape("abcdef", 4) == "abc\u2026"


def test_a_quotation_mark_is_a_number_that_labels_of_charts_can_read():
    assert escape('a "b"') == "a &#34;b&#34;"
