"""Beat the model: seeded rounds of damaged pictures, guesses, and who came closer.

The same seed gives the same rounds everywhere, so a class plays against one another as well.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from robust_r1.ask.case import Case
from robust_r1.ask.examples import find_example, photographs, scenes
from robust_r1.ask.picture import Picture
from robust_r1.ask.pipeline import ask_through
from robust_r1.chain import Finding, Parsed, findings_of
from robust_r1.degradations import DegradationPlan, sample_plan
from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.metrics import degradation_score, perception_score

MAX_ROUND = 99
_SALT = 211
_CLEAN_ODDS = 0.125  # undamaged pictures: whoever always guesses something pays for it
_MOST = 3  # degradations at once; more cannot be told apart by eye
_FAINTEST = 0.2  # below that most are invisible to people and models alike
_MAX_MODEL = 200  # characters
_EVEN = 0.005  # rewards are shown with two decimals


@dataclass(frozen=True)
class Round:
    """Draw one picture for a guess: the game's seed, the number from 1, its name, the damage."""

    seed: int
    number: int
    picture: str
    plan: DegradationPlan

    @property
    def applied(self) -> tuple[Finding, ...]:
        """Return the true degradations."""
        return findings_of(self.plan)


@dataclass(frozen=True)
class RoundScore:
    """Set a person's guess beside a model's findings, each with its degradation reward."""

    round: Round
    model: str
    guess: tuple[Finding, ...]
    perceived: tuple[Finding, ...]
    yours: float
    theirs: float

    @property
    def winner(self) -> str:
        """Return "you", "model" or "draw"."""
        if abs(self.yours - self.theirs) < _EVEN:
            return "draw"
        return "you" if self.yours > self.theirs else "model"


@dataclass(frozen=True)
class Game:
    """Count up the rounds of one seed that a person has finished, in the order of play."""

    seed: int
    scores: tuple[RoundScore, ...] = ()

    def find(self, number: int) -> RoundScore | None:
        """Return the score of a round, or None where it has not been played."""
        return next((score for score in self.scores if score.round.number == number), None)

    def add(self, score: RoundScore) -> "Game":
        """Return the game with one more score; of a round played twice the first guess counts."""
        if score.round.seed != self.seed or self.find(score.round.number):
            return self
        return replace(self, scores=(*self.scores, score))

    @property
    def next_number(self) -> int:
        """Return the number of the first round that has not been played; the last one at most."""
        return next((n for n in range(1, MAX_ROUND) if self.find(n) is None), MAX_ROUND)

    @property
    def totals(self) -> tuple[float, float]:
        """Return the sums of the rewards: the person's, the model's."""
        return (
            sum(score.yours for score in self.scores),
            sum(score.theirs for score in self.scores),
        )


def draw_round(seed: int, number: int, pictures: Sequence[str]) -> Round:
    """Draw a round of a seed; consecutive rounds show different pictures.

    Args:
        seed: of the game, 0 or more.
        number: of the round, 1 to MAX_ROUND.
        pictures: names to choose from.

    Raises:
        InputError: a seed or number outside its range.
    """
    if seed < 0:
        raise InputError(f"the seed is {seed}; give a whole number from 0 up")
    if not 1 <= number <= MAX_ROUND:
        raise InputError(f"there is no round {number}; rounds go from 1 to {MAX_ROUND}")
    order = np.random.default_rng([_SALT, seed]).permutation(len(pictures))
    rng = np.random.default_rng([_SALT, seed, number])
    return Round(seed, number, pictures[order[(number - 1) % len(order)]], _draw_plan(rng))


def _draw_plan(rng: np.random.Generator) -> DegradationPlan:
    if rng.random() < _CLEAN_ODDS:
        return DegradationPlan()
    drawn = sample_plan(rng, _MOST)
    visible = {
        id: round(_FAINTEST + (1 - _FAINTEST) * value, 2)
        for id, value in drawn.intensities.items()
    }
    return DegradationPlan.of(visible, seed=int(rng.integers(2**31)))


def score_round(
    played: Round, guess: Sequence[Finding], model: str, parsed: Parsed
) -> RoundScore:
    """Score a person's findings and a model's chain with the reward that training uses."""
    return RoundScore(
        played, model, tuple(guess), parsed.chain.findings,
        degradation_score(guess, played.applied), perception_score(parsed, played.applied),
    )


def game_record(game: Game) -> list[dict[str, Any]]:
    """Return the scores of a game as a browser can keep them; what was applied is not in it."""
    return [
        {
            "round": score.round.number, "picture": score.round.picture, "model": score.model,
            "guess": _pairs(score.guess), "perceived": _pairs(score.perceived),
            "yours": score.yours, "theirs": score.theirs,
        }
        for score in game.scores
    ]


def read_game(seed: int, record: Any) -> Game:
    """Return the game that a browser kept; what cannot be read, or is drawn otherwise, goes."""
    game = Game(seed)
    for one in record if isinstance(record, list) else []:
        with suppress(KeyError, TypeError, ValueError, InputError):
            played = round_of(seed, int(one["round"]))
            if played.picture == one["picture"]:
                guess, perceived = (_findings(one[key]) for key in ("guess", "perceived"))
                figures = float(one["yours"]), float(one["theirs"])
                model = str(one["model"])[:_MAX_MODEL]
                game = game.add(RoundScore(played, model, guess, perceived, *figures))
    return game


def _pairs(findings: Sequence[Finding]) -> list[list[Any]]:
    return [[finding.name, finding.intensity] for finding in findings]


def _findings(pairs: Any) -> tuple[Finding, ...]:
    return tuple(Finding(str(name), float(intensity)) for name, intensity in pairs)


@cache
def pictures() -> tuple[str, ...]:
    """Return the ids of the examples that rounds draw from: as many scenes as photographs."""
    drawn = [example.id for example in scenes()]
    return (*drawn, *(example.id for example in photographs()[: len(drawn)]))


def round_of(seed: int, number: int) -> Round:
    """Return a round about the page's own pictures; see `draw_round`."""
    return draw_round(seed, number, pictures())


def case_of(played: Round) -> Case:
    """Return what the model is asked in a round: the picture's first question."""
    asked = find_example(played.picture).questions[0]
    return Case(
        Picture(example=played.picture), played.plan, asked.text, asked.choices, asked.answer
    )


def play(
    engine: Engine, played: Round, guess: Sequence[Finding], stop: threading.Event
) -> RoundScore | None:
    """Let a model look at the same picture and score both; None where it was stopped.

    Raises RobustR1Error where the model fails.
    """
    outcome = ask_through(engine, case_of(played), stop)
    if outcome is None or outcome.reply is None:
        return None
    return score_round(played, guess, engine.info.label, outcome.reply.parsed)
