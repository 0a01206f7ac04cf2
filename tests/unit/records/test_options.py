"""Options are found where a file has them, and places become texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.records.options import (
    letter_of,
    option_of_letter,
    option_of_number,
    options_in,
    texts_of,
)

words = st.text("abcxyz 0123", min_size=1, max_size=8).map(str.strip).filter(bool)


@pytest.mark.parametrize(
    ("written", "question", "options"),
    [
        (
            "Which one?\nOptions: A: The suitcase is on the book., B: Below, C: In, D: Beside it.",
            "Which one?",
            ["The suitcase is on the book.", "Below", "In", "Beside it."],
        ),
        ("How many?\nChoices:\n(A) 1\n(B) 2\n(C) 3", "How many?", ["1", "2", "3"]),
        ("Where?\nA. left\nB. right\nAnswer with the letter only.", "Where?", ["left", "right"]),
        ("Where?\nA. left\nB. right\nLook twice.", "Where?\nLook twice.", ["left", "right"]),
        ("图中有什么？ 选项：A：猫，B：狗", "图中有什么？", ["猫", "狗"]),
        ("Vitamin A. B. or C.? Options: A: yes, B: no", "Vitamin A. B. or C.?", ["yes", "no"]),
        ("Who sits by A. Miller?", "Who sits by A. Miller?", []),
        ("Is B: right, or C: wrong?", "Is B: right, or C: wrong?", []),
    ],
    ids=["MMStar", "brackets", "letter asked", "more text", "Chinese", "letters before", "name",
         "no A"],
)  # fmt: skip
def test_options_inside_a_question_are_taken_out(written, question, options):
    found, lettered = options_in(written)
    assert found == question
    assert lettered == dict(zip("ABCD", options, strict=False))


@given(st.lists(words, min_size=2, max_size=6), words, st.sampled_from(["{}. ", "({}) ", "{}: "]))
def test_options_a_line_each_come_back_as_they_were(options, question, style):
    lines = [style.format(letter) + one for letter, one in zip("ABCDEF", options, strict=False)]
    assert options_in("\n".join([question, *lines])) == (
        question,
        dict(zip("ABCDEF", options, strict=False)),
    )


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        (" b ", "B"),
        ("(C)", "C"),
        ("D.", "D"),
        ("Ｂ．", "B"),
        ("A kite", None),
        ("", None),
        ("1", None),
    ],
)
def test_an_answer_of_one_letter_is_that_letter(answer, letter):
    assert letter_of(answer) == letter


@pytest.mark.parametrize(
    ("answer", "choices", "text"),
    [
        ("2", ("2", "3", "4"), "2"),
        ("0", ("kite", "bird"), "kite"),
        ("1.", ("kite", "bird"), "bird"),
        ("1. bird", ("kite", "bird"), "bird"),
        ("1. kite", ("kite", "bird"), None),
        ("option 1", ("kite", "bird"), "bird"),
        (" KITE. ", ("kite", "bird"), "kite"),
        ("2", ("kite", "bird"), None),
    ],
    ids=["literal", "number", "dot", "both", "contradiction", "option", "text", "beyond"],
)
def test_what_is_literally_a_choice_comes_before_the_number_of_one(answer, choices, text):
    assert option_of_number(answer, choices) == text


def test_a_letter_names_an_option_of_the_table_even_where_an_option_is_a_letter():
    assert option_of_letter("A", {"A": "B", "B": "A"}) == "B"
    assert option_of_letter("kite", {"A": "Kite"}) == "Kite"
    assert option_of_letter("C", {"A": "kite"}) is None


def test_a_list_of_accepted_answers_is_several_and_nothing_is_evaluated():
    assert texts_of("['two', 2]") == ("two", "2")
    assert texts_of("[__import__('os').getcwd()]") == ("[__import__('os').getcwd()]",)
    assert texts_of("[sic]") == ("[sic]",) and texts_of(" ") == ()
