//! Windows of transforms.

use super::diagnostic::Diagnostic;
use super::options::{COUNT, SLIDING, TUMBLING, Words};
use super::read::{Cx, Fields, Range};
use super::value::Kind;
use super::{Span, Spanned, WindowSpec};

#[derive(Debug, Clone, Copy)]
enum Type {
    Tumbling,
    Sliding,
    Count,
}

const TYPES: Words<Type> = Words {
    what: "window type",
    has: &[("tumbling", Type::Tumbling), ("sliding", Type::Sliding), ("count", Type::Count)],
    later: &["session", "cumulate"],
};

/// The option `window` of a transform. `None`: there is none, or it is wrong.
pub(super) fn window(cx: &mut Cx, fields: &Fields) -> Option<Spanned<WindowSpec>> {
    let (table, span) = fields.table(cx, "window")?;
    let Some(value) = table.get("type") else {
        let error = Diagnostic::error("`type` is missing in a window").at(span).label("a window needs `type`");
        cx.push(error.help("add type = \"tumbling\"; there are `tumbling`, `sliding`, `count`"));
        return None;
    };
    let Some(ty) = cx.word_or_near("type", value, &TYPES) else {
        // Which options there are depends on the type, but durations are durations in all of them.
        for entry in table.entries.iter().filter(|e| ["size", "slide", "offset"].contains(&e.key.value.as_str())) {
            cx.duration(&entry.key.value, &entry.value, Range::Any);
        }
        return None;
    };
    // What a window of another type lacks is not said either.
    cx.guessed |= !matches!(&value.kind, Kind::String(word) if TYPES.names().contains(&word.text.value.as_str()));
    let ty = ty.value;
    let options = match ty {
        Type::Tumbling => &TUMBLING,
        Type::Sliding => &SLIDING,
        Type::Count => &COUNT,
    };
    let inner = Fields::new(cx, table, options, options.what.into(), span);
    if let Type::Count = ty {
        return count(cx, &inner).map(|value| Spanned { value, span: span.clone() });
    }
    let size = need_duration(cx, &inner, "size");
    let slide = match ty {
        Type::Tumbling | Type::Count => None,
        Type::Sliding => need_duration(cx, &inner, "slide"),
    };
    let offset = inner.duration(cx, "offset", Range::Any);
    let size = size?;
    if let Some(offset) = &offset
        && offset.value.unsigned_abs() >= size.unsigned_abs()
    {
        let error = Diagnostic::error("the offset must be smaller than the window").at(&offset.span);
        cx.push(
            error
                .label("as long as the window, or longer")
                .help("it shifts the start of the windows; -size < offset < size"),
        );
    }
    let offset = offset.map_or(0, |o| o.value);
    let window = match ty {
        Type::Tumbling | Type::Count => WindowSpec::Tumbling { size, offset },
        Type::Sliding => WindowSpec::Sliding { size, slide: slide?, offset },
    };
    Some(Spanned { value: window, span: span.clone() })
}

/// More rows than this are not kept for one key.
const COUNT_MAX: u64 = 1 << 40;

fn count(cx: &mut Cx, fields: &Fields) -> Option<WindowSpec> {
    let size = fields.need(cx, "size").and_then(|_| fields.count(cx, "size", 1, COUNT_MAX));
    let slide = fields.get("slide").map(|_| fields.count(cx, "slide", 1, COUNT_MAX));
    let partial = fields.boolean(cx, "partial").is_some_and(|partial| partial.value);
    let size = size?.value;
    let slide = slide.map_or(Some(size), |slide| slide.map(|s| s.value))?;
    Some(WindowSpec::Count { size, slide, partial })
}

const TIMES: Words<bool> = Words { what: "time", has: &[("event", false), ("processing", true)], later: &[] };

/// Where the option `window` says that it goes by the wall clock.
pub(super) fn processing(cx: &mut Cx, fields: &Fields) -> Option<Span> {
    let Kind::Table(table) = &fields.get("window")?.kind else { return None };
    // Windows of rows have no such option, which has been said.
    if matches!(table.get("type").map(|ty| &ty.kind), Some(Kind::String(ty)) if ty.text.value == "count") {
        return None;
    }
    let time = cx.word("time", table.get("time")?, &TIMES)?;
    time.value.then_some(time.span)
}

fn need_duration(cx: &mut Cx, fields: &Fields, name: &str) -> Option<i64> {
    fields.need(cx, name)?;
    fields.duration(cx, name, Range::Positive).map(|d| d.value)
}
