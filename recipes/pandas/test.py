import io

import numpy
import pandas

text = "day,city,price\n2026-01-01,Ulm,1.5\n2026-01-02,Ulm,2.5\n2026-01-02,Bonn,\n2026-02-01,Bonn,4\n"
frame = pandas.read_csv(io.StringIO(text), parse_dates=["day"])
assert frame.price.isna().sum() == 1 and frame.day.dt.month.tolist() == [1, 1, 1, 2]
assert frame.groupby("city").price.mean().to_dict() == {"Bonn": 4.0, "Ulm": 2.0}
table = frame.pivot_table(index="city", columns=frame.day.dt.month, values="price", aggfunc="sum", fill_value=0)
assert table.loc["Ulm"].tolist() == [4.0, 0.0]
joined = frame.merge(pandas.DataFrame({"city": ["Ulm"], "state": ["BW"]}), how="left")
assert joined.state.isna().tolist() == [False, False, True, True]
hours = pandas.date_range("2026-03-28", periods=48, freq="h", tz="Europe/Berlin")
series = pandas.Series(numpy.arange(48.0), index=hours)
assert series.resample("D").sum().tolist() == [276.0, 805.0, 47.0], "a day of 23 hours"
assert series.rolling(3).mean().iloc[-1] == 46.0
assert pandas.read_json(io.StringIO(frame.to_json(orient="records")), convert_dates=["day"]).equals(frame)
words = pandas.Series(["x1", None, "y22"], dtype="string")
assert words.str.extract(r"(\d+)", expand=False).dropna().astype("Int64").sum() == 23
assert pandas.eval("1 + 2 * 3") == 7
try:
    frame.loc[9]
except KeyError as error:
    assert error.args == (9,)
else:
    raise AssertionError("a row that is not there was found")
