"""Fetch a model from the hub, or find a data set's files there; what goes wrong is one sentence.

The hub's client is told by HF_ENDPOINT where the hub is, and by HF_HUB_OFFLINE to leave it alone.
"""

import errno
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from robust_r1.errors import InputError, ModelError, RobustR1Error

Progress = Callable[[float, str], object]

# Everything a checkpoint needs, and nothing that can run code.
_FILES = ["*.json", "*.safetensors", "*.txt", "*.jinja"]
_TIMEOUT = 10.0  # seconds to wait for the hub's first word
_SHA256 = 64  # hex digits; of a file in large-file storage the hub's ETag is this
_LATER = "try again when it can."
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def fetch(source: str, report: Progress, start: float = 0.0, end: float = 1.0) -> Path:
    """Return the folder of a hub model; the download moves `report` from `start` to `end`.

    Raises:
        ModelError: a hub that cannot be reached, no such model, one with terms to accept or without
            safetensors, a download that was cut off, a full disk.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    reached = start

    def noting(share: float, words: str) -> None:
        nonlocal reached
        reached = max(reached, share)
        report(share, words)

    bar = reporting_bar(noting, start, end, f"Fetching {source}")
    mend = f"connect to the network and run `hf download {source}`, or choose a bundled model."
    try:
        with _said(source, "model", ModelError, mend), _cut_off(source, lambda: reached > start):
            folder = Path(
                snapshot_download(
                    source, allow_patterns=_FILES, etag_timeout=_TIMEOUT, tqdm_class=bar
                )
            )
    except HFValidationError as error:
        raise ModelError(f"{source} is neither a folder nor a hub id; check the name.") from error
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{source} has no weights as safetensors on the hub, and others, which can run code, "
            "are never read; choose another model."
        )
    return folder


@contextmanager
def _cut_off(source: str, begun: Callable[[], bool]) -> Iterator[None]:
    """Tell what ends a download from a hub that never answered, or that has no such thing."""
    from huggingface_hub import constants
    from huggingface_hub.errors import RepositoryNotFoundError

    # Xet, by which the hub's client fetches, raises RuntimeError.
    ends: tuple[type[Exception], ...] = (RuntimeError, *_network_errors())
    try:
        yield
    except RepositoryNotFoundError:
        raise
    except ends as error:
        if getattr(error, "errno", None) in _NO_ROOM or "no space left" in str(error).lower():
            raise ModelError(
                f"The disk is full, so {source} could not be fetched whole; make room where "
                f"{constants.HF_HUB_CACHE} lies, or name a folder on another disk in HF_HOME."
            ) from error
        if not begun():
            raise
        raise ModelError(
            f"The download of {source} was cut off; ask again: what came whole stays."
        ) from error


@dataclass(frozen=True)
class HubFile:
    """Describe a file of a data set on the hub.

    Attributes:
        path: within the data set.
        size: in bytes; None where the hub does not say.
        sha256: in hex; empty of a small file, which the hub keeps another way.
        url: where it lies, in the very state that was looked at.
        headers: what a request needs, the user's own leave included.
    """

    path: str
    size: int | None
    sha256: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def data_file(repo: str, path: str, revision: str = "main") -> HubFile:
    """Look a file of a data set up.

    Raises:
        InputError: the hub cannot be reached, has no such data set, revision or file, or wants its
            terms accepted.
    """
    from huggingface_hub import get_hf_file_metadata, get_token
    from huggingface_hub.utils import build_hf_headers

    url = _data_url(repo, path, revision)
    with _said(repo, "data set", InputError, _LATER):
        told = get_hf_file_metadata(url, token=get_token(), timeout=_TIMEOUT)
    sha256 = told.etag if told.etag and len(told.etag) == _SHA256 else ""
    fixed = _data_url(repo, path, told.commit_hash or revision)
    return HubFile(path, told.size, sha256, fixed, build_hf_headers())


def data_files(repo: str, revision: str = "main") -> tuple[HubFile, ...]:
    """List the files of a data set, in all its folders.

    Raises:
        InputError: as `data_file` does.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile
    from huggingface_hub.utils import build_hf_headers

    with _said(repo, "data set", InputError, _LATER):
        tree = HfApi().list_repo_tree(repo, recursive=True, repo_type="dataset", revision=revision)
        found = [one for one in tree if isinstance(one, RepoFile)]
    headers = build_hf_headers()
    return tuple(
        HubFile(
            *(one.path, one.size, one.lfs.sha256 if one.lfs else ""),
            _data_url(repo, one.path, revision),
            headers,
        )
        for one in found
    )


def _data_url(repo: str, path: str, revision: str) -> str:
    from huggingface_hub import hf_hub_url

    return hf_hub_url(repo, path, repo_type="dataset", revision=revision)


@contextmanager
def _said(source: str, kind: str, error_type: type[RobustR1Error], mend: str) -> Iterator[None]:
    """Turn what goes wrong between here and the hub into one sentence."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise error_type(
            f"The hub wants you to accept the terms of {source}; do so there and log in."
        ) from error
    except RepositoryNotFoundError as error:
        raise error_type(f"The hub has no {kind} {source}; check the name.") from error
    except RevisionNotFoundError as error:
        raise error_type(f"The hub's {kind} {source} has no such revision; check it.") from error
    except LocalEntryNotFoundError as error:
        raise _unreached(source, error_type, mend) from error
    except EntryNotFoundError as error:
        raise error_type(f"The hub's {kind} {source} has no such file; look there.") from error
    except _network_errors() as error:
        raise _unreached(source, error_type, mend) from error


def _network_errors() -> tuple[type[Exception], ...]:
    # Which library the client asks with depends on its version; what that library raises when the
    # line is cut is no error of the client's, and no OSError.
    import httpx
    from huggingface_hub.errors import HfHubHTTPError

    theirs = (kind for kind in HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError")
    return (OSError, httpx.HTTPError, *theirs)


def _unreached(source: str, error_type: type[RobustR1Error], mend: str) -> RobustR1Error:
    return error_type(f"{source} is not on this machine and the hub could not be reached; {mend}")


def reporting_bar(report: Progress, start: float, end: float, words: str) -> type:
    """Make a progress bar that prints nothing and reports its share between `start` and `end`."""
    from tqdm.auto import tqdm

    class ReportingBar(tqdm):
        def __init__(self, *args, **options):
            for own in ("name", "disable", "file"):
                options.pop(own, None)
            super().__init__(*args, **options, file=io.StringIO())

        def update(self, n=1):
            shown = super().update(n)
            if self.total:
                share = min(1.0, self.n / self.total)
                report(start + (end - start) * share, f"{words}, {share:.0%}")
            return shown

    return ReportingBar
