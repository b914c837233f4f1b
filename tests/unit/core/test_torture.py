"""The torture messages of RFC 4475 get the verdicts that vectors/rfc4475/index.yaml gives."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from farline._core import Message, NameAddr, Uri, WireError

FOLDER = Path(__file__).parents[3] / "vectors" / "rfc4475"
INDEX: dict[str, dict[str, Any]] = YAML(typ="safe").load(FOLDER / "index.yaml")


def vector(name: str) -> bytes:
    return (FOLDER / f"{name}.dat").read_bytes()


def verdict(call: Any) -> tuple[object, str | None]:
    try:
        call()
    except WireError as error:
        return error.status, error.where
    return "ok", None


def test_index_names_every_file() -> None:
    assert {path.stem for path in FOLDER.glob("*.dat")} == set(INDEX)
    assert len(INDEX) == 49


@pytest.mark.parametrize("name", sorted(INDEX))
def test_verdict(name: str) -> None:
    expected, data = INDEX[name], vector(name)
    assert verdict(lambda: Message.parse(data))[0] == expected["parse"]
    if expected["parse"] != "ok":
        return
    message = Message.parse(data)
    assert verdict(message.validate) == (expected["validate"], expected.get("where"))
    whole = len(data) if expected["bytes"] == "same" else expected["bytes"]
    assert message.to_bytes() == data[:whole]
    if "bad_address" in expected:
        [value] = message.values(expected["bad_address"])
        with pytest.raises(WireError, match="400"):
            NameAddr.parse(value)


def test_wsinv_is_understood() -> None:
    message = Message.parse(vector("wsinv"))
    assert message.method == "INVITE"
    assert message.uri == "sip:vivekg@chair-dnrc.example.com;unknownparam"
    assert message.cseq == 9
    assert message.to_tag == "1918181833n"
    assert message.from_tag == "98asjd8"
    assert NameAddr.parse(message.get("From") or "").display == 'J Rosenberg \\"'
    assert message.get("Subject") == ""
    assert message.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert [via.split("branch")[1].strip(" =") for via in message.values("Via")] == [
        "390skdjuw",
        "z9hG4bK9ikj8",
        "z9hG4bK30239",
    ]
    top = message.top_via
    assert top is not None
    assert (top.transport, top.host, top.branch) == ("UDP", "192.0.2.2", "390skdjuw")
    contact = NameAddr.parse(message.values("Contact")[0])
    assert contact.display == 'Quoted string ""'
    assert contact.params == [("newparam", "newvalue"), ("secondparam", None), ("q", "0.33")]


def test_intmeth_keeps_odd_characters() -> None:
    message = Message.parse(vector("intmeth"))
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert NameAddr.parse(message.get("To") or "").display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    sender = NameAddr.parse(message.get("From") or "")
    assert sender.param("fromParam''~+*_!.-%") == "работающий"
    assert Uri.parse(message.uri).host == "example.com"


def test_escapes() -> None:
    message = Message.parse(vector("esc01"))
    assert Uri.parse(message.uri).user == "sips:user@example.com"
    assert NameAddr.parse(message.get("To") or "").uri.user == "user"
    contact = NameAddr.parse(message.get("Contact") or "").uri
    assert contact.user == "caller"
    assert contact.params == [("lr", None), ("name", "value%41")]
    nulls = [
        NameAddr.parse(value).uri.user for value in Message.parse(vector("escnull")).values("m")
    ]
    assert nulls == ["\0", "\0\0"]
    assert Message.parse(vector("esc02")).method == "RE%47IST%45R"


def test_semicolons_and_parameters_go_where_they_belong() -> None:
    assert Uri.parse(Message.parse(vector("semiuri")).uri).user == "user;par=u@example.net"
    header = NameAddr.parse(Message.parse(vector("cparam01")).get("Contact") or "")
    assert header.param("unknownparam") == ""
    assert header.uri.params == []
    inside = NameAddr.parse(Message.parse(vector("cparam02")).get("Contact") or "")
    assert inside.uri.param("unknownparam") == ""
    assert inside.params == []


def test_unusual_reasons() -> None:
    assert Message.parse(vector("unreason")).reason.endswith("девять - простое")
    assert Message.parse(vector("noreason")).reason == ""
