"""Read the corpus of replies with VLMEvalKit's matcher; prints what it reads otherwise.

Run with the Python of an environment that has `ms-vlmeval` (`pip install --no-deps ms-vlmeval`):
only its matching module is imported, past the package's own imports, which want a whole machine.
"""

import csv
import importlib.util
import sys
import types
from collections import Counter
from pathlib import Path

REPLIES = Path(__file__).parents[1] / "unit/metrics/replies.tsv"


def matcher():
    """Return `can_infer(reply, options by letter)` of the installed package."""
    home = Path(importlib.util.find_spec("vlmeval").submodule_search_locations[0])
    for name in ("vlmeval", "vlmeval.smp", "vlmeval.utils"):
        package = types.ModuleType(name)
        package.__path__ = [str(home.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    from vlmeval.utils.matching_util import can_infer

    return can_infer


def main() -> None:
    """Print each reply that is read otherwise, with what is expected and read, and the counts."""
    can_infer, counts = matcher(), Counter()
    with REPLIES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            options = dict(zip("ABCDE", row["options"].split(" | "), strict=False))
            read = can_infer(row["reply"].replace("\\n", "\n"), options) or "unparsed"
            read = "unparsed" if read == "Z" else read  # its mark of a refusal
            counts["as expected" if read == row["expected"] else "otherwise"] += 1
            if read != row["expected"]:
                print(row["language"], row["style"], row["reply"], row["expected"], read, sep="\t")
    print(dict(counts))


if __name__ == "__main__":
    main()
