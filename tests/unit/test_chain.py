"""Chains: any text parses, what is rendered parses back, and a stream is read as the whole."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.chain import (
    DISORDER,
    DUPLICATE,
    INTENSITY,
    MAX_ENTRIES,
    MISSING,
    OUTSIDE,
    PROBLEM_KINDS,
    REPEATED,
    SECTIONS,
    TAGS,
    UNCLOSED,
    UNKNOWN,
    Chain,
    Finding,
    Problem,
    StreamParser,
    build_prompt,
    findings_of,
    format_question,
    parse,
    render,
)
from robust_r1.degradations import SPECS, DegradationPlan
from robust_r1.errors import InputError
from robust_r1.thoughts import ENDS, STARTS, thought_in

BLURRED = Chain(
    (Finding("lens blur", 0.31), Finding("lens flare", 0.05)),
    "Edges are soft.",
    "The shape has three corners.",
    "It is a triangle.",
    "triangle",
)
LAYOUT = (
    "<TYPE>lens blur(0.31), lens flare(0.05)<TYPE_END>"
    "<INFLUENCE>Edges are soft.<INFLUENCE_END>"
    "<REASONING>The shape has three corners.<REASONING_END>"
    "<CONCLUSION>It is a triangle.<CONCLUSION_END>"
    "<ANSWER>triangle<ANSWER_END>"
)

chain_names = st.sampled_from([spec.chain_name for spec in SPECS])
findings = st.lists(
    st.builds(Finding, chain_names, st.integers(0, 100).map(lambda percent: percent / 100)),
    unique_by=lambda finding: finding.name,
).map(tuple)
section_texts = st.text().filter(lambda text: not any(tag in text for tag in (*TAGS, *ENDS)))
chains = st.builds(Chain, findings, section_texts, section_texts, section_texts, section_texts)

# Pieces that a model, or somebody who means harm, might string together in any order.
pieces = st.sampled_from(
    [*TAGS, "<", "<TY", "_END>", ">", "lens blur(0.3)", "noise(2)", "noise", "none", ",", "(", ")"]
    + [" ", "\n", "foo(0.1)", "a word", "Flare(.5)", *STARTS[:2], *ENDS, "</thi", "[/"]
)
model_texts = st.lists(pieces, max_size=20).map("".join) | st.text(max_size=60)


def kinds(text: str) -> list[str]:
    return [problem.kind for problem in parse(text).problems]


def with_type(content: str) -> str:
    return render(Chain()).replace("none", content, 1)


def test_reference_layout_is_the_committed_one():
    assert render(BLURRED) == LAYOUT
    assert render(Chain()).startswith("<TYPE>none<TYPE_END><INFLUENCE><INFLUENCE_END>")


@given(chains)
def test_rendering_then_parsing_is_the_identity(chain):
    parsed = parse(render(chain))
    assert parsed.chain == chain
    assert parsed.problems == () and parsed.well_formed and parsed.open_section is None


@given(model_texts)
def test_any_text_parses_into_names_intensities_and_known_problems(text):
    parsed = parse(text)
    assert all(0 <= finding.intensity <= 1 for finding in parsed.chain.findings)
    assert {problem.kind for problem in parsed.problems} <= set(PROBLEM_KINDS)
    assert {problem.section for problem in parsed.problems} <= {None, *SECTIONS}
    assert parsed.well_formed == (not parsed.problems)


@given(model_texts)
def test_well_formed_text_says_exactly_what_its_chain_says(text):
    parsed = parse(text)
    if parsed.well_formed:
        assert parse(render(parsed.chain)).chain.findings == tuple(
            Finding(finding.name, round(finding.intensity, 2)) for finding in parsed.chain.findings
        )


@given(model_texts, st.lists(st.integers(0, 200), max_size=8))
def test_every_split_streams_to_the_same_result(text, cuts):
    cuts = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    whole, stepwise = StreamParser(), StreamParser()
    for start, end in pairwise(cuts):
        shown = whole.feed(text[start:end])
        for character in text[start:end]:
            also_shown = stepwise.feed(character)
        assert shown == also_shown
        assert whole.close() == parse(text[:end])
    assert whole.text == text
    assert whole.close() == parse(text)


def test_stream_shows_the_open_section_and_only_whole_findings():
    parser = StreamParser()
    parsed = parser.feed("<TYPE>lens blur(0.31), lens fl")
    assert parsed.open_section == "TYPE"
    assert parsed.chain.findings == (Finding("lens blur", 0.31),)
    assert parsed.problems == (), "what has not come yet is no problem"
    parsed = parser.feed("are(0.05)<TYPE_END><INFLUENCE>Edges<INFL")
    assert parsed.open_section == "INFLUENCE"
    assert len(parsed.chain.findings) == 2
    assert parsed.chain.influence == "Edges", "half a tag is held back"
    assert parser.feed("ated").chain.influence == "Edges<INFLated"
    assert [str(problem) for problem in parser.close().problems][0] == (
        "unclosed section INFLUENCE: <INFLUENCE_END> never came"
    )


@given(model_texts, st.sampled_from([*ENDS]), st.sampled_from(["", *STARTS]))
def test_what_is_thought_before_a_chain_is_no_part_of_it(thought, end, start):
    parsed = parse(f"{start}{thought}{end}\n{LAYOUT}")
    if not any(f"<{name}>" in thought for name in SECTIONS):
        assert parsed == parse(LAYOUT) and parsed.well_formed
    assert parsed.chain == BLURRED or any(mark in thought for mark in STARTS)


def test_a_chain_within_a_thought_counts_where_none_follows():
    parsed = parse(f"<think>Hm. {LAYOUT[: LAYOUT.index('<ANSWER>')]}</think>A triangle.")
    assert parsed.chain.findings == BLURRED.findings and parsed.chain.conclusion
    assert {problem.kind for problem in parsed.problems} == {OUTSIDE}
    assert parse(f"<think>{LAYOUT}").chain == parse(f"<think>{LAYOUT}</think>").chain == BLURRED
    begun = parse("<think>I write <TYPE>noise(0.5) and so on</think><TYPE>none<TYPE_END>")
    assert begun.chain.findings == () and UNCLOSED not in kinds("x<TYPE></think>" + LAYOUT)


def test_a_thought_inside_a_section_is_text_of_it():
    text = LAYOUT.replace("It is", "<think>Is it?</think>It is")
    assert parse(text).well_formed
    assert parse(text).chain.conclusion == "<think>Is it?</think>It is a triangle."


def test_a_thought_is_told_without_its_marks():
    assert thought_in("<think>\nA cat?</think>\nA cat.") == "A cat?"
    assert thought_in("A cat?</think>A cat.") == "A cat?"
    assert thought_in("<think>A ca") == "A ca"
    assert thought_in(LAYOUT) == thought_in("I think <think> is a mark.") == ""


def test_an_earlier_result_does_not_change_when_more_is_fed():
    parser = StreamParser()
    earlier = parser.feed("<TYPE>none<TYPE_END><INFLUENCE>soft")
    parser.feed(" edges")
    assert earlier.chain.influence == "soft"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LAYOUT.replace("<REASONING>", "").replace("<REASONING_END>", ""), {OUTSIDE, MISSING}),
        (LAYOUT + "<TYPE>none<TYPE_END>", {REPEATED}),
        (LAYOUT.replace("INFLUENCE", "X").replace("REASONING", "INFLUENCE"), {OUTSIDE, MISSING}),
        ("<ANSWER>a<ANSWER_END>" + LAYOUT.partition("<ANSWER>")[0], {DISORDER}),
        (LAYOUT[:-4], {UNCLOSED}),
        (LAYOUT.replace("<TYPE_END>", ""), {UNCLOSED}),
        (LAYOUT.replace("Edges", "<ANSWER_END>"), {DISORDER}),
        ("Sure! " + LAYOUT, {OUTSIDE}),
        (LAYOUT + " I hope this helps", {OUTSIDE}),
        (LAYOUT + "<ANSWER_END>", {OUTSIDE}),
        (LAYOUT + "<", {OUTSIDE}),
        (with_type("fog(0.30)"), {UNKNOWN}),
        (with_type("lens blur(0.30),"), {UNKNOWN}),
        (with_type("none, lens blur(0.30)"), {UNKNOWN, INTENSITY}),
        (with_type("lens blur(1.30)"), {INTENSITY}),
        (with_type("lens blur(-0.30)"), {INTENSITY}),
        (with_type("lens blur(nan)"), {INTENSITY}),
        (with_type("lens blur(1e-1)"), {INTENSITY}),
        (with_type("lens blur"), {INTENSITY}),
        (with_type("lens blur(0.3) lens flare(0.3)"), {INTENSITY}),
        (with_type("lens blur(0.30), Blur(0.20)"), {DUPLICATE}),
        ("", {MISSING}),
    ],
)
def test_each_departure_from_the_grammar_has_its_name(text, expected):
    parsed = parse(text)
    assert not parsed.well_formed
    assert expected == set(kinds(text)), [str(problem) for problem in parsed.problems]


@pytest.mark.parametrize("content", ["", "none", "None", " none. ", "\n"])
def test_an_undegraded_picture_is_an_empty_list_however_it_is_said(content):
    parsed = parse(with_type(content))
    assert parsed.well_formed and parsed.chain.findings == ()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_every_name_of_a_degradation_reads_as_its_chain_name(spec):
    for name in (*spec.names, spec.id.upper(), f"  {spec.chain_name.title()} "):
        parsed = parse(with_type(f"{name}(0.40)"))
        assert parsed.well_formed, (name, parsed.problems)
        assert parsed.chain.findings == (Finding(spec.chain_name, 0.4),)


def test_white_space_between_sections_and_a_missing_answer_are_allowed():
    assert parse(LAYOUT.replace("_END><", "_END>\n <")).well_formed
    parsed = parse(LAYOUT.partition("<ANSWER>")[0])
    assert parsed.well_formed and parsed.chain.answer == ""


def test_what_is_wrong_is_kept_where_it_can_be_read():
    parsed = parse(with_type("fog(0.30), blur(0.20), lens blur(1.50), noise(loud)"))
    assert parsed.chain.findings == (
        Finding("fog", 0.3),
        Finding("lens blur", 0.2),
        Finding("lens blur", 1.0),
    )


def test_of_a_repeated_section_the_last_closed_text_counts():
    again = "<ANSWER>one<ANSWER_END><ANSWER>two<ANSWER_END>"
    assert parse(again).chain.answer == "two"
    assert parse(again + "<ANSWER>cut o").chain.answer == "two"


def test_entries_without_end_are_read_up_to_a_bound():
    parsed = parse(with_type(",".join(["noise(0.10)"] * 500)))
    assert len(parsed.chain.findings) == MAX_ENTRIES
    assert parsed.problems[-1] == Problem(UNKNOWN, "TYPE", f"not read after {MAX_ENTRIES} entries")


@pytest.mark.parametrize(
    "unit",
    ["<", "<TYPE>", "<TYPE_END>", "<TYPE", "<TYPE>x<TYPE_END>", "<ANSWER>a", "a", " ", "\x00"]
    + ["<TYPE>" + "x(1)," * 100, "<TYPE>" + "(" * 100, "\U0001f300"],
)
@pytest.mark.parametrize("opening", ["", "<TYPE>", "<TYPE>lens blur(", "<INFLUENCE>"])
def test_a_hostile_megabyte_parses_in_under_a_second(opening, unit):
    text = opening + unit * (1_000_000 // len(unit))
    # Processor time, so that a busy machine does not decide.
    begun = time.process_time()
    parsed = parse(text)
    assert len(parsed.problems) <= 3 * MAX_ENTRIES
    assert time.process_time() - begun < 1.0


def test_a_long_stream_costs_no_more_per_piece_than_a_short_one():
    def seconds(pieces: int) -> float:
        parser = StreamParser()
        parser.feed("<REASONING>")
        begun = time.process_time()
        for _ in range(pieces):
            parser.feed("x, y" * 8)
        return (time.process_time() - begun) / pieces

    short, long = seconds(2_000), seconds(40_000)
    assert long < 5 * short, "joining at every piece would make this about twenty times as slow"


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (Chain(answer="a<TYPE>"), "ANSWER section contains the tag <TYPE>"),
        (Chain((Finding("fog", 0.1),)), "fog"),
        (Chain((Finding("lens blur", 1.1),)), "from 0 to 1"),
        (Chain((Finding("lens blur", float("nan")),)), "from 0 to 1"),
        (Chain((Finding("blur", 0.1), Finding("lens blur", 0.1))), "twice"),
    ],
)
def test_a_chain_that_would_not_parse_back_is_refused(chain, words):
    with pytest.raises(InputError, match=words):
        render(chain)


def test_options_are_numbered_from_zero():
    assert format_question(" What is it? ", ["kite", "dog"]) == "What is it?\n0. kite\n1. dog"
    assert format_question("What is it?") == "What is it?"


def test_prompt_is_short_begins_with_the_question_and_names_the_tags_in_order():
    prompt = build_prompt("What is it?")
    assert prompt.startswith("What is it?\n")
    assert len(prompt.split()) <= 60
    places = [prompt.index(tag) for tag in TAGS]
    assert places == sorted(places)
    assert not any(spec.chain_name in prompt for spec in SPECS)
    assert build_prompt("Q?", answer_only=True) == "Q?\nWrite only <ANSWER>the answer<ANSWER_END>"


def test_prompt_is_the_committed_one():
    assert build_prompt("Q?") == (
        "Q?\nThe picture may be damaged. Answer in five sections, in this order: "
        "<TYPE>each degradation(intensity from 0 to 1), or none<TYPE_END>"
        "<INFLUENCE>what it does to the evidence<INFLUENCE_END>"
        "<REASONING>what the undamaged picture shows<REASONING_END>"
        "<CONCLUSION>what follows<CONCLUSION_END><ANSWER>the answer<ANSWER_END>"
    )


def test_findings_of_a_plan_are_rounded_and_vanishing_ones_left_out():
    plan = DegradationPlan.of({"gaussian_noise": 0.256, "lens_blur": 0.004, "darkness": 0.5})
    assert findings_of(plan) == (
        Finding("dark illumination", 0.5),
        Finding("gaussian noise", 0.26),
    )
