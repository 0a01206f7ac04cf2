"""What is wrong with several pictures at once: a strip to take them from, and what is left out."""

from robust_r1.ask.perceive import Perceived
from robust_r1.ask.picture import Picture
from robust_r1.chain import Finding
from robust_r1.ui.widgets.first_look import perceived_strip

BLUR, NOISE = Finding("lens blur", 0.4), Finding("noise", 0.2)


def seen(name, findings):
    return Perceived(name, Picture(path=name), 4, 3, findings)


def unread(name):
    return Perceived(name, Picture(path=name), problem="It is a letter.")


def test_a_strip_shows_the_first_finding_of_each_picture_that_can_be_read():
    rows = [seen("a.png", (BLUR, NOISE)), unread("b.txt"), seen("c.png", ()), seen("d.png", None)]
    drawn = perceived_strip(rows, ["<img>", "", "<img>", "<img>"])
    cards = drawn.split("<li>")[1:]
    assert len(cards) == 3
    assert "a.png" in cards[0] and "Lens blur" in cards[0] and "Noise" not in cards[0]
    assert 'data-index="2"' in cards[1] and "nothing found" in cards[1]
    assert "not looked at" in cards[2]


def test_a_strip_names_those_that_cannot_be_read():
    one, three = ([unread(f"<{name}>") for name in names] for names in ("b", "bcd"))
    assert "&lt;b&gt; cannot be read" in perceived_strip(one, [""])
    assert "&lt;b&gt;, &lt;c&gt; and &lt;d&gt; cannot be read" in perceived_strip(three, [""] * 3)
    assert "cannot be read" not in perceived_strip([seen("a.png", ())], ["<img>"])
