"""Contract of the compiled module. Exceptions and policy are Python's; bytes are Rust's."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, Self, TypeAlias, TypedDict, final, type_check_only

from typing_extensions import disjoint_base

# Types only: at run time this module imports nothing of ours.
from farline.sip.effects import Deadline, Send
from farline.sip.ids import Ids
from farline.sip.transaction.counters import Counters
from farline.sip.transaction.events import Event
from farline.sip.transaction.state import State
from farline.sip.transaction.timers import Manner, Timers
from farline.sip.transport import Address, Flow

__all__ = [
    "MAX_MESSAGE",
    "MAX_SDP",
    "MAX_SDP_LINE",
    "MAX_SDP_MEDIA",
    "BencodeError",
    "ClientTransaction",
    "Crossing",
    "Finder",
    "Message",
    "NameAddr",
    "Relay",
    "RelayError",
    "SdpFault",
    "ServerTransaction",
    "StreamFramer",
    "Transaction",
    "Transactions",
    "Uri",
    "Via",
    "WireError",
    "read_bencode",
    "read_sdp",
    "reason_phrase",
    "registered_phrase",
    "rewrite_sdp",
    "transaction_tables",
    "write_bencode",
]

class WireError(ValueError):
    """A message that cannot be used. `args` is (status, reason, where): what to answer and why.

    status: 400, 505 or 513, whichever fits the answer, or 0 where only dropping is right: not SIP,
    a response, an ACK, or an argument of ours that cannot be written (a line break in a value).
    where: the header or part at fault, e.g. "Content-Length", "start-line", "Via".
    head: from `StreamFramer` the header part of the message at fault, to answer it; else b"".
    Nothing in it is text of the peer.
    """

    status: int
    reason: str
    where: str
    head: bytes
    def __init__(self, status: int, reason: str, where: str, head: bytes = b"") -> None: ...

MAX_MESSAGE: int
"""Largest message accepted, in bytes (65535)."""

def reason_phrase(status: int, /) -> str:
    """The usual reason phrase; for an unknown code that of its class."""

def registered_phrase(status: int, /) -> str | None:
    """The phrase of RFC 3261 section 21, or of a later RFC that registers the code."""

@final
class Message:
    """A SIP request or response. Headers that nobody touches keep their bytes and their order.

    Names are matched without case and compact forms equal long ones (RFC 3261 section 7.3.3).
    Text is UTF-8 with surrogateescape, so unknown bytes survive. Folded lines read as one line.
    """

    @staticmethod
    def parse(data: bytes, /) -> Message:
        """Takes what can be answered, `validate` has the rest.

        Raises WireError for what is not SIP, an unreadable status line (both 0), more than
        MAX_MESSAGE bytes or 512 header lines (513). Bytes after Content-Length are dropped.
        """

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
        """Empty when there is none."""

    @property
    def to_tag(self) -> str: ...
    @property
    def top_via(self) -> Via | None: ...
    def validate(self) -> None:
        """Raises WireError unless the mandatory headers are there once and well formed.

        RFC 3261 section 8.1.1: To, From, CSeq (method equals), Call-ID, Max-Forwards 0-255 where
        present, the top Via; Content-Length not beyond the body; SIP/2.0 (else 505); the
        Request-URI (any scheme, SIP ones by their grammar); every line a header, ended by CRLF.
        The status is 0 for responses and ACK, which have no answer.
        """

    def get(self, name: str, /) -> str | None:
        """The first header line of that name, unfolded and trimmed."""

    def all(self, name: str, /) -> list[str]:
        """Every header line of that name."""

    def values(self, name: str, /) -> list[str]:
        """Every value: lines split at commas outside quotes and angle brackets.

        Empty values are left out. Headers that are no lists (RFC 3261 section 7.3.1: the digest
        headers, Date, Subject, ...) give one value a line; unknown headers are taken for lists.
        """

    def headers(self) -> list[tuple[str, str]]:
        """(long name, value) in order, without lines that are no headers."""

    def set(self, name: str, value: str, /) -> None:
        """Put the value where the first line of the name stood (else at the end), drop the rest."""

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

    def answer(
        self,
        status: int,
        reason: str,
        to_tag: str,
        headers: list[tuple[str, str]],
        body: bytes,
        content_type: str,
        /,
    ) -> Message:
        """The response to this request; see `farline.sip.responses.make`. Raises WireError."""

    def copy(self) -> Message: ...
    def to_bytes(self) -> bytes:
        """Untouched lines as they came, changed ones as `Name: value`; nothing is added."""

@final
class Uri:
    """A SIP, SIPS or TEL URI (RFC 3261 section 19.1, RFC 3966). Immutable; text as given is kept.

    Other schemes are kept as text, with "" for a host and no parameters. `str` gives the text, and
    `==` compares it (`equivalent` compares meanings). Parameters are read unescaped and escaped
    when written.
    """

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
        """Unescaped user part without password (tel: the number), None when there is none."""

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
        """Empty for a parameter without value, None for an absent one."""

    def with_param(self, name: str, value: str | None, /) -> Uri: ...
    def without_param(self, name: str, /) -> Uri: ...
    def with_host(self, host: str, port: int | None, /) -> Uri: ...
    def equivalent(self, other: Uri, /) -> bool:
        """RFC 3261 section 19.1.4."""

@final
class NameAddr:
    """Name, address and header parameters: From, To, Contact, Route, ... (RFC 3261 section 20.10).

    Immutable, `str` gives the text. Parameters are read without quotes and written with quotes
    where the value needs them. `*` (RFC 3261 section 10.2.2) is no address.
    """

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
        """Empty when there is none."""

    def param(self, name: str, /) -> str | None: ...
    def with_param(self, name: str, value: str | None, /) -> Via: ...

@final
class StreamFramer:
    """Cuts a TCP or TLS stream into messages (RFC 3261 section 18.3, RFC 5626 section 3.5.1)."""

    MESSAGE: int
    PING: int
    PONG: int
    def __new__(cls, max_message: int = 65535) -> StreamFramer: ...
    def feed(self, data: bytes, /) -> list[tuple[int, bytes]]:
        """(kind, bytes) in order: a whole message, CRLFCRLF (ping) or CRLF (pong).

        A CRLF that ends the data is a pong at once, and a ping too if the next data begin with
        another. Raises WireError when the stream cannot be followed any more (no or bad
        Content-Length, header part or message too large): answer `head` if it is not empty and
        status is not 0, then close. Where messages came before the fault they are given first:
        `broken` is then true and the next call, `feed(b"")` will do, raises.
        """

    @property
    def broken(self) -> bool:
        """Whether the next call of `feed` raises."""

    @property
    def buffered(self) -> int:
        """Bytes of an unfinished message now held."""

@final
class Crossing:
    """What a message's reader on the other side of a border gets; made once for each direction."""

    def __new__(
        cls,
        host: str,
        port: int | None,
        params: Sequence[tuple[str, str | None]],
        route: str,
        *,
        believes: bool,
    ) -> Self:
        """`host`, `port` and `params` stand in every Contact, `route` is our Record-Route value.

        `believes`: the sender's P-Asserted-Identity stays (RFC 3325 section 5).
        """

    def contact(self, value: str, /) -> str:
        """A Contact with our address, its own user and parameters. Raises WireError."""

    def request(self, request: Message, uri: str, routes: Sequence[str], /) -> Message:
        """A copy without Via, one hop less, to `uri` by `routes`, with our Contact and route.

        INVITE, ACK, SUBSCRIBE, NOTIFY and REFER get our Record-Route, others have none. Raises
        WireError: a Contact that cannot be read, more than 16 of them, a `uri` that is none.
        """

    def response(self, response: Message, request: Message, /) -> Message:
        """A copy with the Vias of `request`, our Contact, and our Record-Route before its own.

        Raises WireError as `request` does.
        """

@final
class Finder:
    """Looks for any of some texts in bytes, in one pass; upper and lower case are one (ASCII)."""

    def __new__(cls, texts: Sequence[str], /) -> Self:
        """Empty texts are left out; of no texts, none is ever found. Raises ValueError."""

    def search(self, data: bytes, /) -> bool:
        """Whether one of them stands there."""

# ---- bencode (rust/bencode) ----

_Bencoded: TypeAlias = bytes | int | list[_Bencoded] | dict[str, _Bencoded]
_Encodable: TypeAlias = bytes | str | int | Sequence[_Encodable] | Mapping[str, _Encodable]

class BencodeError(ValueError):
    """Bytes that are no document, or one that is too large. Its text may be shown and logged."""

def read_bencode(data: bytes, /) -> _Bencoded:
    """Read one document that is the whole of `data`. Keys are ISO 8859-1: one character a byte.

    Raises BencodeError: for more than 65507 bytes, 16384 values or 16 inside each other, too.
    """

def write_bencode(value: _Encodable, behind: bytes, /) -> bytes:
    """Write a document behind other bytes: text as UTF-8, a dictionary's keys in order.

    Raises ValueError for a key that is not ISO 8859-1.
    """

# ---- descriptions (rust/sdp) ----

MAX_SDP: int
"""Largest description, in bytes (32768)."""
MAX_SDP_LINE: int
"""Longest line of it, without its letter and its end (4096)."""
MAX_SDP_MEDIA: int
"""Most m= sections (16)."""

class SdpFault(ValueError):
    """A description that cannot be used. `args` is (line, reason); line 0: as a whole."""

_Line: TypeAlias = tuple[str, int, str, tuple[str, ...]]
_Section: TypeAlias = tuple[
    _Line, str | None, tuple[int, str | None] | None, bool, str, tuple[bytes, ...]
]

def read_sdp(
    data: bytes, /
) -> tuple[tuple[bytes, bytes, bytes, str], str | None, tuple[bytes, ...], list[_Section]]:
    """Read a description. Raises SdpFault.

    (Of o=: user, session, version, address; the address of the session's c= line; its a= lines,
    trimmed; its m= sections.) A section is (kind in lower case, port, protocol in upper case,
    formats), the address of its own c= line, port and address of a=rtcp, whether it has
    a=rtcp-mux, its direction (or the session's), its a= lines, trimmed.
    """

def rewrite_sdp(
    data: bytes,
    address: str,
    ports: Sequence[tuple[int, int]],
    security: Sequence[
        tuple[tuple[bool, bool | None], tuple[bytes, bool] | None, Sequence[bytes]] | None
    ]
    | None = None,
    session: Sequence[bytes] | None = None,
    /,
) -> bytes:
    """Put `address` into o= and c=, and ports (RTP, RTCP) into each m= section.

    `security`, for each m= section, None: what it says passes. Else: whether its profile is
    RTP/SAVP, and whether it has the F (None: as it has); instead the profile that takes its place
    with all that is said of the transport, and whether the null address stays then; and values of
    a= lines to write behind its others.
    `session`: values of a= lines for the session part. Never raises for what `data` is.
    """

# ---- transactions (rust/transaction) ----

@disjoint_base
class Transaction:
    """What both sides have; the owner uses `request`, `flow`, `method`, `state` and `user`."""

    user: Any
    """Free for the owner."""
    @property
    def request(self) -> Message: ...
    @property
    def flow(self) -> Flow:
        """Client: where the request goes. Server: where it came from."""

    @property
    def back(self) -> Flow:
        """Where messages go. Server: `flow`, but over UDP without rport the port of the Via."""

    @property
    def method(self) -> str: ...
    @property
    def reliable(self) -> bool:
        """Whether its transport repeats what is lost by itself."""

    @property
    def state(self) -> State: ...

@final
class ClientTransaction(Transaction):
    """A request of ours."""

    @property
    def via(self) -> str:
        """Our Via value, which ACK and CANCEL repeat."""

    @property
    def key(self) -> tuple[str, str]:
        """Branch and method, by which its responses find it (RFC 3261 section 17.1.3)."""

@final
class ServerTransaction(Transaction):
    """A request of a peer."""

@disjoint_base
class Transactions:
    """What `farline.sip.transaction.TransactionLayer` is made of."""

    def __new__(
        cls,
        words: dict[str, type],
        ids: Ids,
        timers: Timers,
        /,
        *,
        limit: int,
        retry_after: int,
        merged: bool,
        rport: bool,
    ) -> Self:
        """`words`: the classes of what is given out, by their names."""

    def __len__(self) -> int:
        """Transactions now running."""

    def receive(self, message: Message, flow: Flow, now: float) -> None:
        """Take a parsed and validated message. The top Via of a request gets received and rport."""

    def request(
        self,
        message: Message,
        flow: Flow,
        now: float,
        *,
        sent_by: Address,
        manner: Manner | None = None,
    ) -> ClientTransaction:
        """Send a request (not ACK, not CANCEL) with a Via of ours prepended.

        The Via is SIP/2.0/<transport> <sent_by>;branch=...; over UDP with rport. `message` is
        the transaction's from here on. `manner`: what this peer wants otherwise; how long a
        transaction lives is the layer's in any case.
        """

    def respond(self, tx: ServerTransaction, response: Message, now: float) -> None:
        """Send a response: any number of 1xx, one final, and for INVITE the 2xx again and again.

        What no longer fits (a response after the final one, an ended transaction, one of another
        layer) is not sent.
        """

    def take_over(
        self, request: Message, flow: Flow, back: Flow, now: float
    ) -> ServerTransaction | None:
        """Go on with an INVITE that another process had taken; no event tells of it.

        Repetitions, CANCEL and ACK find it. `back`: where answers go. None: it is known already.
        """

    def cancel(
        self, tx: ClientTransaction, now: float, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Cancel an INVITE: at once after a 1xx, else when one comes; nothing after a final one.

        `headers` go into the CANCEL (Reason). The final response arrives as ever, usually 487; the
        answer to the CANCEL is not shown. Raises WireError: a header that cannot be written.
        """

    def send_stateless(
        self,
        message: Message,
        flow: Flow,
        *,
        sent_by: Address | None = None,
        manner: Manner | None = None,
    ) -> None:
        """Send without a transaction (ACK to a 2xx, a 2xx forwarded late).

        With `sent_by` a Via of ours with a fresh branch is prepended first.
        """

    def reroute(self, tx: ServerTransaction, flow: Flow) -> None:
        """Send the responses of `tx` to another flow from here on, its own one being lost."""

    def flow_lost(self, flow: Flow, now: float) -> None:
        """A connection is gone: requests on it fail, servers hear `ResponseLost`."""

    def expire(self, now: float) -> None:
        """Run the timers due at `now`."""

    def poll(self) -> Send | Event | None:
        """The next output, None when there is none left."""

    def next_deadline(self) -> Deadline | None:
        """The next timer, by name ("A" to "M", "100", "LATE", "CANCEL")."""

    def transactions(self) -> list[ClientTransaction | ServerTransaction]:
        """All running transactions, for looking at."""

    @property
    def connections(self) -> int:
        """Connections that some transaction depends on."""

    @property
    def counters(self) -> Counters:
        """What has been counted so far."""

def transaction_tables() -> list[tuple[str, list[tuple[str, str, str, list[str]]]]]:
    """The four machines by name: (state, input, next state, actions), as people read them."""

# ---- media (rust/relay) ----

class RelayError(Exception):
    """The relay did not do what was asked. `args` is (status, reason).

    status: the SIP status that fits, 503 where ports ran out, else 500.
    """

    status: int
    reason: str

@type_check_only
class PortStats(TypedDict):
    """A snapshot of one port; a plain dict at run time."""

    stream: int
    side: int
    kind: str
    """"rtp" or "rtcp"."""
    local: str
    """address:port"""
    bundled: bool
    """It shares its transport with other streams: addresses and suite are the transport's."""
    latched: str | None
    received_packets: int
    received_bytes: int
    sent_packets: int
    sent_bytes: int
    refused_packets: int
    malformed_packets: int
    unsent_packets: int
    untargeted_packets: int
    target: str | None
    """Where packets would leave for now, address:port."""
    stranger: str | None
    """The last source that was refused, address:port."""
    muted: bool
    unauthentic_packets: int
    replayed_packets: int
    suite: str | None
    """The crypto suite of the side (SRTP); None: in the clear, or not agreed yet."""
    handshake: str | None
    """Why the last DTLS handshake failed, while there are no keys."""
    last_seen_ms: int | None
    transcoding: str | None
    """The codec that what comes in here becomes; None: it passes as it is."""
    why_user: str | None
    """Why the relay itself forwards what comes in here; None: the kernel does."""
    quality: Quality | None
    """With RTP ports of streams of RTP only."""

@type_check_only
class Voice(Protocol):
    """What one side of a transcoded stream gets, and the source that it comes from."""

    @property
    def codec(self) -> str: ...
    @property
    def payload_type(self) -> int: ...
    @property
    def ptime(self) -> int | None: ...
    @property
    def maxptime(self) -> int | None: ...
    @property
    def events(self) -> tuple[int, int] | None:
        """Payload type and clock."""
    @property
    def noise(self) -> int | None: ...
    @property
    def bitrate(self) -> int | None: ...
    @property
    def fec(self) -> bool: ...
    @property
    def cbr(self) -> bool: ...
    @property
    def ssrc(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def wakes(self) -> Sequence[int] | None:
        """Payload types of the other side that begin it; None: any, and at once."""

@type_check_only
class Quality(TypedDict):
    """What was noticed of one side; see `farline.media.engine.Quality`."""

    ssrc: int | None
    sources: int
    codec: str | None
    expected_packets: int
    lost_packets: int
    jitter_ms: float | None
    round_trip_ms: float | None
    reported_loss: float | None
    reported_jitter_ms: float | None
    reported_discard: float | None
    reported_mos: float | None

@type_check_only
class SilenceReport(TypedDict):
    """Nothing came on any port of a session for the configured time; once a silence."""

    session: str
    kind: Literal["silence"]
    idle_ms: int

@type_check_only
class DigitReport(TypedDict):
    """Somebody dialled (RFC 4733); once an event."""

    session: str
    kind: Literal["digit"]
    stream: int
    side: int
    digit: str
    """0 to 9, *, #, A to D; ! is flash."""
    duration_ms: int

@type_check_only
class OneWayReport(TypedDict):
    """One side sends and the other has been silent for some seconds; once a silence."""

    session: str
    kind: Literal["one-way"]
    stream: int
    side: int
    """Who is silent."""
    idle_ms: int

@type_check_only
class ExhaustedReport(TypedDict):
    """A session did not get ports; once, and again after one has got ports there."""

    session: str
    kind: Literal["exhausted"]
    interface: str

@type_check_only
class RecordingReport(TypedDict):
    """What became of a recording; told also after its session has ended."""

    session: str
    kind: Literal["recording"]
    file: str
    """Name of the file, without its directory."""
    state: Literal["began", "ended", "failed"]
    duration_ms: int
    dropped_packets: int
    """Packets that are not in the file because the disk was too slow."""
    why: str | None
    """With "failed"."""

@final
class Relay:
    """The relay's threads and ports. Safe to use from any thread; no call blocks for long."""

    def __new__(
        cls,
        interfaces: Sequence[tuple[str, str, int, int, int | None, int]],
        *,
        threads: int,
        rest_ms: int,
        silence_ms: int,
        state: PathLike[str] | None = None,
        fast_path: tuple[str, str] | None = None,
        identity: tuple[bytes, bytes] | None = None,
        recordings: tuple[PathLike[str], str] | None = None,
    ) -> Self:
        """Start `threads` threads (at least one).

        interfaces: (name, IP address, first port, last port, port to begin with, traffic class).
            Without a port to begin with, each pair is drawn at random.
        rest_ms: how long a returned pair of ports is not given again.
        state: a directory in which latches and SRTP contexts outlive the process (see `reopen`).
        silence_ms: how long a session may be silent before `reports` has it; 0: never.
        fast_path: have the kernel relay settled flows where it can: a name (letters, digits, -)
        that is the same over a restart and no other process's, and "auto" or "xdp".
        identity: our certificate and its key for DTLS (DER, the key in PKCS #8; ECDSA P-256).
        recordings: the directory of WAV files, and a name (letters, digits) that is the same over a
        restart and no other process's: what a process of that name left is finished (`repaired`).
        """

    def no_fast_path(self) -> str | None:
        """Why the kernel relays nothing; None: it does."""

    def adopt(self) -> int:
        """End the kernel's flows of an earlier process that no session has settled again.

        To be called once what is to go on has been opened and described again. Returns how many.
        """

    def open(
        self, session: str, stream: int, interfaces: tuple[str, str], rtp: bool, /
    ) -> tuple[int, int]:
        """Open a stream (m= line) and return the RTP port of each side; RTCP is on the next.

        rtp: False lets any datagram pass (T.38 over UDPTL). Raises RelayError.
        """

    def reopen(
        self,
        session: str,
        stream: int,
        interfaces: tuple[str, str],
        rtp: bool,
        ports: tuple[int, int],
        /,
    ) -> None:
        """Open a stream of the process before this one on the RTP ports that it had.

        No packet is looked at before `resume`: until then say what signaling has said of it.
        Raises RelayError.
        """

    def resume(self, session: str, stream: int, /) -> None:
        """Go on with a reopened stream, its latches and SRTP contexts. Raises RelayError."""

    def restored(self) -> None:
        """Let what the process before this one left go: all that is to go on was resumed."""

    def signal(
        self,
        session: str,
        stream: int,
        side: int,
        *,
        rtp: tuple[str, int] | None,
        rtcp: tuple[str, int] | None,
        source: str | None,
        muted: bool,
        muxed: bool = False,
        confined: bool = False,
    ) -> None:
        """Take what signaling says of one side: addresses in SDP, and where it comes from.

        muted: send nothing there. muxed: RTCP shares the RTP port there (RFC 5761). confined: until
        it has sent something, send to `source` only, at the ports of the SDP. Raises
        RelayError, ValueError for what is no IP address.
        """

    def shake(
        self,
        session: str,
        stream: int,
        side: int,
        fingerprints: Sequence[tuple[str, bytes]],
        /,
        *,
        active: bool,
    ) -> None:
        """Let the keys of one side come out of a DTLS handshake on its RTP port (RFC 5764).

        fingerprints: what the peer's certificate must hash to, any of these ("sha-256", digest).
        active: we begin. Nothing passes before; the same terms again change nothing. Raises
        RelayError, ValueError for another hash than sha-256, sha-384, sha-512.
        """

    def ice(
        self, session: str, stream: int, side: int, credentials: tuple[str, str] | None, /
    ) -> None:
        """Set our ICE username fragment and password for one side; None: ICE is not spoken.

        With ICE only a source that an authentic check has proved to be the peer's may send, and
        media goes to the one that it nominates. New credentials are a restart: those before count
        until the next. Raises RelayError.
        """

    def protect(
        self,
        session: str,
        stream: int,
        side: int,
        keys: tuple[str, bytes, bytes] | None,
        /,
        *,
        closed: bool = False,
    ) -> None:
        """Set what protects one side of an RTP stream from now on; at first nothing does.

        keys: crypto suite, the peer's master key with its salt, ours; None: in the clear, or with
        `closed` nothing passes (the keys are not agreed yet). A key that stays keeps its rollover
        counters and replay windows. Raises RelayError, ValueError for what is no suite or key.
        """

    def describe(
        self, session: str, stream: int, side: int, formats: list[tuple[int, str, int]], /
    ) -> None:
        """Say what the payload types mean that one side sends: (number, encoding name, clock)."""

    def gather(self, gathering: bool, /) -> None:
        """Wake the threads for what they are told only when it ends (False), not for each call.

        `query` and `delete` wake theirs at once, and come after what was told before.
        """

    def transcode(self, session: str, stream: int, sides: tuple[Voice, Voice] | None, /) -> None:
        """What each side of a stream gets, as a source of ours; None: packets pass as they are.

        The same SSRC again goes on with the source. Raises ValueError for what cannot be coded.
        """

    def withhold(self, session: str, stream: int, side: int, withheld: bool, /) -> None:
        """Whether telephone-events are kept from one side."""

    def dial(self, session: str, side: int, digit: str, duration_ms: int, /) -> None:
        """Put a digit into what leaves towards one side, in place of speech (RFC 4733)."""

    def bundle(
        self,
        session: str,
        carrier: int,
        side: int,
        mid_extension: int,
        members: Sequence[tuple[int, bytes, Sequence[int], Sequence[int]]],
        /,
    ) -> None:
        """Let streams of one side share the transport of the stream `carrier` (RFC 9143).

        `members`: (stream, a=mid, payload types that the peer may send, sources that it names). Who
        is not named any more has a transport of its own again. `mid_extension`: the identifier of
        the MID's header extension; 0: not agreed.
        """

    def hold(self, session: str, held: bool, silence_ms: int, /) -> None:
        """On hold, silence is not reported; else after silence_ms, 0: after the relay's own."""

    def quiet(self, session: str, quiet: bool, /) -> None:
        """Let nothing through any more, for the call is being hung up; False: it goes on."""

    def close(self, session: str, stream: int, /) -> None:
        """End one stream."""

    def query(self, session: str, /) -> list[PortStats] | None:
        """In the order stream, side, kind; None: no such session."""

    def delete(self, session: str, /) -> list[PortStats] | None:
        """End the session and return its last counters; None: no such session."""

    def sessions(self) -> list[str]: ...
    def record(self, session: str, stream: int, stem: str | None, /) -> None:
        """Record what passes on a stream into the file `stem`.wav; None: no longer.

        Two channels, left is side 0; silence where packets are missing. It begins with the first
        packet that can be decoded and ends with the stream; `reports` tells both. Raises
        RelayError.
        """

    def music(self, name: str, samples: bytes, rate: int, /) -> None:
        """Take a piece of music: mono samples of 16 bits, 8000, 16000 or 48000 a second.

        It is encoded in a thread of its own, and not heard until then. Raises RelayError.
        """

    def play(self, session: str, stream: int, side: int, name: str | None, /) -> None:
        """Play music towards one side of a stream while the other sends nothing; None: no longer.

        Raises RelayError, also for a name without music.
        """

    def fork(self, session: str, stream: int, to: int | None, /) -> None:
        """Send copies of what passes on a stream through another one of the session.

        What side 0 sends leaves through the other's side 0; the other then carries nothing else.
        None: no longer. Raises RelayError.
        """

    def repaired(self) -> list[str]:
        """Files that a process before this one had left, and that were finished."""

    def reports(
        self,
    ) -> list[SilenceReport | DigitReport | OneWayReport | ExhaustedReport | RecordingReport]:
        """What happened since the last call, plain dicts at run time.

        Raises RelayError when a relay thread has ended: its sessions are lost.
        """

    def report_fd(self) -> int:
        """A descriptor that is readable while `reports` has something; do not close it."""
