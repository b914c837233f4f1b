"""Global Profiles > URI Groups: named sets of URIs, for flows and routing profiles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from farline.config.base import Form, Name
from farline.config.patterns import MAX_PATTERN, compile_pattern

if TYPE_CHECKING:
    from farline.config.patterns import Pattern

URI_GROUP_ANY = "*"
_DIAL_PLAN = re.compile(r"[0-9XxNnZz*#+.!\[\]-]{1,64}")
_SCHEME = re.compile(r"(?i)(sips?|tel):")
MAX_GROUP = 1_000_000
"""Characters of a whole group's pattern."""

_CLASSES = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]"}


class UriGroupEntry(Form):
    """One line of a group."""

    form: ClassVar[str] = "Global Profiles > URI Groups"
    kind: Literal["plain", "dial_plan", "regex"] = Field("plain", title="URI Type")
    uri: str = Field(title="URI", min_length=1, max_length=MAX_PATTERN)
    """plain: user@domain, *@domain or user@*. dial_plan: 30XX@domain, where X is a digit, Z 1-9,
    N 2-9, [4-6] one of these, and ! at the end anything more. regex: RE2's syntax, for the whole
    of user@domain."""

    @model_validator(mode="after")
    def _readable(self) -> UriGroupEntry:
        user, _, domain = self.uri.partition("@")
        if self.kind == "regex":
            compile_pattern(self.uri)
            compile_pattern(f"(?:{self.uri})", most=MAX_GROUP)  # as one of several lines
        elif self.kind == "dial_plan":
            if not _DIAL_PLAN.fullmatch(user) or "!" in user[:-1]:
                raise ValueError(
                    f"{self.uri!r}: a dial plan is digits, X, Z, N, [4-6], + and a last !"
                )
            compile_pattern(self.pattern)
        elif not (user and domain) or any("*" in part and part != "*" for part in (user, domain)):
            raise ValueError(f"{self.uri!r}: write user@domain; * stands for a whole part only")
        if self.kind != "regex" and _SCHEME.match(user):
            raise ValueError(f"{self.uri!r}: write user@domain, without the scheme")
        return self

    @property
    def pattern(self) -> str:
        """The pattern for the whole of user@domain; hosts are compared without case."""
        if self.kind == "regex":
            return self.uri
        user, at, domain = self.uri.partition("@")
        host = r"[^@]*" if domain == "*" or not at else f"(?i:{re.escape(domain)})"
        if self.kind == "plain":
            return f"{'[^@]*' if user == '*' else re.escape(user)}@{host}"
        return f"{_dial_pattern(user)}@{host}"


class UriGroup(Form):
    """A named set of URIs."""

    form: ClassVar[str] = "Global Profiles > URI Groups"
    name: Name = Field(title="Group Name")
    uris: tuple[UriGroupEntry, ...] = Field(title="URI", min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _not_everything(self) -> UriGroup:
        if self.name == URI_GROUP_ANY:
            raise ValueError("* is every URI and cannot be redefined")
        try:
            compile_group(self)
        except ValueError as error:
            raise ValueError(f"the lines are too much for one group: {str(error)[-80:]}") from None
        return self

    @property
    def pattern(self) -> str:
        """One pattern for all of its lines."""
        return "|".join(f"(?:{entry.pattern})" for entry in self.uris)


def compile_group(group: UriGroup) -> Pattern:
    """One pattern for the whole of user@domain."""
    return compile_pattern(group.pattern, most=MAX_GROUP)


def _dial_pattern(plan: str) -> str:
    out, at = "", 0
    while at < len(plan):
        char = plan[at].upper()
        if char == "[":
            end = plan.index("]", at) if "]" in plan[at:] else len(plan) - 1
            out += plan[at : end + 1]
            at = end
        elif char == "!":
            out += "[^@]*"
        else:
            out += _CLASSES.get(char) or re.escape(plan[at])
        at += 1
    return out
