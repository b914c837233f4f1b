"""What every form shares: strictness, labels, secrets, fields of which one value is built."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, ValidationInfo


class Form(BaseModel):
    """One form of the element manager. Unknown fields are refused; values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: ClassVar[str] = ""
    """The guide's path to the form, as its headings give it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a configuration.

    `place` is the path of the field (`border.subscriber_flows[0].routing_profile`), `line` the line
    of the file where it is known. A warning is said, an error refuses the deployment.
    """

    place: str
    text: str
    remedy: str = ""
    form: str = ""
    line: int | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        form = f" (form: {self.form})" if self.form else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{where}{self.place}: {self.text}{remedy}{form}"


class Secret:
    """A password or key. It does not print; `reveal` gives it to the one place that needs it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._value.encode(), other._value.encode()
        )

    def __hash__(self) -> int:
        return hash(self._value)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type[Any], _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._resolve,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda _: "***"),
        )

    @classmethod
    def _resolve(cls, value: object, info: ValidationInfo) -> Secret:
        """Turn `{secret: NAME}` into the value that the secrets file holds under NAME."""
        if isinstance(value, Secret):
            return value
        if not isinstance(value, Mapping) or set(value) != {"secret"}:
            raise ValueError(
                "a secret is written {secret: NAME}, its value stands in the secrets file"
            )
        name = str(value["secret"])
        secrets = (info.context or {}).get("secrets", {})
        if name not in secrets:
            raise ValueError(
                f"no secret {name!r} in the secrets file; make it with: "
                f"farline secret set {name} --file FILE"
            )
        return cls(str(secrets[name]))


class Only:
    """Validator for a field of the guide's form of which one value is built so far.

    The field is shown and kept; any other value is refused with the reason, never ignored.
    """

    def __init__(self, value: object, why: str) -> None:
        self.value = value
        self.why = why

    def __call__(self, given: Any) -> Any:  # noqa: ANN401 - a validator takes whatever the field holds
        """Refuse any other value."""
        if given != self.value:
            raise ValueError(f"{self.why}; leave it at {self.value!r}")
        return given


def only(value: object, why: str) -> AfterValidator:
    """Annotation for `Only`."""
    return AfterValidator(Only(value, why))


def _literal_ip(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None


IpText = Annotated[str, AfterValidator(_literal_ip)]
"""An IPv4 or IPv6 address as text, checked and in its usual spelling."""

Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\"<>]+$")]
"""A name that people give: no control characters, quotes or angle brackets."""


def _port_range(value: object) -> tuple[int, int]:
    if isinstance(value, str):
        first, dash, last = value.partition("-")
        if not dash or not first.strip().isdecimal() or not last.strip().isdecimal():
            raise ValueError(f"{value!r} is not a port range; write it as 35000-40000")
        value = (int(first), int(last))
    pair = tuple(value) if isinstance(value, tuple | list) else ()
    if len(pair) != 2 or not all(isinstance(port, int) for port in pair):
        raise ValueError("a port range is written as 35000-40000")
    low, high = pair
    if not 1024 <= low < high <= 65535:
        raise ValueError(
            f"ports {low}-{high}: give a range within 1024-65535, the lower port first"
        )
    if low + low % 2 + 1 > high:  # RTP on an even port, RTCP on the next (RFC 3550 section 11)
        raise ValueError(f"ports {low}-{high}: no even port with the one after it is among them")
    return low, high


class _PortRangeSchema:
    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type[Any], _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _port_range,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda ports: f"{ports[0]}-{ports[1]}"
            ),
        )


PortRange = Annotated[tuple[int, int], _PortRangeSchema]
"""First and last port, written 35000-40000."""
