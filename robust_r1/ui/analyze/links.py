"""What somebody looks at on the Analyze tab, as a query string."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

from robust_r1.analysis import filters
from robust_r1.analysis.filters import Filter
from robust_r1.errors import InputError

TAB = "analyze"


def encode(runs: Sequence[str], wanted: Filter, case: str) -> str:
    """Return the query string of some runs (folders), a filter and a case.

    Without runs it opens the tab alone: what somebody brought is in no link.
    """
    if not runs:
        return "?" + urlencode([("tab", TAB)])
    pairs = [("tab", TAB), ("runs", ",".join(Path(run).name for run in runs))]
    if wanted != Filter():
        pairs.append(("filter", filters.to_json(wanted)))
    if case:
        pairs.append(("case", case))
    return "?" + urlencode(pairs)


def decode(
    query: Mapping[str, str], found: Sequence[str]
) -> tuple[list[str], Filter, str, list[str]]:
    """Read runs, filter and case of a link; `found` are the folders that there are.

    The last result holds one sentence for each value that could not be used; the rest still counts.
    Without the tab's name the link is another tab's, and nothing is read.
    """
    if query.get("tab") != TAB:
        return [], Filter(), "", []
    known = {Path(folder).name: folder for folder in found}
    names = [name for name in query.get("runs", "").split(",") if name]
    problems = [
        f"The link's run {name[:40]!r} is not here." for name in names if name not in known
    ]
    wanted = Filter()
    try:
        wanted = filters.from_json(query.get("filter", ""))
    except InputError as error:
        problems.append(f"The link's filter was left out: {error}")
    runs = [known[name] for name in names if name in known]
    return runs, wanted, query.get("case", ""), problems
