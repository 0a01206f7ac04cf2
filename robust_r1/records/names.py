"""What the name of a benchmark's file tells: the benchmark, the language, the damage.

MMD-Bench's names are those of its data card and of the scripts that made it (in CLEAR's
`data/corruption_datasets_create`): NAME_LOW_LEVEL_LOW, _MID and _HIGH, and NAME_OPERATION at .9.
Assumed is that its files are called so without exception, and that a strength or a level may follow
an operation.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from robust_r1.degradations import LEVELS, PRESETS, SPECS, DegradationPlan
from robust_r1.errors import InputError
from robust_r1.records.item import Damage
from robust_r1.records.options import LETTERS

# MMMB's six languages and what else data sets write for them, as parts of a file's name.
_CODES = ("en", "cn", "zh", "pt", "ar", "tr", "ru")
MMD_LEVELS = {"low": "25", "mid": "50", "high": "100"}
# Two operations have other names there.
_MMD_OPERATIONS = {"hsv_saturation": "saturation", "dark_illumination": "darkness"}
_NAMES = (*_MMD_OPERATIONS, *(spec.id for spec in SPECS))
_OPERATIONS = "|".join(name.replace("_", "[_-]") for name in _NAMES)
# MMStar_Robust_25 and, damaged in other ways, MMStar_Robust_lens_blur_0.4, MMStar_Robust_random;
# MMD-Bench's MMStar_LOW_LEVEL_HIGH, MMStar_lens_blur, MMStar_lens_blur_0.9.
_DAMAGED = re.compile(
    rf"(?P<base>.+?)(?:[_-]Robust[_-](?!(?:25|50|100)$)(?P<own>.+)|(?:[_-](?P<kind>{_OPERATIONS}))?"
    r"(?:[_-]Robust[_-](?P<level>25|50|100)|[_-]LOW_LEVEL_(?P<named>LOW|MID|HIGH)"
    r"|(?<=[a-z])[_-](?P<after>LOW|MID|HIGH)|[_-](?P<strength>0?\.[0-9]+))?)",
    re.IGNORECASE,
)
_STEP = re.compile(rf"({_OPERATIONS})_([01]|0\.[0-9]+)(?:_|$)")
_LONGEST = 120  # letters of a way, so that a file's name stays within what systems allow
# VLMEvalKit's table of R-Bench's distorted pictures: each has a damage that the file does not tell.
_DISTORTED = re.compile("r-?bench[-_]dis", re.IGNORECASE)
_OURS = re.compile("[_-]Robust[_-]", re.IGNORECASE)
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


def mmd_header(path: Path) -> Header | None:
    """Read off what a table of MMD-Bench holds; None where the name is none of MMD-Bench's."""
    if path.suffix.lower() != ".tsv" or _OURS.search(path.stem):
        return None
    header = header_of(path)
    return header if header.damage and header.damage.level else None


def operation_of(name: str) -> str | None:
    """Return an operation's id by that or by MMD-Bench's name; None where it is neither."""
    name = name.lower().replace("-", "_")
    return _MMD_OPERATIONS.get(name, name) if name in _NAMES else None


def _damage(match: re.Match) -> Damage | None:
    """Return the damage that a file's name tells of, or None."""
    if match["own"]:
        return Damage(plan=_plan(match["own"]))
    kind = (match["kind"] or "").lower().replace("-", "_")
    kind = _MMD_OPERATIONS.get(kind, kind)
    named = match["named"] or (match["after"] if kind else None)
    level = match["level"] or MMD_LEVELS.get((named or "").lower(), "")
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


def named_after_way(name: str, way: str | DegradationPlan) -> str:
    """Return the name of a copy that was corrupted in another way than by level.

    >>> named_after_way("MMStar", DegradationPlan.parse("lens_blur=0.4,gaussian_noise=0.25"))
    'MMStar_Robust_lens_blur_0.4_gaussian_noise_0.25'
    >>> named_after_way("MMStar", "rainy night drive")
    'MMStar_Robust_rainy_night_drive'
    """
    if isinstance(way, DegradationPlan):
        words = "_".join(f"{step.id}_{step.intensity:g}" for step in way.steps)
        way = words if len(words) <= _LONGEST else f"{len(way)}_degradations"
    return f"{name}_Robust_{'_'.join(way.split())}"


def _plan(way: str) -> DegradationPlan:
    """Return the plan that the name of a copy tells; an empty one where it does not."""
    for name, plan in PRESETS.items():
        if "_".join(name.split()) == way:
            return plan
    steps = {match[1]: float(match[2]) for match in _STEP.finditer(way)}
    told = "_".join(f"{name}_{intensity:g}" for name, intensity in steps.items())
    return DegradationPlan.of(steps) if told == way else DegradationPlan()
