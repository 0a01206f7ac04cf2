"""Claims about answering: streaming, stopping, batches, seeds, precisions."""

import gc
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from robust_r1.chain import parse
from robust_r1.engine import Answer, GenerationSettings, Request, TextDelta, Turn, load_engine
from robust_r1.engine.conversation import write_prompt
from robust_r1.engine.worker import TokenSource
from robust_r1.errors import InputError, ModelError

SHORT = GenerationSettings(max_new_tokens=24)
LONG = GenerationSettings(max_new_tokens=4000)
DRAWN = GenerationSettings(max_new_tokens=24, temperature=1.0, seed=3)


@pytest.fixture(scope="module")
def folder(tiny_checkpoint) -> Path:
    return tiny_checkpoint


@pytest.fixture(scope="module")
def engine(tiny_engine):
    return tiny_engine


@pytest.fixture(scope="module")
def endless(folder, tmp_path_factory):
    """Return an engine whose model knows no end token, so that only Stop or the limit ends it."""
    copy = tmp_path_factory.mktemp("models") / "endless"
    shutil.copytree(folder, copy)
    for name in ("generation_config.json", "config.json"):
        content = json.loads((copy / name).read_text())
        content.pop("eos_token_id", None)
        content.get("text_config", {}).pop("eos_token_id", None)
        (copy / name).write_text(json.dumps(content))
    with load_engine(str(copy)) as engine:
        engine._model.generation_config.eos_token_id = None
        engine._ends = frozenset()
        yield engine


def generating() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "generation"]


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind():
    yield
    if generating():  # a dropped iterator that waits for the collector, which looks at all of torch
        gc.collect()
    assert generating() == []


def answer_of(events) -> Answer:
    *deltas, answer = events
    assert all(isinstance(delta, TextDelta) and delta.text for delta in deltas)
    assert "".join(delta.text for delta in deltas) == answer.text
    return answer


# -- Streaming


def test_a_stream_is_text_deltas_and_then_one_answer(engine, picture):
    answer = answer_of(engine.stream(Request.of(picture, "What is it?"), SHORT))
    assert answer.text and answer.parsed == parse(answer.text)
    assert answer.tokens <= 24
    assert 0 < answer.first_text_seconds <= answer.seconds
    assert (answer.model, answer.settings) == (engine.info.name, SHORT)


def test_a_stream_yields_as_it_goes(endless, picture):
    events = endless.stream(Request.of(picture, "What is it?"), LONG)
    first = next(events)
    assert isinstance(first, TextDelta) and len(first.text) < 100
    events.close()


def test_greedy_answers_repeat_and_depend_on_picture_and_question(engine, make_picture):
    def ask(seed: int, question: str) -> str:
        return answer_of(engine.stream(Request.of(make_picture(seed=seed), question), SHORT)).text

    assert ask(1, "What?") == ask(1, "What?")
    assert ask(1, "What?") != ask(2, "What?")
    assert ask(1, "What?") != ask(1, "Where is the red square?")


def test_finish_tells_the_end_from_the_limit(engine, endless, make_picture):
    longer = GenerationSettings(max_new_tokens=200)
    ended = [
        answer_of(engine.stream(Request.of(make_picture(seed=s), "a?"), longer)) for s in range(6)
    ]
    assert {answer.finish for answer in ended if answer.tokens < 200} == {"stop"}
    limited = answer_of(endless.stream(Request.of(make_picture(), "a?"), SHORT))
    assert (limited.finish, limited.tokens) == ("length", 24)


def test_the_end_token_is_neither_text_nor_counted(engine, make_picture):
    answers = [
        answer_of(
            engine.stream(
                Request.of(make_picture(seed=s), "a?"), GenerationSettings(max_new_tokens=200)
            )
        )
        for s in range(6)
    ]
    ended = next(answer for answer in answers if answer.finish == "stop")
    cut = GenerationSettings(max_new_tokens=ended.tokens)
    picture = make_picture(seed=answers.index(ended))
    limited = answer_of(engine.stream(Request.of(picture, "a?"), cut))
    assert (limited.text, limited.tokens, limited.finish) == (ended.text, ended.tokens, "length")


def test_a_picture_that_is_fitted_gives_the_answer_of_the_one_that_is_not(engine, make_picture):
    picture = make_picture(300, 500)
    fitted = engine.fit(picture)
    assert fitted.shape != picture.shape and engine.fit(fitted) is fitted
    both = engine.generate([Request.of(one, "a?") for one in (picture, fitted)], SHORT)
    assert both[0].text == both[1].text


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (31, 33), (191, 193), (2000, 3000)])
def test_any_size_of_picture_is_answered(engine, size):
    picture = np.full((*size, 3), 90, np.uint8)
    answer = answer_of(
        engine.stream(Request.of(picture, "a?"), GenerationSettings(max_new_tokens=4))
    )
    assert answer.tokens > 0


def test_a_text_has_as_many_tokens_as_it_took_to_write(engine):
    assert engine.count_tokens("<TYPE>none<TYPE_END>") == 6
    assert engine.count_tokens("") == 0


# -- Stopping


def test_stop_ends_within_one_token(endless, picture, monkeypatch):
    stop, seen = threading.Event(), []
    put = TokenSource.put

    def counting(self, value):
        seen.append(stop.is_set())
        put(self, value)

    monkeypatch.setattr(TokenSource, "put", counting)
    events = endless.stream(Request.of(picture, "What is it?"), LONG, stop)
    for _ in range(5):
        next(events)
    stop.set()
    answer = list(events)[-1]
    assert answer.finish == "stopped"
    assert sum(seen) <= 1
    assert answer.text.startswith(parse(answer.text).chain.answer)


def test_closing_the_iterator_joins_the_thread_and_frees_the_model(endless, picture, monkeypatch):
    written, put = [], TokenSource.put

    def counting(self, value):
        written.append(value)
        put(self, value)

    monkeypatch.setattr(TokenSource, "put", counting)
    events = endless.stream(Request.of(picture, "What is it?"), LONG)
    next(events)
    assert len(generating()) == 1
    events.close()
    assert generating() == [] and len(written) < LONG.max_new_tokens / 2
    assert answer_of(endless.stream(Request.of(picture, "What is it?"), SHORT)).tokens == 24


def test_an_iterator_that_is_dropped_frees_the_model(endless, picture):
    events = endless.stream(Request.of(picture, "What is it?"), LONG)
    next(events)
    del events
    gc.collect()
    assert answer_of(endless.stream(Request.of(picture, "What is it?"), SHORT)).tokens == 24


def test_the_model_is_free_once_the_answer_is_there(engine, picture):
    events = engine.stream(Request.of(picture, "What is it?"), SHORT)
    first = next(event for event in events if isinstance(event, Answer))
    assert generating() == []
    assert answer_of(engine.stream(Request.of(picture, "What is it?"), SHORT)).text == first.text


def test_stop_before_the_start_gives_an_empty_or_short_answer(endless, picture):
    stop = threading.Event()
    stop.set()
    answer = answer_of(endless.stream(Request.of(picture, "What is it?"), LONG, stop))
    assert answer.finish == "stopped" and answer.tokens <= 1


def test_who_waits_for_the_model_can_stop_waiting(endless, picture):
    running = endless.stream(Request.of(picture, "What is it?"), LONG)
    next(running)
    stop, answers = threading.Event(), []
    waiting = threading.Thread(
        target=lambda: answers.extend(endless.stream(Request.of(picture, "And this?"), LONG, stop))
    )
    waiting.start()
    stop.set()
    waiting.join(timeout=30)
    assert [answer.finish for answer in answers] == ["stopped"]
    assert answers[0].tokens == 0
    running.close()


def test_two_people_at_once_each_get_their_own_answer(engine, make_picture):
    alone = [
        answer_of(engine.stream(Request.of(make_picture(seed=s), "a?"), SHORT)).text
        for s in range(3)
    ]
    together: dict[int, str] = {}

    def ask(seed: int) -> None:
        together[seed] = answer_of(
            engine.stream(Request.of(make_picture(seed=seed), "a?"), SHORT)
        ).text

    people = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert [together[seed] for seed in range(3)] == alone


def test_stop_leaves_the_rest_of_a_batch_out(endless, picture):
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    answers = endless.generate([Request.of(picture, "a?")] * 4, LONG, batch_size=1, stop=stop)
    assert len(answers) < 4
    assert all(answer.finish == "stopped" for answer in answers[-1:])


# -- Batches


def requests_of(make_picture) -> list:
    sizes = [(192, 192), (100, 300), (37, 51), (64, 64), (400, 120)]
    questions = ["a?", "What is it that we see here?", "Hm", "<TYPE>?", "é 中 \U0001f642"]
    pairs = zip(sizes, questions, strict=True)
    return [Request.of(make_picture(*s, seed=n), q) for n, (s, q) in enumerate(pairs)]


@pytest.mark.parametrize("settings", [SHORT, DRAWN], ids=["greedy", "drawn"])
def test_a_batch_gives_the_texts_of_single_requests(engine, make_picture, settings):
    requests = requests_of(make_picture)
    single = [answer_of(engine.stream(request, settings)) for request in requests]
    for size in (2, 5):
        batch = engine.generate(requests, settings, batch_size=size)
        assert [answer.text for answer in batch] == [answer.text for answer in single]
        assert [answer.tokens for answer in batch] == [answer.tokens for answer in single]
        assert [answer.finish for answer in batch] == [answer.finish for answer in single]


def test_a_batch_takes_prompts_turns_and_several_pictures_as_a_stream_does(engine, make_picture):
    first, second = make_picture(seed=1), make_picture(60, 90, 2)
    requests = [
        Request.of(first, "a?"),
        Request.of(first, "a?", template="Say in a word: {question}"),
        Request.of(first, "a?", history=(Turn("b?", "<ANSWER>c<ANSWER_END>"),)),
        Request((first, second), "a?", template="Which of the two? {question}"),
        Request((second, first), "a?", template="Which of the two? {question}"),
    ]
    single = [answer_of(engine.stream(request, SHORT)).text for request in requests]
    assert len(set(single)) == len(requests)
    assert [answer.text for answer in engine.generate(requests, SHORT)] == single


def test_no_requests_give_no_answers(engine):
    assert engine.generate([], SHORT) == ()


# -- Drawing


def test_the_same_seed_gives_the_same_text_and_another_seed_another(engine, picture):
    def draw(seed: int) -> str:
        settings = GenerationSettings(max_new_tokens=24, temperature=1.0, seed=seed)
        return answer_of(engine.stream(Request.of(picture, "a?"), settings)).text

    assert draw(3) == draw(3)
    assert len({draw(seed) for seed in range(5)}) == 5


def test_drawing_neither_reads_nor_moves_the_global_generator(engine, picture):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = answer_of(engine.stream(Request.of(picture, "a?"), DRAWN)).text
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert answer_of(engine.stream(Request.of(picture, "a?"), DRAWN)).text == first


def test_a_nucleus_that_holds_one_token_is_greedy(engine, picture):
    narrow = GenerationSettings(max_new_tokens=24, temperature=1.0, top_p=1e-6, seed=9)
    greedy = answer_of(engine.stream(Request.of(picture, "a?"), SHORT)).text
    assert answer_of(engine.stream(Request.of(picture, "a?"), narrow)).text == greedy


def test_draws_follow_the_distribution():
    from robust_r1.engine.sampling import SeededSampler

    shares = torch.tensor([0.5, 0.3, 0.15, 0.05])
    sampler = SeededSampler(GenerationSettings(temperature=2.0, seed=1), rows=1)
    scores = 2.0 * shares.log()[None]
    draws = [int(sampler(None, scores).argmax()) for _ in range(20_000)]
    measured = np.bincount(draws, minlength=4) / len(draws)
    # Four standard errors of a share of one half in 20,000 draws are 0.0141.
    assert np.abs(measured - shares.numpy()).max() < 0.0141


# -- State and limits


def test_threads_of_torch_are_as_before(engine, picture):
    before = torch.get_num_threads()
    events = engine.stream(Request.of(picture, "a?"), SHORT)
    next(events)
    assert torch.get_num_threads() == before
    list(events)
    engine.generate([Request.of(picture, "a?")], SHORT)
    fresh = []
    thread = threading.Thread(target=lambda: fresh.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert torch.get_num_threads() == before and fresh == [before]


@pytest.mark.parametrize("question", ["", "  \n", "x" * 4001])
def test_an_unfit_question_is_refused_at_once(engine, picture, question):
    with pytest.raises(InputError):
        engine.stream(Request.of(picture, question), SHORT)
    with pytest.raises(InputError):
        engine.generate([Request.of(picture, question)], SHORT)


@pytest.mark.parametrize("token", ["<|image_pad|>", "<|im_end|>", "<|vision_start|>", "<|x|>"])
def test_control_tokens_in_a_question_are_text(engine, picture, token):
    assert token not in write_prompt(engine.info, f"What is {token}?")
    answer_of(engine.stream(Request.of(picture, f"What is {token} and {token}?"), SHORT))


@pytest.mark.parametrize(
    "values",
    [
        {"max_new_tokens": 0},
        {"max_new_tokens": 5000},
        {"max_new_tokens": 1.5},
        {"temperature": -0.1},
        {"temperature": 2.1},
        {"temperature": float("nan")},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_p": float("nan")},
        {"seed": -1},
        {"seed": True},
    ],
)
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        GenerationSettings(**values)


def test_what_fails_in_the_thread_reaches_the_caller_and_frees_the_model(
    engine, picture, monkeypatch
):
    def broken(*args, **kwargs):
        raise RuntimeError("shapes do not fit\nand more")

    with monkeypatch.context() as patch:
        patch.setattr(engine._model, "generate", broken)
        with pytest.raises(ModelError, match="shapes do not fit") as caught:
            list(engine.stream(Request.of(picture, "a?"), SHORT))
        assert "\n" not in str(caught.value)
        with pytest.raises(ModelError, match="shapes do not fit"):
            engine.generate([Request.of(picture, "a?")], SHORT)
    assert answer_of(engine.stream(Request.of(picture, "a?"), SHORT)).tokens > 0


def test_running_out_of_gpu_memory_says_what_to_do(engine, picture, monkeypatch):
    def full(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine._model, "generate", full)
    with pytest.raises(ModelError, match="choose 4-bit"):
        list(engine.stream(Request.of(picture, "a?"), SHORT))


def test_a_closed_engine_says_so(folder, picture):
    engine = load_engine(str(folder))
    events = engine.stream(Request.of(picture, "a?"), SHORT)
    engine.close()
    engine.close()
    with pytest.raises(ModelError, match="closed"):
        engine.stream(Request.of(picture, "a?"), SHORT)
    with pytest.raises(ModelError, match="closed"):
        next(events)


# -- Precisions


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_a_precision_is_the_type_of_the_weights(folder, picture, precision, dtype):
    with load_engine(str(folder), quantize=precision) as engine:
        assert engine.precision == precision
        assert {parameter.dtype for parameter in engine._model.parameters()} == {dtype}
        assert answer_of(engine.stream(Request.of(picture, "a?"), SHORT)).tokens > 0


def test_4_bit_runs_on_this_machine_and_batches_like_single_requests(folder, make_picture):
    requests = requests_of(make_picture)
    with load_engine(str(folder), quantize="4bit") as engine:
        kinds = {type(module).__name__ for module in engine._model.modules()}
        assert "Linear4bit" in kinds
        single = [answer_of(engine.stream(request, SHORT)).text for request in requests]
        batch = [answer.text for answer in engine.generate(requests, SHORT)]
    assert batch == single


def test_8_bit_runs_on_this_machine(folder, picture):
    with load_engine(str(folder), quantize="8bit") as engine:
        kinds = {type(module).__name__ for module in engine._model.modules()}
        assert "Linear8bitLt" in kinds
        assert answer_of(engine.stream(Request.of(picture, "a?"), SHORT)).tokens > 0


def test_an_unknown_precision_names_the_known_ones(folder):
    with pytest.raises(InputError, match="4bit, 8bit, bf16, fp16, fp32"):
        load_engine(str(folder), quantize="int3")
