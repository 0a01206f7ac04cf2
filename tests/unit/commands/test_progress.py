"""Claims about the line that says how far a run is."""

from robust_r1.commands.progress import Progress


def test_the_rate_is_this_process_own_and_tells_the_remaining_time():
    times = iter([0.0, 10.0, 10.0, 10.0, 20.0])
    progress = Progress(960, clock=lambda: next(times))
    assert progress.words(48, 0, 960) == "48 of 960 cases"
    assert progress.words(80, 32, 960) == "80 of 960 cases, 3.2 a second, 4 min 35 s left"
    assert progress.words(960, 32, 960) == "960 of 960 cases, 3.2 a second"
    assert progress.words(64, 64, None) == "64 cases, 3.2 a second"
