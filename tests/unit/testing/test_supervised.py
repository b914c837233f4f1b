"""A run that ends before it answers is said at once, with what it said."""

import pytest

from farline.testing.supervised import RunEndedError, supervised


def test_a_mistake_in_the_configuration_is_told_without_waiting(tmp_path):
    (tmp_path / "site.yaml").write_text("version: 1\n")
    run = supervised(tmp_path / "site.yaml", ("media", "border"), tmp_path / "run")
    with pytest.raises(RunEndedError, match="ended with status 2") as told, run:
        pass
    assert "nothing to run" in str(told.value)
