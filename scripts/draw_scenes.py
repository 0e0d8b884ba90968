"""The demo's site photographs, as stylised renderings: what a phone's picture of the scene would show.

Each scene is a function of a seeded random source and gives an RGB picture of 2000 x 1500 pixels, which
`finished` lights, grains and halves. Run by `draw_demo.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

W, H = 2000, 1500
Colour = tuple[int, int, int]
Point = tuple[float, float]


def finished(scene: Image.Image, random: Random) -> Image.Image:
    """The picture as a phone takes it: light from the upper left, darker corners, a little grain."""
    light = Image.radial_gradient("L").resize((W * 2, H * 2)).crop((int(W * 0.6), int(H * 0.7), W * 2, H * 2))
    light = light.resize((W, H)).point(lambda value: 255 - int(value * 0.42))
    picture = ImageChops.multiply(scene, Image.merge("RGB", (light, light, light)))
    picture = picture.resize((W // 2, H // 2), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(0.6))
    picture = picture.point([min(255, int((value / 255) ** 0.74 * 262)) for value in range(256)] * 3)
    grain = noise(random, 2, (W // 2, H // 2)).point(lambda value: 128 + (value - 128) // 12)
    return ImageChops.overlay(picture, Image.merge("RGB", (grain, grain, grain)))


def noise(random: Random, cell: int, size: tuple[int, int]) -> Image.Image:
    """Grey noise of `size` around 128, in soft spots of `cell` pixels."""
    small = (size[0] // cell + 1, size[1] // cell + 1)
    return Image.frombytes("L", small, random.randbytes(small[0] * small[1])).resize(size, Image.Resampling.BICUBIC)


def surface(random: Random, colour: Colour, *, rough: float = 0.12, size: tuple[int, int] = (W, H)) -> Image.Image:
    """A plain of one colour with stains and dust; `rough` is the share by which it varies."""
    spots = Image.blend(noise(random, 160, size), noise(random, 12, size), 0.35)
    mask = spots.point(lambda value: int(255 - rough * 255 + (value - 128) * rough * 1.6))
    return ImageChops.multiply(Image.new("RGB", size, colour), Image.merge("RGB", (mask, mask, mask)))


def ground(texture: Image.Image, *, above: float) -> Image.Image:
    """`texture` (square) as the ground seen from standing height, the horizon `above` heights over the frame.

    The texture's upper edge lies along the picture's, its lower edge (in part) along the lower one.
    """
    side, horizon = texture.width, above * H
    depth = side * (1 + horizon / H) / horizon
    coefficients = (side / W, side / 2 / horizon, 0.0, 0.0, depth, 0.0, 0.0, 1 / horizon)
    return texture.transform((W, H), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)


def lines(draw: ImageDraw.ImageDraw, runs: Iterable[tuple[Point, Point]], width: int) -> None:
    """White lines for `shadow`."""
    for run in runs:
        draw.line(run, fill=255, width=width)


def shade(colour: Colour, factor: float) -> Colour:
    """`colour`, lighter or darker."""
    red, green, blue = (max(0, min(255, int(part * factor))) for part in colour)
    return red, green, blue


def shadow(scene: Image.Image, shape: Callable[[ImageDraw.ImageDraw], None], *, blur: int, depth: int) -> Image.Image:
    """`scene` with a soft shadow of what `shape` draws in white; `depth` is 0 to 255."""
    mask = Image.new("L", scene.size, 0)
    shape(ImageDraw.Draw(mask))
    mask = mask.filter(ImageFilter.GaussianBlur(blur)).point(lambda value: 255 - value * depth // 255)
    return ImageChops.multiply(scene, Image.merge("RGB", (mask, mask, mask)))


def bar(draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], width: int, c: Colour) -> None:
    """A round bar or tube: a dark edge, its body, and a light along it."""
    draw.line((start, end), fill=shade(c, 0.55), width=width)
    draw.line((start, end), fill=c, width=max(2, int(width * 0.7)))
    nearer = [(x - width * 0.12, y - width * 0.12) for x, y in (start, end)]
    draw.line(nearer, fill=shade(c, 1.35), width=max(1, width // 5))


def bucket(scene: Image.Image, x: int, y: int, colour: Colour) -> Image.Image:
    """A mortar bucket that stands with its foot at x, y."""
    scene = shadow(scene, lambda d: d.ellipse((x - 190, y - 60, x + 260, y + 50), fill=255), blur=30, depth=150)
    draw = ImageDraw.Draw(scene)
    draw.polygon([(x - 170, y - 330), (x + 170, y - 330), (x + 130, y), (x - 130, y)], fill=colour)
    draw.polygon([(x - 170, y - 330), (x - 80, y - 330), (x - 70, y), (x - 130, y)], fill=shade(colour, 1.3))
    draw.polygon([(x + 90, y - 330), (x + 170, y - 330), (x + 130, y), (x + 70, y)], fill=shade(colour, 0.7))
    draw.ellipse((x - 130, y - 34, x + 130, y + 34), fill=shade(colour, 0.9))
    draw.ellipse((x - 170, y - 372, x + 170, y - 290), fill=shade(colour, 0.6))
    draw.ellipse((x - 150, y - 356, x + 150, y - 300), fill=(170, 166, 158))
    draw.arc((x - 165, y - 480, x + 165, y - 200), 180, 360, fill=(60, 60, 60), width=9)
    return scene


def tiles(random: Random, *, rows_done: int, colour: Colour) -> Image.Image:
    """A wall of nine courses of tiles, laid up to `rows_done` and half a course more."""
    scene = surface(random, (176, 170, 160))
    draw = ImageDraw.Draw(scene)
    size, joint, floor, columns = 164, 8, 1330, 12
    top = floor - rows_done * size
    for y in range(top - 330, top + 40, 14):  # the adhesive, combed with a notched trowel
        draw.line((0, y, 1500 + random.randint(-60, 60), y + random.randint(-3, 3)), fill=(146, 140, 131), width=6)
    scene = shadow(scene, lambda d: d.rectangle((0, top - 10, W, floor), fill=255), blur=14, depth=90)
    draw = ImageDraw.Draw(scene)
    draw.rectangle((20, top, W, floor), fill=(214, 210, 202))  # the joints
    for row in range(rows_done + 1):
        for column in range(columns if row < rows_done else 6):
            x, y = column * size + 20, floor - (row + 1) * size
            body = shade(colour, random.uniform(0.94, 1.04))
            draw.rectangle((x, y, x + size - joint, y + size - joint), fill=body)
            draw.line((x, y + size - joint, x, y, x + size - joint, y), fill=shade(body, 1.12), width=5)
            draw.line((x + size - joint, y, x + size - joint, y + size - joint), fill=shade(body, 0.8), width=5)
            draw.polygon([(x + 20, y + 20), (x + 70, y + 20), (x + 20, y + 90)], fill=shade(body, 1.06))
    for column in range(1, 7):  # spacers of the course that is being laid
        x, y = column * size + 16, top - 4
        draw.line((x - 16, y, x + 16, y), fill=(225, 70, 50), width=7)
        draw.line((x, y - 16, x, y + 16), fill=(225, 70, 50), width=7)
    scene.paste(surface(random, (128, 121, 112), size=(W, H - floor)), (0, floor))
    level = ImageDraw.Draw(scene)
    bar(level, (1130, top - 40), (1850, top - 44), 64, (214, 178, 40))
    level.ellipse((1440, top - 62, 1540, top - 22), fill=(190, 230, 90), outline=(60, 60, 60), width=5)
    return bucket(scene, 1640, 1440, (52, 58, 66))


def rebar(random: Random, *, spacing: int) -> Image.Image:
    """A reinforcement mesh on its spacers in a slab's formwork, bars `spacing` pixels apart."""
    side = 2400
    earth = surface(random, (188, 180, 166), rough=0.2, size=(side, side))

    def mesh(draw: ImageDraw.ImageDraw, dx: int, colour: Colour | int) -> None:
        for at in range(spacing // 2, side, spacing):
            draw.line((at + dx, 0, at + dx, side), fill=colour, width=15)
            draw.line((0, at + dx, side, at + dx), fill=colour, width=13)

    earth = shadow(earth, lambda d: mesh(d, 26, 255), blur=9, depth=150)
    draw = ImageDraw.Draw(earth)
    for at in range(spacing // 2, side, spacing):
        rust = shade((150, 92, 62), random.uniform(0.8, 1.15))
        bar(draw, (0, at), (side, at), 15, rust)
    for at in range(spacing // 2, side, spacing):
        rust = shade((158, 98, 66), random.uniform(0.8, 1.15))
        bar(draw, (at, 0), (at, side), 17, rust)
        for other in range(spacing // 2, side, spacing):
            if (at + other) // spacing % 2:
                draw.line((at - 14, other - 14, at + 14, other + 14), fill=(60, 58, 58), width=6)
    scene = ground(earth, above=0.35)
    draw = ImageDraw.Draw(scene)
    draw.polygon([(0, 0), (W, 0), (W, 150), (0, 190)], fill=(196, 154, 92))  # the formwork's far board
    for y in (40, 84, 130):
        draw.line((0, y + 30, W, y), fill=(160, 118, 66), width=4)
    draw.line((0, 190, W, 150), fill=(90, 66, 40), width=12)
    for x in range(140, W, 420):
        draw.rectangle((x, 0, x + 60, 176), fill=(176, 132, 74), outline=(120, 88, 48), width=4)
    return scene


def sky(random: Random) -> Image.Image:
    """A pale winter sky."""
    band = Image.linear_gradient("L").resize((W, H))
    clouds = noise(random, 330, (W, H)).point(lambda value: max(0, value - 90))
    pale = Image.composite(Image.new("RGB", (W, H), (232, 234, 232)), Image.new("RGB", (W, H), (150, 182, 212)), band)
    return ImageChops.screen(pale, Image.merge("RGB", (clouds, clouds, clouds)).point(lambda value: value // 2))


def bricks(random: Random, size: tuple[int, int], colour: Colour, *, course: int = 50) -> Image.Image:
    """A brick wall of `size`, courses `course` pixels high, in running bond."""
    wall = surface(random, (186, 178, 166), size=size)
    draw = ImageDraw.Draw(wall)
    for row in range(size[1] // course + 1):
        for column in range(-1, size[0] // (course * 3) + 2):
            x, y = column * course * 3 + row % 2 * course * 3 // 2, row * course
            body = shade(colour, random.uniform(0.78, 1.16))
            draw.rectangle((x, y, x + course * 3 - 9, y + course - 9), fill=body)
            draw.line((x, y, x + course * 3 - 9, y), fill=shade(body, 1.2), width=3)
    stains = noise(random, 200, size).point(lambda value: 200 + value // 5)
    return ImageChops.multiply(wall, Image.merge("RGB", (stains, stains, stains)))


def scaffold(random: Random) -> Image.Image:
    """A scaffold of three lifts before a brick front, a banner of netting on one bay."""
    scene = sky(random)
    scene.paste(bricks(random, (1500, 1250), (168, 92, 70), course=40), (300, 160))
    draw = ImageDraw.Draw(scene)
    for x in (430, 900, 1370):
        for y in (280, 690):
            draw.rectangle((x, y, x + 240, y + 290), fill=(52, 66, 78), outline=(226, 222, 214), width=16)
            draw.line((x + 120, y, x + 120, y + 290), fill=(226, 222, 214), width=12)
            draw.polygon([(x + 24, y + 20), (x + 96, y + 20), (x + 24, y + 150)], fill=(122, 146, 162))
    scene.paste(surface(random, (134, 124, 108), rough=0.25, size=(W, 130)), (0, 1370))
    tubes = (168, 174, 180)

    def frame(d: ImageDraw.ImageDraw) -> None:
        for x in range(240, 1900, 320):
            d.line((x + 50, 120, x + 50, 1400), fill=255, width=20)

    scene = shadow(scene, frame, blur=12, depth=110)
    draw = ImageDraw.Draw(scene)
    for y in (560, 960):
        draw.rectangle((180, y, 1880, y + 34), fill=(194, 152, 92))
        draw.rectangle((180, y + 34, 1880, y + 46), fill=(110, 82, 48))
        draw.rectangle((180, y - 60, 1880, y - 26), fill=(206, 168, 104))
        bar(draw, (180, y - 170), (1880, y - 170), 18, tubes)
    for x in range(240, 1900, 320):
        bar(draw, (x, 90), (x, 1400), 24, tubes)
        draw.rectangle((x - 34, 1392, x + 34, 1412), fill=(92, 96, 100))
    bar(draw, (240, 1380), (560, 1000), 16, tubes)
    bar(draw, (1520, 940), (1840, 590), 16, tubes)
    bar(draw, (930, 1400), (1060, 560), 14, (210, 160, 40))  # the ladder
    bar(draw, (1020, 1400), (1150, 560), 14, (210, 160, 40))
    for step in range(18):
        x, y = 935 + step * 7, 1370 - step * 46
        bar(draw, (x, y), (x + 90, y), 10, (210, 160, 40))
    net = Image.new("RGB", (320, 400), (40, 130, 92))
    scene.paste(Image.blend(scene.crop((1520, 160, 1840, 560)), net, 0.62), (1520, 160))
    return scene


def window(random: Random) -> Image.Image:
    """A new window frame in a rough opening, wedged, the foam fresh."""
    scene = surface(random, (192, 186, 176))
    scene.paste(bricks(random, (W, 420), (170, 104, 82), course=54), (0, 1080))
    scene = shadow(scene, lambda d: d.rectangle((430, 180, 1600, 1160), fill=255), blur=34, depth=140)
    view = sky(random).resize((1080, 900))
    draw = ImageDraw.Draw(scene)
    draw.rectangle((420, 160, 1580, 1120), fill=(98, 92, 86))
    draw.rectangle((446, 186, 1554, 1094), fill=(228, 206, 128))  # foam
    for _ in range(90):
        x, y = random.choice([(random.randint(440, 1560), random.choice([186, 1094])),
                              (random.choice([446, 1554]), random.randint(180, 1100))])  # fmt: skip
        r = random.randint(14, 30)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=shade((232, 208, 130), random.uniform(0.9, 1.08)))
    draw.rectangle((468, 208, 1532, 1072), fill=(240, 240, 238), outline=(200, 200, 198), width=8)
    for left, right in ((520, 970), (1030, 1480)):
        draw.rectangle((left - 14, 246, right + 14, 1034), fill=(250, 250, 248), outline=(186, 188, 190), width=6)
        scene.paste(view.crop((left - 500, 0, right - 500, 740)), (left, 274))
        draw.rectangle((left, 274, right, 1014), outline=(120, 124, 128), width=6)
        draw.polygon([(left + 40, 274), (left + 170, 274), (left + 6, 640), (left + 6, 400)], fill=(226, 236, 242))
        draw.rectangle((left + 6, 880, right - 6, 1008), fill=(122, 134, 120))  # roofs across the street
        for x in range(left + 6, right - 60, 120):
            draw.polygon([(x, 882), (x + 60, 820), (x + 116, 882)], fill=(140, 92, 78))
    draw.rectangle((1000, 600, 1026, 720), fill=(150, 154, 158))  # handle
    draw.rectangle((640, 320, 840, 450), fill=(246, 246, 240), outline=(170, 170, 170), width=3)  # maker's label
    for y in range(346, 440, 24):
        draw.line((660, y, 820 - (y % 5) * 14, y), fill=(80, 110, 150), width=8)
    draw.rectangle((380, 1100, 1620, 1150), fill=(206, 202, 194), outline=(150, 146, 140), width=4)
    for x in (560, 980, 1400):
        draw.polygon([(x, 1072), (x + 90, 1072), (x + 90, 1100), (x, 1090)], fill=(196, 150, 88))
    return scene


def brickwork(random: Random) -> Image.Image:
    """A wall that is being built: stepped end, a mason's line, fresh mortar."""
    scene = sky(random)
    course, colour = 78, (176, 96, 68)
    draw = ImageDraw.Draw(scene)
    draw.rectangle((0, 1180, W, H), fill=(142, 130, 112))
    for row in range(14):
        y = 1330 - (row + 1) * course
        reach = W + 300 if row < 7 else W + 60 - (row - 6) * 215
        last = (reach - 226 - row % 2 * 118) // 236 * 236 + row % 2 * 118 + 232
        draw.rectangle((0, y, min(last, W), y + course), fill=(190, 182, 168))
        for column in range(-1, 10):
            x = column * 236 + row % 2 * 118
            if x + 226 > reach:
                break
            body = shade(colour, random.uniform(0.8, 1.16))
            draw.rectangle((x, y + 5, x + 224, y + course - 9), fill=body)
            draw.line((x, y + 6, x + 224, y + 6), fill=shade(body, 1.25), width=5)
    scene.paste(surface(random, (150, 138, 120), rough=0.25, size=(W, 170)), (0, 1330))
    draw = ImageDraw.Draw(scene)
    line = 1330 - 8 * course - 6
    draw.line((0, line, W, line), fill=(240, 90, 40), width=5)
    bar(draw, (1880, 260), (1880, 1400), 40, (206, 166, 100))
    for y in range(1330 - 12 * course, 1330, course):
        draw.line((1864, y, 1896, y), fill=(60, 50, 40), width=5)
    for row in range(3):
        for column in range(3 - row):
            x, y = 1240 + column * 190 + row * 90, 1410 - row * 74
            draw.rectangle(
                (x, y, x + 180, y + 66), fill=shade(colour, 0.8 + 0.1 * column), outline=(90, 50, 38), width=4
            )
    return bucket(scene, 560, 1440, (40, 44, 48))
