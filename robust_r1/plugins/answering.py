"""Ask a model what another tool asks, and hand over its answer as that tool reads answers.

Tools match a short answer, best of all an option's letter, against the true one. A chain confuses
them: `<ANSWER>B<ANSWER_END>` is one word to VLMEvalKit, and every option that the reasoning names
is an answer too. So what is handed over is the letter of the option that the chain's answer names.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from robust_r1.ask.case import Case
from robust_r1.ask.prompts import Prompt, read_prompt
from robust_r1.engine import Engine, Request, load_engine
from robust_r1.errors import InputError
from robust_r1.images import load
from robust_r1.metrics.replies import find_answer
from robust_r1.records.options import options_in

# What tools write around a question: it is asked by our own prompt instead.
_FRAME = re.compile(r"^\s*question\s*[:\uff1a]\s*", re.IGNORECASE)
_ORDER = re.compile(
    r"\n?[^\n]*(?:select the (?:correct|best) answer|answer with the option|option's letter|"
    r"the options? above)[^\n]*\s*$",
    re.IGNORECASE,
)
_SECTION = re.compile(r"<ANSWER>\s*(.*?)\s*<ANSWER_END>", re.DOTALL)


@dataclass(frozen=True)
class Question:
    """Hold a question as a tool puts it.

    Attributes:
        text: without its options.
        choices: the options' texts; the tool letters them A, B, ...; empty for an open question.
        pictures: files, PIL pictures or arrays, as the tool gives them.
    """

    text: str
    choices: tuple[str, ...] = ()
    pictures: tuple[Any, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Handed:
    """Give what a model said.

    Attributes:
        answer: as the tool reads it: a letter where there are options and one is named, else words.
        chain: everything that the model wrote.
    """

    answer: str
    chain: str


class Answerer:
    """Answer a tool's questions with one loaded model."""

    def __init__(
        self, model: str = "auto", prompt: str = "ours", quantize: str | None = None
    ) -> None:
        """Load the model.

        Args:
            model: what `load_engine` takes: a catalog name, a folder, a hub id, an address.
            prompt: "ours", "direct", a file, or a text with {question}, as `ask --prompt` has it.
            quantize: the precision; None for what suits the machine.
        """
        self.prompt: Prompt = read_prompt(prompt)
        self.engine: Engine = load_engine(model, quantize)

    def answer(self, questions: Sequence[Question], batch_size: int = 8) -> list[Handed]:
        """Answer questions in batches, in their order, with the model's own settings.

        Raises:
            InputError: a question without a picture, or with more than the model takes.
            ImageError: a picture that cannot be read.
        """
        requests = [self._request(question) for question in questions]
        answers = self.engine.generate(requests, batch_size=batch_size)
        return [
            Handed(answer_in(one.text, question.choices, not self.prompt.lettered), one.text)
            for question, one in zip(questions, answers, strict=True)
        ]

    def _request(self, question: Question) -> Request:
        most = self.engine.info.pictures
        if not 1 <= len(question.pictures) <= most:
            raise InputError(
                f"a question has {len(question.pictures)} pictures, and {self.engine.info.label} "
                f"takes 1 to {most}; leave the benchmark out, or ask another model"
            )
        case = self.prompt.of(Case(question=question.text, choices=question.choices))
        shown = tuple(load(picture) for picture in question.pictures)
        return Request(shown, case.prompt, template=case.template)


def answer_in(reply: str, choices: Sequence[str] = (), numbered: bool = True) -> str:
    """Return the answer of a reply as other tools read it.

    Args:
        numbered: whether the options were numbered from 0 when they were asked for.

    >>> answer_in("<CONCLUSION>no kite<CONCLUSION_END><ANSWER>1<ANSWER_END>", ("a kite", "a bird"))
    'B'
    """
    found = find_answer(reply, choices, numbered)
    return found.text if found.option is None else ascii_uppercase[found.option]


def spaced(chain: str, answer: str) -> str:
    """Return a chain whose last ANSWER section is the answer as handed over, set apart by spaces.

    >>> spaced("<ANSWER>1. a bird<ANSWER_END>", "B")
    '<ANSWER> B <ANSWER_END>'
    """
    sections = list(_SECTION.finditer(chain))
    if not sections:
        return f"{chain}\n{answer}" if chain != answer else chain
    last = sections[-1]
    return f"{chain[: last.start()]}<ANSWER> {answer} <ANSWER_END>{chain[last.end() :]}"


def question_in(text: str, pictures: Iterable[Any] = ()) -> Question:
    """Take a tool's prompt apart: the question, its lettered options, and orders left out.

    >>> question_in("Question: What flies?\\nOptions:\\nA. a kite\\nB. a bird\\nPlease select the "
    ...     "correct answer from the options above. \\n")
    Question(text='What flies?', choices=('a kite', 'a bird'))
    """
    question, options = options_in(_FRAME.sub("", text.strip()))
    if options:
        question = _ORDER.sub("", question).strip() or question
    return Question(question, tuple(options.values()), tuple(pictures))


def question_of(line: Mapping[str, Any]) -> Question:
    """Return the question of a row of VLMEvalKit's: the hint first, options in columns or within.

    An empty cell is what a data frame makes of it, a number that is not equal to itself.

    >>> question_of({"question": "What flies?", "A": "a kite", "B": "a bird", "C": float("nan")})
    Question(text='What flies?', choices=('a kite', 'a bird'))
    """
    cells = {name: str(value) for name, value in line.items() if value == value}
    question = cells["question"].strip()
    options = {letter: cells[letter] for letter in ascii_uppercase if cells.get(letter, "").strip()}
    if not options:
        question, options = options_in(question)
    hint = cells.get("hint", "").strip()
    text = f"Hint: {hint}\n{question}" if hint else question
    return Question(text, tuple(options.values()))
