"""The demo's plans and the pages of its papers, as line drawings. Run by `draw_demo.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

W, H = 2000, 1500  # drawn at twice the size it is stored in
INK, GREY, PALE = 25, 120, 200
Pen = ImageDraw.ImageDraw


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own typeface, laid out by Pillow's own engine, so that every machine draws the same."""
    plain = ImageFont.load_default(size)
    assert isinstance(plain, ImageFont.FreeTypeFont)
    return plain.font_variant(layout_engine=ImageFont.Layout.BASIC)


@dataclass(frozen=True)
class Room:
    """A room of a floor plan, in metres from the plan's upper left corner."""

    x: float
    y: float
    w: float
    h: float
    name: str
    door: str = ""  # the wall of its door (n, e, s, w) and the place along it: "s0.5"


@dataclass(frozen=True)
class Sheet:
    """What the title block says."""

    project: str
    title: str
    number: str
    scale: str
    revision: str
    date: str


def plan(sheet: Sheet, rooms: tuple[Room, ...], extras: Callable[[Pen, Scale], None] | None = None) -> Image.Image:
    """A floor plan: walls, doors, windows, names and areas, a grid with dimensions, and `extras` on top."""
    picture, draw = paper(sheet)
    width, height = max(r.x + r.w for r in rooms), max(r.y + r.h for r in rooms)
    scale = Scale(min(1640 / width, 1000 / height), 190, 170)
    for room in rooms:
        draw.rectangle(scale.box(room.x, room.y, room.w, room.h), outline=INK, width=9)
    draw.rectangle(scale.box(-0.15, -0.15, width + 0.3, height + 0.3), outline=INK, width=int(scale.px * 0.3))
    for room in rooms:
        outer_windows(draw, scale, room, width, height)
    for room in rooms:
        if room.door:
            door(draw, scale, room)
        name_room(draw, scale, room)
    xs = sorted({round(edge, 2) for r in rooms for edge in (r.x, r.x + r.w) if r.y == 0})
    ys = sorted({round(edge, 2) for r in rooms for edge in (r.y, r.y + r.h) if r.x == 0})
    dimensions(draw, scale, xs, ys)
    if extras:
        extras(draw, scale)
    return stored(picture)


@dataclass(frozen=True)
class Scale:
    """From metres to pixels."""

    px: float  # pixels a metre
    left: int
    top: int

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a point."""
        return round(self.left + x * self.px), round(self.top + y * self.px)

    def box(self, x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
        """The pixels of a rectangle."""
        return *self.at(x, y), *self.at(x + w, y + h)


def paper(sheet: Sheet) -> tuple[Image.Image, Pen]:
    """An empty sheet with its frame, title block and north arrow."""
    picture = Image.new("L", (W, H), 252)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((30, 30, W - 30, H - 30), outline=INK, width=5)
    draw.rectangle((30, 1290, W - 30, H - 30), outline=INK, width=5)
    for x in (760, 1340, 1600, 1800):
        draw.line((x, 1290, x, H - 30), fill=INK, width=3)
    cells = [(60, "PROJECT", sheet.project, 44), (790, "DRAWING", sheet.title, 44), (1370, "SCALE", sheet.scale, 38)]
    cells += [(1630, "NO.", sheet.number, 38), (1830, "REV.", sheet.revision, 44)]
    for x, label, value, size in cells:
        draw.text((x, 1312), label, fill=GREY, font=font(24))
        draw.text((x, 1356), value, fill=INK, font=font(size))
    draw.text((60, 1424), "Issued for construction", fill=GREY, font=font(26))
    draw.text((1370, 1424), sheet.date, fill=GREY, font=font(26))
    draw.ellipse((1850, 60, 1930, 140), outline=INK, width=4)
    draw.polygon([(1890, 52), (1870, 130), (1890, 112), (1910, 130)], fill=INK)
    draw.text((1890, 146), "N", fill=INK, font=font(30), anchor="ma")
    return picture, draw


def stored(picture: Image.Image) -> Image.Image:
    """Half the size, in the 16 greys that a line drawing needs; RGB, as WhatsApp takes no palettes."""
    return picture.resize((W // 2, H // 2), Image.Resampling.LANCZOS).quantize(16).convert("RGB")


def outer_windows(draw: Pen, scale: Scale, room: Room, width: float, height: float) -> None:
    """A window in the middle of each of the room's outer walls that is long enough."""
    spans = []
    if room.w > 2.2:
        spans += [(room.x + room.w / 2 - 0.8, y, 1.6, 0.3) for y in (-0.15, height - 0.15)
                  if (room.y == 0 and y < 0) or (room.y + room.h == height and y > 0)]  # fmt: skip
    if room.h > 2.2:
        spans += [(x, room.y + room.h / 2 - 0.8, 0.3, 1.6) for x in (-0.15, width - 0.15)
                  if (room.x == 0 and x < 0) or (room.x + room.w == width and x > 0)]  # fmt: skip
    for x, y, w, h in spans:
        draw.rectangle(scale.box(x, y, w, h), fill=252, outline=INK, width=3)
        middle = (x, y + h / 2, x + w, y + h / 2) if w > h else (x + w / 2, y, x + w / 2, y + h)
        draw.line((scale.at(*middle[:2]), scale.at(*middle[2:])), fill=INK, width=3)


def door(draw: Pen, scale: Scale, room: Room) -> None:
    """An opening of 0.9 m with its leaf and swing into the room."""
    side, along, leaf = room.door[0], float(room.door[1:]), 0.9
    if side in "ns":
        x, y = room.x + along * (room.w - leaf), room.y if side == "n" else room.y + room.h
        draw.line((scale.at(x, y), scale.at(x + leaf, y)), fill=252, width=22)
        start, tip = (0, 90) if side == "n" else (270, 360), (x, y + (leaf if side == "n" else -leaf))
    else:
        x, y = room.x if side == "w" else room.x + room.w, room.y + along * (room.h - leaf)
        draw.line((scale.at(x, y), scale.at(x, y + leaf)), fill=252, width=22)
        start, tip = (0, 90) if side == "w" else (90, 180), (x + (leaf if side == "w" else -leaf), y)
    draw.arc(scale.box(x - leaf, y - leaf, 2 * leaf, 2 * leaf), *start, fill=GREY, width=3)
    draw.line((scale.at(x, y), scale.at(*tip)), fill=INK, width=5)


def name_room(draw: Pen, scale: Scale, room: Room) -> None:
    """Name and area in the middle of the room."""
    x, y = scale.at(room.x + room.w / 2, room.y + room.h / 2)
    lines = room.name.split("|")
    size = 34 if min(len(line) * 17 for line in lines) < room.w * scale.px else 26
    for number, line in enumerate([*lines, f"{room.w * room.h:.1f} m2"]):
        last = number == len(lines)
        place = (x, y + (number - len(lines) / 2) * (size + 6))
        draw.text(place, line, fill=GREY if last else INK, font=font(size - 6 if last else size), anchor="mm")


def dimensions(draw: Pen, scale: Scale, xs: list[float], ys: list[float]) -> None:
    """Chains of dimensions above and to the left, in metres, with the bubbles of the grid."""
    top, left = 110, 130
    draw.line((scale.at(xs[0], 0)[0], top, scale.at(xs[-1], 0)[0], top), fill=GREY, width=3)
    draw.line((left, scale.at(0, ys[0])[1], left, scale.at(0, ys[-1])[1]), fill=GREY, width=3)
    for number, edge in enumerate(xs):
        x = scale.at(edge, 0)[0]
        draw.line((x - 10, top + 10, x + 10, top - 10), fill=INK, width=4)
        draw.ellipse((x - 24, 38, x + 24, 86), outline=GREY, width=3, fill=252)
        draw.text((x, 62), str(number + 1), fill=INK, font=font(28), anchor="mm")
    for number, edge in enumerate(ys):
        y = scale.at(0, edge)[1]
        draw.line((left - 10, y + 10, left + 10, y - 10), fill=INK, width=4)
        draw.ellipse((46, y - 24, 94, y + 24), outline=GREY, width=3, fill=252)
        draw.text((70, y), "ABCDEFGH"[number], fill=INK, font=font(28), anchor="mm")
    for first, second in pairwise(xs):
        place = ((scale.at(first, 0)[0] + scale.at(second, 0)[0]) / 2, top - 6)
        draw.text(place, f"{second - first:.2f}", fill=INK, font=font(26), anchor="mb")
    for first, second in pairwise(ys):
        middle = (scale.at(0, first)[1] + scale.at(0, second)[1]) / 2
        draw.text((left - 6, middle), f"{second - first:.2f}", fill=INK, font=font(24), anchor="rm")


def electrical(rooms: tuple[Room, ...], draw: Pen, scale: Scale) -> None:
    """Sockets, lights and a switched circuit in each room, and what the signs mean."""
    for room in rooms:
        lamp = scale.at(room.x + room.w * (0.5 if room.h > 2.5 else 0.3), room.y + room.h * 0.22)
        draw.ellipse((lamp[0] - 18, lamp[1] - 18, lamp[0] + 18, lamp[1] + 18), outline=INK, width=4, fill=252)
        draw.line((lamp[0] - 12, lamp[1] - 12, lamp[0] + 12, lamp[1] + 12), fill=INK, width=4)
        draw.line((lamp[0] - 12, lamp[1] + 12, lamp[0] + 12, lamp[1] - 12), fill=INK, width=4)
        switch = scale.at(room.x + 0.35, room.y + room.h * 0.6)
        draw.arc((switch[0], lamp[1], 2 * lamp[0] - switch[0], 2 * switch[1] - lamp[1]), 180, 270, fill=GREY, width=3)
        for place in (0.25, 0.75):
            x, y = scale.at(room.x + room.w * place, room.y + room.h - 0.12)
            draw.pieslice((x - 18, y - 22, x + 18, y + 14), 180, 360, outline=INK, width=4)
            draw.line((x, y - 22, x, y - 36), fill=INK, width=4)
    draw.text((190, 1226), "Cross in circle: ceiling light    half circle: double socket, 0.30 m above floor",
              fill=GREY, font=font(28))  # fmt: skip


def plumbing(rooms: tuple[Room, ...], draw: Pen, scale: Scale) -> None:
    """Hot and cold lines along the corridor wall with a drop into each wet room."""
    y = max(room.y for room in rooms if "WC" in room.name or "Wet" in room.name)
    right = max(room.x + room.w for room in rooms)
    for offset, shade in ((0.25, INK), (0.5, GREY)):
        for start in range(int(right / 0.6)):
            draw.line((scale.at(start * 0.6, y - offset), scale.at(start * 0.6 + 0.4, y - offset)), fill=shade, width=6)
        for room in rooms:
            if "WC" in room.name or "Wet" in room.name:
                x = room.x + 0.4 + offset
                draw.line((scale.at(x, y - offset), scale.at(x, room.y + 0.9)), fill=shade, width=6)
                draw.rectangle(scale.box(x - 0.1, room.y + 0.9, 0.2, 0.2), outline=INK, width=4)
    draw.text((190, 1226), "Dark: cold 22 mm   grey: hot 22 mm, lagged   square: stop valve", fill=GREY, font=font(28))


def tile_elevation(sheet: Sheet) -> Image.Image:
    """The four walls' tiling of a bathroom as two elevations, whole tiles from the door jamb."""
    picture, draw = paper(sheet)
    scale = Scale(230, 200, 190)
    for left, width, name in ((0.0, 3.6, "Wall A (window)"), (4.3, 2.4, "Wall B (basin)")):
        draw.rectangle(scale.box(left, 0, width, 4.0 - 0.0), outline=INK, width=9)
        for row in range(13):
            for column in range(int(width / 0.3)):
                cell = scale.box(left + column * 0.3, 3.9 - (row + 1) * 0.3 + 0.1, 0.3, 0.3)
                draw.rectangle(cell, outline=GREY, width=2, fill=225 if row == 7 else None)
        draw.text(scale.at(left + width / 2, 4.22), name, fill=INK, font=font(34), anchor="mm")
        draw.text(scale.at(left + width / 2, -0.2), f"{width:.2f}", fill=INK, font=font(30), anchor="mm")
        draw.line((scale.at(left, -0.08), scale.at(left + width, -0.08)), fill=GREY, width=3)
    draw.rectangle(scale.box(1.2, 0.7, 1.2, 1.2), fill=252, outline=INK, width=8)
    draw.line((scale.at(1.8, 0.7), scale.at(1.8, 1.9)), fill=INK, width=4)
    draw.rounded_rectangle(scale.box(4.9, 2.6, 1.2, 0.4), 20, fill=252, outline=INK, width=7)
    draw.rectangle(scale.box(5.0, 0.9, 1.0, 1.1), fill=252, outline=INK, width=5)
    draw.text(scale.at(5.5, 1.45), "Mirror", fill=GREY, font=font(28), anchor="mm")
    draw.text((200, 1226), "Tile 300 x 300, joint 3 mm. Grey course: border tile. Whole tiles from the floor up.",
              fill=GREY, font=font(28))  # fmt: skip
    return stored(picture)


def rebar_plan(sheet: Sheet) -> Image.Image:
    """Bottom reinforcement of a slab with its bar marks, and a section through the edge."""
    picture, draw = paper(sheet)
    box = (200, 190, 1240, 1180)
    draw.rectangle(box, outline=INK, width=9)
    for number in range(1, 21):
        x, y = box[0] + number * 49, box[1] + number * 47
        draw.line((x, box[1] + 20, x, box[3] - 20), fill=INK if number == 9 else PALE, width=5)
        draw.line((box[0] + 20, y, box[2] - 20, y), fill=INK if number == 12 else PALE, width=5)
    for x, y in ((300, 290), (1140, 290), (300, 1080), (1140, 1080)):
        draw.rectangle((x - 40, y - 40, x + 40, y + 40), fill=GREY, outline=INK, width=6)
    for x, y, text in ((660, 420, "H12-01 @ 150 B1"), (900, 724, "H12-02 @ 150 B2")):
        draw.rectangle((x - 150, y - 26, x + 150, y + 26), fill=252, outline=INK, width=3)
        draw.text((x, y), text, fill=INK, font=font(30), anchor="mm")
    draw.text((1320, 210), "Section 1-1", fill=INK, font=font(38))
    draw.polygon([(1320, 300), (1880, 300), (1880, 420), (1560, 420), (1560, 760), (1320, 760)], outline=INK, width=7)
    for x in range(1370, 1880, 60):
        draw.ellipse((x - 9, 378, x + 9, 396), fill=INK)
    draw.line((1350, 330, 1860, 330), fill=INK, width=6)
    draw.rectangle((1355, 340, 1525, 725), outline=INK, width=6)
    for number, note in enumerate(("Concrete C30/37", "Cover 30 mm, spacers @ 800", "Laps 500 mm, staggered",
                                   "Columns 400 x 400", "Pour in one go, cure 7 days")):  # fmt: skip
        draw.text((1320, 820 + number * 52), f"{number + 1}. {note}", fill=INK, font=font(30))
    draw.text((720, 150), "6.60", fill=INK, font=font(30), anchor="mm")
    draw.text((150, 685), "6.20", fill=INK, font=font(30), anchor="mm")
    return stored(picture)


def facade(sheet: Sheet, *, floors: int, windows: int) -> Image.Image:
    """An elevation: storeys of `windows` windows each, levels at the side, the scaffold ties marked."""
    picture, draw = paper(sheet)
    top, bottom, left, right = 230, 1180, 320, 1680
    storey, bay = (bottom - top) / floors, (right - left - 40) / windows
    draw.line((120, bottom, 1880, bottom), fill=INK, width=10)
    draw.rectangle((left, top, right, bottom), outline=INK, width=8)
    draw.polygon([(300, top), (1700, top), (1580, 120), (420, 120)], outline=INK, width=7)
    for seam in range(330, 1690, 26):
        draw.line((seam, 228, 420 + (seam - 300) * 1160 // 1400, 124), fill=PALE, width=2)
    for floor in range(floors):
        y = top + floor * storey + storey * 0.2
        for column in range(windows):
            x = left + 20 + (column + 0.15) * bay
            width, height = bay * 0.7, storey * 0.62
            if floor == floors - 1 and abs(column - (windows - 1) / 2) < 1:
                draw.rectangle((x, y, x + width, bottom), outline=INK, width=6)
                draw.line((x + width / 2, y, x + width / 2, bottom), fill=INK, width=4)
                continue
            draw.rectangle((x, y, x + width, y + height), outline=INK, width=6)
            draw.line((x + width / 2, y, x + width / 2, y + height), fill=INK, width=3)
            draw.line((x, y + height / 3, x + width, y + height / 3), fill=INK, width=3)
            draw.rectangle((x - 12, y + height, x + width + 12, y + height + 14), outline=INK, width=3)
            if column % 2 == 0:
                draw.line((x + width + 14, y - 30, x + width + 34, y - 10), fill=GREY, width=5)
                draw.line((x + width + 34, y - 30, x + width + 14, y - 10), fill=GREY, width=5)
    for floor in range(floors + 1):
        level = bottom - floor * storey
        draw.line((1700, level, 1860, level), fill=GREY, width=3)
        draw.text((1780, level - 8), f"+{floor * 3.1:.2f}", fill=INK, font=font(30), anchor="mb")
    draw.text((320, 1226), "x scaffold tie, at every second window of each lift", fill=GREY, font=font(28))
    return stored(picture)


def page(title: str, lines: tuple[str, ...], widths: tuple[int, ...], number: int) -> Image.Image:
    """A page of a paper: a heading, then a table whose cells are parted by `|`."""
    picture = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(picture)
    draw.text((110, 110), title, fill=INK, font=font(46))
    draw.line((110, 180, 1130, 180), fill=INK, width=4)
    for row, line in enumerate(lines):
        y, x = 230 + row * 62, 110
        if row == 0:
            draw.rectangle((100, y - 12, 1140, y + 46), fill=225)
        for cell, width in zip(line.split("|"), widths, strict=False):
            draw.text((x, y), cell.strip(), fill=INK, font=font(28))
            x += width
        draw.line((100, y + 48, 1140, y + 48), fill=PALE, width=2)
    draw.text((1130, 1660), f"Page {number}", fill=GREY, font=font(26), anchor="ra")
    return picture.resize((930, 1316), Image.Resampling.LANCZOS)
