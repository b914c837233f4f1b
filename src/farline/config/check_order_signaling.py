"""Lines of signaling rules that can never match: lines before them take all that they name."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, TypeVar

from farline.config.base import Form
from farline.config.check_order_words import never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from farline.config.base import Problem
    from farline.config.signaling_rules import (
        HeaderControl,
        RequestControl,
        ResponseControl,
        SignalingRule,
    )

OTHER_METHOD = "another method"
"""A method that no line names."""

T = TypeVar("T", bound=Form)
P = TypeVar("P")


def signaling_rule(place: str, rule: SignalingRule) -> Iterator[Problem]:
    """The dead lines of one rule; a point of a line is one (status,) method and direction."""
    methods = {line.method for line in rule.requests} | {line.method for line in rule.responses}
    methods = (methods | {OTHER_METHOD}) - {"*"}

    def of_request(line: RequestControl) -> Iterable[tuple[str, str]]:
        return product(_all(line.method, methods), _ways(line.direction))

    def of_response(line: ResponseControl) -> Iterable[tuple[str, str, str]]:
        codes = (
            [f"{line.codes[0]}{n:02}" for n in range(100)]
            if line.codes.endswith("xx")
            else [line.codes]
        )
        return product(codes, _all(line.method, methods), _ways(line.direction))

    yield from _dead(f"{place}.requests", rule.requests, of_request)
    yield from _dead(f"{place}.responses", rule.responses, of_response)
    for field in ("request_headers", "response_headers"):
        lines: tuple[HeaderControl, ...] = getattr(rule, field)
        named = ({line.method for line in lines} | {OTHER_METHOD}) - {"*"}

        def of_header(
            line: HeaderControl, named: set[str] = named
        ) -> Iterable[tuple[str, str, str]]:
            return product([line.header.lower()], _all(line.method, named), _ways(line.direction))

        yield from _dead(f"{place}.{field}", lines, of_header)


def _dead(
    place: str, lines: Sequence[T], points_of: Callable[[T], Iterable[P]]
) -> Iterator[Problem]:
    """The lines of which every point is one of a line before them."""
    taken: dict[P, int] = {}
    for index, line in enumerate(lines):
        points = list(points_of(line))
        takers = sorted({taken[point] for point in points if point in taken})
        if all(point in taken for point in points):
            words = points[0] if isinstance(points[0], tuple) else (points[0],)
            yield never(
                f"{place}[{index}]", f"line {index + 1}", [f"line {one + 1}" for one in takers],
                " ".join(str(word) for word in words), line.form,
            )  # fmt: skip
        for point in points:
            taken.setdefault(point, index)


def _all(method: str, named: Iterable[str]) -> list[str]:
    return sorted(named) if method == "*" else [method]


def _ways(direction: str) -> list[str]:
    return ["inbound", "outbound"] if direction == "both" else [direction]
