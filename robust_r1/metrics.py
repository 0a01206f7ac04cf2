"""What a reasoning chain is worth: the functions behind rewards, reports and the page.

A measure that cannot be taken is None, which is counted and shown; it is never zero. Sources: the
paper's Eq. 6 and Eq. 8 for the degradation and length scores, Hendrycks and Dietterich (2019) for
corruption errors, R-Bench (arXiv 2410.05474) for absolute and relative robustness.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robust_r1.chain import Finding, Parsed
from robust_r1.errors import InputError

# Four bootstrap replicates of a million items at a time keep the memory below about 100 MB.
_BOOTSTRAP_CELLS = 4_000_000
_RESAMPLES = 2000

# "2", "2.", "(2)", "option 2", "2. kite", "option 2: kite"; not "2 kites", which is a count.
_OPTION = re.compile(r"(?:option\s+)?\(?([0-9]{1,4})\)?(?:\s*[.:)](?:\s+(.*))?)?", re.DOTALL)


# Answers


def normalize_answer(text: str) -> str:
    """Reduce an answer to what is compared: case, outer and repeated spaces and one full stop go.

    >>> normalize_answer("  A red  Kite. ")
    'a red kite'
    """
    return " ".join(text.casefold().split()).removesuffix(".").rstrip()


def answer_matches(predicted: str, truth: str, choices: Sequence[str] = ()) -> bool:
    """Tell whether an answer is the true one.

    Among `choices`, numbered from 0, both sides may be an option's number ("2", "2.", "option 2"),
    its text ("kite") or both ("2. kite"); number and text that contradict each other match nothing.
    A bare number is the option's number where there is such an option, else a text. Without choices
    the normalized texts are compared, and a numbered answer fits a true number. An empty truth
    matches nothing.
    """
    said, true = normalize_answer(predicted), normalize_answer(truth)
    if not true:
        return False
    options = [normalize_answer(choice) for choice in choices]
    if options:
        target = _chosen(true, options)
        if target is not None:
            chosen = _chosen(said, options)
            return chosen is not None and options[chosen] == options[target]
    elif true.isdecimal() and (match := _OPTION.fullmatch(said)):
        return match[1] == true
    return said == true


def _chosen(answer: str, options: Sequence[str]) -> int | None:
    match = _OPTION.fullmatch(answer)
    if match and int(match[1]) < len(options):
        number = int(match[1])
        text = normalize_answer(match[2] or "")
        return number if text in ("", options[number]) else None
    return options.index(answer) if answer in options else None


def accuracy_score(predicted: str, truth: str | None, choices: Sequence[str] = ()) -> float | None:
    """Return 1.0 for the true answer, 0.0 for another, None where the truth has no answer."""
    if truth is None or not normalize_answer(truth):
        return None
    return float(answer_matches(predicted, truth, choices))


# Degradations


@dataclass(frozen=True)
class Matching:
    """Hold perceived findings matched to true ones by name, one to one.

    `matched` holds (name, perceived intensity, true intensity); `false_alarms` and `misses` hold
    names. A name perceived twice matches once, its repeat is a false alarm.
    """

    matched: tuple[tuple[str, float, float], ...] = ()
    false_alarms: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()

    @property
    def precision(self) -> float | None:
        """Return the share of perceived findings that are true; None where none is perceived."""
        return _ratio(len(self.matched), len(self.matched) + len(self.false_alarms))

    @property
    def recall(self) -> float | None:
        """Return the share of true findings that are perceived; None where none is true."""
        return _ratio(len(self.matched), len(self.matched) + len(self.misses))

    @property
    def f1(self) -> float | None:
        """Return the harmonic mean of precision and recall; None where both sides are empty."""
        matched = 2 * len(self.matched)
        return _ratio(matched, matched + len(self.false_alarms) + len(self.misses))

    @property
    def mae(self) -> float | None:
        """Return the mean absolute intensity error of the matches; None without a match."""
        return mean(abs(perceived - true) for _, perceived, true in self.matched)

    @property
    def bias(self) -> float | None:
        """Return the mean of perceived minus true intensity (above 0: exaggerates), or None."""
        return mean(perceived - true for _, perceived, true in self.matched)


def match_findings(predicted: Iterable[Finding], true: Iterable[Finding]) -> Matching:
    """Match perceived to true findings by chain name, one to one, in the order of the first."""
    waiting: dict[str, list[float]] = {}
    for finding in true:
        waiting.setdefault(finding.name, []).append(finding.intensity)
    matched, false_alarms = [], []
    for finding in predicted:
        if waiting.get(finding.name):
            matched.append((finding.name, finding.intensity, waiting[finding.name].pop(0)))
        else:
            false_alarms.append(finding.name)
    misses = tuple(name for name, intensities in waiting.items() for _ in intensities)
    return Matching(tuple(matched), tuple(false_alarms), misses)


def pool(matchings: Iterable[Matching]) -> Matching:
    """Put the matchings of many pictures together, for figures over all of their findings."""
    matchings = list(matchings)
    return Matching(
        tuple(match for matching in matchings for match in matching.matched),
        tuple(name for matching in matchings for name in matching.false_alarms),
        tuple(name for matching in matchings for name in matching.misses),
    )


def degradation_score(predicted: Sequence[Finding], true: Sequence[Finding]) -> float:
    """Score perceived against true findings (paper Eq. 6).

    Each match by name earns 1 - |difference of intensity|; each false alarm (repeats included) and
    each miss costs 1. Two empty lists score 1. The result lies between minus the number of findings
    on both sides and the number of true ones.
    """
    if not predicted and not true:
        return 1.0
    matching = match_findings(predicted, true)
    earned = sum(1 - abs(perceived - true) for _, perceived, true in matching.matched)
    return earned - len(matching.false_alarms) - len(matching.misses)


def perception_score(parsed: Parsed, true: Sequence[Finding]) -> float:
    """Score a parsed chain's findings as `degradation_score` does.

    On an undegraded picture an empty list earns its 1 only where the chain says so: a TYPE section
    that is missing, unclosed or unreadable scores 0, or silence would pay.
    """
    findings = parsed.chain.findings
    if not findings and not true:
        return float(all(problem.section != "TYPE" for problem in parsed.problems))
    return degradation_score(findings, true)


# Form


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
    """Hold what one answer is worth; None marks what cannot be scored.

    `explain` says for each of degradation, length, format and accuracy how it was computed.
    """

    matching: Matching | None
    degradation: float | None
    length: float | None
    format: float
    accuracy: float | None
    explain: Mapping[str, str]


def score_answer(
    parsed: Parsed,
    true_findings: Sequence[Finding] | None,
    truth: str | None = None,
    choices: Sequence[str] = (),
    tokens: int | None = None,
    true_tokens: int | None = None,
) -> Scorecard:
    """Score one parsed answer with the same functions that training rewards.

    `true_findings` is None where nobody knows what was done to the picture, `truth` where nobody
    knows the answer, `tokens` and `true_tokens` where there is no reference chain.
    """
    matching = degradation = length = None
    if true_findings is not None:
        matching = match_findings(parsed.chain.findings, true_findings)
        degradation = perception_score(parsed, true_findings)
    if tokens is not None and true_tokens is not None:
        length = length_score(tokens, true_tokens)
    accuracy = accuracy_score(parsed.chain.answer, truth, choices)
    explain = {
        "degradation": _explain_degradation(matching, degradation),
        "length": _explain_length(length, tokens, true_tokens),
        "format": _explain_format(parsed),
        "accuracy": _explain_accuracy(accuracy, parsed.chain.answer, truth),
    }
    return Scorecard(matching, degradation, length, format_score(parsed), accuracy, explain)


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


def _explain_accuracy(score: float | None, answer: str, truth: str | None) -> str:
    if score is None:
        return "Not scored: the true answer is not known."
    said = f'"{normalize_answer(answer)}"' if answer.strip() else "no answer"
    verb = "matches" if score else "does not match"
    return f'{said} {verb} the true answer "{normalize_answer(truth or "")}": {score:.0f}.'


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


# Figures over many answers


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of what was scored, leaving out None; None where nothing was."""
    scored = [value for value in values if value is not None]
    return float(np.mean(scored)) if scored else None


def bootstrap_interval(
    values: Iterable[float | None], seed: int = 0, level: float = 0.95
) -> tuple[float, float] | None:
    """Return the percentile bootstrap interval of the mean, as (low, high).

    None among the values is left out; without any value there is no interval. For two models on the
    same items give the differences, which makes the interval a paired one. 2000 resamples.
    """
    if not 0 < level < 1:
        raise InputError(f"The confidence level is {level}; give a number between 0 and 1.")
    scored = np.array([value for value in values if value is not None], dtype=float)
    if not len(scored):
        return None
    rng = np.random.default_rng(seed)
    rows = max(1, _BOOTSTRAP_CELLS // len(scored))
    means = [
        scored[rng.integers(len(scored), size=(min(rows, _RESAMPLES - done), len(scored)))].mean(1)
        for done in range(0, _RESAMPLES, rows)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def relative_drop(clean: float, degraded: float) -> float | None:
    """Return the share of a clean accuracy that is lost; None where there is none to lose."""
    return _ratio(clean - degraded, clean)


@dataclass(frozen=True)
class Flips:
    """Hold how often a degradation turns an answer, as shares of the `n` scored pairs."""

    n: int
    right_to_wrong: float | None
    wrong_to_right: float | None

    @property
    def rate(self) -> float | None:
        """Return the share of pairs that turned, either way."""
        if self.right_to_wrong is None or self.wrong_to_right is None:
            return None
        return self.right_to_wrong + self.wrong_to_right


def flips(clean: Sequence[float | None], degraded: Sequence[float | None]) -> Flips:
    """Compare accuracies (1 or 0) of the same items clean and degraded; unscored pairs are out.

    Raises ValueError where the two have different lengths.
    """
    pairs = [
        (before, after)
        for before, after in zip(clean, degraded, strict=True)
        if before is not None and after is not None
    ]
    lost = sum(before > after for before, after in pairs)
    won = sum(before < after for before, after in pairs)
    return Flips(len(pairs), _ratio(lost, len(pairs)), _ratio(won, len(pairs)))


def corruption_error(errors: Sequence[float], base_errors: Sequence[float]) -> float | None:
    """Return a degradation's error over its levels, relative to the base model's (1 = as bad).

    None where the base makes no error.
    """
    return _ratio(sum(errors), sum(base_errors))


def relative_corruption_error(
    errors: Sequence[float], clean: float, base_errors: Sequence[float], base_clean: float
) -> float | None:
    """Return the *growth* of the error over the clean one, relative to the base model's.

    None where the base does not get worse: there is nothing to divide by.
    """
    growth = sum(error - clean for error in errors)
    base_growth = sum(error - base_clean for error in base_errors)
    return growth / base_growth if base_growth > 0 else None


def mean_corruption_error(
    errors: Mapping[str, Sequence[float]], base_errors: Mapping[str, Sequence[float]]
) -> float | None:
    """Return mCE: the mean corruption error over degradations, those without one left out."""
    return mean(corruption_error(errors[name], base_errors[name]) for name in errors)


def relative_mean_corruption_error(
    errors: Mapping[str, Sequence[float]],
    clean: float,
    base_errors: Mapping[str, Sequence[float]],
    base_clean: float,
) -> float | None:
    """Return relative mCE: the mean over the degradations by which the base gets worse."""
    return mean(
        relative_corruption_error(errors[name], clean, base_errors[name], base_clean)
        for name in errors
    )


def absolute_robustness(distorted: Sequence[float | None]) -> float | None:
    """Return R-Bench's absolute robustness: the mean judgement of answers on distorted pictures."""
    return mean(distorted)


def relative_robustness(
    consistency: Sequence[float | None], reference: Sequence[float | None]
) -> float | None:
    """Return R-Bench's relative robustness: mean(consistency x reference), unjudged items out.

    Raises ValueError where the two have different lengths.
    """
    return mean(
        None if same is None or right is None else same * right
        for same, right in zip(consistency, reference, strict=True)
    )


def calibration_error(
    confidences: Sequence[float], correct: Sequence[float], bins: int = 15
) -> float | None:
    """Return the expected calibration error over equally wide bins of confidence in [0, 1]."""
    sure, right = np.asarray(confidences, dtype=float), np.asarray(correct, dtype=float)
    if not len(sure):
        return None
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=sure - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(sure))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
