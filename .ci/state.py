"""State files as other tools see them: `python3 .ci/state.py FLOTT`, with pyarrow, duckdb and xxhash installed.

Runs a job, takes a savepoint while it runs, stops it there, and reads the savepoint three ways: with pyarrow, with
DuckDB and with `flott state dump`. All three must say the same, and the same as the output the job had written by then.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc
import xxhash

flott = os.path.abspath(sys.argv[1])

JOB = """
[sources.n]
type = "generate"
kind = "sequence"
rows = 100_000_000
rate = 200_000

[transforms.per_key]
type = "aggregate"
input = "n"
by = ["n % 10007 AS key"]
select = ["key", "count(*) AS n", "sum(n) AS total", "max(at) AS last"]
emit = { every = "1h" }

[sinks.raw]
type = "file"
mode = "append"
input = "n"
path = "raw.csv"

[sinks.sums]
type = "blackhole"
input = "per_key"
"""


def run(folder, *arguments):
    environment = dict(os.environ, FLOTT_STATE_DIR=f"{folder}/state")
    done = subprocess.run([flott, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def savepoint(folder):
    """Runs the job for a moment; the folder of its last savepoint, which goes with what is in `raw.csv`."""
    environment = dict(os.environ, FLOTT_STATE_DIR=f"{folder}/state")
    job = subprocess.Popen([flott, "run", "job.toml", "-q", "-p", "3"], cwd=folder, env=environment)
    try:
        # Some checkpoints first: what has not changed since is not written again, and lies in older files.
        for _ in range(3):
            until = time.time() + 30
            while run(folder, "checkpoint", "job")[0] != 0:
                assert time.time() < until, "the job does not start"
                time.sleep(0.05)
            time.sleep(0.2)
        code, out, err = run(folder, "stop", "job", "--savepoint", "saved")
        assert code == 0, err
        job.wait(30)
        return out.strip()
    finally:
        if job.poll() is None:
            job.kill()


def table(folder, operator, name):
    """As docs/state-format.md has it."""
    line, check = open(f"{folder}/manifest.json").read().splitlines()
    assert check == "xxh3:" + xxhash.xxh3_64_hexdigest(line.encode())
    manifest = json.loads(line)
    for file, info in manifest["files"].items():
        data = open(f"{folder}/{file}", "rb").read()
        assert (len(data), xxhash.xxh3_64_hexdigest(data)) == (info["bytes"], info["xxh3"]), file
    (found,) = (t for t in manifest["operators"][operator]["tables"] if t["name"] == name)
    segments = found["segments"]
    rows = pa.Table.from_batches(ipc.open_file(f"{folder}/{s['file']}").get_batch(s["batch"]) for s in segments)
    assert rows.num_rows == sum(segment["rows"] for segment in segments)
    return rows


def main():
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/job.toml", "w") as file:
            file.write(JOB)
        saved = savepoint(folder)

        written = defaultdict(lambda: [0, 0])
        with open(f"{folder}/raw.csv", newline="") as file:
            for row in csv.DictReader(file):
                of_key = written[int(row["n"]) % 10007]
                of_key[0] += 1
                of_key[1] += int(row["n"])
        written = {key: tuple(values) for key, values in written.items()}
        count = sum(rows for rows, _ in written.values())
        total = sum(total for _, total in written.values())
        assert count > 0, "the job wrote nothing"

        groups = table(saved, "transforms.per_key", "groups")
        by_pyarrow = pc.sum(groups["count(*)"]).as_py(), pc.sum(groups["sum(n)"]).as_py()
        by_duckdb = duckdb.sql('select sum("count(*)")::bigint, sum("sum(n)")::bigint from groups').fetchall()[0]
        rows = duckdb.sql('select "n % 10007", "count(*)", "sum(n)" from groups').fetchall()
        assert (count, total) == by_pyarrow == by_duckdb, (count, total, by_pyarrow, by_duckdb)
        assert {key: (rows, total) for key, rows, total in rows} == written
        # Types are what the format says, so times are times.
        assert groups.schema.field("max(at)").type == pa.timestamp("us", "UTC"), groups.schema
        ((last,),) = duckdb.sql('select epoch_us(max("max(at)")) from groups').fetchall()

        for form in ("json", "csv"):
            code, out, err = run(folder, "state", "dump", "saved", "per_key", "--format", form)
            assert code == 0, err
            path = f"{folder}/dump.{form}"
            with open(path, "w") as file:
                file.write(out)
            read = {"json": f"read_json('{path}')", "csv": f"read_csv('{path}')"}[form]
            of_dump = duckdb.sql(
                f'select sum("count(*)")::bigint, sum("sum(n)")::bigint, count(*), epoch_us(max("max(at)"::timestamptz))'
                f" from {read}"
            ).fetchall()[0]
            assert of_dump == (count, total, len(written), last), (form, of_dump)

        code, out, err = run(folder, "state", "verify", "saved")
        assert code == 0, err
        print(f"ok  {count} rows in {len(written)} groups: pyarrow {pa.__version__}, duckdb {duckdb.__version__},")
        print("    flott state dump and the job's own output say the same")


main()
