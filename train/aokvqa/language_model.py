"""Chains by a language model that sees the pictures: influence, reasoning, conclusion, length.

A reply that cannot be used is asked for again, with what is wrong with it; a sample whose replies
cannot be used three times is given up.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from robust_r1.chain import Chain, Finding, close_tag, findings_of, open_tag
from robust_r1.errors import ImageError
from robust_r1.images import encode_large, load
from robust_r1.metrics import normalize_answer
from robust_r1.records.options import option_of_number
from train.aokvqa.annotators import Lengths, Task, Unusable
from train.aokvqa.asking import Asker, Message, Picture
from train.aokvqa.prompt_files import Prompts
from train.common.checks import leak_of, prose_words, sorted_findings

TRIES = 3
NOTHING = "Nothing is damaged."
# The authors' 10,000 samples fill 17.3 MB: some 225 words of prose at a total intensity of 1.25.
LENGTHS = Lengths(base=100, slope=100, low=0.6, high=1.4)
_KEPT_TO = 1.2  # times the target: what is no longer is not shortened
_SHARES = {"influence": 0.4, "reasoning": 0.45, "conclusion": 0.15}  # of the words, by section
_SENT_AS_IT_IS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
_MOST_BYTES = 1_000_000  # of a picture that is sent as it lies there

Read = Callable[[str], dict[str, str]]


class LanguageModel:
    """Write chains by asking an endpoint four things about each task, one after the other."""

    def __init__(
        self, model: str, asker: Asker, prompts: Prompts, at_once: int, body: dict[str, Any]
    ) -> None:
        """Take the model's name, who asks it, what with, and how many tasks at the same time.

        Args:
            body: what every question carries beside its messages; kept in the data set's settings.
        """
        self.name, self.at_once, self.lengths = f"llm:{model}", at_once, LENGTHS
        self._asker, self._prompts, self._body = asker, prompts, body

    @property
    def settings(self) -> dict[str, Any]:
        """Return what fixes the chains beside the model: prompts, lengths, temperature and such."""
        lengths = [self.lengths.base, self.lengths.slope]
        return {"prompts": self._prompts.sha256, "lengths": lengths, "request": self._body}

    async def annotate(self, task: Task) -> Chain:
        """Return a task's chain.

        Raises:
            Unusable: the model refuses, or its replies have no use.
            StillOpen: the endpoint gave no reply.
        """
        findings = findings_of(task.plan)
        chain = Chain(findings, NOTHING if not findings else "", answer=str(task.number))
        if findings:
            chain = replace(chain, influence=await self._influence(task, findings))
        chain = replace(chain, reasoning=await self._reasoning(task))
        chain = replace(chain, conclusion=await self._conclusion(task, chain))
        return await self._fitted(task, chain)

    async def _influence(self, task: Task, findings: tuple[Finding, ...]) -> str:
        def read(reply: str) -> dict[str, str]:
            found = sections(reply, "INFLUENCE")
            if leak := leak_of(found["INFLUENCE"], task.item.choices, str(task.number)):
                raise Unusable([leak])
            return found

        pictures = picture_of(task.clean), picture_of(task.damaged)
        named = sorted_findings(findings)
        text = self._text("influence", task, findings=named)
        return (await self._insist("influence", text, read, pictures))["INFLUENCE"]

    async def _reasoning(self, task: Task) -> str:
        rationales = "\n".join(f"- {text}" for text in task.item.rationales) or "- none"
        text = self._text("reasoning", task, rationales=rationales)
        found = await self._insist(
            "reasoning", text, lambda reply: sections(reply, "REASONING"), (picture_of(task.clean),)
        )
        return found["REASONING"]

    async def _conclusion(self, task: Task, chain: Chain) -> str:
        def read(reply: str) -> dict[str, str]:
            found = sections(reply, "CONCLUSION", "ANSWER")
            choices = task.item.choices
            said = option_of_number(found["ANSWER"], choices, number_first=True)
            if said is None or normalize_answer(said) != normalize_answer(task.answer):
                wrong = f"the conclusion answers {found['ANSWER']!r}, the truth is {task.number}"
                raise Unusable([wrong])
            return found

        text = self._text("conclusion", task, reasoning=chain.reasoning)
        return (await self._insist("conclusion", text, read))["CONCLUSION"]

    async def _fitted(self, task: Task, chain: Chain) -> Chain:
        """Return the chain at the length that its damage asks for: as it is, or written anew."""
        band, count = self.lengths.band(task.plan.total_intensity), prose_words(chain)
        if band.low <= count <= _KEPT_TO * band.target:
            return chain

        def read(reply: str) -> dict[str, str]:
            found = sections(reply, "INFLUENCE", "REASONING", "CONCLUSION")
            words = sum(len(text.split()) for text in found.values())
            if not band.low <= words <= band.high:
                raise Unusable([f"{words} words, wanted are {band.low} to {band.high}"])
            if leak := leak_of(found["INFLUENCE"], task.item.choices, str(task.number)):
                raise Unusable([leak])
            return found

        draft = "".join(
            f"{open_tag(name)}{getattr(chain, name.lower())}{close_tag(name)}\n"
            for name in ("INFLUENCE", "REASONING", "CONCLUSION")
        )
        said = {"draft": draft.strip(), "count": count, "low": band.low, "high": band.high}
        text = self._text("length", task, **said)
        found = await self._insist("length", text, read)
        return Chain(
            *(chain.findings, found["INFLUENCE"], found["REASONING"], found["CONCLUSION"]),
            answer=chain.answer,
        )

    def _text(self, step: str, task: Task, **fields: object) -> str:
        """Fill in a step's prompt, with the words that this section shall have."""
        target = self.lengths.band(task.plan.total_intensity).target
        words = max(10, 5 * round(_SHARES.get(step, 1.0) * target / 5))
        question = task.item.record().prompt
        answer = task.answer if step == "length" else f"{task.number}. {task.answer}"
        return self._prompts.fill(step, question=question, answer=answer, words=words, **fields)

    async def _insist(
        self, step: str, text: str, read: Read, pictures: tuple[Picture, ...] = ()
    ) -> dict[str, str]:
        """Ask until a reply can be read; raises Unusable after TRIES."""
        messages = [Message("user", text, pictures)]
        reasons: list[str] = []
        draft = ""
        for _ in range(TRIES):
            reply = await self._asker.ask(step, messages)
            try:
                return read(reply)
            except Unusable as fault:
                reasons, draft = [f"{step}: {reason}" for reason in fault.reasons], reply
            again = f"This cannot be used: {'; '.join(reasons)}. Write it once more, as was asked."
            messages += [Message("assistant", reply or "(nothing)"), Message("user", again)]
        raise Unusable(reasons, draft)


def sections(reply: str, *names: str) -> dict[str, str]:
    """Read sections of a reply, whatever stands around them; raises Unusable without one."""
    found = {}
    for name in names:
        opened, closed = re.escape(open_tag(name)), re.escape(close_tag(name))
        match = re.search(f"{opened}(.*?){closed}", reply, re.DOTALL)
        text = " ".join(match[1].split()) if match else ""
        if not text:
            raise Unusable([f"no {open_tag(name)}...{close_tag(name)} in the reply"])
        if tag := re.search(r"</?[A-Z_]+>|<image>", text):
            raise Unusable([f"{tag[0]} inside {name}"])
        found[name] = text
    return found


def picture_of(path: Path) -> Picture:
    """Return a picture as it is sent: its file where that is small, else as JPEG of quality 92.

    Raises:
        Unusable: it cannot be read.
    """
    try:
        media = _SENT_AS_IT_IS.get(path.suffix.lower())
        if media and path.stat().st_size <= _MOST_BYTES:
            return Picture(path.read_bytes(), media)
        return Picture(encode_large(load(path)), "image/jpeg")
    except (OSError, ImageError) as error:
        raise Unusable([f"the picture {path} could not be read: {error}"]) from error
