//! What is known of a record beside its content, as columns: where it stands, who sent it, when it was read.

use std::path::Path;

use arrow_array::{StringViewArray, TimestampMicrosecondArray};

use super::worker::lines_before;
use crate::connect::{Block, Body};
use crate::data::Column;
use crate::error::{Error, Result};
use crate::format::Place;
use crate::spec::Metadata;

/// A column for each of `metadata`, of the `rows` good records of `block` from the input `name`. `places` are theirs.
pub fn columns(metadata: &[Metadata], block: &Block, name: &str, rows: usize, places: &[Place]) -> Result<Vec<Column>> {
    if metadata.iter().any(|m| m.is_place()) && places.len() != rows {
        return Err(Error::internal("the decoder does not say where its records are"));
    }
    let missing = |what: &str| Error::internal(format!("a source does not say {what}"));
    let offset = match &block.body {
        Body::Bytes { offset, .. } => *offset,
        Body::Group(_) | Body::Range { .. } | Body::Empty => 0,
    };
    let column = |metadata: &Metadata| {
        Ok(match metadata {
            Metadata::File | Metadata::Peer => text(name, rows),
            Metadata::Stem => text(stem(name), rows),
            Metadata::Line => {
                let before = block.line.ok_or_else(|| missing("which line a block starts at"))?;
                let before = lines_before(&block.body) + before + 1;
                ints(places.iter().map(|place| before + place.line))
            }
            Metadata::Offset => ints(places.iter().map(|place| offset + place.offset as u64)),
            Metadata::Received => {
                let at = block.received.ok_or_else(|| missing("when a block was read"))?;
                Column::Timestamp(TimestampMicrosecondArray::from_value(at, rows))
            }
        })
    };
    metadata.iter().map(column).collect()
}

/// One text for all rows, kept once.
fn text(value: &str, rows: usize) -> Column {
    let (one, buffers, _) = StringViewArray::from_iter_values([value]).into_parts();
    // All views are that of the one value.
    Column::String(StringViewArray::new(vec![one[0]; rows].into(), buffers, None))
}

fn ints(values: impl Iterator<Item = u64>) -> Column {
    Column::Int(values.map(|value| value as i64).collect::<Vec<_>>().into())
}

/// A file name without its folder and all of its extensions: `app` of `logs/app.log.gz`.
fn stem(path: &str) -> &str {
    let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path);
    // A leading point begins the name of a hidden file.
    let end = name.char_indices().skip(1).find(|(_, c)| *c == '.').map_or(name.len(), |(at, _)| at);
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_have_no_folder_and_no_extension() {
        for (path, expect) in [
            ("logs/app.log", "app"),
            ("app.2024.csv.gz", "app"),
            ("plain", "plain"),
            ("/a.b/.hidden.csv", ".hidden"),
            ("é.csv", "é"),
            ("", ""),
        ] {
            assert_eq!(stem(path), expect, "{path}");
        }
    }

    #[test]
    fn a_long_name_is_kept_once() {
        let name = "a folder with a long name/and a file.csv";
        let Column::String(column) = text(name, 1000) else { panic!("text") };
        assert!(column.iter().all(|value| value == Some(name)) && column.data_buffers()[0].len() == name.len());
    }
}
