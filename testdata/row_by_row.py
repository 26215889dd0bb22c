"""What the computations of golden results share: input as rows, times as microseconds, windows, CSV."""
import csv
import io
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, getcontext
from pathlib import Path

getcontext().prec = 60
DATA = Path(__file__).parent
GOLDEN = DATA / "golden"
EPOCH = datetime(1970, 1, 1)
SECOND = 1_000_000


def micros(text):
    text = text.removesuffix("Z")
    form = "%Y-%m-%dT%H:%M:%S.%f" if "." in text else "%Y-%m-%dT%H:%M:%S"
    return (datetime.strptime(text, form) - EPOCH) // timedelta(microseconds=1)


def timestamp(us):
    """RFC 3339 with 0, 3 or 6 decimals, as needed."""
    at, rest = EPOCH + timedelta(microseconds=us), us % SECOND
    fraction = "" if rest == 0 else f".{rest // 1000:03}" if rest % 1000 == 0 else f".{rest:06}"
    return at.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def written(header, lines):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(header)
    writer.writerows(lines)
    return out.getvalue()


def windows(lines, size, delay, column="at"):
    """Rows of each tumbling window, and late rows. A row is late if its window ended at or before the watermark that
    the rows before it made: the greatest time seen - delay - 1 us."""
    kept, late, greatest = defaultdict(list), [], None
    for line in lines:
        at = micros(line[column])
        start = at // size * size
        if greatest is not None and start + size - 1 <= greatest - delay - 1:
            late.append(line)
        else:
            kept[start].append((at, line))
        greatest = at if greatest is None else max(greatest, at)
    return kept, late


def rounded(number, digits):
    """A decimal with so many digits behind the point, half away from zero."""
    return Decimal(number).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
