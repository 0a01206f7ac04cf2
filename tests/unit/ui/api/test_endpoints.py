"""The page's public endpoints, called as other programs call them."""

import asyncio
import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from robust_r1 import images
from robust_r1.analysis import case_of, round_of
from robust_r1.ask.picture import seen
from robust_r1.chain import render
from robust_r1.degradations import DegradationPlan
from robust_r1.ui.learn.cases import lesson_cases
from tests.support.page_driver import serve
from tests.support.paths import ROOT
from tests.support.scripted_engine import CHAIN, ScriptedEngine

PLAN = "lens_blur=0.3,gaussian_noise=0.2,darkness=0.4"
COFFEE = ROOT / "assets" / "examples" / "coffee.jpg"
MEGAPIXEL = 1280 * 28 * 28
TRUTH = render(lesson_cases()[0].reference)


@pytest.fixture(scope="module")
def engine():
    """Return an engine that sees about a megapixel, as the full-size models do."""
    return ScriptedEngine(pixels=MEGAPIXEL, pictures=4)


@pytest.fixture(scope="module")
def address(engine):
    """Serve the page."""
    with serve(engine) as url:
        yield url


@pytest.fixture(scope="module")
def client(address):
    """Connect a client."""
    return Client(address, verbose=False)


def test_only_the_named_endpoints_are_public(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    analyses = ["/analyze", "/compare", "/guess", "/perceive", "/rewards", "/round", "/sweep"]
    assert sorted(named) == sorted(["/ask", "/degrade", *analyses])


def test_degrade_is_the_plan_on_the_fitted_picture(client, engine):
    file = client.predict(image=handle_file(COFFEE), plan=PLAN, seed=7, api_name="/degrade")
    wanted = DegradationPlan.parse(PLAN, seed=7).apply(engine.fit(images.load(COFFEE)))
    assert np.array_equal(np.array(Image.open(file)), wanted)


def test_degrade_at_full_size_keeps_the_size(client):
    file = client.predict(
        image=handle_file(COFFEE), plan=PLAN, full_size=True, api_name="/degrade"
    )
    with Image.open(file) as degraded, Image.open(COFFEE) as picture:
        assert degraded.size == picture.size


def test_ask_gives_findings_scores_and_what_was_applied(client):
    reply = client.predict(
        image=handle_file(COFFEE), question="How many objects?", plan="lens_blur=0.4",
        answer="three", api_name="/ask",
    )
    assert reply["applied"] == {"lens blur": 0.4}
    assert reply["findings"][0] == {"name": "lens blur", "intensity": 0.35}
    assert reply["answer"] == "three" and reply["scores"]["accuracy"] == 1.0
    assert reply["finish"] == "stop"


def test_ask_takes_a_prompt_and_further_pictures(client, engine):
    others = [ROOT / "assets" / "examples" / name for name in ("coffee.jpg", "pavilion.jpg")]
    client.predict(
        image=handle_file(COFFEE), question="What?", prompt="Say: {question}", plan="darkness=1",
        further=[handle_file(path) for path in others], api_name="/ask",
    )
    assert engine.templates[-1] == "Say: {question}"
    fitted = [engine.fit(images.load(path)) for path in others]
    assert all(map(np.array_equal, engine.further[-1], fitted))
    assert not np.array_equal(engine.asked[-1], fitted[0])
    client.predict(image=handle_file(COFFEE), question="What?", api_name="/ask")
    assert (engine.templates[-1], engine.further[-1]) == ("", [])


def test_ask_streams(client):
    job = client.submit(image=handle_file(COFFEE), question="How many?", api_name="/ask")
    job.result()
    assert len(job.outputs()) > 3
    assert "scores" in job.outputs()[-1] and job.outputs()[0].get("finish") is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"plan": "lens_blurr=0.3"}, "lens_blur"),
        ({"plan": "lens_blur=3"}, "0 to 1"),
        ({"model": "gpt"}, "not loaded"),
        ({"question": "  "}, "no question"),
        ({"choices": "only one"}, "one answer choice"),
        ({"prompt": "Say it."}, "lacks"),
        ({"further": [handle_file(COFFEE)] * 4}, "has 5 pictures"),
        ({"further": [handle_file(__file__)]}, "test_endpoints.py"),
    ],
)
def test_bad_arguments_are_one_sentence(client, arguments, words):
    call = {"image": handle_file(COFFEE), "question": "What?", **arguments}
    with pytest.raises(AppError, match=words):
        client.predict(**call, api_name="/ask")


def test_null_is_the_default_of_every_parameter(client):
    call = {"image": handle_file(COFFEE), "question": "How many objects?"}
    names = ("plan", "seed", "choices", "answer", "model", "tokens", "temperature", "top_p",
             "sampling_seed", "prompt", "further")  # fmt: skip
    usual = client.predict(**call, api_name="/ask")
    nulls = client.predict(**call, **dict.fromkeys(names), api_name="/ask")
    assert {**usual, "seconds": 0} == {**nulls, "seconds": 0}
    file = client.predict(
        image=handle_file(COFFEE), plan=None, seed=None, model=None, full_size=None,
        api_name="/degrade",
    )
    assert Image.open(file).size


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("tokens", 0, "tokens is 0; give a whole number from 1 to 4096."),
        ("tokens", 12.5, "tokens is 12.5; give a whole number"),
        ("seed", 0.5, "seed is 0.5; give a whole number from 0"),
        ("seed", -1, "seed is -1"),
        ("seed", 1e18, "seed is 1000000000000000000; give"),
        ("sampling_seed", 1.5, "sampling_seed is 1.5"),
        ("temperature", 3, "temperature is 3; give a number from 0 to 2."),
        ("top_p", 0, "top_p is 0; give a number above 0"),
        ("plan", "a'{b=1", "a'{b"),
    ],
)
def test_a_number_out_of_range_is_refused_in_plain_text_by_the_name_that_callers_know(
    address, name, value, words
):
    order = ("plan", "seed", "choices", "answer", "model", "tokens", "temperature", "top_p",
             "sampling_seed", "prompt", "further")  # fmt: skip
    given = [value if one == name else None for one in order]
    url = images.data_url(np.zeros((32, 32, 3), np.uint8))
    stream = call(address, "ask", url, "What?", *given)
    assert words in json.loads(stream.split("data: ")[1].splitlines()[0])["error"]


def test_a_data_url_is_a_picture_and_a_broken_one_is_a_sentence(address, engine):
    picture = np.full((56, 56, 3), 90, np.uint8)
    url = images.data_url(picture)
    for sent in (url, {"url": url}):
        assert "event: complete" in call(address, "degrade", sent, "", 0, "", True)
    for broken in ("data:image/png,abc", "data:image/png;base64,%%%", "picture.png"):
        stream = call(address, "degrade", broken, "", 0, "", True)
        told = json.loads(stream.split("data: ")[1].splitlines()[0])["error"]
        assert "data URL" in told and told.endswith(".")


def test_compare_holds_two_plans_side_by_side(client):
    result = client.predict(
        image=handle_file(COFFEE), questions="How many? => three\nWhat? | a | b",
        plans="lens_blur=0.4\nclean", seed=3, api_name="/compare",
    )
    assert [len(column["plan"]["steps"]) for column in result["columns"]] == [1, 0]
    first, second = result["questions"]
    assert first["answers"][0]["right"] and second["choices"] == ["a", "b"]
    assert first["answers"][1]["difference"]["answer"] is False


def test_sweep_streams_its_steps(client, engine):
    call = {"image": handle_file(COFFEE), "question": "How many?", "levels": 4,
            "degradations": "lens_blur, scan_lines", "api_name": "/sweep"}
    job = client.submit(**call)
    result = job.result()
    assert result["finished"] and len(result["steps"]) == 7
    assert len(job.outputs()) > 3 and result["noticed"] == 6
    asked = len(engine.asked)
    assert client.predict(**call)["steps"] == result["steps"] and len(engine.asked) == asked


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("/sweep", {"question": "Eh?", "degradations": "lens_blur", "levels": 1001}, "at most 200"),
        ("/sweep", {"question": "What?", "degradations": ""}, "at least one degradation"),
        ("/compare", {"questions": "What?"}, "2 to 3 columns"),
        ("/compare", {"questions": "Eh? | one", "plans": "clean\ndarkness=1"}, "one answer choice"),
        ("/compare", {"questions": "What?", "models": "gpt"}, "not loaded"),
    ],
)
def test_an_analysis_that_cannot_be_is_refused_in_one_sentence(client, name, arguments, words):
    with pytest.raises(AppError, match=words):
        client.predict(image=handle_file(COFFEE), **arguments, api_name=name)


def test_rewards_endpoint_judges_as_the_page_does(client):
    told = client.predict(chain=CHAIN, truth=TRUTH, api_name="/rewards")
    assert told["degradation"] == -4.0 and told["format"] == 1.0 and told["accuracy"] == 0.0
    assert told["well_formed"] and told["problems"] == []
    assert "minus 1 for each of" in told["explain"]["degradation"]
    told = client.predict(chain="no chain", truth=TRUTH, api_name="/rewards")
    assert told["format"] == 0.0 and any("outside" in problem for problem in told["problems"])


def test_round_endpoint_is_the_picture_of_the_page_and_guess_tells_the_truth(client, engine):
    played = round_of(9, 2)
    file = client.predict(seed=9, number=2, api_name="/round")
    wanted = seen(case_of(played).picture, engine, played.plan)
    assert np.array_equal(np.array(Image.open(file)), wanted)
    told = client.predict(seed=9, number=2, guess=str(played.plan), api_name="/guess")
    assert told["applied"] == {one.name: one.intensity for one in played.applied}
    assert told["yours"] == max(1, len(played.applied)) and told["winner"] == "you"


@pytest.mark.parametrize(
    ("endpoint", "call", "words"),
    [
        ("/rewards", {"chain": "x", "truth": "a kite"}, "true chain is not well formed"),
        ("/round", {"seed": 1, "number": 0}, "no round 0"),
        ("/guess", {"seed": 1, "number": 1, "guess": "lens_blurr=1"}, "lens_blur"),
    ],
)
def test_bad_arguments_of_a_lesson_are_one_sentence(client, endpoint, call, words):
    with pytest.raises(AppError, match=words):
        client.predict(**call, api_name=endpoint)


def test_the_endpoint_gives_the_figures_of_a_filter(client):
    wanted = json.dumps({"levels": ["high"], "tasks": ["mcq"]})
    values = client.predict("tiny-sft-minibench", wanted, api_name="/analyze")
    assert values["cases"] == 80 and values["robustness"]["tiny-sft"]["mcq high"]["n"] == 80
    assert values["headline"]["tiny-sft"]["type F1"]["low"] is not None
    for runs, text, words in (("nowhere", "", "no evaluation run"), ("", "{", "JSON text")):
        with pytest.raises(AppError, match=words):
            client.predict(runs, text, api_name="/analyze")


def call(address, name, *data):
    """Call an endpoint by plain HTTP; return what its stream ends with."""
    body = {"data": list(data)}
    event = httpx.post(f"{address}gradio_api/call/{name}", json=body).json().get("event_id")
    return httpx.get(f"{address}gradio_api/call/{name}/{event}", timeout=30).text


@pytest.mark.parametrize("mark", [{}, {"meta": {"_type": "gradio.FileData"}}, {"meta": {}}])
def test_files_of_the_machine_cannot_be_read_through_the_endpoints(address, mark):
    secret = Path(__file__).resolve()
    for path in (secret, COFFEE.resolve()):
        for name, data in (("degrade", ["", 0, "", True]), ("ask", ["What?"])):
            stream = call(address, name, {"path": str(path), **mark}, *data)
            assert "event: error" in stream and "event: complete" not in stream
    for path in (secret, ROOT / "app.py"):
        assert httpx.get(f"{address}gradio_api/file={path}").status_code in (403, 404)


def test_every_endpoint_is_a_tool_and_the_tools_answer(picture):
    """Only where the optional package is installed: the page does not need it."""
    pytest.importorskip("mcp")
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    url = images.data_url(picture)
    asked = {"image": url, "question": "What is it?", "plan": "lens_blur=0.5"}

    async def talk(address):
        async with (
            streamablehttp_client(f"{address}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return (
                await session.list_tools(),
                await session.call_tool("degrade", {"image": url, "plan": "lens_blur=0.5"}),
                await session.call_tool("ask", asked),
                await session.call_tool("ask", asked | {"plan": "lens_blurr=0.5"}),
            )

    with serve(ScriptedEngine(), mcp=True) as address:
        listed, degraded, answered, refused = asyncio.run(talk(address))
    names = {tool.name for tool in listed.tools}
    assert names == {
        "degrade", "ask", "compare", "sweep", "analyze", "rewards", "round", "guess"
    }  # fmt: skip
    assert [part.type for part in degraded.content][:1] == ["image"] and not degraded.isError
    assert CHAIN in answered.content[0].text
    assert refused.isError and "lens_blurr" in refused.content[0].text


def test_perceive_tells_of_several_pictures_whole_and_close_and_names_one_that_is_none(client):
    files = [handle_file(COFFEE), handle_file(__file__), handle_file(COFFEE)]
    job = client.submit(pictures=files, api_name="/perceive")
    result = job.result()
    first, broken, last = result["pictures"]
    assert (result["model"], result["scale"]) == ("scripted", "both")
    assert [first["file"], first["width"], first["damage"]] == ["coffee.jpg", 600, 0.35]
    assert first["whole"]["findings"][0] == {"name": "lens blur", "intensity": 0.35, "share": 1.0}
    assert first["close"]["tiles"] >= 1 and last == first
    assert "test_endpoints.py" in broken["problem"] and "whole" not in broken
    assert str(ROOT) not in json.dumps(result)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"scale": "far"}, "whole, close or both"), ({"model": "gpt"}, "not loaded"),
     ({"pictures": []}, "0 pictures")],
)
def test_bad_arguments_of_perceive_are_one_sentence(client, arguments, words):
    call = {"pictures": [handle_file(COFFEE)], **arguments}
    with pytest.raises(AppError, match=words):
        client.predict(**call, api_name="/perceive")
