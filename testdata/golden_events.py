"""Results of the jobs that read purchases, stars, flows, rides and orders, row by row."""
import csv
import json
from collections import defaultdict
from decimal import Decimal

from row_by_row import DATA, SECOND, micros, rounded, rows, timestamp, windows, written


def clean_events():
    good, broken = [], []
    for number, line in enumerate((DATA / "purchases.jsonl").read_text().splitlines(), 1):
        try:
            event = json.loads(line)
        except ValueError:
            broken.append([number, "the line is not a JSON object: a string is not closed", line])
            continue
        price = event["items"][0]["price"]
        if not isinstance(event["id"], int):
            broken.append([number, f"""column id: '"{event['id']}"' is not an int""", line])
            continue
        if price == "free":
            broken.append([number, """column price: '"free"' is not a decimal(10,2)""", line])
            continue
        email = (event["user"]["email"] or "").lower()
        if email.endswith("@test.example"):
            continue
        city = event["user"]["address"]["city"].strip(" ").lower() or "unknown"
        at, coupon = timestamp(event["ts"] * 1_000), str("coupon" in event).lower()
        good.append([event["id"], at, email, city, event["items"][0]["sku"], price, coupon])
    header = ["id", "at", "email", "city", "sku", "price", "with_coupon"]
    return {
        "clean_events.csv": written(header, good),
        "clean_events_broken.csv": written(["line", "reason", "raw"], broken),
    }


def trending():
    windows_of, minutes = defaultdict(lambda: defaultdict(list)), 60 * SECOND
    for line in (DATA / "github.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["type"] == "WatchEvent":
            at = micros(event["created_at"])
            end = at // (5 * minutes) * 5 * minutes + 5 * minutes
            for later in range(4):
                windows_of[end + later * 5 * minutes][event["repo"]["name"]].append(event["actor"]["login"])
    out = []
    for end, repos in sorted(windows_of.items()):
        best = sorted(repos.items(), key=lambda item: (-len(item[1]), item[0]))[:3]
        for place, (repo, people) in enumerate(best, 1):
            out.append([timestamp(end), place, repo, len(people), len(set(people))])
    return {"trending.csv": written(["until", "place", "repo", "stars", "people"], out)}


def top_talkers():
    with open(DATA / "flows.csv", newline="") as file:
        flows = list(csv.DictReader(file, ["at", "src", "dst", "bytes"]))
    kept, late = windows(flows, 10 * SECOND, 2 * SECOND)
    assert not late
    out = []
    for start in sorted(kept):
        hosts = defaultdict(list)
        for _, flow in kept[start]:
            hosts[flow["src"]].append(int(flow["bytes"]))
        best = sorted(hosts.items(), key=lambda item: (-sum(item[1]), item[0]))[:3]
        for place, (host, sent) in enumerate(best, 1):
            out.append([timestamp(start), place, host, sum(sent), len(sent)])
    return {"top_talkers.csv": written(["at", "place", "src", "bytes", "flows"], out)}


def taxi_revenue():
    days = defaultdict(list)
    for ride in rows(DATA / "rides.csv"):
        month, day, year = ride["pickup"][:10].split("/")
        tip = Decimal(ride["tip"]) if ride["tip"] else None
        days[f"{year}-{month}-{day}", ride["borough"] or "unknown"].append((Decimal(ride["fare"]), tip))
    out = []
    for (day, borough), rides in sorted(days.items()):
        fares, tips = sum(fare for fare, _ in rides), sum(tip for _, tip in rides if tip is not None)
        tipped = sum(fare for fare, tip in rides if tip is not None)
        percent = rounded(100 * tips / tipped, 1) if tipped else ""
        out.append([day, borough, len(rides), rounded(fares, 2), rounded(tips, 2), percent])
    return {"taxi_revenue.csv": written("day borough rides fares tips tip_percent".split(), out)}


def route_orders():
    """Ways that meet again come one after the other, as the file is one block."""
    incomplete, odd, large, countries = [], [], [], defaultdict(list)
    for order in rows(DATA / "orders.csv"):
        row = list(order.values())
        if not order["country"] or not order["amount"]:
            incomplete.append(row)
        elif order["payment"] not in ("card", "invoice"):
            odd.append(row)
        elif Decimal(order["amount"]) >= 500:
            large.append(row)
        else:
            countries[order["country"]].append(Decimal(order["amount"]))
    automatic = [[country, len(amounts), sum(amounts)] for country, amounts in sorted(countries.items())]
    header = ["id", "country", "amount", "payment"]
    return {
        "route_orders_incomplete.csv": written(header, incomplete),
        "route_orders_by_hand.csv": written(header, odd + large),
        "route_orders_automatic.csv": written(["country", "orders", "amount"], automatic),
    }
