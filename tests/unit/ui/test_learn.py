"""The lesson without a page: its cases, the table of findings, who stands where in training."""

import gradio as gr
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.analysis import MAX_TEXT
from robust_r1.chain import Finding
from robust_r1.degradations import SPECS
from robust_r1.engine import catalog
from robust_r1.metrics import match_findings
from robust_r1.ui.learn.cases import lesson_cases
from robust_r1.ui.learn.rewards import RewardsPlayground
from robust_r1.ui.learn.training import in_order_of_training
from robust_r1.ui.learn.views import findings_table
from tests.support.scripted_engine import ScriptedEngine

FINDINGS = st.lists(
    st.builds(
        Finding, st.sampled_from([spec.chain_name for spec in SPECS] + ["gremlins"]),
        st.integers(1, 100).map(lambda cent: cent / 100),
    ),
    max_size=5,
)


def test_the_lesson_has_cases_of_every_kind_of_damage():
    counts = [len(case.reference.findings) for case in lesson_cases()]
    assert 0 in counts and 1 in counts and max(counts) >= 3
    assert len({case.title for case in lesson_cases()}) == len(counts)


@given(FINDINGS, st.lists(st.sampled_from(SPECS), max_size=3, unique=True))
def test_the_table_says_of_every_finding_whether_it_is_true(perceived, specs):
    applied = [Finding(spec.chain_name, 0.5) for spec in specs]
    table = findings_table(applied, [("You", perceived)])
    matching = match_findings(perceived, applied)
    assert table.count("missed, -1") == len(matching.misses)
    assert table.count("match, +") == len(matching.matched)
    names = {name for name, _, _ in matching.matched}
    alarms = {name for name in matching.false_alarms if name not in names}
    assert table.count("false alarm, -1") == len(alarms)


def test_bundled_models_stand_in_the_order_of_training_whoever_is_there():
    bundled = [info.name for info in catalog.bundled()]
    here = [ScriptedEngine(name) for name in reversed(bundled)]
    shown = in_order_of_training([*here, ScriptedEngine("elsewhere")])
    assert [engine.info.name for engine in shown] == bundled
    alone = (ScriptedEngine("elsewhere"),)
    assert in_order_of_training(alone) == alone


def test_an_edited_chain_of_the_rewards_is_in_their_link_and_one_that_is_too_long_is_left_out():
    with gr.Blocks():
        part = RewardsPlayground(gr.Tab("Rewards"), (ScriptedEngine("tiny-sft"),))
    title = lesson_cases()[2].title
    true = part.open({"case": title})[part.text]
    assert part.describe({part.case: title, part.text: true}) == {"case": title}
    edited = true.replace("motion blur", "lens blur")
    link = part.describe({part.case: title, part.text: edited})
    assert edited != true and part.open(link)[part.text] == edited
    assert part.open(link)[part.case] == title
    assert part.open({**link, "chain": "x" * (MAX_TEXT + 1)})[part.text] == true
