//! One record a line: the cutter of `lines` and `json`, and the decoder and encoder of `lines`.

use memchr::{memchr, memrchr};

use super::{Cut, Cutter};

/// Cuts behind LF.
pub struct LineCutter {
    max_record: usize,
    /// So many bytes at the start of the data hold no LF.
    plain: usize,
    /// The rest of a record that is too long is being dropped.
    skipping: bool,
}

impl LineCutter {
    pub fn new(max_record: usize) -> LineCutter {
        LineCutter { max_record, plain: 0, skipping: false }
    }
}

impl Cutter for LineCutter {
    fn cut(&mut self, data: &[u8], last: bool) -> Cut {
        if data.is_empty() {
            return Cut::More;
        }
        if self.skipping {
            let lf = memchr(b'\n', data);
            self.skipping = lf.is_none();
            return Cut::Skip(lf.map_or(data.len(), |lf| lf + 1));
        }
        let plain = std::mem::take(&mut self.plain).min(data.len());
        match memrchr(b'\n', &data[plain..]) {
            Some(lf) => {
                self.plain = data.len() - (plain + lf + 1);
                Cut::Records(plain + lf + 1)
            }
            None if data.len() > self.max_record => {
                self.skipping = true;
                Cut::Records(self.max_record + 1)
            }
            None if last => Cut::Records(data.len()),
            None => {
                self.plain = data.len();
                Cut::More
            }
        }
    }
}
