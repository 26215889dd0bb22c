//! Which fields the objects of a sample have, in the order in which they first appear, and what their values are.

use std::collections::HashMap;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::types::Fits;
use crate::data::{DataType, Field};

/// An object with more members than this is no struct.
const MEMBERS_MAX: usize = 100;
/// So deep objects and arrays are taken apart.
const DEPTH_MAX: usize = 8;

/// What stands at one place of all objects.
#[derive(Debug, Default)]
pub struct Shape {
    fits: Fits,
    /// Nulls count, too.
    seen: usize,
    objects: usize,
    arrays: usize,
    /// What stands in the arrays, if one has anything.
    items: Option<Box<Shape>>,
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
        self.members.iter().map(|(name, shape)| (name.as_str(), shape.ty(0)))
    }

    /// Objects are structs and arrays lists of what their members are. What is now this and now that, is empty or has
    /// very many members, as a map by key has, stays JSON.
    fn ty(&self, depth: usize) -> DataType {
        let all = |count: usize| count > 0 && count == self.fits.values;
        let is_name = |name: &str| !name.is_empty() && !name.contains(['"', '`', '\\']);
        match &self.items {
            _ if self.objects + self.arrays == 0 => self.fits.ty(),
            Some(items) if all(self.arrays) && depth < DEPTH_MAX => DataType::list(items.ty(depth + 1)),
            _ if all(self.objects)
                && (1..=MEMBERS_MAX).contains(&self.members.len())
                && self.members.iter().all(|(name, _)| is_name(name))
                && depth < DEPTH_MAX =>
            {
                let field = |(name, shape): &(String, Shape)| Field { name: name.clone(), ty: shape.ty(depth + 1) };
                DataType::structure(self.members.iter().map(field).collect())
            }
            _ => DataType::Json,
        }
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
        self.0.arrays += 1;
        // Where there is none, one is made for nothing.
        let mut shape = self.0.items.take().unwrap_or_default();
        while items.next_element_seed(Seed(&mut shape))?.is_some() {}
        self.0.items = Some(shape).filter(|shape| shape.seen > 0);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.fits.other();
        self.0.objects += 1;
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
