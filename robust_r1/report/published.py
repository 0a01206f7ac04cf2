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

ROBUST_R1_PAPER = "Robust-R1 (arXiv 2512.17532)"
# Tables of that paper. Absolute robustness on R-Bench: MCQ, VQA and CAP at low, mid and high, then
# over all items; its judges are not ours.
R_BENCH: Mapping[str, tuple[float | None, ...]] = {
    "Qwen2.5-VL-3B": (.6411, .6022, .5732, .4872, .4854, .4904, .3778, .3704, .3330, .4845),
    "Robust-R1 SFT": (.6176, .6087, .5610, .4804, .4836, .5012, .4080, .3858, .3518, .4886),
    "Robust-R1 SFT+RL": (.6529, .6391, .6097, .4914, .4909, .4980, .4068, .3781, .3484, .5017),
    "w/o reasoning": (.6588, .5901, .4756, .4905, .4900, .4862, .2901, .2673, .2758, .4471),
    "w/o r_deg": (.6647, .6398, .5505, .4912, .4894, .5056, .3684, .3578, .3248, .4880),
    "w/o r_len": (.6647, .6354, .5975, .4904, .4887, .4877, .3656, .3678, .3189, .4907),
}  # fmt: skip
# Accuracy in percent, clean and under one random degradation a picture at 25, 50 and 100.
CORRUPTED: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "MMMB": {
        "Qwen2.5-VL-3B": (80.60, 79.19, 78.68, 74.50),
        "Robust-R1 SFT": (80.85, 79.45, 78.68, 74.94),
        "Robust-R1 SFT+RL": (81.41, 79.49, 79.04, 75.35),
    },
    "MMStar": {
        "Qwen2.5-VL-3B": (54.73, 52.90, 51.86, 48.66),
        "Robust-R1 SFT": (55.20, 53.00, 51.86, 49.53),
        "Robust-R1 SFT+RL": (56.86, 54.40, 53.60, 49.53),
    },
    "RealWorldQA": {
        "Qwen2.5-VL-3B": (65.22, 64.96, 63.39, 60.65),
        "Robust-R1 SFT": (68.23, 67.58, 67.32, 63.92),
        "Robust-R1 SFT+RL": (67.71, 66.40, 67.05, 63.26),
    },
}
