"""A drawing surface in units of the picture's shorter edge, whatever its size and shape.

The unit square [0, 1] x [0, 1] (y down) is the middle of the picture: all that CLIP's centre crop keeps. What
a scene wants to be found by goes inside it; backgrounds reach out to left/right/top/bottom. Drawing happens
at a multiple of the final size and is averaged down, which is what smooths the edges.
"""

import colorsys

from PIL import Image, ImageDraw


def mix(color, other, share):
    """`share` of `other` (0 to 1) in `color`."""
    return tuple(round(a + (b - a) * share) for a, b in zip(color, other))


def darker(color, share=0.2):
    return mix(color, (0, 0, 0), share)


def lighter(color, share=0.2):
    return mix(color, (255, 255, 255), share)


def jitter(rng, color, hue=0.015, value=0.06):
    """A colour of the same name, slightly different: no two red houses have quite the same red."""
    h, s, v = colorsys.rgb_to_hsv(*(channel / 255 for channel in color))
    h = (h + rng.uniform(-hue, hue)) % 1.0
    s = min(1.0, max(0.0, s * (1 + rng.uniform(-value, value))))
    v = min(1.0, max(0.0, v * (1 + rng.uniform(-value, value))))
    return tuple(round(channel * 255) for channel in colorsys.hsv_to_rgb(h, s, v))


class Canvas:
    """width, height: pixels of the finished picture; oversample: how many times larger it is drawn; mirrored:
    swap left and right. `light` multiplies every colour channel and is how dusk falls; what shines by itself
    is drawn lit=False.
    """

    def __init__(self, width, height, oversample=1, mirrored=False):
        self.size = (width, height)
        self.unit = min(width, height) * oversample
        self.image = Image.new("RGB", (width * oversample, height * oversample))
        self.draw = ImageDraw.Draw(self.image)
        self.mirrored = mirrored
        self.light = (1.0, 1.0, 1.0)
        wide, high = self.image.size
        self.right = 0.5 + wide / (2 * self.unit)
        self.left = 1 - self.right
        self.bottom = 0.5 + high / (2 * self.unit)
        self.top = 1 - self.bottom

    def finished(self):
        if self.image.size == self.size:
            return self.image
        return self.image.resize(self.size, Image.Resampling.BOX)

    # Shapes. Coordinates are units, colours are (r, g, b) before the light falls on them.

    def rect(self, x0, y0, x1, y1, color, radius=0.0, outline=None, lit=True):
        x0, x1 = self._span(x0, x1)
        box = (*self._pixel(x0, y0), *self._pixel(x1, y1))
        if radius > 0:
            self.draw.rounded_rectangle(
                box, radius * self.unit, self._lit(color, lit), self._lit(outline, lit), self._stroke(0.006)
            )
        else:
            self.draw.rectangle(box, self._lit(color, lit), self._lit(outline, lit), self._stroke(0.006))

    def ellipse(self, x, y, rx, ry, color, outline=None, lit=True, stroke=0.006):
        x = self._x(x)
        self.draw.ellipse(
            (*self._pixel(x - rx, y - ry), *self._pixel(x + rx, y + ry)),
            self._lit(color, lit),
            self._lit(outline, lit),
            self._stroke(stroke),
        )

    def pie(self, x, y, rx, ry, start, end, color, lit=True):
        """Angles in degrees, clockwise from the right hand."""
        if self.mirrored:
            x, start, end = 1 - x, 180 - end, 180 - start
        self.draw.pieslice(
            (*self._pixel(x - rx, y - ry), *self._pixel(x + rx, y + ry)), start, end, self._lit(color, lit)
        )

    def polygon(self, points, color, lit=True):
        self.draw.polygon([self._pixel(self._x(x), y) for x, y in points], self._lit(color, lit))

    def line(self, points, color, stroke=0.008, lit=True):
        self.draw.line(
            [self._pixel(self._x(x), y) for x, y in points],
            self._lit(color, lit),
            self._stroke(stroke),
            joint="curve",
        )

    def gradient(self, y0, y1, upper, lower, x0=None, x1=None, lit=True):
        """A rectangle shaded from `upper` to `lower`; all across the picture if x0 and x1 are left out."""
        x0, x1 = self._span(self.left if x0 is None else x0, self.right if x1 is None else x1)
        left, top = self._pixel(x0, y0)
        right, bottom = self._pixel(x1, y1)
        upper, lower = self._lit(upper, lit), self._lit(lower, lit)
        steps = 24
        for step in range(steps):
            edge = top + (bottom - top) * step / steps
            self.draw.rectangle((left, edge, right, bottom), mix(upper, lower, step / (steps - 1)))

    def _x(self, x):
        return 1 - x if self.mirrored else x

    def _span(self, x0, x1):
        return (1 - x1, 1 - x0) if self.mirrored else (x0, x1)

    def _pixel(self, x, y):
        return ((x - self.left) * self.unit, (y - self.top) * self.unit)

    def _stroke(self, width):
        return max(1, round(width * self.unit))

    def _lit(self, color, lit):
        if color is None or not lit:
            return color
        return tuple(min(255, round(channel * light)) for channel, light in zip(color, self.light))
