//! `framing = "length"`: a record is a frame, four bytes of its length (big-endian) and so many bytes.
//!
//! Frames become lines here, so that everything behind sees one kind of input: a line end is put behind each, and those
//! inside become spaces, but in CSV, where quotes may hold them.

use std::io;

/// Bytes asked of the socket at a time.
const READ_BYTES: usize = 64 << 10;

/// Turns the frames of one connection into lines.
pub struct Deframer {
    max_record: usize,
    keeps_line_ends: bool,
    /// Of the next frame.
    head: Vec<u8>,
    /// Bytes of the frame at hand that have yet to come; `None` between frames.
    missing: Option<usize>,
    /// What has come of the frame at hand, at most `max_record + 1` bytes.
    frame: Vec<u8>,
    /// Lines that are complete, handed out up to `sent`.
    lines: Vec<u8>,
    sent: usize,
    room: Vec<u8>,
}

impl Deframer {
    pub fn new(max_record: usize, keeps_line_ends: bool) -> Deframer {
        Deframer {
            max_record,
            keeps_line_ends,
            head: Vec::new(),
            missing: None,
            frame: Vec::new(),
            lines: Vec::new(),
            sent: 0,
            room: Vec::new(),
        }
    }

    /// Whether a frame has begun and is not complete.
    pub fn is_inside(&self) -> bool {
        self.missing.is_some() || !self.head.is_empty()
    }

    /// As a read of the lines: what `read` gives are frames. What is incomplete at its end is left out.
    pub fn read(&mut self, out: &mut [u8], mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        while self.sent == self.lines.len() {
            self.lines.clear();
            self.sent = 0;
            let mut room = std::mem::take(&mut self.room);
            room.resize(READ_BYTES, 0);
            let got = read(&mut room);
            let count = *got.as_ref().unwrap_or(&0);
            self.take(&room[..count]);
            self.room = room;
            if got? == 0 {
                return Ok(0);
            }
        }
        let count = out.len().min(self.lines.len() - self.sent);
        out[..count].copy_from_slice(&self.lines[self.sent..self.sent + count]);
        self.sent += count;
        Ok(count)
    }

    fn take(&mut self, mut data: &[u8]) {
        while !data.is_empty() || self.missing == Some(0) {
            let Some(missing) = &mut self.missing else {
                let count = data.len().min(4 - self.head.len());
                self.head.extend_from_slice(&data[..count]);
                data = &data[count..];
                if let Ok(head) = <[u8; 4]>::try_from(&self.head[..]) {
                    self.missing = Some(u32::from_be_bytes(head) as usize);
                    self.head.clear();
                }
                continue;
            };
            let count = data.len().min(*missing);
            *missing -= count;
            let done = *missing == 0;
            // Of a frame that is too long, so much that it is known as such.
            let kept = count.min((self.max_record + 1).saturating_sub(self.frame.len()));
            self.frame.extend_from_slice(&data[..kept]);
            data = &data[count..];
            if done {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        self.missing = None;
        let frame = self.frame.strip_suffix(b"\n").unwrap_or(&self.frame);
        let frame = frame.strip_suffix(b"\r").unwrap_or(frame);
        match self.keeps_line_ends {
            true => self.lines.extend_from_slice(frame),
            false => self.lines.extend(frame.iter().map(|&b| if matches!(b, b'\n' | b'\r') { b' ' } else { b })),
        }
        self.lines.push(b'\n');
        self.frame.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(records: &[Vec<u8>]) -> Vec<u8> {
        records.iter().flat_map(|r| [&(r.len() as u32).to_be_bytes()[..], r].concat()).collect()
    }

    /// The lines, read in pieces of `piece` bytes into rooms of `room`.
    fn lines(frames: &[u8], deframer: &mut Deframer, piece: usize, room: usize) -> Vec<u8> {
        let (mut rest, mut lines, mut out) = (frames, Vec::new(), vec![0; room]);
        loop {
            let read = |to: &mut [u8]| {
                let count = rest.len().min(piece).min(to.len());
                to[..count].copy_from_slice(&rest[..count]);
                rest = &rest[count..];
                Ok(count)
            };
            match deframer.read(&mut out, read).unwrap() {
                0 => return lines,
                count => lines.extend_from_slice(&out[..count]),
            }
        }
    }

    #[test]
    fn line_ends_inside_and_frames_that_are_cut_off() {
        let frames =
            framed(&[b"a\nb".to_vec(), b"c\r\n".to_vec(), Vec::new(), b"much too long".to_vec(), b"d".to_vec()]);
        let mut deframer = Deframer::new(4, false);
        assert_eq!(lines(&frames, &mut deframer, 3, 2), b"a b\nc\n\nmuch \nd\n");
        assert!(!deframer.is_inside());
        let mut deframer = Deframer::new(99, true);
        assert_eq!(lines(&frames[..frames.len() - 1], &mut deframer, 99, 99), b"a\nb\nc\n\nmuch too long\n");
        assert!(deframer.is_inside());
    }

    /// Frames one after the other, out of all bytes at once; what is incomplete is left out.
    fn naive(mut data: &[u8], max: usize) -> Vec<u8> {
        let mut lines = Vec::new();
        while let Some((head, rest)) = data.split_first_chunk::<4>() {
            let Some(frame) = rest.get(..u32::from_be_bytes(*head) as usize) else { break };
            data = &rest[frame.len()..];
            let frame = &frame[..frame.len().min(max + 1)];
            let frame = frame.strip_suffix(b"\n").unwrap_or(frame);
            let frame = frame.strip_suffix(b"\r").unwrap_or(frame);
            lines.extend(frame.iter().map(|&b| if b == b'\n' || b == b'\r' { b' ' } else { b }));
            lines.push(b'\n');
        }
        lines
    }

    proptest! {
        /// Any bytes, among them heads that ask for more than will ever come.
        #[test]
        fn any_bytes_are_frames(
            parts in prop::collection::vec(prop_oneof![
                4 => prop::collection::vec(prop::sample::select(&b"ab\r\n"[..]), 0..12).prop_map(|r| framed(&[r])),
                1 => prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..9),
            ], 0..12),
            piece in 1usize..20, room in 1usize..20, max in 0usize..12,
        ) {
            let data = parts.concat();
            prop_assert_eq!(lines(&data, &mut Deframer::new(max, false), piece, room), naive(&data, max));
        }

        #[test]
        fn however_they_come(
            records in prop::collection::vec(prop::collection::vec(b'a'..b'd', 0..9), 0..9),
            piece in 1usize..20,
            room in 1usize..20,
        ) {
            let expected: Vec<u8> = records.iter().flat_map(|r| [&r[..], b"\n"].concat()).collect();
            prop_assert_eq!(lines(&framed(&records), &mut Deframer::new(99, false), piece, room), expected);
        }
    }
}
