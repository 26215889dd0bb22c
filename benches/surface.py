"""Workloads of `compare` beside the Nexmark ones: other formats, compressed and wide input, many expressions.

A workload has an input, which DuckDB or this file makes, a job `jobs/NAME.toml`, SQL for DuckDB, code for Polars, and
perhaps a shell command for a tool that people use for such work. Its result is CSV (`parquet_out`: Parquet).

Run as a program it is one peer at one workload, in a process of its own: surface.py TOOL WORKLOAD INPUT OUTPUT.
"""

import os
import random
import sys
from pathlib import Path

THREADS = 2
PATTERN = r'^(?P<host>\S+) \S+ \S+ \[[^\]]+\] "[^"]*" (?P<status>\d{3}) (?P<size>\d+|-)'
LOG_COLUMNS = ["host", "ident", "remote_user", "time", "zone", "request", "status", "size", "referer", "agent"]
LOG_SQL = "{" + ", ".join(f"'{c}': 'VARCHAR'" for c in LOG_COLUMNS) + "}"
PER_STATUS = "status, count(*) AS n, sum(TRY_CAST(size AS BIGINT))::BIGINT AS bytes"
AGG = "bidder, count(*) AS n, sum(price)::BIGINT AS total, max(price) AS top"
BIDS_SQL = """{'auction': 'BIGINT', 'bidder': 'BIGINT', 'price': 'BIGINT', 'channel': 'VARCHAR', 'url': 'VARCHAR',
 'date_time': 'BIGINT', 'extra': 'VARCHAR'}"""
BIDS = f"read_csv('@', columns = {BIDS_SQL}, header = true, delim = ',', quote = '\"', auto_detect = false)"
WIDE = 200
PARQUET_ROWS = 12_000_000

# name: (input, DuckDB's query over '@', a shell command with $IN and $OUT for another tool and its name)
WORKLOADS = {
    "access_log": (
        "log",
        f"""SELECT {PER_STATUS} FROM read_csv('@', columns = {LOG_SQL}, header = false, delim = ' ', quote = '"',
            escape = '\\', auto_detect = false) GROUP BY status""",
        ("mawk", """mawk '{n[$9]++; b[$9] += $10} END {print "status,n,bytes"; for (s in n) print s "," n[s] "," (b[s] ? sprintf("%.0f", b[s]) : "")}' "$IN" > "$OUT" """),
    ),
    "regex": (
        "log",
        f"""SELECT {PER_STATUS} FROM (SELECT unnest(regexp_extract(line, '{PATTERN.replace("?P<host>", "").replace("?P<status>", "").replace("?P<size>", "")}',
            ['host', 'status', 'size'])) FROM read_csv('@', columns = {{'line': 'VARCHAR'}}, header = false,
            delim = '\\0', quote = '', escape = '', auto_detect = false)) GROUP BY status""",
        None,
    ),
    "gzip": ("gz", f"SELECT {AGG} FROM {BIDS} GROUP BY bidder", ("zcat | mawk", "zcat \"$IN\" | mawk -F, 'NR > 1 {n[$2]++; t[$2] += $3; if ($3 > m[$2]) m[$2] = $3} END {print \"bidder,n,total,top\"; for (b in n) printf \"%s,%d,%.0f,%d\\n\", b, n[b], t[b], m[b]}' > \"$OUT\"")),
    "zstd": ("zst", f"SELECT {AGG} FROM {BIDS} GROUP BY bidder", None),
    "nested_json": (
        "nested",
        """SELECT user.geo.city AS city, count(*) AS n, sum(items[1].price)::BIGINT AS total FROM read_json('@',
           columns = {'id': 'BIGINT', 'user': 'STRUCT(id BIGINT, name VARCHAR, geo STRUCT(city VARCHAR, zip VARCHAR))',
           'items': 'STRUCT(sku BIGINT, price BIGINT)[]', 'at': 'BIGINT'}, format = 'newline_delimited') GROUP BY 1""",
        None,
    ),
    "parquet_in": ("parquet", f"SELECT {AGG} FROM read_parquet('@') GROUP BY bidder", None),
    "parquet_out": ("csv", f"SELECT * FROM {BIDS}", None),
    "wide": (
        "wide",
        "SELECT c7, count(*) AS n, sum(c150)::BIGINT AS total, max(c199) AS top FROM read_csv('@', columns = {"
        + ", ".join(f"'c{i}': 'BIGINT'" for i in range(WIDE))
        + "}, header = true, delim = ',', quote = '\"', auto_detect = false) GROUP BY c7",
        None,
    ),
    "expressions": ("csv", None, None),
}

# (flott and DuckDB, Polars)
EXPRESSIONS = [
    ("price * 908 / 1000", "price * 908 // 1000"),
    ("price + auction", "price + auction"),
    ("price - bidder % 7", "price - bidder % 7"),
    ("auction % 123", "auction % 123"),
    ("abs(price - 1000000)", "(price - 1000000).abs()"),
    ("CASE WHEN price > 1000000 THEN 'high' WHEN price > 10000 THEN 'middle' ELSE 'low' END",
     "pl.when(price > 1000000).then(pl.lit('high')).when(price > 10000).then(pl.lit('middle')).otherwise(pl.lit('low'))"),
    ("upper(channel)", "channel.str.to_uppercase()"),
    ("length(url)", "url.str.len_chars()"),
    ("substr(url, 9, 20)", "url.str.slice(8, 20)"),
    ("replace(channel, 'a', 'o')", "channel.str.replace_all('a', 'o', literal=True)"),
    ("url LIKE '%item.htm%'", "url.str.contains('item.htm', literal=True)"),
    ("channel IN ('Google', 'Facebook', 'Baidu', 'Apple')", "channel.is_in(['Google', 'Facebook', 'Baidu', 'Apple'])"),
    ("coalesce(nullif(channel, 'Apple'), 'none')", "pl.when(channel == 'Apple').then(pl.lit('none')).otherwise(channel)"),
    ("concat(channel, '-', auction)", "pl.concat_str([channel, pl.lit('-'), auction.cast(pl.String)])"),
    ("starts_with(url, 'https')", "url.str.starts_with('https')"),
    ("price BETWEEN 100 AND 100000", "price.is_between(100, 100000)"),
    ("greatest(auction, bidder)", "pl.max_horizontal(auction, bidder)"),
    ("date_time / 60000 * 60000", "date_time // 60000 * 60000"),
    ("price > 500 AND bidder % 2 = 0 OR auction < 1500", "(price > 500) & (bidder % 2 == 0) | (auction < 1500)"),
    ("regexp_extract(url, 'query=(\\d+)', 1)", "url.str.extract('query=(\\d+)', 1)"),
]


def duckdb_query(workload):
    if workload != "expressions":
        return WORKLOADS[workload][1]
    items = [sql.replace(" / ", " // ") for sql, _ in EXPRESSIONS]
    return "SELECT " + ", ".join(f"{sql} AS x{i}" for i, sql in enumerate(items)) + f" FROM {BIDS}"


def make_log(path, rows):
    """Lines in the combined log format: paths and hosts as skewed as real ones are."""
    pick = random.Random(7)
    agents = ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.77 Safari/537.36",
              "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "curl/7.35.0", "-",
              "Mozilla/5.0 (Windows NT 6.1; WOW64; rv:27.0) Gecko/20100101 Firefox/27.0"]
    paths = [f"/blog/{word}/{n}.html" for word in ["tags", "geekery", "projects", "files"] for n in range(500)]
    statuses = ["200"] * 90 + ["304"] * 5 + ["404"] * 3 + ["301", "500"]
    with open(path, "w") as out:
        for row in range(rows):
            host = f"{pick.randrange(1, 224)}.{pick.randrange(256)}.{int(pick.paretovariate(1)) % 256}.9"
            second = row // 40
            stamp = f"{17 + second // 86400 % 10:02d}/May/2015:{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d} +0000"
            status = statuses[pick.randrange(100)]
            size = "-" if status == "304" else str(pick.randrange(200, 200000))
            place = paths[int(pick.paretovariate(0.7)) % len(paths)]
            out.write(f'{host} - - [{stamp}] "GET {place} HTTP/1.1" {status} {size} "http://semicomplete.com{place}" "{agents[row * 7 % 5]}"\n')


def make(kind, bids, folder, rows):
    """The input of this kind, made once from the CSV of bids."""
    import duckdb

    # Written beside and renamed, so that what is there is whole.
    # Two columns of Parquet are read so quickly that it takes more rows to tell.
    times = max(1, PARQUET_ROWS // rows) if kind == "parquet" else 1
    path = folder / f"{kind}-{rows * times}.{'csv.' + kind if kind in ('gz', 'zst') else kind}"
    if path.exists():
        return path
    partial = path.with_name("partial-" + path.name)
    db = duckdb.connect(config={"threads": THREADS})
    source = BIDS.replace("'@'", f"'{bids}'")
    copies = {
        "gz": (f"SELECT * FROM {source}", "FORMAT csv, HEADER, COMPRESSION gzip"),
        "zst": (f"SELECT * FROM {source}", "FORMAT csv, HEADER, COMPRESSION zstd"),
        "parquet": (" UNION ALL ".join([f"SELECT * FROM {source}"] * times), "FORMAT parquet"),
        "nested": (
            f"""SELECT row_number() OVER () AS id, {{'id': bidder, 'name': extra, 'geo': {{'city': channel,
                'zip': left(extra, 5)}}}} AS user, [{{'sku': auction, 'price': price}}, {{'sku': auction + 1,
                'price': price % 100}}] AS items, date_time AS at FROM {source}""",
            "FORMAT json",
        ),
        "wide": (
            "SELECT " + ", ".join(f"(hash(range, {i}) % {(i * 37) % 100000 + 2 if i != 7 else 1000})::BIGINT AS c{i}" for i in range(WIDE))
            + f" FROM range({rows // 10})",
            "FORMAT csv, HEADER",
        ),
    }
    if kind == "log":
        make_log(partial, rows // 2)
    else:
        query, options = copies[kind]
        db.execute(f"COPY ({query}) TO '{partial}' ({options})")
    partial.rename(path)
    return path


def duckdb(workload, source, target):
    import duckdb

    db = duckdb.connect(config={"threads": THREADS})
    options = "FORMAT parquet" if workload == "parquet_out" else "FORMAT csv, HEADER"
    query = duckdb_query(workload).replace("'@'", f"'{source}'")
    db.execute(f"COPY ({query}) TO '{target}' ({options})")


def polars(workload, source, target):
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    import polars as pl

    column = pl.col
    schema = {name: pl.Int64 for name in ["auction", "bidder", "price"]} | {"channel": pl.String, "url": pl.String}
    schema |= {"date_time": pl.Int64, "extra": pl.String}

    def per_status(rows):
        size = column("size").cast(pl.Int64, strict=False)
        return rows.group_by("status").agg(pl.len().alias("n"), pl.when(size.count() > 0).then(size.sum()).alias("bytes"))

    if workload == "access_log":
        rows = pl.scan_csv(source, separator=" ", has_header=False, new_columns=LOG_COLUMNS, infer_schema=False)
        result = per_status(rows)
    elif workload == "regex":
        rows = pl.scan_csv(source, separator="\x01", quote_char=None, has_header=False, new_columns=["line"], infer_schema=False)
        result = per_status(rows.select(column("line").str.extract_groups(PATTERN).alias("g")).unnest("g"))
    elif workload in ("gzip", "zstd", "parquet_in"):
        rows = pl.scan_parquet(source) if workload == "parquet_in" else pl.scan_csv(source, schema=schema)
        price = column("price")
        result = rows.group_by("bidder").agg(pl.len().alias("n"), price.sum().alias("total"), price.max().alias("top"))
    elif workload == "nested_json":
        place = pl.Struct({"city": pl.String, "zip": pl.String})
        nested = {"id": pl.Int64, "user": pl.Struct({"id": pl.Int64, "name": pl.String, "geo": place}),
                  "items": pl.List(pl.Struct({"sku": pl.Int64, "price": pl.Int64})), "at": pl.Int64}
        city = column("user").struct.field("geo").struct.field("city").alias("city")
        price = column("items").list.get(0).struct.field("price")
        result = pl.scan_ndjson(source, schema=nested).group_by(city).agg(pl.len().alias("n"), price.sum().alias("total"))
    elif workload == "wide":
        rows = pl.scan_csv(source, schema={f"c{i}": pl.Int64 for i in range(WIDE)})
        result = rows.group_by("c7").agg(pl.len().alias("n"), column("c150").sum().alias("total"), column("c199").max().alias("top"))
    elif workload == "expressions":
        names = {name: column(name) for name in schema}
        items = [eval(text, {"pl": pl, **names}).alias(f"x{i}") for i, (_, text) in enumerate(EXPRESSIONS)]
        result = pl.scan_csv(source, schema=schema).select(items)
    else:
        result = pl.scan_csv(source, schema=schema)
    if workload == "parquet_out":
        result.sink_parquet(target, compression="snappy")
    else:
        result.sink_csv(target)


def checksum(workload, _source, target):
    """Rows and a sum of row hashes of the result, whatever the order of its rows."""
    import duckdb

    reader = f"read_parquet('{target}')" if workload == "parquet_out" else f"read_csv('{target}', header = true, all_varchar = true)"
    db = duckdb.connect()
    names = [row[0] for row in db.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()]
    values = ", ".join(f"lower(coalesce({name}::VARCHAR, ''))" for name in names)
    print(*db.execute(f"SELECT count(*), sum(hash({values})::HUGEINT) FROM {reader}").fetchone())


if __name__ == "__main__":
    if sys.argv[1] == "make":
        print(make(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5])))
    else:
        {"duckdb": duckdb, "polars": polars, "checksum": checksum}[sys.argv[1]](*sys.argv[2:])
