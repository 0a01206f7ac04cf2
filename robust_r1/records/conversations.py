"""Training data as conversations: the authors' JSON Lines and LLaMA-Factory's ShareGPT.

Both hold turns of a human and a model, with `<image>` where a picture belongs.

- Authors: a line a sample, `{"image": "a.jpg", "conversations": [{"from": "human", "value":
  "<image>question"}, {"from": "gpt", "value": "<TYPE>..."}]}`; `image` may be a list.
- ShareGPT: a JSON list of `{"conversations": [...], "images": ["a.jpg"]}`, and beside it
  `dataset_info.json`, which tells LLaMA-Factory the file and its columns.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robust_r1.chain import parse
from robust_r1.errors import DataError
from robust_r1.records.lines import (
    Place,
    fields_of,
    json_entries,
    json_line,
    json_lines,
    write_whole,
)
from robust_r1.records.project import Record

IMAGE = "<image>"
SPEAKERS = ("human", "gpt")
INFO = "dataset_info.json"
_AUTHORS = ("image", "conversations")
_SYSTEM = "system"
_OPTION = re.compile(r"([0-9]+)\. (.*)")


@dataclass(frozen=True)
class Turn:
    """Record what one speaker says: "human", "gpt", or "system" before the first human turn."""

    speaker: str
    text: str


@dataclass(frozen=True)
class Conversation:
    """Join the pictures of a conversation, as paths, and its turns."""

    images: tuple[str, ...]
    turns: tuple[Turn, ...]

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
    return Conversation((record.image,), (asked, Turn("gpt", record.chain)))


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
        for place, value in json_lines(path):
            found.append(_authors_sample(value, place, folder))
    return found


def write_authors(path: str | Path, conversations: Iterable[Conversation]) -> None:
    """Write samples in the authors' format, whole or not at all; several pictures as a list."""
    write_whole(path, (json_line(authors_json(sample)) for sample in conversations))


def authors_json(sample: Conversation) -> dict[str, Any]:
    """Return a conversation as the JSON object of the authors' format."""
    images = sample.images[0] if len(sample.images) == 1 else list(sample.images)
    return {"image": images, "conversations": _turns_json(sample)}


def read_sharegpt(path: str | Path) -> list[Conversation]:
    """Read a ShareGPT file (a JSON list), whose picture marks must match its pictures.

    Raises:
        DataError: a file that is no JSON list or has a broken record.
    """
    return [_sharegpt_sample(value, place) for place, value in json_entries(path)]


def write_sharegpt(folder: str | Path, name: str, conversations: Iterable[Conversation]) -> Path:
    """Write NAME.json and enter it in `dataset_info.json`, keeping the entries of other data.

    Returns:
        The path of the data file.

    Raises:
        DataError: a file cannot be written, or the folder's dataset_info.json cannot be read.
    """
    path = Path(folder) / f"{name}.json"
    info = _read_info(Path(folder) / INFO)
    info[name] = {
        "file_name": path.name,
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "images": "images"},
    }
    write_whole(path, _json_list(conversations))
    write_whole(Path(folder) / INFO, [json.dumps(info, ensure_ascii=False, indent=2) + "\n"])
    return path


def _json_list(conversations: Iterable[Conversation]) -> Iterable[str]:
    before = "[\n"
    for sample in conversations:
        value = {"conversations": _turns_json(sample), "images": list(sample.images)}
        yield before + json_line(value).rstrip("\n")
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _turns_json(sample: Conversation) -> list[dict[str, str]]:
    return [{"from": turn.speaker, "value": turn.text} for turn in sample.turns]


def _read_info(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        info = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} could not be read ({error}); repair or remove it") from error
    if not isinstance(info, dict):
        raise DataError(f"{path}:1: this is no JSON object; repair or remove the file")
    return info


def sample_of(value: Any, place: Place) -> tuple[Conversation, dict[str, Any]]:
    """Return a sample from the JSON object of its line, and the keys that are none of the format's.

    Raises:
        RecordError: what `read_authors` refuses but for unknown keys.
    """
    sample = _authors_sample(value, place, None, strict=False)
    return sample, {key: one for key, one in value.items() if key not in _AUTHORS}


def _authors_sample(
    value: Any, place: Place, folder: Path | None, strict: bool = True
) -> Conversation:
    fields = fields_of(value, place, _AUTHORS, (), strict)
    one = isinstance(value["image"], str)
    images = (fields.text("image"),) if one else fields.texts("image")
    turns = _turns(value["conversations"], place)
    marks = sum(turn.text.count(IMAGE) for turn in turns)
    # Their reader takes the mark out, so a sample without one means the same.
    if marks not in (0, len(images)):
        raise _marks_fault(marks, len(images), place)
    if folder is not None:
        for image in images:
            if not (folder / image).is_file():
                raise place.fault(f"no picture {image} in {folder}", "give the folder that has it")
        images = tuple(str(folder / image) for image in images)
    return Conversation(images, turns)


def _sharegpt_sample(value: Any, place: Place) -> Conversation:
    fields = fields_of(value, place, ("conversations",), ("images",))
    images, turns = fields.texts("images", ()), _turns(value["conversations"], place)
    marks = sum(turn.text.count(IMAGE) for turn in turns)
    if marks != len(images):
        raise _marks_fault(marks, len(images), place)
    return Conversation(images, turns)


def _marks_fault(marks: int, images: int, place: Place) -> DataError:
    wrong = f"{marks} {IMAGE} marks for {images} pictures"
    return place.fault(wrong, "write one mark for each picture")


def _turns(value: Any, place: Place) -> tuple[Turn, ...]:
    if not isinstance(value, list):
        raise place.fault("conversations is no list", "give a list of turns")
    turns = []
    for entry in value:
        fields = fields_of(entry, place, ("from", "value"), ())
        turns.append(Turn(fields.text("from"), fields.text("value", "")))
    said = turns[1:] if turns and turns[0].speaker == _SYSTEM else turns
    expected = [SPEAKERS[number % 2] for number in range(len(said))]
    if not said or len(said) % 2 or [turn.speaker for turn in said] != expected:
        speakers = ", ".join(turn.speaker for turn in turns) or "nobody"
        raise place.fault(f"the turns are of {speakers}", "let human and gpt take turns, gpt last")
    return tuple(turns)


def record_of(sample: Conversation, split: str = "") -> Record:
    """Turn a conversation about one picture into a record; the answer is the chain's.

    Raises:
        DataError: several pictures, or none.
    """
    if len(sample.images) != 1:
        count = len(sample.images)
        raise DataError(f"a record has one picture, this sample {count}; leave the sample out")
    question, choices = split_question(sample.question)
    answer = parse(sample.reply).chain.answer.strip()
    return Record(sample.images[0], question, choices, answer, sample.reply, split=split)
