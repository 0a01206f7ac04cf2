"""Links to the lesson: which part is open, and what it shows."""

from collections.abc import Callable, Mapping

import gradio as gr

from robust_r1.ask.examples import find_example
from robust_r1.ask.links import read_seed
from robust_r1.errors import InputError
from robust_r1.ui.learn.anatomy import Anatomy
from robust_r1.ui.learn.cases import case_titles
from robust_r1.ui.learn.game import BeatTheModel
from robust_r1.ui.learn.method import Method
from robust_r1.ui.learn.rewards import Playground
from robust_r1.ui.learn.rounds import round_of
from robust_r1.ui.learn.story import Story
from robust_r1.ui.widgets.links import read_value

PARTS = ("method", "anatomy", "rewards", "story", "game")


class Lesson:
    """Describe the five parts as the values of a link, and put them into a link's state."""

    def __init__(
        self, method: Method, anatomy: Anatomy, rewards: Playground, story: Story,
        game: BeatTheModel,
    ) -> None:
        self.method, self.anatomy, self.rewards = method, anatomy, rewards
        self.story, self.game = story, game

    @property
    def described(self) -> list:
        """Return the components whose values `describe` takes, after the name of the part."""
        return [
            self.method.example, self.method.intensity, self.method.seed, self.anatomy.case,
            self.anatomy.model, self.rewards.case, self.story.case, self.game.round,
            self.game.seed, self.game.model,
        ]

    @property
    def opened(self) -> list:
        """Return the components that `open` may write to."""
        return [
            *self.described, self.method.view, *self.rewards.shows, *self.game.shows,
        ]

    def describe(
        self, part, example, intensity, seed, case, model, judged, told, played, game, rival
    ) -> Mapping[str, str]:
        """Return the values of a link to a part; what another part shows is left out."""
        values = {
            "method": {"example": example, "intensity": f"{intensity:g}", "seed": _text(seed)},
            "anatomy": {"case": case, "model": model},
            "rewards": {"case": judged},
            "story": {"case": told},
            "game": {
                "seed": _text(played.seed if played else game),
                "round": _text(played.number if played else 1), "model": rival,
            },
        }
        return {"part": part, **values[part]}

    def open(self, part: str, values: Mapping[str, str]) -> dict:
        """Return the updates that show what a link says; what it leaves out keeps its default."""
        if part == "method":
            return self._open_method(values)
        if part == "game":
            return self._open_game(values)
        case = read_value(values, "case", _case, case_titles()[0])
        if part == "rewards":
            return {self.rewards.case: case, **self.rewards.choose(case)}
        if part == "story":
            return {self.story.case: case}
        anatomy = self.anatomy
        model = read_value(values, "model", _among(anatomy.model))
        return {anatomy.case: case, anatomy.model: model or anatomy.model.value}

    def _open_method(self, values: Mapping[str, str]) -> dict:
        method = self.method
        shown = {
            method.example: read_value(
                values, "example", lambda id: find_example(id).id, method.example.value
            ),
            method.intensity: read_value(
                values, "intensity", _intensity, method.intensity.value
            ),
            method.seed: read_value(values, "seed", read_seed, 1),
        }
        return {**shown, method.view: method.draw(*shown.values())}

    def _open_game(self, values: Mapping[str, str]) -> dict:
        game = self.game
        seed = read_value(values, "seed", read_seed, 1)
        number = read_value(values, "round", lambda text: _round(seed, text), 1)
        model = read_value(values, "model", _among(game.model)) or game.model.value
        return {game.seed: seed, game.model: model, **game.begin(seed, model, number)}


def read_part(values: Mapping[str, str]) -> str:
    """Return which part a link names; the first where it names none that there is."""
    return read_value(values, "part", _part, PARTS[0])


def _text(value: float | None) -> str:
    return str(int(value or 0))


def _part(text: str) -> str:
    if text not in PARTS:
        raise InputError(f"the lesson has no part {text[:40]!r}; choose {' or '.join(PARTS)}")
    return text


def _case(title: str) -> str:
    if title not in case_titles():
        raise InputError(f"no case {title[:40]!r}; choose {' or '.join(case_titles())}")
    return title


def _intensity(text: str) -> float:
    try:
        value = float(text[:40])
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise InputError(f"an intensity is a number from 0 to 1, got {text[:40]!r}")
    return value


def _round(seed: int, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise InputError(f"a round is a whole number, got {text[:40]!r}")
    return round_of(seed, int(text)).number


def _among(menu: gr.Dropdown) -> Callable[[str], str]:
    names = [name for _, name in menu.choices]

    def read(name: str) -> str:
        if name not in names:
            raise InputError(
                f"the model {name[:40]!r} is not loaded here; choose {' or '.join(names)}"
            )
        return name

    return read
