"""Find the project's own files: in a checkout and in an installed package alike.

A wheel carries what lies in the checkout's `assets/` (less its screenshots) inside the package.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# The folder that the project is used in, or None where it is installed as a package.
CHECKOUT = None if (_PACKAGE / "assets").is_dir() else _PACKAGE.parent

ASSETS = (CHECKOUT or _PACKAGE) / "assets"
EXAMPLES = ASSETS / "examples"
MODELS = ASSETS / "models"
BUNDLED_RUNS = ASSETS / "runs"
BUNDLED_TRAINING = BUNDLED_RUNS / "training"

# Where the user's own runs and notebook lie. An installed package lies among others, so there it is
# the folder that it is used from.
OWN_RUNS = (CHECKOUT or Path.cwd()) / "runs"
