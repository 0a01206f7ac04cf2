"""What one answer is worth, and how each figure was computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robust_r1.chain import Finding, Parsed
from robust_r1.metrics.answers import Verdict, judge_answer, normalize_answer
from robust_r1.metrics.findings import Matching, match_findings, perception_score

_CAPTION = "F1 over the facts (color, object, place) of the caption and the true one."
_LONGEST = 200  # characters of an answer that an explanation quotes


def length_score(tokens: int, true_tokens: int) -> float | None:
    """Score a length against the reference's: 1 - |n - m| / m (paper Eq. 8), never below -1.

    Both in tokens of the policy's own tokenizer. None where the reference is empty.
    """
    if true_tokens <= 0:
        return None
    return max(-1.0, 1 - abs(tokens - true_tokens) / true_tokens)


def format_score(parsed: Parsed) -> float:
    """Return 1.0 for a text that is a chain from first to last character, else 0.0."""
    return float(parsed.well_formed)


@dataclass(frozen=True)
class Scorecard:
    """State what one answer is worth; None marks what cannot be scored.

    `explain` says for each of degradation, length, format and accuracy how it was computed;
    `unparsed` tells of an accuracy of 0 that no answer was found, rather than a wrong one.
    """

    matching: Matching | None
    degradation: float | None
    length: float | None
    format: float
    accuracy: float | None
    explain: Mapping[str, str]
    unparsed: bool = False


def score_answer(
    parsed: Parsed,
    true_findings: Sequence[Finding] | None,
    truth: str | None = None,
    choices: Sequence[str] = (),
    tokens: int | None = None,
    true_tokens: int | None = None,
    caption: float | None = None,
    reply: str | None = None,
    numbered: bool = True,
) -> Scorecard:
    """Score one parsed answer with the same functions that training rewards.

    `true_findings` is None where nobody knows what was done to the picture, `truth` where nobody
    knows the answer, `tokens` and `true_tokens` where there is no reference chain. `caption` is
    what a caption is worth by its facts, in [0, 1], which its words alone do not tell. `reply` is
    all that the model wrote, in which the answer is looked for; None to read the ANSWER section
    alone, as training does. `numbered` says whether the options had numbers, see `find_answer`.
    """
    matching = degradation = length = None
    if true_findings is not None:
        matching = match_findings(parsed.chain.findings, true_findings)
        degradation = perception_score(parsed, true_findings)
    if tokens is not None and true_tokens is not None:
        length = length_score(tokens, true_tokens)
    answer = parsed.chain.answer
    verdict = judge_answer(answer if reply is None else reply, truth, choices, numbered)
    accuracy = verdict.accuracy if caption is None else caption
    explain = {
        "degradation": _explain_degradation(matching, degradation),
        "length": _explain_length(length, tokens, true_tokens),
        "format": _explain_format(parsed),
        "accuracy": _CAPTION
        if caption is not None
        else _explain_accuracy(verdict, answer, truth, choices),
    }
    form, unparsed = format_score(parsed), caption is None and verdict.unparsed
    return Scorecard(matching, degradation, length, form, accuracy, explain, unparsed)


def _explain_degradation(matching: Matching | None, score: float | None) -> str:
    if matching is None or score is None:
        return "Not scored: what was done to the picture is not known."
    if not (matching.matched or matching.false_alarms or matching.misses):
        if score:
            return "Nothing was applied and the chain says so: 1."
        return "Nothing was applied, but the TYPE section is missing or cannot be read: 0."
    earned = sum(1 - abs(perceived - true) for _, perceived, true in matching.matched)
    return (
        f"{_count(len(matching.matched), 'match', 'matches')} at 1 - |perceived - applied| "
        f"{'earn' if len(matching.matched) != 1 else 'earns'} {earned:.2f}, minus 1 for each of "
        f"{_count(len(matching.false_alarms), 'false alarm')} and "
        f"{_count(len(matching.misses), 'miss', 'misses')}: {score:.2f}."
    )


def _explain_length(score: float | None, tokens: int | None, true_tokens: int | None) -> str:
    if score is None:
        return "Not scored: there is no reference chain to compare the length with."
    return f"1 - |{tokens} - {true_tokens}| / {true_tokens} tokens, at least -1: {score:.2f}."


def _explain_format(parsed: Parsed) -> str:
    if parsed.well_formed:
        return "Every section stands in its place and nothing stands outside: 1."
    count = _count(len(parsed.problems), "problem")
    return f"{count}, the first one {parsed.problems[0]}: 0."


def _explain_accuracy(
    verdict: Verdict, answer: str, truth: str | None, choices: Sequence[str]
) -> str:
    score = verdict.accuracy
    if score is None:
        return "Not scored: the true answer is not known."
    if verdict.unparsed and normalize_answer(verdict.found.text):
        return "No answer is found in the reply, which counts as wrong: 0."
    words, true = normalize_answer(answer or verdict.found.text), normalize_answer(truth or "")
    if words == true and not score and verdict.found.option is not None:
        # Options that are numbers: the reply means the option of that number, the truth its text.
        words = f"{words}. {normalize_answer(choices[verdict.found.option])}"
    if len(words) > _LONGEST:
        words = f"{words[:_LONGEST]}..."
    said = f'"{words}"' if words else "no answer"
    verb = "matches" if score else "does not match"
    return f'{said} {verb} the true answer "{true}": {score:.0f}.'


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
