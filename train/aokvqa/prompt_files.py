"""The four texts that a language model is asked with, from files that anybody may replace."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from robust_r1.errors import InputError

FOLDER = Path(__file__).with_name("prompts")
# What each step may name as $word.
FIELDS = {
    "influence": frozenset(("question", "answer", "findings", "words")),
    "reasoning": frozenset(("question", "answer", "rationales", "words")),
    "conclusion": frozenset(("question", "answer", "reasoning", "words")),
    "length": frozenset(("question", "answer", "draft", "count", "words", "low", "high")),
}


@dataclass(frozen=True)
class Prompts:
    """Hold the text of each step."""

    texts: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """Return the digest of all four."""
        joined = "\0".join(self.texts[step] for step in FIELDS)
        return hashlib.sha256(joined.encode()).hexdigest()

    def fill(self, step: str, **fields: object) -> str:
        """Return a step's text with its fields filled in."""
        return Template(self.texts[step]).substitute(fields)


def read_prompts(folder: Path = FOLDER) -> Prompts:
    """Read the four texts from STEP.txt in a folder; one that is not there is ours.

    Raises:
        InputError: no such folder, a file that cannot be read, or a $word that the step does not
            have.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give one with {', '.join(FIELDS)}.txt")
    texts = {}
    for step, fields in FIELDS.items():
        path = folder / f"{step}.txt"
        path = path if path.exists() else FOLDER / path.name
        try:
            texts[step] = path.read_text("utf-8").strip()
            template = Template(texts[step])
            unknown = set(template.get_identifiers()) - fields
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} could not be read ({error}); give a text file") from error
        if unknown or not template.is_valid():
            wrong = ", ".join(f"${name}" for name in sorted(unknown)) or "a $ without a name"
            known = ", ".join(f"${name}" for name in sorted(fields))
            raise InputError(f"{path} has {wrong}; it may have {known}, and $$ for a dollar")
    return Prompts(texts)
