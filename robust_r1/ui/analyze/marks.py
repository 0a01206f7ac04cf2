"""What somebody has seen of the marks of a case, as the page holds it beside the fields.

It travels with tags and note, so that what is saved belongs to the case that it was written beside,
also where somebody has gone on to the next one already.
"""

import json
from dataclasses import asdict, dataclass

from robust_r1.errors import InputError
from robust_r1.store import Marks

# Takes the marks that were saved as seen, unless another case is in sight by now.
KEEP = """(kept, seen) => {
  if (!kept || !seen) return seen;
  const [old, now] = [JSON.parse(kept), JSON.parse(seen)];
  return old.run === now.run && old.case === now.case ? kept : seen;
}"""


@dataclass(frozen=True)
class SeenMarks:
    """Name a case (run and id, as the notebook does) and hold its marks as somebody saw them."""

    run: str
    case: str
    marks: Marks

    def to_json(self) -> str:
        """Write it for the page."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "SeenMarks":
        """Read what `to_json` wrote; raise InputError for anything else."""
        try:
            values = json.loads(text)
            run, case, marks = (values[name] for name in ("run", "case", "marks"))
            tags, note, revision = (marks[name] for name in ("tags", "note", "revision"))
            known = [isinstance(one, str) for one in (run, case, note, *tags)]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError("the page does not know whose marks these are: open the case again") \
                from error
        if not all(known) or not isinstance(revision, int):
            raise InputError("the page does not know whose marks these are: open the case again")
        return cls(run, case, Marks(tuple(tags), note, revision))
