"""Claims about how likely each option was where an answer begins."""

import math

import pytest
import torch

from robust_r1.chain import parse
from robust_r1.engine import Answer, GenerationSettings, Request, load_engine
from robust_r1.engine.odds import contexts_of, label_logprobs, label_tokens, listed_logprobs
from robust_r1.engine.types import ListedToken
from robust_r1.evaluation import benchmark, evaluate, load_run
from robust_r1.metrics import answer_start

SECTION = "<TYPE>none<TYPE_END><ANSWER>"


def answer_of(text):
    return Answer(text, parse(text), 1, 0.1, None, "stop", "m", GenerationSettings())


@pytest.mark.parametrize(
    ("reply", "before"),
    [
        (f"{SECTION}B<ANSWER_END>", SECTION),
        ("<ANSWER>A<ANSWER_END><ANSWER> (B)", "<ANSWER>A<ANSWER_END><ANSWER> ("),
        ("B. the cat", ""),
        (" **B**", " **"),
        ("<think>A?</think>\n\nB", "<think>A?</think>\n\n"),
        ("A or B?</think>B", "A or B?</think>"),
        ("<answer>B</answer>", "<answer>"),
        ("", ""),
        ("<TYPE>none<TYPE_END>", None),  # a chain without an answer
        ("<think>A or B or", None),
    ],
)
def test_an_answer_begins_after_its_tag_the_thought_or_with_the_reply(reply, before):
    start = answer_start(reply)
    assert (None if start is None else reply[:start]) == before


def test_a_label_that_joins_the_sign_before_it_is_one_token():
    # ">B" is token 7, but ">" alone 3 and "0" 5.
    shared, labels = label_tokens([[1, 2, 7], [1, 2, 3, 5]], [1, 2, 3])
    assert (shared, labels) == (2, [(7,), (3, 5)])
    assert contexts_of(labels) == [(), (3,)]
    odds = label_logprobs(labels, {(): {7: math.log(0.5), 3: math.log(0.4)}, (3,): {5: -1.0}})
    assert odds == pytest.approx((math.log(0.5), math.log(0.4) - 1), abs=1e-3)


def test_a_label_is_not_the_beginning_of_a_longer_one():
    labels = [(1,), (1, 0), (1, 1)]
    given = {(): {1: math.log(0.8)}, (1,): {0: math.log(0.25), 1: math.log(0.5)}}
    odds = [math.exp(one) for one in label_logprobs(labels, given)]
    assert odds == pytest.approx([0.2, 0.2, 0.4], abs=1e-3)
    sure = label_logprobs(labels, {(): {1: 0.0}, (1,): {0: 0.0, 1: -400.0}})
    assert all(math.isfinite(one) and one <= 0 for one in sure)


def by_hand(engine, request, start, label):
    """Return the probability of a text after the start of an answer, token by token."""
    chat, count = engine._chat(request), len(label)  # one token a character
    inputs = engine._inputs([chat], [start + label])
    with torch.inference_mode():
        logprobs = engine._model(**inputs).logits[0].float().log_softmax(-1)
    ids = inputs["input_ids"][0, -count:].tolist()
    steps = zip(logprobs[-count - 1 : -1], ids, strict=True)
    return math.exp(sum(float(row[token]) for row, token in steps))


def test_odds_are_what_the_model_would_write_in_a_batch_as_alone(tiny_engine, make_picture):
    asked = [
        (SECTION + "1<ANSWER_END>", tuple("0123")),
        ("C", tuple("ABCD")),
        ("<TYPE>never ends", tuple("01")),
        (SECTION + " (10)", tuple(map(str, range(12)))),
        (SECTION + "yes", ()),
        ("An answer of another length: B", tuple("AB")),
    ]
    requests = [
        Request.of(make_picture(32 + 32 * (n % 2), 64, seed=n), f"{n}? " * (n + 1))
        for n in range(len(asked))
    ]
    answers = [answer_of(text) for text, _ in asked]
    labels = [own for _, own in asked]
    together = tiny_engine.option_logprobs(requests, answers, labels, batch_size=4)
    alone = [
        tiny_engine.option_logprobs([r], [a], [own])[0]
        for r, a, own in zip(requests, answers, labels, strict=True)
    ]
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=2e-3)
    assert together[2] == together[4] == ()
    for number in (0, 1, 3, 5):
        start = answers[number].text[: answer_start(answers[number].text)]
        odds = dict(zip(labels[number], map(math.exp, together[number]), strict=True))
        for label in {"0", "1", "10", "A", "B"} & odds.keys():
            expected = by_hand(tiny_engine, requests[number], start, label)
            if label == "1" and "10" in odds:
                expected -= odds["10"] + odds["11"]
            assert odds[label] == pytest.approx(expected, rel=0.02, abs=1e-6)
        assert 0 < sum(odds.values()) <= 1 + 1e-6


def test_greedily_the_likeliest_label_is_the_one_that_was_written(tmp_path):
    items = [item for item in benchmark("minibench") if item.task == "mcq"][:4]
    with load_engine("tiny-rl") as engine:
        rows = evaluate(engine, "minibench", items, tmp_path, logprobs=True).rows
    for row in rows:
        likeliest = max(range(len(row.choices)), key=row.option_logprobs.__getitem__)
        assert row.answer.strip().startswith(str(likeliest))
        assert sum(map(math.exp, row.option_logprobs)) > 0.9
    loaded = load_run(tmp_path)
    assert loaded.rows == rows and loaded.terms["logprobs"] is True


def listed(*tokens):
    return [ListedToken(text, odds) for text, odds in tokens]


def test_of_what_a_server_lists_the_token_at_the_start_is_read():
    told = listed(("<ANS", {"<ANS": 0.0}), ("WER>B", {"WER>B": -0.5, "WER>A": -1.5}), ("<", {}))
    assert listed_logprobs("<ANSWER>B<ANSWER_END>", told, ("A", "B")) == (-1.5, -0.5)
    assert listed_logprobs("<ANSWER>B<ANSWER_END>", told, ("A", "B", "C")) == ()
    assert listed_logprobs("<ANSWER>B<ANSWER_END>", [], ("A", "B")) == ()
    direct = listed(("B", {"B": -0.1, "A": -3.0, " B": -4.0}))
    assert listed_logprobs("B", direct, ("A", "B")) == (-3.0, -0.1)
    numbers = listed(("1", {str(n): -float(n) for n in range(10)}))
    assert listed_logprobs("1", numbers, tuple(map(str, range(3)))) == (0.0, -1.0, -2.0)
    assert listed_logprobs("1", numbers, tuple(map(str, range(11)))) == ()  # "1" may begin "10"
