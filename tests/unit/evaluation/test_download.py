"""Claims about fetching benchmarks: cut off, stopped, full, false, from an address or the hub."""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from robust_r1.cli import main
from robust_r1.errors import InputError
from robust_r1.evaluation import download
from robust_r1.evaluation.download import Remote, fetch_file
from robust_r1.evaluation.known import data_folders, known_benchmarks
from tests.support.file_server import COMMIT, Files, ask_there, certificate, serving
from tests.support.paths import ROOT
from tests.support.published_tables import write_mmstar
from tests.support.running import wait_for
from tests.support.sayer import Sayer

CONTENT = random.Random(18).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
NAME = "/Few.tsv"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Let a second attempt follow the first at once."""
    monkeypatch.setattr(download, "_PAUSE", 0.001)


@pytest.fixture
def server():
    """Serve one file."""
    with serving(Files({NAME: CONTENT})) as files:
        yield files


def rest_of(folder):
    """Return the names of what lies in a folder, but for the file itself."""
    return {path.name for path in folder.iterdir()} - {"Few.tsv"}


def remote(server, **told):
    return Remote(server.url + NAME, **told)


@pytest.mark.parametrize("checksums", [{}, {"md5": MD5}, {"sha256": SHA256.upper()}])
def test_what_is_cut_off_in_the_middle_is_continued_where_it_was(server, tmp_path, checksums):
    server.cuts += [100_000, 200_000]
    told = []
    one = fetch_file(
        remote(server, checksums=checksums), tmp_path / "Few.tsv", lambda *now: told.append(now)
    )
    assert one.path.read_bytes() == CONTENT and not rest_of(tmp_path)
    assert (one.size, one.sha256, one.checked) == (len(CONTENT), SHA256, tuple(checksums))
    assert [ranged for _, ranged in server.asked] == ["", "bytes=100000-", "bytes=200000-"]
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1] == (len(CONTENT),) * 3


def test_a_second_command_continues_and_counts_only_its_own_bytes(server, tmp_path):
    (tmp_path / "Few.tsv.part").write_bytes(CONTENT[:120_000])
    told = []
    fetch_file(
        remote(server, checksums={"md5": MD5}),
        tmp_path / "Few.tsv",
        lambda *now: told.append(now),
    )
    assert server.asked == [(NAME, "bytes=120000-")]
    assert told[0] == (120_000, 0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT) - 120_000, len(CONTENT))


def test_a_server_without_ranges_is_asked_for_the_whole_again(server, tmp_path):
    server.ranges, server.cuts = False, [100_000]
    one = fetch_file(remote(server), tmp_path / "Few.tsv")
    assert one.path.read_bytes() == CONTENT and len(server.asked) == 2


def test_a_file_that_changed_between_two_attempts_is_never_patched_together(server, tmp_path):
    server.cuts = [100_000] * 6
    with pytest.raises(InputError, match=r"cut off after 0.1 MB .*the same command goes on"):
        fetch_file(remote(server), tmp_path / "Few.tsv")
    other = CONTENT[::-1]
    server.files[NAME], server.etag, server.cuts = other, '"second"', []
    # Without a checksum the server's own word decides; with one, the checksum.
    assert fetch_file(remote(server), tmp_path / "Few.tsv").path.read_bytes() == other
    (tmp_path / "Few.tsv").unlink()
    (tmp_path / "Few.tsv.part").write_bytes(CONTENT[:100_000])
    right = {"sha256": hashlib.sha256(other).hexdigest()}
    one = fetch_file(remote(server, checksums=right), tmp_path / "Few.tsv")
    assert one.path.read_bytes() == other and not rest_of(tmp_path)


def test_a_part_of_which_nobody_knows_the_state_is_begun_anew(server, tmp_path):
    server.etag = ""
    (tmp_path / "Few.tsv.part").write_bytes(b"x" * 1000)
    assert fetch_file(remote(server), tmp_path / "Few.tsv").path.read_bytes() == CONTENT
    assert server.asked == [(NAME, "")]


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"more"])
def test_a_part_that_is_the_whole_or_longer_ends_well(server, tmp_path, part):
    (tmp_path / "Few.tsv.part").write_bytes(part)
    one = fetch_file(remote(server, checksums={"md5": MD5}), tmp_path / "Few.tsv")
    assert one.path.read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_of_it_is_kept(server, tmp_path):
    with pytest.raises(InputError) as refused:
        fetch_file(remote(server, checksums={"md5": "0" * 32}), tmp_path / "Few.tsv")
    for told in (server.url, "Few.tsv", MD5, "0" * 32, "not kept"):
        assert told in str(refused.value)
    assert not any(name.endswith((".tsv", ".part", ".json")) for name in os.listdir(tmp_path))
    with pytest.raises(InputError, match=r"it has 300000 bytes, not 5"):
        fetch_file(remote(server, size=5), tmp_path / "Few.tsv")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "is not there (404); look whether it was moved"),
        (403, "wants your leave (403): accept its terms"),
        (451, "cannot be fetched (451)"),
    ],
)
def test_what_the_server_refuses_is_one_sentence(server, tmp_path, status, said):
    server.statuses = [status]
    with pytest.raises(InputError) as refused:
        fetch_file(remote(server), tmp_path / "Few.tsv")
    assert said in str(refused.value) and len(server.asked) == 1


def test_a_busy_server_is_asked_again_and_a_dead_one_is_given_up(server, tmp_path):
    server.statuses = [503, 429, 500]
    assert fetch_file(remote(server), tmp_path / "Few.tsv").size == len(CONTENT)
    server.statuses = [503] * 9
    with pytest.raises(InputError, match=r"could not be reached \(the server says 503\)"):
        fetch_file(remote(server), tmp_path / "More.tsv")
    with pytest.raises(InputError, match="could not be reached"):
        fetch_file(Remote("http://127.0.0.1:1/Few.tsv"), tmp_path / "More.tsv")
    with pytest.raises(InputError, match="cannot be asked for"):
        fetch_file(Remote("gopher://127.0.0.1/Few.tsv"), tmp_path / "More.tsv")


def test_a_web_page_is_not_taken_for_a_table(server, tmp_path):
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(InputError, match="answers with a web page, not with Few.tsv"):
        fetch_file(remote(server), tmp_path / "Few.tsv")
    assert not (tmp_path / "Few.tsv").exists()


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_over_https_a_file_comes_and_is_never_led_to_where_nothing_protects_it(
    server, tmp_path, monkeypatch
):
    made = certificate(tmp_path)
    with serving(Files({NAME: CONTENT}), made) as safe:
        with pytest.raises(InputError, match="could not be reached .*certificate"):
            fetch_file(remote(safe), tmp_path / "Few.tsv")
        monkeypatch.setenv("SSL_CERT_FILE", str(made[0]))
        assert fetch_file(remote(safe), tmp_path / "Few.tsv").sha256 == SHA256
        safe.leads["/moved.tsv"] = safe.url + NAME
        moved = fetch_file(Remote(safe.url + "/moved.tsv"), tmp_path / "Moved.tsv")
        assert moved.sha256 == SHA256
        safe.leads["/open.tsv"] = server.url + NAME
        with pytest.raises(InputError, match="leads to http://.*, which nothing protects"):
            fetch_file(Remote(safe.url + "/open.tsv"), tmp_path / "Open.tsv")
    assert not (tmp_path / "Open.tsv").exists()


def test_a_file_that_does_not_fit_the_disk_is_refused_before_it_is_begun(
    server, tmp_path, monkeypatch
):
    room = type("Room", (), {"free": 1000})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: room)
    with pytest.raises(InputError, match=r"0.0 MB free, and 0.3 MB of Few.tsv are to come"):
        fetch_file(remote(server), tmp_path / "Few.tsv")
    assert not (tmp_path / "Few.tsv.part").exists()


ENTRY = """\
few:
  name: Few
  files: [Few.tsv]
  format: vlmevalkit
  url: {url}
"""


def command(folder, *words, before=""):
    """Return the words of a process that fetches `few` into a folder, after some Python."""
    call = ["evaluate", "few", "--data", str(folder), "--download", *words]
    code = f"import sys\n{before}\nfrom robust_r1.cli import main\nsys.exit(main({call!r}))"
    return [sys.executable, "-c", code]


def fetching(folder, **how):
    return subprocess.Popen(
        command(folder, **how), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(server, tmp_path):
    (tmp_path / "benchmarks.yaml").write_text(ENTRY.format(url=server.url + NAME), "utf-8")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"
    process = fetching(tmp_path, before=limit)
    said = process.communicate(timeout=100)[1].splitlines()
    assert process.returncode == 2 and len(said) == 2, said
    assert "Few.tsv.part could not be written: File too large; make room" in said[1]
    assert "goes on after the 0.2 MB" in said[1]
    assert main(["evaluate", "few", "--data", str(tmp_path), "--download"]) == 0
    assert (tmp_path / "Few.tsv").read_bytes() == CONTENT
    assert server.asked[-1] == (NAME, "bytes=200000-")


def test_ctrl_c_keeps_what_has_come_and_the_same_command_goes_on(server, tmp_path, capsys):
    (tmp_path / "benchmarks.yaml").write_text(ENTRY.format(url=server.url + NAME), "utf-8")
    server.hold = 40_000
    # A shell that starts the tests in the background has them, and their children, ignore Ctrl-C.
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    process, part = fetching(tmp_path, before=heeds), tmp_path / "Few.tsv.part"
    wait_for(lambda: part.exists() and part.stat().st_size > 20_000, process)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=100)[1]
    assert process.returncode == 130 and said.endswith("goes on from there\nstopped\n"), said
    assert "\r" not in said  # progress on a terminal only
    server.go.set()
    kept = part.stat().st_size
    assert 20_000 < kept < len(CONTENT)
    assert main(["evaluate", "few", "--data", str(tmp_path), "--download"]) == 0
    assert server.asked[-1] == (NAME, f"bytes={kept}-")
    told = capsys.readouterr()
    assert f"no checksum is known; got {len(CONTENT)} bytes, sha256 {SHA256}" in told.err
    assert not told.out and (tmp_path / "Few.tsv").read_bytes() == CONTENT
    # What is here is not fetched again.
    assert main(["evaluate", "few", "--data", str(tmp_path), "--download"]) == 0
    assert "is here already" in capsys.readouterr().err and len(server.asked) == 2


def test_a_file_that_is_here_is_compared_with_what_is_known_of_it(server, tmp_path, capsys):
    entry = ENTRY.format(url=server.url + NAME) + f"  md5: {MD5}\n"
    (tmp_path / "benchmarks.yaml").write_text(entry, "utf-8")
    for content, said in (
        (CONTENT, "is here already; its md5 is right"),
        (CONTENT[:-1], f"not {MD5}: it is broken or another version; remove it to fetch it anew"),
    ):
        (tmp_path / "Few.tsv").write_bytes(content)
        assert main(["evaluate", "few", "--data", str(tmp_path), "--download"]) == 0
        assert said in capsys.readouterr().err and (tmp_path / "Few.tsv").read_bytes() == content
    assert not server.asked


def test_of_two_that_fetch_the_same_file_one_waits_for_the_other(server, tmp_path):
    server.hold = 40_000
    path, found, waited = tmp_path / "Few.tsv", [], []

    def wait():
        waited.append(1)
        server.go.set()

    def fetch():
        found.append(fetch_file(remote(server), path, waits=wait))

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert waited == [1] and len(server.asked) == 1 and path.read_bytes() == CONTENT
    assert sorted(one is None for one in found) == [False, True]


@pytest.fixture
def hub(monkeypatch):
    """Serve a data set as the hub does."""
    paths = {"/datasets/AIDC-AI/Parrot-dataset/mmmb/mmmb_tr.tsv": CONTENT}
    with serving(Files(paths)) as files:
        ask_there(monkeypatch, files.url)
        yield files


def test_a_file_of_the_hub_is_fetched_and_continued_in_the_state_that_was_looked_at(
    hub, tmp_path, capsys, monkeypatch
):
    where = "/datasets/AIDC-AI/Parrot-dataset/resolve"
    entry = "tr:\n  name: Tr\n  files: [Few.tsv]\n  format: vlmevalkit\n  licence: CC0\n"
    hub_line = "  hub: {repo: AIDC-AI/Parrot-dataset, file: mmmb/mmmb_tr.tsv}\n"
    (tmp_path / "benchmarks.yaml").write_text(entry + hub_line, "utf-8")
    hub.cuts = [100_000]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["evaluate", "tr", "--data", str(tmp_path), "--download"]) == 0
    assert (tmp_path / "Few.tsv").read_bytes() == CONTENT
    fixed = f"{where}/{COMMIT}/mmmb/mmmb_tr.tsv"
    assert hub.asked == [(fixed, ""), (fixed, "bytes=100000-")]
    said = capsys.readouterr().err
    assert "licence CC0" in said and "its sha256 is right" in said
    assert re.search("\rFew.tsv: 0.3 of 0.3 MB, [0-9.]+ MB a second", said)
    # The project's own entry has VLMEvalKit's md5, which this file is not of.
    assert main(["evaluate", "mmmb-tr", "--data", str(tmp_path), "--download"]) == 2
    said = capsys.readouterr().err
    assert f"its md5 is {MD5}, not {known_benchmarks()['mmmb-tr'].md5}" in said


@pytest.mark.parametrize(
    ("file", "refusal", "said"),
    [
        ("none.tsv", None, "data set AIDC-AI/Parrot-dataset has no such file; look there"),
        ("mmmb_tr.tsv", (403, "GatedRepo"), "wants you to accept the terms of AIDC-AI/Parrot"),
        ("mmmb_tr.tsv", (404, "RepoNotFound"), "The hub has no data set AIDC-AI/Parrot-dataset"),
        ("mmmb_tr.tsv", (404, "RevisionNotFound"), "has no such revision"),
        ("mmmb_tr.tsv", (500, ""), "the hub could not be reached"),
        ("mmmb_tr.tsv", "gone", "the hub could not be reached"),
    ],
)
def test_what_the_hub_does_not_have_is_one_sentence(
    hub, tmp_path, capsys, monkeypatch, file, refusal, said
):
    if refusal == "gone":
        ask_there(monkeypatch, "http://127.0.0.1:1")
    else:
        hub.refusal = refusal
    entry = {"name": "X", "files": ["X.tsv"], "format": "vlmevalkit"}
    table = {"x": {**entry, "hub": {"repo": "AIDC-AI/Parrot-dataset", "file": f"mmmb/{file}"}}}
    (tmp_path / "benchmarks.yaml").write_text(json.dumps(table), "utf-8")
    assert main(["evaluate", "x", "--data", str(tmp_path), "--download"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_nothing_is_fetched_unasked_and_what_cannot_be_is_said(
    server, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("LMUData", str(tmp_path / "own"))
    entry = ENTRY.format(url=server.url + NAME) + "  megabytes: 0.3\n  licence: CC0\n"
    (tmp_path / "benchmarks.yaml").write_text(entry, "utf-8")
    run = ["-o", str(tmp_path / "run"), "--data", str(tmp_path)]
    assert main(["evaluate", "few", *run]) == 2
    said = capsys.readouterr().err
    for told in (server.url, "about 0.3 MB", "licence CC0", "--download fetches it"):
        assert told in said
    assert not server.asked and not (tmp_path / "run").exists()
    assert main(["evaluate", "rbench", "--download", *run]) == 2
    assert "nobody has verified which files its release is" in capsys.readouterr().err
    for data in ("minibench", str(tmp_path / "a.tsv")):
        assert main(["evaluate", data, "--download", "-o", str(tmp_path / "run")]) == 2
        assert "--download takes the name of a published benchmark" in capsys.readouterr().err
    assert main(["evaluate", "few", "--data", str(tmp_path)]) == 2
    assert "give the folder of the run with -o" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("few: [", "benchmarks.yaml:2: this is no YAML"),
        ("- few", "is no table of benchmarks"),
        ("few: yes", "few: it has no fields; give it at least name, files and format"),
        ("Few Ones: {name: a}", "Few Ones: this is no name for the command line"),
        ("few: {name: a, files: [a.tsv]}", "few: it has no format; write one"),
        ("few: {name: a, files: [a.tsv], format: tsv}", "format is 'tsv'; choose from vlmeval"),
        ("few: {name: a, files: [../a.tsv], format: rbench}", "without a way out of the folder"),
        ("few: {name: a, files: a.tsv, format: rbench, size: 3}", "there is no field size"),
        ("few: {name: a, files: a.tsv, format: rbench, md5: abc}", "write 32 hex digits"),
        ("few: {name: a, files: a.tsv, format: rbench, url: a.org}", "begins with https://"),
        ("few: {name: a, files: a.tsv, format: rbench, hub: a/b}", "write {repo: OWNER/NAME"),
        ("few: {name: a, files: a.tsv, format: rbench, settings: {heat: 1}}", "choose from max_"),
        ("minibench: {name: a, files: a.tsv, format: rbench}", "minibench is made here"),
    ],
)
def test_a_bad_entry_of_somebody_s_own_costs_one_sentence(tmp_path, capsys, entry, said):
    (tmp_path / "benchmarks.yaml").write_text(entry + "\n", "utf-8")
    words = ["evaluate", "few", "--data", str(tmp_path), "-o", str(tmp_path / "run")]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and "benchmarks.yaml" in error


def test_an_entry_of_somebody_s_own_is_a_benchmark_like_ours(tmp_path, monkeypatch):
    own, given = tmp_path / "own", tmp_path / "given"
    own.mkdir(), given.mkdir()
    monkeypatch.setenv("LMUData", str(own))
    entry = ENTRY.format(url="https://example.org/Few.tsv") + "  settings: {temperature: 0.5}\n"
    (own / "benchmarks.yaml").write_text(entry, "utf-8")
    mirror = "{name: MMStar, files: MMStar.tsv, format: vlmevalkit, url: 'https://a.org/b.tsv'}"
    (given / "benchmarks.yaml").write_text(f"mmstar: {mirror}\nfew: {mirror}\n", "utf-8")
    assert known_benchmarks(data_folders(None))["few"].settings == {"temperature": 0.5}
    both = known_benchmarks(data_folders(given))
    assert both["mmstar"].url == both["few"].url == "https://a.org/b.tsv"  # --data comes first
    assert both["realworldqa"] == known_benchmarks()["realworldqa"]
    write_mmstar(own / "Few.tsv")
    engine = Sayer("0")
    monkeypatch.setattr("robust_r1.engine.load_engine", lambda *a, **k: engine)
    for data, name in (("few", "by name"), (str(own / "Few.tsv"), "by path")):
        run = tmp_path / name
        assert main(["evaluate", data, "-o", str(run), "--levels", "clean"]) == 0
        head = json.loads((run / "run.json").read_text("utf-8"))
        assert head["benchmark"] == "Few" and head["terms"]["file"] == "Few.tsv"
        assert head["settings"]["temperature"] == 0.5
