"""What all tests share: properties are not judged by the clock (a busy machine is no defect)."""

from hypothesis import settings

settings.register_profile("farline", deadline=None)
settings.load_profile("farline")
