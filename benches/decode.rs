//! What decoding and encoding cost on one thread: `cargo bench --bench decode [-- FILTER]`.
//!
//! 1.5 million Nexmark-like bids, cut into blocks of at most 512 KiB. Figures are CPU seconds for 5 million rows (880 MB of
//! CSV, 1.2 GB of NDJSON), the best of five runs.

use std::time::Instant;

use bytes::Bytes;
use flott::data::{Batch, DataType, Field};
use flott::format::{
    CsvOptions, Cut, Format, HeaderRead, JsonOptions, SourceField, TimestampSource, cutter, decoder, encoder,
    read_header,
};

const ROWS: usize = 1_500_000;
const BLOCK_BYTES: usize = 512 << 10;
const MAX_RECORD: usize = 16 << 20;

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with("--")).unwrap_or_default();
    let wants = |name: &str| name.contains(&filter);
    for (name, format, quoted) in [
        ("csv", Format::Csv(CsvOptions::default()), false),
        ("csv quoted", Format::Csv(CsvOptions::default()), true),
        ("json", Format::Json(JsonOptions::default()), false),
        ("lines", Format::Lines, false),
    ] {
        if wants(name) {
            measure(name, &format, &input(&format, quoted));
        }
    }
}

fn measure(name: &str, format: &Format, data: &Bytes) {
    println!("{name}: {} MB for 5 million rows", data.len() / 1_000_000 * 5_000_000 / ROWS);
    let fields = match format {
        Format::Lines => vec![SourceField::new("line", DataType::String, None)],
        _ => fields(),
    };
    let Ok(HeaderRead::Done { consumed, header }) = read_header(format, &fields, data, true) else {
        panic!("the header is complete");
    };
    let blocks = blocks(format, data, consumed);
    report(name, "cut", || drop(self::blocks(format, data, consumed)));
    let all: Vec<usize> = (0..fields.len()).collect();
    let choices: &[&[usize]] = if fields.len() == 1 { &[&[0]] } else { &[&[], &[1, 2], &[0, 1, 2, 5], &all] };
    for used in choices {
        report(name, &format!("decode {used:?}"), || {
            let mut decoder = decoder(format, &fields, used, MAX_RECORD).expect("a valid decoder");
            let rows: usize = blocks.iter().map(|block| decoder.decode(block, header.as_ref(), true).rows).sum();
            assert_eq!(rows, ROWS);
        });
    }
    let mut decoder = decoder(format, &fields, &all, MAX_RECORD).expect("a valid decoder");
    let batches: Vec<Batch> = blocks
        .iter()
        .map(|block| {
            let decoded = decoder.decode(block, header.as_ref(), true);
            Batch::new(decoded.columns, decoded.rows)
        })
        .collect();
    let schema: Vec<Field> = fields.iter().map(|f| Field { name: f.name.clone(), ty: f.ty }).collect();
    let mut out = Vec::new();
    report(name, "encode", || {
        let mut encoder = encoder(format, &schema);
        for batch in &batches {
            out.clear();
            encoder.encode(batch, &mut out, None);
        }
    });
}

fn report(name: &str, what: &str, mut run: impl FnMut()) {
    let best = (0..5)
        .map(|_| {
            let start = (Instant::now(), cpu_seconds());
            run();
            (cpu_seconds() - start.1).min(start.0.elapsed().as_secs_f64() * 2.0)
        })
        .fold(f64::MAX, f64::min);
    println!("  {name:10} {what:28} {:.3} s", best * 5_000_000.0 / ROWS as f64);
}

fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn blocks(format: &Format, data: &Bytes, mut at: usize) -> Vec<Bytes> {
    let mut cutter = cutter(format, MAX_RECORD);
    let mut blocks = Vec::new();
    while at < data.len() {
        let end = (at + BLOCK_BYTES).min(data.len());
        match cutter.cut(&data[at..end], end == data.len()) {
            Cut::Records(len) => {
                blocks.push(data.slice(at..at + len));
                at += len;
            }
            Cut::Skip(_) | Cut::More => panic!("records are short"),
        }
    }
    blocks
}

fn fields() -> Vec<SourceField> {
    let field = |name: &str, ty| SourceField { timestamp: TimestampSource::Text, ..SourceField::new(name, ty, None) };
    vec![
        field("auction", DataType::Int),
        field("bidder", DataType::Int),
        field("price", DataType::Int),
        field("channel", DataType::String),
        field("url", DataType::String),
        field("date_time", DataType::Timestamp),
        field("extra", DataType::String),
    ]
}

fn input(format: &Format, quoted: bool) -> Bytes {
    use std::fmt::Write;
    let mut text = String::new();
    if matches!(format, Format::Csv(_)) {
        text.push_str("auction,bidder,price,channel,url,date_time,extra\n");
    }
    let mut state = 42u64;
    let mut random = |below: u64| {
        // Source: Knuth's MMIX generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let channels = ["Google", "Facebook", "Baidu", "Apple", "channel-4177", "channel-96"];
    for row in 0..ROWS as u64 {
        let (auction, bidder, price) = (1000 + random(100_000), 1000 + random(50_000), 1 + random(10_000_000));
        let channel = channels[random(6) as usize];
        let url = format!("https://www.nexmark.com/{}/item.htm?query=1&channel_id={}", "abcde", random(9000));
        let at = row / 10;
        let time = format!(
            "2023-11-14T{:02}:{:02}:{:02}.{:03}Z",
            at / 3_600_000 % 24,
            at / 60_000 % 60,
            at / 1000 % 60,
            at % 1000
        );
        let extra = &"[xcj^mvbnakqhdtr_lywpeosguifzMNBV".repeat(3)[..55 + random(25) as usize];
        match format {
            Format::Json(_) => writeln!(
                text,
                r#"{{"auction":{auction},"bidder":{bidder},"price":{price},"channel":"{channel}","url":"{url}","date_time":"{time}","extra":"{extra}"}}"#
            ),
            _ if quoted => writeln!(text, r#"{auction},{bidder},{price},{channel},"{url}",{time},"{extra}""#),
            _ => writeln!(text, "{auction},{bidder},{price},{channel},{url},{time},{extra}"),
        }
        .expect("writing to a string");
    }
    Bytes::from(text)
}
