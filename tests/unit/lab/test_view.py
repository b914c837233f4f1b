"""The view says the same on a terminal and without one, and lets no control character through."""

from io import StringIO
from pathlib import Path
from types import SimpleNamespace

from rich.console import Console

from farline.config import Deployment, Ems
from farline.lab.scenario import Outcome
from farline.lab.verdict import STEPS, Step, Verdict
from farline.lab.view import View
from farline.trace import Record
from farline.trace.events import MessageSeen

PREPARED = SimpleNamespace(
    run_dir=Path("run"), loopback=True, deployment=Deployment(ems=Ems(port=8093))
)


def console(*, terminal):
    return Console(file=StringIO(), force_terminal=terminal, width=80, highlight=False)


def outcome(*, ok):
    steps = tuple(Step(name, ok or name == "dns", 1.0, "x") for name in STEPS)
    invite = MessageSeen(
        "in", "B1", "TCP", "192.0.2.1:5060", "192.0.2.2:4000", "c", b"INVITE sip:a SIP/2.0\r\n\r\n"
    )
    return Outcome(Verdict(steps), (Record(1.0, "border", invite),), Path("run/calls/a.pcap"))


def test_plain_lines():
    view = View(console(terminal=False))
    with view:
        view.notice("office is ready")
        view.step(Step("dns", True, 1.25, "ipo1xp is 192.168.64.96"))
        view.step(Step("xmpp", False, 3.0, "evil \x1b[2J\nsecond"))
    view.result(outcome(ok=False), PREPARED)
    lines = view.console.file.getvalue().splitlines()
    assert lines[0] == "      office is ready"
    assert lines[1] == "ok    dns                   1.2 ms  ipo1xp is 192.168.64.96"
    assert lines[2] == "FAIL  xmpp                  3.0 ms  evil \\x1b[2J | second"
    assert any("─ INVITE ─" in line for line in lines)
    assert "pcap       run/calls/a.pcap" in lines
    assert lines[-1] == "verdict: FAIL (1 of 10 steps held)"


def test_a_passed_run_says_so():
    view = View(console(terminal=False))
    view.result(outcome(ok=True), PREPARED)
    assert "verdict: PASS (10 of 10 steps held)" in view.console.file.getvalue()
    assert "forms      http://127.0.0.1:8093/" in view.console.file.getvalue()


def test_markup_of_others_is_text():
    view = View(console(terminal=False))
    view.step(Step("dns", True, 1.0, "[bold]not bold[/bold]"))
    assert "[bold]not bold[/bold]" in view.console.file.getvalue()


def test_a_terminal_gets_the_table_with_every_step():
    view = View(console(terminal=True))
    with view:
        view.notice("[red]office is ready")
        view.step(Step("dns", True, 1.25, "[bold]proved"))
        view.step(Step("im-info", False, 2.0, "refused"))
    shown = view.console.file.getvalue()
    for text in (*STEPS, "[bold]proved", "refused", "[red]office is ready"):
        assert text in shown
