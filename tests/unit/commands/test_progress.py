"""Claims about the line that says how far a run is."""

from robust_r1.commands.progress import BytesProgress, Progress


def test_the_rate_is_this_process_own_and_tells_the_remaining_time():
    times = iter([0.0, 10.0, 10.0, 10.0, 20.0])
    progress = Progress(960, clock=lambda: next(times))
    assert progress.words(48, 0, 960) == "48 of 960 cases"
    assert progress.words(80, 32, 960) == "80 of 960 cases, 3.2 a second, 4 min 35 s left"
    assert progress.words(960, 32, 960) == "960 of 960 cases, 3.2 a second"
    assert progress.words(64, 64, None) == "64 cases, 3.2 a second"


def test_a_total_that_nobody_knows_is_estimated_by_the_share_of_the_file():
    times = iter([0.0, 10.0, 10.0, 10.0, 40.0, 10.0])
    share = iter([0.001, 0.1, 0.1, 1.0, 0.1])
    progress = Progress(clock=lambda: next(times), share=lambda: next(share))
    assert progress.words(4, 4, None) == "4 cases, 0.4 a second"  # too little was read to tell
    told = "100 of about 1000 cases, 10.0 a second, about 1 min 30 s left"
    assert progress.words(100, 100, None) == told
    # Done by an earlier process counts for the share, and not for the rate.
    told = "100 of about 1000 cases, 1.0 a second, about 15 min 0 s left"
    assert progress.words(100, 10, None) == told
    assert progress.words(960, 960, None) == "960 of 960 cases, 24.0 a second"
    # A limit stands where the file has more.
    assert progress.words(100, 100, 400) == "100 of 400 cases, 10.0 a second, 30 s left"


def test_a_limit_beyond_the_end_of_the_file_is_no_total():
    times = iter([0.0, 10.0])
    progress = Progress(4000, clock=lambda: next(times), share=lambda: 0.5)
    assert progress.words(20, 20, 4000) == "20 of about 40 cases, 2.0 a second, about 10 s left"


def test_a_download_says_its_size_rate_and_remaining_time(capsys):
    times = iter([0.0, 1.0, 1.0, 1.1, 11.0, 11.0, 11.1, 11.1])
    progress = BytesProgress("MMStar.tsv", clock=lambda: next(times))
    progress.show(1_000_000, 0, 61_000_000)
    progress.show(1_500_000, 500_000, 61_000_000)  # a tenth of a second later: not written
    progress.show(12_000_000, 11_000_000, 61_000_000)
    progress.show(61_000_000, 60_000_000, 61_000_000)  # the end always is
    progress.end()
    lines = capsys.readouterr().err.split("\r")
    assert [line.strip() for line in lines[1:]] == [
        "MMStar.tsv: 1.0 of 61.0 MB",
        "MMStar.tsv: 12.0 of 61.0 MB, 1.0 MB a second, 49 s left",
        "MMStar.tsv: 61.0 of 61.0 MB, 5.4 MB a second",
    ]
    assert BytesProgress("a", clock=lambda: 2.0).words(5_000_000, 0, None) == "a: 5.0 MB"
