//! Logs that were rotated, and whose lines have no year: files of one log follow each other, so the year of one goes by
//! the first lines of the others.
//!
//! Which files are of one log, and which of them is older, their names tell: `messages.2.gz`, `messages.1`, `messages`, or
//! `messages-20150104`, `messages-20150111`, `messages`. None of them may hold more than a year.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::sample;
use crate::format::{Year, Years, first_day};

/// So much is read of a file to find its first line with a day.
const LOOK_BYTES: usize = 64 << 10;
/// Lines may be out of order by so many days.
const SLACK_DAYS: i32 = 2;

/// How old a file is among those of its log: the less, the older.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    /// `.1` is younger than `.2`.
    Number(i64),
    /// Year, month and day.
    Date(String),
}

/// The year of the first line of each file that has others of its log beside it. `year`: what the job says, which holds
/// for the oldest of a log, or, for `now`, for the youngest. Files that cannot be looked at are not among them: who
/// reads them will say why.
pub fn first_years(paths: &[PathBuf], year: Year) -> HashMap<PathBuf, Years> {
    let mut logs: BTreeMap<PathBuf, Vec<(Option<Age>, &PathBuf)>> = BTreeMap::new();
    for path in paths.iter().filter(|path| path.is_file()) {
        let (log, age) = parted(path);
        logs.entry(log).or_default().push((age, path));
    }
    let mut found = HashMap::new();
    for mut files in logs.into_values() {
        let dated = files.iter().any(|(age, _)| matches!(age, Some(Age::Date(_))));
        let numbered = files.iter().any(|(age, _)| matches!(age, Some(Age::Number(_))));
        if files.len() < 2 || dated && numbered {
            continue;
        }
        // The one without an age is the youngest.
        files.sort_by(|(a, _), (b, _)| (a.is_none(), a).cmp(&(b.is_none(), b)));
        let days: Vec<(&PathBuf, (u8, u8))> =
            files.iter().filter_map(|(_, path)| Some((*path, day_of(path)?))).collect();
        for ((path, _), year) in days.iter().zip(years(&days.iter().map(|(_, day)| *day).collect::<Vec<_>>(), year)) {
            found.insert((*path).clone(), Years::From(year));
        }
    }
    found
}

/// The years of days (month and day) in a row, none of which is a year behind the one before.
fn years(days: &[(u8, u8)], year: Year) -> Vec<i16> {
    let number = |(month, day): (u8, u8)| i32::from(month) * 31 + i32::from(day);
    let mut years = vec![0_i16; days.len()];
    for at in 1..days.len() {
        let falls = number(days[at - 1]) - number(days[at]) > SLACK_DAYS;
        years[at] = years[at - 1].saturating_add(i16::from(falls));
    }
    let shift = match (year, days.last(), years.last()) {
        (Year::Of(first), ..) => first,
        (Year::Now, Some(&(month, day)), Some(last)) => Years::begin(year).step(month, day).year() - last,
        _ => 0,
    };
    years.into_iter().map(|year| year.saturating_add(shift)).collect()
}

/// Month and day of the first line that has them.
fn day_of(path: &Path) -> Option<(u8, u8)> {
    first_day(&sample(path, LOOK_BYTES).ok()?.data)
}

/// The log that a file is of, and its age if its name tells.
fn parted(path: &Path) -> (PathBuf, Option<Age>) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let cut = plain.rfind(['.', '-']).map(|at| (&plain[..at], &plain[at + 1..]));
    let (log, age) = match cut {
        Some((log, date)) if digits(date) && date.len() == 8 => (log, Some(Age::Date(date.to_owned()))),
        Some((log, number)) if digits(number) && number.len() <= 4 && plain.as_bytes()[log.len()] == b'.' => {
            (log, number.parse().ok().map(|number: i64| Age::Number(-number)))
        }
        _ => (plain, None),
    };
    (path.with_file_name(log), age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_log_and_age() {
        let number = |n: i64| Some(Age::Number(-n));
        let date = |text: &str| Some(Age::Date(text.into()));
        for (name, log, age) in [
            ("a/messages", "a/messages", None),
            ("a/messages.1", "a/messages", number(1)),
            ("a/messages.12.gz", "a/messages", number(12)),
            ("auth.log", "auth.log", None),
            ("auth.log.gz", "auth.log", None),
            ("auth.log-20150104.zst", "auth.log", date("20150104")),
            ("auth.log.20150104", "auth.log", date("20150104")),
            ("host-7", "host-7", None),
            ("v1.20150", "v1.20150", None),
        ] {
            assert_eq!(parted(Path::new(name)), (PathBuf::from(log), age), "{name}");
        }
    }

    #[test]
    fn years_go_from_file_to_file() {
        for (days, expect) in [
            (&[(11, 3), (12, 1), (1, 5), (1, 12)][..], &[2014, 2014, 2015, 2015][..]),
            // Half a year and more lies between two files.
            (&[(7, 1), (2, 1), (1, 31)], &[2014, 2015, 2015]),
            (&[(6, 1), (5, 1), (4, 1)], &[2014, 2015, 2016]),
            (&[(3, 1)], &[2014]),
        ] {
            assert_eq!(years(days, Year::Of(2014)), expect, "{days:?}");
        }
        let now = years(&[(11, 3), (1, 5), (1, 12), (1, 10)], Year::Now);
        assert_eq!(now[3], Years::begin(Year::Now).step(1, 10).year());
        assert_eq!(now.iter().map(|year| year - now[0]).collect::<Vec<_>>(), [0, 1, 1, 1]);
        assert_eq!(years(&[], Year::Now), Vec::<i16>::new());
    }
}
