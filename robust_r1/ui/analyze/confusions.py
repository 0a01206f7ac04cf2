"""The confusions of one run as a ranked list, which a keyboard and a screen reader can use."""

from collections.abc import Sequence

from robust_r1.analysis.confusion import Mistake, cell_id, cell_words
from robust_r1.analysis.filters import Filter
from robust_r1.markup import escape
from robust_r1.report.tables import left_out
from robust_r1.ui.analyze.clicks import button


def mistakes_list(mistakes: Sequence[Mistake], without_chains: Sequence[str]) -> str:
    """Draw the most frequent confusions of a run, and say which runs have none to show."""
    items = "".join(f"<li>{_item(one)}</li>" for one in mistakes)
    told = f'<p class="rr-caption">{escape(left_out(without_chains))}</p>' if without_chains else ""
    if not items:
        return f'<p class="rr-caption">No case is confused with another.</p>{told}'
    title = '<h4 class="rr-chart-title">Most frequent</h4>'
    return f'{title}<ol class="rr-mistakes">{items}</ol>{told}'


def _item(one: Mistake) -> str:
    share = one.share
    interval = ""
    if share.low is not None and share.high is not None:
        interval = f" ({100 * share.low:.0f} to {100 * share.high:.0f})"
    figures = f"{one.cases} of {share.n} cases, {100 * (share.value or 0):.0f} %{interval}"
    words = f"<b>{escape(cell_words(one.cell))}</b> <span>{escape(figures)}</span>"
    return button(words, Filter(models=(one.model,), taken=(cell_id(one.cell),)))
