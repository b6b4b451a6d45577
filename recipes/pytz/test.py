import datetime

import pytz

berlin = pytz.timezone("Europe/Berlin")
summer = berlin.localize(datetime.datetime(2026, 7, 1, 12))
assert summer.isoformat() == "2026-07-01T12:00:00+02:00"
assert berlin.normalize(summer - datetime.timedelta(days=180)).tzname() == "CET"
try:
    berlin.localize(datetime.datetime(2026, 3, 29, 2, 30), is_dst=None)
except pytz.NonExistentTimeError:
    pass
else:
    raise AssertionError("an hour that was left out was accepted")
