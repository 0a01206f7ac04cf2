"""A report: one HTML file with figures, charts, pictures and cases, and nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from robust_r1 import images
from robust_r1.analysis.entries import Entry
from robust_r1.analysis.intensities import IntensityErrors
from robust_r1.chain import Finding
from robust_r1.errors import InputError
from robust_r1.evaluation import recall_by_band
from robust_r1.markup import escape
from robust_r1.metrics import answer_words, truth_words
from robust_r1.report.pictures import picture_of
from robust_r1.report.summary import by_model, summarize
from robust_r1.report.table import to_html
from robust_r1.report.tables import (
    confusion_table,
    error_table,
    false_alarm_table,
    headline_table,
    left_out,
    level_table,
    recall_table,
    robustness_table,
)
from robust_r1.store import Marks

PICTURES = 24  # cases that are shown with picture and chain; the others are lines of a table
LINES = 10_000
_STYLE = Path(__file__).with_name("report.css")
_TEXT = 400
_NOTE = 2000


def html_report(
    entries: Sequence[Entry],
    marks: Mapping[tuple[str, str], Marks],
    title: str,
    about: str = "",
    notes: Sequence[str] = (),
) -> str:
    """Write the report of some answered cases.

    Args:
        entries: the cases, of one run or several.
        marks: tags and notes by (run, case id).
        title: what the runs are of.
        about: which cases were chosen, in words; empty for all.
        notes: sentences about how the runs were asked.

    Returns:
        The text of a page that needs no other file and no network, and runs no script.
    """
    summary = summarize(entries)
    found = summary.details
    chosen = f"Only cases that are: {escape(about, _TEXT)}." if about else "All cases."
    parts = [
        f"<h1>{escape(title, _TEXT)}</h1>",
        f'<p class="lead">{len(entries)} answered cases. {chosen} Intervals are 95 % bootstrap '
        "intervals; a dash is what could not be scored.</p>",
        *(f"<p>{escape(note, _NOTE)}</p>" for note in notes),
        to_html(headline_table(summary.headlines)),
        to_html(level_table(found.levels)),
        to_html(robustness_table(found.robustness)) if found.robustness else "",
        "<h2>What was taken for what</h2>",
        *(to_html(confusion_table(one)) for one in found.confusions),
        f"<p>{escape(left_out(found.without_chains), _TEXT)}</p>" if found.without_chains else "",
        to_html(
            recall_table(
                [
                    (model, recall_by_band(entry.row for entry in part))
                    for model, part in by_model(entries)
                ]
            )
        ),
        to_html(false_alarm_table(found.false_alarms)) if found.false_alarms else "",
        "<h2>How far intensities were off</h2>",
        *(_histogram(model, errors) for model, errors in found.errors),
        to_html(error_table(found.errors)),
        _cards(entries, marks),
        _lines(entries, marks),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title, _TEXT)}</title><style>{_STYLE.read_text('utf-8')}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _histogram(model: str, errors: IntensityErrors) -> str:
    if not errors.n or errors.mean is None:
        return f"<p>{escape(model)} matched no finding, so no intensity can be compared.</p>"
    most = max(errors.counts)
    lines = "".join(
        f"<li><span>{low:+.1f} to {high:+.1f}</span>"
        f'<i style="width:{240 * count / most:.0f}px"></i><b>{count}</b></li>'
        for low, high, count in zip(errors.edges, errors.edges[1:], errors.counts, strict=False)
        if count
    )
    return (
        f"<h3>{escape(model)}: perceived minus applied, {errors.n} matched findings, mean "
        f'{errors.mean:+.3f}, mean absolute {errors.size:.3f}</h3><ul class="bars">{lines}</ul>'
    )


def _cards(entries: Sequence[Entry], marks: Mapping[tuple[str, str], Marks]) -> str:
    shown = entries[:PICTURES]
    count = f"The first {len(shown)} cases" if len(shown) < len(entries) else "The cases"
    drawn = "".join(_card(entry, marks.get((entry.run, entry.row.id), Marks())) for entry in shown)
    return f'<h2>{count}</h2><div class="cards">{drawn}</div>'


def _card(entry: Entry, found: Marks) -> str:
    row = entry.row
    try:
        url = images.data_url(picture_of(entry))
        picture = f'<img src="{url}" alt="{escape(row.id)}" loading="lazy">'
    except InputError:
        picture = '<p class="gone">The picture is not in this version of the benchmark.</p>'
    choices = "".join(f"<li>{escape(choice, _TEXT)}</li>" for choice in row.choices)
    said, true = answer_words(row.answer, row.choices), truth_words(row.truth, row.choices)
    return (
        f"<article>{picture}<div><h3>{escape(row.id)} <small>{escape(entry.model)}, "
        f"{escape(row.level)}</small></h3><p><b>{escape(row.question, _TEXT)}</b></p>"
        f'<ol start="0">{choices}</ol>'
        f"<p>Applied: {findings_text(row.true)}. Perceived: {findings_text(row.found)}.</p>"
        f"<p>Answer: <b>{escape(said, _TEXT) or 'none'}</b>, truth: "
        f"{escape(true, _TEXT) or 'not known'}, {verdict(entry)}.</p>"
        f"<details><summary>Chain, {row.tokens} tokens</summary><p>{escape(row.text, 4000)}</p>"
        f"</details>{_marks(found)}</div></article>"
    )


def _marks(found: Marks) -> str:
    tags = " ".join(f'<span class="tag">{escape(tag)}</span>' for tag in found.tags)
    note = f"<p>{escape(found.note)}</p>" if found.note else ""
    return f'<div class="marks">{tags}{note}</div>' if tags or note else ""


def _lines(entries: Sequence[Entry], marks: Mapping[tuple[str, str], Marks]) -> str:
    names = ("case", "model", "question", "answer", "truth", "score", "perceived", "marks")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(_line(entry, marks) for entry in entries[:LINES])
    rest = len(entries) - LINES
    more = f"<p>{rest} more are in the CSV and JSONL exports.</p>" if rest > 0 else ""
    return (
        "<h2>All cases</h2><details><summary>Show the table</summary>"
        f'<div class="rr-scroll"><table class="rr-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{more}</details>"
    )


def _line(entry: Entry, marks: Mapping[tuple[str, str], Marks]) -> str:
    row, found = entry.row, marks.get((entry.run, entry.row.id), Marks())
    marked = " ".join((*(f"#{tag}" for tag in found.tags), found.note))
    said, true = answer_words(row.answer, row.choices), truth_words(row.truth, row.choices)
    cells = (
        entry.model, row.question, said, true, verdict(entry),
        findings_text(row.found), marked,
    )  # fmt: skip
    drawn = "".join(f"<td>{escape(cell, _TEXT)}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(row.id)}</th>{drawn}</tr>'


def verdict(entry: Entry) -> str:
    """Say in a few words how an answer was scored, and whether the damage turned it."""
    if entry.right is None:
        return "not scored"
    score = entry.row.accuracy or 0.0
    word = "right" if entry.right else f"{score:.2f} of the facts" if 0 < score < 1 else "wrong"
    return f"{word}, flipped {entry.flip}" if entry.flip else word


def findings_text(findings: Sequence[Finding]) -> str:
    """List findings as the chain does; "none" where there are none. Names are the table's own."""
    return ", ".join(f"{one.name} {one.intensity:.2f}" for one in findings) or "none"


def title_of(entries: Sequence[Entry]) -> str:
    """Say which models answered which benchmark."""
    models = dict.fromkeys(entry.model for entry in entries)
    names = dict.fromkeys(entry.benchmark for entry in entries)
    return f"{' and '.join(names) or 'No cases'}: {', '.join(models)}" if models else "No cases"
