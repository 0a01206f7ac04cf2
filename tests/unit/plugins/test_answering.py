"""Claims about what is handed to other tools: questions taken apart, answers as those read them."""

import numpy as np
import pytest
from PIL import Image

from robust_r1.chain import Chain, Finding, format_question, render
from robust_r1.errors import InputError
from robust_r1.plugins.answering import (
    Answerer,
    Question,
    answer_in,
    question_in,
    question_of,
    spaced,
)
from robust_r1.scenes import make_item

BIRDS = ("a kite", "a bird", "a plane")


def chain(answer: str) -> str:
    found = (Finding("lens blur", 0.4),)
    said = "A kite, a bird and a plane are near.", "The plane flies, and no kite."
    return render(Chain(found, "Edges drown.", *said, answer))


@pytest.mark.parametrize("answer", ["2", "2. a plane", "a plane", "C"])
def test_a_chain_that_names_every_option_is_handed_over_as_its_answer_s_letter(answer):
    assert answer_in(chain(answer), BIRDS) == "C"


def test_where_options_were_lettered_a_number_is_a_text():
    assert answer_in(chain("2"), ("2", "3", "4"), numbered=False) == "A"
    assert answer_in(chain("2"), ("2", "3", "4")) == "C"


@pytest.mark.parametrize("reply", ["", "I do not know.", chain("a zebra")])
def test_no_letter_is_made_up_where_no_option_is_named(reply):
    assert answer_in(reply, BIRDS) in ("", "I do not know.", "a zebra")


def test_an_open_answer_is_handed_over_without_its_chain():
    assert answer_in(chain("two red cubes")) == "two red cubes"


def test_the_whole_chain_keeps_all_but_its_last_answer_which_is_a_word_of_its_own():
    whole = spaced(chain("2. a plane"), "C")
    assert whole == chain("2. a plane").replace("<ANSWER>2. a plane<ANSW", "<ANSWER> C <ANSW")
    assert "C" in whole.split() and spaced("No chain.", "C") == "No chain.\nC"
    assert spaced("C", "C") == "C"


@pytest.mark.parametrize("frame", ["{}", "Question: {}\nPlease select the correct answer from the "
    "options above. \n", "{}\nAnswer with the option's letter from the given choices directly.",
    "Hint: Look up.\nQuestion: {}\n"])  # fmt: skip
@pytest.mark.parametrize("head", ["", "Options:\n"])
def test_a_tool_s_prompt_is_taken_apart_into_question_and_options(frame, head):
    question, *options = format_question("What flies there?", BIRDS, lettered=True).split("\n")
    asked = question_in(frame.format("\n".join([question, head + "\n".join(options)])))
    hint = "Hint: Look up.\nQuestion: " if "Hint" in frame else ""
    assert asked == Question(f"{hint}What flies there?", BIRDS)


def test_an_open_prompt_stays_as_it_is():
    assert question_in("What does the sign say?") == Question("What does the sign say?")


def test_a_row_s_hint_comes_first_and_its_options_from_columns_or_the_question():
    nan = float("nan")
    row = {"question": "Who?", "hint": "Look.", "A": "he", "B": 2, "C": nan, "D": "", "answer": "A"}
    assert question_of(row) == Question("Hint: Look.\nWho?", ("he", "2"))
    inside = {"question": "Who?\nOptions: A: he, B: she", "hint": nan, "A": nan, "B": nan}
    assert question_of(inside) == Question("Who?", ("he", "she"))
    assert question_of({"question": "Who?"}) == Question("Who?")


def test_a_model_answers_with_letters_whatever_a_tool_gives_as_picture(tmp_path):
    item = next(one for one in map(lambda n: make_item("test", n), range(900, 950))
                if len(one.question.choices) == 4)  # fmt: skip
    Image.fromarray(item.clean()).save(tmp_path / "a.png")
    shown = (str(tmp_path / "a.png"), Image.fromarray(item.clean()), np.asarray(item.clean()))
    answerer = Answerer("tiny-rl")
    try:
        asked = [Question(item.question.text, item.question.choices, (one,)) for one in shown]
        one, two, three = answerer.answer(asked)
        assert one == two == three and one.answer in "ABCD"
        assert one.chain.startswith("<TYPE>") and "<ANSWER>" in one.chain
        with pytest.raises(InputError, match="a question has 0 pictures, and .* takes 1 to"):
            answerer.answer([Question("Who?")])
    finally:
        answerer.engine.close()
