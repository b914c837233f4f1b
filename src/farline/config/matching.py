"""What a criterion of a flow fits: the same words for the border and for `farline check`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from farline.config.patterns import compile_pattern

if TYPE_CHECKING:
    from farline.config.patterns import Pattern

ANY = "*"


def is_regex(criterion: str) -> bool:
    """Whether a User Agent criterion is a pattern between slashes."""
    return len(criterion) > 2 and criterion.startswith("/") and criterion.endswith("/")


def check_user_agent(criterion: str) -> str:
    """Raises ValueError for a pattern that RE2 does not take."""
    agent_pattern(criterion)
    return criterion


@lru_cache(maxsize=1024)
def agent_pattern(criterion: str) -> Pattern:
    """The pattern to search in User-Agent for: text with `*` for anything, or /RE2/."""
    if is_regex(criterion):
        return compile_pattern(criterion[1:-1])
    return compile_pattern(".*".join(re.escape(part) for part in criterion.split("*")))


def agent_fits(criterion: str, agent: str) -> bool:
    """Whether a User-Agent header fits the criterion."""
    if criterion == ANY:
        return True
    if "*" not in criterion and not is_regex(criterion):
        return criterion in agent
    return agent_pattern(criterion).search(agent) is not None
