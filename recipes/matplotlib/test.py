import io

import matplotlib

matplotlib.use("agg")
import numpy
from matplotlib import pyplot
from matplotlib.tri import Triangulation

figure, (left, right) = pyplot.subplots(1, 2, figsize=(4, 2), dpi=100, layout="constrained")
x = numpy.linspace(0, 6, 200)
(line,) = left.plot(x, numpy.sin(x), color="red", label=r"$\sin(x)^2$")
left.legend(title="é")
grid_y, grid_x = numpy.mgrid[-2:2:30j, -2:2:30j]
right.contourf(grid_x, grid_y, numpy.hypot(grid_x, grid_y))
figure.canvas.draw()
pixels = numpy.asarray(figure.canvas.buffer_rgba())
assert pixels.shape == (200, 400, 4)
red = (pixels[:, :200, :3] == (255, 0, 0)).all(axis=2)
assert red.any(axis=0).sum() > 100, "the line crosses the plot"
for kind, start in {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}.items():
    file = io.BytesIO()
    figure.savefig(file, format=kind)
    assert file.getvalue().startswith(start), kind
triangles = Triangulation([0, 1, 0, 1], [0, 0, 1, 1])
assert len(triangles.triangles) == 2
