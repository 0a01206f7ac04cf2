"""Docs: what README and the READMEs of folders name exists, and what they call runs."""

import ast
import importlib
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from robust_r1.analysis.compare import MAX_SIDES
from robust_r1.cli import COMMANDS, build_parser, main
from robust_r1.degradations import PRESETS, SPECS, find
from robust_r1.engine import MAX_PICTURES, PRECISIONS
from robust_r1.engine.endpoint import TIMEOUT
from tests.support.layers import LAYERS
from tests.support.page_driver import serve
from tests.support.paths import ROOT
from tests.support.published_tables import write_mmstar
from tests.support.scripted_engine import ScriptedEngine

DOCS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in (
        ROOT / "README.md",
        *sorted(ROOT.glob("assets/runs/**/README.md")),
        *sorted(ROOT.glob("robust_r1/*/README.md")),
        *sorted(ROOT.glob("train/*.md")),
    )
}
README = DOCS["README.md"]
MODULES = (*ROOT.glob("robust_r1/**/*.py"), *ROOT.glob("train/**/*.py"))
SOURCES = "".join(path.read_text("utf-8") for path in MODULES)
CALL = ".venv/bin/python "


def blocks(language: str, text: str = "".join(DOCS.values())) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def section(title: str) -> str:
    return re.search(rf"^## {title}$(.*?)(?=^## |\Z)", README, re.M | re.S)[1]


def shell_lines() -> list[str]:
    """Return every command of every doc, also those that stand in the text."""
    lines = "".join(blocks("bash")).replace("\\\n", " ").splitlines()
    spans = [span for text in DOCS.values() for span in re.findall(r"`([^`]+)`", prose(text))]
    calls = [" ".join(span.split()) for span in spans]
    calls = [call.replace("python ", CALL, 1) for call in calls if call.startswith("python ")] + [
        call for call in calls if call.startswith(CALL)
    ]
    every = [part for line in (*lines, *calls) for part in line.split(" && ")]
    return [line for line in every if line and not line.startswith("#")]


def command_lines() -> list[list[str]]:
    """Return the arguments of every call of the command line that is more than its name."""
    start = CALL + "-m robust_r1 "
    lines = {line.partition("  #")[0] for line in shell_lines() if line.startswith(start)}
    found = [shlex.split(line[len(start) :]) for line in sorted(lines)]
    return [words for words in found if words[0] != "COMMAND" and "..." not in words]


def test_readme_is_one_that_people_read():
    assert len(README.splitlines()) <= 200


def test_quick_start_is_two_lines_to_paste_that_set_themselves_up():
    run, test = blocks("bash", section("Quick start"))
    assert section("Quick start").count("```") == 4
    for block in (run, test):
        assert block.count("\n") == 1
        assert block.startswith("python3 -m venv .venv && .venv/bin/pip install -q -r ")
    assert run.endswith(" && .venv/bin/python app.py\n")
    assert test.endswith(" && .venv/bin/python -m pytest -n 2\n")


def test_ci_runs_the_second_block_and_nothing_else(tmp_path):
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_bytes((ROOT / ".ci" / "run").read_bytes())
    text = "## A\n```bash\necho a\n```\n## Quick start\n```bash\necho b\n```\n```bash\necho $CI\n"
    (tmp_path / "README.md").write_text(
        text + "cat && false && echo c\necho d\n```\n## B\n```bash\necho e\n```\n"
    )
    done = subprocess.run(
        ["bash", tmp_path / ".ci" / "run"], text=True, capture_output=True, input="typed"
    )
    assert (done.returncode, done.stdout) == (0, "true\nd\n")


@pytest.mark.parametrize("doc", DOCS)
def test_every_file_that_a_doc_names_exists(doc):
    folder = (ROOT / doc).parent
    links = re.findall(r"\]\((?!http)([^)\s#]+)\)", prose(DOCS[doc]))
    assert [link for link in links if not (folder / link).exists()] == []
    spans = re.findall(r"`([^`\s]+)`", prose(DOCS[doc]))
    paths = [
        span
        for span in spans
        if re.search(r"\w/|\.(py|md|toml|txt|png|yaml)$|^LICENSE$", span)
        and not re.search(r"^http|^Jiaqi-hkust/|^Qwen/|^\.venv|[<*=]", span)
    ]
    # In the README of a folder what lies in it is named without the folder.
    near = {path.name for path in folder.rglob("*")} if folder != ROOT else set()
    there = [one for one in paths if (ROOT / one).exists() or (folder / one).exists()]
    assert [one for one in paths if one not in there and one.strip("/") not in near] == []


def test_every_script_that_a_doc_calls_exists():
    words = {word for line in shell_lines() for word in shlex.split(line)}
    scripts = {word for word in words if re.fullmatch(r"(\w+/)*[a-z_]+\.(py|txt)", word)}
    assert {"app.py", "requirements.txt", "tests/requirements.txt"} <= scripts
    assert [script for script in scripts if not (ROOT / script).exists()] == []


def test_every_flag_that_a_doc_gives_the_page_or_training_is_one_of_theirs():
    calls = [line for line in shell_lines() if re.search(r"python app\.py | -m train\.", line)]
    for line in calls:
        words = shlex.split(line.partition("  #")[0])
        if "-m" in words:
            words = words[words.index("-m") :]  # what stands before it is a launcher's
            module = words[words.index("-m") + 1].replace(".", "/")
            assert (ROOT / f"{module}.py").exists(), line
        flags = [word.split("=")[0] for word in words if word.startswith("--")]
        missing = [flag for flag in flags if f'"{flag}"' not in SOURCES]
        assert not missing, f"{line}: there is no {missing}"


def test_every_variable_that_a_doc_names_is_read():
    named = {name for text in DOCS.values() for name in re.findall(r"ROBUST_R1_\w+", text)}
    assert len(named) >= 3 and [name for name in named if f'"{name}"' not in SOURCES] == []


def test_the_limits_that_the_docs_name_are_those_of_the_code():
    engine, page = (" ".join(DOCS[f"robust_r1/{it}/README.md"].split()) for it in ("engine", "ui"))
    assert f"a silent endpoint is waited for ({TIMEOUT:g})" in engine
    precisions = f"{', '.join(PRECISIONS[:-1])} and {PRECISIONS[-1]}"
    assert f"`--quantize` takes {precisions}" in engine.replace(" (the one for a T4)", "")
    assert MAX_PICTURES == 4 and "take up to four" in page
    assert MAX_SIDES == 3 and "Asks two or three models" in page


def test_every_endpoint_that_a_doc_names_is_one():
    text = DOCS["robust_r1/ui/README.md"]
    named = set(re.findall(r"(?<![\w`/.:<])/([a-z]+)\b", prose(text)))
    named |= set(re.findall(r'api_name="/(\w+)"', text))
    assert {"ask", "sweep", "rewards"} <= named
    assert [name for name in named if f'"{name}"' not in SOURCES] == []


def test_every_label_of_the_tour_is_on_the_page():
    labels = re.findall(r"(?<!\*)\*{1,2}([A-Z][\w ]+)\.?\*", section("A tour of two minutes"))
    assert len(labels) >= 8
    assert [label for label in labels if f'"{label}"' not in SOURCES] == []


def test_the_command_table_names_every_command_and_no_other():
    table = re.findall(r"^\| `(\w+)` \|", section("Python and the command line"), re.M)
    assert table == list(COMMANDS)


@pytest.mark.parametrize("arguments", command_lines(), ids=" ".join)
def test_every_command_line_of_the_docs_parses(arguments):
    assert callable(build_parser(arguments).parse_args(arguments).run)


def test_every_degrade_line_of_the_docs_runs(tmp_path, monkeypatch, make_picture):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "inner").mkdir(parents=True)
    (tmp_path / "assets").mkdir()
    for name in ("photo.jpg", "coffee.png", "photos/a.png", "photos/inner/b.png"):
        Image.fromarray(make_picture()).save(tmp_path / name)
    write_mmstar(tmp_path / "MMStar.tsv")
    lines = [arguments for arguments in command_lines() if arguments[0] == "degrade"]
    assert len(lines) >= 5
    for number, arguments in enumerate(lines):
        place = arguments.index("-o") + 1
        arguments[place] = str(Path(f"{number}") / arguments[place])
        (tmp_path / arguments[place]).parent.mkdir(parents=True)
        assert main(arguments) == 0
        assert (tmp_path / arguments[place]).exists()


def test_the_table_of_degradations_is_the_one_in_the_code():
    text = DOCS["robust_r1/degradations/README.md"]
    rows = re.findall(r"^\| (\w+) \| `(\w+)` \| ([\w ]+) \| ([\w ]+) \|$", text, re.M)
    assert rows == [(spec.stage, spec.id, spec.chain_name, spec.label) for spec in SPECS]


def test_every_degradation_and_preset_named_in_examples_exists():
    text = "".join(blocks("bash") + blocks("python") + blocks("text"))
    text = re.sub(r"--set \S+", "", text)  # settings of training
    names = re.findall(r"(?<=[ \",])([a-z_]+)=[0-9.]+", text.replace("--", ""))
    names += re.findall(r"[>,] ?([a-z ]+)\([0-9.]+\)", text)
    names = [name for name in names if name not in ("seed",)]
    assert len(names) >= 6
    assert all(find(name) for name in names)
    assert set(re.findall(r'--preset "([^"]+)"', text)) <= set(PRESETS)


def test_the_python_example_of_readme_runs(capsys):
    exec(compile(blocks("python", README)[0], "README.md", "exec"), {})
    assert "2 matches" in capsys.readouterr().out


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.split()[1])
def test_every_name_that_a_python_example_imports_exists(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")


@pytest.mark.slow
@pytest.mark.parametrize("code", [code for code in blocks("python") if '"photo.jpg"' in code])
def test_every_python_example_about_a_photo_runs(code, tmp_path, monkeypatch, make_picture, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(make_picture()).save("photo.jpg")
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.slow
def test_the_example_for_other_programs_runs(capsys):
    (code,) = blocks("python", DOCS["robust_r1/ui/README.md"])
    with serve(ScriptedEngine()) as address:
        exec(compile(code.replace("http://127.0.0.1:7860", address), "README.md", "exec"), {})
    assert "0.9" in capsys.readouterr().out  # a match that is off by .1


def test_the_layers_in_readme_are_the_ones_the_test_holds():
    block = next(text for text in blocks("text", README) if text.startswith("errors, "))
    names = [tuple(re.findall(r"\w+", layer)) for layer in block.split("|")]
    there = {path.stem for path in (*ROOT.iterdir(), *(ROOT / "robust_r1").iterdir())}
    assert names == [tuple(name for name in layer if name in there) for layer in LAYERS]
