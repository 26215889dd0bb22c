//! Layouts: lines seen before, taken apart into the text between their scalars and slots where the scalars stand.
//!
//! A line that has the same text between its scalars is the same object with other values: it is sound, its columns
//! lie in the same slots, and no bracket, colon or comma of it needs to be looked at. See [`super::fast`].

/// A line taken apart: the text before each scalar, and the text behind the last one.
#[derive(Debug)]
pub struct Layout {
    pub slots: Vec<Slot>,
    /// From the last scalar to the last closing bracket.
    pub close: Fixed,
    /// Columns asked for that lines of this layout do not have.
    pub absent: Vec<usize>,
    /// Each slot is a member of the record itself and no key comes twice, so that members may be left out.
    pub flat: bool,
}

/// A scalar and what stands before it, from the scalar before it or the start of the line.
#[derive(Debug)]
pub struct Slot {
    pub before: Fixed,
    pub column: Option<usize>,
    /// Short whole numbers are converted where they are found.
    pub int: bool,
}

/// Text that is compared 16 bytes at a time.
#[derive(Debug)]
pub struct Fixed {
    text: Box<[u8]>,
    /// The first 16 bytes of `text`, and which bits of them count.
    head: u128,
    mask: u128,
}

impl Fixed {
    fn new(text: &[u8]) -> Fixed {
        let mut head = [0; 16];
        let len = text.len().min(16);
        head[..len].copy_from_slice(&text[..len]);
        let mask = if len == 16 { u128::MAX } else { (1 << (8 * len)) - 1 };
        Fixed { text: text.into(), head: u128::from_le_bytes(head), mask }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether `data` has this text at `at`. Not known, so false, within 16 bytes of its end.
    #[inline(always)]
    pub fn is_at(&self, data: &[u8], at: usize) -> bool {
        let Some(head) = data.get(at..).and_then(|rest| rest.first_chunk::<16>()) else { return false };
        (u128::from_le_bytes(*head) ^ self.head) & self.mask == 0 && (self.len() <= 16 || self.rest_is_at(data, at))
    }

    #[inline(never)]
    fn rest_is_at(&self, data: &[u8], at: usize) -> bool {
        data[at + 16..].starts_with(&self.text[16..])
    }
}

impl Layout {
    /// Takes the sound line `data` apart. `positions` are its brackets, colons and commas outside strings, `values`
    /// the columns found in it and their places, `ints` which columns take numbers.
    /// `None` if a column is no scalar of its own, there is no scalar,
    /// or a key is not ASCII.
    pub fn of(data: &[u8], positions: &[u32], mut values: Vec<(usize, usize, usize)>, ints: &[bool]) -> Option<Layout> {
        let (mut slots, mut keys, mut flat) = (Vec::new(), Vec::new(), true);
        let mut from = 0;
        for pair in positions.windows(2) {
            let (left, right) = (pair[0] as usize, pair[1] as usize);
            let text = &data[left + 1..right];
            let at = left + 1 + (text.len() - text.trim_ascii_start().len());
            let scalar = text.trim_ascii();
            if data[right] == b':' || scalar.is_empty() {
                continue;
            }
            let found = values.iter().position(|&(_, from, to)| (from, to) == (at, at + scalar.len()));
            let column = found.map(|found| values.swap_remove(found).0);
            let int = column.is_some_and(|column| ints[column]);
            let before = &data[from..at];
            match key(before) {
                Some(key) if flat && !keys.contains(&key) => keys.push(key),
                _ => flat = false,
            }
            slots.push(Slot { before: Fixed::new(before), column, int });
            from = at + scalar.len();
        }
        let text = data[from..].trim_ascii_end();
        let is_ascii = text.is_ascii() && slots.iter().all(|slot: &Slot| slot.before.text.is_ascii());
        if slots.is_empty() || !values.is_empty() || !is_ascii {
            return None;
        }
        flat &= text.trim_ascii_start() == b"}";
        let absent = (0..ints.len()).filter(|column| slots.iter().all(|slot| slot.column != Some(*column))).collect();
        Some(Layout { slots, close: Fixed::new(text), absent, flat })
    }

    /// The slot behind `slot` whose text stands at `at`, if only members were left out before it; the number of
    /// slots if the record ends there.
    #[cold]
    pub fn find(&self, data: &[u8], slot: usize, at: usize) -> Option<usize> {
        if !self.flat || slot == 0 {
            return None;
        }
        let found = self.slots[slot..].iter().position(|slot| slot.before.is_at(data, at));
        found.map(|found| slot + found).or(self.close.is_at(data, at).then_some(self.slots.len()))
    }
}

/// The key in text such as `{"key": ` or `,"key":`, if it is just that, without escapes.
fn key(before: &[u8]) -> Option<&[u8]> {
    let text = before.trim_ascii().strip_suffix(b":")?.trim_ascii_end();
    let text = text.strip_prefix(b"{").or(text.strip_prefix(b","))?.trim_ascii_start();
    let key = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    key.iter().all(|b| !b"\"\\{}[]:,".contains(b)).then_some(key)
}
