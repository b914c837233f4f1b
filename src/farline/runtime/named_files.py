"""Files that a form names: one way to say what is wrong with them, at the start and at a change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from farline.config import Form

PUT = "put it there, or name another file"
"""The remedy for most."""


class NamedFileError(OSError):
    """A file that a form names and that cannot be used; the text is of `about`."""


def reason(error: OSError) -> str:
    """The system's word for why a file cannot be used, without number and path."""
    return error.strerror or str(error) or type(error).__name__


def about(form: Form | type[Form], field: str, path: Path, why: str, remedy: str = PUT) -> str:
    """A line that names the form, the row of it, the field, the file, what is wrong and what helps.

    The class of a form stands for whichever row of it has the field so.

    Example: Global Profiles > Signaling Manipulation 'marks' > Script: /etc/farline/marks.py: No
    such file or directory; put it there, or name another file
    """
    kind = form if isinstance(form, type) else type(form)
    name = getattr(form, "name", "")
    row = f" {name!r}" if name else ""
    title = kind.model_fields[field].title or field
    return f"{form.form}{row} > {title}: {path}: {why}; {remedy}"


def read_named(form: Form, field: str, path: Path) -> bytes:
    """What is in a file. Raises NamedFileError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise NamedFileError(about(form, field, path, reason(error))) from error


def directory_fault(directory: Path) -> tuple[str, str] | None:
    """Why no file can be made in a directory that may have to be made first, and what helps."""
    found = next(one for one in (directory, *directory.parents) if os.path.lexists(one))
    if not found.is_dir():
        what = "is a file" if found == directory else f"cannot be made: {found} is a file"
        return f"{directory} {what}, no directory", "name another directory, or move the file"
    if os.access(found, os.W_OK | os.X_OK):
        return None
    remedy = f"name another directory, or give the user of the media process the right: {found}"
    if found == directory:
        return f"no right to write in {directory}", remedy
    return f"{directory} is not there, and there is no right to make it in {found}", remedy
