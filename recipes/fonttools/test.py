import io

from fontTools import subset
from fontTools.cu2qu import cu2qu
from fontTools.fontBuilder import FontBuilder
from fontTools.misc import bezierTools
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

assert cu2qu.COMPILED and bezierTools.COMPILED, "the pure Python fallback was taken"


def box(size):
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in [(0, size), (size, size), (size, 0)]:
        pen.lineTo(point)
    pen.closePath()
    return pen.glyph()


builder = FontBuilder(1000, isTTF=True)
builder.setupGlyphOrder([".notdef", "A", "B"])
builder.setupCharacterMap({65: "A", 66: "B"})
builder.setupGlyf({".notdef": box(10), "A": box(500), "B": box(700)})
builder.setupHorizontalMetrics({".notdef": (20, 0), "A": (600, 0), "B": (800, 0)})
builder.setupHorizontalHeader(ascent=800, descent=-200)
builder.setupNameTable({"familyName": "Demo", "styleName": "Regular"})
builder.setupOS2()
builder.setupPost()
file = io.BytesIO()
builder.save(file)
font = TTFont(io.BytesIO(file.getvalue()))
assert font["name"].getDebugName(1) == "Demo" and font["glyf"]["B"].xMax == 700
subsetter = subset.Subsetter()
subsetter.populate(text="B")
subsetter.subset(font)
assert font.getGlyphOrder() == [".notdef", "B"]
(curve,) = [cu2qu.curve_to_quadratic([(0, 0), (0, 100), (100, 100), (100, 0)], 1)]
assert curve[0] == (0, 0) and curve[-1] == (100, 0) and len(curve) > 3
