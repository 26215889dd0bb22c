//! Logs as servers write them: of a web server, and of two machines that somebody tries to log in to.

use std::io::{self, Write};

use crate::random::Random;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

const AGENTS: [&str; 7] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)",
    "curl/8.14.1",
    "-",
];

/// An hour around midnight in UTC of a web server in the combined format, whose clock is two hours ahead of UTC. The
/// search is down for four minutes. There are requests that are none, and a line that was cut off.
pub fn access(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(50);
    let mut lines = Vec::new();
    let start = HOUR + 30 * MINUTE;
    let mut at = start;
    while at < start + HOUR {
        let down = (start + 35 * MINUTE..start + 39 * MINUTE).contains(&at);
        let client = random.below(12);
        let agent = AGENTS[[0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 4, 5][client as usize]];
        let agent = if random.once_in(40) { AGENTS[6] } else { agent };
        let page = match random.below(8) {
            0..=2 => "/".to_string(),
            3 => "/about.html".to_string(),
            4..=5 => format!("/articles/{}", 1 + random.below(20)),
            6 => "/robots.txt".to_string(),
            _ => format!("/search?q={}", random.pick(&["flink", "rust", "event+time", "what%3F"])),
        };
        let failed = down && page.starts_with("/search");
        let (status, size) = match random.below(80) {
            _ if failed => (503, 190),
            0 => (500, 170),
            1..=4 => (404, 150),
            5..=10 => (304, 0),
            _ => (200, 900 + random.below(40_000)),
        };
        let request = match random.below(120) {
            0 => r"\x16\x03\x01\x02".to_string(),
            1 => "-".to_string(),
            _ => format!("GET {page} HTTP/1.1"),
        };
        let status = if request.starts_with("GET") { status } else { 400 };
        let size = if size == 0 { "-".to_string() } else { size.to_string() };
        let time = format!("04/May/2026:{} +0200", clock(at));
        let line = format!(r#"203.0.113.{} - - [{time}] "{request}" {status} {size} "-" "{agent}""#, 10 + client);
        let answered = at + if random.once_in(15) { random.below(4 * SECOND) } else { 0 };
        lines.push((answered, line));
        at += 100 + random.below(9 * SECOND);
    }
    lines.sort_by_key(|(answered, _)| *answered);
    for (number, (_, line)) in lines.iter().enumerate() {
        writeln!(out, "{}", if number == 300 { &line[..40] } else { line })?;
    }
    Ok(())
}

/// Four hours around New Year of two machines: people log in, strangers try to.
pub fn auth(out: &mut impl Write) -> io::Result<()> {
    let mut random = Random(51);
    let mut at = 22 * HOUR;
    while at < 26 * HOUR {
        let host = random.pick(&["gate", "gate", "gate", "db1"]);
        let pid = 4_000 + at / 10_000 % 5_000;
        let day = if at < 24 * HOUR { "Dec 31" } else { "Jan  1" };
        let port = 30_000 + random.below(30_000);
        let stranger = format!("203.0.113.{}", 5 + random.below(4) * 7);
        let user = random.pick(&["root", "root", "root", "ada", "invalid user admin", "invalid user  0101"]);
        let failed = format!("Failed password for {user} from {stranger} port {port} ssh2");
        let (app, message) = match random.below(10) {
            0 => ("sshd", format!("Accepted publickey for ada from 192.0.2.10 port {port} ssh2: ED25519")),
            1 => ("CRON", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)".to_string()),
            2 => ("sshd", format!("Connection closed by {stranger} port {port} [preauth]")),
            3 => ("sshd", format!("message repeated {} times: [ {failed}]", 2 + random.below(4))),
            _ => ("sshd", failed),
        };
        writeln!(out, "{day} {} {host} {app}[{pid}]: {message}", clock(at % (24 * HOUR)).trim())?;
        at += 5 * SECOND + random.below(100 * SECOND);
    }
    Ok(())
}

/// hh:mm:ss of ms since midnight.
pub fn clock(ms: u64) -> String {
    format!("{:02}:{:02}:{:02}", ms / HOUR, ms / MINUTE % 60, ms / SECOND % 60)
}
