"""Join what two models write into one chain: the findings of one, all that follows of the other.

The other one is asked for four sections and may write anything. Findings of its own are taken out:
those of the model that looked count. Where it writes no section at all, its words are the answer.
"""

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from robust_r1.chain import SECTIONS, TAGS, close_tag, open_tag, parse
from robust_r1.engine.control import Ending, Watch
from robust_r1.engine.types import Answer, Finish, GenerationSettings, Sight, TextDelta
from robust_r1.errors import ModelError

_FINDINGS, _ANSWER = SECTIONS[0], SECTIONS[-1]
# Models that know XML end a section by </NAME>.
_TAG = re.compile("<(/?)(" + "|".join(SECTIONS) + ")(_END)?>")
_WRITTEN = (*TAGS, *(f"</{section}>" for section in SECTIONS))
_LONGEST = max(map(len, _WRITTEN))
# Characters before the first section that are waited for, such as "Sure, here are the sections:".
# A text that goes on longer is shown as the answer, as it comes.
_LEAD = 160
_QUOTED = 80  # characters of its own findings that a remark repeats


def findings_section(text: str) -> str:
    """Return the TYPE section that a model began, from tag to tag; empty where it began none.

    >>> findings_section("<TYPE>lens blur(0.31)")
    '<TYPE>lens blur(0.31)<TYPE_END>'
    """
    _, tag, rest = text.partition(open_tag(_FINDINGS))
    if not tag:
        return ""
    end = _TAG.search(rest)
    return f"{tag}{rest[: end.start()] if end else rest}{close_tag(_FINDINGS)}"


def findings_text(section: str) -> str:
    """Return what a TYPE section holds, as prompts and remarks repeat it."""
    inside = section.removeprefix(open_tag(_FINDINGS)).removesuffix(close_tag(_FINDINGS))
    return " ".join(inside.split()) or "none"


class Rest:
    """Turn what a model says, piece by piece, into what follows the findings in a chain.

    `free` is whether it has written no section so far, so that its words are the answer.
    """

    def __init__(self) -> None:
        self.free = True
        self._pending = ""
        self._lead = ""  # words that no section has come after yet
        self._answering = False  # whether they are shown as the answer
        self._own: list[str] = []  # what it says that it has found
        self._dropping = False

    def feed(self, text: str) -> str:
        """Take the next piece and return what is certain of the chain."""
        text, start, written = self._pending + text, 0, []
        for tag in _TAG.finditer(text):
            written += [self._words(text[start : tag.start()]), self._tag(tag)]
            start = tag.end()
        held = _held_back(text, start)
        written.append(self._words(text[start:held]))
        self._pending = text[held:]
        return "".join(written)

    def close(self, whole: bool) -> str:
        """Return what was held back; not `whole` where the model did not come to its end."""
        pending, self._pending = self._pending, ""
        written = self._words(pending)
        if not self.free:
            return written
        if not self._answering and self._lead.strip():
            written += self._begin()
        return written + (close_tag(_ANSWER) if self._answering and whole else "")

    def remark(self, model: str, eyes: str, section: str) -> str:
        """Say what is not as the model was asked for it; `section` holds what the eyes found."""
        said = []
        if self.free and not self._answering:
            said.append(f"{model} said nothing.")
        elif self.free:
            said.append(f"{model} wrote no sections: what it said stands as the answer.")
        own = findings_text("".join(self._own))
        if self._own and own != findings_text(section):
            quoted = own if len(own) <= _QUOTED else f"{own[: _QUOTED - 3]}..."
            said.append(f"{model} named damage of its own ({quoted}); what {eyes} found counts.")
        return " ".join(said)

    def _words(self, text: str) -> str:
        if self._dropping:
            self._own.append(text)
            return ""
        if not self.free or self._answering:
            return text
        self._lead += text
        return self._begin() if len(self._lead.strip()) > _LEAD else ""

    def _begin(self) -> str:
        """Show the words before any section as the answer."""
        self._answering, lead = True, self._lead.lstrip()
        return open_tag(_ANSWER) + lead

    def _tag(self, tag: re.Match[str]) -> str:
        section, closes = tag[2], bool(tag[1] or tag[3])
        if section == _FINDINGS:
            self._dropping = not closes
            return ""
        self._dropping = False  # findings that were never closed end where the next section begins
        if closes and section == _ANSWER and self.free:
            return self._close_free()
        before = self._leave_free()
        return before + (close_tag(section) if closes else open_tag(section))

    def _close_free(self) -> str:
        """End an answer whose opening tag was forgotten."""
        before = "" if self._answering else self._begin()
        self.free = False
        return before + close_tag(_ANSWER)

    def _leave_free(self) -> str:
        """Return what stands before the first section, now that there is one."""
        if not self.free:
            return ""
        self.free = False
        return close_tag(_ANSWER) if self._answering else self._lead


class Joint:
    """Put one answer of two models together while it comes, up to the text it is asked until.

    Attributes:
        section: the findings, from tag to tag.
        last: the answering model's own answer, once it is there.
        fault: why there is none.
    """

    def __init__(self, model: str, count_tokens: Callable[[str], int | None], until: str) -> None:
        """Take the answering model's name and what counts its tokens, and `Request.until`."""
        self.section = self.fault = ""
        self.last: Answer | None = None
        self._looked: Answer | None = None
        self._model, self._count = model, count_tokens
        self._ending, self._rest = Ending(until), Rest()
        self._watch = Watch()
        self._pieces: list[str] = []
        self._said: list[str] = []

    @property
    def ended(self) -> bool:
        """Tell whether the text has come that the answer is asked until."""
        return self._ending.reached

    @property
    def finish(self) -> Finish:
        """Return how it ended."""
        if self.fault:
            return "cut"
        return self.last.finish if self.last and not self.ended else "stop"

    def begin(self, looked: Answer) -> str:
        """Take what the eyes said, and return what is shown of it."""
        self._looked, self.section = looked, findings_section(looked.text)
        return self._add(self.section)

    def follow(self, events: Generator[TextDelta | Answer, None, None]) -> Iterator[str]:
        """Take what the answering model says as it comes, and yield what is shown of it."""
        try:
            with closing(events) as following:
                for event in following:
                    if isinstance(event, Answer):
                        self.last = event
                    elif text := self.feed(event.text):
                        yield text
                    if self.ended:
                        return
        except ModelError as error:
            self.fault = str(error)

    def feed(self, text: str) -> str:
        """Take a piece of what the answering model says, and return what is shown of it."""
        self._said.append(text)
        return self._add(self._rest.feed(text))

    def close(self) -> str:
        """Return what was held back, now that nothing follows."""
        shown = self._add(self._rest.close(whole=self.finish in ("stop", "length")))
        return shown + self._show(self._ending.close())

    def answer(self, settings: GenerationSettings) -> Answer:
        """Return the answer of both."""
        self._watch.stop()
        text, last = "".join(self._pieces), self.last
        assert self._looked is not None  # it has begun
        eyes = self._looked.model
        own = self._count(text)
        sight = Sight(
            eyes=eyes,
            said="".join(self._said),
            remark=self._rest.remark(self._model, eyes, self.section) if last else "",
            free=self._rest.free and last is not None,
        )
        return Answer(
            text=text,
            parsed=parse(text),
            tokens=self._looked.tokens + (last.tokens if last else 0) if own is None else own,
            seconds=self._watch.seconds,
            first_text_seconds=self._watch.first_text,
            finish=self.finish,
            model=self._model,
            settings=settings,
            fault=self.fault or (last.fault if last else ""),
            listed=last.listed if last else (),
            sight=sight,
        )

    def _add(self, text: str) -> str:
        return self._show(self._ending.feed(text))

    def _show(self, text: str) -> str:
        if text:
            self._watch.see_text()
            self._pieces.append(text)
        return text


def _held_back(text: str, start: int) -> int:
    """Return where a tag may have begun at the end of the text, else the text's length."""
    cut = text.rfind("<", max(start, len(text) - _LONGEST + 1))
    if cut >= 0 and any(tag.startswith(text[cut:]) for tag in _WRITTEN):
        return cut
    return len(text)
