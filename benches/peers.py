"""One workload in one peer, in a process of its own: peers.py TOOL[:MODE] WORKLOAD FORMAT INPUT OUTPUT.

TOOL `checksum` prints rows and a sum of row hashes of the result OUTPUT, whatever the order of its rows.
WORKLOAD `empty` only imports and starts the tool: the part of a run that is Python's, which `compare` takes off.
Both peers are told the columns and their types, as flott is, and write their result in the format of the input.
Modes of polars: `streaming` and `memory`.
"""

import os
import sys

THREADS = 2
SIZE_MS, SLIDE_MS = 10_000, 2_000

SQL = {
    "q0": "SELECT * FROM bids",
    "q1": "SELECT auction, bidder, 0.908 * price AS price, date_time FROM bids",
    "q2": "SELECT auction, price FROM bids WHERE auction % 123 = 0",
    "agg": "SELECT bidder, count(*) AS n, sum(price) AS total, max(price) AS top FROM bids GROUP BY bidder",
    "tumble": f"""SELECT date_time // {SIZE_MS} * {SIZE_MS} AS window_start, auction, count(*) AS n
                  FROM bids GROUP BY 1, 2""",
    # Counted per slide first and then put together, five slides to a window: three times as fast as five
    # copies of every row.
    "hop": f"""WITH panes AS (SELECT date_time // {SLIDE_MS} * {SLIDE_MS} AS pane, auction, count(*) AS n
                              FROM bids GROUP BY 1, 2),
                    windows AS (SELECT pane - {SLIDE_MS} * i AS window_start, auction, sum(n)::BIGINT AS n
                                FROM panes, range({SIZE_MS // SLIDE_MS}) AS r(i) GROUP BY 1, 2)
               SELECT window_start, auction, n FROM windows
               QUALIFY row_number() OVER (PARTITION BY window_start ORDER BY n DESC, auction) = 1""",
}


COLUMNS = {
    "q0": "auction bidder price channel:VARCHAR url:VARCHAR date_time extra:VARCHAR",
    "q1": "auction bidder price:DOUBLE date_time",
    "q2": "auction price",
    "agg": "bidder n total top",
    "tumble": "window_start auction n",
    "hop": "window_start auction n",
}


def scan(workload, form, path):
    """The result (or for q0 the input too) of a workload, as a table function of DuckDB."""
    columns = [c.partition(":") for c in COLUMNS[workload].split()]
    columns = "{" + ", ".join(f"{name}: '{ty or 'BIGINT'}'" for name, _, ty in columns) + "}"
    if form == "csv":
        return f"read_csv('{path}', columns = {columns}, header = true, delim = ',', quote = '\"', auto_detect = false)"
    return f"read_json('{path}', columns = {columns}, format = 'newline_delimited')"


def checksum(workload, form, _source, target):
    import duckdb

    # 0.908 * price has three decimals; Polars computes it in doubles.
    values = [c.partition(":")[0] for c in COLUMNS[workload].split()]
    values = ["round(price * 1000)::BIGINT" if workload == "q1" and v == "price" else v for v in values]
    query = f"SELECT count(*), sum(hash({', '.join(values)})::HUGEINT) FROM {scan(workload, form, target)}"
    print(*duckdb.connect().execute(query).fetchone())


def duckdb(workload, form, source, target):
    import duckdb

    db = duckdb.connect(config={"threads": THREADS})
    if workload == "empty":
        return
    options = "FORMAT csv, HEADER" if form == "csv" else "FORMAT json"
    db.execute(f"CREATE VIEW bids AS SELECT * FROM {scan('q0', form, source)}")
    db.execute(f"COPY ({SQL[workload]}) TO '{target}' ({options})")


def polars(workload, form, source, target, mode="streaming"):
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    import polars as pl

    if workload == "empty":
        return
    column = pl.col
    schema = {"auction": pl.Int64, "bidder": pl.Int64, "price": pl.Int64, "channel": pl.String, "url": pl.String}
    schema |= {"date_time": pl.Int64, "extra": pl.String}
    bids = pl.scan_csv(source, schema=schema) if form == "csv" else pl.scan_ndjson(source, schema=schema)

    def counts(width):
        start = (column("date_time") // width * width).alias("window_start")
        return bids.group_by(start, "auction").agg(pl.len().cast(pl.Int64).alias("n"))

    if workload == "q0":
        result = bids
    elif workload == "q1":
        result = bids.select("auction", "bidder", (column("price") * 0.908).alias("price"), "date_time")
    elif workload == "q2":
        result = bids.filter(column("auction") % 123 == 0).select("auction", "price")
    elif workload == "agg":
        price = column("price")
        result = bids.group_by("bidder").agg(pl.len().alias("n"), price.sum().alias("total"), price.max().alias("top"))
    elif workload == "tumble":
        result = counts(SIZE_MS)
    else:
        starts = pl.concat_list([column("window_start") - SLIDE_MS * i for i in range(SIZE_MS // SLIDE_MS)])
        windows = counts(SLIDE_MS).with_columns(starts.alias("window_start")).explode("window_start")
        windows = windows.group_by("window_start", "auction").agg(column("n").sum())
        # The most bids, and the least number among equals.
        most = windows.group_by("window_start").agg(column("n").max())
        best = windows.join(most, on=["window_start", "n"])
        result = best.group_by("window_start").agg(column("auction").min(), column("n").first())
    if mode == "streaming":
        result.sink_csv(target) if form == "csv" else result.sink_ndjson(target)
    else:
        frame = result.collect(engine="in-memory")
        frame.write_csv(target) if form == "csv" else frame.write_ndjson(target)


def main():
    tool, *arguments = sys.argv[1:]
    name, _, mode = tool.partition(":")
    extra = {"mode": mode} if mode else {}
    {"duckdb": duckdb, "polars": polars, "checksum": checksum}[name](*arguments, **extra)


if __name__ == "__main__":
    main()
