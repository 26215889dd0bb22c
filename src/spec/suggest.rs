//! "Did you mean": words of other tools, then words spelled alike (`error::nearest`).

use crate::error::nearest;

/// Words of other tools and what they are called here; of several, the first that is possible at the place counts.
const OTHER_WORDS: [(&str, &[&str]); 161] = [
    ("add_columns", &["add"]),
    ("address", &["connect", "listen"]),
    ("aggregates", &["select"]),
    ("aggregations", &["select"]),
    ("allowed_lateness", &["lateness"]),
    ("apache", &["access-log"]),
    ("async", &["process"]),
    ("attempt", &["attempts"]),
    ("backoff", &["delay", "initial"]),
    ("backoff_max", &["max"]),
    ("batch", &["job"]),
    ("bind", &["listen"]),
    ("bounded", &["rows"]),
    ("checkpointing", &["checkpoint"]),
    ("checkpointing_interval", &["interval"]),
    ("codec", &["format"]),
    ("column", &["select", "by"]),
    ("columns", &["select", "schema"]),
    ("combined", &["access-log"]),
    ("comments", &["comment"]),
    ("common_log", &["access-log"]),
    ("compress", &["compression"]),
    ("condition", &["where"]),
    ("connector", &["type"]),
    ("console", &["stdout"]),
    ("count", &["rows", "n", "attempts"]),
    ("crash", &["process"]),
    ("csv", &["file"]),
    ("database", &["path", "sqlite"]),
    ("datagen", &["generate"]),
    ("db", &["path", "sqlite"]),
    ("dead_letter", &["dead-letter"]),
    ("deadletter", &["dead-letter"]),
    ("delim", &["delimiter"]),
    ("dest", &["path"]),
    ("destination", &["path"]),
    ("devnull", &["blackhole"]),
    ("disable", &["off", "none"]),
    ("disabled", &["off", "none"]),
    ("discard", &["blackhole"]),
    ("disk", &["power"]),
    ("dlq", &["dead-letter"]),
    ("encoding", &["format"]),
    ("error", &["fail"]),
    ("escapechar", &["escape"]),
    ("eventtime", &["event_time"]),
    ("every", &["slide", "interval"]),
    ("exponential_delay", &["exponential"]),
    ("expr", &["where", "select"]),
    ("expression", &["pattern"]),
    ("failure_rate_interval", &["per"]),
    ("false", &["off", "none"]),
    ("fields", &["schema", "select"]),
    ("file", &["path"]),
    ("filename", &["path"]),
    ("files", &["path", "file"]),
    ("filesystem", &["file"]),
    ("filter", &["where"]),
    ("fixed_delay", &["fixed"]),
    ("from", &["input"]),
    ("fsync", &["durability"]),
    ("grok", &["regex"]),
    ("group", &["by", "aggregate"]),
    ("group_by", &["by", "aggregate"]),
    ("groupby", &["by", "aggregate"]),
    ("gz", &["gzip"]),
    ("headers", &["header"]),
    ("hop", &["sliding"]),
    ("hopping", &["sliding"]),
    ("host", &["connect", "listen"]),
    ("ignore", &["skip"]),
    ("include", &["path"]),
    ("initial_backoff", &["initial"]),
    ("initial_delay", &["initial"]),
    ("inputs", &["input", "sources"]),
    ("interval", &["size", "per"]),
    ("jsonl", &["json"]),
    ("jsonlines", &["json"]),
    ("key", &["by"]),
    ("key_by", &["by", "aggregate"]),
    ("keyby", &["by", "aggregate"]),
    ("keys", &["by", "key"]),
    ("keyvalue", &["logfmt"]),
    ("kill", &["process"]),
    ("kind", &["type"]),
    ("kv", &["logfmt"]),
    ("length", &["size"]),
    ("line", &["lines"]),
    ("map", &["select"]),
    ("max_attempts", &["attempts"]),
    ("max_backoff", &["max"]),
    ("max_delay", &["max"]),
    ("max_failures", &["max"]),
    ("max_failures_per_interval", &["max"]),
    ("max_parallel", &["max_parallelism"]),
    ("max_retained", &["retain"]),
    ("min_pause_between_checkpoints", &["min_pause"]),
    ("na_values", &["null"]),
    ("ndjson", &["json"]),
    ("never", &["off", "none"]),
    ("nexmark", &["generate"]),
    ("nginx", &["access-log"]),
    ("no", &["off", "none"]),
    ("no_restart", &["none"]),
    ("nodes", &["transforms"]),
    ("none", &["off"]),
    ("null", &["blackhole"]),
    ("null_values", &["null"]),
    ("nulls", &["null"]),
    ("num_retained", &["retain"]),
    ("off", &["none"]),
    ("operator", &["transforms"]),
    ("operators", &["transforms"]),
    ("order_by", &["order"]),
    ("output", &["path", "sinks"]),
    ("outputs", &["sinks"]),
    ("parallel", &["parallelism"]),
    ("partition_by", &["by"]),
    ("period", &["interval", "per"]),
    ("pipeline", &["job"]),
    ("plain", &["lines"]),
    ("port", &["listen", "connect"]),
    ("predicate", &["where"]),
    ("primary_key", &["key"]),
    ("print", &["stdout"]),
    ("project", &["select"]),
    ("projection", &["select"]),
    ("quote_char", &["quote"]),
    ("quotechar", &["quote"]),
    ("raw", &["lines"]),
    ("regexp", &["regex"]),
    ("restart_strategy", &["restart"]),
    ("retained", &["retain"]),
    ("retries", &["attempts"]),
    ("retry", &["restart"]),
    ("rfc3164", &["syslog"]),
    ("rfc5424", &["syslog"]),
    ("sep", &["delimiter"]),
    ("separator", &["delimiter"]),
    ("skipinitialspace", &["trim"]),
    ("socket", &["tcp"]),
    ("sort", &["order"]),
    ("sort_by", &["order"]),
    ("source", &["sources", "input"]),
    ("step", &["slide"]),
    ("sync", &["durability", "power"]),
    ("take", &["limit", "n"]),
    ("target", &["path"]),
    ("text", &["lines"]),
    ("timezone", &["zone"]),
    ("tolerable_checkpoint_failure_number", &["tolerate"]),
    ("tolerable_failed_checkpoints", &["tolerate"]),
    ("tolerable_failures", &["tolerate"]),
    ("topic", &["path", "connect"]),
    ("topn", &["top"]),
    ("tumble", &["tumbling"]),
    ("type", &["strategy"]),
    ("tz", &["zone"]),
    ("watermark", &["event_time", "delay"]),
    ("window", &["aggregate", "per"]),
    ("workers", &["parallelism"]),
];

/// The one of `candidates` that `word` was probably meant to be.
pub fn suggest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase().replace('-', "_");
    let same = |c: &&&str| c.to_lowercase().replace('-', "_") == lower;
    if let Some(found) = candidates.iter().find(same) {
        return Some(found);
    }
    let ours = OTHER_WORDS.iter().find(|(other, _)| *other == lower).map_or(&[][..], |(_, ours)| ours);
    if let Some(found) = ours.iter().find_map(|w| candidates.iter().find(|c| c == &w)) {
        return Some(found);
    }
    nearest(word, candidates.iter().copied())
}

/// "did you mean …?" in front of `all`, if there is something alike among `candidates`.
pub(super) fn did_you_mean(word: &str, candidates: &[&str], all: &str) -> String {
    match suggest(word, candidates) {
        Some(found) => {
            let mut letters = all.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            format!("did you mean `{found}`? {}{}", first.collect::<String>(), letters.as_str())
        }
        None => all.to_string(),
    }
}

/// "`a`, `b`".
pub(super) fn list(words: &[&str]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_and_words_of_others() {
        let options = ["type", "input", "where", "select", "by", "window", "order", "path", "event_time"];
        for (word, expect) in [
            ("wher", Some("where")),
            ("Where", Some("where")),
            ("columns", Some("select")),
            ("group_by", Some("by")),
            ("condition", Some("where")),
            ("inputs", Some("input")),
            ("sort", Some("order")),
            ("watermark", Some("event_time")),
            ("event-time", Some("event_time")),
            ("ordr", Some("order")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(suggest(word, &options), expect, "{word}");
        }
        assert_eq!(suggest("columns", &["schema", "path"]), Some("schema"));
    }

    #[test]
    fn the_table_is_lower_case_and_each_word_stands_once() {
        for (i, (word, _)) in OTHER_WORDS.iter().enumerate() {
            assert_eq!(*word, word.to_lowercase());
            assert!(OTHER_WORDS[..i].iter().all(|(other, _)| other != word), "{word} twice");
        }
    }
}
