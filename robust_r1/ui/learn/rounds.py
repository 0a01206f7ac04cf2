"""What a round of Beat the model shows and asks; no user interface in here."""

import threading
from functools import cache

from robust_r1.analysis import Round, RoundScore, draw_round, score_round
from robust_r1.ask.examples import find_example, photographs, scenes
from robust_r1.ask.pictures import Picture
from robust_r1.ask.pipeline import Case, ask_through
from robust_r1.chain import Finding
from robust_r1.engine import Engine


@cache
def pictures() -> tuple[str, ...]:
    """Return the ids of the examples that rounds draw from: as many scenes as photographs."""
    drawn = [example.id for example in scenes()]
    return (*drawn, *(example.id for example in photographs()[: len(drawn)]))


def round_of(seed: int, number: int) -> Round:
    """Return a round of the page's game; raise InputError for a number that there is not."""
    return draw_round(seed, number, pictures())


def case_of(played: Round) -> Case:
    """Return what the model is asked in a round: the picture's first question."""
    asked = find_example(played.picture).questions[0]
    return Case(
        Picture(example=played.picture), played.plan, asked.text, asked.choices, asked.answer
    )


def play(
    engine: Engine, played: Round, guess: tuple[Finding, ...], stop: threading.Event
) -> RoundScore | None:
    """Let the model look at the same picture and score both; None where it was stopped.

    Raises RobustR1Error where the model fails.
    """
    outcome = ask_through(engine, case_of(played), stop)
    if outcome is None or outcome.reply is None:
        return None
    return score_round(played, guess, engine.info.label, outcome.reply.parsed)
