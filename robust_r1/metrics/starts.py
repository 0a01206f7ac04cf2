"""Find the place in a reply where its answer begins, for the odds of the options there."""

import re

from robust_r1.chain import TAGS, open_tag
from robust_r1.thoughts import THOUGHT, THOUGHT_END

# <answer> of other grammars than ours counts too.
_SECTION = re.compile(re.escape(open_tag("ANSWER")), re.IGNORECASE)
_MARKS = re.compile(r"\s*(?:\*\*|[(\[\"'“‘])?\s*")


def answer_start(reply: str) -> int | None:
    """Return where a reply's answer begins: the place of its first character.

    That is after the last <ANSWER>, else after what the model thought, else at the beginning of the
    reply; spaces and an opening mark ("(", "**") are passed over. None where there is no such
    place: in a chain that lacks an answer, and in a thought that never ends.

    >>> answer_start("<ANSWER>(B)<ANSWER_END>")
    9
    """
    sections = list(_SECTION.finditer(reply))
    thoughts = [*THOUGHT.finditer(reply), *THOUGHT_END.finditer(reply)]
    if sections:
        start = sections[-1].end()
    elif any(tag in reply for tag in TAGS):
        return None
    else:
        start = max((thought.end() for thought in thoughts), default=0)
        if thoughts and start == len(reply):
            return None
    marks = _MARKS.match(reply, start)
    return marks.end() if marks else start
