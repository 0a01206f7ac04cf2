"""Models that load while the page is there already."""

import gc
import threading

from robust_r1.engine.lazy import LazyEngine
from robust_r1.engine.pool import start_loading
from tests.support.scripted_engine import ScriptedEngine


def test_what_was_built_is_left_to_itself_by_the_garbage_collector():
    engine = ScriptedEngine(note="here")
    lazy = LazyEngine(engine.info, lambda report: engine)
    frozen = gc.get_freeze_count()
    try:
        start_loading([lazy])
        for thread in threading.enumerate():
            if thread.name == "loading":
                thread.join()
        assert not lazy.loading and lazy.note == "here"
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
