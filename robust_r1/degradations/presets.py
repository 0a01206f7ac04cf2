"""Named plans: kinds of damage that people know. Names are in lower case, seeds are fixed."""

from robust_r1.degradations.plans import DegradationPlan

_PLANS = {
    "rainy night drive": "lens_flare=0.45,motion_blur=0.3,dirty_lens=0.4,darkness=0.55",
    "old video tape": "saturation=0.3,scan_lines=0.3,gaussian_noise=0.15,color_diffusion=0.6",
    "forwarded too often": "jpeg_compression=0.93,sharpness_change=0.15,watermark_damage=0.3",
    "security camera, 3 am": (
        "jpeg_compression=0.75,scan_lines=0.12,darkness=0.7,gaussian_noise=0.3"
    ),
    "heat over the road": "lens_flare=0.25,saturation=0.2,atmospheric_turbulence=0.35",
    "shoebox photograph": (
        "lens_blur=0.15,dirty_lens=0.25,saturation=0.55,color_diffusion=0.3"
    ),
    "forgotten glasses": "lens_blur=0.55",
    "shaky selfie": "lens_flare=0.3,motion_blur=0.6,gaussian_noise=0.12",
    "against the sun": "lens_flare=0.85,saturation=0.25",
    "bus stop window": "dirty_lens=0.35,saturation=0.15,graffiti=0.7",
    "broken download": "jpeg_compression=0.9,block_exchange=0.6",
    "borrowed stock photo": "jpeg_compression=0.7,sharpness_change=0.15,watermark_damage=0.85",
    "cheap phone zoom": "mean_shift=0.7,gaussian_noise=0.08,sharpness_change=0.3",
    "bad antenna": (
        "block_exchange=0.2,scan_lines=0.45,gaussian_noise=0.3,color_diffusion=0.4"
    ),
    "telescope in July": "lens_blur=0.15,atmospheric_turbulence=0.25,gaussian_noise=0.15",
}

PRESETS: dict[str, DegradationPlan] = {
    name: DegradationPlan.parse(text, seed=seed)
    for seed, (name, text) in enumerate(_PLANS.items(), start=1)
}
