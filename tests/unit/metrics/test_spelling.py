"""Claims about texts that look the same: they are the same answer; others stay apart."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.metrics import answer_matches, normalize_answer
from robust_r1.metrics.spelling import unify

SAME = {
    "composed and decomposed accents": ("cafe\u0301", "café"),
    "accents in another order": ("o\u0323\u0302", "ộ"),
    "letters of full width": ("ｃａｔ", "cat"),
    "digits of full width": ("１２", "12"),
    "a space of full width": ("red\u3000ball", "red ball"),
    "katakana of half width": ("ｶﾞ", "ガ"),
    "a space that does not break": ("red\u00a0ball", "red ball"),
    "a zero width space": ("ca\u200bt", "cat"),
    "a joiner": ("ca\u200dt", "cat"),
    "a byte order mark": ("\ufeffcat", "cat"),
    "marks of direction": ("\u200fcat\u202c", "cat"),
    "isolates of direction": ("\u2067cat\u2069", "cat"),
    "a soft hyphen": ("ca\u00adt", "cat"),
    "a variation selector": ("☺\ufe0f", "☺"),
    "an ideographic full stop": ("猫。", "猫"),
    "a full stop of half width": ("猫｡", "猫"),
    "a full stop of full width": ("cat．", "cat"),
    "a danda": ("बिल्ली।", "बिल्ली"),
    "an Urdu full stop": ("قطة۔", "قطة"),
    "an Armenian full stop": ("կատու։", "կատու"),
    "an Ethiopic full stop": ("ድመት።", "ድመት"),
    "a stretched Arabic word": ("حـصان", "حصان"),
    "Arabic presentation forms": ("ﻗﻄﺔ", "قطة"),
    "Arabic digits": ("١٢", "12"),
    "Persian digits": ("۱۲", "12"),
    "an apostrophe": ("it’s", "it's"),
    "a hyphen": ("T‑shirt", "T-shirt"),
    "a ligature": ("ﬁsh", "fish"),
    "Turkish capitals with dots": ("İNCİR", "incir"),
    "Turkish capitals without dots": ("KIZIL", "kızıl"),
    "case of other scripts": ("КОШКА", "кошка"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_looks_the_same_is_the_same_answer(one, other):
    assert one != other
    assert answer_matches(one, other) and answer_matches(other, one)
    assert answer_matches(one, other, ("something", other))
    assert answer_matches(one, "1", ("something", other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("10²", "102"), ("½", "12"), ("café", "cafe"), ("猫", "狗"), ("1.5", "15"), ("-3", "3")]
    + [("cat", "сat 2"), ("it's", "its"), ("H₂O", "H2O")],
)
def test_what_looks_different_stays_different(one, other):
    assert not answer_matches(one, other)


@pytest.mark.parametrize("invisible", ["\u200b", "\ufeff", "\u00ad", " \u200e. ", "\u3000。"])
def test_what_shows_nothing_is_no_answer(invisible):
    assert normalize_answer(invisible) == ""
    assert not answer_matches(invisible, invisible)


@given(st.text())
def test_unifying_twice_changes_nothing_more(text):
    assert unify(unify(text)) == unify(text)


@given(st.text())
def test_the_canonical_forms_of_a_text_are_the_same(text):
    forms = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert len({normalize_answer(form) for form in (text, *forms)}) == 1
