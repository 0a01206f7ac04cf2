"""Training data as conversations of a human and a model, and the authors' JSON Lines of these.

A line holds a sample, `{"image": "a.jpg", "conversations": [{"from": "human", "value":
"<image>question"}, {"from": "gpt", "value": "<TYPE>..."}]}`, with `<image>` where a picture
belongs. `image` may be a list; `id` and the name of a reward (`accu_reward_method`) may be there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from robust_r1.chain import parse
from robust_r1.errors import DataError
from robust_r1.records.lines import Place, fields_of, json_line, json_lines, write_whole
from robust_r1.records.project import Record

IMAGE = "<image>"
SPEAKERS = ("human", "gpt")
SYSTEM = "system"
_AUTHORS = ("image", "conversations")
_BESIDE = ("id", "accu_reward_method")
_OPTION = re.compile(r"([0-9]+)\. (.*)")


@dataclass(frozen=True)
class Turn:
    """Record what one speaker says: "human", "gpt", or "system" before the first human turn."""

    speaker: str
    text: str


@dataclass(frozen=True)
class Conversation:
    """Join the pictures of a conversation, as paths, its turns, and its name where it has one."""

    images: tuple[str, ...]
    turns: tuple[Turn, ...]
    id: str = ""

    @property
    def question(self) -> str:
        """Return the first human turn without its picture marks."""
        human = next(turn for turn in self.turns if turn.speaker == "human")
        return human.text.replace(IMAGE, "").strip()

    @property
    def reply(self) -> str:
        """Return the model's last turn: the chain."""
        return self.turns[-1].text


def conversation_of(record: Record) -> Conversation:
    """Turn a record into a conversation: question with numbered choices, then the chain."""
    asked = Turn("human", IMAGE + record.prompt)
    return Conversation((record.image,), (asked, Turn("gpt", record.chain)), record.question_id)


def split_question(text: str) -> tuple[str, tuple[str, ...]]:
    """Take a question and its options apart again: the inverse of `chain.format_question`.

    Lines "0. ...", "1. ..." at the end are options if they number from 0 without a gap.
    """
    lines = text.split("\n")
    for start in range(1, len(lines)):
        rest = lines[start:]
        found = [match for line in rest if (match := _OPTION.fullmatch(line))]
        if [int(match[1]) for match in found] == list(range(len(rest))):
            return "\n".join(lines[:start]), tuple(match[2] for match in found)
    return text, ()


def read_authors(
    files: str | Path | Sequence[str | Path], folders: str | Path | Sequence[str | Path] = ()
) -> list[Conversation]:
    """Read samples in the authors' format from one file or several.

    Args:
        files: JSON Lines files, read in the order given.
        folders: the picture folder of each file, or one for all. With folders, pictures must be
            there and become paths below them; without, they stay as written.

    Raises:
        DataError: a broken line, a picture that is not in its folder, or a number of folders that
            fits no way.
    """
    paths = [files] if isinstance(files, str | Path) else list(files)
    places = [folders] if isinstance(folders, str | Path) else list(folders)
    if places and len(places) not in (1, len(paths)):
        raise DataError(
            f"{len(places)} picture folders were given for {len(paths)} files; give one for all or "
            "one for each"
        )
    found: list[Conversation] = []
    for number, path in enumerate(paths):
        folder = Path(places[min(number, len(places) - 1)]) if places else None
        found += [_in_folder(sample, folder, place) for place, sample in authors_lines(path)]
    return found


def authors_lines(path: str | Path) -> Iterator[tuple[Place, Conversation]]:
    """Yield the samples of a file in the authors' format, each with its place, pictures as written.

    Raises:
        RecordError: a broken line.
    """
    for place, value in json_lines(path):
        yield place, _authors_sample(value, place)


def write_authors(path: str | Path, conversations: Iterable[Conversation]) -> None:
    """Write samples in the authors' format, whole or not at all; several pictures as a list."""
    write_whole(path, (json_line(authors_json(sample)) for sample in conversations))


def authors_json(sample: Conversation) -> dict[str, Any]:
    """Return a conversation as the JSON object of the authors' format."""
    images = sample.images[0] if len(sample.images) == 1 else list(sample.images)
    told: dict[str, Any] = {"id": sample.id} if sample.id else {}
    return told | {"image": images, "conversations": _turns_json(sample)}


def _turns_json(sample: Conversation) -> list[dict[str, str]]:
    return [{"from": turn.speaker, "value": turn.text} for turn in sample.turns]


def sample_of(value: Any, place: Place) -> tuple[Conversation, dict[str, Any]]:
    """Return a sample from the JSON object of its line, and the keys that are none of the format's.

    Raises:
        RecordError: what `read_authors` refuses but for unknown keys.
    """
    sample = _authors_sample(value, place, strict=False)
    return sample, {key: one for key, one in value.items() if key not in _AUTHORS}


def _authors_sample(value: Any, place: Place, strict: bool = True) -> Conversation:
    fields = fields_of(value, place, _AUTHORS, _BESIDE, strict)
    one = isinstance(value["image"], str)
    images = (fields.text("image"),) if one else fields.texts("image")
    turns = turns_of(value["conversations"], place)
    # Their reader takes the mark out, so a sample without one means the same.
    check_marks(turns, images, place, none_too=True)
    return Conversation(images, turns, id_of(value))


def _in_folder(sample: Conversation, folder: Path | None, place: Place) -> Conversation:
    if folder is None:
        return sample
    for image in sample.images:
        if not (folder / image).is_file():
            raise place.fault(f"no picture {image} in {folder}", "give the folder that has it")
    return replace(sample, images=tuple(str(folder / image) for image in sample.images))


def id_of(value: dict[str, Any]) -> str:
    """Return the name of a sample, which some files count and others spell; empty without one."""
    name = value.get("id")
    return "" if name is None or isinstance(name, dict | list) else str(name)


def check_marks(
    turns: tuple[Turn, ...], images: tuple[str, ...], place: Place, none_too: bool = False
) -> None:
    """Raise RecordError where there are not as many picture marks as pictures.

    Args:
        none_too: let no mark at all pass.
    """
    marks = sum(turn.text.count(IMAGE) for turn in turns)
    if marks != len(images) and not (none_too and marks == 0):
        wrong = f"{marks} {IMAGE} marks for {len(images)} pictures"
        raise place.fault(wrong, "write one mark for each picture")


def turns_of(
    value: Any,
    place: Place,
    keys: tuple[str, str] = ("from", "value"),
    speakers: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Turn, ...]:
    """Read the turns of a conversation.

    Args:
        keys: of a turn's speaker and of its text.
        speakers: "human", "gpt" or "system" by what the file calls them, where it does otherwise.

    Raises:
        RecordError: no list, a turn without speaker or text, or speakers that do not take turns.
    """
    if not isinstance(value, list):
        raise place.fault("conversations is no list", "give a list of turns")
    turns = []
    for entry in value:
        fields = fields_of(entry, place, keys, ())
        speaker = fields.text(keys[0])
        turns.append(Turn(speakers.get(speaker, speaker), fields.text(keys[1], "")))
    said = turns[1:] if turns and turns[0].speaker == SYSTEM else turns
    expected = [SPEAKERS[number % 2] for number in range(len(said))]
    if not said or len(said) % 2 or [turn.speaker for turn in said] != expected:
        speakers_said = ", ".join(turn.speaker for turn in turns) or "nobody"
        wrong = f"the turns are of {speakers_said}"
        raise place.fault(wrong, "let human and gpt take turns, gpt last")
    return tuple(turns)


def record_of(sample: Conversation, split: str = "") -> Record:
    """Turn a conversation about one picture into a record; the answer is the chain's.

    Raises:
        DataError: several pictures, or none; several questions.
    """
    asked = sum(turn.speaker == SPEAKERS[0] for turn in sample.turns)
    for count, what in ((len(sample.images), "picture"), (asked, "question")):
        if count != 1:
            raise DataError(f"a record has one {what}, this sample {count}; leave the sample out")
    question, choices = split_question(sample.question)
    answer = parse(sample.reply).chain.answer.strip()
    return Record(
        *(sample.images[0], question, choices, answer, sample.reply),
        split=split,
        question_id=sample.id,
    )
