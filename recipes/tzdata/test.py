import datetime
import zoneinfo

zoneinfo.reset_tzpath(())
berlin = zoneinfo.ZoneInfo("Europe/Berlin")
for month, hours in [(1, 1), (7, 2)]:
    assert datetime.datetime(2026, month, 1, tzinfo=berlin).utcoffset() == datetime.timedelta(hours=hours)
assert len(zoneinfo.available_timezones()) > 500
