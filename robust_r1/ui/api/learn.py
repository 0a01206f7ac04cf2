"""The Learn tab's public endpoints: /rewards, /round and /guess."""

import threading

import gradio as gr

from robust_r1.analysis import case_of, judge, play, round_of
from robust_r1.ask.picture import seen
from robust_r1.chain import findings_of
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Engine
from robust_r1.ui.widgets.api_values import strictly, whole
from robust_r1.ui.widgets.job import ANALYSIS, AT_ONCE
from robust_r1.ui.widgets.picture import write_png
from robust_r1.ui.widgets.question import parse_choices
from robust_r1.ui.widgets.scores import REWARDS


class LearnEndpoints:
    """Add the endpoints to the current `gr.Blocks`; they have no visible part."""

    def __init__(self, engines: tuple[Engine, ...]) -> None:
        self.engine = engines[0]
        with gr.Group(visible=False):
            chain = gr.Textbox(label="chain to judge, as text")
            truth = gr.Textbox(label="true chain, as text")
            choices = gr.Textbox("", label="answer choices, one a line")
            judged = gr.JSON(label="rewards")
            seed = gr.Number(1, label="seed of the game, a whole number")
            number = gr.Number(1, label="number of the round, from 1")
            self.picture = gr.Image(format="png", type="filepath", label="degraded")
            guess = gr.Textbox("", label="guess, such as lens_blur=0.4,darkness=0.25")
            scored = gr.JSON(label="score")
            gr.Button().click(
                strictly(self.rewards), [chain, truth, choices], judged, api_name="rewards",
                api_description="Judge a chain against the true one by the four rewards.",
            )
            gr.Button().click(
                strictly(self.round), [seed, number], self.picture, api_name="round",
                api_description="Return the picture of a round of Beat the model.",
            )
            gr.Button().click(
                strictly(self.guess), [seed, number, guess], scored, api_name="guess",
                concurrency_id=ANALYSIS, concurrency_limit=AT_ONCE,
                api_description="Score a guess about a round, beside the model's findings.",
            )

    def rewards(self, chain: str, truth: str, choices: str = "") -> dict:
        """Return the four rewards, how each was computed, and the chain's problems."""
        options = parse_choices(choices)
        judgment = judge(chain or "", truth or "", options, self.engine.count_tokens)
        return {
            **{name: getattr(judgment.score, name) for name in REWARDS},
            "explain": dict(judgment.score.explain),
            "tokens": judgment.tokens,
            "true_tokens": judgment.true_tokens,
            "well_formed": judgment.parsed.well_formed,
            "problems": [str(problem) for problem in judgment.parsed.problems],
        }

    def round(self, seed: float = 1, number: float = 1) -> str:
        """Return the file of a round's picture, a PNG as the model sees it."""
        played = round_of(whole("seed", seed), whole("number", number))
        image = seen(case_of(played).picture, self.engine, played.plan)
        return write_png(image, "round.png", self.picture.GRADIO_CACHE)

    def guess(self, seed: float = 1, number: float = 1, guess: str = "") -> dict:
        """Return the truth of a round, the model's findings, and both degradation rewards."""
        played = round_of(whole("seed", seed), whole("number", number))
        findings = findings_of(DegradationPlan.parse(guess))
        score = play(self.engine, played, findings, threading.Event())
        assert score is not None  # nobody stops it
        return {
            "applied": {finding.name: finding.intensity for finding in played.applied},
            "perceived": {finding.name: finding.intensity for finding in score.perceived},
            "yours": score.yours,
            "model": score.theirs,
            "winner": score.winner,
        }
