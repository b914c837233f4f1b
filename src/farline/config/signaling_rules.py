"""Domain Policies > Signaling Rules: which requests, answers and headers pass a flow."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from farline.config.base import Form, Name
from farline.config.rule_values import Codes, Direction, DsByte, HeaderName, HeaderValue, MethodName

NAMED = frozenset(
    {"via", "from", "to", "call-id", "cseq", "contact", "route", "record-route", "max-forwards",
     "content-length", "content-type"}
)  # fmt: skip
"""What a dialog lives by: a rule cannot take it away."""


class RequestControl(Form):
    """A line of Requests."""

    form: ClassVar[str] = "Domain Policies > Signaling Rules > Requests"
    method: MethodName = Field(title="Method Name")
    direction: Direction = Field("both", title="Direction")
    action: Literal["allow", "block"] = Field("block", title="Action")
    response_code: int = Field(403, ge=400, le=699, title="Block With")

    @model_validator(mode="after")
    def _needed(self) -> RequestControl:
        if self.method in ("ACK", "CANCEL") and self.action == "block":
            raise ValueError(f"{self.method} ends what another request began; block INVITE")
        return self


class ResponseControl(Form):
    """A line of Responses: final answers other than success, and 180 to 183."""

    form: ClassVar[str] = "Domain Policies > Signaling Rules > Responses"
    codes: Codes = Field(title="Response Code")
    method: MethodName = Field("*", title="Method Name")
    direction: Direction = Field("both", title="Direction")
    action: Literal["allow", "block", "change"] = Field("change", title="Action")
    """block: a provisional answer is dropped, a final one becomes 500. change: `new_code`."""
    new_code: int = Field(0, ge=0, le=699, title="Change To")

    @model_validator(mode="after")
    def _same_kind(self) -> ResponseControl:
        if self.codes[0] == "2":
            raise ValueError("a success has made a dialog or a binding; it cannot be changed")
        if (self.action == "change") != bool(self.new_code):
            raise ValueError("change needs Change To, and nothing else has one")
        provisional = self.codes[0] == "1"
        if self.codes == "100" or (self.new_code and self.new_code in (100, 199)):
            raise ValueError("100 is between neighbours and does not pass")
        if self.new_code and not (
            101 <= self.new_code < 200 if provisional else self.new_code >= 300
        ):
            raise ValueError("a provisional answer becomes a provisional one, a final one 300-699")
        return self


class HeaderControl(Form):
    """A line of Request Headers or Response Headers."""

    form: ClassVar[str] = "Domain Policies > Signaling Rules > Headers"
    header: HeaderName = Field(title="Header Name")
    method: MethodName = Field("*", title="Method Name")
    direction: Direction = Field("both", title="Direction")
    action: Literal["allow", "remove", "block", "change"] = Field("remove", title="Action")
    """The first line that fits a header decides over it. block: a request with the header is
    refused, a provisional answer held back, a failure gets another status, a success passes without
    the header; change: its value becomes `value`, added where it is missing."""
    value: HeaderValue = Field("", title="Header Value")
    response_code: int = Field(403, ge=400, le=699, title="Block With")

    @model_validator(mode="after")
    def _fits(self) -> HeaderControl:
        if (self.action == "change") != bool(self.value):
            raise ValueError("change needs a Header Value, and nothing else has one")
        if self.header.lower() in NAMED and self.action in ("remove", "change"):
            raise ValueError(f"{self.header} carries the dialog; topology hiding changes its host")
        return self


class SignalingRule(Form):
    """Which requests, answers and headers pass a flow, and as what."""

    form: ClassVar[str] = "Domain Policies > Signaling Rules"
    name: Name = Field("default", title="Rule Name")
    requests: tuple[RequestControl, ...] = Field((), title="Requests", max_length=200)
    """The first line that fits decides; what no line names passes."""
    responses: tuple[ResponseControl, ...] = Field((), title="Responses", max_length=200)
    request_headers: tuple[HeaderControl, ...] = Field((), title="Request Headers", max_length=200)
    response_headers: tuple[HeaderControl, ...] = Field(
        (), title="Response Headers", max_length=200
    )
    signaling_qos: DsByte = Field(0, title="Signaling QoS (DS byte)")
    """Of what goes by a flow of this group while this set holds. 0: best effort."""
    ucid: bool = Field(False, title="UCID Enabled")
    """A call without User-to-User towards the flow's peer gets one with a Universal Call ID."""
    ucid_node: int = Field(1, ge=1, le=32_767, title="UCID Node ID")
