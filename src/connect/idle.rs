//! The idle time-out of a live source: how long silence may hold the watermark back.

/// Notices silence. All times are wall time in µs.
#[derive(Debug)]
pub struct Idle {
    after: Option<i64>,
    /// When something last came, or when it was first asked.
    since: Option<i64>,
    said: bool,
}

impl Idle {
    /// Silence of `after` µs counts as idle; `None`: never.
    pub fn new(after: Option<i64>) -> Idle {
        Idle { after, since: None, said: false }
    }

    /// Something came.
    pub fn seen(&mut self, now: i64) {
        self.since = Some(now);
        self.said = false;
    }

    /// True once per silence, when it has lasted long enough.
    pub fn due(&mut self, now: i64) -> bool {
        let since = *self.since.get_or_insert(now);
        let due = !self.said && self.after.is_some_and(|after| now - since >= after);
        self.said |= due;
        due
    }

    /// When [`Idle::due`] has to be asked again.
    pub fn until(&self) -> Option<i64> {
        if self.said { None } else { Some(self.since? + self.after?) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_once() {
        let mut idle = Idle::new(Some(100));
        assert!(!idle.due(1000));
        assert_eq!(idle.until(), Some(1100));
        assert!(!idle.due(1099));
        assert!(idle.due(1100));
        assert!(!idle.due(5000));
        assert_eq!(idle.until(), None);
        idle.seen(6000);
        assert_eq!(idle.until(), Some(6100));
        assert!(idle.due(6100));
    }

    #[test]
    fn without_a_time_out_nothing_is_idle() {
        let mut idle = Idle::new(None);
        assert!(!idle.due(0));
        assert!(!idle.due(i64::MAX));
        assert_eq!(idle.until(), None);
    }
}
