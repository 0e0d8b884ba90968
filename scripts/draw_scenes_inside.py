"""More of the demo's site photographs: scenes inside the building. Run by `draw_demo.py`."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from draw_scenes import H, Point, W, bar, ground, lines, noise, shade, shadow, surface
from PIL import Image, ImageDraw


def room(random: Random) -> Image.Image:
    """A bare room: back wall, left wall, ceiling and floor."""
    scene = surface(random, (204, 200, 192))
    draw = ImageDraw.Draw(scene)
    draw.polygon([(0, 0), (420, 220), (420, 1100), (0, 1420)], fill=(176, 172, 164))
    draw.polygon([(0, 0), (W, 0), (W, 220), (420, 220)], fill=(220, 218, 212))
    draw.polygon([(0, 1420), (420, 1100), (W, 1100), (W, H), (0, H)], fill=(132, 126, 118))
    draw.line((420, 220, 420, 1100), fill=(140, 136, 130), width=5)
    draw.line((420, 220, W, 220), fill=(170, 166, 160), width=5)
    return shadow(scene, lambda d: d.line((0, 1420, 420, 1100, W, 1100), fill=255, width=60), blur=30, depth=110)


def studs(random: Random) -> Image.Image:
    """A dry wall: steel studs, insulation between them, boards fixed on one part."""
    scene = room(random)
    draw = ImageDraw.Draw(scene)
    draw.rectangle((440, 240, 1960, 1090), fill=(120, 116, 110))
    for x in range(460, 1400, 190):
        draw.rectangle((x, 250, x + 170, 1080), fill=shade((212, 184, 92), random.uniform(0.92, 1.06)))
        for _ in range(70):
            sx, sy = random.randint(x + 8, x + 150), random.randint(258, 1060)
            draw.line((sx, sy, sx + random.randint(-20, 20), sy + random.randint(4, 20)), fill=(190, 160, 70), width=3)
    for x in range(440, 1980, 190):
        draw.rectangle((x, 240, x + 30, 1090), fill=(176, 182, 188))
        draw.line((x + 4, 240, x + 4, 1090), fill=(226, 230, 234), width=6)
        draw.line((x + 28, 240, x + 28, 1090), fill=(96, 102, 108), width=5)
    for y in (240, 1060):
        draw.rectangle((440, y, 1960, y + 30), fill=(170, 176, 182), outline=(110, 114, 118), width=3)
    scene = shadow(scene, lambda d: d.rectangle((1190, 240, W, 1090), fill=255), blur=16, depth=130)
    draw = ImageDraw.Draw(scene)
    for left, right, top in ((1210, 1585, 240), (1591, 1960, 240)):
        draw.rectangle((left, top, right, 1080), fill=(232, 232, 226), outline=(180, 180, 174), width=4)
        for x in range(left + 20, right, 172):
            for y in range(top + 40, 1070, 100):
                draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=(120, 122, 124))
    draw.line((1588, 240, 1588, 1080), fill=(214, 208, 190), width=22)
    for i in range(4):
        y = 1270 - i * 26
        draw.polygon(
            [(820, y), (1700, y - 60), (1960, y + 60), (1060, y + 140)], fill=shade((226, 226, 220), 1 - i % 2 * 0.1)
        )
        draw.line((820, y, 1060, y + 140, 1960, y + 60), fill=(160, 160, 154), width=4)
    return scene


def conduits(random: Random) -> Image.Image:
    """Chases cut into a wall with grey and orange conduits, boxes and loose cables."""
    scene = surface(random, (198, 190, 178))
    runs: list[tuple[Point, Point]] = [
        ((300, 0), (300, 900)),
        ((760, 0), (760, 560)),
        ((1220, 0), (1220, 900)),
        ((1220, 900), (1660, 900)),
    ]
    runs += [((300, 900), (560, 900)), ((760, 560), (1660, 560))]
    scene = shadow(scene, lambda d: lines(d, runs, 96), blur=6, depth=110)
    draw = ImageDraw.Draw(scene)
    for start, end in runs:
        draw.line((start, end), fill=(150, 112, 92), width=80)
    for start, end in runs:
        for _ in range(40):
            t = random.random()
            off, r = random.choice([-44, 44]), random.randint(6, 18)
            upright = start[0] == end[0]
            across = start[0] + (end[0] - start[0]) * t + (off if upright else 0)
            down = start[1] + (end[1] - start[1]) * t + (0 if upright else off)
            draw.ellipse(
                (across - r, down - r, across + r, down + r), fill=shade((172, 150, 130), random.uniform(0.85, 1.1))
            )
        bar(draw, (start[0] - 14, start[1] - 14), (end[0] - 14, end[1] - 14), 30, (70, 74, 82))
        bar(draw, (start[0] + 20, start[1] + 20), (end[0] + 20, end[1] + 20), 30, (226, 126, 40))
    boxes = ((560, 900), (1660, 560), (1660, 900))
    scene = shadow(scene, lambda d: lines(d, [((x - 80, y), (x + 100, y)) for x, y in boxes], 190), blur=14, depth=120)
    draw = ImageDraw.Draw(scene)
    for x, y in boxes:
        draw.rounded_rectangle((x - 84, y - 84, x + 84, y + 84), 14, fill=(52, 96, 150), outline=(30, 60, 100), width=8)
        draw.rounded_rectangle((x - 62, y - 62, x + 62, y + 62), 10, fill=(28, 44, 70))
        for colour, dx in (((60, 140, 220), -36), ((150, 96, 52), 0), ((190, 200, 60), 36)):
            draw.arc((x + dx - 60, y - 10, x + dx + 50, y + 190), 250, 430, fill=colour, width=13)
    scene.paste(surface(random, (120, 114, 106), rough=0.25, size=(W, 190)), (0, 1310))
    draw = ImageDraw.Draw(scene)
    for _ in range(120):
        x, y, r = random.randint(0, W), random.randint(1300, 1440), random.randint(5, 26)
        draw.polygon(
            [(x - r, y), (x, y - r), (x + r, y + 4), (x + 2, y + r // 2)],
            fill=shade((170, 130, 108), random.uniform(0.7, 1.15)),
        )
    return scene


def crack(random: Random) -> Image.Image:
    """A crack across a concrete wall, a crack-width card beside it."""
    scene = surface(random, (168, 168, 164), rough=0.2)
    draw = ImageDraw.Draw(scene)
    for joint in (660, 1340):
        draw.line((joint, 0, joint, H), fill=(146, 146, 142), width=8)
    for column in (330, 1000, 1670):
        for row in (340, 1080):
            draw.ellipse(
                (column - 26, row - 26, column + 26, row + 26), fill=(112, 112, 110), outline=(140, 140, 138), width=6
            )
    x, y = 250.0, 0.0
    points: list[Point] = []
    while y < H:
        points.append((x, y))
        x, y = x + random.uniform(-16, 62), y + random.uniform(16, 50)
    for first, second in pairwise(points):
        width = random.randint(6, 15)
        draw.line((*first, *second), fill=(96, 94, 90), width=width + 8)
        draw.line((*first, *second), fill=(34, 32, 30), width=width)
    x, y = points[len(points) // 2]
    for _ in range(12):
        draw.line((x, y, x + 46, y - 34), fill=(60, 58, 56), width=5)
        x, y = x + random.uniform(30, 52), y - random.uniform(10, 44)
    scene = shadow(scene, lambda d: d.rectangle((1130, 930, 1730, 1160), fill=255), blur=16, depth=130)
    draw = ImageDraw.Draw(scene)
    draw.rounded_rectangle((1110, 910, 1700, 1130), 16, fill=(240, 240, 230), outline=(120, 120, 116), width=5)
    for i in range(11):
        draw.line((1150 + i * 50, 930, 1150 + i * 50, 1000), fill=(20, 20, 20), width=2 + i * 2)
    for i in range(0, 540, 20):
        draw.line((1140 + i, 1130, 1140 + i, 1096 if i % 100 else 1070), fill=(20, 20, 20), width=3)
    return scene


def slab(random: Random) -> Image.Image:
    """Fresh screed, smooth towards the door and rough in front, the straight edge still lying on it."""
    side = 2400
    floor = surface(random, (164, 162, 156), rough=0.16, size=(side, side))
    draw = ImageDraw.Draw(floor)
    for _ in range(500):
        x, y, r = random.randint(0, side), random.randint(1300, side), random.randint(6, 40)
        draw.ellipse((x - r, y - r // 2, x + r, y + r // 2), fill=shade((150, 148, 142), random.uniform(0.85, 1.1)))
    for y in range(900, 1300, 26):
        draw.line((0, y, side, y + random.randint(-8, 8)), fill=(148, 146, 140), width=8)
    scene = ground(floor, above=0.4)
    wall = surface(random, (206, 202, 194), size=(W, 430))
    scene.paste(wall, (0, 0))
    draw = ImageDraw.Draw(scene)
    draw.rectangle((1300, 0, 1640, 430), fill=(84, 92, 100))
    draw.rectangle((1270, 0, 1300, 430), fill=(196, 160, 108))
    draw.rectangle((1640, 0, 1670, 430), fill=(196, 160, 108))
    draw.line((0, 330, 1270, 330), fill=(60, 110, 190), width=5)  # the metre line, snapped in blue
    draw.rectangle((0, 408, 1270, 440), fill=(232, 150, 60))  # edge insulation
    draw.rectangle((1670, 408, W, 440), fill=(232, 150, 60))
    scene = shadow(scene, lambda d: d.line((210, 1110, 1800, 1020), fill=255, width=60), blur=16, depth=130)
    bar(ImageDraw.Draw(scene), (200, 1080), (1790, 990), 54, (196, 202, 208))
    return scene


def pipes(random: Random) -> Image.Image:
    """A heating manifold: copper risers, valves, grey lagging, a gauge."""
    scene = surface(random, (206, 206, 200))
    xs = range(330, 1700, 190)
    scene = shadow(scene, lambda d: lines(d, [((x + 40, 0), (x + 40, H)) for x in xs], 44), blur=16, depth=110)
    draw = ImageDraw.Draw(scene)
    for number, x in enumerate(xs):
        bar(draw, (x, 520), (x, H), 44, (196, 112, 66))
        bar(draw, (x, 0), (x, 470), 84, (86, 90, 94))
        for y in range(60, 460, 130):
            draw.rectangle((x - 44, y, x + 44, y + 14), fill=(120, 124, 128))
        y = 760 if number % 2 else 880
        draw.rectangle((x - 42, y - 50, x + 42, y + 50), fill=(206, 176, 84), outline=(140, 116, 50), width=6)
        draw.rounded_rectangle(
            (x - 20, y - 16, x + 120, y + 16), 14, fill=(200, 44, 40) if number % 2 else (40, 92, 180)
        )
        draw.rectangle((x - 34, 1200, x + 34, 1240), fill=(60, 62, 66))
    bar(draw, (210, 520), (1820, 520), 96, (206, 176, 90))
    bar(draw, (210, 1080), (1820, 1080), 26, (150, 154, 158))
    draw.ellipse((920, 320, 1160, 560), fill=(40, 42, 46))
    draw.ellipse((944, 344, 1136, 536), fill=(244, 244, 240))
    for i in range(9):
        draw.arc((958, 358, 1122, 522), 140 + i * 30, 144 + i * 30, fill=(20, 20, 20), width=20)
    draw.line((1040, 440, 1090, 384), fill=(200, 30, 30), width=9)
    draw.ellipse((1028, 428, 1052, 452), fill=(20, 20, 20))
    return scene


def roof(random: Random) -> Image.Image:
    """A flat roof: bitumen sheets with torched seams, insulation boards waiting, a parapet."""
    side = 2400
    felt = surface(random, (84, 88, 92), rough=0.3, size=(side, side))
    draw = ImageDraw.Draw(felt)
    for x in range(0, side, 300):
        draw.line((x, 0, x, side), fill=(44, 46, 50), width=12)
        draw.line((x + 22, 0, x + 22, side), fill=(104, 108, 112), width=8)
    draw.rectangle((1300, 900, side, side), fill=(222, 196, 128))
    for x in range(1300, side, 280):
        for y in range(900, side, 420):
            draw.rectangle((x, y, x + 274, y + 414), outline=(176, 148, 88), width=9)
    scene = ground(felt, above=0.4)
    grains = noise(random, 6, (W, H)).point(lambda value: 226 + value // 9)
    scene = Image.composite(scene, Image.new("RGB", (W, H), (60, 60, 60)), grains)
    draw = ImageDraw.Draw(scene)
    draw.rectangle((0, 0, W, 210), fill=(176, 200, 222))
    for x in range(0, W, 160):
        top = random.randint(70, 150)
        draw.rectangle((x, top, x + 150, 220), fill=shade((150, 126, 116), random.uniform(0.8, 1.1)))
    draw.polygon([(0, 200), (W, 170), (W, 300), (0, 340)], fill=(192, 188, 180))
    draw.polygon([(0, 192), (W, 162), (W, 186), (0, 218)], fill=(120, 124, 130))
    scene = shadow(scene, lambda d: d.ellipse((360, 980, 1020, 1200), fill=255), blur=22, depth=150)
    draw = ImageDraw.Draw(scene)
    draw.rectangle((400, 860, 900, 1120), fill=(58, 60, 64))  # a roll of felt
    draw.ellipse((330, 860, 470, 1120), fill=(78, 80, 84), outline=(40, 42, 44), width=6)
    draw.ellipse((370, 934, 430, 1046), fill=(150, 120, 86))
    draw.pieslice((830, 860, 970, 1120), 270, 90, fill=(58, 60, 64))
    return scene
