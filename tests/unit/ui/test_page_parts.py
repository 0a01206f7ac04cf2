"""The parts of the page that need no browser: links, markup, cards, charts, examples."""

import gc
import html
import json
import threading
from urllib.parse import parse_qsl

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from robust_r1.ask.case import Case, Reply
from robust_r1.ask.examples import gallery, photographs, scenes
from robust_r1.ask.links import decode, encode
from robust_r1.ask.picture import Picture
from robust_r1.ask.pipeline import Outcome
from robust_r1.chain import Finding, StreamParser, parse
from robust_r1.degradations import PRESETS, SPECS, DegradationPlan
from robust_r1.engine import Answer, GenerationSettings
from robust_r1.engine.lazy import LazyEngine
from robust_r1.engine.pool import start_loading
from robust_r1.markup import escape
from robust_r1.ui.theme import launch_arguments
from robust_r1.ui.widgets import findings_chart as charts
from robust_r1.ui.widgets.chain import answer_cards, chain_cards, problems_list
from robust_r1.ui.widgets.plan_input import build_sliders
from tests.support.paths import ROOT
from tests.support.scripted_engine import ScriptedEngine

SPLITS = {"train", "held_out"}
text = st.text(max_size=60).filter(lambda value: value == value.strip() and "\n" not in value)
IDS = [spec.id for spec in SPECS]


@given(text)
def test_escaped_text_reads_back_and_holds_no_active_sign(value):
    shown = escape(value)
    assert not set(shown) & set("<>\"'`${}\\@")
    printable = "".join(sign for sign in html.unescape(shown))
    assert set(printable) <= set(value)


def test_escape_cuts_long_text():
    assert escape("abcdef", 4) == "abc\u2026"


@given(
    st.dictionaries(st.sampled_from(IDS), st.integers(1, 100).map(lambda cent: cent / 100)),
    st.integers(0, 2**31 - 1), text, st.lists(text.filter(bool), max_size=4), text,
)
def test_link_reads_back_to_the_same_state(strengths, seed, question, choices, answer):
    plan, asked = DegradationPlan.of(strengths, seed), (question, tuple(choices), answer)
    case = Case(Picture("coffee"), plan, *asked, seed=seed, model="a")
    pairs = parse_qsl(encode(case).removeprefix("?"), keep_blank_values=True)
    assert decode(pairs, ["a"]) == (case, [])


def test_a_question_too_long_for_a_link_is_said_and_never_cut():
    case, problems = decode([("question", "x" * 4001)], [])
    assert case.question == "" and "question was left out" in problems[0]
    asked = "x" * 4000
    assert decode([("question", asked)], []) == (Case(question=asked), [])


@pytest.mark.parametrize(
    ("pair", "word"),
    [
        (("example", "../../etc/passwd"), "example"),
        (("example", "scene-99999999999"), "example"),
        (("example", "scene-x"), "example"),
        (("plan", "lens_blur=2"), "plan"),
        (("plan", "lens_blur"), "plan"),
        (("seed", "1e9"), "seed"),
        (("seed", "99999999999"), "seed"),
        (("model", "other"), "model"),
    ],
)
def test_bad_link_value_is_named_and_left_out(pair, word):
    case, problems = decode([pair, ("question", "What?")], ["a"])
    assert len(problems) == 1 and word in problems[0]
    assert case == Case(question="What?")


def reply(text: str, finish: str = "stop") -> Reply:
    answer = Answer(text, parse(text), 9, 0.5, 0.1, finish, "tiny", GenerationSettings())
    return Reply(text, answer.parsed, answer)


def test_cards_mark_the_section_being_written():
    parser = StreamParser()
    parsed = parser.feed("<TYPE>lens blur(0.30)<TYPE_END><INFLUENCE>It soft")
    cards = chain_cards(Reply(parser.text, parsed))
    assert cards.count("is-open") == 1 and cards.count("is-done") == 1
    assert cards.count("is-waiting") == 2
    assert "Lens blur" in cards and "0.30" in cards


def test_finished_chain_marks_nothing_as_open():
    assert "is-open" not in chain_cards(reply("<TYPE>lens blur(0.3)"))


def test_problems_are_named_and_a_good_chain_has_none():
    assert problems_list(reply("no chain at all"))
    good = "".join(f"<{s}>none<{s}_END>" for s in ("TYPE", "INFLUENCE", "REASONING"))
    good += "<CONCLUSION>x<CONCLUSION_END><ANSWER>y<ANSWER_END>"
    assert problems_list(reply(good)) == ""


@pytest.mark.parametrize(("clean", "word"), [("four", "flipped"), ("Three.", "same answer")])
def test_flip_is_marked_between_two_answers(clean, word):
    outcome = Outcome(
        Case(), reply=reply("<ANSWER>three<ANSWER_END>"),
        clean=reply(f"<ANSWER>{clean}<ANSWER_END>"),
    )
    assert word in answer_cards(outcome)


def traces(perceived, applied):
    figure = charts.findings_chart(perceived, applied)
    return {trace.name: dict(zip(trace.y, trace.x, strict=True)) for trace in figure.data}


def test_chart_tells_matches_misses_and_false_alarms_apart():
    drawn = traces(
        [Finding("lens blur", 0.3), Finding("graffiti", 0.5), Finding("gremlins", 0.1)],
        [Finding("lens blur", 0.4), Finding("gaussian noise", 0.2)],
    )
    assert drawn["applied"] == {"Lens blur": 0.4} and drawn["perceived"] == {"Lens blur": 0.3}
    assert drawn["missed"] == {"Noise": 0.2}
    assert drawn["false alarm"] == {"Graffiti": 0.5, "gremlins": 0.1}


def test_chart_marks_by_pattern_and_word_beside_color():
    figure = charts.findings_chart([Finding("graffiti", 0.5)], [Finding("lens blur", 0.4)])
    marks = {trace.name: (trace.marker.pattern.shape, trace.text[0]) for trace in figure.data}
    assert marks == {"missed": ("/", "0.40 missed"), "false alarm": ("x", "0.50 false alarm")}


def test_chart_of_nothing_says_so():
    figure = charts.findings_chart([], [])
    assert "Nothing was applied" in figure.layout.annotations[0].text


def test_sliders_make_the_plan_that_links_and_presets_name():
    assert [spec.id for spec in SPECS] == IDS and len(IDS) == 16
    with gr.Blocks():
        sliders = build_sliders("slider")
    assert [slider.label for slider in sliders.all] == [spec.label for spec in SPECS]
    plan = DegradationPlan.of({"graffiti": 0.25, "lens_blur": 0.5}, seed=3)
    assert sliders.plan(sliders.show(plan.intensities), 3) == plan
    for name, preset in PRESETS.items():
        shown = sliders.plan(sliders.show_preset(name), 0)
        assert shown.intensities == pytest.approx(preset.intensities, abs=0.005)


def test_examples_have_questions_and_unique_ids():
    ids = [example.id for example in gallery()]
    assert len(set(ids)) == len(ids) >= 12
    assert len(photographs()) >= 8 and len(scenes()) >= 3
    assert all(example.questions for example in gallery())


def test_photographs_have_provenance_and_both_splits():
    records = json.loads((ROOT / "assets/examples/examples.json").read_text(encoding="utf-8"))
    readme = (ROOT / "assets/examples/README.md").read_text(encoding="utf-8")
    assert {record["split"] for record in records} == SPLITS
    total = 0
    for record in records:
        file = ROOT / "assets/examples" / record["file"]
        assert all(record[key] for key in ("title", "author", "licence", "source", "changes"))
        assert record["licence_url"].startswith("https://") and record["file"] in readme
        with Image.open(file) as picture:
            assert 300 * 300 < picture.width * picture.height <= 1_100_000
        total += file.stat().st_size
    assert total < 3_000_000


def test_page_is_served_without_anything_from_elsewhere():
    arguments = launch_arguments()
    assert arguments["allowed_paths"] == [str(ROOT / "assets")]
    assert arguments["max_file_size"] == "20mb" and arguments["run_history"] is False
    assert arguments["theme"]._stylesheets == []


def test_every_style_sheet_is_loaded_and_asks_for_nothing_from_elsewhere():
    loaded = launch_arguments()["css_paths"]
    assert sorted(loaded) == sorted((ROOT / "robust_r1/ui").rglob("*.css"))
    assert len(loaded) == len(set(loaded)) and loaded[0].name == "base.css"
    for sheet in loaded:
        text = sheet.read_text(encoding="utf-8")
        assert text.count("{") == text.count("}") and "http" not in text and "url(" not in text
        assert "@import" not in text, f"{sheet.name}: the order of the files is theme.py's"


def test_what_was_built_is_left_to_itself_by_the_garbage_collector():
    engine = ScriptedEngine(note="here")
    lazy = LazyEngine(engine.info, lambda report: engine)
    frozen = gc.get_freeze_count()
    try:
        start_loading([lazy])
        for thread in threading.enumerate():
            if thread.name == "loading":
                thread.join()
        assert not lazy.loading and lazy.note == "here"
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
