"""``geoglm view``: results as a map in the browser, served to this machine alone.

`layers` finds what there is to see, `raster` reads it window by window, `tiles` draws it, `queries` answers what is
asked of a place or a window, and `server` hands all that, and the page in ``page/``, to the browser.
"""

from geoglm.apps.viewer.server import Viewer, serve

__all__ = ["Viewer", "serve"]
