"""What several folders of unit tests share: a model that measures light, and a case for it."""

import pytest


@pytest.fixture
def light(picture):
    """Return a model that perceives darkness on the small picture by measuring."""
    # Where it is wanted: most tests need no engine and do not wait for its imports.
    from tests.support.light_meter import LightMeter

    return LightMeter(float(picture.mean()))


@pytest.fixture
def bright(picture):
    """Return the question whether the small picture is bright, which it is."""
    from robust_r1.ask.case import Case
    from robust_r1.ask.picture import Picture

    return Case(Picture(draw=lambda: picture), question="Is it bright?", truth="yes")
