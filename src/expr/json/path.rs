//! Paths into JSON: `$.user.address[0]["odd name"]`. Keys are those of objects, numbers count from 0, `[-1]` is the
//! last element.

use super::scan::{Kind, elements, kind, members, unescape};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(i64),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path {
    steps: Vec<Step>,
}

impl Path {
    /// A path that starts with `$`. Errors say what is wrong with it.
    pub fn parse(text: &str) -> Result<Path, String> {
        let wrong = |what: &str| format!("'{text}' is not a JSON path: {what}");
        let mut rest = text.trim().strip_prefix('$').ok_or_else(|| wrong("it starts with `$`"))?;
        // Said in the standard; other modes than lax are not known here.
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(behind) = rest.strip_prefix('.') {
                let (key, left) = name(behind).ok_or_else(|| wrong("a key is missing behind a point"))?;
                if key == "*" {
                    return Err(wrong("`*` is not known: a path leads to one place"));
                }
                steps.push(Step::Key(key));
                rest = left;
            } else if let Some(behind) = rest.strip_prefix('[') {
                let (step, left) =
                    bracket(behind).ok_or_else(|| wrong("in brackets stands a number or a quoted key"))?;
                steps.push(step);
                rest = left;
            } else {
                return Err(wrong("a step starts with `.` or `[`"));
            }
        }
        Ok(Path { steps })
    }

    /// The member `key` of an object.
    pub fn key(key: &str) -> Path {
        Path { steps: vec![Step::Key(key.to_owned())] }
    }

    /// The element `index` of an array.
    pub fn index(index: i64) -> Path {
        Path { steps: vec![Step::Index(index)] }
    }

    /// What the path leads to in `value`, which is known to be JSON.
    pub fn find<'a>(&self, value: &'a str) -> Option<&'a str> {
        self.steps.iter().try_fold(value, |value, step| match step {
            Step::Key(key) if kind(value) == Kind::Object => {
                // The first of repeated keys counts, as in sources.
                members(value).find(|item| is_key(item.key, key)).map(|item| item.value)
            }
            Step::Index(index) if kind(value) == Kind::Array => {
                let place = if *index < 0 { elements(value).count() as i64 + index } else { *index };
                elements(value).nth(usize::try_from(place).ok()?)
            }
            _ => None,
        })
    }
}

fn is_key(written: &str, key: &str) -> bool {
    if !written.contains('\\') {
        return written == key;
    }
    let mut plain = String::new();
    unescape(written, &mut plain);
    plain == key
}

/// A key behind a point: quoted, or up to the next step.
fn name(text: &str) -> Option<(String, &str)> {
    if let Some(behind) = text.strip_prefix('"') {
        return quoted(behind, '"');
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// What stands in brackets, and what follows them.
fn bracket(text: &str) -> Option<(Step, &str)> {
    for quote in ['"', '\''] {
        if let Some(behind) = text.strip_prefix(quote) {
            let (key, rest) = quoted(behind, quote)?;
            return Some((Step::Key(key), rest.strip_prefix(']')?));
        }
    }
    let (number, rest) = text.split_once(']')?;
    // DuckDB writes `[#-1]` for the last.
    Some((Step::Index(number.trim().trim_start_matches('#').parse().ok()?), rest))
}

fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    text.split_once(quote).map(|(key, rest)| (key.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let json = r#"{"a": {"b c": [10, {"d": "x"}, 30]}, "a.b": true, "a": 2, "\u0065": null}"#;
        let find = |path: &str| Path::parse(path).unwrap().find(json);
        assert_eq!(find("$"), Some(json));
        assert_eq!(find("$.a.\"b c\"[0]"), Some("10"));
        assert_eq!(find("$['a'][\"b c\"][1].d"), Some("\"x\""));
        assert_eq!(find("$.a.b c[-1]"), Some("30"));
        assert_eq!(find("$.a.b c[3]"), None);
        assert_eq!(find("$.a.b c[-4]"), None);
        assert_eq!(find("$['a.b']"), Some("true"));
        assert_eq!(find("$.e"), Some("null"));
        assert_eq!(find("$.a.b"), None);
        assert_eq!(find("$.a[0]"), None);
    }

    #[test]
    fn mistakes() {
        for wrong in ["", "a", "$a", "$.", "$..a", "$[", "$[x]", "$['a]", "$.*"] {
            assert!(Path::parse(wrong).is_err(), "{wrong}");
        }
    }
}
