"""Checks of the files and directories that the border's forms name, certificates aside.

Nothing is made or changed by them: a deployment is checked wherever somebody looks at it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from farline.config import Problem
from farline.runtime.countries import Countries, CountryError
from farline.runtime.music import MusicError, read_music
from farline.runtime.named_files import PUT, directory_fault, reason
from farline.runtime.ng_recording import records_calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farline.config import Border

RECORDING = "border.media_engine.recording_directory"


def border_files(border: Border, base: Path, run_dir: Path | None) -> Iterator[Problem]:
    """Everything wrong with them; relative paths start at `base`.

    `run_dir`: the run directory, where it is known.
    """
    yield from _music(border, base)
    yield from _scripts(border, base)
    yield from _countries(border, base)
    if border.media_engine.engine == "relay":
        yield from _recordings(border, base, run_dir)


def _music(border: Border, base: Path) -> Iterator[Problem]:
    """Files of hold music that cannot be played."""
    places = {one.name: f"border.media_rules[{at}]" for at, one in enumerate(border.media_rules)}
    groups = border.resolved_groups().items()
    used = {one.media.name: (one.media, group) for group, sets in groups for one in sets}
    for rule, group in used.values():
        if not rule.hold_music:
            continue
        place = places.get(rule.name, f"policy group {group}, media rule {rule.name}")
        try:
            read_music(base / rule.hold_music)
        except MusicError as error:
            text = f"{rule.hold_music}: {error}"
            remedy = f"{PUT}, or leave it empty"
            yield Problem(f"{place}.hold_music", text, remedy, rule.form)


def _scripts(border: Border, base: Path) -> Iterator[Problem]:
    """Scripts that cannot be read, are no Python, or have no `manipulate`."""
    for index, form in enumerate(border.signaling_scripts):
        remedy = PUT
        try:
            code = compile((base / form.file).read_bytes(), str(form.file), "exec")
        except OSError as error:
            why = reason(error)
        except SyntaxError as error:
            at = f"line {error.lineno}: " if error.lineno else ""
            why, remedy = f"no Python: {at}{error.msg}", "try it with: farline script test"
        except (ValueError, RecursionError, MemoryError) as error:
            why, remedy = f"no Python: {error}", "try it with: farline script test"
        else:
            if "manipulate" in code.co_names:
                continue
            why, remedy = "no function manipulate", "write def manipulate(message, direction)"
        place = f"border.signaling_scripts[{index}].file"
        yield Problem(place, f"{form.file}: {why}", remedy, form.form)


def _countries(border: Border, base: Path) -> Iterator[Problem]:
    form = border.shield
    if form.country_database is None:
        return
    try:
        Countries(base / form.country_database)
    except CountryError as error:
        text = f"{form.country_database}: {error.why}"
        yield Problem("border.shield.country_database", text, error.remedy, form.form)


def _recordings(border: Border, base: Path, run_dir: Path | None) -> Iterator[Problem]:
    """A directory in which no recording can be made; the first one makes it, and those above it."""
    form = border.media_engine
    named = form.recording_directory
    if not named and run_dir is None:
        return
    directory = base / named if named else run_dir.resolve() / "recordings"  # type: ignore[union-attr]  # looked
    found = directory_fault(directory)
    if found is not None:
        why, remedy = found
        if not records_calls(border):
            text = f"{why} (no call is recorded: no policy group in use has Record to File)"
            yield Problem(RECORDING, text, remedy, form.form, severity="warning")
            return
        yield Problem(RECORDING, why, remedy, form.form)
    elif not os.path.lexists(directory.parent):
        text = f"{directory.parent} is not there and will be made with the first recording"
        remedy = "correct it, mount the disk, or make it before"
        yield Problem(RECORDING, text, remedy, form.form, severity="warning")
