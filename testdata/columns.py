#!/usr/bin/env python3
"""Files of columns as other tools write them, and what flott must read in them. Needs pyarrow, duckdb and polars.

    python3 testdata/columns.py            writes testdata/columns/

Every file holds the same rows, in the types its tool has for them. all.csv is what flott must print of each,
or NAME.csv where there is one.
"""
import base64
import csv
import io
import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

OUT = Path(__file__).parent / "columns"
ROWS = 40
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def unless(i, every, value):
    return None if i % every == every - 1 else value


def values(i):
    at = EPOCH + timedelta(days=19000 + i % 7, milliseconds=i * 1001)
    items = [None if k % 3 == 2 else i * k for k in range(i % 4)]
    return {
        "flag": unless(i, 5, i % 3 == 0),
        "tiny": unless(i, 7, i % 256 - 128),
        "small": i - 60,
        "wide": unless(i, 4, i * 1_000_000_007),
        "unsigned": unless(i, 9, i * 30_000_000),
        "half": unless(i, 6, i / 4),
        "number": unless(i, 3, i / 8 - 3),
        "price": unless(i, 8, Decimal(i * 37 - 999) / 100),
        "huge": unless(i, 10, Decimal(i * 10**24 + 1) * (1 if i % 2 else -1) / 10**10),
        "word": ["red", "green", None, "", "a rather long blue"][i % 5],
        "text": unless(i, 11, f"row {i}" + ", with \"quotes\" and more" * (i % 2)),
        "milli": unless(i, 12, at),
        "micro": at + timedelta(microseconds=i),
        "day": unless(i, 13, date(1969, 12, 1) + timedelta(days=i * 100)),
        "raw": unless(i, 3, bytes([i, 255 - i, 0]) * (i % 9)),
        "items": unless(i, 6, items),
        "pair": unless(i, 7, {"a": unless(i, 3, i), "b": f"b{i}"}),
        "pairs": unless(i, 9, [{"a": k, "b": unless(k, 2, "x" * k)} for k in range(i % 3)]),
    }


TABLE = [values(i) for i in range(ROWS)]
PAIR = pa.struct([("a", pa.int64()), ("b", pa.string())])
SCHEMA = pa.schema([
    ("flag", pa.bool_()), ("tiny", pa.int16()), ("small", pa.int32()), ("wide", pa.int64()),
    ("unsigned", pa.uint32()), ("half", pa.float32()), ("number", pa.float64()), ("price", pa.decimal128(9, 2)),
    ("huge", pa.decimal128(38, 10)), ("word", pa.dictionary(pa.int32(), pa.string())), ("text", pa.string()),
    ("milli", pa.timestamp("ms", "UTC")), ("micro", pa.timestamp("us")), ("day", pa.date32()), ("raw", pa.binary()),
    ("items", pa.list_(pa.int64())), ("pair", PAIR), ("pairs", pa.list_(PAIR)),
])


def shown(value):
    """A value as flott prints it in CSV."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime):
        fraction = value.microsecond
        fraction = "" if fraction == 0 else f".{fraction // 1000:03}" if fraction % 1000 == 0 else f".{fraction:06}"
        return value.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (list, dict)):
        return json.dumps(value, separators=(",", ":"))
    return str(value)


def field(value, text, name):
    scale = {"price": 2, "huge": 10}.get(name)
    if isinstance(value, Decimal):
        text = f"{value:.{scale}f}"
    if value is not None and text == "":
        return '""'
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text


def expected(names):
    out = io.StringIO()
    out.write(",".join(names) + "\n")
    for row in TABLE:
        out.write(",".join(field(row[n], shown(row[n]), n) for n in names) + "\n")
    return out.getvalue()


def main():
    OUT.mkdir(exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    plain = [{**row, "micro": row["micro"].replace(tzinfo=None)} for row in TABLE]
    everything = table = pa.Table.from_pylist(plain, schema=SCHEMA)
    ways = {
        "pyarrow_snappy": {},
        "pyarrow_v2_zstd": {"compression": "zstd", "data_page_version": "2.0", "version": "2.6"},
        "pyarrow_gzip_plain": {"compression": "gzip", "use_dictionary": False},
        "pyarrow_lz4_int96": {"compression": "lz4", "use_deprecated_int96_timestamps": True},
        "pyarrow_none_indexed": {"compression": "none", "write_page_index": True, "data_page_size": 300},
    }
    for name, options in ways.items():
        pq.write_table(table, OUT / f"{name}.parquet", row_group_size=20, **options)
    delta = {"text": "DELTA_BYTE_ARRAY", "wide": "DELTA_BINARY_PACKED", "raw": "DELTA_LENGTH_BYTE_ARRAY",
             "number": "BYTE_STREAM_SPLIT"}
    (OUT / "all.csv").write_text(expected(SCHEMA.names))
    (OUT / "pyarrow_delta.csv").write_text(expected(list(delta)))
    part = table.select(list(delta))
    pq.write_table(part, OUT / "pyarrow_delta.parquet", use_dictionary=False, column_encoding=delta)
    duckdb.sql("SET TimeZone = 'UTC'")
    duckdb.sql(f"COPY (SELECT * FROM everything) TO '{OUT}/duckdb.parquet' (ROW_GROUP_SIZE 2048)")
    pl.from_arrow(table).write_parquet(OUT / "polars.parquet", row_group_size=20)
    feather.write_feather(table, OUT / "pyarrow_lz4.feather", compression="lz4", chunksize=20)
    with ipc.new_file(OUT / "pyarrow.arrow", SCHEMA) as out:
        out.write_table(table, max_chunksize=20)
    # Polars' categories may come as a dictionary with 8 bits.
    pl.from_arrow(table).write_ipc(OUT / "polars.arrow", compression="uncompressed")
    pl.from_arrow(table).write_ipc(OUT / "polars_zstd.arrow", compression="zstd")


main()
