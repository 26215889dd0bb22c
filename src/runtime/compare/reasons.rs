//! Why the state of an operator does not fit what it does now, in words for those who wrote the job file.

use std::collections::BTreeMap;

use crate::checkpoint::manifest::TableState;
use crate::state::table::TableShape;

/// What an operator is in words: see `plan::place::identity`.
pub type Identity = BTreeMap<String, String>;

/// What has changed between two identities of an operator.
pub fn identity(before: &Identity, now: &Identity) -> Vec<String> {
    let word = |identity: &Identity, key: &str| identity.get(key).cloned().unwrap_or_default();
    let (old, new) = (word(before, "operator"), word(now, "operator"));
    if old != new {
        // All else differs then, and says nothing more.
        return vec![format!("it was {}, it is {} now", operator(&old), operator(&new))];
    }
    let mut keys: Vec<&String> = before.keys().chain(now.keys()).collect();
    keys.sort();
    keys.dedup();
    let changed = keys.into_iter().filter(|key| before.get(*key) != now.get(*key));
    changed.map(|key| reason(&new, key, &word(before, key), &word(now, key))).collect()
}

/// What has changed about a table that an operator keeps, such as the types of its columns.
pub fn table(before: &TableState, now: &TableShape) -> Vec<String> {
    let fields = now.schema.fields.iter();
    let types = fields.zip(&before.columns).filter(|(field, (_, ty))| field.ty.to_string() != *ty);
    let mut changed: Vec<String> =
        types.map(|(field, (name, ty))| format!("`{name}` was {ty}, it is {} now", field.ty)).collect();
    let (had, has) = (before.columns.len(), now.schema.len());
    if had != has {
        changed.push(format!("its table `{}` had {had} columns, it has {has} now", now.name));
    }
    changed
}

fn operator(word: &str) -> String {
    match word {
        "" => "nothing".into(),
        "aggregate" => "an aggregate".into(),
        "sort" => "sorted".into(),
        word => format!("a {word}"),
    }
}

/// `operator`: which has both. Empty texts: there was, or is, none.
fn reason(operator: &str, key: &str, before: &str, now: &str) -> String {
    match (operator, key) {
        ("aggregate", "aggregates") => list("the aggregate functions", before, now),
        ("sort", "keys") => format!("`order` was {}, it is {} now", order(before), order(now)),
        (_, "order") => format!("`order` was {}, it is {} now", order(before), order(now)),
        (_, "columns") => list("the columns it keeps", before, now),
        (_, "by") => format!("`by` was {}, it is {} now", none(before), none(now)),
        (_, "emit") => format!("results came {}, they come {} now", emit(before), emit(now)),
        (_, "of") => format!("it sorted {}, it sorts {} now", none(before), none(now)),
        (_, key) => format!("`{key}` was {}, it is {} now", none(before), none(now)),
    }
}

fn none(text: &str) -> &str {
    if text.is_empty() { "not there" } else { text }
}

fn emit(word: &str) -> &str {
    match word {
        "close" => "when windows close",
        "update" => "for every row",
        "every" => "at intervals",
        other => other,
    }
}

/// `total decimal(38,2) desc nulls last` as it is written: how nulls are sorted is said only where that was asked for.
fn order(text: &str) -> String {
    let key = |key: &str| {
        let key = key.strip_suffix(" desc nulls last").map(|k| format!("{k} DESC")).unwrap_or_else(|| key.to_owned());
        key.strip_suffix(" nulls first").map_or_else(|| key.clone(), str::to_owned)
    };
    items(text).into_iter().map(key).collect::<Vec<_>>().join(", ")
}

/// What has gone from a list and what has come; else that its order is another.
fn list(what: &str, before: &str, now: &str) -> String {
    let (old, new) = (items(before), items(now));
    let quoted = |items: Vec<&str>| items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ");
    let gone: Vec<&str> = old.iter().filter(|item| !new.contains(item)).copied().collect();
    let come: Vec<&str> = new.iter().filter(|item| !old.contains(item)).copied().collect();
    match (gone.is_empty(), come.is_empty()) {
        (true, true) => format!("{what} are in another order: {before}, now {now}"),
        (false, true) => format!("{what}: {} has gone", quoted(gone)),
        (true, false) => format!("{what}: {} is new", quoted(come)),
        (false, false) => format!("{what}: {} has become {}", quoted(gone), quoted(come)),
    }
}

/// Parts of a list at its commas, not at those inside brackets or quotes.
fn items(text: &str) -> Vec<&str> {
    let (mut items, mut from, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, ',') if depth == 0 => {
                items.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    items.push(text[from..].trim());
    items.retain(|item| !item.is_empty());
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(operator: &str, more: &[(&str, &str)]) -> Identity {
        let more = more.iter().copied().chain([("operator", operator)]);
        more.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn lists_are_parted_at_their_own_commas() {
        for (text, expect) in [
            ("", vec![]),
            ("a int", vec!["a int"]),
            ("concat(a, b) string, sum(x) decimal(12,2)", vec!["concat(a, b) string", "sum(x) decimal(12,2)"]),
            ("a || ', ' string, b int", vec!["a || ', ' string", "b int"]),
            ("\"a, b\" int, c int", vec!["\"a, b\" int", "c int"]),
        ] {
            assert_eq!(items(text), expect, "{text}");
        }
    }

    #[test]
    fn what_has_changed_is_said_as_it_was_written() {
        let check = |operator: &str, key: &str, before: &str, now: &str, expect: &str| {
            let of =
                |value: &str| if value.is_empty() { words(operator, &[]) } else { words(operator, &[(key, value)]) };
            assert_eq!(identity(&of(before), &of(now)), [expect]);
        };
        check("aggregate", "window", "tumbling 1m", "tumbling 5m", "`window` was tumbling 1m, it is tumbling 5m now");
        check("aggregate", "window", "tumbling 1m", "", "`window` was tumbling 1m, it is not there now");
        check("aggregate", "by", "card string", "card int", "`by` was card string, it is card int now");
        let (count, both) = ("count(*)", "count(*), sum(a) int");
        check("aggregate", "aggregates", count, both, "the aggregate functions: `sum(a) int` is new");
        check("aggregate", "aggregates", both, count, "the aggregate functions: `sum(a) int` has gone");
        let expect = "the aggregate functions: `sum(a) int` has become `sum(a) double`";
        check("aggregate", "aggregates", both, "count(*), sum(a) double", expect);
        let expect = "the aggregate functions are in another order: count(*), sum(a) int, now sum(a) int, count(*)";
        check("aggregate", "aggregates", both, "sum(a) int, count(*)", expect);
        check("aggregate", "emit", "close", "update", "results came when windows close, they come for every row now");
        let (down, up) = ("n int desc nulls last", "n int nulls first");
        check("top", "order", down, up, "`order` was n int DESC, it is n int now");
        check("top", "n", "3", "4", "`n` was 3, it is 4 now");
    }

    #[test]
    fn another_operator_says_it_all() {
        let (before, now) = (words("aggregate", &[("by", "a int")]), words("top", &[("n", "3"), ("by", "b int")]));
        assert_eq!(identity(&before, &now), ["it was an aggregate, it is a top now"]);
        assert!(identity(&before, &before).is_empty());
    }
}
