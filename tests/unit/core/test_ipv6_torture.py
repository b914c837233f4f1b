"""The messages of RFC 5118 get the verdicts that vectors/rfc5118/index.yaml gives."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from farline import sdp
from farline._core import Message, NameAddr, Uri, Via, WireError
from farline.sip.transport import canonical_host, same_host

FOLDER = Path(__file__).parents[3] / "vectors" / "rfc5118"
INDEX: dict[str, dict[str, Any]] = YAML(typ="safe").load(FOLDER / "index.yaml")


def read(name: str) -> Message:
    return Message.parse((FOLDER / f"{name}.dat").read_bytes())


def test_index_names_every_file() -> None:
    assert {path.stem for path in FOLDER.glob("*.dat")} == set(INDEX)
    assert len(INDEX) == 12


@pytest.mark.parametrize("name", sorted(INDEX))
def test_verdict(name: str) -> None:
    data = (FOLDER / f"{name}.dat").read_bytes()
    message = Message.parse(data)
    if INDEX[name]["validate"] != "ok":
        with pytest.raises(WireError) as refused:
            message.validate()
        assert refused.value.status == INDEX[name]["validate"]
        return
    message.validate()
    assert message.to_bytes() == data


def test_where_the_port_is() -> None:
    ambiguous, clear = (
        Uri.parse(read("port-ambiguous").uri),
        Uri.parse(read("port-unambiguous").uri),
    )
    assert (ambiguous.host, ambiguous.port) == ("2001:db8::10:5070", None)
    assert (clear.host, clear.port) == ("2001:db8::10", 5070)


def test_received_with_brackets_and_without() -> None:
    one, other = (
        Via.parse(read(f"via-received-param-{name}").values("Via")[0])
        for name in ("with-delim", "no-delim")
    )
    assert same_host(one.param("received") or "", other.param("received") or "")
    assert canonical_host(one.param("received") or "") == "2001:db8::9:255"


def test_both_versions_in_via() -> None:
    vias = [Via.parse(value) for value in read("mult-ip-in-header").values("Via")]
    assert [(via.host, via.port) for via in vias] == [
        ("2001:db8::9:1", 6050), ("192.0.2.1", None), ("2001:db8::9:255", None),
    ]  # fmt: skip
    assert vias[2].param("received") == "192.0.2.200"


def addresses(name: str) -> list[str | None]:
    media = sdp.parse(read(name).body).media
    return [one.connection.address if one.connection else None for one in media]


def test_addresses_in_sdp() -> None:
    assert addresses("mult-ip-in-sdp") == ["192.0.2.1", "2001:db8::1"]
    assert addresses("ipv6-in-sdp") == ["2001:db8::20"] * 2
    assert addresses("ipv4-mapped-ipv6") == ["::ffff:192.0.2.2"] * 2


def test_the_third_colon_means_the_same_address() -> None:
    three, two = (
        NameAddr.parse(read(name).get("To") or "").uri.host
        for name in ("ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons")
    )
    assert three != two
    assert same_host(three, two)


@pytest.mark.parametrize(
    "host", ["2001:db8:::1", "::::192.0.2.1", "2001::db8:::192.0.2.1", "2001:db8:::192.0.2"]
)
def test_no_other_slip_is_an_address(host: str) -> None:
    with pytest.raises(WireError):
        Uri.parse(f"sip:user@[{host}]")
