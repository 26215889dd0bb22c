//! Timestamps written by a pattern or in a zone: as columns of text, so that encoders quote and escape them as such.

use std::borrow::Cow;

use arrow_array::{Array, StringViewArray, TimestampMicrosecondArray};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::TimestampStyle;
use crate::data::{Batch, Column, map_times, text};

pub struct Local {
    /// `None`: RFC 3339 with the offset.
    pattern: Option<String>,
    zone: TimeZone,
}

impl Local {
    /// `None` for the styles that encoders write themselves. Zones are checked when a job is read.
    pub fn of(style: &TimestampStyle) -> Option<Local> {
        let TimestampStyle::Local { pattern, zone } = style else { return None };
        let zone = zone.as_ref().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
        Some(Local { pattern: pattern.clone(), zone })
    }

    /// The batch with its timestamps as text; as it is, if there is nothing to do.
    pub fn written<'a>(local: &Option<Local>, batch: &'a Batch) -> Cow<'a, Batch> {
        match local {
            Some(local) if batch.columns.iter().any(|column| column.data_type().has_times()) => {
                let columns = batch.columns.iter();
                let columns = columns.map(|column| map_times(column, &mut |times| Column::String(local.column(times))));
                Cow::Owned(batch.with_columns(columns.collect()))
            }
            _ => Cow::Borrowed(batch),
        }
    }

    fn column(&self, times: &TimestampMicrosecondArray) -> StringViewArray {
        // Neighbouring rows often have the same time.
        let mut last = (i64::MIN, String::new());
        let text = |micros: Option<i64>| {
            let micros = micros?;
            if last.0 != micros || last.1.is_empty() {
                last = (micros, self.text(micros));
            }
            Some(last.1.clone())
        };
        (0..times.len()).map(|row| times.is_valid(row).then(|| times.value(row))).map(text).collect()
    }

    fn text(&self, micros: i64) -> String {
        let pattern = match (&self.pattern, micros.rem_euclid(1_000_000)) {
            (Some(pattern), _) => pattern,
            (None, 0) => "%Y-%m-%dT%H:%M:%S%:z",
            (None, fraction) if fraction % 1000 == 0 => "%Y-%m-%dT%H:%M:%S.%3f%:z",
            (None, _) => "%Y-%m-%dT%H:%M:%S.%6f%:z",
        };
        let moment = jiff::Timestamp::from_microsecond(micros).map(|moment| moment.to_zoned(self.zone.clone()));
        // Years that the calendar does not have are written as in all other places.
        moment.and_then(|moment| strtime::format(pattern, &moment)).unwrap_or_else(|_| text::timestamp_text(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_zones() {
        let check = |pattern: Option<&str>, zone: Option<&str>, micros: i64, expect: &str| {
            let (pattern, zone) = (pattern.map(str::to_string), zone.map(str::to_string));
            let local = Local::of(&TimestampStyle::Local { pattern, zone });
            let batch = Batch::new(vec![Column::Timestamp(vec![Some(micros), None, Some(micros)].into())], 3);
            let Column::String(texts) = &Local::written(&local, &batch).columns[0] else { panic!("not text") };
            assert_eq!(texts.iter().collect::<Vec<_>>(), [Some(expect), None, Some(expect)]);
        };
        let noon = 1_431_857_100_000_000;
        check(None, Some("Asia/Seoul"), noon, "2015-05-17T19:05:00+09:00");
        check(None, Some("UTC"), noon + 5_000, "2015-05-17T10:05:00.005+00:00");
        check(None, Some("Europe/Berlin"), noon + 5, "2015-05-17T12:05:00.000005+02:00");
        check(Some("%d/%b/%Y:%H:%M:%S %z"), None, noon, "17/May/2015:10:05:00 +0000");
        check(Some("%F, \"%H\""), Some("Asia/Seoul"), noon, "2015-05-17, \"19\"");
        check(Some("%F"), None, i64::MAX, "+294247-01-10T04:00:54.775807Z");
    }
}
