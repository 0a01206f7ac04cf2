"""Seeded synthetic scenes: pictures with known content, questions, answers, reference chains."""

from robust_r1.scenes.chains import chain_for
from robust_r1.scenes.items import Item, draw_plan, example_items, make_item
from robust_r1.scenes.questions import Question, caption_question, outside_question, questions_for
from robust_r1.scenes.scene import SPLITS, Scene, Thing, draw_size, make_scene, split_of

__all__ = [
    "SPLITS",
    "Item",
    "Question",
    "Scene",
    "Thing",
    "caption_question",
    "chain_for",
    "draw_plan",
    "draw_size",
    "example_items",
    "make_item",
    "make_scene",
    "outside_question",
    "questions_for",
    "split_of",
]
