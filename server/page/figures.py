"""matplotlib's backend: Agg draws, and `show` sends what it drew to the page."""

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

import pkgsrv_pictures


class FigureManager(FigureManagerBase):
    def show(self):
        pkgsrv_pictures.show(self.canvas.figure)

    @classmethod
    def pyplot_show(cls, *, block=None):
        """Shows every open figure and closes it: what is drawn next begins a new one."""
        for manager in Gcf.get_all_fig_managers():
            manager.show()
        Gcf.destroy_all()


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager
