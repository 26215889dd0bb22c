//! Windows of transforms.

use super::diagnostic::Diagnostic;
use super::options::{SLIDING, TUMBLING, Words};
use super::read::{Cx, Fields, Range};
use super::{Spanned, WindowSpec};

#[derive(Debug, Clone, Copy)]
enum Type {
    Tumbling,
    Sliding,
}

const TYPES: Words<Type> = Words {
    what: "window type",
    has: &[("tumbling", Type::Tumbling), ("sliding", Type::Sliding)],
    later: &["session", "cumulate", "count"],
};

/// The option `window` of a transform. `None`: there is none, or it is wrong.
pub(super) fn window(cx: &mut Cx, fields: &Fields) -> Option<Spanned<WindowSpec>> {
    let (table, span) = fields.table(cx, "window")?;
    let Some(value) = table.get("type") else {
        let error = Diagnostic::error("`type` is missing in a window").at(span).label("a window needs `type`");
        cx.push(error.help("add type = \"tumbling\"; there are `tumbling`, `sliding`"));
        return None;
    };
    let Some(ty) = cx.word("type", value, &TYPES) else {
        // Which options there are depends on the type, but durations are durations in all of them.
        for entry in table.entries.iter().filter(|e| ["size", "slide", "offset"].contains(&e.key.value.as_str())) {
            cx.duration(&entry.key.value, &entry.value, Range::Any);
        }
        return None;
    };
    let ty = ty.value;
    let options = match ty {
        Type::Tumbling => &TUMBLING,
        Type::Sliding => &SLIDING,
    };
    let inner = Fields::new(cx, table, options, options.what.into(), span);
    let size = need_duration(cx, &inner, "size");
    let slide = match ty {
        Type::Tumbling => None,
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
        Type::Tumbling => WindowSpec::Tumbling { size, offset },
        Type::Sliding => WindowSpec::Sliding { size, slide: slide?, offset },
    };
    Some(Spanned { value: window, span: span.clone() })
}

fn need_duration(cx: &mut Cx, fields: &Fields, name: &str) -> Option<i64> {
    fields.need(cx, name)?;
    fields.duration(cx, name, Range::Positive).map(|d| d.value)
}
