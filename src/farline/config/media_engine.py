"""Media Engine: who relays the media of the border's calls."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from farline.config.base import Form, IpText, Name, Port


class MediaNode(Form):
    """One rtpengine daemon."""

    form: ClassVar[str] = "Media Engine > Nodes"
    address: IpText = Field(title="IP Address")
    port: Port = Field(2223, title="ng Port")
    """The port of its `--listen-ng`."""
    weight: int = Field(1, ge=1, le=100, title="Weight")
    """Its share of new calls, against the other nodes that are up."""


class MediaEngineInterface(Form):
    """What a media interface is called at rtpengine, where its name there is another."""

    form: ClassVar[str] = "Media Engine > Interfaces"
    media_interface: Name = Field(title="Media Interface")
    name: Name = Field(title="Name at rtpengine")


class MediaEngine(Form):
    """The built-in relay, or rtpengine daemons of one's own.

    With rtpengine the port ranges are the daemon's (`--port-min`, `--port-max`); the addresses of
    the media interfaces are checked in every description that it gives.
    """

    form: ClassVar[str] = "Media Engine"
    engine: Literal["relay", "rtpengine"] = Field("relay", title="Engine")
    nodes: tuple[MediaNode, ...] = Field((), max_length=64, title="Nodes")
    interfaces: tuple[MediaEngineInterface, ...] = Field((), title="Interfaces")
    """Interfaces not listed have the same name at rtpengine."""
    fast_path: Literal["auto", "off", "xdp"] = Field("auto", title="Fast Path")
    """auto: the kernel relays settled flows where it can. xdp: in the network card's driver too, of
    cards whose driver can send from there. off: the relay serves alone."""
    recording_directory: str = Field("", max_length=1024, title="Recording Directory")
    """Where WAV files of recorded calls go; a relative path starts at the deployment file, empty:
    `recordings` in the run directory."""
    ping_seconds: int = Field(2, ge=1, le=60, title="Ping Interval")
    """How often each node's health is asked for."""
