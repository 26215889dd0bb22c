//! The channels that bids come through: four hot ones and 10,000 others, the same for every seed.

use std::io::Write;
use std::sync::OnceLock;

use arrow_buffer::Buffer;

use super::super::random::{Draws, Seed};
use crate::data::raw;

const HOT_CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];
const OTHER_CHANNELS: u64 = 10_000;

/// Names and addresses, as views that columns are put together from without copying text.
pub struct Channels {
    /// Hot ones first. At most 12 bytes each, so they lie in the views.
    names: Vec<u128>,
    urls: Vec<u128>,
    url_text: Buffer,
}

impl Channels {
    pub fn get() -> &'static Channels {
        static CHANNELS: OnceLock<Channels> = OnceLock::new();
        CHANNELS.get_or_init(Channels::new)
    }

    fn new() -> Channels {
        let mut channels = Channels { names: Vec::new(), urls: Vec::new(), url_text: Buffer::from(&[] as &[u8]) };
        let mut text = Vec::new();
        let mut push = |name: &str, number: u64, with_id: bool| {
            let start = text.len();
            write_url(number, with_id, &mut text);
            channels.urls.push(raw::view(&text[start..], 0, start as u32));
            channels.names.push(raw::view(name.as_bytes(), 0, 0));
        };
        HOT_CHANNELS.iter().zip(0..).for_each(|(name, number)| push(name, number, false));
        (0..OTHER_CHANNELS).for_each(|number| push(&format!("channel-{number}"), number, true));
        channels.url_text = Buffer::from_vec(text);
        channels
    }

    /// Number of hot channels.
    pub fn hot(&self) -> u64 {
        HOT_CHANNELS.len() as u64
    }

    /// Number of all others; they stand behind the hot ones.
    pub fn others(&self) -> u64 {
        OTHER_CHANNELS
    }

    pub fn name(&self, channel: usize) -> u128 {
        self.names[channel]
    }

    pub fn url(&self, channel: usize) -> u128 {
        self.urls[channel]
    }

    /// The text behind the views of [`Channels::url`].
    pub fn urls(&self) -> Buffer {
        self.url_text.clone()
    }

    /// The text behind the views of [`Channels::name`]: none.
    pub fn no_text() -> Buffer {
        Buffer::from(&[] as &[u8])
    }
}

/// `https://www.nexmark.com/abc/de_f/ghi/item.htm?query=1`; nine in ten of the others have `&channel_id=` and the
/// number of the channel with its bits reversed behind it.
fn write_url(number: u64, with_id: bool, out: &mut Vec<u8>) {
    let draws = Seed::new(0).event(number);
    out.extend_from_slice(b"https://www.nexmark.com");
    for part in 0..3 {
        out.push(b'/');
        write_part(draws, 8 * part, out);
    }
    out.extend_from_slice(b"/item.htm?query=1");
    if with_id && draws.below(24, 10) > 0 {
        let id = (number as i32).reverse_bits().unsigned_abs();
        write!(out, "&channel_id={id}").expect("writing to memory does not fail");
    }
}

/// Three or four characters from draws `n` to `n + 4`, one in thirteen of them `_`.
fn write_part(draws: Draws, n: u64, out: &mut Vec<u8>) {
    for character in 0..3 + draws.below(n, 2) {
        let (delimiter, letter) = draws.pair(n + 1 + character, 13, 26);
        out.push(if delimiter == 0 { b'_' } else { b'a' + letter as u8 });
    }
}
