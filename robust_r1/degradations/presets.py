"""Named plans: kinds of damage that people know."""

from robust_r1.degradations.plans import DegradationPlan


def _plan(text: str, seed: int) -> DegradationPlan:
    return DegradationPlan.parse(text, seed=seed)


PRESETS: dict[str, DegradationPlan] = {
    "rainy night drive": _plan("lens_flare=0.5,motion_blur=0.35,dirty_lens=0.4,darkness=0.6", 1),
    "old video tape": _plan("saturation=0.3,scan_lines=0.4,gaussian_noise=0.2", 2),
    "forwarded too often": _plan("jpeg_compression=0.9,sharpness_change=0.2", 3),
}
