"""Service type XMPP: streams to one domain only, and stanzas no further than that.

What is in the clear is read by expat element by element and passed on in whole stanzas; after
STARTTLS (RFC 6120 section 5) the rest is the client's and the server's. RFC 6120 section 11.1
forbids comments, processing instructions, DTDs and entities, so none of them passes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.parsers import expat

from farline.border.relays.inspection import Passage, refusal
from farline.border.relays.sni import HANDSHAKE

MAX_HEADER = 4096
"""Bytes of an XML declaration and a stream header."""
MAX_DEPTH = 64
MAX_ELEMENTS = 2000
"""In one stanza."""
_STREAM = "http://etherx.jabber.org/streams stream"
_CLIENT = "jabber:client"
_STARTTLS = "urn:ietf:params:xml:ns:xmpp-tls starttls"
_COMPRESS = "http://jabber.org/protocol/compress compress"
_PROCEED = b"<proceed"
_ERROR = (
    "<stream:error><{} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
)
_HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' from='{}' id='refused'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)
_CONDITIONS = {"host": "host-unknown", "namespace": "invalid-namespace", "malformed":
               "not-well-formed", "restricted": "restricted-xml"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class XmppPolicy:
    """The form's XMPP fields, ready to use."""

    domain: str
    max_stanza: int


class _RefusedError(Exception):
    """A stream is not let through: the word it is counted by, and why."""


class XmppInspector:
    """One client's stream."""

    def __init__(self, policy: XmppPolicy) -> None:
        self._policy = policy
        self._held = bytearray()
        """What has come and may not pass yet: part of a header or stanza."""
        self._piece = bytearray()
        """What has come since the last `>`."""
        self._depth = 0
        self._elements = 0
        self._whole = False
        """The last piece ended a header, a stanza or the stream."""
        self._foreign = ""
        """Where the stanza under way goes, when it may not."""
        self._namespace = ""
        self._restart = False
        self._starttls = False
        self._answered = False
        """The server has begun its stream: a refusal needs no header of ours."""
        self._tail = b""
        self._greeted = False
        self.opened = False
        self.opaque = False
        self.whole = 0
        self._parser = self._fresh()

    @property
    def waiting(self) -> bool:
        """A header, a stanza or the TLS greeting is not there whole."""
        if self.opaque:
            return not self._greeted
        return not self.opened or bool(self._held) or bool(self._piece) or self._starttls

    def up(self, data: bytes) -> Passage:
        """Bytes from the client."""
        if self.opaque:
            return self._after_starttls(data)
        if self._starttls:
            return self._refuse(Passage(), "malformed", "bytes between STARTTLS and its answer")
        out = Passage()
        try:
            self._read(data, out)
        except _RefusedError as error:
            return self._refuse(out, *error.args)
        except expat.ExpatError as error:
            return self._refuse(out, "malformed", f"XML: {error}")
        return out

    def down(self, data: bytes) -> Passage:
        """Bytes from the server; `<proceed/>` begins TLS."""
        if not self.opaque:
            self._answered = True
            if self._starttls:
                self.opaque = _PROCEED in self._tail + data
                self._tail = (self._tail + data)[-len(_PROCEED) :]
        return Passage(to_client=data)

    def up_end(self) -> Passage | None:
        """The client says no more: where a part is missing, nothing can come of it."""
        return Passage(close=True) if self.waiting else None

    def down_end(self) -> Passage | None:
        """The server says no more."""
        return None

    def _after_starttls(self, data: bytes) -> Passage:
        if not self._greeted:
            if data[0] != HANDSHAKE:
                return refusal("malformed", "no TLS after STARTTLS")
            self._greeted = True
        return Passage(to_server=data)

    def _read(self, data: bytes, out: Passage) -> None:
        """Feed the parser tag by tag; what ends at depth 0 or 1 may pass."""
        for part in re.split(rb"(?<=>)", data):
            self._piece += part
            if not part.endswith(b">"):
                self._bounded()
                continue
            if self._starttls:
                raise _RefusedError("malformed", "bytes between STARTTLS and its answer")
            self._feed(bytes(self._piece))
            self._held += self._piece
            self._piece.clear()
            self._bounded()
            if self._whole:
                self._pass(out)
        if self._depth == 1 and not self._held and self._piece and not self._piece.strip():
            out.to_server += bytes(self._piece)  # a space keeps the connection alive
            self._parser.Parse(bytes(self._piece), False)
            self._piece.clear()

    def _pass(self, out: Passage) -> None:
        """A header or a stanza is there whole."""
        self.whole += 1
        if self._foreign:
            out.refused, out.detail = "to", f"a stanza to {self._foreign[:120]!r}"
        else:
            out.to_server += bytes(self._held)
        self._held.clear()
        self._whole, self._foreign, self._elements = False, "", 0

    def _bounded(self) -> None:
        size = len(self._held) + len(self._piece)
        limit = self._policy.max_stanza if self.opened else MAX_HEADER
        if size > limit:
            raise _RefusedError("size", f"more than {limit} bytes of one header or stanza")

    def _feed(self, piece: bytes) -> None:
        """One tag. After authentication (RFC 6120 section 6.4.6) the stream begins anew."""
        if self._depth == 1 and not self._held and piece.lstrip().startswith(b"<?xml"):
            self._parser, self._depth = self._fresh(), 0
            piece = piece.lstrip()
        elif self._depth == 0 and not self._held:
            piece = piece.lstrip() if not self.opened else piece
        self._restart = False
        self._parser.Parse(piece, False)
        if self._restart:
            self._parser, self._depth, self._restart = self._fresh(), 0, False
            self._parser.Parse(piece.lstrip(), False)

    def _fresh(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("UTF-8", " ")
        deferral = getattr(parser, "SetReparseDeferralEnabled", None)
        if deferral is not None:  # our own bounds keep parsing linear; tags must be seen at once
            deferral(False)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartNamespaceDeclHandler = self._declared
        parser.XmlDeclHandler = _declaration
        parser.StartDoctypeDeclHandler = _restricted
        parser.CommentHandler = _restricted
        parser.ProcessingInstructionHandler = _restricted
        parser.EntityDeclHandler = _restricted
        parser.SkippedEntityHandler = _restricted
        self._namespace = ""
        return parser

    def _declared(self, prefix: str | None, uri: str | None) -> None:
        if prefix is None and self._depth == 0:
            self._namespace = uri or ""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._restart:
            return
        if self._depth == 1 and name == _STREAM:
            self._restart = True
            return
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise _RefusedError("size", "a stanza with too many elements")
        if self._depth == 1:
            self._header(name, attributes)
        elif self._depth == 2:
            self._top(name, attributes)

    def _header(self, name: str, attributes: dict[str, str]) -> None:
        if name != _STREAM or self._namespace != _CLIENT:
            raise _RefusedError("namespace", f"{name} of {self._namespace or 'no namespace'}")
        to = attributes.get("to", "")
        if _domain(to) != self._policy.domain or "@" in to or "/" in to:
            raise _RefusedError("host", f"a stream to {to[:120]!r}")
        self.opened = True
        self._whole = True

    def _top(self, name: str, attributes: dict[str, str]) -> None:
        """A stanza, or a step of the negotiation."""
        if name == _COMPRESS:
            raise _RefusedError("compression", "stream compression hides what passes")
        if "to" in attributes:
            domain, own = _domain(attributes["to"]), self._policy.domain
            if domain != own and not domain.endswith("." + own):
                self._foreign = attributes["to"] or "nobody"

    def _end(self, name: str) -> None:
        if self._restart:
            return
        self._depth -= 1
        if self._depth <= 1:
            self._whole = True
        if self._depth == 1 and name == _STARTTLS:
            self._starttls = True

    def _text(self, text: str) -> None:
        if self._depth <= 1 and not self._restart and text.strip():
            raise _RefusedError("malformed", "text between stanzas")

    def _refuse(self, out: Passage, word: str, detail: str) -> Passage:
        """A stream error (RFC 6120 section 4.9), the same for all with that reason."""
        header = "" if self._answered else _HEADER.format(self._policy.domain)
        error = _ERROR.format(_CONDITIONS.get(word, "policy-violation"))
        out.to_client += (header + error).encode()
        out.refused, out.detail, out.close = word, detail, True
        return out


def _restricted(*_: object) -> None:
    raise _RefusedError("restricted", "a DTD, entity, comment or processing instruction")


def _declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    """RFC 6120 section 11.6: UTF-8 only; two readers of one stream must not differ."""
    if encoding is not None and encoding.upper() != "UTF-8":
        raise _RefusedError("malformed", f"encoding {encoding[:40]!r}")


def _domain(jid: str) -> str:
    """The domain of a JID (RFC 7622), lower case; "" when it has none."""
    bare = jid.partition("/")[0]
    domain = bare.partition("@")[2] if "@" in bare else bare
    if "@" in domain or not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", domain):
        return ""
    return domain.lower().removesuffix(".")
