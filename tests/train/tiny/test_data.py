"""Claims about batches: they hold what was drawn, and the same whoever draws them."""

import numpy as np
import torch

from robust_r1.chain import build_prompt, close_tag, open_tag, parse
from robust_r1.scenes import make_item
from robust_r1.scenes.vocabulary import COUNT_WORDS
from tests.support.training import SMOKE
from train.tiny.data import Collator, completion_of, scene_item
from train.tiny.decoder import IGNORED
from train.tiny.model import make_processor


def test_a_batch_holds_prompts_pictures_and_chains_that_parse(tokenizer):
    processor = make_processor(SMOKE.model, tokenizer)
    collator = Collator(processor, "train", 40, 4, "chain")
    seen = []
    for number in range(16):
        batch = collator([{"index": 40 + 4 * number}])
        height, width = batch["images"].shape[1:3]
        assert batch["grid"].tolist() == [1, height // 16, width // 16]
        items = {index: make_item("train", index, (width, height)) for index in range(40, 104)}
        for tokens, labels, image in zip(
            batch["tokens"], batch["labels"], batch["images"], strict=True
        ):
            said = parse(tokenizer.decode(labels[labels != IGNORED], skip_special_tokens=True))
            assert said.well_formed
            asked = tokenizer.decode(tokens[labels == IGNORED], skip_special_tokens=True)
            match = [
                index
                for index, item in items.items()
                if item.chain == said.chain
                and build_prompt(item.question.prompt) in asked
                and np.array_equal(item.image(), image)
            ]
            assert len(match) == 1
            seen += match
    assert sorted(seen) == list(range(40, 104))


def test_a_drill_is_a_chain_and_then_answers_from_its_list(tokenizer):
    processor = make_processor(SMOKE.model, tokenizer)
    collator = Collator(processor, "train", 0, 8, "chain", drills=2)
    plain, drills = (collator([{"index": 8 * number}]) for number in (0, 1))
    assert len(plain["tokens"]) == 8 and len(drills["tokens"]) == 4
    for tokens, labels, weights in zip(
        drills["tokens"], drills["labels"], drills["weights"], strict=True
    ):
        said = tokenizer.decode(labels[labels != IGNORED], skip_special_tokens=True)
        first, *rest = said.replace("<ANSWER_END>", "<ANSWER_END>\n").splitlines()
        chain = parse(first)
        assert chain.well_formed and rest
        answers = [parse(text).chain for text in rest]
        assert all(answer.conclusion and answer.answer for answer in answers)
        counts = [answer.answer for answer in answers if answer.conclusion.startswith("The number")]
        assert all(answer.isdigit() or answer in COUNT_WORDS for answer in counts)
        opened = tokenizer.convert_tokens_to_ids(open_tag("ANSWER"))
        inside = (tokens == opened).nonzero().flatten() + 1
        assert (weights[inside] > weights[0]).all() and weights[0] == 1


def test_conclusions_and_answers_can_weigh_more_and_nothing_else_does(tokenizer):
    processor = make_processor(SMOKE.model, tokenizer)
    for number in (0, 1):
        rows = [{"index": 8 * number}]
        plain, more = (
            Collator(processor, "train", 0, 8, "chain", drills=2, emphasis=emphasis)(rows)
            for emphasis in (1.0, 2.0)
        )
        tokens = plain["tokens"]
        looked_up = torch.zeros(tokens.shape, dtype=torch.bool)
        for section in ("CONCLUSION", "ANSWER"):
            begin, end = map(
                tokenizer.convert_tokens_to_ids, (open_tag(section), close_tag(section))
            )
            looked_up |= ((tokens == begin).cumsum(1) - (tokens == end).cumsum(1)) > 0
        ratio = more["weights"] / plain["weights"]
        assert looked_up.any() and (ratio[looked_up] == 2).all() and (ratio[~looked_up] == 1).all()


def test_a_drill_of_answers_is_answers_alone(tokenizer):
    processor = make_processor(SMOKE.model, tokenizer)
    drills = Collator(processor, "train", 0, 8, "answer", drills=1)([{"index": 0}])
    for labels in drills["labels"]:
        said = tokenizer.decode(labels[labels != IGNORED], skip_special_tokens=True)
        assert said.count("<ANSWER>") > 3 and "<CONCLUSION>" not in said
        assert said.startswith("<ANSWER>") and said.endswith("<ANSWER_END>")


def test_the_share_of_undamaged_scenes_can_be_raised():
    def clean(share):
        items = [scene_item("train", index, 0.0, clean=share) for index in range(200)]
        return sum(not item.plan.steps for item in items) / len(items)

    assert clean(0.0) < 0.25 and clean(1.0) == 1
    assert clean(0.0) + 0.25 < clean(0.5) < 0.75


def test_a_batch_is_the_same_whoever_draws_it_and_when(tokenizer):
    processor = make_processor(SMOKE.model, tokenizer)
    rows = [{"index": 12}]
    one, other = (Collator(processor, "train", 0, 4, "answer") for _ in range(2))
    one([{"index": 0}])
    for name, part in one(rows).items():
        assert torch.equal(part, other(rows)[name])


def test_answers_are_asked_for_without_the_chain():
    items = [scene_item("train", index, captions=0.5) for index in range(60)]
    for item in items:
        said = completion_of(item, "answer")
        assert parse(said).chain.answer == item.question.answer and "<TYPE>" not in said
    assert 15 < sum(item.question.kind == "cap" for item in items) < 50
