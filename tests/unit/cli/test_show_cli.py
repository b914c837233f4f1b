"""`farline show`: what it says of a role that does not answer."""

import pytest
from typer.testing import CliRunner

from farline.cli.main import make_app
from farline.runtime.control import ControlError


@pytest.mark.parametrize(
    "nodes", [{}, {"media nodes": [{"node": "127.0.0.1:2223", "state": "up"}]}]
)
def test_who_relays_in_place_of_the_media_role_is_said(monkeypatch, nodes):
    async def call(path, *_words, **_more):
        if path.name == "media.sock":
            raise ControlError("media is not running")
        return nodes

    monkeypatch.setattr("farline.cli.show.call", call)
    shown = CliRunner().invoke(make_app(), ["show", "media"])
    assert shown.exit_code == 1
    assert ("rtpengine relays here" in shown.output) is bool(nodes)
