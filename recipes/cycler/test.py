from cycler import concat, cycler

styles = cycler(color=["r", "g"]) * cycler(width=[1, 2])
assert list(styles) == [{"color": c, "width": w} for c in "rg" for w in (1, 2)]
assert (cycler(color="rg") + cycler(width=[1, 2])).by_key() == {"color": ["r", "g"], "width": [1, 2]}
assert len(concat(cycler(color="r"), cycler(color="g"))) == 2
try:
    cycler(color="rg") + cycler(width=[1])
except ValueError:
    pass
else:
    raise AssertionError("cycles of two lengths were added")
