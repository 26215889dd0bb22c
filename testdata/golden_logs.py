"""Results of the jobs that read logs, and of those about texts and machines, row by row."""
import re
from collections import Counter, defaultdict
from datetime import datetime, timezone
from decimal import Decimal

from row_by_row import DATA, SECOND, micros, rounded, rows, timestamp, windows, written

LINE = re.compile(r'(\S+) \S+ \S+ \[([^\]]+)\] "([^"]*)" (\d+) (\d+|-) "[^"]*" "([^"]*)"$')


def requests():
    """Requests of the access log: host, time in UTC, status, size, agent. A line that was cut off is none."""
    out = []
    for line in (DATA / "access.log").read_text().splitlines():
        if found := LINE.match(line):
            host, at, _, status, size, agent = found.groups()
            moment = datetime.strptime(at, "%d/%b/%Y:%H:%M:%S %z").astimezone(timezone.utc)
            row = {"host": host, "at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "status": int(status), "agent": agent}
            out.append(row | {"size": None if size == "-" else int(size)})
    return out


def access_errors():
    kept, late = windows(requests(), 60 * SECOND, 5 * SECOND)
    assert not late
    out = []
    for start in sorted(kept):
        failed, count = sum(1 for _, line in kept[start] if line["status"] >= 500), len(kept[start])
        if failed:
            out.append([timestamp(start), count, failed, rounded(Decimal(100 * failed) / count, 1)])
    return {"access_errors.csv": written(["minute", "requests", "failed", "percent"], out)}


def slow_paths():
    pages, out = defaultdict(list), []
    for line in rows(DATA / "requests.csv"):
        if int(line["status"]) < 500:
            page = re.sub(r"/\d+", "/:id", line["path"].partition("?")[0])
            pages[page].append(int(line["ms"]))

    def percentile(values, p):
        place = (len(values) - 1) * Decimal(p)
        low, part = int(place), place % 1
        high = values[min(low + 1, len(values) - 1)]
        return rounded(values[low] + (high - values[low]) * part, 1)

    for page, values in pages.items():
        values.sort()
        out.append([page, len(values), percentile(values, "0.5"), percentile(values, "0.95"), values[-1]])
    out.sort(key=lambda row: (-row[3], row[0]))
    ranked = [[*row, place] for place, row in enumerate(out[:5], 1)]
    return {"slow_paths.csv": written(["page", "requests", "p50", "p95", "slowest", "place"], ranked)}


def bots():
    kept, late = windows(requests(), 86_400 * SECOND, 5 * SECOND)
    assert not late
    out = []
    for start in sorted(kept):
        robots = defaultdict(list)
        for _, line in kept[start]:
            if found := re.search(r"(?i)\b[\w-]*(?:bot|crawler|spider|curl)\b", line["agent"]):
                robots[found[0]].append(line)
        for robot, lines in sorted(robots.items(), key=lambda item: (-len(item[1]), item[0])):
            size = sum(line["size"] or 0 for line in lines)
            out.append([timestamp(start), robot, len(lines), size, len({line["host"] for line in lines})])
    return {"bots.csv": written(["day", "robot", "requests", "bytes", "hosts"], out)}


def syslog_failures():
    """The log begins in 2025, its machines are an hour ahead of UTC."""
    groups = defaultdict(list)
    for line in (DATA / "auth.log").read_text().splitlines():
        month, day, clock, host, app, message = line.split(maxsplit=5)
        found = re.search(r"Failed password for (?:invalid user )?(.*) from (\S+) port", message)
        if app.startswith("sshd[") and found:
            year = {"Dec": 2025, "Jan": 2026}[month]
            hour = datetime.strptime(f"{year} {month} {day} {clock[:2]}", "%Y %b %d %H")
            times = re.match(r"message repeated (\d+) times", message)
            groups[hour, host, found[1]].append((found[2], int(times[1]) if times else 1))
    out = []
    for (hour, host, user), failures in sorted(groups.items()):
        # Of those that come equally often, most_common gives the first.
        addresses = Counter(address for address, _ in failures)
        total, most = sum(times for _, times in failures), addresses.most_common(1)[0][0]
        out.append([hour.strftime("%Y-%m-%dT%H:%M:%S+01:00"), host, user, total, len(addresses), most])
    header = ["hour", "host", "user", "failures", "addresses", "most_from"]
    return {"syslog_failures.csv": written(header, out)}


def machines():
    days = defaultdict(list)
    for path in (DATA / "machines").iterdir():
        for line in rows(path):
            days[line["timestamp"][:10], path.stem].append((line["timestamp"], Decimal(line["value"])))
    out = []
    for (day, machine), readings in sorted(days.items()):
        values = [value for _, value in readings]
        at, highest = max(readings, key=lambda reading: reading[1])
        mean = float(rounded(sum(values) / len(values), 2))
        moment = timestamp(micros(at.replace(" ", "T")))
        out.append([f"{day}T00:00:00Z", machine, len({at for at, _ in readings}), mean, float(highest), moment])
    return {"machines.csv": written("day machine readings mean highest highest_at".split(), out)}


def follow_log():
    counts, out = Counter(), []
    for line in (DATA / "app.log").read_text().splitlines():
        level, text = re.match(r"(\w+):?\s+(.*)", line).groups()
        if level.upper() in ("WARN", "ERROR"):
            kind = (level.upper(), re.sub(r"\d+", "#", text))
            counts[kind] += 1
            out.append([counts[kind], *kind])
    return {"follow_log.csv": written(["n", "level", "kind"], out)}


def word_count():
    words = Counter()
    for line in (DATA / "river.txt").read_text().splitlines():
        words.update(word for word in re.split(r"[^\w']+", line.lower()) if word)
    most = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:15]
    return {"word_count.csv": written(["word", "n"], most)}
