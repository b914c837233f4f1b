"""What `explain` and `replay` share: a deployment's border, captures, addresses."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from farline.border.explain.recording import Recorded, from_capture, from_records
from farline.border.plan import Plan
from farline.cli.failing import fail
from farline.cli.files import fail_config, read_secrets, read_text
from farline.config import Border, ConfigError, load_with_warnings
from farline.runtime.named_files import reason
from farline.runtime.trace_files import read_records
from farline.sip import Address, Transport
from farline.trace.capture import MAX_CAPTURE, Capture
from farline.trace.packet import parse_endpoint
from farline.trace.pcap_read import PcapError
from farline.trace.reader import Reader


class AnySecret(dict[str, str]):
    """Every secret there may be: what is tried here needs no passwords."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return "-"


def read_border(config: Path, secrets: Path | None, as_json: bool) -> Border:
    """The border of a deployment file; secrets that are not there do not matter."""
    values = AnySecret()
    try:
        text = read_text(config)
        if secrets is not None:
            values.update(read_secrets(config, secrets))
        deployment, _ = load_with_warnings(text, values)
    except ConfigError as error:
        fail_config(error, config, as_json)
    if deployment.border is None:
        fail(f"{config} has no section 'border'")
    return deployment.border


def read_recording(path: Path, data: bytes, border: Border) -> list[Recorded]:
    """The border's messages in a capture; none is a mistake of the caller."""
    try:
        found = from_capture(Capture(data).messages(), Plan(border))
    except PcapError as error:
        fail(f"{path}: {error}")
    if not found:
        known = ", ".join(sorted({one.ip for one in border.signaling_interfaces}))
        fail(f"{path}: no SIP message to or from a signaling interface of the border ({known})")
    return found


def read_run(run_dir: Path) -> list[Recorded]:
    """The border's messages in the trace of a run directory."""
    found = from_records(read_records(run_dir, Reader()))
    if not found:
        fail(f"{run_dir}: no message of a border has been traced there")
    return found


def read_bytes(path: Path) -> bytes:
    """A file, bounded."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CAPTURE + 1)
    except OSError as error:
        fail(f"{path} cannot be read: {reason(error)}")
    return data


def is_capture(data: bytes) -> bool:
    """Whether a file begins as pcap or pcapng files do."""
    return data[:4] in (
        b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d",
        b"\x0a\x0d\x0d\x0a",
    )  # fmt: skip


def address(text: str) -> Address:
    """An address:port of the command line."""
    try:
        endpoint = parse_endpoint(text)
    except ValueError:
        fail(f"{text!r} is no address:port; write 192.0.2.1:5060 or [2001:db8::1]:5060")
    return Address(str(endpoint.ip), endpoint.port)


def transport(text: str) -> Transport:
    """A transport of the command line, in any case."""
    try:
        return Transport(text.upper())
    except ValueError:
        fail(f"{text!r} is none of {', '.join(one.uri_param for one in Transport)}")


def echo_json(value: object) -> None:
    """Print a value as JSON; ASCII only, so that nothing of a peer obeys the terminal."""
    typer.echo(json.dumps(value, indent=2))
