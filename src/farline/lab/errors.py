"""The one error of the lab."""


class LabError(RuntimeError):
    """The lab could not be built, or something in it did not start; the text is for people."""
