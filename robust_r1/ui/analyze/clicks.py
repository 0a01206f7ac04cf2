"""From a figure to its cases: what a click on a cell, a bar or a point asks for, and who listens.

Marks of a chart carry the filter that lets exactly their cases pass, in `customdata` behind what
the hover says; a button of a list carries it as an attribute. A script keeps the filter of what was
clicked and presses a hidden button, whose event reads it with the help of `READ`.
"""

from dataclasses import replace

from robust_r1.analysis.filters import SCORED, Filter, to_json
from robust_r1.markup import escape

CLICKED, RETURNED = "figure-clicked", "address-returned"  # the hidden buttons' ids
# Puts what the script keeps in the place of the event's first input. (A hidden text field would
# not do: Gradio tells of a key that is pressed in it, and not of what a script writes.)
READ = "(_, ...others) => [window.rrAnalyze, ...others]"


def mark(hover: tuple, cases: int, wanted: Filter) -> tuple:
    """Return a mark's customdata: what the hover reads, and its filter; none where no case is."""
    return (*hover, to_json(wanted) if cases else "")


def button(words: str, wanted: Filter) -> str:
    """Draw a button that shows the cases of a filter; `words` are HTML."""
    return (
        f'<button type="button" class="rr-to-cases" data-cases="{escape(to_json(wanted))}">'
        f"{words}</button>"
    )


def narrowed(wanted: Filter, clicked: Filter) -> Filter:
    """Return the filter that lets those of the cases pass that lie in a mark that was clicked.

    The mark counts cases that pass already, so nothing that was asked is taken back.
    """
    outcome = clicked.outcome or wanted.outcome
    if clicked.outcome == SCORED and wanted.outcome:
        outcome = wanted.outcome
    return replace(
        wanted,
        models=clicked.models or wanted.models,
        levels=clicked.levels or wanted.levels,
        outcome=outcome,
        taken=tuple(dict.fromkeys((*wanted.taken, *clicked.taken))),
        off_by=tuple(dict.fromkeys((*wanted.off_by, *clicked.off_by))),
    )


# Brings the filter's fields and the cases below them into sight, and the keyboard to them.
ARRIVE = """() => {
  document.querySelector('.rr-filters')?.scrollIntoView({block: 'start'});
  document.querySelector('#analyze-tabs [role=tab][aria-selected=true]')
    ?.focus({preventScroll: true});
}"""
# Brings back what was in sight before the click.
RETURN = "() => { if (window.rrTop !== undefined) window.scrollTo(0, window.rrTop); }"
# Gradio makes a tab's elements when it is first opened and a new element of a chart at each update,
# so the script looks for charts that it does not know. The address gets a step of its history for
# each click, so that Back returns; the tab writes what is shown into that step. A step back is told
# by its query string, if it is of this tab.
SCRIPT = """() => {
  const send = (id, text) => {
    window.rrAnalyze = text;
    document.getElementById(id)?.click();
  };
  const show = (wanted) => {
    if (!wanted) return;
    history.replaceState({top: scrollY}, '', location.href);
    history.pushState(null, '', location.href);
    send('CLICKED', wanted);
  };
  const known = new WeakSet();
  const listen = () => {
    for (const chart of document.querySelectorAll('#analyze-tabs .js-plotly-plot')) {
      if (known.has(chart) || !chart.on) continue;
      known.add(chart);
      chart.on('plotly_click', (event) => {
        const data = event.points[0]?.customdata;
        show(Array.isArray(data) ? data[data.length - 1] : '');
      });
    }
  };
  new MutationObserver(listen).observe(document.body, {childList: true, subtree: true});
  document.addEventListener('click', (event) => {
    const button = event.target.closest?.('#analyze-tabs [data-cases]');
    if (button) show(button.dataset.cases);
  });
  window.addEventListener('popstate', (event) => {
    window.rrTop = event.state?.top;
    if (new URLSearchParams(location.search).get('tab') === 'analyze')
      send('RETURNED', location.search);
  });
}""".replace("CLICKED", CLICKED).replace("RETURNED", RETURNED)
