import datetime

from dateutil import easter, rrule, tz
from dateutil.parser import ParserError, parse
from dateutil.relativedelta import relativedelta

day = datetime.datetime
assert parse("Thu, 25 Sep 2003 10:49:41 +0200").isoformat() == "2003-09-25T10:49:41+02:00"
assert parse("01/02/03", dayfirst=True) == day(2003, 2, 1)
assert day(2024, 1, 31) + relativedelta(months=1) == day(2024, 2, 29)
assert easter.easter(2026) == datetime.date(2026, 4, 5)
rule = rrule.rrulestr("DTSTART:20260101T000000\nRRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=3")
assert [d.day for d in rule] == [30, 27, 27]
assert day(2026, 7, 1, tzinfo=tz.gettz("Europe/Berlin")).tzname() == "CEST"
try:
    parse("2026-02-30")
except ParserError as error:
    assert "day" in str(error), error
else:
    raise AssertionError("a day that is not there was accepted")
