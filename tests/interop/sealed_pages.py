"""What sealed documents look like to others: the pages that smsign shows beside those of poppler, MuPDF and easyofd. qpdf says
whether a file is in order.
"""

import shutil
import subprocess
import sys

from PIL import Image, ImageChops, ImageFilter

RESOLUTION = 96
# So much of the ink of one picture may be absent from the other: edges, and how they are smoothed.
APART = 0.05
LEAST_INK = 50


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout


def red(path):
    """The red ink of a page: white where it is."""
    r, g, b = Image.open(path).convert("RGB").split()
    excess = ImageChops.subtract(r, ImageChops.lighter(g, b))
    return excess.point(lambda value: 255 if value > 60 else 0)


def amount(mask):
    return mask.histogram()[255]


def compare(ours, theirs):
    """The ink of each picture is near ink of the other."""
    if theirs.size != ours.size:
        width, height = (abs(a - b) for a, b in zip(ours.size, theirs.size))
        assert width <= 2 and height <= 2, f"{ours.size} and {theirs.size} pixels"
        theirs = theirs.crop((0, 0, *ours.size))
    for one, other in ((ours, theirs), (theirs, ours)):
        near = other.filter(ImageFilter.MaxFilter(5))
        alone = ImageChops.subtract(one, near)
        assert amount(alone) <= APART * max(amount(one), LEAST_INK), f"{amount(alone)} of {amount(one)} points of ink stand alone"


def ours(folder, name):
    """The pictures of `--preview`, which end with the number of the page."""
    return sorted((folder / "pages" / name).glob("*.png"), key=lambda page: int(page.stem.rsplit("-", 1)[1]))


def by_poppler(path, out):
    run("pdftoppm", "-r", RESOLUTION, "-png", path, out / "page")
    return sorted(out.glob("page-*.png"))


def by_mupdf(path, out):
    run("mutool", "draw", "-q", "-r", RESOLUTION, "-o", out / "page-%03d.png", path)
    return sorted(out.glob("page-*.png"))


# In a process of its own: some documents keep it busy for ever.
EASYOFD = """
import logging, sys, warnings
warnings.simplefilter("ignore")
logging.disable()
from loguru import logger
logger.remove()
from easyofd.ofd import OFD
document = OFD()
document.read(sys.argv[1], fmt="path")
for number, picture in enumerate(document.to_jpg()):
    picture.save(f"{sys.argv[2]}/page-{number:03}.png")
"""
PATIENCE = 60


def by_easyofd(path, out):
    """Nothing if it does not read the document."""
    command = [sys.executable, "-c", EASYOFD, str(path), str(out)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None
    return sorted(out.glob("page-*.png")) if done.returncode == 0 else None


def check(folder, cases):
    for program in ("qpdf", "pdftoppm", "mutool"):
        if shutil.which(program) is None:
            print(f"interop: {program} is not installed, and did not look at the sealed PDFs")
    for case in cases:
        path = folder / case["file"]
        pages = ours(folder, path.name)
        shown = sum(case["stamps"])
        inks = [red(page) for page in pages]
        assert pages and (shown == 0 or any(amount(ink) > LEAST_INK for ink in inks)), f"{path.name}: nothing is shown"
        if path.suffix == ".ofd":
            _check_easyofd(folder, case, len(pages))
            continue
        if shutil.which("qpdf"):
            run("qpdf", "--check", path)
        for program, draw in (("pdftoppm", by_poppler), ("mutool", by_mupdf)):
            if shutil.which(program) is None:
                continue
            theirs = draw(path, _folder(folder, path, program))
            assert len(theirs) == len(pages), f"{path.name}: {program} shows other pages"
            for number, (ink, page) in enumerate(zip(inks, theirs)):
                try:
                    compare(ink, red(page))
                except AssertionError as error:
                    raise AssertionError(f"{path.name}, page {number + 1}, {program}: {error}") from error
    print("interop: the pages look the same")


def _check_easyofd(folder, case, pages):
    """It shows the last stamp of each seal only, and no strips, so only the pages are counted."""
    before, after = (folder / case[name] for name in ("before", "file"))
    if by_easyofd(before, _folder(folder, before, "easyofd")) is None:
        print(f"interop: easyofd does not read {before.name}, and did not look at {after.name}")
        return
    shown = by_easyofd(after, _folder(folder, after, "easyofd"))
    assert shown is not None and len(shown) == pages, f"{after.name}: easyofd does not read it, or shows other pages"


def _folder(folder, path, program):
    out = folder / "shown" / f"{path.name}-{program}"
    out.mkdir(parents=True, exist_ok=True)
    return out
