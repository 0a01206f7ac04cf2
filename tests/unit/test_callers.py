"""Every caller asks a model by the model's own settings, unless somebody says otherwise.

One walk through the page's handlers, its endpoints (which are its MCP tools too) and the commands,
with a full-size stand-in whose chains have up to 2,048 tokens.
"""

from dataclasses import replace

import pytest

from robust_r1 import images
from robust_r1.cli import main
from robust_r1.engine import GenerationSettings, catalog
from tests.support.page_visit import Visit
from tests.support.scripted_engine import ScriptedEngine

FULL = GenerationSettings(max_new_tokens=2048)
QUESTION = "How many objects are there?"


class FullSize(ScriptedEngine):
    """Answer by a script under the description of the authors' model, and note the settings."""

    def __init__(self):
        super().__init__()
        found = catalog.find("robust-r1-rl")
        self.info = replace(found, name="full", max_pixels=self.info.max_pixels)
        self.used: list[GenerationSettings] = []

    def _write(self, request, settings, stop):
        self.used.append(settings)
        yield from super()._write(request, settings, stop)


@pytest.fixture(scope="module")
def engine():
    return FullSize()


@pytest.fixture
def full(engine):
    """Return the stand-in, asked nothing yet."""
    engine.used.clear()
    return engine


@pytest.fixture(scope="module")
def page(engine):
    from robust_r1.ui import build_ui

    return build_ui([engine])


@pytest.fixture
def visit(page):
    return Visit(page)


@pytest.fixture
def file(picture, tmp_path):
    images.save(picture, tmp_path / "a.png")
    return str(tmp_path / "a.png")


# What a visitor does before each handler, and what is given to it.
HANDLERS = {
    "AnswerHandlers.answer": (["PictureHandlers.open_link", "AnswerHandlers.show_defaults"], {}),
    "CompareHandlers.ask_all": ([], {}),
    "SweepHandlers.ask_all": ([], {}),
    "CaseHandlers.ask_again": (["RunHandlers.arrive"], {}),
    "ExplainedChain._ask": ([], {}),
    "TrainingStory._ask": ([], {}),
    "BeatTheModel._play": (["BeatTheModel._begin"], {}),
    "Endpoints.ask": ([], {"image": "", "question": QUESTION}),
    "AnalysisEndpoints.compare": (
        [], {"image": "", "questions": QUESTION, "plans": "clean\ndarkness=0.5"}
    ),
    "AnalysisEndpoints.sweep": (
        [], {"image": "", "question": QUESTION, "degradations": "darkness", "levels": 2}
    ),
    "LearnEndpoints.guess": ([], {}),
    "PerceiveEndpoint.perceive": ([], {"pictures": []}),
}


def test_the_walk_leaves_no_handler_of_the_page_out(visit):
    assert visit.askers == set(HANDLERS)


@pytest.mark.parametrize("handler", HANDLERS)
def test_every_handler_of_the_page_asks_by_the_models_own_settings(visit, full, file, handler):
    before, given = HANDLERS[handler]
    for one in before:
        visit.call(one)
    files = {"image": file, "pictures": [file]}
    visit.call(handler, **{name: files.get(name, value) for name, value in given.items()})
    assert full.used and set(full.used) == {FULL}


COMMANDS = {
    "ask": ["ask", "FILE", QUESTION, "--model", "full"],
    "ask with auto": ["ask", "FILE", QUESTION],
    "sweep": ["sweep", "FILE", QUESTION, "--vary", "darkness", "--levels", "2"],
    "evaluate": ["evaluate", "minibench", "--limit", "1", "-o", "FOLDER"],
}


@pytest.fixture
def command(full, file, tmp_path, monkeypatch):
    """Return a function that runs a command with the stand-in in place of whatever it names."""
    for module in ("engine", "commands.ask", "commands.sweep"):
        monkeypatch.setattr(f"robust_r1.{module}.load_engine", lambda *args, **options: full)

    def run(*words: str) -> int:
        places = {"FILE": file, "FOLDER": str(tmp_path / "run")}
        return main([places.get(word, word) for word in words])

    return run


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS.keys())
def test_every_command_asks_by_the_models_own_settings(command, full, words):
    assert command(*words) == 0
    assert full.used and set(full.used) == {FULL}


def test_perceive_looks_by_the_models_own_settings(command, full):
    assert command("perceive", "FILE", "--model", "full") == 0
    assert full.used and set(full.used) == {FULL}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS.keys())
def test_every_command_takes_another_longest_answer(command, full, words):
    assert command(*words, "--max-new-tokens", "64") == 0
    assert full.used and set(full.used) == {replace(FULL, max_new_tokens=64)}


def test_a_bundled_model_is_asked_by_its_own_settings_by_the_same_callers(
    full, visit, command, monkeypatch
):
    own = catalog.newest_bundled().defaults
    monkeypatch.setattr(full, "info", replace(full.info, defaults=own))
    for handler in ("ExplainedChain._ask", "SweepHandlers.ask_all"):
        visit.call(handler)
    assert command(*COMMANDS["evaluate"]) == 0
    assert own.max_new_tokens == 320 and set(full.used) == {own}
