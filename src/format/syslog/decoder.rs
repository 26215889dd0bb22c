//! Lines of syslog to columns.

use jiff::tz::TimeZone;
use memchr::memchr;

use super::parts::{data_end, tag};
use super::stamp::{self, Clock, Stamp};
use super::years::Years;
use crate::data::DataType::{self, Int, String as Text, Timestamp};
use crate::error::{Error, Result};
use crate::format::json::Rows;
use crate::format::lined::{Broken, Grammar, LinedDecoder, Places};
use crate::format::values::{Converter, Kind, Span, quote};
use crate::format::{Header, SourceField, SyslogOptions, TimestampSource};

const FIELDS: [(&str, DataType); 8] = [
    ("time", Timestamp),
    ("facility", Text),
    ("severity", Text),
    ("host", Text),
    ("app", Text),
    ("pid", Int),
    ("message_id", Text),
    ("message", Text),
];

/// A field that is there only for schemas that name it.
pub const STRUCTURED_DATA: &str = "structured_data";

const TIME: usize = 0;
const FACILITY: usize = 1;
const SEVERITY: usize = 2;
const HOST: usize = 3;
const APP: usize = 4;
const PID: usize = 5;
const MESSAGE_ID: usize = 6;
const MESSAGE: usize = 7;
const DATA: usize = 8;
/// Time and process id as they are written, for columns of another type.
const TIME_TEXT: usize = 9;
const PID_TEXT: usize = 10;
const PLACES: usize = 11;

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

pub fn fields() -> Vec<SourceField> {
    FIELDS.iter().map(|&(name, ty)| SourceField::new(name, ty, None)).collect()
}

/// Errors: a column is none of the fields; the zone is unknown.
pub fn decoder(
    options: &SyslogOptions,
    fields: &[SourceField],
    used: &[usize],
    max_record: usize,
) -> Result<LinedDecoder<Syslog>> {
    let used: Vec<&SourceField> = used.iter().map(|&field| &fields[field]).collect();
    let place = |field: &&SourceField| match (field.source_name(), field.ty) {
        ("time", Timestamp) => Ok(TIME),
        ("time", _) => Ok(TIME_TEXT),
        ("pid", Int) => Ok(PID),
        ("pid", _) => Ok(PID_TEXT),
        (STRUCTURED_DATA, _) => Ok(DATA),
        (name, _) => {
            let found = FIELDS.iter().position(|(known, _)| *known == name);
            found.ok_or_else(|| Error::job(format!("syslog has no field '{name}'")))
        }
    };
    let numbers = used.iter().map(place).collect::<Result<Vec<_>>>()?;
    let converter = |(field, &number): (&&SourceField, &usize)| {
        let mut field = SourceField::clone(field);
        if number == TIME {
            // They are handed over as µs.
            field.timestamp = TimestampSource::Unit(1_000_000);
        }
        Converter::csv(&field, &[])
    };
    let converters = used.iter().zip(&numbers).map(converter).collect::<Result<_>>()?;
    let zone = match &options.zone {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|e| Error::job(format!("'{name}' is not a time zone: {e}")))?,
    };
    let places = Places::new(PLACES, numbers.iter().copied());
    let begin = Years::begin(options.year);
    let grammar = Syslog { names: Names::new(&places), places, clock: Clock::new(zone), years: begin, begin };
    Ok(LinedDecoder::new(grammar, &used, converters, max_record))
}

pub struct Syslog {
    places: Places,
    clock: Clock,
    years: Years,
    /// For blocks that come without.
    begin: Years,
    names: Names,
}

impl Grammar for Syslog {
    const CUTS_AT_ASCII: bool = true;

    fn begin(&mut self, header: Option<&Header>, side: &mut Vec<u8>) {
        self.years = header.and_then(|header| header.years).unwrap_or(self.begin);
        side.extend_from_slice(&self.names.text);
    }

    fn pass(&mut self, line: &[u8]) {
        if let Some(stamp) = stamp::of_line(line) {
            self.dated(&stamp);
        }
    }

    fn line(&mut self, data: &[u8], start: usize, end: usize, row: &mut Rows) -> Result<(), Broken> {
        let line = &data[..end];
        let mut at = start;
        let priority = stamp::priority(&line[at..]);
        if let Some((priority, len)) = priority {
            at += len;
            self.set(row, FACILITY, self.names.facilities[usize::from(priority >> 3)]);
            self.set(row, SEVERITY, self.names.severities[usize::from(priority & 7)]);
        }
        if let Some(stamp) = stamp::stamp(&line[at..]) {
            let year = self.dated(&stamp);
            self.time(line, at, at + stamp.len, row, |clock| clock.of(&stamp, year))?;
            self.plain(line, at + stamp.len, row);
        } else if let Some(version) = version(&line[at..]) {
            self.structured(line, at + version, row)?;
        } else if let Some(len) = stamp::iso(&line[at..]) {
            self.time(line, at, at + len, row, |clock| clock.iso(line, at, at + len))?;
            self.plain(line, at + len, row);
        } else if priority.is_some() {
            self.text(row, MESSAGE, at, end);
        } else {
            return Err("not a syslog line: no time and no <priority> at its start".into());
        }
        Ok(())
    }
}

impl Syslog {
    #[inline(always)]
    fn set(&self, row: &mut Rows, field: usize, span: Span) {
        self.places.set(row, field, span);
    }

    /// Text that is null where it is empty.
    #[inline(always)]
    fn text(&self, row: &mut Rows, field: usize, start: usize, end: usize) {
        self.set(row, field, Span { start: start as u32, end: end as u32, kind: Kind::Plain });
    }

    /// The year of a line with this stamp.
    #[inline(always)]
    fn dated(&mut self, stamp: &Stamp) -> i16 {
        if let Some(year) = stamp.year {
            return year;
        }
        self.years = self.years.step(stamp.month, stamp.day);
        self.years.year()
    }

    /// Sets the time that stands at `start..end`.
    #[inline(always)]
    fn time(
        &mut self,
        line: &[u8],
        start: usize,
        end: usize,
        row: &mut Rows,
        micros: impl FnOnce(&mut Clock) -> Option<i64>,
    ) -> Result<(), Broken> {
        self.text(row, TIME_TEXT, start, end);
        if !self.places.wants(TIME) {
            return Ok(());
        }
        match micros(&mut self.clock) {
            Some(micros) => {
                self.set(row, TIME, Span::int(micros));
                Ok(())
            }
            None => {
                let reason = format!("{} is not a time", quote(&line[start..end]));
                Err(Broken { column: self.places.column(TIME), reason })
            }
        }
    }

    /// What stands behind the time in RFC 3164: `host app[pid]: message`. The host is left out by some.
    #[inline(always)]
    fn plain(&self, line: &[u8], time_end: usize, row: &mut Rows) {
        // Cisco's routers have a colon behind the time.
        let mut at = time_end + usize::from(line.get(time_end) == Some(&b':'));
        at += usize::from(line.get(at) == Some(&b' '));
        let wanted = [HOST, APP, PID, PID_TEXT, MESSAGE];
        if !wanted.iter().any(|&field| self.places.wants(field)) {
            return;
        }
        let host_end = memchr(b' ', &line[at..]).map_or(line.len(), |len| at + len);
        if line[at..host_end].last().is_none_or(|byte| !matches!(byte, b':' | b']')) {
            self.text(row, HOST, at, host_end);
            at = (host_end + 1).min(line.len());
        }
        // Some programs put a blank in front of the application.
        let blanks = line[at..].iter().take_while(|&&byte| byte == b' ').count();
        let tag = tag(&line[at + blanks..]);
        if tag.app.is_some() {
            at += blanks;
        }
        if let Some((start, end)) = tag.app {
            self.text(row, APP, at + start, at + end);
        }
        if let Some((start, end)) = tag.pid {
            self.pid(line, row, at + start, at + end);
        }
        self.text(row, MESSAGE, at + tag.message, line.len());
    }

    /// A process id that is no number is null where a number is wanted.
    fn pid(&self, line: &[u8], row: &mut Rows, start: usize, end: usize) {
        self.text(row, PID_TEXT, start, end);
        let digits = &line[start..end];
        if digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit) {
            self.text(row, PID, start, end);
        }
    }

    /// What stands behind the version in RFC 5424: `time host app pid message-id [data] message`.
    fn structured(&mut self, line: &[u8], mut at: usize, row: &mut Rows) -> Result<(), Broken> {
        for field in [TIME, HOST, APP, PID, MESSAGE_ID] {
            let end = memchr(b' ', &line[at..]).map_or(line.len(), |len| at + len);
            if end == at || end == line.len() {
                return Err("not a syslog line: a field of RFC 5424 is missing".into());
            }
            match (field, &line[at..end]) {
                (_, b"-") => {}
                (TIME, _) if stamp::iso(&line[at..end]).is_none() => {
                    let reason = format!("{} is not a time", quote(&line[at..end]));
                    return Err(Broken { column: None, reason });
                }
                (TIME, _) => self.time(line, at, end, row, |clock| clock.iso(line, at, end))?,
                (PID, _) => self.pid(line, row, at, end),
                _ => self.text(row, field, at, end),
            }
            at = end + 1;
        }
        let data = data_end(&line[at..]).ok_or("the structured data does not close")?;
        if line[at] == b'[' {
            self.text(row, DATA, at, at + data);
        }
        match &line[at + data..] {
            [] => {}
            [b' ', message @ ..] => {
                let bom = if message.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
                self.text(row, MESSAGE, at + data + 1 + bom, line.len());
            }
            _ => return Err("text behind the structured data".into()),
        }
        Ok(())
    }
}

/// Where the fields of RFC 5424 start, if `text` is of it: behind its version.
#[inline(always)]
fn version(text: &[u8]) -> Option<usize> {
    let digits = text.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    let rest = text.get(digits + 1..).filter(|_| text[digits] == b' ')?;
    let is_time = rest.starts_with(b"- ") || stamp::iso(rest).is_some();
    ((1..=2).contains(&digits) && text[0] != b'0' && is_time).then_some(digits + 1)
}

/// The names of facilities and severities, which stand at the start of each side buffer.
#[derive(Debug, Default)]
struct Names {
    text: Vec<u8>,
    facilities: Vec<Span>,
    severities: Vec<Span>,
}

impl Names {
    fn new(places: &Places) -> Names {
        let mut names = Names::default();
        let mut add = |name: &&str| {
            let start = names.text.len() as u32;
            names.text.extend_from_slice(name.as_bytes());
            Span { start, end: names.text.len() as u32, kind: Kind::Side }
        };
        names.facilities = FACILITIES.iter().map(&mut add).collect();
        names.severities = SEVERITIES.iter().map(&mut add).collect();
        if !places.wants(FACILITY) && !places.wants(SEVERITY) {
            names.text.clear();
        }
        names
    }
}
