#!/usr/bin/env python3
"""What the jobs in jobs/ must give, computed without flott. Needs only Python.

    python3 testdata/golden.py            checks the files in testdata/golden
    python3 testdata/golden.py --write    writes them (all but nexmark_q0.csv, which is the input of the other queries)

Each result is computed row by row, the slow and plain way, from the files in testdata/. The bids of the Nexmark
queries are those of testdata/golden/nexmark_q0.csv. They are checked against what is known about the generator:
number, event times, ranges of ids and prices.
"""
import math
import sys
from collections import Counter, defaultdict
from decimal import Decimal

sys.dont_write_bytecode = True

import golden_events as events
import golden_logs as logs
from row_by_row import DATA, GOLDEN, SECOND, micros, rows, timestamp, windows, written


def quickstart():
    kept, late = windows(rows(DATA / "requests.csv"), 60 * SECOND, 5 * SECOND)
    assert not late
    out = []
    for start in sorted(kept):
        ms = [int(line["ms"]) for _, line in kept[start] if int(line["status"]) >= 500]
        if ms:
            out.append([timestamp(start), len(ms), max(ms), sum(ms) // len(ms)])
    return {"quickstart.csv": written(["minute", "failed", "slowest_ms", "mean_ms"], out)}


def sensors():
    """Every file has a watermark of its own. Late rows come out file by file, as the gateways do not overlap there."""
    files = sorted(DATA.glob("sensors-*.csv"), key=lambda path: rows(path)[0]["at"])
    groups, late = defaultdict(list), []
    for path in files:
        kept, too_late = windows(rows(path), 10 * SECOND, 2 * SECOND)
        late += too_late
        for start, lines in kept.items():
            for _, line in lines:
                groups[start, line["sensor"]].append(Decimal(line["celsius"]))
    means = []
    for (start, sensor), values in sorted(groups.items()):
        mean = float(sum(values) / len(values))
        means.append([timestamp(start), sensor, repr(math.floor(mean * 100 + 0.5) / 100), len(values)])
    header = ["at", "sensor", "celsius"]
    dropped = [[timestamp(micros(line["at"])), line["sensor"], line["celsius"]] for line in late]
    return {"sensors.csv": written([*header, "readings"], means), "sensors_late.csv": written(header, dropped)}


def ohlc():
    kept, late = windows(rows(DATA / "trades.csv"), 60 * SECOND, 2 * SECOND)
    assert not late
    groups = defaultdict(list)
    for start, lines in kept.items():
        for at, line in lines:
            groups[start, line["symbol"]].append((at, Decimal(line["price"]), int(line["qty"])))
    out = []
    for (start, symbol), trades in sorted(groups.items()):
        by_time = sorted(trades, key=lambda trade: trade[0])  # stable: ties in the order of lines
        prices = [price for _, price, _ in trades]
        out.append(
            [symbol, timestamp(start), by_time[0][1], max(prices), min(prices), by_time[-1][1]]
            + [sum(qty for *_, qty in trades), sum(price * qty for _, price, qty in trades)]
        )
    return {"ohlc.csv": written("symbol minute open high low close volume turnover".split(), out)}


def stdin_filter():
    lines = (DATA / "app.log").read_text().splitlines()
    return {"stdin_filter.csv": written(None, [[line] for line in lines if "error" in line.lower()])}


def tcp_counter():
    counts, out = Counter(), []
    for word in (DATA / "words.txt").read_text().splitlines():
        counts[word] += 1
        out.append([word, counts[word]])
    return {"tcp_counter.csv": written(["word", "n"], out)}


ROWS, EVENTS_PER_SECOND, START = 4000, 40, micros("2023-11-14T22:13:20Z")


def check_bids(bids):
    """Of 50 events the first is a person, 3 are auctions, 46 are bids; event n happens n / 40 s after the start."""
    assert len(bids) == ROWS
    for row, bid in enumerate(bids):
        epoch, within = divmod(row, 46)
        event = epoch * 50 + 4 + within
        assert micros(bid["date_time"]) == START + event * SECOND // EVENTS_PER_SECOND, bid
        last_auction, last_person = 1000 + epoch * 3 + 2, 1000 + epoch
        assert 1000 <= int(bid["auction"]) <= last_auction + 10, bid
        assert 1000 <= int(bid["bidder"]) <= last_person + 10, bid
        assert 100 <= int(bid["price"]) <= 100_000_000, bid
        assert bid["channel"] and bid["url"].startswith("https://www.nexmark.com/"), bid
    hot = sum(1 for bid in bids if int(bid["auction"]) % 100 == 0)
    assert 0.45 < hot / ROWS < 0.6, "half of the bids go to the hot auction"


def nexmark():
    bids = rows(GOLDEN / "nexmark_q0.csv")
    check_bids(bids)
    q1 = [[b["auction"], b["bidder"], Decimal("0.908") * int(b["price"]), b["date_time"], b["extra"]] for b in bids]
    q2 = [[b["auction"], b["price"]] for b in bids if int(b["auction"]) % 123 == 0]

    counts, tens = defaultdict(Counter), defaultdict(list)
    for bid in bids:
        at = micros(bid["date_time"])
        start = at // (2 * SECOND) * 2 * SECOND
        while start > at - 10 * SECOND:
            counts[start][int(bid["auction"])] += 1
            start -= 2 * SECOND
        tens[at // (10 * SECOND) * 10 * SECOND].append(bid)
    q5, q7 = [], []
    for start in sorted(counts):
        most, window = max(counts[start].values()), [timestamp(start), timestamp(start + 10 * SECOND)]
        q5 += [[auction, n, *window] for auction, n in sorted(counts[start].items()) if n == most]
    for start in sorted(tens):
        best, window = max(int(b["price"]) for b in tens[start]), [timestamp(start), timestamp(start + 10 * SECOND)]
        found = [b for b in tens[start] if int(b["price"]) == best]
        q7 += [[b["auction"], b["bidder"], b["price"], b["date_time"], *window] for b in found]
    window = ["window_start", "window_end"]
    return {
        "nexmark_q1.csv": written(["auction", "bidder", "price", "date_time", "extra"], q1),
        "nexmark_q2.csv": written(["auction", "price"], q2),
        "nexmark_q5.csv": written(["auction", "n", *window], q5),
        "nexmark_q7.csv": written(["auction", "bidder", "price", "date_time", *window], q7),
    }


def archive():
    """The rows of each partition behind its name; parts behind each other, without their headers."""
    parts = defaultdict(list)
    for line in rows(DATA / "requests.csv"):
        kept = [timestamp(micros(line["at"])), line["path"], line["status"], line["ms"]]
        parts[f"status={line['status']}"].append(kept)
    return {"archive.csv": "".join(f"{name}\n{written(None, parts[name])}" for name in sorted(parts))}


def to_parquet():
    """The rows of the Parquet file, as CSV."""
    out = []
    for line in rows(DATA / "trades.csv"):
        price, qty = Decimal(line["price"]), int(line["qty"])
        out.append([timestamp(micros(line["at"])), line["symbol"], f"{price:.2f}", qty, f"{price * qty:.2f}"])
    return {"to_parquet.csv": written("at symbol price qty value".split(), out)}


def visits():
    """The new count of its page for each request, and all requests of each minute."""
    lines, counts, pages, minutes = rows(DATA / "requests.csv"), Counter(), [], []
    for line in lines:
        counts[line["path"]] += 1
        pages.append([line["path"], counts[line["path"]]])
    kept, late = windows(lines, 60 * SECOND, 5 * SECOND)
    assert not late
    for start in sorted(kept):
        failed = sum(1 for _, line in kept[start] if int(line["status"]) >= 500)
        minutes.append([timestamp(start), len(kept[start]), failed])
    return {
        "visits_pages.csv": written(["path", "requests"], pages),
        "visits_minutes.csv": written(["minute", "requests", "failed"], minutes),
    }


def triage():
    """Requests by where they belong; of each item the first two; what is no item, and why."""
    failed, items, odd, seen = [], [], [], Counter()
    for line in rows(DATA / "requests.csv"):
        at, path, status, ms = timestamp(micros(line["at"])), line["path"], int(line["status"]), int(line["ms"])
        if status >= 500:
            failed.append([at, path, status, ms])
        elif path != "/" and not path.startswith("/search"):
            item = path[7:]
            if not item.isdigit():
                odd.append([at, path, status, ms, f"CAST(substr(path, 8) AS int): '{item}' is not an int"])
                continue
            seen[item] += 1
            if seen[item] <= 2:
                items.append([at, item, ms])
    columns = ["at", "path", "status", "ms"]
    return {
        "triage_failed.csv": written(columns, failed),
        "triage_items.csv": written(["at", "item", "ms"], items),
        "triage_odd.csv": written([*columns, "reason"], odd),
    }


def steps():
    """Every ten trades of a symbol its last twenty; at the end those since, with the ten before them."""
    trades, out = defaultdict(list), []

    def result(symbol, last):
        prices = [Decimal(line["price"]) for line in last]
        until = max(micros(line["at"]) for line in last)
        return [symbol, timestamp(until), len(last), min(prices), max(prices), sum(int(line["qty"]) for line in last)]

    for line in rows(DATA / "trades.csv"):
        of = trades[line["symbol"]]
        of.append(line)
        if len(of) % 10 == 0:
            out.append(result(line["symbol"], of[-20:]))
    for symbol, of in sorted(trades.items()):
        if rest := len(of) % 10:
            out.append(result(symbol, of[-10 - rest :]))
    header = ["symbol", "until", "trades", "low", "high", "volume"]
    return {"steps.csv": written(header, out)}


def main():
    wrong = 0
    here = [quickstart, sensors, ohlc, stdin_filter, tcp_counter, nexmark, archive, to_parquet, visits, triage, steps]
    of_logs = [logs.access_errors, logs.slow_paths, logs.bots, logs.syslog_failures, logs.machines, logs.follow_log]
    of_events = [events.clean_events, events.trending, events.top_talkers, events.taxi_revenue, events.route_orders]
    for job in [*here, *of_logs, logs.word_count, *of_events]:
        for name, text in job().items():
            path = GOLDEN / name
            if "--write" in sys.argv[1:]:
                path.write_text(text)
            same = path.exists() and path.read_text() == text
            wrong += not same
            print(f"{'ok    ' if same else 'DIFFERS'} {name}")
    sys.exit(1 if wrong else 0)


main()
