//! Values that nobody is to see: they are blanked in all that is said and in all reasons that are written.

use std::fmt;
use std::sync::Arc;

/// Shorter secrets are not searched for: blanking every `a` helps nobody.
const BYTES_MIN: usize = 4;
/// Of a value that a message cuts off, so many bytes tell that it is a secret.
const PREFIX_BYTES: usize = 8;
/// What stands behind a value that is cut off.
const CUT: char = '…';
const BLANK: &str = "***";

/// Secrets. Cheap to clone; not shown, not even by `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Arc<[String]>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Secrets {
    /// Also in the forms in which they stand in SQL text, in JSON, in diagrams, and where control characters are escaped.
    pub fn new(values: Vec<String>) -> Secrets {
        let in_sql = |value: &String| value.replace('\'', "''");
        let escaped = |value: &String| {
            let inside = |c: char| if matches!(c, '"' | '\\') { format!("\\{c}") } else { plain(c) };
            value.chars().map(inside).collect::<String>()
        };
        let shown = |value: &String| value.chars().map(plain).collect::<String>();
        let drawn = |value: &String| value.chars().map(in_diagram).collect::<String>();
        let outside = |value: String| [escaped(&value), shown(&value), drawn(&value), value];
        // Blanks around a value go where it is read as a number, say.
        let forms = |value: String| [in_sql(&value), value.trim().to_owned(), value].map(outside);
        let mut all: Vec<String> = values.into_iter().flat_map(forms).flatten().collect();
        all.retain(|value| value.len() >= BYTES_MIN);
        all.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        all.dedup();
        Secrets(all.into())
    }

    /// `text` with the secrets blanked.
    pub fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| match text.contains(secret.as_str()) {
            true => text.replace(secret.as_str(), BLANK),
            false if text.contains(CUT) => without_start(text, secret),
            false => text,
        })
    }
}

fn plain(c: char) -> String {
    if c.is_control() { c.escape_default().collect() } else { c.to_string() }
}

/// As the labels of Mermaid have it.
fn in_diagram(c: char) -> String {
    match c {
        '"' | '<' | '>' | '#' | '`' | '&' => format!("#{};", u32::from(c)),
        c => plain(c),
    }
}

/// `text` without what stands before a cut and is the start of `secret`.
fn without_start(mut text: String, secret: &str) -> String {
    let mut from = 0;
    while let Some(cut) = text[from..].find(CUT).map(|at| from + at) {
        let before = &text[..cut];
        let lengths = secret.char_indices().map(|(len, _)| len).filter(|len| *len >= PREFIX_BYTES);
        let len = lengths.rev().find(|len| before.ends_with(&secret[..*len]));
        from = cut + CUT.len_utf8();
        if let Some(len) = len {
            text.replace_range(cut - len..cut, BLANK);
            from = cut - len + BLANK.len() + CUT.len_utf8();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blanked_in_all_forms() {
        let secrets =
            Secrets::new(vec!["it's \"so\"\nlong a word".into(), "hunter22".into(), "abc".into(), " blanks ".into()]);
        for (text, expect) in [
            ("x hunter22hunter22", "x ******"),
            ("abc", "abc"),
            ("'a blanks'", "'a ***'"),
            ("a #34;so#34;", "a #34;so#34;"),
            ("it's \"so\"\nlong a word!", "***!"),
            ("'it''s \"so\"\nlong a word'", "'***'"),
            (r#""it's \"so\"\nlong a word""#, "\"***\""),
            ("'it's \"so\"\\nlong…' and 'it's…'", "'***…' and 'it's…'"),
            ("'xhunter22…'", "'x***…'"),
        ] {
            assert_eq!(secrets.redact(text), expect, "{text}");
        }
        assert_eq!(format!("{secrets:?}").split(' ').nth(1), Some("secrets"));
    }
}
