"""The calendar of ACME without an authority: what a failure leaves behind, and orders by hand."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from farline.config import TlsServerProfile
from farline.runtime.acme import files, keeper
from farline.runtime.acme.files import AcmeError
from farline.runtime.acme.keeper import FIRST_RETRY, LAST_RETRY, AcmeKeeper
from farline.runtime.tls.lab_authority import make_certificates

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
FORM = {
    "directory": "https://acme.example/dir", "terms_agreed": True, "challenge_ip": "127.0.0.1",
    "names": ("sip.farline.example",),
}  # fmt: skip


class Site:
    """The surroundings of a keeper, over restarts."""

    def __init__(self, directory, monkeypatch):
        self.directory = directory
        self.now = START
        self.why = "too many orders"
        self.orders = 0
        self.profile = self.form()
        monkeypatch.setattr(keeper, "acme_role", lambda _deployment, _profile: "border")
        monkeypatch.setattr(keeper, "_order", self.order)
        monkeypatch.setattr(keeper, "answering", lambda *_: nullcontext())

    def form(self, **fields):
        return TlsServerProfile(name="S", certificate="s.pem", key="s.key", acme=FORM | fields)

    def order(self, form, _account, _base, _proofs):
        """The authority."""
        self.orders += 1
        if self.why:
            raise AcmeError(self.why)
        at = self.directory / "made"
        make_certificates(at, {"one": list(form.names)})
        return (at / "one.pem").read_bytes(), (at / "one.key").read_bytes()

    def keeper(self):
        """A process's keeper."""
        context = SimpleNamespace(
            base=self.directory, run_dir=self.directory / "run", role="border",
            deployment=SimpleNamespace(tls_server_profiles=[self.profile]),
        )  # fmt: skip
        tls = SimpleNamespace(reload=lambda names: dict.fromkeys(names, "in use"))
        return AcmeKeeper(context, tls, lambda _event: None, lambda: self.now)


@pytest.fixture
def site(tmp_path, monkeypatch):
    return Site(tmp_path, monkeypatch)


def shown(keeper):
    (row,) = keeper.show()
    return row


async def test_a_restart_waits_as_long_as_the_process_before_it(site):
    keeper = site.keeper()
    assert await keeper.renew() == {"S": "not issued: too many orders"}
    assert await keeper.renew() == {"S": "not issued: too many orders"}
    before = shown(keeper)
    again = site.keeper()
    assert shown(again) == before
    assert (before["failures"], before["state"]) == (2, "failed")
    due = datetime.fromisoformat(before["next"])
    assert START + 2 * FIRST_RETRY - timedelta(seconds=1) <= due <= START + 2.5 * FIRST_RETRY
    await again.renew()
    assert shown(again)["failures"] == 3


async def test_another_form_is_tried_at_once(site):
    await site.keeper().renew()
    site.profile = site.form(names=("other.farline.example",))
    assert shown(site.keeper())["failed"] == ""
    assert datetime.fromisoformat(shown(site.keeper())["next"]) == START


async def test_a_clock_that_was_wrong_does_not_wait_for_years(site):
    site.now = START + timedelta(days=4000)
    await site.keeper().renew()
    site.now = START
    assert datetime.fromisoformat(shown(site.keeper())["next"]) <= START + 1.25 * LAST_RETRY


async def test_a_success_leaves_nothing_behind(site):
    await site.keeper().renew()
    site.why = ""
    keeper = site.keeper()
    assert await keeper.renew() == {"S": "issued"}
    assert shown(keeper)["certificate"] == "issued"
    assert list((site.directory / "run").rglob("*.retry")) == []
    assert shown(site.keeper())["failures"] == 0


async def test_a_renewal_by_hand_does_not_ask_whether_it_is_due(site):
    site.why = ""
    keeper = site.keeper()
    await keeper.renew()
    first = files.kept(site.profile, site.directory)
    assert first.due > datetime.now(UTC)
    assert await keeper.renew("S") == {"S": "issued"}
    assert site.orders == 2
    assert await keeper.renew("unknown") == {}
    assert site.orders == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"failures": "x"}'])
async def test_a_damaged_file_is_as_none(site, text):
    await site.keeper().renew()
    (path,) = (site.directory / "run").rglob("*.retry")
    path.write_text(text)
    assert shown(site.keeper())["failures"] == 0
