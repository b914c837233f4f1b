"""The values that lines of policy rules are written with: tokens, codes, directions, DS bytes."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from farline.sip import Message

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


def _header(text: str) -> str:
    if "*" in text:
        raise ValueError(f"{text!r}: one header by its name; * stands for nothing here")
    message = Message.request("OPTIONS", "sip:a@b")
    message.add(_token(text), "-")
    return message.headers()[0][0]


def _method(text: str) -> str:
    if _token(text) != text.upper():
        raise ValueError(f"{text!r}: methods are told apart by case; write {text.upper()}")
    return text


def _media_type(text: str) -> str:
    kind, slash, sub = text.partition("/")
    if not slash or "*" in kind or not _TOKEN.fullmatch(kind) or not _TOKEN.fullmatch(sub):
        raise ValueError(f"{text!r}: write a media type as text/html, or text/*")
    return text


Token = Annotated[str, AfterValidator(_token)]
HeaderName = Annotated[str, AfterValidator(_header)]
"""A header's name, the long one where a compact one is written."""

MethodName = Annotated[str, AfterValidator(_method)]
"""A method, or `*`."""

MediaType = Annotated[str, AfterValidator(_media_type)]
HeaderValue = Annotated[str, AfterValidator(_line)]
Codes = Annotated[str, AfterValidator(_codes)]
DsByte = Annotated[int, Field(ge=0, le=255, multiple_of=4)]
"""Differentiated services byte: the code point times four."""
