"""Texts that look the same, made the same.

Models, tables and people write one text in several ways: accents composed or not, letters and
digits of full width, marks that nobody sees, the full stop of another script. Compared is what is
left of that. What merely means the same (a superscript, a synonym) stays different.
"""

import unicodedata
from functools import lru_cache

# Forms of one and the same character, by the tag of their decomposition. Superscripts, fractions
# and circled numbers are left alone: 10² is not 102.
_FORMS = frozenset(
    ("<wide>", "<narrow>", "<font>", "<noBreak>", "<initial>", "<medial>", "<final>", "<isolated>")
)
# The ideographic, Devanagari, Urdu, Armenian and Ethiopic full stops; apostrophes, quotation marks
# and hyphens that a keyboard replaces on its own. The last are a tatweel, which only stretches an
# Arabic word, and the grapheme joiner and Hangul fillers, which show nothing.
_SIGNS = {
    **dict.fromkeys("。｡।۔։።", "."),
    **dict.fromkeys("‘’ʼ‛", "'"),
    **dict.fromkeys("“”„‟", '"'),
    **dict.fromkeys("‐‑‒−", "-"),
    **dict.fromkeys("\u0640\u034f\u115f\u1160\u3164\uffa0", ""),
}


def unify(text: str) -> str:
    """Return a text with one spelling for what looks the same; case and spaces are kept.

    Decimal digits of every script become ASCII ones, invisible marks go.

    >>> unify("Ｂ。"), unify("cafe\\u0301\\u200b") == "caf\\u00e9"
    ('B.', True)
    """
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", "".join(map(_unified, text)))


def fold(text: str) -> str:
    """Return a text as it is compared: unified, without case, every space a single one.

    A dot on or off an i does not count, since Turkish capitals change it.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFD", unify(text)).casefold()
        text = unicodedata.normalize("NFC", text.replace("i\u0307", "i").replace("ı", "i"))
    else:
        text = unify(text).casefold()
    return " ".join(text.split())


@lru_cache(maxsize=4096)
def _unified(character: str) -> str:
    if (sign := _SIGNS.get(character)) is not None:
        return sign
    category = unicodedata.category(character)
    if category == "Cf" or (category == "Cc" and not character.isspace()):
        return ""  # zero widths, directions, soft hyphens, byte order marks; control characters
    if 0xFE00 <= ord(character) <= 0xFE0F:
        return ""  # variation selectors
    if category == "Nd":
        return str(unicodedata.decimal(character))
    form = unicodedata.decomposition(character).partition(" ")[0]
    if form in _FORMS or 0xFB00 <= ord(character) <= 0xFB06:  # the last: ligatures as in ﬁ
        return unicodedata.normalize("NFKC", character)
    return character
