"""Figures that others have printed, to be set beside measured ones and marked as theirs."""

from collections.abc import Mapping

LLAVA = "LLaVA-1.5"
# R-Bench's own figures of LLaVA-1.5, by split and part. Source: its repository's script, which
# computes them from the three tables in result/; some cells by strength of its README are swapped.
LLAVA_ABSOLUTE: Mapping[tuple[str, str], float] = {
    ("task", "mcq"): 0.4364,
    ("task", "vqa"): 0.5980,
    ("task", "cap"): 0.3455,
    ("strength", "low"): 0.4679,
    ("strength", "mid"): 0.4398,
    ("strength", "high"): 0.4721,
}
LLAVA_RELATIVE: Mapping[tuple[str, str], float] = {
    ("task", "mcq"): 0.3758,
    ("task", "vqa"): 0.4920,
    ("task", "cap"): 0.1896,
}
# Absolute robustness over all of R-Bench, as the papers about these models print it.
ABSOLUTE_OVERALL: Mapping[str, float] = {
    "Robust LLaVA": 0.183,
    "TeCoA": 0.359,
    "Robust CLIP": 0.372,
    "InternVL-4B": 0.471,
    "Qwen2.5-VL-3B": 0.485,
    "Robust-R1": 0.502,
    "BAGEL-7B": 0.577,
    "GPT-4o": 0.635,
    "Robust-U1": 0.740,
}
