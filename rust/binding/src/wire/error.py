"""The exception of `farline._core`; Rust makes the class from this text when it is imported."""


class WireError(ValueError):
    """A message that cannot be used; see farline/_core.pyi."""

    def __init__(self, status: int, reason: str, where: str, head: bytes = b"") -> None:
        super().__init__(status, reason, where)
        self.status = status
        self.reason = reason
        self.where = where
        self.head = head

    def __str__(self) -> str:
        return f"{self.status} {self.reason} ({self.where})"
