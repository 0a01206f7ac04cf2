"""What answers cost, in tokens and seconds, by how strongly their pictures are damaged."""

from collections.abc import Sequence
from dataclasses import dataclass

from robust_r1.analysis.entries import Entry, in_order
from robust_r1.metrics import Figure, average

# Total intensities up to and with the upper bound; the first is the undamaged picture.
_BANDS = (("none", 0.0), ("up to .25", 0.25), ("up to .5", 0.5), ("up to 1", 1.0),
          ("up to 2", 2.0), ("above 2", float("inf")))  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Average what one model's answers cost where the total intensity lies in a band."""

    model: str
    band: str
    tokens: Figure
    seconds: Figure


def costs(entries: Sequence[Entry]) -> tuple[Cost, ...]:
    """Compute the costs of each model by total intensity; unknown damage is left out."""
    found = []
    for model in in_order(entry.model for entry in entries):
        parts: dict[str, list[Entry]] = {name: [] for name, _ in _BANDS}
        for entry in entries:
            if entry.model == model and entry.row.known:
                parts[_band(entry.row.plan.total_intensity)].append(entry)
        for band, part in parts.items():
            if part:
                labels = [entry.row.cluster for entry in part]
                tokens, seconds = (
                    average([float(value) for value in values], labels)
                    for values in zip(
                        *((entry.row.tokens, entry.row.seconds) for entry in part), strict=True
                    )
                )
                found.append(Cost(model, band, tokens, seconds))
    return tuple(found)


def _band(total: float) -> str:
    # Intensities have two decimals; their sums, some more.
    return next(name for name, most in _BANDS if round(total, 6) <= most)
