"""Docs: every command, flag, file and degradation that README names exists, and runs."""

import re
import shlex
import subprocess

import pytest
from PIL import Image

from robust_r1.cli import COMMANDS, build_parser, main
from robust_r1.degradations import PRESETS, SPECS, find
from tests.support.layers import LAYERS
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text("utf-8")
PROSE = re.sub(r"^```.*?^```$", "", README, flags=re.M | re.S)
CALL = ".venv/bin/python "


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def section(title: str) -> str:
    return re.search(rf"^## {title}$(.*?)(?=^## |\Z)", README, re.M | re.S)[1]


def shell_lines() -> list[str]:
    text = "".join(blocks("bash")).replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def command_lines() -> list[list[str]]:
    """Return the arguments of every call of the command line."""
    start = CALL + "-m robust_r1 "
    lines = [line.partition("  #")[0] for line in shell_lines() if line.startswith(start)]
    return [shlex.split(line[len(start) :]) for line in lines]


def test_quick_start_holds_exactly_two_bash_blocks_that_set_themselves_up():
    run, test = re.findall(r"^```bash\n(.*?)^```$", section("Quick start"), re.M | re.S)
    assert section("Quick start").count("```") == 4
    for block in (run, test):
        assert block.startswith("python3 -m venv .venv\n.venv/bin/pip install ")
    assert run.endswith(".venv/bin/python app.py\n")
    assert test.endswith(".venv/bin/python -m pytest\n")


def test_ci_runs_the_second_block_and_nothing_else(tmp_path):
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_bytes((ROOT / ".ci" / "run").read_bytes())
    text = "## A\n```bash\necho a\n```\n## Quick start\n```bash\necho b\n```\n```bash\necho $CI\n"
    (tmp_path / "README.md").write_text(
        text + "cat\nfalse\necho d\n```\n## B\n```bash\necho e\n```\n"
    )
    done = subprocess.run(
        ["bash", tmp_path / ".ci" / "run"], text=True, capture_output=True, input="typed"
    )
    assert (done.returncode, done.stdout) == (1, "true\n")


def test_every_file_that_readme_names_exists():
    spans = re.findall(r"`([^`\s]+)`", PROSE) + re.findall(r"\]\(([^)\s]+)\)", PROSE)
    paths = [
        span
        for span in spans
        if re.search(r"/|\.(py|md|toml|txt|png|yaml)$|^LICENSE$", span)
        and not span.startswith(("http", "Jiaqi-hkust/", "Qwen/"))
    ]
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_script_that_readme_calls_exists():
    words = {word for line in shell_lines() for word in shlex.split(line)}
    scripts = {word for word in words if re.fullmatch(r"(tests/|train/)?[a-z_]+\.(py|txt)", word)}
    assert {"app.py", "requirements.txt", "tests/requirements.txt"} <= scripts
    assert [script for script in scripts if not (ROOT / script).exists()] == []


def test_every_flag_that_readme_gives_a_script_is_one_of_its_own():
    calls = [line for line in shell_lines() if re.match(r"\S+ (app|train/\w+)\.py", line)]
    for line in calls:
        script, *words = shlex.split(line.partition("  #")[0])[1:]
        flags = {"app.py": "robust_r1/commands/page.py"}.get(script, script)
        source = (ROOT / flags).read_text("utf-8")
        missing = [
            word
            for word in words
            if word.startswith("--") and f'"{word.split("=")[0]}"' not in source
        ]
        assert not missing, f"{script} has no {missing}"


def test_the_command_table_names_every_command_and_no_other():
    table = re.findall(r"^\| `(\w+)` \|", section("Command line"), re.M)
    assert table == list(COMMANDS)


@pytest.mark.parametrize("arguments", command_lines(), ids=" ".join)
def test_every_command_line_of_readme_parses(arguments):
    assert callable(build_parser(arguments).parse_args(arguments).run)


def test_every_degrade_line_of_readme_runs(tmp_path, monkeypatch, make_picture):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "inner").mkdir(parents=True)
    for name in ("photo.jpg", "photos/a.png", "photos/inner/b.png"):
        Image.fromarray(make_picture()).save(tmp_path / name)
    lines = [arguments for arguments in command_lines() if arguments[0] == "degrade"]
    assert len(lines) >= 4
    for number, arguments in enumerate(lines):
        place = arguments.index("-o") + 1
        arguments[place] = f"{number}-{arguments[place]}"
        assert main(arguments) == 0
        assert (tmp_path / arguments[place]).exists()


def test_the_table_of_degradations_is_the_one_in_the_code():
    rows = re.findall(
        r"^\| (\w+) \| `(\w+)` \| ([\w ]+) \| ([\w ]+) \|$", section("Degradations"), re.M
    )
    assert rows == [(spec.stage, spec.id, spec.chain_name, spec.label) for spec in SPECS]


def test_every_degradation_and_preset_named_in_examples_exists():
    text = "".join(blocks("bash") + blocks("python") + blocks("text"))
    names = re.findall(r"(?<=[ \",])(\w+)=[0-9.]+", text.replace("--", ""))
    names += re.findall(r"[>,] ?([a-z ]+)\([0-9.]+\)", text)
    names = [name for name in names if name not in ("seed",)]
    assert len(names) >= 6
    assert all(find(name) for name in names)
    assert set(re.findall(r'--preset "([^"]+)"', text)) <= set(PRESETS)


def test_the_first_python_example_runs(capsys):
    exec(compile(blocks("python")[0], "README.md", "exec"), {})
    assert "2 matches" in capsys.readouterr().out


def test_the_layers_in_readme_are_the_ones_the_test_holds():
    block = next(text for text in blocks("text") if text.startswith("errors "))
    names = [
        tuple(re.findall(r"\w+", line.replace("app.py", "app"))) for line in block.splitlines()
    ]
    there = {path.stem for path in (*ROOT.iterdir(), *(ROOT / "robust_r1").iterdir())}
    assert names == [tuple(name for name in layer if name in there) for layer in LAYERS]
