"""The part Training of the tab Analyze without a browser."""

import json

import pytest
from starlette.datastructures import QueryParams

from robust_r1.analysis.rollouts import course_of, prompts_of, rollouts_at
from robust_r1.errors import DataError, InputError
from robust_r1.records.training_run import read_training_run
from robust_r1.ui import build_ui
from robust_r1.ui.analyze.rollouts_view import rollouts_view
from robust_r1.ui.analyze.training_charts import training_chart
from robust_r1.ui.analyze.training_head import runs_head
from robust_r1.ui.analyze.training_view import TrainingFolders, TrainingView, decode
from robust_r1.ui.visitors import Visitors
from tests.support.page_visit import Visit
from tests.support.scripted_engine import ScriptedEngine
from tests.support.training_runs import BAD, group, reinforced, step, write_training

HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}"


@pytest.fixture(scope="module")
def page():
    return build_ui((ScriptedEngine("tiny-sft"),))


@pytest.fixture
def visit(page, tmp_path):
    """Return a visitor who opens a run of training by its folder."""
    visit = Visit(page)
    folder = str(reinforced(tmp_path / "my-run"))
    visit.call("Analyze._add_folder", **{"run-folder": folder, "width": "1400"})
    return visit


def shown(visit, id):
    return visit.values[visit.component(id)]


def label(visit):
    return visit.looks[visit.component("training-step")]["label"]


def test_the_folder_of_a_training_run_opens_in_its_own_part(visit):
    assert visit.looks[visit.component("analyze-tabs")]["selected"] == "training"
    assert "my-run" in shown(visit, "training-head")
    assert "After step 40" in shown(visit, "rollouts")
    assert (shown(visit, "training-step"), label(visit)) == (5, "After step 40 of 40 (5 of 5 kept)")


def test_curves_stand_below_one_another_where_the_window_is_a_phones(visit, tmp_path):
    wide = shown(visit, "training-chart").layout.height
    folder = str(reinforced(tmp_path / "on-a-phone"))
    visit.call("Analyze._add_folder", **{"run-folder": folder, "width": "390"})
    assert shown(visit, "training-chart").layout.height > 1.5 * wide


def test_the_slider_goes_through_the_steps_and_stays_where_the_hand_is(visit):
    (update,) = visit.call("TrainingPart._choose", **{"training-step": 2})
    assert label(visit) == "After step 10 of 40 (2 of 5 kept)"
    assert "After step 10" in shown(visit, "rollouts")
    moved = update[visit.component("training-step")].constructor_args
    assert set(moved) == {"label"}
    visit.call("TrainingPart._choose", **{"training-prompt": "second.png-2b"})
    assert "After step 10" in shown(visit, "rollouts")  # of another prompt, at the same step


@pytest.mark.parametrize(("place", "then"), [(5, "After step 50"), (3, "After step 20")])
def test_a_run_that_went_on_shows_its_new_last_step_to_whoever_looked_at_the_last(
    visit, tmp_path, place, then
):
    visit.call("TrainingPart._choose", **{"training-step": place})
    with (tmp_path / "my-run" / "samples.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in group(50, "first.png-1a", [0.0, 1.0]))
    visit.call("TrainingPart._open_runs", width="1200")
    assert then in shown(visit, "rollouts")


def test_what_cannot_be_opened_leaves_what_was_open(visit, tmp_path):
    with pytest.raises(Exception, match="no evaluation run"):
        visit.call("Analyze._add_folder", **{"run-folder": str(tmp_path), "width": "1400"})
    assert "my-run" in shown(visit, "training-head")


def test_a_page_that_others_reach_opens_only_its_own_runs(tmp_path):
    visit = Visit(build_ui((ScriptedEngine("tiny-sft"),), visitors=Visitors(public=True)))
    folder = str(reinforced(tmp_path / "my-run"))
    for there in (folder, str(tmp_path / "nowhere")):
        with pytest.raises(Exception, match="opens only its own runs"):
            visit.call("Analyze._add_folder", **{"run-folder": there, "width": "1400"})
    with pytest.warns(UserWarning, match="opens only its own runs"):
        (update,) = visit.call(
            "TrainingPart._open_runs", width="1200", **{"training-runs": [folder]}
        )
    assert set(update) == {visit.component("training-runs")}


def test_a_link_names_runs_prompt_and_step_and_brings_them_back():
    view = TrainingView(("/somewhere/a", "/somewhere/b"), "x & y.png:1", 40, 390)
    query = QueryParams(view.query().removeprefix("?"))
    again, problems = decode(query, ["/here/b", "/here/a"])
    assert (again.runs, again.prompt, again.step) == (("/here/a", "/here/b"), "x & y.png:1", 40)
    assert problems == ()
    assert decode({}, []) == (TrainingView(), ())


@pytest.mark.parametrize("step", ["-1", "1e3", "9" * 40, "\u0663"])
def test_what_a_link_says_wrongly_is_said_and_the_rest_counts(step):
    view, problems = decode({"training": "a,gone", "step": step}, ["/here/a"])
    assert (view.runs, view.step) == (("/here/a",), None)
    assert ["'gone' is not here" in problems[0], "step" in problems[1]] == [True, True]


def test_a_run_is_read_once_until_it_grows(tmp_path):
    folder = reinforced(tmp_path / "run")
    folders = TrainingFolders(folders=(tmp_path,))
    assert folders.found() == [str(folder)]
    run, _ = folders.read(str(folder))
    assert folders.read(str(folder))[0] is run
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(step(41, loss=1.0)) + "\n")
    assert folders.read(str(folder))[0].step == 41
    with pytest.raises(DataError):
        folders.read(str(tmp_path / "\0"))
    with pytest.raises(InputError, match="3 runs are too many"):
        folders.runs([str(folder)] * 3)


@pytest.mark.parametrize("width", [390, 820, 1440])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_every_panel_has_its_place_in_the_chart_at_any_width(tmp_path, width, count):
    runs = [read_training_run(reinforced(tmp_path / f"run-{n}")) for n in range(count)]
    figure = training_chart(runs, 0.6, True, width)
    axes = [axis for axis in figure.layout.to_plotly_json().items() if axis[0][1:5] == "axis"]
    domains = [axis["domain"] for _, axis in axes if "domain" in axis]
    assert all(0 <= low < high <= 1 for low, high in domains)
    assert len(domains) == 2 * len({trace.xaxis for trace in figure.data if trace.xaxis})
    if count:
        assert {trace.name for trace in figure.data} > {
            "sampled" if count == 1 else "sampled, run-1"
        }


def test_a_run_that_is_broken_in_every_way_is_drawn_as_text(tmp_path):
    rows = group(0, HOSTILE, [0.0, 1.0], kind="trained")
    rows += group(5, HOSTILE, [0.0, 1.0], kind="trained")
    for row in rows:
        row.update(question=f"{HOSTILE}\n0. {HOSTILE}", completion=BAD.replace("r<", f"{HOSTILE}<"))
        row[f"{HOSTILE}_reward"] = 1.0
    rows[0].update(completion=HOSTILE, picture=f"/gone/{HOSTILE}.png", advantage=None)
    log = [step(1, **{HOSTILE: 1.0, f"a/{HOSTILE}": 2.0})]
    folder = write_training(tmp_path / "<b>run", log, rows)
    with (folder / "log.jsonl").open("a") as file:
        file.write("broken\n{}\n")
    run = read_training_run(folder)
    drawn = [runs_head([run, run]), training_chart([run, run], 0.5, True, 390).to_json()]
    for prompt in prompts_of(run):
        for place in (0, 1):
            found = rollouts_at(run, prompt, place)
            drawn.append(rollouts_view(found, prompt, course_of(run, prompt), str(tmp_path)))
    assert len(drawn) == 6 and "not here any more" in drawn[2]
    for html in drawn:
        assert "<img src=x" not in html and "${" not in html and "<b>run" not in html
