"""What people call the degradations that a chain names, those that a model made up included."""

from robust_r1.degradations.table import SPECS

UNKNOWN = "unknown"  # the stage of a name that is none of the sixteen
_LABEL = {spec.chain_name: spec.label for spec in SPECS}
_STAGE = {spec.chain_name: spec.stage for spec in SPECS}
_PLACE = {spec.chain_name: place for place, spec in enumerate(SPECS)}


def label_of(chain_name: str) -> str:
    """Return the label of a degradation by its name in chains; of another name, the name itself."""
    return _LABEL.get(chain_name, chain_name)


def stage_of(chain_name: str) -> str:
    """Return the stage of a degradation by its name in chains; of another name, `UNKNOWN`."""
    return _STAGE.get(chain_name, UNKNOWN)


def place_of(chain_name: str) -> tuple[int, str]:
    """Return a sort key: names in the order of the table, then the others by the alphabet."""
    return _PLACE.get(chain_name, len(SPECS)), chain_name
