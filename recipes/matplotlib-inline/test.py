# Where matplotlib is missing, that is all it misses.
try:
    import matplotlib_inline
except ModuleNotFoundError as error:
    assert error.name == "matplotlib", error
else:
    assert matplotlib_inline.backend_inline.show
