"""The photographs of a run: found, checked before anything is trained, and written down.

The list beside the checkpoint names each with the digest of its decoded pixels. A run that goes on
where it was refuses others, because what it was trained on would no longer be what its list says.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from robust_r1.errors import InputError
from robust_r1.scenes.photographs import find_photographs, of_split
from train.tiny.config import TrainingConfig
from train.tiny.pictures import Pictures

FILE = "photographs.json"
_NAMED = 3  # photographs of each kind that a message names


def add_photos(parser: argparse.ArgumentParser) -> None:
    """Let a stage that draws scenes draw every other batch from photographs."""
    parser.add_argument(
        "--photos", type=Path, nargs="+", default=[], metavar="DIR",
        help="folders of photographs, for every other batch; else those of the configuration",
    )  # fmt: skip


def open_pictures(
    folders: Sequence[Path], config: TrainingConfig, output: Path, data: Path | None = None
) -> Pictures | None:
    """Read the photographs of a run, write their list, and return what draws pictures of them.

    Args:
        folders: given on the command line; without any, those of the configuration.
        config: of the run.
        output: folder of the run.
        data: a data file that it is trained on instead of scenes.

    Returns:
        None where there are no folders.

    Raises:
        InputError: a data file beside them, a folder that is no good, too few for a split, or a
            list of an earlier start that differs.
    """
    folders = list(folders) or [Path(folder) for folder in config.photos]
    if not folders:
        return None
    if data is not None:
        raise InputError(
            "photographs go with scenes, not with a data file; give --photos or --data"
        )
    photographs = find_photographs(folders)
    of_split(photographs, "validation")
    train = of_split(photographs, "train")
    now = {photo.name: photo.sha256 for photo in train}
    path = output / FILE
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        if difference := differences(before, now):
            raise InputError(
                f"these are not the photographs that {output} was begun with: {difference}; give "
                "the same ones, or this run a folder of its own"
            )
    path.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Pictures(train, config.model.max_pixels)


def differences(before: dict[str, str], now: dict[str, str]) -> str:
    """Say which photographs are missing, new or changed; empty where none is.

    >>> differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"})
    '1 missing (a), 1 new (c), 1 changed (b)'
    """
    kinds = {
        "missing": [name for name in before if name not in now],
        "new": [name for name in now if name not in before],
        "changed": [name for name in now if before.get(name, now[name]) != now[name]],
    }
    return ", ".join(
        f"{len(found)} {kind} ({_some(found)})" for kind, found in kinds.items() if found
    )


def _some(names: list[str]) -> str:
    more = ", ..." if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
