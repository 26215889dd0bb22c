"""Files of columns as other tools see them: `python3 .ci/columns.py FLOTT`, with pyarrow, duckdb and polars installed.

Writes Parquet with every compression, and Arrow, with `flott`, once by itself and once through a savepoint in the
middle, and reads them with each tool. All must see the rows that went in.
"""

import os
import subprocess
import sys
import tempfile
import time

import duckdb
import polars as pl
import pyarrow.feather as feather
import pyarrow.parquet as pq

flott = os.path.abspath(sys.argv[1])
ROWS = 20_000


def job(out, rate=""):
    return f"""
[sources.n]
type = "generate"
kind = "sequence"
rows = {ROWS}
{rate}

[transforms.wide]
type = "select"
input = "n"
select = ["n", "at", "n % 3 = 0 AS third", "CAST(n AS double) / 4 AS quarter", "CAST(n AS decimal(20,3)) AS price",
  "CASE WHEN n % 7 = 0 THEN NULL ELSE concat('row ', CAST(n % 100 AS string)) END AS text"]

[sinks.out]
type = "file"
input = "wide"
{out}

[checkpoint]
interval = "200ms"
"""


def run(folder, *arguments):
    done = subprocess.run([flott, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def check(what, rows):
    """`rows`: tuples of n, third, quarter, price and text."""
    assert len(rows) == ROWS, (what, len(rows))
    for i, (n, third, quarter, price, text) in enumerate(sorted(rows)):
        expected = None if n % 7 == 0 else f"row {n % 100}"
        assert n - rows[0][0] == i and third == (n % 3 == 0) and quarter == n / 4, (what, i)
        assert str(price) == f"{n}.000" and text == expected, (what, i, price, text)
    print("ok    ", what)


COLUMNS = ["n", "third", "quarter", "price", "text"]


def tuples(table):
    return list(zip(*(table[name].to_pylist() for name in COLUMNS)))


def parquet(path, what):
    check(f"{what}, pyarrow", tuples(pq.read_table(path)))
    check(f"{what}, DuckDB", duckdb.sql(f"SELECT {', '.join(COLUMNS)} FROM '{path}'").fetchall())
    check(f"{what}, Polars", pl.read_parquet(path).select(COLUMNS).rows())


with tempfile.TemporaryDirectory() as folder:
    os.environ["FLOTT_STATE_DIR"] = f"{folder}/state"
    for how in ("snappy", "zstd", "gzip", "lz4", "none"):
        path = f"{folder}/{how}.parquet"
        out = f'path = "{path}"\nformat = {{ type = "parquet", compression = "{how}", row_group = 3000 }}'
        with open(f"{folder}/job.toml", "w") as file:
            file.write(job(out))
        run(folder, "run", "job.toml", "--quiet")
        parquet(path, how)
    with open(f"{folder}/job.toml", "w") as file:
        file.write(job(f'path = "{folder}/out.arrow"'))
    run(folder, "run", "job.toml", "--quiet")
    check("arrow, pyarrow", tuples(feather.read_table(f"{folder}/out.arrow")))
    check("arrow, Polars", pl.read_ipc(f"{folder}/out.arrow").select(COLUMNS).rows())
    # Killed in the middle.
    with open(f"{folder}/job.toml", "w") as file:
        file.write(job(f'path = "{folder}/killed.parquet"', "rate = 8000"))
    child = subprocess.Popen([flott, "run", "job.toml", "--quiet"], cwd=folder)
    time.sleep(1.2)
    child.kill()
    child.wait()
    run(folder, "run", "job.toml", "--resume", "--quiet")
    parquet(f"{folder}/killed.parquet", "killed and resumed")
