"""Domain Policies > End Point Policy Groups: ordered sets of rules; the shipped ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import Discriminator, Field, Tag, model_validator

from farline.config.base import Form, Name
from farline.config.policy_rules import (
    UNLIMITED_BYTES,
    Application,
    ApplicationRule,
    BorderRule,
    ChargingRule,
    MediaRule,
    SecurityRule,
    split_flat,
)
from farline.config.recording import RecordingRule
from farline.config.signaling_rules import SignalingRule
from farline.config.time_of_day import TimeOfDay

R = TypeVar("R", bound=Form)
NameOr = Annotated[
    Annotated[Name, Tag("name")] | Annotated[R, Tag("rule")],
    Discriminator(lambda given: "name" if isinstance(given, str) else "rule"),
]
"""A rule's name, or the rule itself written out."""


class PolicySet(Form):
    """One line of a group: a rule of each kind, by name or written out, and when it holds."""

    form: ClassVar[str] = "Domain Policies > End Point Policy Groups > Policy Set"
    application: NameOr[ApplicationRule] = Field("default", title="Application")
    border: NameOr[BorderRule] = Field("default", title="Border")
    media: NameOr[MediaRule] = Field("default-low-med", title="Media")
    security: NameOr[SecurityRule] = Field("default-low", title="Security")
    signaling: NameOr[SignalingRule] = Field("default", title="Signaling")
    charging: NameOr[ChargingRule] = Field("none", title="Charging")
    recording: NameOr[RecordingRule] = Field("none", title="Recording")
    time_of_day: NameOr[TimeOfDay] = Field("default", title="Time of Day")


class EndPointPolicyGroup(Form):
    """The rules that a flow's calls are held to: of its sets the first whose time it is."""

    form: ClassVar[str] = "Domain Policies > End Point Policy Groups"
    name: Name = Field(title="Group Name")
    sets: tuple[PolicySet, ...] = Field((PolicySet(),), title="Order", min_length=1, max_length=50)

    @model_validator(mode="before")
    @classmethod
    def _older_files(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        return split_flat(given)


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy set with its rules found."""

    group: str
    order: int
    """From 1, as the form numbers its lines."""
    application: ApplicationRule
    border: BorderRule
    media: MediaRule
    security: SecurityRule
    signaling: SignalingRule
    charging: ChargingRule
    recording: RecordingRule
    time_of_day: TimeOfDay

    # What the rules have nothing of costs a message nothing: looked up here, once.

    screens: bool = field(init=False, repr=False, compare=False)
    """Some requests do not pass, or are looked into."""

    changes: bool = field(init=False, repr=False, compare=False)
    """Headers or bodies are taken out or set."""

    controls_responses: bool = field(init=False, repr=False, compare=False)
    """Some answers are held back or changed."""

    def __post_init__(self) -> None:
        signaling, security, im = self.signaling, self.security, self.application.im
        found = {
            "screens": bool(signaling.requests or signaling.request_headers or security.compliance)
            or security.max_message_bytes < UNLIMITED_BYTES
            or not (im.inbound and im.outbound),
            "changes": bool(
                signaling.request_headers
                or signaling.response_headers
                or security.scrub_headers
                or security.scrub_bodies
            ),
            "controls_responses": bool(signaling.responses or signaling.response_headers),
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def place(self, kind: str, field: str = "") -> str:
        """Form, rule and field, for people."""
        rule = getattr(self, kind)
        where = f"{rule.form}: {rule.name} (group {self.group}, order {self.order})"
        return f"{where}: {field}" if field else where


# The shipped rules; a configured one of the same name stands in its place.

DEFAULT_APPLICATION = (
    ApplicationRule(name="default"),
    ApplicationRule(name="default-trunk", max_sessions_per_endpoint=10_000,
                    voice=Application(max_sessions_per_endpoint=10_000)),
    ApplicationRule(name="default-subscriber-low", max_sessions_per_endpoint=5),
    ApplicationRule(name="default-subscriber-high", max_sessions_per_endpoint=10),
    ApplicationRule(name="default-server-low", max_concurrent_sessions=1000,
                    max_sessions_per_endpoint=1000),
    ApplicationRule(name="default-server-high", max_sessions_per_endpoint=10_000),
)  # fmt: skip
DEFAULT_BORDER = (BorderRule(name="default"), BorderRule(name="no-nat", nat=False))
DEFAULT_MEDIA = (
    MediaRule(name="default-low-med"),
    MediaRule(name="default-low-med-enc", encryption="preferred"),
    MediaRule(name="default-high"),
    MediaRule(name="default-high-enc", encryption="required"),
    MediaRule(name="avaya-low-med-enc", bfcp=True, fecc=True),
)
_COMPLIANCE = ("known_methods", "one_contact", "printable_user", "content_type", "sdp")
DEFAULT_SECURITY = (
    SecurityRule(name="default-low"),
    SecurityRule(name="default-med", compliance=_COMPLIANCE[1:]),
    SecurityRule(name="default-high", compliance=_COMPLIANCE, authentication=True,
                 max_requests_per_second=50),
)  # fmt: skip
DEFAULT_SIGNALING = (SignalingRule(name="default"),)
DEFAULT_CHARGING = (
    ChargingRule(name="none"),
    ChargingRule(name="default", records="all"),
    ChargingRule(name="answered-sqlite", records="answered", format="sqlite"),
)
DEFAULT_TIMES = (
    TimeOfDay(name="default"),
    TimeOfDay(name="working-hours", days=("mon", "tue", "wed", "thu", "fri"),
              start="08:00", end="18:00"),
)  # fmt: skip


def _group(name: str, **rules: str) -> EndPointPolicyGroup:
    return EndPointPolicyGroup(name=name, sets=(PolicySet(**rules),))


DEFAULT_POLICY_GROUPS = (
    _group("avaya-def-low-enc", media="avaya-low-med-enc"),
    _group("avaya-def-high-subscriber", application="default-subscriber-high",
           media="default-high-enc", security="default-high"),
    _group("avaya-def-high-server", application="default-server-high", media="default-high-enc"),
    _group("default-low"),
    _group("default-low-enc", media="default-low-med-enc"),
    _group("default-med", security="default-med"),
    _group("default-med-enc", security="default-med", media="default-low-med-enc"),
    _group("default-high", security="default-high", media="default-high"),
    _group("default-high-enc", security="default-high", media="default-high-enc"),
)  # fmt: skip
"""Shipped groups, present in every deployment unless one of that name is configured.

avaya-def-low-enc is the guide's: what the peers agree on of encryption passes, as in its traces.
"""
