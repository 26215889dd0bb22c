//! Texts of a chunk.

use super::bounds::TextBounds;
use super::dictionary;
use super::page::{FIRST_LOOK, Page, nearly_all, pays};

/// Texts of a chunk.
#[derive(Debug)]
pub struct Texts {
    pub dictionary: dictionary::Texts,
    pub page: Page,
    count: usize,
    /// Bytes of the values of the page at hand, had they been written plain.
    pub bytes: usize,
    pub bounds: TextBounds,
}

impl Texts {
    pub fn new() -> Texts {
        let (dictionary, page) = (dictionary::Texts::new(), Page::Places(Vec::new()));
        Texts { dictionary, page, count: 0, bytes: 0, bounds: TextBounds::default() }
    }

    pub fn take(&mut self, value: &[u8]) {
        self.count += 1;
        self.bytes += value.len() + 4;
        match &mut self.page {
            Page::Plain(bytes) => {
                self.bounds.take(value);
                dictionary::plain(value, bytes);
            }
            Page::Places(places) => {
                let (place, new) = self.dictionary.place(value);
                places.push(place);
                if new {
                    self.bounds.take(value);
                }
                if self.count == FIRST_LOOK && nearly_all(self.dictionary.len()) {
                    self.give_up();
                }
            }
        }
    }

    /// As of numbers.
    pub fn look(&mut self) {
        if !pays(self.count, self.dictionary.len(), self.dictionary.bytes.len(), self.bytes) {
            self.give_up();
        }
    }

    /// As of numbers.
    fn give_up(&mut self) {
        let Page::Places(places) = &self.page else { return };
        if places.len() < self.count {
            return;
        }
        let mut bytes = Vec::with_capacity(self.bytes);
        places.iter().for_each(|&place| bytes.extend_from_slice(self.dictionary.written(place)));
        self.dictionary = dictionary::Texts::new();
        self.page = Page::Plain(bytes);
    }
}
