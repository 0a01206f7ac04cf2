"""One run by several processes: who of them does what, and how they know of one another.

`accelerate launch` and `torchrun` start the same command as often as there are ranks, and tell each
its number. Rank 0 writes the run's own lines. Each other rank writes `parts/RANK.jsonl` in the
run's folder, which all must see; at the end rank 0 puts all lines into the run's order and removes
the parts. A rank holds a lock as long as it lives, so the others see when it died, and nobody waits
for what cannot come.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from robust_r1.errors import InputError, ModelError
from robust_r1.evaluation.lock import held, is_held

PARTS = "parts"
BEGIN = 600.0  # seconds in which every rank must have begun: the slowest still loads its weights
_LOOK = 0.1  # seconds between looks at the others
_TAKEN = 2.0  # seconds in which a lock that others look at is had


@dataclass(frozen=True)
class Ranks:
    """Say which of how many processes this one is, from 0."""

    rank: int = 0
    size: int = 1

    def has(self, batch: int) -> bool:
        """Tell whether a batch, by its number from 0, is this rank's."""
        return batch % self.size == self.rank


def ranks_of(environ: Mapping[str, str]) -> Ranks:
    """Read what a launcher says in RANK and WORLD_SIZE; one process alone where it says nothing.

    Raises:
        InputError: numbers that cannot be.
    """
    told = environ.get("RANK", "0"), environ.get("WORLD_SIZE", "1")
    rank, size = (int(one) if one.strip().isdecimal() else -1 for one in told)
    if not 0 <= rank < size:
        raise InputError(
            f"RANK is {told[0]!r} and WORLD_SIZE {told[1]!r}; start with accelerate launch, or "
            "unset both"
        )
    return Ranks(rank, size)


def part_files(run: Path) -> tuple[Path, ...]:
    """Return the files of rows that ranks left behind in a run's folder, in a fixed order."""
    return tuple(sorted((run / PARTS).glob("*.jsonl")))


def remove_parts(run: Path) -> None:
    """Remove what ranks left behind, once its rows are in the run."""
    for pattern in ("*.done", "*.jsonl", "*.lock"):
        for path in (run / PARTS).glob(pattern):
            with suppress(OSError):  # an open lock on Windows
                path.unlink()
    with suppress(OSError):
        (run / PARTS).rmdir()


class Company:
    """Know the other ranks of a run by its folder."""

    def __init__(self, run: Path, ranks: Ranks, begin: float = BEGIN) -> None:
        """Take the run's folder, and how many seconds a rank may take to begin."""
        self._run, self._ranks, self._begin = run, ranks, begin
        self._folder = run / PARTS
        self._start = time.monotonic()

    @property
    def own_file(self) -> Path:
        """Return the file that this rank, not 0, writes its rows to."""
        return self._folder / f"{self._ranks.rank}.jsonl"

    @contextmanager
    def present(self) -> Iterator[None]:
        """Be there, for the others to see, until the block ends.

        Raises:
            InputError: another process is this rank of this run.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._done(self._ranks.rank).unlink(missing_ok=True)
        self._lock(self._ranks.rank).touch()
        with held(self._folder, self._lock(self._ranks.rank).name, _TAKEN):
            yield

    def wait_for_main(self) -> None:
        """Wait until rank 0 has begun the run; raises ModelError where it does not come."""
        while not self._is_there(0):
            self._check_in_time(0)
            time.sleep(_LOOK)
        self.own_file.touch()

    def wait_for_the_others(self) -> None:
        """Wait until every other rank has done its share.

        Raises:
            ModelError: one of them ended before, or did not come.
        """
        missing = set(range(1, self._ranks.size))
        while missing:
            for rank in sorted(missing):
                if self._is_there(rank):
                    if self._done(rank).exists():
                        missing.discard(rank)
                elif self._has_begun(rank):
                    raise self._lost(rank)
                else:
                    self._check_in_time(rank)
            if missing:
                time.sleep(_LOOK)

    def wait_for_the_end(self) -> None:
        """Say that this rank has done its share, and wait until rank 0 has taken it over.

        Raises:
            ModelError: rank 0 ended before.
        """
        self._done(self._ranks.rank).touch()
        while self.own_file.exists():
            if not self._is_there(0) and self.own_file.exists():
                raise self._lost(0)
            time.sleep(_LOOK)

    def _is_there(self, rank: int) -> bool:
        return is_held(self._folder, self._lock(rank).name)

    def _has_begun(self, rank: int) -> bool:
        """Tell whether a rank has touched its part since rank 0 began, for which it waits."""
        part = self._folder / f"{rank}.jsonl"
        return part.exists() and part.stat().st_mtime >= self._lock(0).stat().st_mtime

    def _check_in_time(self, rank: int) -> None:
        if time.monotonic() - self._start > self._begin:
            raise ModelError(
                f"Rank {rank} of {self._ranks.size} is not there after {self._begin:g} s; see "
                f"that it runs and sees {self._run}, and start the same command again, which goes "
                "on."
            )

    def _lost(self, rank: int) -> ModelError:
        return ModelError(
            f"Rank {rank} of {self._ranks.size} ended before its share was done; all answers are "
            "kept: start the same command again, with as many ranks as you like, and it goes on."
        )

    def _lock(self, rank: int) -> Path:
        return self._folder / f"{rank}.lock"

    def _done(self, rank: int) -> Path:
        return self._folder / f"{rank}.done"
