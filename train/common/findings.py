"""What completions say of damage, against the true chains: figures by degradation."""

from collections.abc import Iterable

from robust_r1.chain import parse
from robust_r1.degradations import SPECS
from robust_r1.metrics import Matching, match_visible, pool


def matching_of(completion: str, solution: str) -> Matching:
    """Match what a completion finds to what its true chain finds, as evaluation does."""
    found, true = (parse(text).chain.findings for text in (completion, solution))
    return match_visible(found, true)


def finding_figures(matchings: Iterable[Matching], place: str) -> dict[str, float]:
    """Return precision, recall, F1 and intensity error, over all findings and by degradation.

    Args:
        matchings: of the completions that count.
        place: what the keys begin with, such as "findings": `findings/lens_blur/f1`.

    Returns:
        What can be measured: no recall of what was never there, nothing of a degradation that was
        neither there nor found. `true` counts true findings.
    """
    whole = pool(matchings)
    parts = {"all": whole, **{spec.id: _only(whole, spec.chain_name) for spec in SPECS}}
    return {
        f"{place}/{id}/{name}": round(value, 4)
        for id, part in parts.items()
        if part != Matching()
        for name, value in _figures(part).items()
        if value is not None
    }


def _only(whole: Matching, name: str) -> Matching:
    return Matching(
        tuple(match for match in whole.matched if match[0] == name),
        tuple(one for one in whole.false_alarms if one == name),
        tuple(one for one in whole.misses if one == name),
    )


def _figures(part: Matching) -> dict[str, float | None]:
    return {
        "precision": part.precision,
        "recall": part.recall,
        "f1": part.f1,
        "mae": part.mae,
        "true": len(part.matched) + len(part.misses),
    }
