"""A clock that a test moves."""


class Clock:
    """Seconds since it was made, as a monotonic clock tells them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        """Lets time go by."""
        self.now += seconds
