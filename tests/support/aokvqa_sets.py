"""Build data sets of A-OKVQA as a user would, and read what came out."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robust_r1.records import Record, read_records
from train import make_data


def build(flags: list[str], folder: Path, status: int = 0) -> None:
    """Run the command in this process; it must end with a status."""
    assert make_data.main([*flags, "-o", str(folder)]) == status


def by(server) -> list[str]:
    """Return the flags that make a server the annotator."""
    return ["--annotator", "llm", "--endpoint", server.address]


def records(folder: Path, split: str = "train") -> list[Record]:
    """Read the records of a split."""
    return read_records(folder / f"{split}.jsonl")


def samples(folder: Path) -> list[Record]:
    """Read the records of both splits."""
    return [*records(folder), *records(folder, "validation")]


def rejects(folder: Path) -> list[dict]:
    """Read what was rejected."""
    return [json.loads(line) for line in (folder / "rejects.jsonl").read_text().splitlines()]


def same(one: Path, other: Path) -> None:
    """Make sure that two folders hold the same samples and pictures, to the byte."""
    assert [(path.name, path.read_bytes()) for path in contents(one)] == [
        (path.name, path.read_bytes()) for path in contents(other)
    ]


def contents(folder: Path) -> list[Path]:
    """Return the files that a set consists of."""
    return sorted([*folder.glob("images/*"), *folder.glob("[tv]*.jsonl")])


def one_line(capsys) -> str:
    """Return what was complained of, which must be one line."""
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


@contextmanager
def small_files(most: int) -> Iterator[None]:
    """Let no file grow beyond some bytes, as a full disk would not."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
