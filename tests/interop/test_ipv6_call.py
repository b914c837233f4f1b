"""A call through a whole border from IPv6 outside to IPv4 inside: registered, spoken, hung up."""

from types import SimpleNamespace

import pytest

from farline.testing.deployment import REGISTERED, event, heard, talk_seconds
from farline.testing.deployment import phones as make_phones
from farline.testing.ports import free_ports, own_network
from farline.testing.supervised import supervised

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]
NET = own_network()
OFFICE, DESK = f"{NET}.2.13", f"{NET}.2.30"
ROLES = ("media", "office-media", "office", "border")
GROUP = "end_point_policy_group: avaya-def-low-enc"
DEPLOYMENT = """
version: 1
border:
  interfaces: [{{name: A1, enabled: true}}, {{name: B1, enabled: true}}]
  networks:
    - {{name: in, interface: A1, default_gateway: {net}.2.1, prefix: 255.255.255.0,
       addresses: [{{ip: {net}.2.7}}]}}
    - {{name: out, interface: B1, default_gateway: "::2", prefix: "/64",
       addresses: [{{ip: "::1"}}]}}
  media_interfaces:
    - {{name: MA, network: in, ip: {net}.2.7, port_range: 37000-37999}}
    - {{name: MB, network: out, ip: "::1", port_range: 37000-37999}}
  signaling_interfaces:
    - {{name: SA, network: in, ip: {net}.2.7, tcp_port: 5060}}
    - {{name: SB, network: out, ip: "::1", tcp_port: {port}}}
  server_profiles:
    - name: IPO
      server_type: call_server
      addresses: [{{address: {office}, port: 5060, transport: TCP}}]
  routing_profiles:
    - {{name: to-IPO, next_hops: [{{server: IPO, address: {office}, port: 5060, transport: TCP}}]}}
  subscriber_flows:
    - {{name: phones, signaling_interface: SB, media_interface: MB, routing_profile: to-IPO,
       {group}}}
  server_flows:
    - {{name: office, server_profile: IPO, received_interface: SB, signaling_interface: SA,
       media_interface: MA, {group}}}
office:
  ip: {office}
  registrar: {{domain: a.example, tls_port: null, rtp_port_range: 40750-41750}}
  users:
    - {{name: Ruel, password: {{secret: ruel}}, extension: "3001"}}
    - {{name: Dora, password: {{secret: dora}}, extension: "3003"}}
"""


@pytest.fixture
def port(tmp_path):
    """The border's port on ::1; everything runs."""
    [port] = free_ports(1, "::1")
    config, secrets = tmp_path / "v6.yaml", tmp_path / "secrets.yaml"
    config.write_text(DEPLOYMENT.format(port=port, net=NET, office=OFFICE, group=GROUP))
    secrets.write_text("ruel: one\ndora: other\n")
    secrets.chmod(0o600)
    with supervised(config, ROLES, tmp_path / "run"):
        yield port


async def test_a_phone_on_ipv6_and_a_desk_on_ipv4_hear_each_other(port, tmp_path):
    async with make_phones(SimpleNamespace(run_dir=tmp_path / "run"), tmp_path) as phones:
        common = ["phone", "--domain", "a.example", "--secrets", str(tmp_path / "secrets.yaml")]

        async def phone(who, says, extension, *options):
            recording = tmp_path / f"{who}.wav"
            argv = [*common, who, "--extension", extension, "--name", who.title(), "--json"]
            argv += ["--play", str(phones.short_speech(says)), "--record", str(recording)]
            return await phones.ours(who, [*argv, *options], recording)

        desk = await phone(
            "dora", "dora", "3003", "--registrar", f"{OFFICE}:5060", "--local-ip", DESK,
            "--transport", "udp", "--answer-after-ms", "100",
        )  # fmt: skip
        assert await desk.until(REGISTERED, 60), desk.events
        out = await phone(
            "ruel", "ruel", "3001", "--registrar", f"[::1]:{port}", "--local-ip", "::1",
            "--transport", "tcp", "--call", "3003", "--hangup-after", str(talk_seconds()),
        )  # fmt: skip
        assert await out.until(event("audio"), 60), out.events
        assert await desk.until(event("audio"), 60), desk.events
        for who, listener in (("ruel", desk), ("dora", out)):
            found = heard(who, listener.recording)
            assert found.ok, found.reason
