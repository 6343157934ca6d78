"""JPEGs with the cost of a camera's: edges, gradients and grain, of a given size."""

import io
import random

THUMBNAIL = (640, 480, 77_000)  # pixels and bytes: a thumbnail of a shop, or of a photo


def photo(width, height, size):
    """A JPEG of width x height pixels and about `size` bytes, the same each time."""
    from PIL import Image, ImageFilter

    numbers = random.Random(11)

    def noise(columns, rows):
        return Image.frombytes("RGB", (columns, rows), numbers.randbytes(columns * rows * 3))

    coarse = noise(16, 12).resize((width, height), Image.Resampling.BICUBIC)
    shapes = noise(40, 30).resize((width, height), Image.Resampling.NEAREST)
    grain = noise(width, height).filter(ImageFilter.GaussianBlur(0.7))
    picture = Image.blend(Image.blend(coarse, shapes, 0.3), grain, 0.15)

    def encoded(quality):
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality)
        return out.getvalue()

    return min((encoded(quality) for quality in range(20, 97, 4)), key=lambda jpeg: abs(len(jpeg) - size))
