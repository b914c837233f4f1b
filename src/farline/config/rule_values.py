"""The values that lines of policy rules are written with: tokens, codes, directions, DS bytes."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

Direction = Literal["both", "inbound", "outbound"]
"""inbound: from the flow's peer to us; outbound: from us to it."""

_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}")
_CODES = re.compile(r"[1-6](?:[0-9]{2}|xx)")


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{text!r} is not a SIP token")
    return text


def _line(text: str) -> str:
    if len(text) > 1024 or not text.isprintable():
        raise ValueError("one line of at most 1024 printable characters")
    return text


def _codes(text: str) -> str:
    if not _CODES.fullmatch(text):
        raise ValueError(f"{text!r}: write a status as 486 or a class as 4xx")
    return text


Token = Annotated[str, AfterValidator(_token)]
HeaderValue = Annotated[str, AfterValidator(_line)]
Codes = Annotated[str, AfterValidator(_codes)]
DsByte = Annotated[int, Field(ge=0, le=255, multiple_of=4)]
"""Differentiated services byte: the code point times four."""
