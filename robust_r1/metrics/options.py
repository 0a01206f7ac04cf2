"""Read which of some options a text names: by label, by text, in a sentence that says so."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from robust_r1.metrics import phrases
from robust_r1.metrics.spelling import fold, unify

_TAIL = 400  # characters after a statement in which its answer begins
_BEFORE = 32  # characters before one in which it may be denied
_BOX = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]{0,200}\}){0,400})\}")
_DOLLARS = re.compile(r"\$\$?([^$\n]{1,200})\$\$?")
_LATEX = re.compile(
    r"\\(?:text\w*|mathrm|mathbf|mathsf|operatorname)\s*\{([^{}]*)\}|\\[()\[\],;! ]"
)
_MARKUP = re.compile(
    r"[*`]+|(?<!\w)_{1,3}|_{1,3}(?!\w)|^\s*#+\s*|</?[a-zA-Z]{1,6}/?>", re.MULTILINE
)
_EDGES = " \t\n\"'«»「」『』()[]{}"
_STOPS = _EDGES + ".,;:!…"

# "2", "2.", "(2)", "option 2", "2. kite", "option 2: kite"; not "2 kites", which is a count.
NUMBERED = re.compile(r"(?:option\s+)?\(?([0-9]{1,4})\)?(?:\s*[.:)](?:\s+(.*))?)?", re.DOTALL)
# Labels beside Latin letters. Arabic ones in the order in which Arabic lists are lettered. Cyrillic
# ones only where they look like a Latin letter, since the benchmarks letter their options in Latin
# in every language: В is read as B. Б and Г, of which lists lettered in Russian also make use, name
# nothing, and neither does a small в, which looks like no Latin letter.
_LETTERS = {
    **{letter: place for place, letters in enumerate(("أاإآ", "ب", "ج", "د", "ه"))
       for letter in letters},
    **dict(zip("АВСЕасе", (0, 1, 2, 4, 0, 2, 4), strict=True)),
}  # fmt: skip
_LABEL = re.compile(
    rf"\s*(?P<open>[(\[{{\"'«「『])?\s*(?P<mark>[A-Za-z]|[0-9]{{1,4}}|[{''.join(_LETTERS)}])"
    r"(?:\s*(?P<close>[)\]}]))?(?P<rest>.*)",
    re.DOTALL,
)
_WORD_LETTERS = frozenset("AEOIYАСaeoiyас")  # words of their own in some language
_SUFFIX = re.compile(r"'(?:[dt][ıiuü]r|y?[ıiuü]|n[ıiuü]n)(?!\w)")  # Turkish: B'dir
_PARENTHESIZED = re.compile(r"(?<!\w)[(\[]\s*(?P<mark>[A-Za-z]|[0-9]{1,3}|[АВСЕ])\s*[)\]](?!\w)")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?\n]+(?=\s|\Z)|\Z)")
# At the end, after a word that says what something is: "It must be B", not "vitamin C".
_LAST = re.compile(
    r"(?:\b(?:is|be|it's|that's|like|say|think|probably|maybe|perhaps)|[:→>])"
    r"\s+((?-i:[B-Z]))[.!)\s]*\Z",
    re.IGNORECASE,
)
# A letter by itself; an A or I before a word is one.
_LONE = re.compile(r"(?<![\w'.-])([B-HJ-Z]|A(?!\s+[a-z])|A(?=\s+(?:or|and)\b))(?![\w'-])")


@lru_cache(maxsize=64)
def reader_of(options: tuple[str, ...], numbered: bool) -> "OptionReader":
    """Return the reader of some options; see `OptionReader`."""
    return OptionReader(options, numbered)


class _Conflict(Exception):
    """Two different options at one place."""


class OptionReader:
    """Read replies to one question; its options are folded once."""

    def __init__(self, options: tuple[str, ...], numbered: bool) -> None:
        self.numbered = numbered
        self.folded = [fold(option).removesuffix(".").rstrip() for option in options]
        self.keys = [
            _key(option) or whole for option, whole in zip(options, self.folded, strict=True)
        ]
        self.bare = [phrases.ARTICLE.sub("", key, count=1) for key in self.keys]

    def read(self, text: str) -> int | None:
        """Return the option that a text without thinking and sections names, or None."""
        try:
            return self._read(text)
        except _Conflict:
            return None

    def stated(self, text: str) -> int | None:
        """Return the option that a text states in so many words, or None."""
        try:
            return self._only(self._statements(_plain(text), text))
        except _Conflict:
            return None

    def _read(self, text: str) -> int | None:
        plain = _plain(text)
        if (option := self._whole(text, plain)) is not None:
            return option
        said = self._statements(plain, text)
        if not any(final for final, _ in said) and (begun := self._begun(plain)) is not None:
            said.append((False, begun))
        if said:
            return self._only(said)
        lines = [line for line in plain.split("\n") if line.strip()]
        if len(lines) > 1:
            ends = [self._whole(line, line) for line in (lines[0], lines[-1])]
            if (option := self._agreed([end for end in ends if end is not None])) is not None:
                return option
        return self._named(plain)

    def _only(self, said: list[tuple[bool, int]]) -> int | None:
        final = [option for final, option in said if final]
        return self._agreed(final or [option for _, option in said])

    def _agreed(self, found: Sequence[int]) -> int | None:
        """Return the option that all of these are, or None; options of one text are one."""
        if len({self.folded[option] for option in found}) > 1:
            raise _Conflict
        return found[0] if found else None

    def _whole(self, text: str, plain: str) -> int | None:
        """Return the option that a text is as a whole: label, text, or both."""
        said = fold(text).removesuffix(".").rstrip()
        match = NUMBERED.fullmatch(said)
        if self.numbered and match and int(match[1]) < len(self.folded):
            number, words = int(match[1]), fold(match[2] or "").removesuffix(".").rstrip()
            if words and words != self.folded[number] and self._text(words) != number:
                raise _Conflict
            return number
        if self._letters_first(said) and (label := self._label(plain)) and _is_bare(label[1]):
            return label[0]
        if (option := self._text(said)) is not None:
            return option
        label = self._label(plain)
        if label and (_is_bare(label[1]) or self._text(label[1]) == label[0]):
            return label[0]
        return None

    def _letters_first(self, said: str) -> bool:
        return not self.numbered and len(_key(said)) == 1

    def _text(self, text: str) -> int | None:
        """Return the option whose text this is, or the number that this is in words."""
        said = fold(text).removesuffix(".").rstrip()
        if said in self.folded:
            return self.folded.index(said)
        key = _key(_plain(text))
        if not key:
            return None
        same = [place for place, own in enumerate(self.keys) if own == key]
        if not same and (number := _number(key)) is not None:
            same = [place for place, own in enumerate(self.keys) if _number(own) == number]
        return same[0] if len({self.folded[place] for place in same}) == 1 else None

    def _leading(self, text: str) -> int | None:
        """Return the option whose text stands at the start of this, nothing but it up to a stop."""
        line = fold(text.strip(_EDGES).partition("\n")[0][:_TAIL])
        for start, keys in ((line, self.keys), (phrases.ARTICLE.sub("", line, count=1), self.bare)):
            fits = [
                (len(key), -place) for place, key in enumerate(keys)
                if key and start.startswith(key) and _stops(start[len(key) :])
            ]  # fmt: skip
            if fits:
                return -max(fits)[1]
        word = re.match(r"\w+", line)
        return self._text(word[0]) if word and _stops(line[word.end() :]) else None

    def _label(self, text: str, stated: bool = False) -> tuple[int, str] | None:
        """Read the label at the start of a text: return its option, and what follows the label.

        `stated` after words that announce an answer, where a label needs less to be one. Raises
        _Conflict where the label's own words are another option's, or another label follows.
        """
        match = _LABEL.match(text)
        if match is None:
            return None
        mark, rest = match["mark"], match["rest"]
        option = self._place(mark)
        if option is None or not self._ends(mark, bool(match["close"]), rest, option, stated):
            return None
        if phrases.DENIED_AFTER.match(rest):
            return None
        if self._another_follows(rest, option):
            raise _Conflict
        words = re.sub(r"^[\s.:,;)\-–—]+", "", rest)
        if words:
            led = self._leading(words)
            if led is not None and self.folded[led] != self.folded[option]:
                raise _Conflict
            if self._echoes(rest, option):
                return None
        return option, words

    def _another_follows(self, rest: str, option: int) -> bool:
        """Tell whether a label is joined to one before it: "or C", ", C"."""
        joined = phrases.BOTH.match(rest)
        other = _LABEL.match(rest[joined.end() :]) if joined else None
        if other is None or self._place(other["mark"]) in (None, option):
            return False
        words = other["rest"]
        if other["close"] or not words or words[0] in ".,;:!?\n":
            return True
        return words[0].isspace() and other["mark"] not in _WORD_LETTERS

    def _place(self, mark: str) -> int | None:
        """Return the option that a label names."""
        if mark.isdecimal():
            place = int(mark) if self.numbered else None
        else:
            place = _LETTERS.get(mark)
            if place is None:
                place = ord(mark.upper()) - ord("A") if mark.isascii() else None
            if self.numbered and mark.casefold() in self.folded:
                place = self.folded.index(mark.casefold())
        return place if place is not None and place < len(self.folded) else None

    def _ends(self, mark: str, closed: bool, rest: str, option: int, stated: bool) -> bool:
        """Tell whether what follows a mark lets it be a label, and no word or number."""
        if closed or not rest or rest.isspace():
            return True
        first, number = rest[0], mark.isdecimal()
        if first == "\n":
            return True
        if first in ".:,;!?":
            if re.match(r"\.\w\.|[.:,]\d" if number else r"\.\w\.", rest):
                return False
            if number and not stated:
                return self._leading(rest.lstrip(".:,;!? ")) == option
            return True
        if first in "\"'»」』" and not rest[1:2].isalnum():
            return True
        if first == "'":
            return bool(_SUFFIX.match(rest)) and mark.isupper()
        if not first.isspace():
            dash = first in "-–—/" and not rest[1:2].isalnum()
            return dash or (not mark.islower() and not number and "\u3000" <= first <= "\u9fff")
        words = rest.strip()
        if words[0] in "-–—/(&+→=":
            return not number or stated
        if mark.islower() or number:
            return number and stated and bool(phrases.CONNECTIVE.match(words))
        if phrases.CONNECTIVE.match(words) or phrases.BOTH.match(rest):
            return True
        if mark in _WORD_LETTERS:
            return stated and self._leading(words) == option
        return stated or self._leading(words) == option

    def _echoes(self, rest: str, option: int) -> bool:
        """Tell whether another option follows, label and text: the options are being listed."""
        for found in re.finditer(r"(?<!\w)([A-Z]|[0-9]{1,3})\s*[.):]\s*", rest[: 4 * _TAIL]):
            other = self._place(found[1])
            if other not in (None, option) and self._leading(rest[found.end() :]) == other:
                return True
        return False

    def _statements(self, plain: str, text: str) -> list[tuple[bool, int]]:
        """Return what a text states, as (whether it is the last word, option)."""
        said = []
        for box in _BOX.findall(text):
            inner = _LATEX.sub(r"\1", box)
            if (option := self._whole(inner, _plain(inner))) is not None:
                said.append((True, option))
        for words, tail in _statements_in(plain):
            option = self._announced(tail)
            if option is not None:
                said.append((bool(phrases.FINAL.search(words)), option))
        for match in phrases.VERDICT.finditer(plain):
            option = self._place(next(filter(None, match.groupdict().values())))
            if option is not None and not _is_denied(plain, match.start()):
                said.append((False, option))
        return said

    def _announced(self, tail: str) -> int | None:
        """Return the option that the words after an announcement begin with."""
        rest = tail
        filler = phrases.FILLER.match(tail)
        if filler:
            rest = tail[filler.end() :]
        if (label := self._label(rest, stated=True)) is not None:
            return label[0]
        for words in (tail.lstrip(" :=\n"), rest):
            if (option := self._leading(words)) is not None:
                return option
        return None

    def _begun(self, plain: str) -> int | None:
        """Return the option that a reply begins with, by letter, or by Yes or No."""
        if (label := self._label(plain)) is not None:
            return label[0]
        led = self._leading(plain)
        return led if led is not None and self.folded[led] in phrases.YES_NO else None

    def _named(self, plain: str) -> int | None:
        """Return the option whose label a reply names, if that is the only one."""
        if phrases.NEGATION.search(plain):
            return None
        marks = [match["mark"] for match in phrases.NAMED.finditer(plain)]
        marks += [match["mark"] for match in _PARENTHESIZED.finditer(plain)]
        marks += _LAST.findall(plain)
        if marks:
            marks += _LONE.findall(plain)
        places = [self._place(mark) for mark in marks]
        named = [place for place in places if place is not None]
        return self._agreed(named) if named else self._said_to_be(plain)

    def _said_to_be(self, plain: str) -> int | None:
        """Return the option whose text a single sentence ends with, saying that something is it."""
        if len(_SENTENCE.findall(plain.strip())) > 1:
            return None
        tails = [plain[match.end() :] for match in phrases.COPULA.finditer(plain)]
        said = [self._leading(tail) for tail in tails if len(tail) <= _TAIL]
        return self._agreed([option for option in said if option is not None])


def _statements_in(plain: str) -> Iterator[tuple[str, str]]:
    """Yield (the announcing words, what follows) for what a text says to be the answer."""
    for match in phrases.statements(plain):
        if not _is_denied(plain, match.start()):
            yield match[0], plain[match.end() : match.end() + _TAIL]


def _is_denied(plain: str, place: int) -> bool:
    """Tell whether what stands before a statement says that it is none."""
    return bool(phrases.DENIED_BEFORE.search(plain[max(0, place - _BEFORE) : place]))


def _plain(text: str) -> str:
    """Return a text unified and without Markdown, HTML and LaTeX."""
    return _MARKUP.sub("", _LATEX.sub(r"\1", _DOLLARS.sub(r"\1", unify(text))))


def _key(text: str) -> str:
    """Return a text as options are compared with it: folded, without quotes and a last stop."""
    return fold(_MARKUP.sub("", text)).lstrip(_EDGES).rstrip(_STOPS)


def _number(key: str) -> int | None:
    if key.isascii() and key.isdecimal() and len(key) <= 4:
        return int(key)
    return phrases.NUMBERS.get(key)


def _is_bare(rest: str) -> bool:
    return not rest.strip(_STOPS + "-–—?/")


def _stops(rest: str) -> bool:
    """Tell whether a word or phrase ends here."""
    if not rest or rest[0] in ".,;:!?)]}\"'»」』、)":
        return not re.match(r"[.,:'][A-Za-z0-9]", rest)
    return bool(
        rest[0].isspace() and (rest.strip()[:1] in "-–—(" or phrases.CONNECTIVE.match(rest.strip()))
    )


def statement(text: str) -> str:
    """Return what the last statement of a reply to an open question says, else all of the reply."""
    if boxes := _BOX.findall(text):
        return _LATEX.sub(r"\1", boxes[-1]).strip()
    plain = unify(text)
    ends = [found.end() for found in phrases.statements(plain)]
    if not ends:
        return text
    said = re.split(r"[.!?](?=\s|$)|\n", plain[ends[-1] :].lstrip(" :*\n"))[0]
    return _MARKUP.sub("", said).strip() or text
