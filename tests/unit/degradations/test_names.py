"""Claims about what people call the degradations that a chain names."""

import pytest

from robust_r1.degradations import SPECS, label_of, place_of, stage_of


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_a_name_in_a_chain_has_the_label_and_stage_of_the_table(spec):
    assert (label_of(spec.chain_name), stage_of(spec.chain_name)) == (spec.label, spec.stage)


def test_a_name_that_a_model_made_up_stands_for_itself_and_last():
    assert (label_of("gremlins"), stage_of("gremlins")) == ("gremlins", "unknown")
    names = ["gremlins", *(spec.chain_name for spec in reversed(SPECS)), "elves"]
    wanted = [*(spec.chain_name for spec in SPECS), "elves", "gremlins"]
    assert sorted(names, key=place_of) == wanted
