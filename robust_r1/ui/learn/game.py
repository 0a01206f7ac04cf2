"""Learn, fifth part: guess what was done to a picture, then see who came closer, you or the model.

What was applied stays on the server, in the visitor's state, until the guess is in.
"""

from collections.abc import Iterator

import gradio as gr

from robust_r1.analysis import MAX_ROUND, Game, Round, RoundScore
from robust_r1.ask.examples import find_example
from robust_r1.ask.links import MAX_SEED
from robust_r1.ask.pictures import fitted, seen
from robust_r1.chain import findings_of
from robust_r1.degradations import SPECS
from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.markup import escape
from robust_r1.ui.learn.rounds import case_of, play, round_of
from robust_r1.ui.learn.views import findings_table
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.job import Working
from robust_r1.ui.widgets.layout import QUIET, html
from robust_r1.ui.widgets.picture import picture_tag
from robust_r1.ui.widgets.picture_controls import build_sliders
from robust_r1.ui.widgets.picture_handlers import checked_seed, plan_of
from robust_r1.ui.widgets.scores import number
from robust_r1.ui.widgets.toasts import with_toasts

_WORDS = (
    "Look at the picture, set the sliders to what you think was applied (nothing, or up to three "
    "degradations of intensity 0.2 or more), and submit. You and the model are judged by the same "
    "degradation reward. The same seed gives the same rounds to everybody."
)
_IDLE = "Guess, then submit: the truth and the model's findings appear below."
_WINNER = {"you": "you", "model": "the model", "draw": "draw"}


class BeatTheModel:
    """Lay out and wire the game; the first round is drawn once `tab` is looked at."""

    def __init__(self, page: gr.Blocks, tab: gr.Tab, engines: tuple[Engine, ...]) -> None:
        self.engines = {engine.info.name: engine for engine in engines}
        names = [(engine.info.label, engine.info.name) for engine in engines if engine.info.reasons]
        names = names or [(engine.info.label, engine.info.name) for engine in engines]
        self.round, self.game = gr.State(None), gr.State(Game(1))
        html(f'<p class="rr-lead">{_WORDS}</p>')
        with gr.Row(elem_classes="rr-main", equal_height=False):
            with gr.Column(min_width=300, scale=5, elem_classes="rr-side"):
                with gr.Row(elem_classes="rr-learn-bar"):
                    self.seed = gr.Number(
                        1, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=90,
                        elem_id="game-seed",
                    )
                    self.model = gr.Dropdown(
                        names, value=names[0][1], label="Play against", filterable=False,
                        min_width=150, visible=len(names) > 1, elem_id="game-model",
                    )
                    self.start = gr.Button(
                        "New game", size="sm", min_width=90, elem_id="game-new"
                    )
                self.view = html(elem_id="game-picture")
                self.clean = html(elem_id="game-clean")
            with gr.Column(min_width=340, scale=7, elem_classes="rr-side"):
                self.sliders = build_sliders("guess")
                self.working = Working("game", "Submit", _IDLE)
                self.next = gr.Button("Next round", interactive=False, elem_id="game-next")
                self.result = html(elem_id="game-result")
                self.table = html(score_table(Game(1)), elem_id="game-table")
        self._wire(page, tab)

    def _wire(self, page: gr.Blocks, tab: gr.Tab) -> None:
        shown = self.shows
        tab.select(self._arrive, [self.round, self.seed, self.model], shown, **QUIET)
        gr.on(
            [self.start.click, self.seed.submit], with_toasts(self.begin),
            [self.seed, self.model], shown, **QUIET,
        )
        self.next.click(
            with_toasts(self._advance), [self.round, self.game, self.model], shown, **QUIET
        )
        self.working.wire(
            page, self._check, self._work, [self.round, self.game, self.model, *self.sliders],
            [self.game, self.clean, self.result, self.table, self.next],
        )

    def _arrive(self, played: Round | None, seed: int | None, model: str):
        return gr.skip() if played is not None else self.begin(seed, model)

    @property
    def shows(self) -> list:
        """Return the components that another round changes."""
        return [
            self.round, self.game, self.view, self.clean, self.result, self.table, self.next,
            self.working.status, *self.sliders,
        ]

    def begin(self, seed: int | None, model: str, number: int = 1) -> dict:
        """Begin a game at a round."""
        seed = checked_seed(seed)
        return {
            self.game: Game(seed), self.table: score_table(Game(seed)),
            **self._show(round_of(seed, number), model),
        }

    def _advance(self, played: Round | None, game: Game, model: str) -> dict:
        if played is None:
            return self.begin(game.seed, model)
        return self._show(round_of(played.seed, played.number + 1), model)

    def _show(self, played: Round, model: str) -> dict:
        image = seen(case_of(played).picture, self.engines[model], played.plan)
        tag = picture_tag(image, "A picture to be judged", self.view.GRADIO_CACHE)
        return {
            self.round: played,
            self.view: _figure(tag, f"Seed {played.seed}, round {played.number} of {MAX_ROUND}"),
            self.clean: "",
            self.result: "",
            self.next: gr.Button(interactive=False),
            self.working.status: idle_line(_IDLE),
            **dict.fromkeys(self.sliders, 0),
        }

    def _check(self, played: Round | None, game: Game, model: str, *guess: float) -> None:
        if played is None:
            raise InputError("There is no round yet: press New game.")
        if game.find(played.number):
            raise InputError("This round is played, and the truth is shown: press Next round.")

    def _work(
        self, request: gr.Request, played: Round, game: Game, model: str, *guess: float
    ) -> Iterator[dict]:
        engine = self.engines[model]
        with self.working.runs.begin(request.session_hash) as stop:
            yield {
                **self.working.begun(),
                self.working.status: idle_line(f"{engine.info.label} looks at the picture."),
            }
            score = play(engine, played, findings_of(plan_of(0, guess)), stop)
        if score is None:
            yield {self.working.status: idle_line("Stopped; your guess is still there.")}
            return
        game = game.add(score)
        sides = [("You", score.guess), (score.model, score.perceived)]
        yield {
            self.game: game,
            self.clean: self._undamaged(played, engine),
            self.result: findings_table(played.applied, sides),
            self.table: score_table(game),
            self.next: gr.Button(interactive=played.number < MAX_ROUND),
            self.working.status: idle_line(_verdict(score)),
        }

    def _undamaged(self, played: Round, engine: Engine) -> str:
        clean = fitted(case_of(played).picture, engine)
        tag = picture_tag(clean, "The same picture without damage", self.view.GRADIO_CACHE)
        return _figure(tag, f"Without damage: {find_example(played.picture).title}")


def _figure(tag: str, words: str) -> str:
    return f'<figure class="rr-round">{tag}<figcaption>{escape(words)}</figcaption></figure>'


def score_table(game: Game) -> str:
    """Draw the running score: a row for each round that was played, and the sums."""
    rows = "".join(
        f'<tr><th scope="row">{score.round.number}</th><td>{_applied(score)}</td>'
        f"<td><b>{number(score.yours)}</b></td><td><b>{number(score.theirs)}</b> "
        f"<small>{escape(score.model)}</small></td><td>{_WINNER[score.winner]}</td></tr>"
        for score in game.scores
    )
    if not rows:
        return ""
    yours, theirs = game.totals
    won = [score.winner for score in game.scores]
    return (
        f'<table class="rr-sheet rr-tally"><caption>Score of seed {game.seed}</caption><thead><tr>'
        '<th scope="col">Round</th><th scope="col">Applied</th><th scope="col">You</th>'
        f'<th scope="col">Model</th><th scope="col">Closer</th></tr></thead><tbody>{rows}</tbody>'
        f'<tfoot><tr><th scope="row">Sum</th><td></td><td><b>{number(yours)}</b></td>'
        f"<td><b>{number(theirs)}</b></td><td>you {won.count('you')}, model "
        f"{won.count('model')}</td></tr></tfoot></table>"
    )


def _verdict(score: RoundScore) -> str:
    both = f"{number(score.yours)} for you, {number(score.theirs)} for {score.model}"
    return {
        "you": f"You came closer: {both}.",
        "model": f"The model came closer: {both}.",
        "draw": f"A draw: {both}.",
    }[score.winner]


def _applied(score: RoundScore) -> str:
    labels = {spec.chain_name: spec.label for spec in SPECS}
    return ", ".join(labels[finding.name] for finding in score.round.applied) or "nothing"
