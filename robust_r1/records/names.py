"""What the name of a benchmark's file tells: the benchmark, the language, the damage."""

import re
from dataclasses import dataclass
from pathlib import Path

from robust_r1.degradations import LEVELS, SPECS
from robust_r1.errors import InputError
from robust_r1.records.item import Damage
from robust_r1.records.options import LETTERS

# MMMB's six languages and what else data sets write for them, as parts of a file's name.
_CODES = ("en", "cn", "zh", "pt", "ar", "tr", "ru")
_MMD_LEVELS = {"low": "25", "mid": "50", "high": "100"}
_OPERATIONS = "|".join(spec.id.replace("_", "[_-]") for spec in SPECS)
# MMStar_Robust_25; MMD-Bench's MMStar_LOW_LEVEL_HIGH, MMStar_lens_blur, MMStar_lens_blur_0.9.
_DAMAGED = re.compile(
    rf"(?P<base>.+?)(?:[_-](?P<kind>{_OPERATIONS}))?"
    r"(?:[_-]Robust[_-](?P<level>25|50|100)|[_-]LOW_LEVEL_(?P<named>LOW|MID|HIGH)"
    r"|(?<=[a-z])[_-](?P<after>LOW|MID|HIGH)|[_-](?P<strength>0?\.[0-9]+))?",
    re.IGNORECASE,
)
# VLMEvalKit's table of R-Bench's distorted pictures: each has a damage that the file does not tell.
_DISTORTED = re.compile("r-?bench[-_]dis", re.IGNORECASE)
_PART = re.compile("-[0-9]+-of-[0-9]+")  # what the Hub adds to the parts of a file


@dataclass(frozen=True)
class Header:
    """Keep what holds for every row of a file.

    Attributes:
        benchmark: the name, without what it says of damage.
        letters: the columns that hold options.
    """

    benchmark: str
    language: str = ""
    damage: Damage | None = None
    letters: tuple[str, ...] = ()


def header_of(path: Path, columns: tuple[str, ...] = (), name: str | None = None) -> Header:
    """Read off a file's name which benchmark it holds, in which language, with which damage.

    Args:
        columns: of the table, some of which may hold options.
        name: the benchmark's, where it is known otherwise.
    """
    stem = _PART.sub("", path.stem)
    match = _DAMAGED.fullmatch(stem)
    assert match is not None  # everything after the base may be missing
    damage = Damage() if _DISTORTED.fullmatch(stem) else _damage(match)
    base = match["base"] if damage else stem
    parts = re.split(r"[_\-. ]+", base.lower())[1:]
    language = next((part for part in reversed(parts) if part in _CODES), "")
    letters = 0
    while letters < len(LETTERS) and LETTERS[letters] in columns:
        letters += 1
    return Header(name or base, language, damage, tuple(LETTERS[:letters]))


def _damage(match: re.Match) -> Damage | None:
    """Return the damage that a file's name tells of, or None."""
    kind = (match["kind"] or "").lower().replace("-", "_")
    named = match["named"] or (match["after"] if kind else None)
    level = match["level"] or _MMD_LEVELS.get((named or "").lower(), "")
    if match["strength"]:
        exact = {strength: name for name, strength in LEVELS.items()}
        level = exact.get(float(match["strength"]), "") if kind else ""
    if kind and not (named or match["strength"] or level):
        level = "100"  # MMD-Bench's sets of one operation are all at its highest strength
    return Damage(level, kind) if level or kind else None


def corrupted_name(name: str, level: str) -> str:
    """Return the name of a corrupted copy: MMStar_Robust_25 for MMStar at level 25.

    Raises:
        InputError: a level that LEVELS does not have.
    """
    if level not in LEVELS:
        raise InputError(f"no level {level!r}; use one of {', '.join(LEVELS)}")
    return f"{name}_Robust_{level}"
