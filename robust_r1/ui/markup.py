"""The page's way to the one function that escapes; reports use it too, so it lives below both."""

from robust_r1.markup import escape

__all__ = ["escape"]
