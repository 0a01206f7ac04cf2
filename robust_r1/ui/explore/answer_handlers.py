"""Explore, right side: check, ask, stream, stop, keep."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
from gradio.components import Component
from gradio.processing_utils import save_bytes_to_cache

from robust_r1 import images
from robust_r1.ask.case import Case, check_question
from robust_r1.ask.conversation import Conversation, Subject, resume
from robust_r1.ask.picture import load_picture, seen
from robust_r1.ask.pipeline import THUMBNAIL_PIXELS, Outcome
from robust_r1.ask.saved import to_json
from robust_r1.engine import Engine
from robust_r1.engine.conversation import check_pictures, own_template
from robust_r1.errors import RobustR1Error
from robust_r1.ui.explore.answer_view import View, final_view, views
from robust_r1.ui.explore.layout import Actions, Results, Settings, Talk
from robust_r1.ui.explore.picture_handlers import PictureHandlers
from robust_r1.ui.explore.visit import Beside, VisitAnswers, find_answer
from robust_r1.ui.widgets.chain import idle_line, waiting_line
from robust_r1.ui.widgets.conversation import change_note, state_note, turns_list
from robust_r1.ui.widgets.eyes import PageEyes
from robust_r1.ui.widgets.further_pictures import FurtherPictures
from robust_r1.ui.widgets.job import ActiveAnswers
from robust_r1.ui.widgets.layout import Updates, Values
from robust_r1.ui.widgets.old_answer import Answered, pixels_of
from robust_r1.ui.widgets.question import parse_choices, parse_template
from robust_r1.ui.widgets.share import ANSWER, Shared

_FILE = "robust-r1-answer.json"


@dataclass(frozen=True)
class AnswerHandlers:
    """Turn a question into a stream of updates for the buttons and the results."""

    engines: Mapping[str, Engine]
    active: ActiveAnswers
    pictures: PictureHandlers
    settings: Settings
    further: FurtherPictures
    actions: Actions
    talk: Talk
    results: Results
    visit: VisitAnswers
    query: gr.Textbox
    held: gr.State
    eyes: PageEyes

    @property
    def asked(self) -> set[Component]:
        """Return what says what is asked, and how."""
        return {*self.told, self.talk.kept, self.actions.also_clean, self.visit.kept}

    @property
    def told(self) -> set[Component]:
        """Return what an answer is told to be of."""
        return {*self.pictures.state, self.further.kept, *self.settings.fields}

    def check(self, values: Values) -> Updates:
        """Refuse what can be seen to be wrong before a place in the queue is taken."""
        case, further = self.pictures.case(values), values[self.further.kept]
        load_picture(case.picture)
        check_question(case.question)
        parse_choices(values[self.pictures.question.choices])
        check_pictures(self.engines[case.model].info, 1 + len(further))
        for one in further:
            load_picture(one)
        return {
            self.actions.ask: gr.Button(interactive=False),
            self.actions.stop: gr.Button(visible=False),
            self.actions.leave: gr.Button(visible=True),
            self.talk.clear: gr.Button(interactive=False),
            self.results.status: waiting_line(),
        }

    def answer(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """Stream the chain, then the scores and the file to keep; go on with a conversation."""
        conversation = resume(values[self.talk.kept], self._subject(values))
        case = self._case(values, conversation)
        engine, shown = self._engine(case), None
        asked, shared = self._asked(values), self._shared(values, conversation)
        with self.active.begin(request.session_hash) as stop:
            for view in views(engine, case, stop):
                update = self._show(view, shown)
                if shown is None:
                    update |= self._open(engine, conversation, case.prompt)
                    update |= self.results.old.begin(asked, shared)
                shown = view
                if view.finished:
                    answered = Answered(asked, shared)
                    update |= self._finish(engine, conversation, view.outcome, answered, values)
                yield update

    def go_back(self, values: Values) -> Updates:
        """Put the page into the state of an earlier answer, without asking again.

        What stands on the page and was never asked gets a card of its own; after a press on that
        one the answer on the page stays, marked as one of something else.
        """
        kept = find_answer(values[self.visit.kept], values[self.visit.pressed])
        outcome, beside, case = kept.outcome, kept.beside, kept.outcome.case
        for picture in (case.picture, *case.further):
            load_picture(picture)  # the file of one's own may be gone: then all stays as it is
        update: Updates = {
            **self.pictures.put_back(case),
            **dict(zip(self.settings.all, beside.settings, strict=True)),
            self.actions.also_clean: case.also_clean,
            **self.further.put(case.further, case.model),
            **self._keep_unasked(values),
        }
        return update | self._show_again(outcome, beside) if outcome.reply else update

    def _show_again(self, outcome: Outcome, beside: Beside) -> Updates:
        case = outcome.case
        engine, conversation = self._engine(case), beside.conversation
        here = Path(beside.file).exists()
        file = beside.file if here else self._write(engine, outcome)
        return {
            **self._show(final_view(outcome), None),
            **self._open(engine, conversation, case.prompt),
            **self.results.old.begin(beside.answered.asked, beside.answered.shared),
            **self._close(engine, conversation, outcome, file),
            **self.settle(),
        }

    def _keep_unasked(self, values: Values) -> Updates:
        case, now = self.pictures.case(values), Answered(self._asked(values))
        answers, further = values[self.visit.kept], values[self.further.kept]
        if case.picture is None or self.visit.holds(answers, now):
            return {}
        case = replace(
            case, also_clean=bool(values[self.actions.also_clean]), further=further
        )
        try:
            shown = seen(case.picture, self.engines[case.model], case.plan)
        except RobustR1Error:  # without its picture there is nothing to go back to
            return {}
        beside = Beside(Conversation(self._subject(values)), now, self._set(values), "")
        outcome = Outcome(case, thumbnail=images.fit(shown, THUMBNAIL_PIXELS))
        return self.visit.add(answers, outcome, beside, values[self.visit.pressed])

    @property
    def gone_back(self) -> set[Component]:
        """Return what `go_back` writes to."""
        return {
            *self.pictures.backed, *self.settings.all, self.actions.also_clean,
            *self.further.outputs, *self.results.outputs, *self.talk.outputs,
            *self.actions.buttons, *self.visit.outputs,
        }

    def choose_model(self, model: str) -> Updates:
        """Lend eyes to a model that has them by default, and show how it is asked then."""
        engine = self.engines[model]
        switch = {self.actions.eyes: self.eyes.switch(engine)}
        return {**switch, **self.show_defaults(model, self.eyes.usual(engine))}

    def show_defaults(self, model: str, eyes: bool) -> Updates:
        """Show the longest answer and the prompt that a model is asked with unless told otherwise.
        """
        if eyes:
            self.eyes.prepare()
        info = self.eyes.of(self.engines[model], eyes).info
        return {
            self.settings.max_tokens: info.defaults.max_new_tokens,
            self.settings.prompt: own_template(info),
        }

    def compare(self, values: Values) -> Updates:
        """Say when what is on the page is no longer what the conversation is about."""
        conversation: Conversation | None = values[self.talk.kept]
        if conversation is None:
            return {self.talk.note: gr.skip()}
        subject = self._subject(values)
        if changed := conversation.subject.difference(subject):
            note = change_note(changed, self.engines[subject.model].info.converses)
        else:
            note = state_note(conversation)
        return {self.talk.note: note}

    def follow(self, values: Values) -> Updates:
        """Write the page's state into its address, and mark an answer that is of another one.

        The case is held for the other tabs, which take it over where somebody wants that.
        """
        old = self.results.old
        return {
            self.held: self.pictures.case(values),
            self.query: self.pictures.describe(values),
            **old.compare(values[old.kept], self._asked(values)),
        }

    def share(self, values: Values) -> Shared:
        """Return what the link beside the answer is of: the answer, or the page without one."""
        answered: Answered | None = values[self.results.old.kept]
        if answered is not None and answered.shared is not None:
            return answered.shared
        return Shared(self.pictures.describe(values), values[self.pictures.picture])

    def _asked(self, values: Values) -> dict[str, object]:
        """Return what an answer is of, by the names that people know."""
        case = self.pictures.case(values)
        return {
            "picture": pixels_of(case.picture),
            "further pictures": values[self.further.kept],
            "damage": case.plan,
            "question": (case.question, case.choices, case.truth),
            "model": case.model,
            "eyes": case.eyes,
            "settings": self._set(values),
        }

    def _shared(self, values: Values, conversation: Conversation) -> Shared:
        notes = []
        if conversation.exchanges:
            notes.append("It asks this question alone: the ones before it are in Download JSON.")
        if values[self.further.kept]:
            notes.append("The further pictures are not in it: they are in Download JSON.")
        query, picture = self.pictures.describe(values), values[self.pictures.picture]
        return Shared(query, picture, ANSWER, " ".join(notes))

    def clear(self) -> Updates:
        """End the conversation; its newest answer stays until the next one."""
        return {
            self.talk.kept: None,
            self.talk.box: gr.Column(visible=False),
            self.talk.turns: "",
            self.results.status: idle_line("Cleared. The next question starts a new conversation."),
        }

    def stop(self, request: gr.Request) -> None:
        """End what runs for this visitor; the answer so far is then finished and scored."""
        self.active.stop(request.session_hash)

    def settle(self) -> Updates:
        """Offer Ask again, however the answer ended."""
        return {
            self.actions.ask: gr.Button(interactive=True),
            self.actions.stop: gr.Button(visible=True, interactive=False),
            self.actions.leave: gr.Button(visible=False),
            self.talk.clear: gr.Button(interactive=True),
        }

    def leave(self, request: gr.Request) -> Updates:
        """Give up a place in the queue."""
        self.active.stop(request.session_hash)
        return {self.results.status: idle_line("Left the queue."), **self.settle()}

    def _subject(self, values: Values) -> Subject:
        case = self.pictures.case(values)
        return Subject(case.picture, case.plan, case.model, values[self.further.kept])

    def _engine(self, case: Case) -> Engine:
        return self.eyes.of(self.engines[case.model], bool(case.eyes))

    def _case(self, values: Values, conversation: Conversation) -> Case:
        case = self.pictures.case(values)
        return replace(
            case,
            question=check_question(case.question),
            choices=parse_choices(values[self.pictures.question.choices]),
            settings=self.settings.read(values),
            also_clean=bool(values[self.actions.also_clean]),
            earlier=conversation.exchanges,
            template=parse_template(values[self.settings.prompt], self._engine(case)),
            further=values[self.further.kept],
        )

    def _open(self, engine: Engine, conversation: Conversation, question: str) -> Updates:
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

    def _finish(
        self, engine: Engine, conversation: Conversation, outcome: Outcome, answered: Answered,
        values: Values,
    ) -> Updates:
        """Go on with the conversation, and keep the answer: as a file, and in the strip."""
        file = self._write(engine, outcome)
        beside = Beside(conversation, answered, self._set(values), file)
        return {
            **self._close(engine, conversation, outcome, file),
            **self.visit.add(values[self.visit.kept], outcome, beside),
        }

    def _set(self, values: Values) -> tuple[object, ...]:
        return tuple(values[field] for field in self.settings.all)

    def _close(
        self, engine: Engine, conversation: Conversation, outcome: Outcome, file: str
    ) -> Updates:
        update: Updates = {
            self.results.download: gr.DownloadButton(value=file, interactive=True)
        }
        if engine.info.converses:
            update[self.talk.kept] = conversation.add(outcome)
        return update

    def _write(self, engine: Engine, outcome: Outcome) -> str:
        data = to_json(engine, outcome).encode()
        return save_bytes_to_cache(data, _FILE, self.results.download.GRADIO_CACHE)

    def _show(self, view: View, shown: View | None) -> Updates:
        """Return what has changed since the view that is on the page."""
        results, update = self.results, {}
        texts = {
            results.status: "status", results.chain: "chain", results.answer: "answer",
            results.problems: "problems", results.score: "score", results.raw: "raw",
            results.clean_chain: "clean_chain",
        }
        for component, name in texts.items():
            if shown is None or getattr(view, name) != getattr(shown, name):
                update[component] = getattr(view, name)
        if shown is None:
            update[results.download] = gr.DownloadButton(interactive=False)
            update[self.actions.leave] = gr.Button(visible=False)
            update[self.actions.stop] = gr.Button(visible=True, interactive=True)
        if shown is None or bool(view.clean_chain) != bool(shown.clean_chain):
            update[results.clean_fold] = gr.Accordion(visible=bool(view.clean_chain))
        if view.chart is not None:
            update[results.hint] = gr.HTML(visible=False)
            update[results.chart] = gr.Plot(view.chart, visible=True)
        return update
