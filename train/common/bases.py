"""What of a base is adapted, and what it must have; known without any trainer."""

import re

from robust_r1.errors import InputError

# Projections of the language model's layers; those of the vision tower have other parents.
TARGETS = (
    r".*(?:language_model|text_model)\.(?:.*\.)?layers\.\d+\.(?:self_attn|mlp)\."
    r"(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
)

# The language model and the head; what looks at pictures, and the merger, have other names.
LANGUAGE = re.compile(r"(?:.*\.)?(?:language_model|text_model|lm_head)\..*")


def refuse_adapter(name: str) -> InputError:
    """Return the error for an adapter that whole weights were to be trained of."""
    return InputError(
        f"{name} is an adapter, and finetuning=full trains whole weights; merge it first: "
        f"python -m train.merge {name} -o {name.rstrip('/')}-merged"
    )
