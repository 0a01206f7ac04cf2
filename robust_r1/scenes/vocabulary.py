"""What a scene can contain: nouns, colors, places."""

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")
DIGITS = tuple(f"digit {number}" for number in range(10))
SIGNS = ("stop sign", "no entry sign", "warning sign", "left arrow sign", "right arrow sign")
NOUNS = SHAPES + DIGITS + SIGNS

# sRGB values far apart in hue or lightness, so that names stay exact on an undamaged picture.
COLORS = {
    "red": (214, 38, 38),
    "yellow": (242, 208, 36),
    "green": (36, 160, 64),
    "blue": (36, 84, 214),
    "purple": (150, 50, 180),
    "white": (246, 246, 246),
    "black": (18, 18, 18),
}

# Row by row, the cells of a 3 x 3 grid over the picture.
PLACES = (
    "top left", "top", "top right",
    "left", "center", "right",
    "bottom left", "bottom", "bottom right",
)  # fmt: skip

# Words, because a bare digit among numbered options could mean either.
COUNT_WORDS = ("zero", "one", "two", "three", "four")


def kind_of(noun: str) -> str:
    """Return "shape", "digit" or "sign" for a noun of `NOUNS`."""
    if noun in SHAPES:
        return "shape"
    return "digit" if noun in DIGITS else "sign"


def with_article(phrase: str) -> str:
    """Return the phrase behind its indefinite article: "a red circle"."""
    return f"an {phrase}" if phrase[0] in "aeiou" else f"a {phrase}"
