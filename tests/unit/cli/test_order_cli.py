"""`farline order` on a file."""

import json
from pathlib import Path

from typer.testing import CliRunner

from farline.cli.main import make_app

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
FLOW = """\
    - name: Everybody
      signaling_interface: IPORWB1Sig
      media_interface: IPORWB1Media
      end_point_policy_group: avaya-def-low-enc
      routing_profile: to-IPO
"""


def ready(tmp_path):
    """The guide's deployment with one more subscriber flow behind."""
    end = GUIDE.index("\n\n", GUIDE.index("\n  subscriber_flows:")) + 1
    path = tmp_path / "deployment.yaml"
    path.write_text(GUIDE[:end] + FLOW + GUIDE[end:])
    path.chmod(0o640)
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("ruel: secret12\ndora: secret12\nenhtcpaservice: secret12\n")
    secrets.chmod(0o600)
    return path


def order(*words):
    return CliRunner().invoke(make_app(), ["order", *map(str, words)])


def test_the_order_is_shown_and_changed(tmp_path):
    path = ready(tmp_path)
    before = path.read_text()
    shown = order(path, "border.subscriber_flows")
    assert (shown.exit_code, shown.stdout) == (0, "   1  SubsflowRW\n   2  Everybody\n")
    turned = order(path, "border.subscriber_flows", "Everybody", "--before", "SubsflowRW")
    assert turned.exit_code == 0, turned.output
    assert "   1  Everybody\n   2  SubsflowRW\n" in turned.output
    assert "'SubsflowRW' can never match: 'Everybody' stands before it" in turned.output
    assert path.stat().st_mode & 0o777 == 0o640
    back = order(path, "border.subscriber_flows", "1", "--after", "2", "--json")
    assert json.loads(back.stdout) == {
        "place": "border.subscriber_flows", "order": ["SubsflowRW", "Everybody"],
    }  # fmt: skip
    assert path.read_text() == before


def test_what_is_not_there_changes_nothing(tmp_path):
    path = ready(tmp_path)
    before = path.read_text()
    refused = order(path, "border.subscriber_flows", "Nobody", "--before", "Everybody")
    assert refused.exit_code == 2
    assert "has no 'Nobody'; there is: SubsflowRW, Everybody" in refused.output
    assert order(path, "border.subscriber_flows", "Everybody").exit_code == 2
    assert path.read_text() == before
