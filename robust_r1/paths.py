"""Find the project's own files: in a checkout and in an installed package alike.

A wheel carries what lies in the checkout's `assets/` (less its screenshots) inside the package.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent
INSTALLED = (_PACKAGE / "assets").is_dir()

ASSETS = (_PACKAGE if INSTALLED else _CHECKOUT) / "assets"
EXAMPLES = ASSETS / "examples"
MODELS = ASSETS / "models"
BUNDLED_RUNS = ASSETS / "runs"

# Where the user's own runs and notebook lie. An installed package lies among others, so there it is
# the folder that it is used from.
OWN_RUNS = (Path.cwd() if INSTALLED else _CHECKOUT) / "runs"
