"""Claims about starting the page: app.py and `python -m robust_r1 page` take the same flags."""

import re
import socket
import subprocess
import sys

import pytest

from robust_r1.cli import build_parser
from robust_r1.commands import page
from robust_r1.commands.page_access import why_not_served
from robust_r1.ui import launch_arguments
from tests.support.paths import ROOT


def test_importing_the_app_has_no_effects():
    code = (
        "import os, sys; before = dict(os.environ); import app;"
        "assert dict(os.environ) == before;"
        "assert not {'gradio', 'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, ([], "127.0.0.1", 7860, False, None)),
        (["--model", "a", "--model", "b"], {}, (["a", "b"], "127.0.0.1", 7860, False, None)),
        ([], {"ROBUST_R1_MODEL": "a, b"}, (["a", "b"], "127.0.0.1", 7860, False, None)),
        (["--model", "c"], {"ROBUST_R1_MODEL": "a"}, (["c"], "127.0.0.1", 7860, False, None)),
        ([], {"ROBUST_R1_PORT": "81", "ROBUST_R1_HOST": "::1"}, ([], "::1", 81, False, None)),
        ([], {"ROBUST_R1_SHARE": "1", "ROBUST_R1_QUANTIZE": "4bit"},
         ([], "127.0.0.1", 7860, True, "4bit")),
    ],
)
def test_flags_win_over_environment_variables(arguments, environment, expected):
    args = page.parse_arguments(arguments, environment)
    assert (args.model, args.host, args.port, args.share, args.quantize) == expected


def test_mcp_is_refused_in_one_sentence_where_its_package_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    assert page.main(["--mcp"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and 'pip install "gradio[mcp]"' in said.err


@pytest.mark.parametrize(("value", "expected"), [("", False), ("1", True)])
def test_mcp_reaches_the_launch_arguments(value, expected):
    args = page.parse_arguments([], {"ROBUST_R1_MCP": value})
    assert args.mcp is expected and page.parse_arguments(["--mcp"], {}).mcp
    assert launch_arguments(mcp=args.mcp)["mcp_server"] is expected
    assert launch_arguments()["mcp_server"] is False


@pytest.mark.parametrize(
    ("arguments", "environment", "days"),
    [([], {}, None), (["--keep-shared", "7"], {}, 7), ([], {"ROBUST_R1_KEEP_SHARED": "0.5"}, 0.5),
     (["--keep-shared", "0"], {"ROBUST_R1_KEEP_SHARED": "3"}, None)],
)
def test_pictures_are_kept_where_the_operator_says_so_and_nowhere_else(
    arguments, environment, days
):
    args = page.parse_arguments(arguments, environment)
    kept = page._kept_pictures(args.keep_shared)
    assert (kept and kept.days) == days


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--keep-shared", "-1"], {}), (["--keep-shared", "nan"], {}),
     ([], {"ROBUST_R1_KEEP_SHARED": "long"}),
     (["--port", "x"], {}), ([], {"ROBUST_R1_PORT": "x"}), ([], {"ROBUST_R1_SHARE": "maybe"}),
     ([], {"ROBUST_R1_MCP": "maybe"}),
     (["--quantize", "3bit"], {}), ([], {"ROBUST_R1_QUANTIZE": "3bit"}),
     (["--root-path", "course"], {}), ([], {"ROBUST_R1_ROOT_PATH": "course/"}),
     (["--auth", "ada:engine"], {}), (["--auth", "no-such-file"], {}),
     ([], {"ROBUST_R1_AUTH": "ada"}), ([], {"ROBUST_R1_AUTH": "ada:a\nada:b"}),
     (["--port", "70000"], {}), (["--port", "0"], {}),
     (["--mcp"], {"ROBUST_R1_AUTH": "ada:engine"})],
)
def test_bad_flags_and_variables_end_with_status_two(arguments, environment, capsys):
    with pytest.raises(SystemExit) as stop:
        page.parse_arguments(arguments, environment)
    assert stop.value.code == 2 and capsys.readouterr().err


def test_the_command_takes_the_flags_of_app_py(capsys):
    told = []
    for parse in (page.parse_arguments, lambda words, _: build_parser(["page"]).parse_args(words)):
        with pytest.raises(SystemExit):
            parse(["page", "--help"][parse is page.parse_arguments :], {})
        told.append(set(re.findall(r"--[a-z-]+", capsys.readouterr().out)))
    assert told[0] | {"--debug"} == told[1] | {"--debug"} and "--max-pixels" in told[0]


@pytest.mark.parametrize(
    ("arguments", "environment", "public"),
    [
        ([], {}, False),
        (["--host", "localhost"], {}, False),
        (["--host", "::1"], {}, False),
        (["--host", "0.0.0.0"], {}, True),
        (["--host", "192.168.1.5"], {}, True),
        (["--host", "my-machine"], {}, True),
        ([], {"ROBUST_R1_HOST": "::"}, True),
        (["--share"], {}, True),
        (["--root-path", "/course/"], {}, True),
        ([], {"GRADIO_ROOT_PATH": "/course"}, True),
        ([], {"ROBUST_R1_AUTH": "ada:engine"}, True),
        ([], {"SPACE_ID": "me/space"}, True),
    ],
)
def test_a_page_that_others_can_reach_is_known_as_such(arguments, environment, public):
    assert page.parse_arguments(arguments, environment).access.public is public


def test_a_prefix_and_people_reach_the_launch_arguments(tmp_path):
    people = tmp_path / "people"
    people.write_text("ada: engine:1 \n\ngrace:cobol\n")
    access = page.parse_arguments(["--auth", str(people), "--root-path", "/a/b/"], {}).access
    assert access.accounts == (("ada", " engine:1"), ("grace", "cobol"))
    launched = launch_arguments(root_path=access.root_path, accounts=access.accounts)
    assert launched["root_path"] == "/a/b" and launched["auth"] == list(access.accounts)
    assert launch_arguments()["auth"] is None and launch_arguments()["root_path"] == ""
    wins = page.parse_arguments(["--root-path", "https://x.org/b"], {"ROBUST_R1_ROOT_PATH": "/c"})
    assert wins.access.root_path == "https://x.org/b"


def test_one_notebook_for_all_is_the_operators_word():
    for arguments, environment, one in (
        ([], {}, False), (["--one-notebook"], {}, True), ([], {"ROBUST_R1_ONE_NOTEBOOK": "1"}, True)
    ):
        assert page.parse_arguments(arguments, environment).access.one_notebook is one


def test_a_port_that_is_taken_names_the_flag_that_chooses_another():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "app.py", "--model", "http://127.0.0.1:9/v1#no", "--port", str(port)],
            cwd=ROOT, capture_output=True, text=True, timeout=300,
        )
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1
    assert f"port {port} is taken; choose another with --port" in ended.stderr


@pytest.mark.parametrize(
    "host", ["no.such.host.invalid", "192.0.2.1"]  # the latter is kept for documents, RFC 5737
)
def test_an_address_that_this_computer_does_not_have_is_told(host):
    told = why_not_served(host, 7860, OSError("other"))
    assert told == f"{host} is no address of this computer; give another with --host"
