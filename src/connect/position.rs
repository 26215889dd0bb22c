//! Where sources and sinks go on, as people read it.

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
                lines.extend((taken > 0).then(|| format!("of the block there, {taken} bytes are read")));
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

/// What a sink of this type (`kind`) goes on from, in words: its [`super::Prepared::state`].
pub fn target_in_words(kind: &str, state: &Value) -> String {
    let path = |value: &Value| value.as_str().map(str::to_owned);
    let known = match kind {
        "file" => path(&state["path"]).zip(state["length"].as_u64()).map(|(target, length)| {
            match path(&state["beside"]["temporary"]) {
                Some(hidden) => format!("{length} bytes for {target}, in {hidden} until the end"),
                None => format!("{length} bytes in {target}"),
            }
        }),
        "directory" => path(&state["place"]["path"])
            .zip(state["parts"].as_array())
            .map(|(target, parts)| format!("{target}, {} parts of which are being written", parts.len())),
        _ => None,
    };
    known.unwrap_or_else(|| state.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn targets_are_said_in_words() {
        let hidden = json!({ "path": "o.csv", "length": 7, "beside": { "target": "o.csv", "temporary": ".o.tmp" } });
        let grown = json!({ "path": "o.csv", "length": 7, "grown": { "base": 2, "created": false } });
        for (kind, state, expect) in [
            ("file", &hidden, "7 bytes for o.csv, in .o.tmp until the end"),
            ("file", &grown, "7 bytes in o.csv"),
            ("directory", &json!({ "place": { "path": "d" }, "parts": [1] }), "d, 1 parts of which are being written"),
            ("sqlite", &json!({ "started": true }), "{\"started\":true}"),
        ] {
            assert_eq!(target_in_words(kind, state), expect);
        }
    }

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
            (
                "stdin",
                &slow(&journal),
                vec!["journal: segment 3, byte 17; 1 input so far", "of the block there, 5 bytes are read"],
            ),
            ("tcp", &Value::Null, vec![]),
            ("file", &json!([1]), vec!["[1]"]),
        ] {
            assert_eq!(in_words(kind, position), expect, "{position}");
        }
    }
}
