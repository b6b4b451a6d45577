import numpy
import pywt

approximation, detail = pywt.dwt([1.0, 2.0, 3.0, 4.0], "db1")
root = 2**0.5
assert numpy.allclose(approximation, [3 / root, 7 / root]), approximation
assert numpy.allclose(detail, [-1 / root, -1 / root]), detail

image = numpy.random.default_rng(7).normal(size=(37, 50)).astype(numpy.float32)
levels = pywt.wavedec2(image, "sym4", level=2)
assert levels[0].dtype == numpy.float32
assert numpy.allclose(pywt.waverec2(levels, "sym4")[:37, :50], image, atol=1e-5)

complex_signal = numpy.exp(2j * numpy.pi * numpy.arange(64) / 16)
a, d = pywt.dwt(complex_signal, "db2")
assert a.dtype == numpy.complex128 and numpy.allclose(pywt.idwt(a, d, "db2"), complex_signal)
assert "haar" in pywt.wavelist()
