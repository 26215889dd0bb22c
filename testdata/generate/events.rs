//! Things that happen: readings of machines, purchases, stars on repositories, flows of a network, rides, orders; and a
//! text.

use std::io::{self, Write};

use crate::logs::clock;
use crate::random::Random;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

/// Temperatures of a machine every quarter of an hour for three days, with gaps and readings that come twice. Each
/// machine starts on a day of its own, so the files overlap.
pub fn machine(number: u64, out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(60 + number);
    let mut quarters = 4 * (50 + random.below(40));
    writeln!(out, "timestamp,value")?;
    for step in 0..3 * 96 {
        let day = 1 + number / 2 + (step + 24 * number) / 96;
        let minutes = (step + 24 * number) % 96 * 15;
        quarters = quarters + random.below(9) - 4;
        if random.once_in(25) {
            continue;
        }
        let line = format!("2026-05-{day:02} {:02}:{:02}:00,{}", minutes / 60, minutes % 60, quarters as f64 / 4.0);
        writeln!(out, "{line}")?;
        if random.once_in(40) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// Purchases as an app sends them: nested, written in several ways, some broken.
pub fn purchases(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(64);
    // 4 May 2026, 10:00 in UTC
    let mut at = 1_777_888_800_000u64;
    for id in 1..=160 {
        at += random.below(30 * SECOND);
        let city = random.pick(&["Berlin", " berlin", "SEOUL", "Seoul ", "Porto", ""]);
        let price = format!("{}.{:02}", 1 + random.below(90), random.below(100));
        let coupon = if random.once_in(4) { r#","coupon":"MAY10""# } else { "" };
        let email = match random.below(8) {
            0 => r#""bot@test.example""#.to_string(),
            1 => "null".to_string(),
            n => format!(r#""{}{n}@example.org""#, random.pick(&["Ada", "grace", "LINUS"])),
        };
        let user = format!(r#"{{"email":{email},"address":{{"city":"{city}"}}}}"#);
        let items = format!(r#"[{{"sku":"A-{}","price":"{price}"}}]"#, random.below(30));
        let whole = format!(r#"{{"id":{id},"ts":{at},"user":{user},"items":{items}{coupon}}}"#);
        match random.below(30) {
            0 => writeln!(out, "{}", &whole[..whole.find("address").unwrap_or_default() + 3])?,
            1 => writeln!(out, "{}", whole.replace(&format!(r#""{price}""#), r#""free""#))?,
            2 => writeln!(out, "{}", whole.replace(&format!(r#""id":{id}"#), &format!(r#""id":"{id}""#)))?,
            _ => writeln!(out, "{whole}")?,
        }
    }
    Ok(())
}

/// An hour of events of a place where software is written, in the form of GitHub's archive.
pub fn github(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(65);
    let repos = ["ada/engine", "grace/compiler", "linus/kernel", "barbara/clu", "edsger/paths", "tony/hoare"];
    let mut at = 10 * 60 * MINUTE;
    for id in 0..700 {
        at += random.below(10 * SECOND);
        // The favourites change as the hour goes on.
        let favourite = (at / (14 * MINUTE) % 6) as usize;
        let repo = if random.once_in(3) { repos[favourite] } else { random.pick(&repos) };
        let kind = random.pick(&["WatchEvent", "WatchEvent", "PushEvent", "IssuesEvent"]);
        let actor = random.pick(&["zoe", "yan", "xia", "wes", "vic"]);
        writeln!(
            out,
            r#"{{"id":"{}","type":"{kind}","actor":{{"login":"{actor}"}},"repo":{{"id":{},"name":"{repo}"}},"created_at":"2026-05-04T{}Z"}}"#,
            48_000_000_000u64 + id,
            repo.len(),
            clock(at)
        )?;
    }
    Ok(())
}

/// Two minutes of a network: who sent how many bytes to whom, as a router reports it, a little out of order.
pub fn flows(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(66);
    let mut lines = Vec::new();
    let mut at = 10 * 60 * MINUTE;
    while at < 10 * 60 * MINUTE + 2 * MINUTE {
        let host = 1 + random.below(9) * random.below(2) + random.below(3);
        let bytes = 60 + random.below(1_500) * random.below(40);
        let line =
            format!("2026-05-04T{}.{:03}Z,10.0.0.{host},10.0.1.{},{bytes}", clock(at), at % 1_000, random.below(4));
        lines.push((at + random.below(2 * SECOND), line));
        at += random.below(400);
    }
    lines.sort_by_key(|(sent, _)| *sent);
    lines.iter().try_for_each(|(_, line)| writeln!(out, "{line}"))
}

/// Rides of taxis over three days in New York, in local time: in the night of 8 March clocks go from 2:00 to 3:00.
pub fn rides(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(67);
    let mut minutes = 12 * 60;
    writeln!(out, "pickup,borough,passengers,fare,tip")?;
    while minutes < 3 * 24 * 60 {
        let (day, hour) = (7 + minutes / (24 * 60), minutes / 60 % 24);
        let skipped = day == 8 && hour == 2;
        let borough = random.pick(&["Manhattan", "Manhattan", "Queens", "Brooklyn", "Bronx", "Staten Island", ""]);
        let fare = format!("{}.{}", 4 + random.below(60), random.pick(&["00", "50", "10", "99", "5"]));
        let tip =
            if random.once_in(3) { String::new() } else { format!("{}.{:02}", random.below(12), random.below(100)) };
        if !skipped {
            let clock = format!("{hour:02}:{:02}:{:02}", minutes % 60, random.below(60));
            writeln!(out, "03/{day:02}/2026 {clock},{borough},{},{fare},{tip}", 1 + random.below(4))?;
        }
        minutes += random.below(14);
    }
    Ok(())
}

/// Orders of a shop: some large, some paid for with something unknown, some with nothing to tell the amount.
pub fn orders(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(68);
    writeln!(out, "id,country,amount,payment")?;
    for id in 1..=200 {
        let amount = match random.below(12) {
            0 => String::new(),
            1 => format!("{}.00", 500 + random.below(4_000)),
            _ => format!("{}.{:02}", 1 + random.below(200), random.below(100)),
        };
        let country = random.pick(&["DE", "KR", "PT", "US", ""]);
        writeln!(out, "{id},{country},{amount},{}", random.pick(&["card", "card", "card", "invoice", "cash"]))?;
    }
    Ok(())
}

/// A text of words that come often and words that do not, with the punctuation that texts have.
pub fn text(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(69);
    let words = [
        "the", "a", "river", "stream", "of", "and", "water", "bank", "it", "flows", "slowly", "don't", "stone", "to",
        "sea", "Every", "Year", "häuser",
    ];
    for _ in 0..120 {
        let mut line = String::new();
        for _ in 0..random.below(12) {
            let word = words[(random.below(18) * random.below(19) / 18) as usize];
            line += word;
            line += random.pick(&[" ", " ", " ", " ", ", ", ". ", "; ", " - ", "\t"]);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
