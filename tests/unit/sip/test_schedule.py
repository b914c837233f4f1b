from farline.sip.schedule import SWEEP_FROM, SWEPT, Schedule
from farline.testing import SeededRandom


def test_alarms_fire_in_order_and_stopped_ones_do_not():
    schedule, fired = Schedule(), []
    assert schedule.next_deadline() is None
    schedule.start(3.0, "late", lambda now: fired.append(("late", now)))
    first = schedule.start(1.0, "first", lambda now: fired.append(("first", now)))
    schedule.start(2.0, "second", lambda now: fired.append(("second", now)))
    first.stop()
    assert schedule.next_deadline() == (2.0, "second")
    schedule.run(2.5)
    assert fired == [("second", 2.5)]
    schedule.run(9.0)
    assert fired[-1] == ("late", 9.0)
    assert schedule.next_deadline() is None


def test_an_alarm_may_start_another():
    schedule, fired = Schedule(), []

    def again(now):
        fired.append(now)
        if len(fired) < 3:
            schedule.start(now + 1, "again", again)

    schedule.start(1.0, "again", again)
    schedule.run(1.0)
    schedule.run(5.0)
    assert fired == [1.0, 5.0]
    schedule.run(6.0)
    assert fired == [1.0, 5.0, 6.0]


def test_stopped_timers_do_not_pile_up():
    schedule = Schedule()
    for serial in range(100_000):
        schedule.start(180.0 + serial, "binding", lambda now: None).stop()
    kept = schedule.start(1.0, "kept", lambda now: None)
    assert len(schedule) <= 1025
    assert schedule.next_deadline() == (1.0, "kept")
    assert kept.action is not None


def test_a_start_looks_at_few_timers_and_all_fire_in_order_meanwhile():
    schedule, fired, chance = Schedule(), [], SeededRandom(3)
    wanted = []
    for serial in range(8 * SWEEP_FROM):
        at = float(chance.randrange(10_000))
        before = len(schedule)
        alarm = schedule.start(at, "one", lambda _, key=(at, serial): fired.append(key))
        assert before + 1 - len(schedule) <= SWEPT
        if chance.randrange(4):
            alarm.stop()
        else:
            wanted.append((at, serial))
        assert len(schedule) <= 2 * SWEEP_FROM + 2 * len(wanted)
    for now in range(0, 10_000, 100):
        schedule.run(float(now))
        deadline = schedule.next_deadline()
        assert deadline is not None
        assert deadline.at > now
    schedule.run(10_000.0)
    assert fired == sorted(wanted)
    assert (len(schedule), schedule.next_deadline()) == (0, None)
