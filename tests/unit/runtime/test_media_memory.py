"""What outlives a media process, and who may read it."""

import stat

import pytest

from farline.runtime.media_memory import MediaMemory
from farline.runtime.secret_directory import secret_directory


def test_nothing_stays_of_a_process_that_ended_without_sessions(tmp_path):
    root = tmp_path / "shm"
    root.mkdir()
    directory = secret_directory(tmp_path / "run", "media", [root])
    memory = MediaMemory(directory)
    assert (directory / "sessions.journal").exists()
    memory.close(over=False)
    assert directory.exists()
    memory = MediaMemory(directory)
    memory.close(over=True)
    assert list(root.iterdir()) == []


def test_the_certificate_stays_over_a_restart_and_is_nobody_elses_to_read(tmp_path):
    memory = MediaMemory(tmp_path / "media")
    made = memory.identity()
    assert stat.S_IMODE((tmp_path / "media" / "identity").stat().st_mode) == 0o600
    memory.close(over=False)
    again = MediaMemory(tmp_path / "media")
    assert again.identity() == made
    again.close(over=True)
    other = MediaMemory(tmp_path / "media")
    assert other.identity().fingerprint != made.fingerprint
    other.close(over=True)


@pytest.mark.parametrize("damage", [b"", b"\x00\x00\x00\x09nonsense!", None])
def test_a_certificate_that_cannot_be_read_is_made_anew(tmp_path, damage, caplog):
    memory = MediaMemory(tmp_path / "media")
    path, made = tmp_path / "media" / "identity", memory.identity()
    length = 4 + len(made.certificate)
    path.write_bytes(path.read_bytes()[:length] if damage is None else damage)
    anew = memory.identity()
    assert anew.fingerprint != made.fingerprint
    assert "is made anew" in caplog.text
    assert memory.identity() == anew
    memory.close(over=True)
