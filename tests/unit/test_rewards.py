"""Rewards: TRL's signature, the metrics behind them, and nothing to farm."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.chain import Chain, Finding, parse, render
from robust_r1.degradations import SPECS
from robust_r1.metrics import score_answer
from robust_r1.rewards import (
    accuracy_reward,
    degradation_reward,
    format_reward,
    length_reward,
    make_length_reward,
    text_of,
)

FINDINGS = (Finding("lens blur", 0.69), Finding("graffiti", 0.43))
TRUTH = render(Chain(FINDINGS, "soft", "a kite flies", "so a kite", "2"))
CLEAN = render(Chain((), "", "a kite flies", "so a kite", "2"))
REWARDS = (degradation_reward, length_reward, format_reward, accuracy_reward)


class Letters:
    """Stand in for a tokenizer: one token a character, 0 ends a sequence."""

    eos_token_id = 0

    def __call__(self, texts, add_special_tokens=True):
        assert add_special_tokens is False
        return {"input_ids": [[ord(letter) for letter in text] for text in texts]}


def one(reward, completion, truth=TRUTH, **columns):
    (value,) = reward([completion], solution=[truth], **columns)
    return value


@pytest.mark.parametrize(
    ("reward", "best"),
    list(zip(REWARDS, (2.0, 1.0, 1.0, 1.0), strict=True)),
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_true_chain_earns_the_full_reward(reward, best):
    assert one(reward, TRUTH) == pytest.approx(best)


@pytest.mark.parametrize("reward", REWARDS, ids=lambda reward: reward.__name__)
@pytest.mark.parametrize("completion", ["", "<TYPE>", "\x00<<TYPE>(((", "a" * 10_000])
def test_any_text_gets_a_number_and_a_batch_keeps_its_order(reward, completion):
    values = reward([TRUTH, completion, TRUTH], solution=[TRUTH] * 3)
    assert values[0] == values[2] and values[1] < values[0]


@pytest.mark.parametrize("reward", REWARDS, ids=lambda reward: reward.__name__)
def test_rewards_take_what_the_trainer_sends(reward):
    columns = {
        "prompts": ["Q"],
        "completion_ids": [[1, 2]],
        "images": [None],
        "trainer_state": None,
    }
    conversation = [{"role": "assistant", "content": TRUTH}]
    assert one(reward, conversation, **columns) == one(reward, TRUTH)
    parameters = inspect.signature(reward).parameters.values()
    assert any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)


def test_text_of_reads_every_form_of_completion():
    assert text_of("a") == text_of([{"content": "a"}]) == "a"
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert text_of([{"role": "user", "content": "?"}, {"content": parts}]) == "ab"
    assert text_of([]) == ""


def test_degradation_reward_of_the_papers_worked_example():
    truth = "lens blur(0.69), lens flare(0.52), sharpness change(0.96), graffiti(0.43)"
    said = "lens blur(0.45), sharpness change(0.44), graffiti(0.44), darkness(0.40)"
    reward = one(degradation_reward, f"<TYPE>{said}<TYPE_END>", truth=f"<TYPE>{truth}<TYPE_END>")
    assert reward == pytest.approx(0.76 + 0.48 + 0.99 - 1 - 1)


@given(st.integers(2, 200))
def test_repeating_a_true_name_never_pays(times):
    repeated = TRUTH.replace("graffiti(0.43)", ", ".join(["graffiti(0.43)"] * times))
    assert one(degradation_reward, repeated) < one(degradation_reward, TRUTH)
    assert one(format_reward, repeated) == 0


def test_naming_all_sixteen_costs_more_than_naming_none():
    everything = ", ".join(f"{spec.chain_name}(0.50)" for spec in SPECS)
    hedge = TRUTH.replace("lens blur(0.69), graffiti(0.43)", everything)
    nothing = TRUTH.replace("lens blur(0.69), graffiti(0.43)", "none")
    assert one(degradation_reward, hedge) < one(degradation_reward, nothing) == -2


def test_an_empty_completion_does_not_pay_on_a_clean_picture():
    assert one(degradation_reward, CLEAN, truth=CLEAN) == 1
    assert one(degradation_reward, "", truth=CLEAN) == 0


@pytest.mark.parametrize(
    "junk", ["Sure: {}", "{} done", "{0}{0}", "<TYPE>{}", "{}<ANSWER>1<ANSWER_END>", "```{}```"]
)
def test_junk_around_a_chain_is_not_well_formed(junk):
    assert one(format_reward, junk.format(TRUTH)) == 0


def test_format_reward_needs_no_solution():
    assert format_reward([TRUTH, "junk"]) == [1, 0]


def test_accuracy_is_not_scored_where_the_truth_has_no_answer():
    silent = render(Chain(FINDINGS, "soft", "a kite flies", "so a kite", ""))
    assert one(accuracy_reward, silent, truth=silent) is None
    assert one(accuracy_reward, TRUTH, truth=silent) is None
    assert one(accuracy_reward, silent, truth=TRUTH) == 0


def test_accuracy_reads_options_from_their_column():
    kite = TRUTH.replace("<ANSWER>2", "<ANSWER>kite")
    choices = ["dog", "ball", "kite"]
    assert one(accuracy_reward, kite, choices=[choices]) == 1
    assert one(accuracy_reward, kite, choices=[None]) == 0
    assert one(accuracy_reward, kite, choices=None) == 0


def test_length_reward_counts_the_policys_tokens_without_the_closing_one():
    reward = make_length_reward(Letters())
    assert reward.__name__ == "length_reward", "the name that the trainer logs"
    assert one(reward, "abcd", truth="abcde") == pytest.approx(0.8)
    assert one(reward, "", truth="abcde", completion_ids=[[1, 2, 3, 4, 0]]) == pytest.approx(0.8)
    assert one(reward, "abcd", truth="abcde", completion_ids=[[]]) == 0
    assert one(reward, "abcd", truth="abcde", completion_ids=[[7] * 90]) == -1


def test_length_reward_is_not_scored_without_a_reference():
    assert one(length_reward, "abcd", truth="") is None
    assert one(make_length_reward(Letters()), "abcd", truth="") is None


def test_rewards_are_what_the_page_shows():
    said = render(Chain(FINDINGS[:1], "soft", "a dog", "so a dog", "1"))
    card = score_answer(parse(said), FINDINGS, "2")
    assert one(degradation_reward, said) == card.degradation
    assert one(format_reward, said) == card.format
    assert one(accuracy_reward, said) == card.accuracy


def test_batches_of_different_length_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        degradation_reward([TRUTH, TRUTH], solution=[TRUTH])


def test_a_number_in_the_true_chain_is_an_options_number_where_options_are_numbers():
    choices = ["2", "3", "4"]
    assert one(accuracy_reward, TRUTH, choices=[choices]) == 1
    four = TRUTH.replace("<ANSWER>2", "<ANSWER>4")
    assert one(accuracy_reward, four, choices=[choices]) == 1
    first = TRUTH.replace("<ANSWER>2", "<ANSWER>0. 2")
    assert one(accuracy_reward, first, choices=[choices]) == 0


def test_an_answer_outside_of_its_section_is_not_rewarded():
    choices = ["dog", "ball", "kite"]
    assert one(accuracy_reward, "The answer is (C).", choices=[choices]) == 0
