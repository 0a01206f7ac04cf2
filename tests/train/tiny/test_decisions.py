"""Claims about decisions: each token is worth what the rewards would have been with it."""

import dataclasses
import re

import pytest
import torch

from robust_r1.chain import render
from robust_r1.degradations import SPECS
from robust_r1.errors import InputError
from robust_r1.rewards import degradation_reward
from robust_r1.scenes import make_item
from train.tiny.config import DecisionWeights
from train.tiny.decisions import Decision, Decisions, as_tensors, decisions_of, expected_values

ITEMS = [make_item("train", index) for index in range(40)]
DAMAGED = [item for item in ITEMS if any(f.intensity >= 0.1 for f in item.chain.findings)]
UNDAMAGED = [item for item in ITEMS if not item.chain.findings]
NAMES = [spec.chain_name for spec in SPECS]


@pytest.fixture(scope="module")
def tokenizer(bundled_tokenizer):
    return bundled_tokenizer


@pytest.fixture(scope="module")
def ids(tokenizer):
    return lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]


def finder(tokenizer, findings=1.0, answers=1.0, false_alarm=1.0):
    return Decisions(tokenizer, DecisionWeights(findings, findings, answers, false_alarm))


def told(*findings):
    return "<TYPE>" + ", ".join(f"{name}({value:.2f})" for name, value in findings) + "<TYPE_END>"


def worst(values):
    return [token for token, value in values.items() if value == -1.0]


@pytest.mark.parametrize("said", [0.11, 0.35, 0.58, 0.92])
def test_a_digit_is_worth_what_the_degradation_reward_gives_for_it(said, tokenizer, ids):
    # The second digit ends the number, so the reward with another one in its place is known.
    for item in DAMAGED:
        truth = [f for f in item.chain.findings if f.intensity >= 0.1]
        solution = render(dataclasses.replace(item.chain, findings=tuple(truth)))
        tokens = ids(told(*((f.name, said) for f in truth)))
        decisions = finder(tokenizer, answers=0)(tokens, solution)
        seconds = [d for d in decisions if len(d.values) == 10][1::2]
        assert len(seconds) == len(truth)
        for decision in seconds:
            texts = []
            for token in decision.values:
                changed = [*tokens[: decision.place], token, *tokens[decision.place + 1 :]]
                texts.append(tokenizer.decode(changed).replace(" (", "("))
            rewards = degradation_reward(texts, [solution] * 10)
            worth = list(decision.values.values())
            gaps = [reward - rewards[0] for reward in rewards]
            assert gaps == pytest.approx([value - worth[0] for value in worth], abs=1e-9)


def test_a_first_digit_is_worth_the_middle_of_its_ten(tokenizer, ids):
    for hundredths in range(10, 100):
        solution = told(("graffiti", hundredths / 100))
        first, _ = [
            d for d in finder(tokenizer)(ids(told(("graffiti", 0.5))), solution)
            if len(d.values) == 10
        ]  # fmt: skip
        for digit in range(10):
            token = ids(f"(0.{digit}")[-1]
            wanted = 1 - abs(digit / 10 + 0.045 - hundredths / 100)
            assert first.values[token] == pytest.approx(wanted)


@pytest.mark.parametrize("name", NAMES)
def test_true_names_earn_and_false_ones_cost_wherever_they_stand(name, tokenizer, ids):
    other = next(each for each in NAMES if each[:4] != name[:4])
    solution = told((other, 0.5), (name, 0.5))
    for said in (told((other, 0.5), (name, 0.5)), told((name, 0.5), (other, 0.5))):
        tokens = ids(said)
        for decision in finder(tokenizer)(tokens, solution):
            # The end of the list earns nothing, but what else stands there costs.
            worth = decision.values[tokens[decision.place]]
            assert worth == max(decision.values.values()) and worth in (0.0, 0.955, 1.0)
    wrong = ids(told((name, 0.5)))
    first = finder(tokenizer)(wrong, told((other, 0.5)))[0]
    assert first.values[wrong[1]] == -1.0 and first.values[ids(told((other, 0.5)))[1]] == 1.0


def test_names_that_begin_alike_are_told_apart_at_their_second_word(tokenizer, ids):
    tokens = ids(told(("lens flare", 0.5)))
    first, second, *_ = finder(tokenizer)(tokens, told(("lens blur", 0.5)))
    assert first.values[tokens[1]] == 1.0
    assert second.values == {tokens[2]: -1.0, ids(told(("lens blur", 0.5)))[2]: 1.0}


def test_none_earns_on_an_undamaged_picture_alone(tokenizer, ids):
    none = ids("<TYPE>none<TYPE_END>")
    for item in UNDAMAGED + DAMAGED:
        (first,) = finder(tokenizer, answers=0)(none, render(item.chain))
        assert first.values[none[1]] == (1.0 if item in UNDAMAGED else -1.0)


@pytest.mark.parametrize("cost", [1.0, 2.5])
def test_a_false_alarm_costs_what_is_set(cost, tokenizer, ids):
    none, solution = ids("<TYPE>none<TYPE_END>"), told()[:-10] + "none<TYPE_END>"
    (first,) = finder(tokenizer, false_alarm=cost)(none, solution)
    assert {value for token, value in first.values.items() if token != none[1]} == {-cost}
    damaged = finder(tokenizer, false_alarm=cost)(none, told(("graffiti", 0.5)))[0]
    assert sorted(set(damaged.values.values())) == [-1.0, 1.0]


def test_the_list_goes_on_while_a_true_name_is_missing(tokenizer, ids):
    stop, more = ids("(0.10)")[-1], ids("graffiti(0.10),")[-1]
    solution = told(("graffiti", 0.5), ("darkness", 0.04), ("saturation", 0.6))
    for said, missing in [
        ([("graffiti", 0.5)], True),
        ([("graffiti", 0.5), ("saturation", 0.6)], False),
        ([("motion blur", 0.5)], True),
    ]:
        last = finder(tokenizer)(ids(told(*said)), solution)[-1]
        assert last.values == {more: 1.0 if missing else -1.0, stop: -1.0 if missing else 0.0}


def test_what_is_too_weak_to_be_seen_counts_neither_way(tokenizer, ids):
    tokens = ids(told(("graffiti", 0.5)))
    first, last = finder(tokenizer)(tokens, told(("graffiti", 0.04)))
    assert first.values[tokens[1]] == 0.0  # its digits are no decision
    assert last.values[tokens[-2]] == 0.0


def test_a_repeated_name_costs(tokenizer, ids):
    tokens = ids(told(("graffiti", 0.5), ("graffiti", 0.5)))
    again = [d for d in finder(tokenizer)(tokens, told(("graffiti", 0.5))) if len(d.values) > 10]
    assert again[0].values[tokens[1]] == 1.0
    assert worst(again[1].values) == list(again[1].values)


def test_a_conclusion_is_judged_behind_a_true_list_and_an_answer_behind_a_true_conclusion(
    tokenizer, ids
):
    find = finder(tokenizer, findings=0)
    for item in ITEMS:
        solution = render(item.chain)
        tokens = ids(solution)
        judged = {decision.place for decision in find(tokens, solution)}
        ends = [tokens.index(ids(f"<{name}>")[0]) for name in ("CONCLUSION", "ANSWER")]
        assert judged == set(range(ends[0] + 1, ends[1])) | set(range(ends[1] + 1, len(tokens)))
        assert all(d.values == {tokens[d.place]: 1.0} for d in find(tokens, solution))
        blind = re.sub("<REASONING>.*<REASONING_END>", "<REASONING>Fog.<REASONING_END>", solution)
        answer = ids(blind).index(ids("<ANSWER>")[0]) + 1
        assert [d.place for d in find(ids(blind), solution)] == [*range(answer, len(ids(blind)))]
        astray = re.sub("<CONCLUSION>.*<CON", "<CONCLUSION>Maybe.<CON", solution)
        assert [d.place for d in find(ids(astray), solution)] == [ends[0] + 1]


def test_judging_ends_at_the_first_wrong_token(tokenizer, ids):
    solution = render(ITEMS[0].chain)
    tokens = ids(solution)
    begin = tokens.index(ids("<CONCLUSION>")[0]) + 1
    tokens[begin + 1] = ids("zero")[0]
    decisions = finder(tokenizer, findings=0)(tokens, solution)
    assert [decision.place for decision in decisions] == [begin, begin + 1]


def test_a_completion_may_break_off_anywhere(tokenizer, ids):
    find = finder(tokenizer)
    for item in ITEMS[:12]:
        solution = render(item.chain)
        tokens = ids(solution)
        whole = find(tokens, solution)
        for length in range(len(tokens)):
            cut = find(tokens[:length], solution)
            assert all(decision.place <= length for decision in cut)
            assert {d.place for d in cut if d.place < length} <= {d.place for d in whole}


@pytest.mark.parametrize("section", ["TYPE", "REASONING", "CONCLUSION", "ANSWER"])
def test_a_completion_may_lack_a_section(section, tokenizer, ids):
    for item in ITEMS[:12]:
        solution = render(item.chain)
        lacking = re.sub(f"<{section}>.*<{section}_END>", "", solution)
        decisions = finder(tokenizer)(ids(lacking), solution)
        assert len(decisions) < len(finder(tokenizer)(ids(solution), solution))


def test_expected_values_are_the_sum_over_all_tokens():
    torch.manual_seed(0)
    rows = [
        [Decision(0, {3: 1.0, 4: 0.5}, 2.0), Decision(2, {1: -0.25})],
        [],
        [Decision(4, {2: 1.0}), Decision(5, {2: 1.0})],  # the last lies behind a cut completion
    ]
    logits = torch.randn(3, 5, 7, requires_grad=True)
    tensors = as_tensors(rows)
    got = expected_values(logits, **decisions_of(tensors))
    odds = logits.softmax(-1)
    for row, decisions in enumerate(rows):
        wanted = sum(
            d.weight * sum(odds[row, d.place, t] * d.values.get(t, -1.0) for t in range(7))
            for d in decisions
            if d.place < 5
        )
        assert got[row].item() == pytest.approx(float(torch.as_tensor(wanted).detach()), abs=1e-6)
    got.sum().backward()
    assert (logits.grad[0, 0] > 0).nonzero().flatten().tolist() == [3, 4]
    assert (logits.grad[2, 4] > 0).nonzero().flatten().tolist() == [2]
    assert not logits.grad[1].any() and not logits.grad[0, 1].any()


def test_a_tokenizer_that_splits_tags_is_refused():
    class Letters:
        def __call__(self, text, **options):
            return {"input_ids": [ord(letter) for letter in text]}

    with pytest.raises(InputError, match="set all of them to 0"):
        finder(Letters())


def test_kinds_of_weight_0_are_left_out(tokenizer, ids):
    for item in ITEMS:
        solution = render(item.chain)
        assert finder(tokenizer)(ids(solution), solution)
        assert finder(tokenizer, findings=0, answers=0)(ids(solution), solution) == []
