"""Files and directories that the border's forms name: each that cannot be used is said so."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from farline.config import load_deployment
from farline.config.scripts import SignalingScript
from farline.runtime.countries import CountryError
from farline.runtime.named_files import NamedFileError, directory_fault
from farline.runtime.preflight import preflight
from farline.runtime.preflight_files import RECORDING
from farline.runtime.scripts.runner import Script

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
RECORDS = "  recording_rules: [{name: none, record_to_file: true}]\n"


def told(base, entry, run_dir=None):
    """(severity, place, text, remedy) of what is said of the border's files, certificates aside."""
    text = GUIDE.replace("border:\n  # Device", f"border:\n{entry}  # Device", 1)
    assert entry in text
    found = preflight(load_deployment(text, SECRETS), base, datetime.now(UTC), run_dir)
    return [
        (one.severity, one.place, one.text, one.remedy)
        for one in found
        if one.place.startswith("border.")
    ]


def recording(directory, more=RECORDS):
    return f"  media_engine: {{recording_directory: '{directory}'}}\n{more}"


def test_a_recording_directory_with_a_file_in_its_place(tmp_path):
    (tmp_path / "rec").write_text("")
    ((severity, place, text, remedy),) = told(tmp_path, recording("rec"))
    assert (severity, place) == ("error", RECORDING)
    assert text == f"{tmp_path}/rec is a file, no directory"
    assert "name another directory" in remedy
    ((_, _, text, _),) = told(tmp_path, recording("rec/of/calls"))
    assert text == f"{tmp_path}/rec/of/calls cannot be made: {tmp_path}/rec is a file, no directory"


def test_nobody_records_there(tmp_path):
    (tmp_path / "rec").write_text("")
    ((severity, place, text, _),) = told(tmp_path, recording("rec", ""))
    assert (severity, place) == ("warning", RECORDING)
    assert "no policy group in use has Record to File" in text


def test_the_run_directory_where_no_directory_is_named(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    assert told(tmp_path, RECORDS, run) == []
    (run / "recordings").write_text("")
    ((severity, _, text, _),) = told(tmp_path, RECORDS, run)
    assert (severity, text) == ("error", f"{run}/recordings is a file, no directory")
    assert told(tmp_path, RECORDS) == [], "a check alone knows of no run directory"


def test_the_check_makes_nothing_and_warns_of_a_parent_that_is_missing(tmp_path):
    assert told(tmp_path, recording("rec")) == []
    ((severity, place, text, remedy),) = told(tmp_path, recording("disk/rec"))
    assert (severity, place) == ("warning", RECORDING)
    assert text == f"{tmp_path}/disk is not there and will be made with the first recording"
    assert "mount the disk" in remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_no_right_to_write():
    """As a user who may read the directory, and no more."""
    with TemporaryDirectory() as directory:
        base = Path(directory)
        base.chmod(0o755)
        (base / "rec").mkdir(mode=0o755)
        code = (
            "import os; from pathlib import Path\n"
            "from farline.runtime.named_files import directory_fault; os.setuid(65534)\n"
            f"for one in ('rec', 'rec/deep'): print(directory_fault(Path({directory!r}, one)))"
        )
        said = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.splitlines()
    assert f"no right to write in {base}/rec" in said[0]
    assert f"no right to make it in {base}/rec" in said[1]


def test_a_link_that_leads_nowhere_is_no_directory(tmp_path):
    (tmp_path / "rec").symlink_to(tmp_path / "gone")
    found = directory_fault(tmp_path / "rec")
    assert found is not None and "no directory" in found[0]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "No such file or directory"),
        ("def manipulate(:\n", "no Python: line 1: invalid syntax"),
        ("def other(message, direction):\n    pass\n", "no function manipulate"),
        ("x = '\0'\n", "no Python: "),
    ],
)
def test_scripts(tmp_path, source, said):
    entry = "  signaling_scripts: [{name: marks, file: marks.py}]\n"
    if source is not None:
        (tmp_path / "marks.py").write_text(source)
    ((severity, place, text, remedy),) = told(tmp_path, entry)
    assert (severity, place) == ("error", "border.signaling_scripts[0].file")
    assert text.startswith(f"marks.py: {said}")
    assert remedy
    (tmp_path / "marks.py").write_text("def manipulate(message, direction):\n    pass\n")
    assert told(tmp_path, entry) == []


def test_a_country_database(tmp_path):
    entry = "  shield: {country_database: c.mmdb}\n"
    ((severity, place, text, _),) = told(tmp_path, entry)
    assert (severity, place) == ("error", "border.shield.country_database")
    assert text == "c.mmdb: No such file or directory"
    (tmp_path / "c.mmdb").write_bytes(b"nonsense")
    assert told(tmp_path, entry)[0][2] == "c.mmdb: no database of MaxMind's DB format"


def test_at_the_start_the_form_and_the_field_are_named(tmp_path):
    form = SignalingScript(name="marks", file=Path("marks.py"))
    with pytest.raises(NamedFileError) as raised:
        Script(form, tmp_path)
    assert str(raised.value) == (
        f"Global Profiles > Signaling Manipulation 'marks' > Script: {tmp_path}/marks.py: "
        "No such file or directory; put it there, or name another file"
    )
    said = str(CountryError(tmp_path / "c.mmdb", "nonsense", "mend it"))
    assert said == (
        "Device Specific Settings > Shield > Country Database: "
        f"{tmp_path}/c.mmdb: nonsense; mend it"
    )
