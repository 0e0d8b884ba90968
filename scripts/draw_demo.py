"""Draws the demo crew's plans, photographs and papers (see demo/crew.json), the same each time.

Run: .venv/bin/python scripts/draw_demo.py [FOLDER]     (default: demo/files)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from draw_plans import Room, Sheet, electrical, facade, page, plan, plumbing, rebar_plan, tile_elevation
from draw_scenes import brickwork, finished, rebar, scaffold, tiles, window
from draw_scenes_inside import conduits, crack, pipes, roof, slab, studs
from PIL import Image

DATE = time.gmtime(1793534400)  # 2026-11-01, in the papers' metadata

MILL = (
    Room(0, 0, 5.4, 4.2, "Living 2.01", "s0.8"),
    Room(5.4, 0, 3.6, 4.2, "Kitchen 2.02", "s0.5"),
    Room(9.0, 0, 4.0, 4.2, "Bedroom 2.03", "s0.2"),
    Room(13.0, 0, 2.8, 4.2, "Bathroom|2.04", "s0.5"),
    Room(0, 4.2, 15.8, 1.6, "Corridor 2.10", "e0.5"),
    Room(0, 5.8, 4.2, 3.8, "Bedroom 2.05", "n0.8"),
    Room(4.2, 5.8, 2.4, 3.8, "Bathroom|2.06", "n0.5"),
    Room(6.6, 5.8, 5.6, 3.8, "Living 2.07", "n0.3"),
    Room(12.2, 5.8, 3.6, 3.8, "Stair 2.08", "n0.2"),
)
SCHOOL = (
    Room(0, 0, 7.2, 6.0, "Classroom 1", "s0.9"),
    Room(7.2, 0, 7.2, 6.0, "Classroom 2", "s0.1"),
    Room(14.4, 0, 7.2, 6.0, "Classroom 3", "s0.1"),
    Room(0, 6.0, 21.6, 2.4, "Hall", "w0.5"),
    Room(0, 8.4, 9.0, 5.0, "Canteen", "n0.5"),
    Room(9.0, 8.4, 3.6, 5.0, "Kitchen", "n0.5"),
    Room(12.6, 8.4, 2.7, 5.0, "WC girls", "n0.5"),
    Room(15.3, 8.4, 2.7, 5.0, "WC boys", "n0.5"),
    Room(18.0, 8.4, 3.6, 5.0, "Plant", "n0.5"),
)
CLINIC = (
    Room(0, 0, 4.8, 4.6, "Reception", "s0.7"),
    Room(4.8, 0, 3.6, 4.6, "Exam 1", "s0.2"),
    Room(8.4, 0, 3.6, 4.6, "Exam 2", "s0.2"),
    Room(12.0, 0, 3.6, 4.6, "Exam 3", "s0.2"),
    Room(15.6, 0, 2.4, 4.6, "Wet room", "s0.5"),
    Room(0, 4.6, 18.0, 1.8, "Corridor", "w0.5"),
    Room(0, 6.4, 6.0, 4.6, "Waiting", "n0.5"),
    Room(6.0, 6.4, 2.4, 4.6, "WC", "n0.5"),
    Room(8.4, 6.4, 4.8, 4.6, "X-ray", "n0.3"),
    Room(13.2, 6.4, 4.8, 4.6, "Staff", "n0.6"),
)
OFFICES = (
    Room(0, 0, 8.4, 5.2, "Open office 1.01", "s0.8"),
    Room(8.4, 0, 4.2, 5.2, "Meeting 1.02", "s0.5"),
    Room(12.6, 0, 4.2, 5.2, "Office 1.03", "s0.2"),
    Room(0, 5.2, 16.8, 1.8, "Corridor 1.10", "e0.5"),
    Room(0, 7.0, 3.0, 3.6, "Stair", "n0.6"),
    Room(3.0, 7.0, 2.4, 3.6, "WC", "n0.5"),
    Room(5.4, 7.0, 3.0, 3.6, "Server 1.06", "n0.5"),
    Room(8.4, 7.0, 8.4, 3.6, "Open office 1.07", "n0.3"),
)

PLANS: dict[str, Callable[[], Image.Image]] = {
    "mill-level-2": partial(plan, Sheet("Old Mill", "Level 2, floor plan", "A-102", "1:100", "C", "2026-10-12"), MILL),
    "mill-level-2-electrical": partial(
        plan,
        Sheet("Old Mill", "Level 2, electrical", "E-202", "1:100", "B", "2026-10-19"),
        MILL,
        partial(electrical, MILL),
    ),
    "mill-bathroom-tiling": partial(
        tile_elevation, Sheet("Old Mill", "Bathroom 2.04, tiling", "A-510", "1:25", "A", "2026-11-02")
    ),
    "mill-facade": partial(
        facade, Sheet("Old Mill", "North elevation", "A-301", "1:100", "B", "2026-09-28"), floors=3, windows=6
    ),
    "school-ground-floor": partial(
        plan, Sheet("Jules Verne School", "Ground floor plan", "A-101", "1:100", "D", "2026-10-05"), SCHOOL
    ),
    "school-slab": partial(
        rebar_plan, Sheet("Jules Verne School", "Slab bay 3, bottom bars", "S-203", "1:50", "B", "2026-10-22")
    ),
    "school-plumbing": partial(
        plan,
        Sheet("Jules Verne School", "Ground floor, water", "P-301", "1:100", "A", "2026-10-30"),
        SCHOOL,
        partial(plumbing, SCHOOL),
    ),
    "clinic-ground-floor": partial(
        plan, Sheet("Harbour Clinic", "Ground floor plan", "A-101", "1:100", "B", "2026-10-08"), CLINIC
    ),
    "clinic-electrical": partial(
        plan,
        Sheet("Harbour Clinic", "Ground floor, electrical", "E-201", "1:100", "A", "2026-11-03"),
        CLINIC,
        partial(electrical, CLINIC),
    ),
    "offices-level-1": partial(
        plan, Sheet("Canal Offices", "Level 1, floor plan", "A-111", "1:100", "C", "2026-10-15"), OFFICES
    ),
    "offices-plumbing": partial(
        plan,
        Sheet("Canal Offices", "Level 1, water", "P-311", "1:100", "A", "2026-10-26"),
        OFFICES,
        partial(plumbing, OFFICES),
    ),
    "offices-facade": partial(
        facade, Sheet("Canal Offices", "Quay elevation", "A-302", "1:100", "A", "2026-10-01"), floors=4, windows=9
    ),
}

PHOTOS: dict[str, Callable[[Random], Image.Image]] = {
    "tiles-half-laid": partial(tiles, rows_done=3, colour=(222, 226, 222)),
    "tiles-blue": partial(tiles, rows_done=5, colour=(112, 150, 170)),
    "rebar-mesh": partial(rebar, spacing=150),
    "rebar-strip": partial(rebar, spacing=100),
    "scaffold": scaffold,
    "window-frame": window,
    "brickwork": brickwork,
    "stud-wall": studs,
    "conduits": conduits,
    "crack": crack,
    "screed": slab,
    "manifold": pipes,
    "flat-roof": roof,
}

PAPERS: dict[str, tuple[str, tuple[int, ...], tuple[tuple[str, ...], ...]]] = {
    "fire-doors": (
        "Harbour Clinic: fire door schedule",
        (150, 320, 170, 220, 180),
        (
            (
                "Door|Room|Rating|Size (mm)|Hinges",
                "FD01|Reception|EI 30|930 x 2100|left",
                "FD02|Corridor, west|EI 60|1830 x 2100|double",
                "FD03|Exam 1|EI 30|930 x 2100|right",
                "FD04|Exam 2|EI 30|930 x 2100|right",
                "FD05|Exam 3|EI 30|930 x 2100|left",
                "FD06|X-ray, lead lined|EI 60|1130 x 2100|left",
                "FD07|Staff|EI 30|930 x 2100|right",
            ),
            (
                "Check|What|Allowed||",
                "1|Gap between leaf and frame|2 to 4 mm||",
                "2|Gap at the floor|at most 8 mm||",
                "3|Closer shuts from 15 degrees|always||",
                "4|Seals all around|unbroken||",
                "5|Label of the rating|readable||",
            ),
        ),
    ),
    "roof-delivery": (
        "Canal Offices: delivery note 4471",
        (120, 560, 180, 180),
        (
            (
                "Item|Article|Quantity|Unit",
                "1|Bitumen sheet 4 mm, slate grey|38|rolls",
                "2|Insulation board 120 mm|96|pieces",
                "3|Vapour barrier 1.5 m|12|rolls",
                "4|Parapet flashing, aluminium|42|m",
                "5|Roof outlet DN 100|4|pieces",
                "6|Primer, 25 l|3|cans",
            ),
        ),
    ),
}


def draw_all(folder: Path) -> None:
    """Draw every file into `folder`, made where it is missing."""
    for name in ("plans", "photos", "papers"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, draw in PLANS.items():
        draw().save(folder / "plans" / f"{name}.png", optimize=True)
    for name, scene in PHOTOS.items():
        random = Random(name)
        picture = finished(scene(random), random)
        picture.save(folder / "photos" / f"{name}.jpg", quality=70, optimize=True, progressive=True)
    for name, (title, widths, pages) in PAPERS.items():
        first, *others = [page(title, lines, widths, number) for number, lines in enumerate(pages, start=1)]
        first.save(
            folder / "papers" / f"{name}.pdf",
            save_all=True,
            append_images=others,
            resolution=112,
            title=title,
            creationDate=DATE,
            modDate=DATE,
        )


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "demo" / "files")
