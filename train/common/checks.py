"""What a training record must hold true, checked without its picture: each fault in a few words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from robust_r1.chain import Chain, findings_of, parse
from robust_r1.metrics import normalize_answer
from robust_r1.records import Record
from robust_r1.records.options import option_of_number

# Answers that are words of any sentence: their being there tells nothing.
_COMMON = frozenset(("yes", "no", "not", "none", "both", "all", "a", "i", "it", "true", "false"))


@dataclass(frozen=True)
class Band:
    """Bound the words of a chain's prose (influence, reasoning, conclusion), both ends included."""

    low: int
    target: int
    high: int


def prose_words(chain: Chain) -> int:
    """Count the words of a chain's influence, reasoning and conclusion."""
    return sum(len(text.split()) for text in (chain.influence, chain.reasoning, chain.conclusion))


def faults_of(record: Record, band: Band | None = None) -> tuple[str, ...]:
    """Say what is wrong with a record's chain; nothing where all is right.

    Checked are the grammar, that the findings are the plan's where a plan or an annotator is told,
    that the answer is the true one, that the influence does not name a true option, and the length
    where a band is given.
    """
    parsed = parse(record.chain)
    if not parsed.well_formed:
        return tuple(str(problem) for problem in parsed.problems)
    chain = parsed.chain
    faults = []
    if record.plan.steps or record.annotator:
        wanted, found = sorted_findings(findings_of(record.plan)), sorted_findings(chain.findings)
        if found != wanted:
            faults.append(f"the findings are {found or 'none'}, the plan's are {wanted or 'none'}")
    if not _answers(chain.answer, record):
        faults.append(f"the answer is {chain.answer!r}, the true one {record.answer!r}")
    if leak := leak_of(chain.influence, record.choices, record.answer):
        faults.append(leak)
    words = prose_words(chain)
    if band and not band.low <= words <= band.high:
        faults.append(f"{words} words, wanted are {band.low} to {band.high}")
    empty = [name for name in ("influence", "reasoning", "conclusion") if not getattr(chain, name)]
    faults += [f"the {name} is empty" for name in empty]
    return tuple(faults)


def sorted_findings(findings: Sequence) -> str:
    """Write findings in one order, with two decimals, so that they can be compared and read."""
    return ", ".join(sorted(f"{found.name}({found.intensity:.2f})" for found in findings))


def leak_of(influence: str, choices: Sequence[str], answer: str) -> str:
    """Say how an influence gives the true option away; empty where it does not.

    It does by the option's words, in singular or plural, unless it names every other option too,
    or by the option's number. An answer that is a word of any sentence ("no") cannot be told.

    Args:
        answer: the true option's number, or its text.
    """
    true = option_of_number(answer, choices, number_first=True) if choices else None
    if true is None:
        return ""
    number = [normalize_answer(choice) for choice in choices].index(normalize_answer(true))
    if re.search(rf"\b(answer|option|choice)\b\W+(is\W+)?(number\W+)?{number}\b", influence, re.I):
        return f"the influence names option {number}"
    if not _names(influence, true):
        return ""
    others = [choice for choice in choices if normalize_answer(choice) != normalize_answer(true)]
    if others and all(_names(influence, other) for other in others):
        return ""
    return f"the influence names the true answer {true!r}"


def _names(text: str, option: str) -> bool:
    words = re.findall(r"\w+", option.casefold())
    if not words or (len(words) == 1 and words[0] in _COMMON):
        return False
    pattern = r"\W+".join(map(re.escape, words))
    return re.search(rf"\b{pattern}(s|es)?\b", text.casefold()) is not None


def _answers(answer: str, record: Record) -> bool:
    if not record.answer:
        return True
    if not record.choices:
        return normalize_answer(answer) == normalize_answer(record.answer)
    said, true = (
        option_of_number(text, record.choices, number_first=True)
        for text in (answer, record.answer)
    )
    return said is not None and said == true
