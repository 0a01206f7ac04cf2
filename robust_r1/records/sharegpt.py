"""LLaMA-Factory's ShareGPT: conversations as a JSON list or JSON Lines, told of by a second file.

A record is `{"conversations": [{"from": "human", "value": "<image>..."}, ...], "images": [...]}` or
`{"messages": [{"role": "user", "content": "<image>..."}, ...], "images": "a.jpg"}`, with a `system`
beside the turns or as the first of them. `dataset_info.json` in the same folder tells LLaMA-Factory
the file, its columns and what its speakers are called.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robust_r1.errors import DataError, InputError
from robust_r1.records.conversations import (
    SYSTEM,
    Conversation,
    Turn,
    check_marks,
    id_of,
    turns_of,
)
from robust_r1.records.lines import (
    BOM,
    Place,
    fields_of,
    json_entries,
    json_line,
    json_lines,
    opened,
    write_whole,
)

INFO = "dataset_info.json"


@dataclass(frozen=True)
class Layout:
    """Tell the names that a file uses: those of its columns, of a turn's keys, of its speakers."""

    turns: str
    images: str
    system_text: str
    speaker: str
    text: str
    human: str
    gpt: str
    system: str

    @property
    def speakers(self) -> dict[str, str]:
        """Return our name of each speaker by the file's."""
        return {self.human: "human", self.gpt: "gpt", self.system: SYSTEM}

    def info(self, file: str) -> dict[str, Any]:
        """Return the entry of a file in `dataset_info.json`."""
        return {
            "file_name": file,
            "formatting": "sharegpt",
            "columns": {"messages": self.turns, "images": self.images},
            "tags": {
                "role_tag": self.speaker,
                "content_tag": self.text,
                "user_tag": self.human,
                "assistant_tag": self.gpt,
                "system_tag": self.system,
            },
        }


LAYOUTS = {
    "conversations": Layout(
        *("conversations", "images", "system", "from", "value", "human", "gpt", "system")
    ),
    "messages": Layout(
        *("messages", "images", "system", "role", "content", "user", "assistant", "system")
    ),
}


def read_sharegpt(path: str | Path) -> list[Conversation]:
    """Read a ShareGPT file, whose picture marks must match its pictures.

    Raises:
        DataError: a file that is neither a JSON list nor JSON Lines, or has a broken record.
    """
    return [sample for _, sample in sharegpt_entries(path)]


def sharegpt_entries(path: str | Path) -> Iterator[tuple[Place, Conversation]]:
    """Yield the conversations of a ShareGPT file, each with its place.

    Columns and speakers are called what `dataset_info.json` beside the file says, where it has an
    entry of the file, and else as in one of LAYOUTS.

    Raises:
        DataError: as `read_sharegpt` does.
    """
    path = Path(path)
    layout = _told_layout(path)
    for place, value in json_entries(path) if is_list(path) else json_lines(path):
        yield place, _sample(value, place, layout)


def write_sharegpt(
    folder: str | Path,
    name: str,
    conversations: Iterable[Conversation],
    layout: str = "conversations",
) -> Path:
    """Write NAME.json and enter it in `dataset_info.json`, keeping the entries of other data.

    Args:
        layout: a key of LAYOUTS.

    Returns:
        The path of the data file.

    Raises:
        InputError: there is no such layout.
        DataError: a file cannot be written, or the folder's dataset_info.json cannot be read.
    """
    if layout not in LAYOUTS:
        raise InputError(f"there is no layout {layout!r}; use one of {', '.join(LAYOUTS)}")
    path = Path(folder) / f"{name}.json"
    info = _read_info(Path(folder) / INFO)
    info[name] = LAYOUTS[layout].info(path.name)
    write_whole(path, _json_list(conversations, LAYOUTS[layout]))
    write_whole(Path(folder) / INFO, [json.dumps(info, ensure_ascii=False, indent=2) + "\n"])
    return path


def is_list(path: Path) -> bool:
    """Tell whether a file holds one JSON list, not a record on each line."""
    with opened(path) as file:
        return file.read(4096).removeprefix(BOM).lstrip()[:1] == b"["


def is_sharegpt(value: Any) -> bool:
    """Tell whether a record is one of ShareGPT and none of the authors' format."""
    return isinstance(value, dict) and "image" not in value and not LAYOUTS.keys().isdisjoint(value)


def _sample(value: Any, place: Place, layout: Layout | None) -> Conversation:
    if layout is None:
        known = value if isinstance(value, dict) else {}
        layout = LAYOUTS["messages" if "messages" in known else "conversations"]
    # LLaMA-Factory passes over columns that it is not told of.
    fields = fields_of(value, place, (layout.turns,), (), strict=False)
    turns = turns_of(value[layout.turns], place, (layout.speaker, layout.text), layout.speakers)
    if said := fields.text(layout.system_text, "") if value.get(layout.system_text) else "":
        turns = (Turn(SYSTEM, said), *(turn for turn in turns if turn.speaker != SYSTEM))
    one = isinstance(value.get(layout.images), str)
    images = (fields.text(layout.images),) if one else fields.texts(layout.images, ())
    check_marks(turns, images, place)
    return Conversation(images, turns, id_of(value))


def _told_layout(path: Path) -> Layout | None:
    """Return the layout that `dataset_info.json` tells of a file; None where it tells of none."""
    info = path.with_name(INFO)
    entries = [one for one in _read_info(info).values() if isinstance(one, dict)]
    entry = next((one for one in entries if one.get("file_name") == path.name), {})
    columns, tags = entry.get("columns", {}), entry.get("tags", {})
    if not columns and not tags:
        return None
    if not isinstance(columns, dict) or not isinstance(tags, dict):
        raise DataError(f"{info}: columns and tags of {path.name} are no objects; repair them")
    usual = LAYOUTS["conversations"]
    return Layout(
        turns=str(columns.get("messages", usual.turns)),
        images=str(columns.get("images", usual.images)),
        system_text=str(columns.get("system", usual.system_text)),
        speaker=str(tags.get("role_tag", usual.speaker)),
        text=str(tags.get("content_tag", usual.text)),
        human=str(tags.get("user_tag", usual.human)),
        gpt=str(tags.get("assistant_tag", usual.gpt)),
        system=str(tags.get("system_tag", usual.system)),
    )


def _json_list(conversations: Iterable[Conversation], layout: Layout) -> Iterable[str]:
    names = {ours: theirs for theirs, ours in layout.speakers.items()}
    before = "[\n"
    for sample in conversations:
        turns = [
            {layout.speaker: names[turn.speaker], layout.text: turn.text} for turn in sample.turns
        ]
        told: dict[str, Any] = {"id": sample.id} if sample.id else {}
        value = told | {layout.turns: turns, layout.images: list(sample.images)}
        yield before + json_line(value).rstrip("\n")
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


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
