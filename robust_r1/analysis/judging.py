"""Judge a chain that somebody wrote by hand, and make chains that go wrong in one known way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from robust_r1.chain import Chain, Finding, Parsed, close_tag, open_tag, parse, render
from robust_r1.degradations import SPECS
from robust_r1.errors import InputError
from robust_r1.metrics import Scorecard, score_answer, truth_in_words
from robust_r1.rewards import count_words

MAX_TEXT = 20_000
_SHIFT, _ALARM = 0.3, 0.5  # intensities: how far one is moved, how strong the false alarm is


@dataclass(frozen=True)
class Judgment:
    """Say of a chain's text what was read in it, how long it and the true one are, the rewards."""

    text: str
    parsed: Parsed
    tokens: int | None
    true_tokens: int | None
    score: Scorecard


@dataclass(frozen=True)
class Variant:
    """Name one way to depart from the reference, and give the chain that does."""

    name: str
    text: str


def judge(
    text: str,
    truth: str,
    choices: Sequence[str] = (),
    count: Callable[[str], int | None] = count_words,
) -> Judgment:
    """Judge a chain against the true one, both given as text.

    Args:
        text: what somebody wrote, at most MAX_TEXT characters; it may be malformed.
        truth: the true chain, well formed.
        choices: the options, where the answer may be an option's number.
        count: how lengths are counted, by default words and punctuation marks; None where a model
            cannot tell, whose length is not scored then.

    Raises:
        InputError: a text that is too long, or a true chain that is not well formed.
    """
    for name, given in (("chain", text), ("true chain", truth)):
        if len(given) > MAX_TEXT:
            raise InputError(
                f"The {name} has {len(given)} characters; shorten it to {MAX_TEXT}."
            )
    true = parse(truth)
    if not true.well_formed:
        raise InputError(f"The true chain is not well formed ({true.problems[0]}); mend it first.")
    parsed, tokens, true_tokens = parse(text), count(text), count(truth)
    answer = truth_in_words(true.chain.answer, choices) or None
    score = score_answer(parsed, true.chain.findings, answer, choices, tokens, true_tokens)
    return Judgment(text, parsed, tokens, true_tokens, score)


def variants(reference: Chain) -> tuple[Variant, ...]:
    """Return the reference chain, and chains that depart from it in one way each."""
    text = render(reference)
    found = [Variant("Reference", text)]
    if reference.findings:
        first, *others = reference.findings
        found += [
            Variant("Intensity off", render(_with(reference, [_shifted(first), *others]))),
            Variant("One missed", render(_with(reference, others))),
        ]
    found += [
        Variant("False alarm", render(_with(reference, [*reference.findings, _alarm(reference)]))),
        Variant("Wrong answer", render(replace(reference, answer="something else"))),
        Variant("Too short", render(replace(reference, influence="", reasoning=""))),
        Variant("Too long", render(replace(reference, reasoning=_padded(reference.reasoning)))),
        Variant("Section missing", _without(text, "REASONING")),
        Variant("Chatter outside", f"Sure, here it is! {text}"),
    ]
    if reference.findings:
        found.append(Variant("Said twice", _repeated(text)))
    return tuple(found)


def _with(chain: Chain, findings: Sequence[Finding]) -> Chain:
    return replace(chain, findings=tuple(findings))


def _shifted(finding: Finding) -> Finding:
    up = finding.intensity + _SHIFT
    return replace(finding, intensity=round(up if up <= 1 else finding.intensity - _SHIFT, 2))


def _alarm(chain: Chain) -> Finding:
    named = {finding.name for finding in chain.findings}
    return Finding(next(s.chain_name for s in SPECS if s.chain_name not in named), _ALARM)


def _padded(text: str) -> str:
    return " ".join([text] * 6)


def _without(text: str, section: str) -> str:
    before, _, rest = text.partition(open_tag(section))
    return before + rest.partition(close_tag(section))[2]


def _repeated(text: str) -> str:
    start = len(open_tag("TYPE"))
    first = text[start:].partition(")")[0] + ")"
    return f"{text[:start]}{first}, {text[start:]}"
