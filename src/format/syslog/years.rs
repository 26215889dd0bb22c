//! Years of lines that have none.
//!
//! The first line of an input has the year that the job says, or, for `now`, the latest in which it does not lie in the
//! future. From then on the year goes by the line before: it rises by one where the month falls by more than half a
//! year, as from December to January, and a line of December right behind one of January is of the year before.

use std::sync::Arc;

use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::stamp;
use crate::error::Result;
use crate::format::{CsvOptions, Header, HeaderRead, SyslogOptions};

/// The year of the first line of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Year {
    #[default]
    Now,
    Of(i16),
}

/// Where in time the lines read so far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Years {
    /// There was none yet; the first has this year.
    From(i16),
    /// There was none yet; the first does not lie behind this day.
    Until { year: i16, month: u8, day: u8 },
    /// Year and month of the last one.
    At { year: i16, month: u8 },
}

impl Years {
    /// The beginning of an input that is opened now.
    pub fn begin(year: Year) -> Years {
        match year {
            Year::Of(year) => Years::From(year),
            Year::Now => {
                // Clocks and zones differ by less than a day.
                let now = jiff::Timestamp::now().as_second() + 86_400;
                let (year, month, day) = crate::data::text::civil_from_days(now.div_euclid(86_400));
                Years::Until { year: year as i16, month: month as u8, day: day as u8 }
            }
        }
    }

    /// Behind a line of this day of a year.
    pub fn step(self, month: u8, day: u8) -> Years {
        let year = match self {
            Years::From(year) => year,
            Years::Until { year, month: m, day: d } => year - i16::from((month, day) > (m, d)),
            Years::At { year, month: before } if month + 6 < before => year.saturating_add(1),
            Years::At { year, month: 1 } if month == 12 => year.saturating_sub(1),
            Years::At { year, .. } => year,
        };
        Years::At { year, month }
    }

    /// The year of the last line.
    pub fn year(self) -> i16 {
        match self {
            Years::From(year) | Years::Until { year, .. } | Years::At { year, .. } => year,
        }
    }

    /// Behind the lines of `data`.
    fn behind(self, data: &[u8]) -> Years {
        let (mut years, mut start) = (self, 0);
        // As long as lines begin as the one before did, their month is that one's.
        let mut month = [0; 4];
        while start < data.len() {
            let line = &data[start..];
            let text = stamp::without_priority(line).unwrap_or(line);
            if text.first_chunk::<4>() != Some(&month) {
                let lf = memchr(b'\n', line).unwrap_or(line.len());
                if let Some(found) = stamp::of_line(&line[..lf])
                    && found.year.is_none()
                {
                    years = years.step(found.month, found.day);
                    month = text.first_chunk::<4>().copied().unwrap_or_default();
                }
                start += lf + 1;
            } else {
                start += memchr(b'\n', line).unwrap_or(line.len()) + 1;
            }
        }
        years
    }
}

/// Month and day of the first line that has them and no year.
pub fn first_day(data: &[u8]) -> Option<(u8, u8)> {
    let stamps = data.split(|&byte| byte == b'\n').filter_map(stamp::of_line);
    stamps.filter(|stamp| stamp.year.is_none()).map(|stamp| (stamp.month, stamp.day)).next()
}

/// Takes off a BOM; the header says where the years begin.
pub fn read_header(options: &SyslogOptions, data: &[u8], last: bool) -> Result<HeaderRead> {
    let plain = CsvOptions { header: false, ..CsvOptions::default() };
    Ok(match crate::format::csv::read_header(&plain, &[], data, last)? {
        HeaderRead::Done { consumed, .. } => {
            let header = Header { years: Some(Years::begin(options.year)), ..Header::default() };
            HeaderRead::Done { consumed, header: Some(Arc::new(header)) }
        }
        HeaderRead::More => HeaderRead::More,
    })
}

/// The header of what follows the lines of `data`; mostly the same one.
pub fn header_behind(header: &Arc<Header>, data: &[u8]) -> Arc<Header> {
    let years = header.years.map(|years| years.behind(data));
    if years == header.years { header.clone() } else { Arc::new(Header { years, ..Header::clone(header) }) }
}
