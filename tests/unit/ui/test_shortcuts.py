"""The keys of the page and their buttons."""

from robust_r1.ui import build_ui
from robust_r1.ui.shortcuts import KEYS, key_of
from tests.support.scripted_engine import ScriptedEngine


def test_every_key_stands_for_one_thing_and_its_buttons_are_on_the_page():
    assert len({one.key for one in KEYS}) == len(KEYS)
    ids = {block.elem_id for block in build_ui([ScriptedEngine()]).blocks.values()}
    pressed = [button for one in KEYS for button in one.buttons]
    assert len(set(pressed)) == len(pressed) and set(pressed) <= ids
    starts = {id for id in ids if id and id.endswith(("-start", "-stop", "-leave"))}
    assert starts <= set(pressed)
    assert key_of("next-case") == "n" and key_of("copy-link") == ""
