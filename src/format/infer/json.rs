//! Which fields the objects of a sample have, in the order in which they first appear, and what their values are.

use std::collections::HashMap;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::types::Fits;
use crate::data::DataType;

/// What stands at one place of all objects.
#[derive(Debug, Default)]
pub struct Shape {
    fits: Fits,
    /// Nulls count, too.
    seen: usize,
    members: Vec<(String, Shape)>,
    places: HashMap<String, usize>,
}

impl Shape {
    /// Takes in a line; false if it is not a JSON object.
    pub fn line(&mut self, line: &[u8]) -> bool {
        if !line.trim_ascii_start().starts_with(b"{") {
            return false;
        }
        // A line that breaks off has told of its first fields by then; that is no harm, they are only read as such.
        let mut input = serde_json::Deserializer::from_slice(line);
        Seed(self).deserialize(&mut input).is_ok() && input.end().is_ok()
    }

    /// Fields and their types.
    pub fn fields(&self) -> impl Iterator<Item = (&str, DataType)> {
        self.members.iter().map(|(name, shape)| (name.as_str(), shape.fits.ty()))
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    fn member(&mut self, key: String) -> &mut Shape {
        let place = match self.places.get(&key) {
            Some(&place) => place,
            None => {
                self.places.insert(key.clone(), self.members.len());
                self.members.push((key, Shape::default()));
                self.members.len() - 1
            }
        };
        &mut self.members[place].1
    }
}

/// Takes a value into a shape.
struct Seed<'a>(&'a mut Shape);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        self.0.seen += 1;
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.0.fits.boolean();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.0.fits.int();
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(_) => self.0.fits.int(),
            Err(_) => self.0.fits.wide(),
        }
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.0.fits.double();
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.0.fits.string(value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.fits.other();
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.fits.other();
        // Of a key that comes twice the first counts.
        let round = self.0.seen;
        while let Some(key) = map.next_key::<String>()? {
            let member = self.0.member(key);
            if member.seen < round {
                // Objects before this one may not have had it.
                member.seen = round - 1;
                map.next_value_seed(Seed(member))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
