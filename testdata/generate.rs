//! Writes the inputs of the jobs in `jobs/`: `cargo run --example testdata` in the root of the repository.
//!
//! The same bytes each time: everything follows from fixed seeds. The golden outputs in `testdata/golden` belong to
//! exactly these inputs.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

#[path = "generate/events.rs"]
mod events;
#[path = "generate/logs.rs"]
mod logs;
#[path = "generate/random.rs"]
mod random;

use random::Random;

fn main() -> io::Result<()> {
    let folder = Path::new("testdata");
    fs::create_dir_all(folder)?;
    requests(&mut create(&folder.join("requests.csv"))?)?;
    for number in 1..=3 {
        sensors(number, &mut create(&folder.join(format!("sensors-{number}.csv")))?)?;
    }
    trades(&mut create(&folder.join("trades.csv"))?)?;
    log_lines(&mut create(&folder.join("app.log"))?)?;
    words(&mut create(&folder.join("words.txt"))?)?;
    logs::access(&mut create(&folder.join("access.log"))?)?;
    logs::auth(&mut create(&folder.join("auth.log"))?)?;
    fs::create_dir_all(folder.join("machines"))?;
    for (number, name) in (0..).zip(["lathe", "mill", "press"]) {
        events::machine(number, &mut create(&folder.join(format!("machines/{name}.csv")))?)?;
    }
    events::purchases(&mut create(&folder.join("purchases.jsonl"))?)?;
    events::github(&mut create(&folder.join("github.jsonl"))?)?;
    events::flows(&mut create(&folder.join("flows.csv"))?)?;
    events::rides(&mut create(&folder.join("rides.csv"))?)?;
    events::orders(&mut create(&folder.join("orders.csv"))?)?;
    events::text(&mut create(&folder.join("river.txt"))?)
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path)?))
}

const MINUTE: u64 = 60_000;
const TEN_O_CLOCK: u64 = 10 * 60 * MINUTE;

/// Half an hour of a web shop whose payment service is down from 10:12:20 to 10:16:10. Lines are written when a
/// request is answered, so they are up to four seconds out of order.
fn requests(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(1);
    let mut lines = Vec::new();
    let mut at = TEN_O_CLOCK;
    while at < TEN_O_CLOCK + 30 * MINUTE {
        let outage = (12 * MINUTE + 20_000..16 * MINUTE + 10_000).contains(&(at - TEN_O_CLOCK));
        let (method, path) = match random.below(10) {
            0..=3 => ("GET", "/".to_string()),
            4..=6 => ("GET", format!("/items/{}", 100 + random.below(40))),
            7 => ("GET", format!("/search?q={}", random.pick(&["lamp", "chair", "\"oak, solid\"", "rug"]))),
            8 => ("POST", "/cart".to_string()),
            _ => ("POST", "/checkout".to_string()),
        };
        let broken = path == "/checkout" && outage;
        let (status, ms) = match random.below(200) {
            _ if broken => (if random.below(4) == 0 { 503 } else { 504 }, 3_000 + random.below(2_000)),
            0 => (500, 20 + random.below(400)),
            1..=5 => (404, 2 + random.below(10)),
            _ => (200, 5 + random.below(120) * random.below(3)),
        };
        let bytes = if status == 200 { (800 + random.below(9_000)).to_string() } else { String::new() };
        let answered = at + if random.below(20) == 0 { random.below(4_000) } else { 0 };
        let line = format!("{},{method},{},{status},{bytes},{ms}", time(at), quoted(&path));
        lines.push((answered, line));
        at += 50 + random.below(1_100);
    }
    write_csv("at,method,path,status,bytes,ms", lines, out)
}

/// Readings of two thermometers per gateway, one file per gateway. The files cover overlapping times: the second
/// gateway starts a minute later, the third was cut off from the network and its file came last. A thermometer
/// reports every two seconds in steps of 1/16 °C, up to a second and a half out of order; a few readings come half a
/// minute late.
fn sensors(gateway: u64, out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(10 + gateway);
    let mut lines = Vec::new();
    let start = TEN_O_CLOCK + [0, 60_000, 25_000][gateway as usize - 1];
    for step in 0..75 {
        for sensor in 0..2 {
            let at = start + step * 2_000 + random.below(400);
            let sixteenths = (16 * (18 + 2 * gateway + sensor) + random.below(24) + step / 4) | 1;
            let late = gateway != 2 && step > 20 && random.below(40) == 0;
            let sent = at + if late { 30_000 } else { random.below(1_500) };
            let name = ["a", "b"][sensor as usize];
            let line = format!("{},g{gateway}-{name},{}", time(at), f64::from(sixteenths as u32) / 16.0);
            lines.push((sent, line));
        }
    }
    write_csv("at,sensor,celsius", lines, out)
}

/// Ten minutes of trades in four stocks, up to two seconds out of order.
fn trades(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(20);
    let mut lines = Vec::new();
    let mut cents = [18_950u64, 4_210, 99_875, 1_234];
    let mut at = TEN_O_CLOCK;
    while at < TEN_O_CLOCK + 10 * MINUTE {
        let stock = random.below(2) * random.below(2) * 2 + random.below(2);
        let price = &mut cents[stock as usize];
        *price = *price + random.below(1 + *price / 400) - *price / 800;
        let symbol = ["ACME", "BOLT", "CRUX", "DUNE"][stock as usize];
        let quantity = 10 * (1 + random.below(50));
        let line = format!("{},{symbol},{}.{:02},{quantity}", time(at), *price / 100, *price % 100);
        lines.push((at + if random.below(10) == 0 { random.below(2_000) } else { 0 }, line));
        at += random.below(900);
    }
    write_csv("at,symbol,price,qty", lines, out)
}

/// Lines of an application's log, some of them errors.
fn log_lines(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(30);
    for i in 0..200 {
        let line = match random.below(12) {
            0 => format!("ERROR payment {} refused, card declined", 5_000 + i),
            1 => format!("WARN  queue length {}, more than 100", 100 + random.below(90)),
            2 => "Error: connection reset by peer".to_string(),
            _ => format!("INFO  order {} shipped", 5_000 + i),
        };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// What a client of the word counter sends.
fn words(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(40);
    for _ in 0..60 {
        writeln!(out, "{}", random.pick(&["tea", "coffee", "milk", "tea", "sugar, brown"]))?;
    }
    Ok(())
}

/// Writes lines in the order they were sent; those sent together stay as they are.
fn write_csv(header: &str, mut lines: Vec<(u64, String)>, out: &mut impl Write) -> io::Result<()> {
    lines.sort_by_key(|(sent, _)| *sent);
    writeln!(out, "{header}")?;
    lines.iter().try_for_each(|(_, line)| writeln!(out, "{line}"))
}

/// A CSV field, quoted where needed.
fn quoted(field: &str) -> String {
    if field.contains(['"', ',']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_string() }
}

/// A time of 4 May 2026, given in ms since midnight.
fn time(ms: u64) -> String {
    let (hours, minutes, seconds) = (ms / (60 * MINUTE), ms / MINUTE % 60, ms / 1_000 % 60);
    format!("2026-05-04T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1_000)
}
