"""Failed logins per name and minute, on a clock of the test."""

from farline.portal.throttle import MAX_NAMES, WINDOW, Throttle


def test_the_limit_holds_for_a_minute_and_says_how_long():
    throttle = Throttle(3)
    assert [throttle.begin("ruel", now) for now in (0.0, 10.0, 20.0)] == [None] * 3
    assert throttle.begin("ruel", 30.0) == WINDOW - 30.0
    assert throttle.blocked("ruel", 30.0)
    assert throttle.begin("ruel", WINDOW) is None  # the first one is forgotten
    assert throttle.begin("ruel", WINDOW) == 10.0
    assert throttle.refused == 2


def test_other_names_are_not_touched():
    throttle = Throttle(1)
    throttle.begin("ruel", 0.0)
    assert throttle.begin("dora", 0.0) is None
    assert not throttle.blocked("nobody", 0.0)


def test_success_costs_nothing_but_does_not_wash_failures_away():
    throttle = Throttle(2)
    throttle.failed("ruel", 0.0)
    for _ in range(10):
        assert throttle.begin("ruel", 1.0) is None
        throttle.succeeded("ruel")
    throttle.failed("ruel", 2.0)
    assert throttle.begin("ruel", 3.0) is not None


def test_many_attempts_at_once_gain_nothing():
    throttle = Throttle(3)
    begun = [throttle.begin("ruel", 0.0) for _ in range(10)]
    assert begun.count(None) == 3


def test_made_up_names_do_not_fill_memory():
    throttle = Throttle(3)
    for number in range(MAX_NAMES + 100):
        throttle.failed(f"user{number}", 0.0)
    assert len(throttle._failures) == MAX_NAMES
