"""Contract of the compiled module. Exceptions and policy are Python's; bytes are Rust's."""

from typing import final

class WireError(ValueError):
    """A message that cannot be used. `args` is (status, reason, where): what to answer and why.

    status: 400-class code fit for the answer, or 0 where only dropping is right.
    where: the header or part at fault, e.g. "Content-Length", "start-line", "Via".
    """

    status: int
    reason: str
    where: str

MAX_MESSAGE: int
"""Largest message accepted, in bytes (65535)."""

@final
class Message:
    """A SIP request or response. Headers that nobody touches keep their bytes and their order.

    Names are matched without case and compact forms equal long ones (RFC 3261 section 7.3.3).
    Text is UTF-8 with surrogateescape, so unknown bytes survive. Folded lines read as one line.
    """

    @staticmethod
    def parse(data: bytes, /) -> Message: ...
    @staticmethod
    def request(method: str, uri: str, /) -> Message: ...
    @staticmethod
    def response(status: int, reason: str, /) -> Message: ...
    @property
    def is_request(self) -> bool: ...
    @property
    def method(self) -> str:
        """The request's method; for a response the method in CSeq ("" when unreadable)."""

    uri: str
    """Request-URI ("" in a response)."""
    @property
    def status(self) -> int:
        """Status code; 0 in a request."""

    @property
    def reason(self) -> str: ...
    body: bytes
    """Setting it sets Content-Length, and removes Content-Type when empty."""

    @property
    def call_id(self) -> str: ...
    @property
    def cseq(self) -> int:
        """The number in CSeq; -1 when missing or unreadable."""

    @property
    def from_tag(self) -> str:
        """"" when there is none."""

    @property
    def to_tag(self) -> str: ...
    @property
    def top_via(self) -> Via | None: ...
    def validate(self) -> None:
        """Raises WireError unless the mandatory headers are there once and well formed.

        RFC 3261 section 8.1.1: To, From, CSeq (method equals), Call-ID, Max-Forwards 0-255 where
        present, Via; Content-Length not beyond the body; SIP/2.0 (else 505); URI scheme readable.
        """

    def get(self, name: str, /) -> str | None:
        """The first header line of that name, unfolded and trimmed."""

    def all(self, name: str, /) -> list[str]:
        """Every header line of that name."""

    def values(self, name: str, /) -> list[str]:
        """Every value: lines split at commas outside quotes and angle brackets."""

    def headers(self) -> list[tuple[str, str]]:
        """(long name, value) in order."""

    def set(self, name: str, value: str, /) -> None:
        """Put the value where the first line of that name stood (else at the end), drop the rest."""

    def set_all(self, name: str, values: list[str], /) -> None:
        """The same with one line a value; an empty list removes."""

    def add(self, name: str, value: str, /) -> None:
        """After the last line of that name, else at the end."""

    def prepend(self, name: str, value: str, /) -> None:
        """Before the first line of that name, else as the first header."""

    def pop(self, name: str, /) -> str | None:
        """Remove and return the first value (not the line: the other values of it stay)."""

    def remove(self, name: str, /) -> int:
        """Remove every line of that name, return how many there were."""

    def copy(self) -> Message: ...
    def to_bytes(self) -> bytes: ...

@final
class Uri:
    """A SIP, SIPS or TEL URI (RFC 3261 section 19.1, RFC 3966). Immutable; text as given is kept."""

    @staticmethod
    def parse(text: str, /) -> Uri: ...
    @staticmethod
    def build(
        host: str,
        *,
        user: str | None = None,
        port: int | None = None,
        scheme: str = "sip",
        params: list[tuple[str, str | None]] | None = None,
    ) -> Uri: ...
    @property
    def scheme(self) -> str: ...
    @property
    def user(self) -> str | None:
        """Unescaped user part (tel: the number)."""

    @property
    def host(self) -> str:
        """Without brackets, as written."""

    @property
    def port(self) -> int | None: ...
    @property
    def params(self) -> list[tuple[str, str | None]]: ...
    @property
    def headers(self) -> str: ...
    def param(self, name: str, /) -> str | None:
        """"" for a parameter without value, None for an absent one."""

    def with_param(self, name: str, value: str | None, /) -> Uri: ...
    def without_param(self, name: str, /) -> Uri: ...
    def with_host(self, host: str, port: int | None, /) -> Uri: ...
    def equivalent(self, other: Uri, /) -> bool:
        """RFC 3261 section 19.1.4."""

@final
class NameAddr:
    """Name, address and header parameters: From, To, Contact, Route, ... (RFC 3261 section 20.10)."""

    @staticmethod
    def parse(text: str, /) -> NameAddr: ...
    @staticmethod
    def build(
        uri: Uri, *, display: str = "", params: list[tuple[str, str | None]] | None = None
    ) -> NameAddr: ...
    @property
    def display(self) -> str:
        """Unquoted display name, "" when there is none."""

    @property
    def uri(self) -> Uri: ...
    @property
    def params(self) -> list[tuple[str, str | None]]: ...
    def param(self, name: str, /) -> str | None: ...
    def with_uri(self, uri: Uri, /) -> NameAddr:
        """Display name and header parameters keep their bytes."""

    def with_param(self, name: str, value: str | None, /) -> NameAddr: ...
    def without_param(self, name: str, /) -> NameAddr: ...

@final
class Via:
    """One Via value (RFC 3261 section 20.42)."""

    @staticmethod
    def parse(text: str, /) -> Via: ...
    @property
    def transport(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def branch(self) -> str:
        """"" when there is none."""

    def param(self, name: str, /) -> str | None: ...
    def with_param(self, name: str, value: str | None, /) -> Via: ...

@final
class StreamFramer:
    """Cuts a TCP or TLS byte stream into messages (RFC 3261 section 18.3, RFC 5626 section 3.5.1)."""

    MESSAGE: int
    PING: int
    PONG: int
    def __init__(self, max_message: int = 65535) -> None: ...
    def feed(self, data: bytes, /) -> list[tuple[int, bytes]]:
        """(kind, bytes) in order: a whole message, CRLFCRLF (ping) or CRLF (pong).

        Raises WireError when the stream cannot be followed any more (no or bad Content-Length,
        header part or message too large): answer if status is not 0, then close.
        """

    @property
    def buffered(self) -> int:
        """Bytes of an unfinished message now held."""
