"""Learn, fifth part: guess what was done to a picture, then see who came closer, you or the model.

What was applied stays on the server, in the visitor's state, until the guess is in.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import gradio as gr
from gradio.components import Component

from robust_r1.analysis import MAX_ROUND, Game, Round, RoundScore, case_of, play, round_of
from robust_r1.analysis.rounds import game_record, read_game
from robust_r1.ask.case import MAX_SEED
from robust_r1.ask.examples import find_example
from robust_r1.ask.links import read_seed
from robust_r1.ask.picture import fitted, seen
from robust_r1.chain import findings_of
from robust_r1.degradations import label_of
from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.markup import escape
from robust_r1.ui.learn.menus import build_model_menu, read_model, writers
from robust_r1.ui.learn.views import findings_table
from robust_r1.ui.widgets.chain import idle_line
from robust_r1.ui.widgets.job import Job
from robust_r1.ui.widgets.layout import QUIET, Updates, Values, html
from robust_r1.ui.widgets.links import read_value
from robust_r1.ui.widgets.picture import picture_tag
from robust_r1.ui.widgets.plan_input import build_sliders, checked_seed
from robust_r1.ui.widgets.scores import number
from robust_r1.ui.widgets.toasts import with_toasts

_WORDS = (
    "Look at the picture, set the sliders to what you think was applied (nothing, or up to three "
    "degradations of intensity 0.2 or more), and submit. You and the model are judged by the same "
    "degradation reward. The same seed gives the same rounds to everybody."
)
_IDLE = "Guess, then submit: the truth and the model's findings appear below."
# What a browser keeps its visitor's scores under: fixed, or a new start of the server would forget.
_STORED, _SECRET = "robust-r1-game", "robust-r1 keeps the scores of the game"
_MOST_GAMES = 20  # seeds whose scores are kept; those played longest ago go first
_WINNER = {"you": "you", "model": "the model", "draw": "draw"}


def build_memory() -> gr.BrowserState:
    """Make what keeps a visitor's scores in the browser; outside of tabs, to be there at once."""
    return gr.BrowserState({}, storage_key=_STORED, secret=_SECRET)


class BeatTheModel:
    """Lay out and wire the game; the first round is drawn once `tab` is looked at.

    `memory` is what `build_memory` made.
    """

    def __init__(
        self, page: gr.Blocks, tab: gr.Tab, engines: tuple[Engine, ...], memory: gr.BrowserState
    ) -> None:
        self.engines = {engine.info.name: engine for engine in engines}
        rivals = writers(engines)
        self.round, self.game = gr.State(None), gr.State(Game(1))
        self.memory = memory
        html(f'<p class="rr-lead">{_WORDS}</p>')
        with gr.Row(elem_classes="rr-main", equal_height=False):
            with gr.Column(min_width=300, scale=5, elem_classes="rr-side"):
                with gr.Row(elem_classes="rr-learn-bar"):
                    self.seed = gr.Number(
                        1, label="Seed", precision=0, minimum=0, maximum=MAX_SEED, min_width=90,
                        elem_id="game-seed",
                    )
                    self.model = build_model_menu(
                        rivals, rivals[0], "Play against", 150, "game-model"
                    )
                    self.start = gr.Button(
                        "New game", size="sm", min_width=90, elem_id="game-new"
                    )
                self.view = html(elem_id="game-picture")
                self.clean = html(elem_id="game-clean")
            with gr.Column(min_width=340, scale=7, elem_classes="rr-side"):
                self.sliders = build_sliders("guess")
                self.job = Job("game", "Submit", _IDLE)
                self.next = gr.Button("Next round", interactive=False, elem_id="game-next")
                self.result = html(elem_id="game-result")
                self.table = html(score_table(Game(1)), elem_id="game-table")
        self._wire(page, tab)

    def _wire(self, page: gr.Blocks, tab: gr.Tab) -> None:
        known = {self.game, self.memory, *self.described}
        tab.select(self._arrive, known, self.opened, **QUIET)
        gr.on(
            [self.start.click, self.seed.submit], with_toasts(self._begin), known,
            {self.memory, *self.opened}, **QUIET,
        )
        self.next.click(
            with_toasts(self._advance), {self.game, *self.described}, self.opened, **QUIET
        )
        self.job.wire(
            page, self._check, self._play,
            {self.round, self.game, self.model, self.memory, *self.sliders.all},
            {self.memory, self.game, self.clean, self.result, self.table, self.next},
        )

    @property
    def described(self) -> set[Component]:
        """Return the components that `describe` reads."""
        return {self.round, self.seed, self.model}

    @property
    def opened(self) -> set[Component]:
        """Return the components that `open`, or another round, writes to."""
        return {
            self.round, self.game, self.seed, self.model, self.view, self.clean, self.result,
            self.table, self.next, self.job.status, *self.sliders.all,
        }

    def describe(self, values: Values) -> dict[str, str]:
        """Return what a link says about this part."""
        played = values[self.round]
        return {
            "seed": str(played.seed if played else checked_seed(values[self.seed])),
            "round": str(played.number if played else 1),
            "model": values[self.model],
        }

    def open(self, link: Mapping[str, str]) -> Updates:
        """Return the updates that show what a link says."""
        seed = read_value(link, "seed", read_seed, 1)
        number = read_value(link, "round", partial(_read_number, seed), 1)
        model = read_model(link, self.model)
        return {self.seed: seed, self.model: model, **self._begin_at(seed, number, model)}

    def remember_after(self, listen: Callable) -> None:
        """Bring the score back that this browser kept of a link's seed, after `listen`."""
        known = {self.game, self.memory, *self.described}
        listen(self._remember, known, self.opened, **QUIET)

    def _remember(self, values: Values) -> Updates:
        played: Round | None = values[self.round]
        game = played and self._kept(values, played.seed)
        if not played or not game or not game.scores:
            return gr.skip()
        return self._begin_at(played.seed, played.number, values[self.model], game)

    def _arrive(self, values: Values) -> Updates:
        if values[self.round] is not None:
            return gr.skip()
        seed = checked_seed(values[self.seed])
        game = self._kept(values, seed)
        return self._begin_at(seed, game.next_number, values[self.model], game)

    def _begin(self, values: Values) -> Updates:
        """Go on with another seed where it was left; begin the same one anew."""
        seed, model = checked_seed(values[self.seed]), values[self.model]
        game = Game(seed) if seed == values[self.game].seed else self._kept(values, seed)
        return {
            self.memory: self._with_game(values, game),
            **self._begin_at(seed, game.next_number, model, game),
        }

    def _kept(self, values: Values, seed: int) -> Game:
        memory = values[self.memory]
        return read_game(seed, memory.get(str(seed)) if isinstance(memory, dict) else None)

    def _with_game(self, values: Values, game: Game) -> dict[str, object]:
        """Return what the browser keeps from now on: this game last."""
        memory = values[self.memory] if isinstance(values[self.memory], dict) else {}
        others = {seed: one for seed, one in memory.items() if seed != str(game.seed)}
        newest = list(others.items())[1 - _MOST_GAMES :]
        return dict(newest) | ({str(game.seed): game_record(game)} if game.scores else {})

    def _begin_at(self, seed: int, number: int, model: str, game: Game | None = None) -> Updates:
        """Go to a round of a game, by default of one that begins."""
        game = game or Game(seed)
        return {
            self.game: game, self.table: score_table(game),
            **self._show(round_of(seed, number), model, game),
        }

    def _advance(self, values: Values) -> Updates:
        played, model = values[self.round], values[self.model]
        if played is None:
            return self._begin_at(values[self.game].seed, 1, model)
        return self._show(round_of(played.seed, played.number + 1), model, values[self.game])

    def _show(self, played: Round, model: str, game: Game) -> Updates:
        """Show a round, with its truth where it has been played."""
        score = game.find(played.number)
        image = seen(case_of(played).picture, self.engines[model], played.plan)
        tag = picture_tag(image, "A picture to be judged", self.view.GRADIO_CACHE)
        return {
            self.round: played,
            self.view: _figure(tag, f"Seed {played.seed}, round {played.number} of {MAX_ROUND}"),
            self.clean: "",
            self.result: "",
            self.next: gr.Button(interactive=False),
            self.job.status: idle_line(_IDLE),
            **self.sliders.show({}),
            **(self._reveal(score, self.engines[model]) if score else {}),
        }

    def _reveal(self, score: RoundScore, engine: Engine) -> Updates:
        """Show the truth of a round beside both guesses."""
        played = score.round
        sides = [("You", score.guess), (score.model, score.perceived)]
        return {
            self.clean: self._undamaged(played, engine),
            self.result: findings_table(played.applied, sides),
            self.next: gr.Button(interactive=played.number < MAX_ROUND),
            self.job.status: idle_line(_verdict(score)),
        }

    def _check(self, values: Values) -> None:
        played = values[self.round]
        if played is None:
            raise InputError("There is no round yet: press New game.")
        if values[self.game].find(played.number):
            raise InputError("This round is played, and the truth is shown: press Next round.")

    def _play(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Let the model look, and show the truth beside both guesses."""
        played, engine = values[self.round], self.engines[values[self.model]]
        guess = findings_of(self.sliders.plan(values, 0))
        with self.job.active.begin(request.session_hash) as stop:
            yield {
                **self.job.begun(),
                self.job.status: idle_line(f"{engine.info.label} looks at the picture."),
            }
            score = play(engine, played, guess, stop)
        if score is None:
            yield {self.job.status: idle_line("Stopped; your guess is still there.")}
            return
        game = values[self.game].add(score)
        yield {
            self.game: game,
            self.memory: self._with_game(values, game),
            self.table: score_table(game),
            **self._reveal(score, engine),
        }

    def _undamaged(self, played: Round, engine: Engine) -> str:
        clean = fitted(case_of(played).picture, engine)
        tag = picture_tag(clean, "The same picture without damage", self.view.GRADIO_CACHE)
        return _figure(tag, f"Without damage: {find_example(played.picture).title}")


def _read_number(seed: int, text: str) -> int:
    """Read the number of a round; raise InputError for one that there is not."""
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise InputError(f"a round is a whole number, got {text[:40]!r}")
    return round_of(seed, int(text)).number


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
    return ", ".join(label_of(finding.name) for finding in score.round.applied) or "nothing"
