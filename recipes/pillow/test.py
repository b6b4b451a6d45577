import io

from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageFilter, ImageFont, UnidentifiedImageError, features

for feature in ["jpg", "zlib", "libtiff", "freetype2", "littlecms2", "raqm", "webp"]:
    assert features.check(feature), feature


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    again = Image.open(file)
    assert again.format == kind, again.format
    again.load()
    return again


image = Image.linear_gradient("L").resize((64, 48), Image.Resampling.LANCZOS).convert("RGB")
for kind, options in {
    "BMP": {},
    "PNG": {"optimize": True},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"lossless": True},
}.items():
    assert saved(image, kind, **options).convert("RGB").tobytes() == image.tobytes(), kind
for kind, options in {"JPEG": {"quality": 95}, "WEBP": {"quality": 90}, "TIFF": {"compression": "jpeg"}}.items():
    difference = ImageChops.difference(saved(image, kind, **options).convert("RGB"), image)
    assert max(high for _, high in difference.getextrema()) < 12, (kind, difference.getextrema())
frames = [Image.new("L", (8, 8), shade) for shade in (0, 100, 200)]
animation = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
assert animation.n_frames == 3
font = ImageFont.load_default(size=20)
assert isinstance(font, ImageFont.FreeTypeFont)
paper = Image.new("L", (80, 30), 255)
ImageDraw.Draw(paper).text((2, 2), "Text", fill=0, font=font)
assert ImageChops.invert(paper).getbbox() is not None and 30 < font.getlength("Text") < 60
assert paper.filter(ImageFilter.GaussianBlur(2)).getextrema()[0] > 0
rgb, lab_space = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
lab = ImageCms.profileToProfile(Image.new("RGB", (1, 1), "red"), rgb, lab_space, outputMode="LAB")
assert lab.getpixel((0, 0))[0] in range(130, 145), lab.getpixel((0, 0))
try:
    Image.open(io.BytesIO(b"no image"))
except UnidentifiedImageError:
    pass
else:
    raise AssertionError("text was taken for an image")
