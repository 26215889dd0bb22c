//! JSON text inside of expressions: a scanner over its bytes, and paths into it. No tree is built: what is found is a
//! part of the text, so that numbers keep all of their digits.

mod path;
mod scan;

pub use path::Path;
pub use scan::{Kind, elements, is_json, kind, members, unescape, whole};
