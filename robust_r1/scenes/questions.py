"""Questions about a scene, with exact answers: multiple choice, short answer and caption."""

from dataclasses import dataclass

import numpy as np

from robust_r1.chain import format_question
from robust_r1.scenes.scene import Scene, Thing
from robust_r1.scenes.vocabulary import COLORS, COUNT_WORDS, DIGITS, NOUNS, PLACES, with_article

UNKNOWN = "unknown"
_QUESTION_SALT = 103


@dataclass(frozen=True)
class Question:
    """Join a question, its exact answer and what of the scene decides it.

    Attributes:
        kind: "mcq" (the answer is the number of a choice), "vqa" (a word or two) or "cap".
        topic: "color", "noun", "place", "count", "relation", "exists", "caption" or "outside".
        text: the question in words, without the choices.
        choices: the options of a multiple-choice question, else empty.
        answer: what the answer section holds.
        answer_text: the answer in words (for "mcq" the text of the right choice).
        focus: indices of the scene's things that decide the answer.
        claim: one sentence that states the answer, for the conclusion section.
    """

    kind: str
    topic: str
    text: str
    choices: tuple[str, ...]
    answer: str
    answer_text: str
    focus: tuple[int, ...]
    claim: str

    @property
    def prompt(self) -> str:
        """Return the question as a model reads it, choices numbered from 0."""
        return format_question(self.text, self.choices)


@dataclass(frozen=True)
class _Fact:
    """Prepare a question before it becomes open or multiple choice."""

    topic: str
    text: str
    answer: str
    wrong: tuple[str, ...]  # other answers that are plausible and false
    focus: tuple[int, ...]
    claim: str


def questions_for(scene: Scene) -> tuple[Question, ...]:
    """Return every question that the scene answers without doubt, each as `vqa` and as `mcq`.

    The order and the choices depend on the scene's seed alone. A scene without objects still has
    questions (how many, what is where), and every scene has a caption.
    """
    rng = np.random.default_rng([_QUESTION_SALT, scene.seed])
    questions = []
    for fact in _facts(scene, rng):
        questions += [_open(fact), _multiple_choice(fact, rng)]
    return (*questions, caption_question(scene))


def caption_question(scene: Scene) -> Question:
    """Return the request to describe the whole scene, with its exact description as answer."""
    answer = describe(scene.things)
    claim = f"The number of objects is {COUNT_WORDS[len(scene.things)]}."
    everything = tuple(range(len(scene.things)))
    text = "Describe the picture."
    return Question("cap", "caption", text, (), answer, answer, everything, claim)


def outside_question(rng: np.random.Generator) -> Question:
    """Draw a question that no scene answers, so that a model learns to say that it cannot know."""
    who = _SUBJECTS[int(rng.integers(len(_SUBJECTS)))]
    text = _TEMPLATES[int(rng.integers(len(_TEMPLATES)))].format(who)
    claim = "I cannot tell."
    return Question("vqa", "outside", text, (), UNKNOWN, UNKNOWN, (), claim)


def describe(things: tuple[Thing, ...]) -> str:
    """List objects with their places: "a red circle at the top left, a blue ring at the left"."""
    if not things:
        return "no objects"
    return ", ".join(f"{with_article(thing.phrase)} at the {thing.place}" for thing in things)


_SUBJECTS = (
    "man", "woman", "person", "cat", "dog", "cup", "car", "building", "street", "sky", "child",
    "table", "tree", "flower", "bird", "boat", "rocket", "face", "food", "animal", "house", "water",
)  # fmt: skip
_TEMPLATES = (
    "What is the {} doing?", "What color is the {}?", "How many {}s are there?",
    "Where is the {}?", "Is there a {}?", "What is next to the {}?", "Why is the {} here?",
    "What kind of {} is this?", "Is the {} old or new?", "What is behind the {}?",
)  # fmt: skip


def _facts(scene: Scene, rng: np.random.Generator) -> list[_Fact]:
    facts = [_count_all(scene), _count_color(scene, rng), _at_place(scene, rng, empty=True)]
    facts += [_exists(scene, rng, true=False)]
    if scene.things:
        facts += [_exists(scene, rng, true=True), _at_place(scene, rng, empty=False)]
    nouns = [thing.noun for thing in scene.things]
    alone = [index for index, noun in enumerate(nouns) if nouns.count(noun) == 1]
    facts += [_color_of(scene, index) for index in alone]
    facts += [_place_of(scene, index) for index in alone]
    facts += [_which_digit(scene)] if _digits(scene) else []
    facts += _relations(scene, alone)
    return facts


def _color_of(scene: Scene, index: int) -> _Fact:
    thing = scene.things[index]
    wrong = tuple(color for color in COLORS if color != thing.color)
    text, claim = f"What color is the {thing.noun}?", f"The {thing.noun} is {thing.color}."
    return _Fact("color", text, thing.color, wrong, (index,), claim)


def _place_of(scene: Scene, index: int) -> _Fact:
    thing = scene.things[index]
    wrong = tuple(place for place in PLACES if place != thing.place)
    claim = f"The {thing.noun} is at the {thing.place}."
    return _Fact("place", f"Where is the {thing.noun}?", thing.place, wrong, (index,), claim)


def _count_all(scene: Scene) -> _Fact:
    answer = COUNT_WORDS[len(scene.things)]
    wrong = tuple(word for word in COUNT_WORDS if word != answer)
    everything = tuple(range(len(scene.things)))
    text, claim = "How many objects are there?", f"The number of objects is {answer}."
    return _Fact("count", text, answer, wrong, everything, claim)


def _count_color(scene: Scene, rng: np.random.Generator) -> _Fact:
    seen = [thing.color for thing in scene.things]
    pool = seen if seen and rng.random() < 0.75 else list(COLORS)
    color = pool[int(rng.integers(len(pool)))]
    answer = COUNT_WORDS[seen.count(color)]
    wrong = tuple(word for word in COUNT_WORDS if word != answer)
    everything = tuple(range(len(scene.things)))
    claim = f"The number of {color} objects is {answer}."
    return _Fact("count", f"How many {color} objects are there?", answer, wrong, everything, claim)


def _at_place(scene: Scene, rng: np.random.Generator, empty: bool) -> _Fact:
    """Ask what a cell holds; of an empty one the answer is "nothing"."""
    taken = {thing.cell: index for index, thing in enumerate(scene.things)}
    free = [cell for cell in range(9) if cell not in taken]
    cells = free if empty else list(taken)
    cell = cells[int(rng.integers(len(cells)))]
    focus = () if empty else (taken[cell],)
    answer = "nothing" if empty else scene.things[taken[cell]].phrase
    wrong = [thing.phrase for thing in scene.things if thing.phrase != answer]
    while len(wrong) < 4:
        color = tuple(COLORS)[int(rng.integers(len(COLORS)))]
        phrase = f"{color} {NOUNS[int(rng.integers(len(NOUNS)))]}"
        if phrase not in (answer, *wrong):
            wrong.append(phrase)
    if not empty:
        wrong.append("nothing")
    place = PLACES[cell]
    held = "nothing" if empty else with_article(answer)
    text, claim = f"What is at the {place}?", f"At the {place} there is {held}."
    return _Fact("noun", text, answer, tuple(dict.fromkeys(wrong)), focus, claim)


def _exists(scene: Scene, rng: np.random.Generator, true: bool) -> _Fact:
    """Ask for a colored object; a false one shares color or noun with one that is there."""
    phrases = [thing.phrase for thing in scene.things]
    phrase = phrases[int(rng.integers(len(phrases)))] if true else _absent(scene, rng, phrases)
    # What decides a "no" is the thing of the same noun and another color, if there is one.
    noun = phrase.split(" ", 1)[1]
    seen = phrases if true else [thing.noun for thing in scene.things]
    focus = tuple(index for index, name in enumerate(seen) if name in (phrase, noun))
    answer, wrong = ("yes", "no") if true else ("no", "yes")
    claim = f"There is {'a' if true else 'no'} {phrase}."
    return _Fact("exists", f"Is there {with_article(phrase)}?", answer, (wrong,), focus, claim)


def _absent(scene: Scene, rng: np.random.Generator, phrases: list[str]) -> str:
    while True:
        color = tuple(COLORS)[int(rng.integers(len(COLORS)))]
        noun = NOUNS[int(rng.integers(len(NOUNS)))]
        if scene.things and rng.random() < 0.7:
            near = scene.things[int(rng.integers(len(scene.things)))]
            color, noun = (near.color, noun) if rng.random() < 0.4 else (color, near.noun)
        if f"{color} {noun}" not in phrases:
            return f"{color} {noun}"


def _digits(scene: Scene) -> list[int]:
    found = [index for index, thing in enumerate(scene.things) if thing.kind == "digit"]
    return found if len(found) == 1 else []


def _which_digit(scene: Scene) -> _Fact:
    index = _digits(scene)[0]
    answer = scene.things[index].noun
    wrong = tuple(noun for noun in DIGITS if noun != answer)
    claim = f"The digit is {answer[-1]}."
    return _Fact("noun", "Which digit is shown?", answer, wrong, (index,), claim)


def _relations(scene: Scene, alone: list[int]) -> list[_Fact]:
    """Ask, for each ordered pair in different columns or rows, on which side the first lies."""
    facts = []
    for first in alone:
        for second in alone:
            one, other = scene.things[first], scene.things[second]
            if first == second or (one.row != other.row and one.column != other.column):
                continue
            if one.row == other.row:
                answer, opposite = ("left", "right")[:: 1 if one.column < other.column else -1]
                text = f"Is the {one.noun} left or right of the {other.noun}?"
                claim = f"The {one.noun} is {answer} of the {other.noun}."
            else:
                answer, opposite = ("above", "below")[:: 1 if one.row < other.row else -1]
                text = f"Is the {one.noun} above or below the {other.noun}?"
                claim = f"The {one.noun} is {answer} the {other.noun}."
            facts.append(_Fact("relation", text, answer, (opposite,), (first, second), claim))
    return facts


def _open(fact: _Fact) -> Question:
    answer = fact.answer
    return Question("vqa", fact.topic, fact.text, (), answer, answer, fact.focus, fact.claim)


def _multiple_choice(fact: _Fact, rng: np.random.Generator) -> Question:
    wrong = [fact.wrong[index] for index in rng.permutation(len(fact.wrong))[:3]]
    options = [fact.answer, *wrong]
    choices = tuple(options[index] for index in rng.permutation(len(options)))
    number = str(choices.index(fact.answer))
    return Question(
        "mcq", fact.topic, fact.text, choices, number, fact.answer, fact.focus, fact.claim
    )
