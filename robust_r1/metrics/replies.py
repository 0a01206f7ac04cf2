"""Find the answer in whatever a model wrote.

Models answer in chains, in a bare letter, in sentences of six languages, after pages of thinking.
An answer is looked for where it is most surely meant, and only there:

1. what a model thinks before it answers is left out;
2. the last ANSWER section, where there is one, is all that is read;
3. a reply that as a whole is an option: its number, its letter, its text, or both;
4. what a box (`\\boxed{C}`) or the words "final answer" hold, else what other statements say ("The
   correct answer is (B).") together with a label that the reply begins with ("B. Because ...");
5. a first or last line that is an option as a whole;
6. a label that the reply names ("option B", "(B)"), if it names one alone and denies nothing; else
   what a single sentence says that something is ("The animal is a cat.").

Two different options at one of these places are no answer, and neither is the article `A`. What is
not found stays unparsed: it is never guessed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from robust_r1.chain import TAGS, open_tag, parse
from robust_r1.metrics.options import reader_of, statement
from robust_r1.thoughts import THOUGHT, THOUGHT_END

# An answer stands at the end of a long reply; a bound keeps a hostile megabyte from costing more.
_LONGEST = 8_000

# <answer>B</answer>, as models write that were trained on other grammars than ours; ours is upper
# case and read by `chain`.
_FOREIGN_SECTION = re.compile(
    r"<(?:\|begin_of_)?(?:answer|solution)(?:\|)?>(.*?)(?:</(?:answer|solution)>|<answer_end>|"
    r"<\|end_of_(?:answer|solution)\|>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_SECTION = re.compile(
    "|".join(f"{tag}.*?(?:{tag[:-1]}_END>|\\Z)" for tag in TAGS if not tag.endswith("_END>")),
    re.DOTALL,
)


@dataclass(frozen=True)
class FoundAnswer:
    """Say what a reply answers.

    Attributes:
        text: the answer as it stands in the reply, outer spaces left out; of a reply in which no
            option is found, its ANSWER section or all of it but the thinking.
        option: the option's number, from 0; None without options, and where none is found.
        unparsed: whether no option is found among those that there are, or no word at all.
    """

    text: str
    option: int | None
    unparsed: bool


def find_answer(reply: str, options: Sequence[str] = (), numbered: bool = True) -> FoundAnswer:
    """Find the answer in a reply, which may be anything; never raises, never guesses.

    Args:
        reply: what the model wrote: a chain, an ANSWER section's text alone, or free words.
        options: the options' texts; none of an open question.
        numbered: whether the options were numbered from 0 when they were asked for, as
            `chain.format_question` does. Then a number is an option's number where there is such an
            option, and a text that is a letter comes before the letter of an option; else a number
            is only ever a text, and letters come first.

    >>> find_answer("Looks like a cat. The answer is (B).", ("dog", "cat"))
    FoundAnswer(text='Looks like a cat. The answer is (B).', option=1, unparsed=False)
    """
    section, outside, conclusion = _parts(reply)
    if not options:
        text = section if section is not None else statement(outside or conclusion)
        return FoundAnswer(text, None, not text)
    reader = reader_of(tuple(options), numbered)
    if section is not None:
        return _found(section, reader.read(section))
    option = reader.read(outside) if outside else reader.stated(conclusion)
    return _found(outside or conclusion, option)


def _found(text: str, option: int | None) -> FoundAnswer:
    return FoundAnswer(text, option, option is None)


def _parts(reply: str) -> tuple[str | None, str, str]:
    """Return the last ANSWER section or None, what stands outside of sections, the conclusion."""
    spoken = spoken_part(reply)
    chain = parse(spoken).chain if any(tag in spoken for tag in TAGS) else None
    if chain and chain.answer.strip():
        return _end(chain.answer), "", ""
    if sections := _FOREIGN_SECTION.findall(spoken):
        return _end(sections[-1]) or None, "", ""
    outside = _SECTION.sub("\n", spoken) if chain else spoken
    return None, _end(outside), _end(chain.conclusion) if chain else ""


def spoken_part(reply: str) -> str:
    """Return a reply without what is thought before the answer.

    Of a thought that never ends nothing is left but an ANSWER section, should it hold one.
    """
    spoken = THOUGHT_END.split(THOUGHT.sub("", reply))[-1]
    return reply if not spoken.strip() and open_tag("ANSWER") in reply else spoken


def _end(text: str) -> str:
    return text.strip()[-_LONGEST:]
