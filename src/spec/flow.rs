//! Transforms that pass the rows of their input on: some of them, more of them, to several outputs, or slower.

use super::diagnostic::Diagnostic;
use super::load::place;
use super::read::{Cx, Fields};
use super::value::Kind;
use super::{NodeKind, Spanned, Text};

pub(super) fn limit(cx: &mut Cx, fields: &Fields) -> Option<NodeKind> {
    let n = fields.need(cx, "n").and_then(|_| fields.count(cx, "n", 0, u64::MAX));
    let by = fields.get("by").map_or(Some(Vec::new()), |_| fields.texts(cx, "by"));
    Some(NodeKind::Limit { n: n?, by: by? })
}

/// Names of outputs that no case can have: where other rows go.
const TAKEN: [&str; 2] = ["default", "errors"];

pub(super) fn route(cx: &mut Cx, fields: &Fields) -> Option<NodeKind> {
    fields.need(cx, "cases")?;
    let (table, span) = fields.table(cx, "cases")?;
    if table.entries.is_empty() {
        let help = format!("write it such as cases = {}", fields.example("cases"));
        cx.push(Diagnostic::error("`cases` is empty").at(span).label("empty").help(help));
        return None;
    }
    let mut entries: Vec<_> = table.entries.iter().collect();
    entries.sort_by_key(|entry| place(&entry.key.span));
    let mut cases: Vec<(Spanned<String>, Text)> = Vec::new();
    let mut fine = true;
    for entry in entries {
        fine &= is_name(cx, &entry.key);
        if !matches!(&entry.value.kind, Kind::String(_)) {
            cx.wrong_type(&entry.key.value, &entry.value, "a condition such as \"amount > 500\"");
            fine = false;
            continue;
        }
        let Some(text) = cx.string(&entry.key.value, &entry.value, "a condition such as \"amount > 500\"") else {
            continue;
        };
        cases.push((entry.key.clone(), text.clone()));
    }
    fine.then_some(NodeKind::Route { cases })
}

fn is_name(cx: &mut Cx, key: &Spanned<String>) -> bool {
    let name = &key.value;
    if TAKEN.contains(&name.as_str()) {
        let help = match name.as_str() {
            "default" => "rows for which no case is true go to `default` without being told",
            _ => "`errors` is for rows on which a condition fails: give the case another name",
        };
        let error = Diagnostic::error(format!("a case cannot be named `{name}`")).at(&key.span);
        cx.push(error.label("taken").help(help));
        return false;
    }
    let fits = |(i, c): (usize, char)| c.is_ascii_alphabetic() || c == '_' || i > 0 && (c.is_ascii_digit() || c == '-');
    let fine = !name.is_empty() && name.chars().enumerate().all(fits);
    if !fine {
        let error = Diagnostic::error(format!("`{name}` cannot be the name of an output")).at(&key.span);
        cx.push(error.label("not a name").help("a letter or `_`, then letters, digits, `_` and `-`"));
    }
    fine
}

pub(super) fn sample(cx: &mut Cx, fields: &Fields) -> Option<NodeKind> {
    let seed = fields.count(cx, "seed", 0, u64::MAX).map_or(0, |seed| seed.value);
    fields.need(cx, "fraction")?;
    let fraction = fields.positive(cx, "fraction")?;
    if fraction.value > 1.0 {
        let label = "it must be greater than 0 and at most 1";
        cx.push(Diagnostic::error("`fraction` is out of range").at(&fraction.span).label(label));
        return None;
    }
    Some(NodeKind::Sample { fraction, seed })
}

pub(super) fn throttle(cx: &mut Cx, fields: &Fields) -> Option<NodeKind> {
    fields.need(cx, "rate")?;
    fields.positive(cx, "rate").map(|rate| NodeKind::Throttle { rate })
}

pub(super) fn explode(cx: &mut Cx, fields: &Fields) -> Option<NodeKind> {
    let keep_empty = fields.boolean(cx, "keep_empty").is_some_and(|keep| keep.value);
    let list = fields.need_text(cx, "list")?;
    Some(NodeKind::Explode { list, keep_empty })
}
