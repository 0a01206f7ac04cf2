"""Start `transformers serve` for a checkpoint on a machine without torchvision.

The command reads processors through `AutoProcessor`, which needs to know the image-only one first.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from transformers.cli.transformers import app  # noqa: E402

from robust_r1.engine.processing import register_processor  # noqa: E402

if __name__ == "__main__":
    register_processor()
    app()
