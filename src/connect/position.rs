//! Positions of sources as people read them.

use serde_json::Value;

use super::{file, journal, throttle};

/// Where a source goes on, in words, a line for each input: what [`super::Source::position`] of a source of this type
/// (`kind`) gave. One that is not understood is shown as it is.
pub fn in_words(kind: &str, position: &Value) -> Vec<String> {
    if let Some((inner, taken)) = throttle::parted(position) {
        return match inner.as_u64() {
            Some(row) => in_words(kind, &Value::from(row.saturating_add(taken))),
            None => {
                let mut lines = in_words(kind, &inner);
                lines.extend((taken > 0).then(|| format!("and {taken} bytes further")));
                lines
            }
        };
    }
    match (kind, position) {
        (_, Value::Null) => Some(Vec::new()),
        ("file", position) => file::in_words(position),
        ("generate", Value::Number(row)) => Some(vec![format!("at row {row}")]),
        (_, position) => journal::in_words(position),
    }
    .unwrap_or_else(|| vec![position.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn positions_are_said_in_words() {
        let mark = json!({ "offset": 4096, "head": 1, "tail": 2 });
        let open = json!({ "path": "b.csv", "state": { "open": { "mark": mark, "slot": 0, "time": 0 } } });
        let done = json!({ "path": "a.csv", "state": "done" });
        let waiting = json!({ "path": "c.csv", "state": { "waiting": { "time": null } } });
        let files = |files: Vec<Value>| json!({ "by_time": false, "ended": false, "done_bytes": 7, "slots": 0, "files": files });
        let few = files(vec![done.clone(), open.clone(), waiting]);
        let many = files(vec![done; 11].into_iter().chain([open]).collect());
        let journal = json!({ "segment": 3, "offset": 17, "inputs": 1, "ended": false });
        let slow = |inner: &Value| json!({ "inner": inner, "taken": 5 });
        for (kind, position, expect) in [
            ("file", &few, vec!["a.csv: read to its end", "b.csv: at byte 4096", "c.csv: not opened yet"]),
            ("file", &many, vec!["11 files: read to their ends", "b.csv: at byte 4096"]),
            ("generate", &json!(12), vec!["at row 12"]),
            ("generate", &slow(&json!(12)), vec!["at row 17"]),
            ("stdin", &slow(&journal), vec!["journal: segment 3, byte 17; 1 input so far", "and 5 bytes further"]),
            ("tcp", &Value::Null, vec![]),
            ("file", &json!([1]), vec!["[1]"]),
        ] {
            assert_eq!(in_words(kind, position), expect, "{position}");
        }
    }
}
