//! Names of part files. They say which run and which checkpoint a part belongs to, so what came later can be told
//! from the folder alone.

use std::path::Path;

/// Written at the end, where `success_file` asks for it.
pub const SUCCESS: &str = "_SUCCESS";

const HIDDEN_SUFFIX: &str = ".inprogress";

#[derive(Debug, Clone)]
pub struct Names {
    pub prefix: String,
    /// Without the dot.
    pub extension: String,
}

/// What a name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Of a hidden part, the mark of its job.
    pub lineage: String,
    /// The one that made it visible; `None` while it is hidden.
    pub checkpoint: Option<u64>,
    /// Of the part: in a lineage, no two have the same.
    pub number: u64,
}

impl Names {
    pub fn hidden(&self, mark: &str, number: u64) -> String {
        format!(".{}-{mark}-{number:06}{HIDDEN_SUFFIX}", self.prefix)
    }

    pub fn visible(&self, lineage: &str, checkpoint: u64, number: u64) -> String {
        format!("{}-{lineage}-{checkpoint:06}-{number:06}.{}", self.prefix, self.extension)
    }

    /// `None` if it is not the name of a part. The extension does not count: the format may have been another.
    pub fn parse(&self, name: &Path) -> Option<Named> {
        let name = name.to_str()?;
        let start = format!("{}-", self.prefix);
        if let Some(middle) = name.strip_prefix('.').and_then(|name| name.strip_suffix(HIDDEN_SUFFIX)) {
            let (lineage, number) = middle.strip_prefix(&start)?.rsplit_once('-')?;
            return Some(Named { lineage: lineage.into(), checkpoint: None, number: number.parse().ok()? });
        }
        let (middle, _) = name.strip_prefix(&start)?.rsplit_once('.')?;
        let (middle, number) = middle.rsplit_once('-')?;
        let (lineage, checkpoint) = middle.rsplit_once('-')?;
        let checkpoint = Some(checkpoint.parse().ok()?);
        Some(Named { lineage: lineage.into(), checkpoint, number: number.parse().ok()? })
    }
}

/// Whether a folder of this name holds a partition: `column=value`.
pub fn is_partition(name: &Path) -> bool {
    name.to_str().is_some_and(|name| name.contains('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_was_put_in() {
        let names = Names { prefix: "part-x".into(), extension: "csv".into() };
        let parse = |name: &str| names.parse(Path::new(name));
        for lineage in ["a1", "a-1.b"] {
            let hidden = Named { lineage: lineage.into(), checkpoint: None, number: 7 };
            assert_eq!(parse(&names.hidden(lineage, 7)), Some(hidden));
            let visible = Named { lineage: lineage.into(), checkpoint: Some(12), number: 1_000_000 };
            assert_eq!(parse(&names.visible(lineage, 12, 1_000_000)), Some(visible));
        }
        for other in ["part-x.csv", "part-x-a-b-c.csv", "part-y-a-1-1.csv", ".part-x-a-1.tmp", "_SUCCESS"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
