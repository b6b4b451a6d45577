"""Values that can be drawn, by the methods that notebooks ask for, and matplotlib's figures."""

import base64
import io
import sys

LARGEST = 32 << 20

METHODS = [
    ("_repr_svg_", "image/svg+xml"),
    ("_repr_png_", "image/png"),
    ("_repr_jpeg_", "image/jpeg"),
]

_send = None


def send_to(function):
    """Sets where pictures go: `function(type, bytes, label)`."""
    global _send
    _send = function


def show(value):
    """Sends the picture of a value; false if it has none."""
    for media_type, data in drawings(value):
        if len(data) > LARGEST:
            raise ValueError(f"the picture has {len(data):,} bytes, at most {LARGEST:,} can be shown")
        _send(media_type, data, label(value))
        return True
    return False


def drawings(value):
    for method, media_type in METHODS:
        # Of the type: a value that makes up attributes as they are asked for is no picture.
        draw = getattr(type(value), method, None)
        data = draw(value) if callable(draw) else None
        if isinstance(data, tuple):
            data = data[0]  # The second is metadata.
        if isinstance(data, str):
            data = data.encode() if media_type == "image/svg+xml" else base64.b64decode(data)
        if data:
            yield media_type, bytes(data)
    figure = sys.modules.get("matplotlib.figure")
    if figure is not None and isinstance(value, figure.Figure):
        file = io.BytesIO()
        value.savefig(file, format="png", bbox_inches="tight", dpi=144)
        yield "image/png", file.getvalue()


def label(value):
    """What stands for the picture where it cannot be seen."""
    if title := getattr(getattr(value, "_suptitle", None), "get_text", str)():
        return title
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
