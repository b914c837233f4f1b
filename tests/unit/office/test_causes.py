import pytest

from farline.office.causes import Cause, cause_of, passed_on, preference


def test_the_guides_reason():
    assert Cause.NORMAL.reason == 'Q.850;cause=16;text="Normal call clearing"'


def test_every_cause_has_words():
    assert all(cause.text for cause in Cause)


@pytest.mark.parametrize(
    ("status", "cause"), [(486, 17), (603, 21), (404, 1), (480, 18), (408, 102), (499, 127)]
)
def test_statuses_as_causes(status, cause):
    assert cause_of(status) == cause


def test_what_the_caller_could_do_nothing_with_becomes_480():
    assert [passed_on(status) for status in (302, 401, 407, 420, 503)] == [480] * 5
    assert [passed_on(status) for status in (404, 486, 603)] == [404, 486, 603]


def test_of_several_rejections():
    assert min((480, 486, 404), key=preference) == 486
    assert min((486, 603, 404), key=preference) == 603
    assert min((500, 480), key=preference) == 480
