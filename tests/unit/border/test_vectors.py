"""The guide's vectors agree with their index and with the lengths that the guide states."""

import tomllib
from pathlib import Path

from farline.sip import Message

FOLDER = Path(__file__).parents[3] / "vectors" / "guide"
INDEX = tomllib.loads((FOLDER / "index.toml").read_text())["message"]
SHORTER = {"01-register-phone.sip": 4, "09-invite-phone.sip": 2}
"""Bytes of the capture that the guide does not show (keep-alives, it seems)."""


def test_every_file_is_listed_once():
    assert [entry["file"] for entry in INDEX] == sorted(path.name for path in FOLDER.glob("*.sip"))


def test_every_message_is_valid():
    for entry in INDEX:
        data = (FOLDER / entry["file"]).read_bytes()
        message = Message.parse(data)
        message.validate()
        assert message.to_bytes() == data


def test_lengths_are_those_of_the_guide():
    stated = [entry for entry in INDEX if "stated_bytes" in entry]
    assert len(stated) == 14
    for entry in stated:
        size = (FOLDER / entry["file"]).stat().st_size
        assert size + SHORTER.get(entry["file"], 0) == entry["stated_bytes"], entry["file"]
