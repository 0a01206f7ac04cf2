"""Fetch a model from the hub, or find it in the local cache; what goes wrong is one sentence."""

import io
from collections.abc import Callable
from pathlib import Path

from robust_r1.errors import ModelError

Progress = Callable[[float, str], object]

# Everything a checkpoint needs, and nothing that can run code.
_FILES = ["*.json", "*.safetensors", "*.txt", "*.jinja"]
_TIMEOUT = 10.0  # seconds to wait for the hub's first word


def fetch(source: str, report: Progress, start: float = 0.0, end: float = 1.0) -> Path:
    """Return the folder of a hub model; the download moves `report` from `start` to `end`.

    Raises ModelError: a hub that cannot be reached, no such model, one with terms to accept.
    """
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    bar = reporting_bar(report, start, end, f"Fetching {source}")
    try:
        return Path(
            snapshot_download(
                source, allow_patterns=_FILES, etag_timeout=_TIMEOUT, tqdm_class=bar
            )
        )
    except GatedRepoError as error:
        raise ModelError(
            f"The hub wants you to accept the terms of {source}; do so there and log in."
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"The hub has no model {source}; check the name.") from error
    except HFValidationError as error:
        raise ModelError(f"{source} is neither a folder nor a hub id; check the name.") from error
    except (OSError, httpx.HTTPError) as error:
        raise ModelError(
            f"{source} is not on this machine and the hub could not be reached; connect to the "
            "network or choose a bundled model."
        ) from error


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
