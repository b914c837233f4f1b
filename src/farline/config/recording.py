"""Domain Policies > Recording Rules: which calls are recorded, and where."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from farline.config.base import Form, Name


class RecordingRule(Form):
    """Whether the calls of a flow are recorded. One of a call's two flows is enough."""

    form: ClassVar[str] = "Domain Policies > Recording Rules"
    name: Name = Field("none", title="Rule Name")
    record_to_file: bool = Field(False, title="Record to File")
    """The media engine writes a WAV file of each call: left is who called, right who was called.
    rtpengine writes packets instead (PCAP), where it runs with --recording-dir."""
    recording_profile: Name | None = Field(None, title="Recording Profile")
    """A server profile of the type recording: copies of each call's sound go to it (SIPREC)."""


DEFAULT_RECORDING = (RecordingRule(name="none"), RecordingRule(name="file", record_to_file=True))
