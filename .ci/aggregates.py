"""Aggregates against DuckDB: `python3 .ci/aggregates.py FLOTT [SEED]`, with duckdb installed.

Makes rows with nulls, extremes, NaN, -0.0, decimals near 38 digits and texts of all kinds, and has both compute every
aggregate over them: by key, and by key and sliding window, at parallelism 1 and 3, which must give the same bytes. What is
different on purpose (docs/expressions.md has the list) is written here as SQL that says the same.
"""

import csv
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from decimal import ROUND_HALF_UP, Decimal, getcontext
from fractions import Fraction

import duckdb

getcontext().prec = 200
flott = os.path.abspath(sys.argv[1])
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
rng = random.Random(seed)

ROWS = 4000
KEYS = [None, "", "a", "b", "ä", "日本", "x'y", 'q"r', "a,b", "long enough to lie outside of a view"]
LEAST, MOST = -(2**63), 2**63 - 1
NEAR_38 = Decimal("9" * 28 + ".999999")

TYPES = {
    "n": "int",
    "z": "timestamp",
    "k": "string",
    "i": "int",
    "j": "int",
    "d": "double",
    "e": "double",
    "m": "decimal(38,6)",
    "p": "decimal(12,2)",
    "s": "string",
    "b": "boolean",
    "t": "timestamp",
    "y": "date",
}
IN_DUCKDB = {"int": "bigint", "string": "varchar"}


def some(*choices):
    return rng.choice(choices)


def moment(us):
    return f"2020-01-01 00:{us // 60_000_000:02}:{us // 1_000_000 % 60:02}.{us % 1_000_000:06}"


def row(n):
    """The values as text, None for null."""
    near = Decimal(rng.randrange(-(10**9), 10**9)).scaleb(-6)
    return {
        "n": str(n),
        "z": moment(n * 100_000 + rng.randrange(1_000_000)),
        "k": rng.choice(KEYS),
        "i": some(None, str(LEAST), str(MOST), str(rng.randrange(LEAST, MOST)), str(rng.randrange(10))),
        "j": some(None, *[str(rng.randrange(-50, 50)) for _ in range(6)]),
        "d": some(None, "NaN", "-0.0", "0.0", "1e308", "-1e308", repr(rng.uniform(-1, 1)), "1e-300"),
        "e": some(None, repr(1e6 + rng.gauss(0, 1)), repr(rng.uniform(-1e3, 1e3)), "0.1"),
        # Not all of the great ones have one sign: sums must fit.
        "m": some(None, str((1 if n % 2 else -1) * NEAR_38), str(near), "0.000001"),
        "p": some(None, f"{rng.randrange(-(10**9), 10**9) / 100:.2f}", "0.00", "0.01"),
        "s": some(*KEYS, *[str(rng.randrange(30)) for _ in range(10)]),
        "b": some(None, "true", "false"),
        "t": some(None, moment(rng.randrange(3_000_000_000)), "1970-01-01 00:00:00"),
        "y": some(None, f"20{rng.randrange(10, 30)}-0{rng.randrange(1, 10)}-1{rng.randrange(10)}"),
    }


# Name, as flott has it, as DuckDB has it if that is different; {f} is a filter or nothing.
SAME = [
    "count(*){f}",
    *[f"count({c}){{f}}" for c in "ijdems"],
    *[f"count(DISTINCT {c}){{f}}" for c in ["k", "i", "j", "d", "m", "s", "b", "t", "y"]],
    *[f"{f}({c}){{f}}" for f in ("min", "max") for c in ["i", "d", "e", "m", "p", "s", "b", "t", "y"]],
    *[f"sum({c}){{f}}" for c in "jemp"],
    *[f"sum(DISTINCT {c}){{f}}" for c in "jp"],
    *[f"avg({c}){{f}}" for c in "ije"],
    "avg(DISTINCT j){f}",
    *[f"{f}({c}){{f}}" for f in ("var_samp", "var_pop", "stddev_samp", "stddev_pop") for c in "ijep"],
    "stddev(DISTINCT j){f}",
    "variance(m){f}",
    *[f"{f}({c}){{f}}" for f in ("median",) for c in "ijde"],
    *[f"quantile_cont({c}, {p}){{f}}" for c in "ije" for p in ("0", "0.07", "0.9", "1.0")],
    "median(DISTINCT j){f}",
    "bool_and(b){f}",
    "bool_or(b){f}",
    "count_if(j > 3)",
    "count(DISTINCT e){f}",
    "count(DISTINCT lower(s)){f}",
    "min(DISTINCT i){f}",
    "max(DISTINCT m){f}",
    "avg(DISTINCT i){f}",
    "var_pop(DISTINCT j){f}",
    "median(DISTINCT e){f}",
    "bool_or(DISTINCT b){f}",
    "bool_and(i > j){f}",
    "sum(j * j){f}",
    "sum(CASE WHEN b THEN j END){f}",
    "max(length(s)){f}",
    "min(coalesce(d, e)){f}",
    "max(y - 7){f}",
]
DIFFERENT = [
    ("count_if(b){f}", "coalesce(count_if(b){f}, 0)"),
    ("any_value(s){f}", "any_value(s ORDER BY z, n){f}"),
    ("first(s){f}", "first(s ORDER BY z, n){f}"),
    ("last(i){f}", "last(i ORDER BY z, n){f}"),
    ("string_agg(s, '; '){f}", "string_agg(s, '; ' ORDER BY n){f}"),
    ("array_agg(i){f}", "list(i ORDER BY n){f}"),
    ("array_agg(s){f}", "list(s ORDER BY n){f}"),
    ("array_agg(d){f}", "list(d ORDER BY n){f}"),
    *[
        (f"arg_{f}(s, {c}){{f}}", f"arg_{f}_null(s, {y} ORDER BY n){{f}}")
        for f in ("min", "max")
        # Both zeros are one value; so they are in DuckDB, but not to this function of it.
        for c, y in [("i", "i"), ("d", "d + 0.0"), ("e", "e"), ("m", "m"), ("s", "s"), ("t", "t"), ("y", "y")]
    ],
    ("count(DISTINCT j, s){f}", "count(DISTINCT CASE WHEN j IS NOT NULL AND s IS NOT NULL THEN (j, s) END){f}"),
    ("sum(j) / count(*)", "sum(j) // count(*)"),
    ("CASE WHEN count(j) > 2 THEN max(j) ELSE -1 END", None),
    ("mode(j)", "(SELECT arg_max(x, (c, -m)) FROM (SELECT x, count(*) c, min(place) m FROM (SELECT unnest(list(j ORDER BY n)) "
     "x, unnest(list(n ORDER BY n)) place) WHERE x IS NOT NULL GROUP BY x))"),
]
# Computed here, of all values in ascending order: a percentile, or the mean.
MEAN = "mean"
EXACT = [
    ("avg(m){f}", "list(m ORDER BY m){f}", MEAN),
    ("avg(DISTINCT p){f}", "list(DISTINCT p ORDER BY p){f}", MEAN),
    ("median(m){f}", "list(m ORDER BY m){f}", Fraction(1, 2)),
    ("percentile(p, 0.95){f}", "list(p ORDER BY p){f}", Fraction(95, 100)),
]
FILTERS = ["", " FILTER (WHERE b AND (j > 0 OR s LIKE '1%'))", " FILTER (WHERE j > 1000)"]


def calls():
    """(flott's text, DuckDB's text, fraction of an exact percentile)"""
    for f in FILTERS:
        for ours, theirs, part in [(s, None, None) for s in SAME] + [(*d, None) for d in DIFFERENT] + EXACT:
            if f and "{f}" not in ours:
                continue
            yield ours.format(f=f), (theirs or ours).format(f=f), part


def exact(values, part):
    """As a decimal with six digits behind the point."""
    values = [Fraction(v) for v in values or [] if v is not None]
    if not values:
        return None
    if part == MEAN:
        value = sum(values) / len(values)
    else:
        at = part * (len(values) - 1)
        low = values[int(at)]
        high = values[min(int(at) + 1, len(values) - 1)]
        value = low + (high - low) * (at - int(at))
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def same(got, expected):
    """`got` is text of CSV, None for null."""
    if got is None or expected is None:
        return got is None and expected is None
    if isinstance(expected, bool):
        return got == str(expected).lower()
    if isinstance(expected, Decimal):
        return Decimal(got) == expected
    if isinstance(expected, (float, int)):
        if got == str(expected):
            return True
        got = float(got)
        if math.isnan(expected) or math.isnan(got):
            return math.isnan(expected) and math.isnan(got)
        return got == expected or math.isclose(got, expected, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(expected, list):
        got = json.loads(got)
        number = lambda v: None if isinstance(v, float) and not math.isfinite(v) else v
        return len(got) == len(expected) and all(a == number(b) or a == str(b).lower() for a, b in zip(got, expected))
    if hasattr(expected, "isoformat"):
        strip = lambda text: text.replace("T", " ").rstrip("Z").rstrip("0").rstrip(".").rstrip("0:")
        return strip(got) == strip(expected.isoformat())
    return got == expected


def cell(value):
    if value is None:
        return ""
    return '"' + value.replace('"', '""') + '"' if value == "" or set(value) & set('",\n') else value


def read(path):
    """CSV, where an empty cell without quotes is null."""
    text = open(path, encoding="utf-8", newline="").read()
    rows, row, at = [], [], 0
    while at < len(text):
        quoted = text[at] == '"'
        if quoted:
            value, at = "", at + 1
            while True:
                end = text.index('"', at)
                value += text[at:end]
                at = end + 1
                if text[at] != '"':
                    break
                value, at = value + '"', at + 1
        else:
            end = min(x for x in (text.find(",", at), text.find("\n", at)) if x >= 0)
            value, at = text[at:end] or None, end
        row.append(value)
        if text[at] == "\n":
            rows.append(row)
            row = []
        at += 1
    return rows[1:]


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def run(folder, window, parallelism):
    select = ["k", *(["window_start"] if window else []), *[f"{c[0]} AS c{i}" for i, c in enumerate(calls())]]
    schema = ", ".join(f'{name} = "{ty}"' for name, ty in TYPES.items())
    job = f"""
[sources.rows]
type = "file"
path = "rows.csv"
schema = {{ {schema} }}
event_time = {{ column = "z", delay = "1h" }}

[transforms.by_key]
type = "aggregate"
input = "rows"
by = ["k"]
{'window = { type = "sliding", size = "90s", slide = "30s" }' if window else ''}
select = [{", ".join(map(quoted, select))}]

[sinks.out]
type = "file"
input = "by_key"
path = "out.csv"
"""
    with open(f"{folder}/job.toml", "w", encoding="utf-8") as file:
        file.write(job)
    environment = dict(os.environ, FLOTT_STATE_DIR=f"{folder}/state")
    done = subprocess.run(
        [flott, "run", "job.toml", "-q", "-p", str(parallelism)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return open(f"{folder}/out.csv", "rb").read()


def compare(con, folder, window):
    outputs = [run(folder, window, parallelism) for parallelism in (1, 3)]
    assert outputs[0] == outputs[1], "the output depends on parallelism"
    ours = read(f"{folder}/out.csv")
    texts = list(calls())
    select = ", ".join(f"{c[1]} AS c{i}" for i, c in enumerate(texts))
    if window:
        query = f"""
            WITH w AS (SELECT unnest(generate_series(time_bucket(INTERVAL '30 seconds', z) - INTERVAL '60 seconds',
                time_bucket(INTERVAL '30 seconds', z), INTERVAL '30 seconds')) AS ws, * FROM rows)
            SELECT k, ws, {select} FROM w GROUP BY k, ws ORDER BY ws, k NULLS FIRST"""
    else:
        query = f"SELECT k, {select} FROM rows GROUP BY k ORDER BY k NULLS FIRST"
    theirs = con.execute(query).fetchall()
    assert len(ours) == len(theirs), (len(ours), len(theirs))
    wrong, keys = {}, 2 if window else 1
    for a, b in zip(ours, theirs):
        assert all(same(x, y) for x, y in zip(a[:keys], b[:keys])), (a[:keys], b[:keys])
        for (text, other, part), x, y in zip(texts, a[keys:], b[keys:]):
            y = exact(y, part) if part is not None else y
            if not same(x, y):
                wrong.setdefault((text, other), []).append((a[:keys], x, y))
    for (text, other), cases in wrong.items():
        print(f"{text} is not {other}: {len(cases)} times, such as {cases[0]}", file=sys.stderr)
    assert not wrong
    print(f"ok  {len(texts)} calls over {len(ours)} groups{' and windows' if window else ''}: as DuckDB has them")


def main():
    rows = [row(n) for n in range(ROWS)]
    con = duckdb.connect()
    con.execute("SET threads = 1")
    columns = ", ".join(f"{name} {IN_DUCKDB.get(ty, ty)}" for name, ty in TYPES.items())
    con.execute(f"CREATE TABLE rows ({columns})")
    literal = lambda v: "NULL" if v is None else "'" + v.replace("'", "''") + "'"
    for start in range(0, ROWS, 500):
        values = ", ".join("(" + ", ".join(map(literal, r.values())) + ")" for r in rows[start : start + 500])
        con.execute(f"INSERT INTO rows VALUES {values}")
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/rows.csv", "w", encoding="utf-8", newline="") as file:
            file.write(",".join(TYPES) + "\n")
            file.writelines(",".join(map(cell, r.values())) + "\n" for r in rows)
        for window in (False, True):
            compare(con, folder, window)
        sketch(con, folder)


def sketch(con, folder):
    """Estimates lie within four standard errors."""
    job = open(f"{folder}/job.toml", encoding="utf-8").read()
    lines = [line for line in job.split("\n") if not line.startswith(("window", "select"))]
    at = lines.index('by = ["k"]')
    lines.insert(at + 1, 'select = ["k", "approx_distinct(n) AS n", "count(DISTINCT n) AS exact"]')
    with open(f"{folder}/job.toml", "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    environment = dict(os.environ, FLOTT_STATE_DIR=f"{folder}/state")
    subprocess.run([flott, "run", "job.toml", "-q"], cwd=folder, env=environment, check=True)
    for key, about, exact in read(f"{folder}/out.csv"):
        assert abs(int(about) - int(exact)) <= 4 * 0.01625 * int(exact) + 1, (key, about, exact)
    print("ok  estimates of approx_distinct")


main()
