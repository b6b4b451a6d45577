from aiosignal import Signal


async def main():
    seen = []

    async def handler(*args, **kwargs):
        seen.append((args, kwargs))

    signal = Signal(None)
    signal.append(handler)
    try:
        await signal.send(0)
    except RuntimeError:
        pass
    else:
        raise AssertionError("sent before it was frozen")
    signal.freeze()
    await signal.send(1, a=2)
    assert seen == [((1,), {"a": 2})], seen


# Nothing in it waits, so that it needs no event loop.
try:
    main().send(None)
except StopIteration:
    pass
else:
    raise AssertionError("it waits")
