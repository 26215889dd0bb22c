//! Paths of JSON fields, such as `user.address.city` or `items[0].price`, gathered in a tree.

use crate::error::{Error, Result};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

/// A place in the object that some column comes from or lies under.
#[derive(Debug, Default)]
pub struct Node {
    /// Columns asked for that are this value.
    pub columns: Vec<usize>,
    /// Nodes below, by number.
    pub members: Vec<(String, usize)>,
    pub elements: Vec<(usize, usize)>,
    /// The steps that lead here.
    pub path: Vec<String>,
}

impl Node {
    pub fn member(&self, key: &[u8]) -> Option<usize> {
        self.members.iter().find(|(name, _)| name.as_bytes() == key).map(|&(_, node)| node)
    }

    pub fn element(&self, index: usize) -> Option<usize> {
        self.elements.iter().find(|(i, _)| *i == index).map(|&(_, node)| node)
    }

    pub fn is_leaf(&self) -> bool {
        self.members.is_empty() && self.elements.is_empty()
    }
}

/// The tree of `paths`, one per column; node 0 is the record itself.
pub fn tree(paths: &[Vec<Step>]) -> Vec<Node> {
    let mut nodes = vec![Node::default()];
    for (column, path) in paths.iter().enumerate() {
        let mut at = 0;
        for step in path {
            let next = nodes.len();
            let found = match step {
                Step::Key(key) => nodes[at].member(key.as_bytes()),
                Step::Index(index) => nodes[at].element(*index),
            };
            at = found.unwrap_or_else(|| {
                match step {
                    Step::Key(key) => nodes[at].members.push((key.clone(), next)),
                    Step::Index(index) => nodes[at].elements.push((*index, next)),
                }
                let mut path = nodes[at].path.clone();
                match step {
                    Step::Key(key) => path.push(key.clone()),
                    Step::Index(index) => {
                        path.iter_mut().last().into_iter().for_each(|key| key.push_str(&format!("[{index}]")))
                    }
                }
                nodes.push(Node { path, ..Node::default() });
                next
            });
        }
        nodes[at].columns.push(column);
    }
    nodes
}

/// Reads `a.b[0].c`. Errors: an empty key, an index that is no number.
pub fn parse(path: &str) -> Result<Vec<Step>> {
    let wrong = |what: &str| {
        Error::job(format!("'{path}' is not a JSON path: {what}"))
            .note("write it as in \"user.address.city\" or \"items[0].price\"")
    };
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (key, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if key.is_empty() {
            return Err(wrong("a key is empty"));
        }
        steps.push(Step::Key(key.to_string()));
        while !rest.is_empty() {
            let Some((index, behind)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) else {
                return Err(wrong("a bracket is not closed"));
            };
            let index = index.parse().map_err(|_| wrong(&format!("'{index}' is not an index")))?;
            steps.push(Step::Index(index));
            rest = behind;
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let key = |k: &str| Step::Key(k.into());
        assert_eq!(parse("a").unwrap(), [key("a")]);
        assert_eq!(parse("a.b c[0][12].d").unwrap(), [key("a"), key("b c"), Step::Index(0), Step::Index(12), key("d")]);
        for wrong in ["", ".a", "a..b", "a[", "a[x]", "a[0]b", "[0]", "a[-1]"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
