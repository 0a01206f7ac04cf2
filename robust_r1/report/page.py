"""A report: one HTML file with figures, charts, pictures and cases, and nothing from elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from robust_r1 import images
from robust_r1.analysis.corruption import corruption
from robust_r1.analysis.entries import Entry, in_order
from robust_r1.analysis.intensities import IntensityErrors
from robust_r1.analysis.pairs import Differing, differing, paired, shared
from robust_r1.errors import InputError
from robust_r1.evaluation import recall_by_band
from robust_r1.markup import escape
from robust_r1.metrics import truth_words
from robust_r1.report.paper import paper_tables, published_note
from robust_r1.report.pictures import picture_of, why_absent
from robust_r1.report.published_pictures import LookUp
from robust_r1.report.robustness_tables import (
    corruption_table,
    differing_table,
    pair_table,
    worst_lines,
)
from robust_r1.report.summary import Details, by_model, summarize
from robust_r1.report.table import to_html
from robust_r1.report.tables import (
    confusion_table,
    cost_tables,
    error_table,
    false_alarm_table,
    headline_table,
    left_out,
    level_table,
    recall_table,
    robustness_table,
)
from robust_r1.report.words import applied, findings_text, said_in, verdict
from robust_r1.store import Marks

PICTURES = 24  # cases that are shown with picture and chain; the others are lines of a table
DIFFERING = 12  # items on which two runs differ most, that are shown
LINES = 10_000
# Of a published benchmark pictures are photographs of any size, which would fill the page.
_MOST_PIXELS = 160_000
_STYLE = Path(__file__).with_name("report.css")
_TEXT = 400
_NOTE = 2000


def html_report(
    entries: Sequence[Entry],
    marks: Mapping[tuple[str, str], Marks],
    title: str,
    about: str = "",
    notes: Sequence[str] = (),
    files: LookUp | None = None,
    base: str = "",
) -> str:
    """Write the report of some answered cases.

    Args:
        entries: the cases, of one run or several.
        marks: tags and notes by (run, case id).
        title: what the runs are of.
        about: which cases were chosen, in words; empty for all.
        notes: sentences about how the runs were asked.
        files: finds the pictures of published benchmarks; None where they usually lie.
        base: the model that corruption errors are relative to; empty for none.

    Returns:
        The text of a page that needs no other file and no network, and runs no script.
    """
    files, found = files or LookUp(), summarize(entries)
    chosen = f"Only cases that are: {escape(about, _TEXT)}." if about else "All cases."
    parts = [
        f"<h1>{escape(title, _TEXT)}</h1>",
        f'<p class="lead">{len(entries)} answered cases. {chosen} Intervals are 95 % bootstrap '
        "intervals that resample pictures; a dash is what could not be scored.</p>",
        *_paragraphs(notes),
        *_paper(entries),
        to_html(headline_table(found.headlines)),
        *_robustness(entries, found.details, base),
        *_perception(entries, found.details),
        *_pair(entries, files),
        _cards(entries, marks, files),
        _lines(entries, marks),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title, _TEXT)}</title><style>{_STYLE.read_text('utf-8')}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _paragraphs(lines: Iterable[str]) -> list[str]:
    return [f"<p>{escape(line, _NOTE)}</p>" for line in lines if line]


def _paper(entries: Sequence[Entry]) -> list[str]:
    tables = [to_html(table) for table in paper_tables(entries)]
    return [*tables, *_paragraphs([published_note(entries)])] if tables else []


def _robustness(entries: Sequence[Entry], found: Details, base: str) -> list[str]:
    """Write what damage costs."""
    errors = corruption(entries, base) if base else ()
    return [
        to_html(level_table(found.levels)),
        to_html(robustness_table(found.robustness)) if found.robustness else "",
        "<h2>What damage costs</h2>",
        *_paragraphs((*worst_lines(found.corruption), *found.lost_first)),
        to_html(corruption_table(errors)) if errors else "",
        *map(to_html, cost_tables(found)),
    ]


def _perception(entries: Sequence[Entry], found: Details) -> list[str]:
    """Write what is perceived of the damage; nothing of models that list no degradations."""
    if not found.confusions:
        return _paragraphs([left_out(found.without_chains)])
    recalls = [
        (model, recall_by_band(entry.row for entry in part)) for model, part in by_model(entries)
    ]
    return [
        "<h2>What was taken for what</h2>",
        *(to_html(confusion_table(one)) for one in found.confusions),
        *_paragraphs([left_out(found.without_chains)] if found.without_chains else []),
        to_html(recall_table(recalls)),
        to_html(false_alarm_table(found.false_alarms)) if found.false_alarms else "",
        "<h2>How far intensities were off</h2>",
        *(_histogram(model, errors) for model, errors in found.errors),
        to_html(error_table(found.errors)),
    ]


def _pair(entries: Sequence[Entry], files: LookUp) -> list[str]:
    """Write how two runs compare on shared items; nothing where there are not just two."""
    models = in_order(entry.model for entry in entries)
    pairs = shared(entries, *models) if len(models) == 2 else ()
    if not pairs:
        return []
    apart = differing(pairs, DIFFERING)
    cards = "".join(_differing_card(one, files) for one in apart)
    return [
        "<h2>The two runs, item by item</h2>",
        to_html(pair_table(paired(pairs), *models)),
        to_html(differing_table(apart, *models)) if apart else "",
        f'<div class="cards">{cards}</div>' if cards else "",
    ]


def _differing_card(found: Differing, files: LookUp) -> str:
    first, row = found.pairs[0][0], found.pairs[0][0].row
    said = "".join(
        f"<p>{escape(pair[0].row.level)}: "
        + "; ".join(
            f"{escape(one.model)} <b>{escape(said_in(one), _TEXT) or 'nothing'}</b>, "
            f"{verdict(one)}" for one in pair
        )
        + ".</p>"
        for pair in found.pairs
    )  # fmt: skip
    true = escape(truth_words(row.truth, row.choices), _TEXT)
    return (
        f"<article>{_picture(first, files)}<div><h3>{escape(found.item)} "
        f"<small>{escape(row.level)}</small></h3><p><b>{escape(row.question, _TEXT)}</b></p>"
        f"{_options(first)}<p>Truth: {true}.</p>{said}</div></article>"
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


def _cards(
    entries: Sequence[Entry], marks: Mapping[tuple[str, str], Marks], files: LookUp
) -> str:
    shown = entries[:PICTURES]
    count = f"The first {len(shown)} cases" if len(shown) < len(entries) else "The cases"
    drawn = "".join(
        _card(entry, marks.get((entry.run, entry.row.id), Marks()), files) for entry in shown
    )
    return f'<h2>{count}</h2><div class="cards">{drawn}</div>'


def _picture(entry: Entry, files: LookUp) -> str:
    try:
        image = picture_of(entry, files=files)
    except InputError:
        words = why_absent(entry, files)
        return f'<p class="gone">No picture: {escape(words, _TEXT)}.</p>'
    published = entry.terms.file
    url = images.data_url(images.fit(image, _MOST_PIXELS) if published else image)
    return f'<img src="{url}" alt="{escape(entry.row.id)}" loading="lazy">'


def _card(entry: Entry, found: Marks, files: LookUp) -> str:
    row = entry.row
    said, true = said_in(entry), truth_words(row.truth, row.choices)
    return (
        f"<article>{_picture(entry, files)}<div><h3>{escape(row.id)} <small>{escape(entry.model)}, "
        f"{escape(row.level)}</small></h3><p><b>{escape(row.question, _TEXT)}</b></p>"
        f"{_options(entry)}"
        f"<p>{applied(entry)} Perceived: {findings_text(row.found)}.</p>"
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
    said, true = said_in(entry), truth_words(row.truth, row.choices)
    cells = (
        entry.model, row.question, said, true, verdict(entry),
        findings_text(row.found), marked,
    )  # fmt: skip
    drawn = "".join(f"<td>{escape(cell, _TEXT)}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(row.id)}</th>{drawn}</tr>'


def _options(entry: Entry) -> str:
    """List the options, numbered from 0 or lettered, as the model was asked."""
    choices = "".join(f"<li>{escape(choice, _TEXT)}</li>" for choice in entry.row.choices)
    kind = 'type="A"' if entry.row.lettered else 'start="0"'
    return f"<ol {kind}>{choices}</ol>" if choices else ""


def title_of(entries: Sequence[Entry]) -> str:
    """Say which models answered which benchmark."""
    models = dict.fromkeys(entry.model for entry in entries)
    names = dict.fromkeys(entry.benchmark for entry in entries)
    return f"{' and '.join(names) or 'No cases'}: {', '.join(models)}" if models else "No cases"
