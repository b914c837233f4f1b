"""Examples of RFC 4013 section 3."""

import pytest

from farline.config.saslprep import saslprep


@pytest.mark.parametrize(
    ("given", "prepared"),
    [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX"),
     ("a\u00a0b", "a b")],
)  # fmt: skip
def test_prepared(given, prepared):
    assert saslprep(given) == prepared


@pytest.mark.parametrize("given", ["\u0007", "\u0627\u0031", "a\u0627"])
def test_refused(given):
    with pytest.raises(ValueError):
        saslprep(given)
