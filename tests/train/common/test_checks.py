"""Claims about what a chain must hold true."""

from dataclasses import replace

import pytest

from robust_r1.chain import Chain, Finding, render
from robust_r1.degradations import DegradationPlan
from robust_r1.records import Record
from train.common.checks import Band, faults_of, leak_of

PLAN = DegradationPlan.parse("lens_blur=0.31, graffiti=0.2", seed=3)
CHAIN = Chain(
    (Finding("lens blur", 0.31), Finding("graffiti", 0.2)),
    *("Soft edges.", "A kite flies.", "It is a kite."),
    answer="1",
)
RECORD = Record("1.png", "What flies?", ("bird", "kite"), "1", render(CHAIN), PLAN)
BAND = Band(8, 10, 12)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"findings": CHAIN.findings[::-1]}, None),
        ({"answer": "kite"}, None),
        ({"findings": CHAIN.findings[:1]}, "the findings are lens blur(0.31), the plan's are"),
        ({"findings": (Finding("lens blur", 0.32), CHAIN.findings[1])}, "lens blur(0.32)"),
        ({"answer": "0"}, "the answer is '0', the true one '1'"),
        ({"answer": ""}, "the answer is ''"),
        ({"influence": "The kite is soft."}, "the influence names the true answer 'kite'"),
        ({"reasoning": ""}, "the reasoning is empty"),
        ({"conclusion": "It " * 9}, "14 words, wanted are 8 to 12"),
        ({"influence": "Soft."}, None),
        ({"influence": "Soft.", "reasoning": "Kites."}, "6 words, wanted are 8 to 12"),
    ],
    ids=str,
)
def test_each_fault_of_a_chain_is_named(change, fault):
    record = replace(RECORD, chain=render(replace(CHAIN, **change)))
    found = faults_of(record, BAND)
    assert (found == ()) if fault is None else any(fault in one for one in found)


def test_a_chain_that_is_none_and_a_record_without_a_plan():
    assert any("missing section" in one for one in faults_of(replace(RECORD, chain="A kite.")))
    assert faults_of(replace(RECORD, plan=DegradationPlan())) == ()
    found = faults_of(replace(RECORD, plan=DegradationPlan(), annotator="rules"))
    assert "the plan's are none" in found[0]


@pytest.mark.parametrize(
    ("influence", "choices", "answer", "leaks"),
    [
        ("The Kites are soft.", ("bird", "kite"), "1", True),
        ("Kite-like forms are soft.", ("bird", "kite"), "kite", True),
        ("The red  kite is soft.", ("bird", "red kite"), "1", True),
        ("Whether bird or kite is hard to tell.", ("bird", "kite"), "1", False),
        ("Whether bird or kite is hard to tell.", ("bird", "kite", "plane"), "1", True),
        ("The kitesurfer is soft.", ("bird", "kite"), "1", False),
        ("No edge is sharp.", ("yes", "no"), "1", False),
        ("Option 1 is blurred.", ("yes", "no"), "1", True),
        ("The answer is number 1.", ("bird", "kite"), "1", True),
        ("The answer is option 0.", ("bird", "kite"), "1", False),
        ("Two blocks moved.", ("2", "3"), "1", False),
        ("Anything.", (), "kite", False),
        ("C++ is soft.", ("c++", "java"), "0", True),
        ("Anything.", ("?", "!"), "0", False),
    ],
    ids=str,
)
def test_an_influence_leaks_by_the_true_options_words_or_number(influence, choices, answer, leaks):
    assert bool(leak_of(influence, choices, answer)) == leaks
