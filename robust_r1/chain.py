"""The reasoning chain: what a model says about a degraded picture, and how to read and write it.

A chain is five sections, each between two tags, in this order and with nothing outside them::

    <TYPE>lens blur(0.31), noise(0.20)<TYPE_END><INFLUENCE>...<INFLUENCE_END>
    <REASONING>...<REASONING_END><CONCLUSION>...<CONCLUSION_END><ANSWER>...<ANSWER_END>

What a model thinks first, up to the mark that ends its thought (`thoughts.ENDS`), is no part of the
chain; a chain that stands in there counts where none follows.

Source: Tang et al., Robust-R1 (arXiv 2512.17532), section 3. The tags are ordinary text and must
not become special tokens of a tokenizer: decoding for rewards skips special tokens.

Everything here is linear in the length of the text: one pass of one compiled expression finds the
tags, and a stream is never joined again before somebody looks at it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import ascii_uppercase

from robust_r1.degradations import SPECS, DegradationPlan, find
from robust_r1.errors import InputError
from robust_r1.thoughts import ENDS, STARTS

SECTIONS = ("TYPE", "INFLUENCE", "REASONING", "CONCLUSION", "ANSWER")


def open_tag(section: str) -> str:
    """Return the tag that opens a section."""
    return f"<{section}>"


def close_tag(section: str) -> str:
    """Return the tag that closes a section."""
    return f"<{section}_END>"


TAGS = tuple(tag(section) for section in SECTIONS for tag in (open_tag, close_tag))

# The kinds of problem that a chain can have; a well-formed chain has none.
MISSING = "missing section"
REPEATED = "repeated section"
DISORDER = "sections out of order"
UNCLOSED = "unclosed section"
OUTSIDE = "text outside sections"
UNKNOWN = "unknown degradation"
INTENSITY = "intensity out of range or not a number"
DUPLICATE = "duplicate finding"
PROBLEM_KINDS = (MISSING, REPEATED, DISORDER, UNCLOSED, OUTSIDE, UNKNOWN, INTENSITY, DUPLICATE)

# Sixteen names exist, so a list this long is already nonsense; a bound keeps a hostile megabyte of
# commas from becoming half a million objects.
MAX_ENTRIES = 64

_MARKS = (*TAGS, *STARTS, *ENDS)
_TAG = re.compile(
    "<(" + "|".join(SECTIONS) + ")(_END)?>|" + "|".join(map(re.escape, (*STARTS, *ENDS)))
)
_FIRST = frozenset(mark[0] for mark in _MARKS)
_LONGEST_MARK = max(map(len, _MARKS))
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})")
_CLIP = 40


@dataclass(frozen=True)
class Finding:
    """Name one perceived degradation: its chain name and its intensity in [0, 1]."""

    name: str
    intensity: float


@dataclass(frozen=True)
class Chain:
    """Separate a chain into its five sections; a text is empty where a section is."""

    findings: tuple[Finding, ...] = ()
    influence: str = ""
    reasoning: str = ""
    conclusion: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Problem:
    """Name one departure from the grammar: a kind of PROBLEM_KINDS, the section, a few words."""

    kind: str
    section: str | None
    detail: str

    def __str__(self) -> str:
        """Say it in one line, for people."""
        place = f" {self.section}" if self.section else ""
        return f"{self.kind}{place}: {self.detail}"


@dataclass(frozen=True)
class _Snapshot:
    """Collect what a stream has said up to one moment, not yet joined.

    `parts` is shared with the parser, which only ever appends to it; `count` is how much of it
    belongs to this moment.
    """

    closed: Mapping[str, str]
    problems: tuple[Problem, ...]
    parts: list[str]
    count: int
    tail: str
    final: bool


@dataclass(frozen=True, eq=False)
class Parsed:
    """Show a parsed text: `chain`, `problems` (a tuple of Problem), and the section left open.

    `open_section` is the section whose closing tag has not come, or None. Of a repeated section the
    last closed text counts. Findings keep unknown names (they count as false alarms) and repeats;
    an intensity outside [0, 1] is clipped, an entry whose intensity is no number is left out. Each
    of these is a problem. Content is put together on first use, so unread deltas cost nothing.
    """

    open_section: str | None
    _snapshot: _Snapshot

    @property
    def chain(self) -> Chain:
        """Return the chain as far as it was written."""
        return self._read[0]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return every departure from the grammar, in the order of reading."""
        return self._read[1]

    @property
    def well_formed(self) -> bool:
        """Tell whether the text is a chain from its first to its last character."""
        return not self.problems

    @cached_property
    def _read(self) -> tuple[Chain, tuple[Problem, ...]]:
        snapshot = self._snapshot
        texts = dict(snapshot.closed)
        section = self.open_section
        typing = section == "TYPE" and "TYPE" not in texts
        if section is not None:
            texts.setdefault(section, "".join(snapshot.parts[: snapshot.count]) + snapshot.tail)
        findings, faults = _read_findings(texts.get("TYPE", ""), typing and not snapshot.final)
        chain = Chain(findings, *(texts.get(section, "") for section in SECTIONS[1:]))
        return chain, (*snapshot.problems, *faults)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parsed):
            return NotImplemented
        return (self.open_section, self._read) == (other.open_section, other._read)

    def __repr__(self) -> str:
        return f"Parsed({self.chain!r}, {self.problems!r}, {self.open_section!r})"


class StreamParser:
    """Read a chain piece by piece, with the same result however the text was cut.

    A piece that ends inside a tag is held back until the tag is whole or turns out to be text, so
    half a tag is never shown. Missing and unclosed sections are problems only after the end.
    """

    def __init__(self) -> None:
        self._fed: list[str] = []
        self._pending = ""
        self._open: str | None = None
        self._parts: list[str] = []
        self._closed: dict[str, str] = {}
        self._seen: list[str] = []
        self._last_tag = ""
        self._problems: dict[tuple[str, str | None], Problem] = {}
        self._in_section = False  # whether what is open thinks inside itself
        self._thought: tuple[dict[str, str], dict[tuple[str, str | None], Problem]] = {}, {}

    @property
    def text(self) -> str:
        """Return everything fed so far."""
        self._fed = ["".join(self._fed)]
        return self._fed[0]

    def feed(self, delta: str) -> Parsed:
        """Take the next piece of text and return what has been read so far."""
        self._fed.append(delta)
        text = self._pending + delta
        start = 0
        for match in _TAG.finditer(text):
            if start < match.start():
                self._take(text[start : match.start()])
            if match[1] is None:
                self._think(match[0])
            elif match[2]:
                self._end(match[1])
            else:
                self._begin(match[1])
            self._last_tag = match[0]
            start = match.end()
        held = _held_back(text, start)
        self._take(text[start:held])
        self._pending = text[held:]
        return self._parsed(final=False)

    def close(self) -> Parsed:
        """Return the result if the text ends here; the parser stays usable."""
        return self._parsed(final=True)

    def _parsed(self, final: bool) -> Parsed:
        closed, problems = self._thought if not self._seen else ({}, {})
        told = {**problems, **self._problems}.values()
        snapshot = _Snapshot(
            closed={**closed, **self._closed},
            problems=(*told, *(self._problems_at_end() if final else ())),
            parts=self._parts,
            count=len(self._parts),
            tail=self._pending if final else "",
            final=final,
        )
        return Parsed(self._open, snapshot)

    def _problems_at_end(self) -> list[Problem]:
        problems = []
        if self._open is not None:
            problems.append(Problem(UNCLOSED, self._open, f"{close_tag(self._open)} never came"))
        elif self._pending and (OUTSIDE, None) not in self._problems:
            problems.append(Problem(OUTSIDE, None, self._place()))
        seen = self._seen or self._thought[0]
        missing = [section for section in SECTIONS[:-1] if section not in seen]
        return problems + [
            Problem(MISSING, name, f"{open_tag(name)} never came") for name in missing
        ]

    def _take(self, text: str) -> None:
        if self._open is not None:
            if text:
                self._parts.append(text)
        elif text and not text.isspace():
            self._note(OUTSIDE, None, self._place())

    def _think(self, mark: str) -> None:
        """Begin or end a thought; one inside a section is text of that section."""
        if self._open is not None and (self._in_section or mark in STARTS):
            self._in_section = mark in STARTS
            self._take(mark)
        elif mark in STARTS:
            self._take(mark)
        else:
            self._put_behind()

    def _put_behind(self) -> None:
        """Begin anew after a thought; what stood in it is kept for want of anything better."""
        if self._open is not None:
            self._note(UNCLOSED, self._open, f"{ENDS[0]} came first")
            self._closed.setdefault(self._open, "".join(self._parts))
        if self._seen:
            self._thought = self._closed, self._problems
        self._open, self._parts, self._closed = None, [], {}
        self._seen, self._problems = [], {}

    def _begin(self, section: str) -> None:
        if self._open is not None:
            self._note(UNCLOSED, self._open, f"{open_tag(section)} came first")
            self._closed.setdefault(self._open, "".join(self._parts))
        if section in self._seen:
            self._note(REPEATED, section, "it stands there more than once")
        else:
            later = [name for name in self._seen if SECTIONS.index(name) > SECTIONS.index(section)]
            if later:
                self._note(DISORDER, section, f"it comes after {later[0]}")
            self._seen.append(section)
        self._open, self._parts, self._in_section = section, [], False

    def _end(self, section: str) -> None:
        if section == self._open:
            self._closed[section] = "".join(self._parts)
            self._open, self._parts = None, []
        elif self._open is None:
            self._note(OUTSIDE, None, self._place())
        else:
            self._note(DISORDER, section, f"{close_tag(section)} inside {self._open}")

    def _place(self) -> str:
        # The tag before it rather than the text itself, which may still be arriving in pieces.
        return f"after {self._last_tag}" if self._last_tag else "before the first section"

    def _note(self, kind: str, section: str | None, detail: str) -> None:
        # Once per kind and section: a looping model must not produce thousands of problems.
        if (kind, section) not in self._problems:
            self._problems[kind, section] = Problem(kind, section, detail)


def parse(text: str) -> Parsed:
    """Parse whatever a model wrote; never raises, linear time.

    Returns the chain as far as it can be read and the named problems (PROBLEM_KINDS). The answer
    section is optional, white space between sections is allowed, a finding's name may be any id,
    chain name, label or alias of the degradation table in any case.
    """
    parser = StreamParser()
    parser.feed(text)
    return parser.close()


def render(chain: Chain) -> str:
    """Write a chain in the exact layout that models are trained on; `parse` reads it back.

    Intensities get two decimals and no finding is written as `none`. Raises InputError where the
    text would not parse back: a tag inside a section, an unknown or repeated degradation, an
    intensity outside [0, 1].
    """
    texts = (
        _render_findings(chain.findings), chain.influence, chain.reasoning,
        chain.conclusion, chain.answer,
    )  # fmt: skip
    for section, text in zip(SECTIONS, texts, strict=True):
        if found := _TAG.search(text):
            raise InputError(f"The {section} section contains the tag {found[0]}; leave it out.")
    return "".join(
        f"{open_tag(section)}{text}{close_tag(section)}"
        for section, text in zip(SECTIONS, texts, strict=True)
    )


def format_question(question: str, choices: Sequence[str] = (), lettered: bool = False) -> str:
    """Write a question with its options numbered from 0, one a line, as A-OKVQA does.

    With `lettered` they get A, B, C, ... as in published benchmarks: 26 at most.
    """
    marks = option_labels(len(choices), lettered)
    options = [f"{mark}. {choice}" for mark, choice in zip(marks, choices, strict=False)]
    return "\n".join([question.strip(), *options])


def option_labels(count: int, lettered: bool = False) -> tuple[str, ...]:
    """Return the labels of so many options: 0, 1, 2, ..., or A, B, C, ..., 26 at most."""
    return tuple(ascii_uppercase[:count]) if lettered else tuple(map(str, range(count)))


_AFTER_FINDINGS = (
    "<INFLUENCE>what it does to the evidence<INFLUENCE_END>"
    "<REASONING>what the undamaged picture shows<REASONING_END>"
    "<CONCLUSION>what follows<CONCLUSION_END>"
    "<ANSWER>the answer<ANSWER_END>"
)


def build_prompt(question: str, answer_only: bool = False, findings: str | None = None) -> str:
    """Write the prompt for a question: the question first, then how to answer.

    With `answer_only`, for models without reasoning, only the answer section is asked for. With
    `findings`, written as in a TYPE section, another model has looked before, and the four sections
    after that one are asked for. The bundled models read these texts too, so they are short and do
    not list the degradations.
    """
    if answer_only:
        return f"{question}\nWrite only <ANSWER>the answer<ANSWER_END>"
    if findings is not None:
        return (
            f"{question}\nDamage was found in the picture, with intensities from 0 to 1: "
            f"{findings}. Answer in four sections, in this order: {_AFTER_FINDINGS}"
        )
    return (
        f"{question}\nThe picture may be damaged. Answer in five sections, in this order: "
        f"<TYPE>each degradation(intensity from 0 to 1), or none<TYPE_END>{_AFTER_FINDINGS}"
    )


def findings_of(plan: DegradationPlan) -> tuple[Finding, ...]:
    """List a plan's degradations as true findings, in plan order, rounded to two decimals.

    A step that would be written as 0.00 is left out: nobody can be asked to see it.
    """
    findings = (Finding(find(step.id).chain_name, round(step.intensity, 2)) for step in plan.steps)
    return tuple(finding for finding in findings if finding.intensity > 0)


def _spelling(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())


# A plain mapping instead of `find`, which looks for similar names to put into its error: too slow
# for a parser that expects nonsense.
_CHAIN_NAMES = {_spelling(name): spec.chain_name for spec in SPECS for name in spec.names}


def _read_findings(text: str, unfinished: bool) -> tuple[tuple[Finding, ...], list[Problem]]:
    """Read the TYPE section; of an unfinished one the last entry counts once it has its `)`."""
    entries = text.split(",", MAX_ENTRIES)
    if unfinished and not entries[-1].rstrip().endswith(")"):
        entries.pop()
    elif _spelling(text[:_CLIP]).rstrip(".") in ("", "none") and len(text.strip()) <= len("none."):
        return (), []
    findings, problems, seen = [], [], set()
    for entry in entries[:MAX_ENTRIES]:
        finding, faults = _read_entry(entry.strip())
        problems += faults
        if finding is None:
            continue
        if finding.name in seen:
            problems.append(Problem(DUPLICATE, "TYPE", finding.name))
        seen.add(finding.name)
        findings.append(finding)
    if len(entries) > MAX_ENTRIES:
        problems.append(Problem(UNKNOWN, "TYPE", f"not read after {MAX_ENTRIES} entries"))
    return tuple(findings), problems


def _read_entry(entry: str) -> tuple[Finding | None, list[Problem]]:
    problems = []
    written, bracket, rest = entry.partition("(")
    spelling = _spelling(written)
    if not spelling:
        return None, [Problem(UNKNOWN, "TYPE", "an entry without a name")]
    name = _CHAIN_NAMES.get(spelling)
    if name is None:
        problems.append(Problem(UNKNOWN, "TYPE", _clip(written)))
    number = rest[:-1].strip() if bracket and rest.endswith(")") else ""
    if not _NUMBER.fullmatch(number):
        problems.append(Problem(INTENSITY, "TYPE", _clip(entry)))
        return None, problems
    intensity = float(number)
    if not 0 <= intensity <= 1:
        problems.append(Problem(INTENSITY, "TYPE", _clip(entry)))
    return Finding(name or _clip(spelling), min(max(intensity, 0.0), 1.0)), problems


def _render_findings(findings: Iterable[Finding]) -> str:
    written = []
    for finding in findings:
        name = find(finding.name).chain_name
        if not 0 <= finding.intensity <= 1:
            raise InputError(
                f"The intensity of {name} is {finding.intensity}; give a number from 0 to 1."
            )
        written.append((name, f"{name}({finding.intensity:.2f})"))
    if len({name for name, _ in written}) < len(written):
        raise InputError("A chain names a degradation twice; name each one once.")
    return ", ".join(text for _, text in written) or "none"


def _held_back(text: str, start: int) -> int:
    """Return where a tag or mark may have begun at the end of the text, else the text's length."""
    for cut in range(max(start, len(text) - _LONGEST_MARK + 1), len(text)):
        if text[cut] in _FIRST and any(mark.startswith(text[cut:]) for mark in _MARKS):
            return cut
    return len(text)


def _clip(text: str) -> str:
    line = " ".join(text[: 4 * _CLIP].split())
    return line if len(line) <= _CLIP else line[: _CLIP - 3] + "..."
