"""Fingers on a phone's screen: touches as a browser gets them from one, not as a script makes them.

Only those scroll, and only of those a browser itself makes clicks and values of sliders.
"""

from playwright.sync_api import CDPSession, Locator, Page

from tests.support.page_driver import PHONE, pass_frames

TOUCH = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
_STEPS = 10
_SWIPE = 160  # pixels
_SETTLED = 6  # frames after which what a finger did is on the page


class Finger:
    """Move one finger over a page; make it once for a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._protocol: CDPSession = page.context.new_cdp_session(page)

    def drag(self, begin: tuple[float, float], by: tuple[float, float]) -> None:
        """Come down at a point of the window, move by some pixels, and leave."""
        self._send("touchStart", begin)
        for step in range(1, _STEPS + 1):
            moved = (begin[0] + by[0] * step / _STEPS, begin[1] + by[1] * step / _STEPS)
            self._send("touchMove", moved)
        self._send("touchEnd")
        pass_frames(self.page, _SETTLED)

    def tap(self, point: tuple[float, float]) -> None:
        """Come down at a point of the window, and leave."""
        self._send("touchStart", point)
        self._send("touchEnd")
        pass_frames(self.page)

    def swipe(self, begin: tuple[float, float]) -> float:
        """Swipe up, or down at the page's end; return how far that scrolled, in pixels."""
        before, room = self.page.evaluate(
            "[scrollY, document.documentElement.scrollHeight - innerHeight - scrollY]"
        )
        self.drag(begin, (0, -_SWIPE if room > 2 * _SWIPE else _SWIPE))
        return abs(self.page.evaluate("scrollY") - before)

    def _send(self, kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y} for x, y in points]
        self._protocol.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


def point_on(place: Locator, across: float = 0.7) -> tuple[float, float]:
    """Bring an element to the middle of the window; return a point on it, `across` of its width."""
    place.evaluate("place => place.scrollIntoView({block: 'center', behavior: 'instant'})")
    pass_frames(place.page, 2)
    box = place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * across, box["y"] + box["height"] / 2
