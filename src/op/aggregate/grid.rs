//! Which windows there are: start and end of panes and windows from event time. Pure arithmetic that refuses what
//! does not fit 64 bits.

use super::Window;
use crate::error::{Error, Result};
use crate::op::window::{checked_window_start, pane_size};

/// A window or pane `[start, end)`, µs, ordered as results are: by end, then start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub end: i64,
    pub start: i64,
}

impl Span {
    /// Every window up to the watermark `watermark` is at most this.
    pub fn all_until(watermark: i64) -> Span {
        Span { end: watermark.saturating_add(1), start: i64::MAX }
    }

    /// Whether the window is complete at `watermark`.
    pub fn is_complete(self, watermark: i64) -> bool {
        self.end - 1 <= watermark
    }
}

/// A pane, the stretch of event time whose rows belong to the same windows, and the first and last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pane {
    pub span: Span,
    /// First and last window; `None` in the gaps of windows that are further apart than they are long.
    pub windows: Option<(Span, Span)>,
}

/// Sliding windows of `size` every `slide`, or tumbling ones, where both are equal.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    size: i64,
    slide: i64,
    offset: i64,
    /// Length of a pane: the greatest common divisor of both.
    pane: i64,
}

impl Grid {
    /// `None` for windows that come with the rows.
    pub fn new(window: Window) -> Option<Grid> {
        let (size, slide, offset) = match window {
            Window::Tumbling { size, offset } => (size, size, offset),
            Window::Sliding { size, slide, offset } => (size, slide, offset),
            Window::Attached { .. } | Window::Count { .. } => return None,
        };
        Some(Grid { size, slide, offset, pane: pane_size(size, slide) })
    }

    /// The pane of event time `time`. Fails if one of its windows does not fit 64 bits.
    pub fn pane_of(&self, time: i64) -> Result<Pane> {
        self.checked_pane_of(time).ok_or_else(|| {
            Error::data(format!("event time {time} µs is too far from 1970 for windows of {} µs", self.size))
                .note("windows must start and end within 64-bit microseconds; check the unit of the event time column")
        })
    }

    fn checked_pane_of(&self, time: i64) -> Option<Pane> {
        let start = checked_window_start(time, self.offset, self.pane)?;
        let span = Span { start, end: start.checked_add(self.pane)? };
        let last_start = checked_window_start(time, self.offset, self.slide)?;
        let last = self.window(last_start)?;
        if last.end <= time {
            return Some(Pane { span, windows: None });
        }
        // The first window is the earliest start after `time - size`.
        let back = (last.end - 1 - time) / self.slide;
        let first = self.window(last_start.checked_sub(back.checked_mul(self.slide)?)?)?;
        Some(Pane { span, windows: Some((first, last)) })
    }

    fn window(&self, start: i64) -> Option<Span> {
        Some(Span { start, end: start.checked_add(self.size)? })
    }

    /// The windows of a pane, first to last.
    pub fn windows(&self, (first, last): (Span, Span)) -> impl Iterator<Item = Span> {
        let (size, slide) = (self.size, self.slide);
        let count = (last.start - first.start) / slide;
        (0..=count).map(move |i| {
            let start = first.start + i * slide;
            Span { start, end: start + size }
        })
    }

    /// The first window of a pane that ends after `end`.
    pub fn next_window(&self, (first, last): (Span, Span), end: i64) -> Option<Span> {
        if first.end > end {
            return Some(first);
        }
        if last.end <= end {
            return None;
        }
        // Neither product nor sum passes `last`.
        let start = first.start + ((end - first.end) / self.slide + 1) * self.slide;
        Some(Span { start, end: start + self.size })
    }

    /// Each pane is a window.
    pub fn is_tumbling(&self) -> bool {
        self.size == self.slide
    }

    /// Length of a window.
    pub fn size(&self) -> i64 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts() {
        const HOUR: i64 = 3_600_000;
        for (time, offset, size, start) in [
            (4999, 0, 5000, 0),
            (5000, 0, 5000, 5000),
            (-1, 0, 5000, -5000),
            (-5000, 0, 5000, -5000),
            (-5001, 0, 5000, -10000),
            (7, 3, 5, 3),
            (2, 3, 5, -2),
            (1, -8 * HOUR, 24 * HOUR, -28_800_000),
        ] {
            assert_eq!(
                checked_window_start(time, offset, size),
                Some(start),
                "time {time}, offset {offset}, size {size}"
            );
        }
    }

    fn windows(size: i64, slide: i64, time: i64) -> Vec<(i64, i64)> {
        let grid = Grid::new(Window::Sliding { size, slide, offset: 0 }).unwrap();
        let pane = grid.pane_of(time).unwrap();
        assert!(pane.span.start <= time && time < pane.span.end);
        pane.windows.map_or(Vec::new(), |w| grid.windows(w).map(|w| (w.start, w.end)).collect())
    }

    #[test]
    fn sliding_windows_of_a_row() {
        assert_eq!(windows(10, 5, 12), [(5, 15), (10, 20)]);
        assert_eq!(windows(10, 5, -1), [(-10, 0), (-5, 5)]);
        assert_eq!(windows(10, 4, 9), [(0, 10), (4, 14), (8, 18)]);
        assert_eq!(windows(10, 4, 11), [(4, 14), (8, 18)]);
        assert_eq!(windows(5, 10, 9), []);
        assert_eq!(windows(5, 10, 14), [(10, 15)]);
    }

    #[test]
    fn the_next_window_ends_after_a_given_end() {
        let grid = Grid::new(Window::Sliding { size: 10, slide: 4, offset: 0 }).unwrap();
        let windows = grid.pane_of(9).unwrap().windows.unwrap();
        let next = |end| grid.next_window(windows, end).map(|w| w.end);
        assert_eq!([9, 10, 13, 14, 17, 18].map(next), [Some(10), Some(14), Some(14), Some(18), Some(18), None]);
    }

    #[test]
    fn extremes_are_refused_not_wrapped() {
        for time in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            for (size, slide) in [(1000, 1000), (1000, 300), (300, 1000)] {
                for offset in [0, -299, 299] {
                    let grid = Grid::new(Window::Sliding { size, slide, offset }).unwrap();
                    // Either it fits or it is an error.
                    if let Ok(Pane { windows: Some((first, last)), .. }) = grid.pane_of(time) {
                        assert!(first.start <= time && time < first.end && last.start <= time && time < last.end);
                    }
                }
            }
        }
        let grid = Grid::new(Window::Tumbling { size: 1000, offset: 0 }).unwrap();
        assert!(grid.pane_of(i64::MAX).unwrap_err().message.contains("too far"));
        assert!(grid.pane_of(i64::MIN).is_err());
    }
}
