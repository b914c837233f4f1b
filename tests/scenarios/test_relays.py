"""The guide's login where the relays look at everything: TLS that ends there, Whitelist Flows."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from farline.config import load_deployment

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "examples" / "guide.yaml"
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "x")
pytestmark = pytest.mark.timeout(240)


def strict(text):
    """The guide's deployment: the HTTP relay ends TLS, both relays have Whitelist Flows."""
    for old, new in (
        ("port: 8444, transport: TCP}",
         "port: 8444, transport: TLS, tls_client_profile: ClientProf}"),
        ("listen_transport: TCP\n      http:",
         "listen_transport: TLS\n        tls_profile: PortalProf\n      http:"),
        ("whitelist_flows: false", "whitelist_flows: true"),
        ("      xmpp: {", "      whitelist_flows: true\n      xmpp: {"),
    ):  # fmt: skip
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_the_first_login_passes_relays_with_whitelist_flows(tmp_path):
    text = strict(GUIDE.read_text())
    http, xmpp, _ = load_deployment(text, SECRETS).border.application_relays
    assert http.whitelist_flows and xmpp.whitelist_flows
    config, verdict = tmp_path / "strict.yaml", tmp_path / "verdict.json"
    config.write_text(text)
    run_dir = Path(f"/tmp/relays-{tmp_path.name[-12:]}")  # sockets have short names
    try:
        done = subprocess.run(
            [sys.executable, "-m", "farline.cli.main", "lab", "run", "--loopback", "--once",
             "--config", config, "--run-dir", run_dir, "--json", verdict],
            capture_output=True, text=True, timeout=200, check=False, cwd=ROOT,
        )  # fmt: skip
        assert json.loads(verdict.read_text())["verdict"] == "pass", done.stdout + done.stderr
        lines = (run_dir / "trace").rglob("*.jsonl")
        traced = "".join(one.read_text() for one in lines)
    finally:
        subprocess.run(["rm", "-rf", str(run_dir)], check=True)
    assert re.search(
        r":8444 \(TLS PortalProf\) -> [0-9.]+ -> [0-9.]+:8444 \(TLS ClientProf\)", traced
    )
    assert '"relay opened"' in traced and '"reason":"relay-' not in traced
