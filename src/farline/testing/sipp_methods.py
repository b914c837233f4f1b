"""SIPp scenarios of a phone and of an office that send one another every method.

`conversation` writes both scenarios step by step from one list, so that they fit together. Each is
one call of SIPp's: what stands before `///` in a Call-ID is not part of its own name for the call.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DOMAIN = "ipo1xp.ipolab.com"
SDP = """v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 6000 RTP/AVP 8
a=rtpmap:8 PCMA/8000"""
WITH_SDP = ("Content-Type: application/sdp",)
ALONE: dict[str, tuple[tuple[str, ...], str]] = {
    "OPTIONS": ((), ""),
    "MESSAGE": (("Content-Type: text/plain",), "hello"),
    "PUBLISH": (("Event: presence", "Content-Type: application/pidf+xml"), "<presence/>"),
    "REFER": ((f"Refer-To: <sip:3009@{DOMAIN}>",), ""),
    "INFO": (("Content-Type: application/dtmf-relay",), "Signal=5"),
}
"""Outside of dialogs: method, headers, body."""

IN_CALL: dict[str, tuple[tuple[str, ...], str]] = {
    "UPDATE": ((), ""),
    "INFO": ALONE["INFO"],
    "MESSAGE": ALONE["MESSAGE"],
    "OPTIONS": ((), ""),
    "REFER": ALONE["REFER"],
    "NOTIFY": (
        ("Event: refer", "Subscription-State: active;expires=60",
         "Content-Type: message/sipfrag"),
        "SIP/2.0 100 Trying",
    ),
    "INVITE": (WITH_SDP, SDP),
}  # fmt: skip


@dataclass
class Side:
    """One SIPp process as its scenario grows."""

    name: str
    user: str
    transport: str
    """As a Via has it."""
    lines: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)

    @property
    def contact(self) -> str:
        """Its Contact header."""
        kind = "ws" if self.transport == "WSS" else self.transport.lower()
        return f"Contact: <sip:{self.user}@[local_ip]:[contact_port];transport={kind}>"

    def tag(self, call: str) -> str:
        """Its tag in a call."""
        return f"{self.name}-{call}"

    def send(self, *lines: str, body: str = "", again: bool = True) -> None:
        """Send a message; `again`: until it is answered, over UDP."""
        length = "Content-Length: [len]" if body else "Content-Length: 0"
        text = "\n".join((*lines, length, "", body, ""))
        repeat = ' retrans="500"' if again and self.transport == "UDP" else ""
        self.lines.append(f"<send{repeat}><![CDATA[\n{text}\n]]></send>")

    def take_request(self, method: str, keep: str = "") -> None:
        """Wait for a request; `keep` its Via, Record-Route and Contact under that name."""
        self.lines.append(self._take(f'request="{method}"', keep, via=True))

    def take(self, status: int, keep: str = "") -> None:
        """Wait for an answer; `keep` its Contact under that name."""
        self.lines.append('<recv response="100" optional="true"/>')
        self.lines.append(self._take(f'response="{status}"', keep, via=False))

    def _take(self, what: str, keep: str, *, via: bool) -> str:
        if not keep:
            return f"<recv {what}/>"
        found = [("sip:([^&gt;]+)", "Contact:", f"all{keep}", f",target{keep}")]
        if via:
            found += [(".+", "Via:", f"via{keep}", ""), (".+", "Record-Route:", f"rr{keep}", "")]
        actions = ""
        for pattern, header, name, more in found:
            actions += (
                f'<ereg regexp="{pattern}" search_in="hdr" header="{header}" check_it="true" '
                f'assign_to="{name}{more}"/>'
            )
            self.variables += [name, *filter(None, more.split(","))]
        return f'<recv {what} rrs="true"><action>{actions}</action></recv>'

    def answer(self, status: str, call: str = "", *extra: str, body: str = "") -> None:
        """Answer the last request; `call`: with a tag of ours, for the To that came had none."""
        tag = f";tag={self.tag(call)}" if call else ""
        self.send(
            f"SIP/2.0 {status}", "[last_Via:]", "[last_Record-Route:]", "[last_From:]",
            f"[last_To:]{tag}", "[last_Call-ID:]", "[last_CSeq:]", self.contact, *extra,
            body=body, again=False,
        )  # fmt: skip

    def xml(self) -> str:
        """The scenario."""
        used = f'<Reference variables="{",".join(self.variables)}"/>' if self.variables else ""
        inner = "\n".join(self.lines)
        return (
            f'<?xml version="1.0"?>\n<scenario name="{self.name}">\n{inner}\n{used}\n</scenario>\n'
        )


class Conversation:
    """Both sides' scenarios, a step at a time."""

    def __init__(self, phone: str, office: str) -> None:
        """The transports of the two."""
        self.phone = Side("phone", "3001", phone)
        self.office = Side("office", "3003", office)
        self.cseq = 100
        self.calls = 0

    def other(self, side: Side) -> Side:
        """The peer of a side."""
        return self.office if side is self.phone else self.phone

    def head(
        self,
        side: Side,
        method: str,
        call: str,
        *,
        within: bool = False,
        cseq: int | None = None,
        branch: str = "",
    ) -> list[str]:
        """Request line and headers; `within`: in the dialog of a call."""
        other = self.other(side)
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        uri = f"sip:{other.user}@{DOMAIN}"
        if within:
            uri = f"sip:[$target{call}]"
        elif side is self.office:
            uri = "sip:[$targetreg]"
        tag = f";tag={other.tag(call)}" if within else ""
        branch = branch or f"z9hG4bK[pid]x{cseq}{method}"
        return [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{side.transport} [local_ip]:[contact_port];branch={branch};rport",
            *(["[routes]"] if within else []),
            "Max-Forwards: 70",
            f"From: <sip:{side.user}@{DOMAIN}>;tag={side.tag(call)}",
            f"To: <sip:{other.user}@{DOMAIN}>{tag}",
            f"Call-ID: {call}///[call_id]",
            f"CSeq: {cseq} {method}",
            side.contact,
        ]

    def register(self) -> None:
        """The phone's, whose Contact the office keeps."""
        lines = self.head(self.phone, "REGISTER", "reg")
        lines[0] = f"REGISTER sip:{DOMAIN} SIP/2.0"
        lines[4] = f"To: <sip:{self.phone.user}@{DOMAIN}>"
        self.phone.send(*lines, "Expires: 180")
        self.office.lines.append(
            '<recv request="REGISTER"><action><ereg regexp="sip:([^&gt;]+)" search_in="hdr" '
            'header="Contact:" check_it="true" assign_to="allreg,targetreg"/></action></recv>'
        )
        self.office.variables += ["allreg", "targetreg"]
        self.office.send(
            "SIP/2.0 200 OK", "[last_Via:]", "[last_From:]", "[last_To:];tag=office-reg",
            "[last_Call-ID:]", "[last_CSeq:]", "[last_Contact:]", "Expires: 180", again=False,
        )  # fmt: skip
        self.phone.take(200)

    def alone(self, side: Side, method: str) -> None:
        """A request outside of dialogs, and its 200."""
        headers, body = ALONE[method]
        call = self._next()
        side.send(*self.head(side, method, call), *headers, body=body)
        self.other(side).take_request(method)
        self.other(side).answer("200 OK", call)
        side.take(200)

    def subscribed(self, side: Side) -> None:
        """SUBSCRIBE, and the NOTIFY of the other side in its dialog."""
        other, call = self.other(side), self._next()
        event = "Event: message-summary"
        side.send(*self.head(side, "SUBSCRIBE", call), event, "Expires: 600")
        other.take_request("SUBSCRIBE", keep=call)
        other.answer("200 OK", call, "Expires: 600")
        side.take(200)
        state = ("Subscription-State: active;expires=600",
                 "Content-Type: application/simple-message-summary")  # fmt: skip
        body = "Messages-Waiting: yes"
        other.send(*self.head(other, "NOTIFY", call, within=True), event, *state, body=body)
        side.take_request("NOTIFY")
        side.answer("200 OK")
        other.take(200)

    def call(self, side: Side) -> None:
        """INVITE, 183 with PRACK, 200, ACK, every method from both sides, BYE."""
        other, call = self.other(side), self._next()
        lines = self.head(side, "INVITE", call)
        cseq = self.cseq
        side.send(*lines, "Supported: 100rel", *WITH_SDP, body=SDP)
        other.take_request("INVITE", keep=call)
        other.answer(
            "183 Session Progress", call, "Require: 100rel", "RSeq: 1", *WITH_SDP, body=SDP
        )
        side.take(183, keep=call)
        side.send(*self.head(side, "PRACK", call, within=True), f"RAck: 1 {cseq} INVITE")
        other.take_request("PRACK")
        other.answer("200 OK")
        side.take(200)
        other.send(
            "SIP/2.0 200 OK", f"Via:[$via{call}]", f"Record-Route:[$rr{call}]", "[last_From:]",
            "[last_To:]", "[last_Call-ID:]", f"CSeq: {cseq} INVITE", other.contact,
        )  # fmt: skip
        side.take(200)
        side.send(*self.head(side, "ACK", call, within=True, cseq=cseq), again=False)
        other.take_request("ACK")
        for one in (side, other):
            for method, (headers, body) in IN_CALL.items():
                self._in_call(one, method, call, headers, body)
        self._in_call(side, "BYE", call, (), "")

    def _in_call(
        self, side: Side, method: str, call: str, headers: tuple[str, ...], body: str
    ) -> None:
        side.send(*self.head(side, method, call, within=True), *headers, body=body)
        cseq, other = self.cseq, self.other(side)
        other.take_request(method)
        again = WITH_SDP if method == "INVITE" else ()
        other.answer("200 OK", "", *again, body=SDP if again else "")
        side.take(200)
        if method == "INVITE":
            side.send(*self.head(side, "ACK", call, within=True, cseq=cseq), again=False)
            other.take_request("ACK")

    def cancelled(self, side: Side) -> None:
        """INVITE, 180, CANCEL, 487, ACK."""
        other, call = self.other(side), self._next()
        lines = self.head(side, "INVITE", call, branch=f"z9hG4bK[pid]{call}")
        cseq = self.cseq
        side.send(*lines, *WITH_SDP, body=SDP)
        other.take_request("INVITE", keep=call)
        other.answer("180 Ringing", call)
        side.take(180, keep=call)
        cancel = self.head(side, "CANCEL", call, cseq=cseq, branch=f"z9hG4bK[pid]{call}")
        side.send(*cancel)
        other.take_request("CANCEL")
        other.answer("200 OK", call)
        other.send(
            "SIP/2.0 487 Request Terminated", f"Via:[$via{call}]", "[last_From:]",
            f"[last_To:];tag={other.tag(call)}", "[last_Call-ID:]", f"CSeq: {cseq} INVITE",
        )  # fmt: skip
        side.take(200)
        side.take(487)
        ack = self.head(side, "ACK", call, cseq=cseq, branch=f"z9hG4bK[pid]{call}")
        side.send(*ack, again=False)
        other.take_request("ACK")

    def refused_register(self) -> None:
        """REGISTER of the office towards the phone: nobody registers there."""
        lines = self.head(self.office, "REGISTER", self._next())
        self.office.send(*lines)
        self.office.take(405)

    def _next(self) -> str:
        self.calls += 1
        return f"c{self.calls}"


def conversation(phone: str, office: str) -> tuple[str, str]:
    """The scenarios of the phone and of the office, for the transports of the two."""
    made = Conversation(phone, office)
    made.register()
    for side in (made.phone, made.office):
        # First, for the border gives the other its ACK early: a request of the other could come
        # while this one still has its own ACK to send.
        made.cancelled(side)
        for method in ALONE:
            made.alone(side, method)
        made.subscribed(side)
        made.call(side)
    made.refused_register()
    return made.phone.xml(), made.office.xml()
