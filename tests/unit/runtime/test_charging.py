"""Charging records on disk."""

import json
import sqlite3
from dataclasses import replace

from farline.border.policy.charging import Charged
from farline.runtime.charging import Charges
from farline.store.charge_records import ChargeRecord, SqliteCharges

RECORD = ChargeRecord(
    call="c", beginner="outside", aor="3001@x", caller="sip:3001@x", called="sip:3003@x",
    started=1.0, answered=2.0, ended=5.0, seconds=3.0, end="ended", reason="BYE from outside",
    subscriber_flow="S", server_flow="F", policy_group="g", source="192.0.2.1:5", server="",
    recordings="one.wav two.wav", video=True,
)  # fmt: skip


def test_both_formats(tmp_path):
    charges = Charges(tmp_path)
    charges.take("something else")
    for record in (RECORD, replace(RECORD, caller="sip:\udcff@x", video=False)):
        charges.take(Charged(record, "jsonl"))
        charges.take(Charged(record, "sqlite"))
    charges.close()
    path = tmp_path / "state" / "charges.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["seconds"] == 3.0 and lines[1]["caller"] == "sip:\udcff@x"
    assert path.stat().st_mode & 0o777 == 0o600
    store = SqliteCharges(tmp_path / "state" / "charges.sqlite")
    assert store.latest(5)[1] == RECORD
    assert store.latest(1)[0].caller == "sip:?@x"
    store.close()


def test_a_database_of_before_there_were_recordings_goes_on(tmp_path):
    path = tmp_path / "x.sqlite"
    SqliteCharges(path).close()
    older = sqlite3.connect(path)
    older.execute("ALTER TABLE charge_records DROP COLUMN recordings")
    older.commit()
    older.close()
    store = SqliteCharges(path)
    store.add(RECORD)
    assert store.latest(1) == [RECORD]
    store.close()


def test_the_newest_records_are_kept(tmp_path):
    store = SqliteCharges(tmp_path / "x.sqlite", keep=2)
    for number in range(4):
        store.add(replace(RECORD, call=str(number)))
    assert [one.call for one in store.latest(9)] == ["3", "2"]
    store.close()


def test_a_disk_that_cannot_be_written_stops_nobody(tmp_path, caplog):
    (tmp_path / "state").write_text("a file where a directory should be")
    charges = Charges(tmp_path)
    charges.take(Charged(RECORD, "jsonl"))
    charges.take(Charged(RECORD, "sqlite"))
    assert charges.lost == 2 and "a charging record is lost" in caplog.text
