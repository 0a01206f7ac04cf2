"""Handlers of the Explore tab's right side: check, ask, stop, keep."""

from collections.abc import Iterator, Mapping

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from robust_r1.ask import record
from robust_r1.ask.conversation import Conversation, Subject, resume
from robust_r1.ask.pictures import Picture
from robust_r1.ask.pipeline import Case, check_question
from robust_r1.engine import Engine, GenerationSettings
from robust_r1.engine.conversation import own_template
from robust_r1.ui.explore import ask_handlers
from robust_r1.ui.explore.ask_controls import Actions, Results, Talk
from robust_r1.ui.explore.ask_handlers import View
from robust_r1.ui.explore.picture_events import SLIDERS
from robust_r1.ui.widgets import picture_handlers
from robust_r1.ui.widgets.active_answers import Runs
from robust_r1.ui.widgets.chain import idle_line, waiting_line
from robust_r1.ui.widgets.conversation import change_note, state_note, turns_list

_FILE = "robust-r1-answer.json"


class AnswerEvents:
    """Turn a question into a stream of updates for the buttons and the results."""

    def __init__(
        self,
        engines: Mapping[str, Engine],
        runs: Runs,
        actions: Actions,
        talk: Talk,
        results: Results,
    ) -> None:
        self.engines = engines
        self.runs = runs
        self.actions = actions
        self.talk = talk
        self.results = results

    def check(self, picture: Picture | None, question: str, choices: str, model, further) -> dict:
        """Refuse what cannot be asked; else get ready for the model."""
        ask_handlers.check(picture, question, choices, self.engines[model], further)
        return {
            self.actions.ask: gr.Button(interactive=False),
            self.actions.stop: gr.Button(visible=False),
            self.actions.leave: gr.Button(visible=True),
            self.talk.clear: gr.Button(interactive=False),
            self.results.status: waiting_line(),
        }

    def answer(
        self, request: gr.Request, previous: Conversation | None, further, picture, seed, *rest
    ) -> Iterator[dict]:
        """Stream the chain, then the scores and the file to keep; go on with a conversation."""
        strengths, fields = rest[:SLIDERS], rest[SLIDERS:]
        question, choices, truth, model, also_clean, *how = fields
        tokens, temperature, top_p, draw, prompt = how
        engine = self.engines[model]
        plan = picture_handlers.plan_of(seed, strengths)
        conversation = resume(previous, Subject(picture, plan, model, further))
        case = Case(
            picture=picture,
            plan=plan,
            question=check_question(question),
            choices=ask_handlers.parse_choices(choices),
            truth=truth.strip(),
            settings=GenerationSettings(
                int(tokens), float(temperature), float(top_p), picture_handlers.checked_seed(draw)
            ),
            also_clean=bool(also_clean),
            earlier=conversation.exchanges,
            template=ask_handlers.parse_template(prompt, engine),
            further=further,
        )
        shown = None
        for view in ask_handlers.views(engine, case, self.runs, request.session_hash):
            update = self._show(view, shown)
            if shown is None:
                update |= self._open(engine, conversation, case.prompt)
            shown = view
            if view.finished:
                if engine.info.converses:
                    update[self.talk.kept] = conversation.add(case, view.outcome)
                seeds = picture_handlers.checked_seed(seed)
                text = record.to_json(engine, case, seeds, view.outcome)
                update[self.results.download] = gr.DownloadButton(
                    value=self._keep(text), interactive=True
                )
            yield update

    def suit(self, model: str) -> list:
        """Return the longest answer and the prompt that a model is asked with by itself."""
        info = self.engines[model].info
        return [info.defaults.max_new_tokens, own_template(info)]

    def compare(self, conversation: Conversation | None, further, picture, seed, *rest):
        """Say when what is on the page is no longer what the conversation is about."""
        if conversation is None:
            return gr.skip()
        model = rest[-1]
        plan = picture_handlers.plan_of(seed, rest[:SLIDERS])
        changed = conversation.subject.difference(Subject(picture, plan, model, further))
        if changed:
            return change_note(changed, self.engines[model].info.converses)
        return state_note(conversation)

    def clear(self) -> dict:
        """End the conversation; its newest answer stays until the next one."""
        return {
            self.talk.kept: None,
            self.talk.box: gr.Column(visible=False),
            self.talk.turns: "",
            self.results.status: idle_line("Cleared. The next question starts a new conversation."),
        }

    def stop(self, request: gr.Request) -> None:
        """End what runs for this visitor; the answer so far is then finished and scored."""
        self.runs.stop(request.session_hash)

    def settle(self) -> dict:
        """Offer Ask again, however the answer ended."""
        return {
            self.actions.ask: gr.Button(interactive=True),
            self.actions.stop: gr.Button(visible=True, interactive=False),
            self.actions.leave: gr.Button(visible=False),
            self.talk.clear: gr.Button(interactive=True),
        }

    def leave(self, request: gr.Request) -> dict:
        """Give up a place in the queue."""
        self.runs.stop(request.session_hash)
        return {self.results.status: idle_line("Left the queue."), **self.settle()}

    def unload(self, request: gr.Request) -> None:
        """Free the worker when a tab is closed."""
        self.runs.stop(request.session_hash)

    def _open(self, engine: Engine, conversation: Conversation, question: str) -> dict:
        """Show the earlier turns above the answer to come, if the model can be asked on."""
        talk = self.talk
        if not engine.info.converses:
            return {talk.kept: None, talk.box: gr.Column(visible=False)}
        return {
            # Kept from the start, so that the page can tell when it moves on to something else.
            talk.kept: conversation,
            talk.box: gr.Column(visible=True),
            talk.note: state_note(conversation),
            talk.turns: turns_list(conversation, question),
        }

    def _show(self, view: View, shown: View | None) -> dict:
        """Return what has changed since the view that is on the page."""
        results = self.results
        texts = {
            results.status: "status", results.chain: "chain", results.answer: "answer",
            results.problems: "problems", results.score: "score", results.raw: "raw",
            results.clean_chain: "clean_chain",
        }
        update: dict = {
            component: getattr(view, name)
            for component, name in texts.items()
            if shown is None or getattr(view, name) != getattr(shown, name)
        }
        if shown is None:
            update[self.actions.leave] = gr.Button(visible=False)
            update[self.actions.stop] = gr.Button(visible=True, interactive=True)
        if shown is None or bool(view.clean_chain) != bool(shown.clean_chain):
            update[results.clean_fold] = gr.Accordion(visible=bool(view.clean_chain))
        if view.chart is not None:
            update[results.hint] = gr.HTML(visible=False)
            update[results.chart] = gr.Plot(view.chart, visible=True)
        return update

    def _keep(self, text: str) -> str:
        return save_bytes_to_cache(text.encode(), _FILE, self.results.download.GRADIO_CACHE)
