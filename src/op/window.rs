//! Arithmetic of event-time windows, `[start, end)` in µs. Who keeps state per window is decided elsewhere.

/// Start of the window of `size` µs that `time` lies in, for windows that start at multiples of `size` plus
/// `offset`; for sliding windows `size` is the slide and the result the start of the newest window. Flink's
/// `TimeWindow.getWindowStartWithOffset`, which floors also before 1970.
#[inline]
pub fn window_start(time: i64, offset: i64, size: i64) -> i64 {
    checked_window_start(time, offset, size).unwrap_or(i64::MIN)
}

/// As [`window_start`], but `None` where the start does not fit 64 bits.
#[inline]
pub fn checked_window_start(time: i64, offset: i64, size: i64) -> Option<i64> {
    let rest = match time.checked_sub(offset) {
        Some(shifted) => shifted.rem_euclid(size),
        None => (i128::from(time) - i128::from(offset)).rem_euclid(i128::from(size)) as i64,
    };
    time.checked_sub(rest)
}

/// Length of the panes that windows of `size` and `slide` µs are made of: their greatest common divisor.
pub fn pane_size(size: i64, slide: i64) -> i64 {
    let (mut a, mut b) = (size, slide);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_floor_on_both_sides_of_1970() {
        // (time, offset, size, start)
        for (time, offset, size, start) in [
            (0, 0, 10, 0),
            (9, 0, 10, 0),
            (10, 0, 10, 10),
            (-1, 0, 10, -10),
            (-10, 0, 10, -10),
            (4, 5, 10, -5),
            (5, 5, 10, 5),
            (2, -8, 24, -8),
            (16, -8, 24, 16),
        ] {
            assert_eq!(window_start(time, offset, size), start, "{time} {offset} {size}");
        }
    }

    #[test]
    fn panes_divide_size_and_slide() {
        assert_eq!(pane_size(10, 2), 2);
        assert_eq!(pane_size(10, 4), 2);
        assert_eq!(pane_size(2, 10), 2);
    }
}
