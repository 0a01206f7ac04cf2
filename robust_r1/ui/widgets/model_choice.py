"""Choose a model of the page by its name."""

from collections.abc import Mapping

from robust_r1.engine import Engine
from robust_r1.errors import InputError


def engine_of(engines: Mapping[str, Engine], name: str | None) -> Engine:
    """Return a model of the page; the first one where no name is given."""
    if not name:
        return next(iter(engines.values()))
    if name not in engines:
        raise InputError(
            f"the model {str(name)[:40]!r} is not loaded; choose {' or '.join(engines)}"
        )
    return engines[name]
