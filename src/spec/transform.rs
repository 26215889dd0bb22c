//! Transforms: one function per type. Those that pass their input's rows on are in `flow`.

use super::diagnostic::Diagnostic;
use super::flow;
use super::options::{
    AGGREGATE, EMIT, EVENT_TIME_TRANSFORM, EXPLODE, FILTER, LIMIT, ROUTE, SAMPLE, SELECT_TRANSFORM, THROTTLE,
    TOP_TRANSFORM, Words,
};
use super::read::{Cx, Fields, Range};
use super::source::{ON_ERRORS, event_time_of, node_type};
use super::value::{Kind, Table, Value};
use super::window::{processing, window};
use super::{AggregateNode, EmitSpec, NodeKind, NodeSpec, OrderSpec, Spanned, TopNode, WindowSpec};

#[derive(Debug, Clone, Copy)]
enum Type {
    Filter,
    Select,
    Aggregate,
    Top,
    Limit,
    Route,
    Sample,
    Throttle,
    EventTime,
    Explode,
}

const TYPES: Words<Type> = Words {
    what: "transform type",
    has: &[
        ("filter", Type::Filter),
        ("select", Type::Select),
        ("explode", Type::Explode),
        ("route", Type::Route),
        ("event_time", Type::EventTime),
        ("aggregate", Type::Aggregate),
        ("top", Type::Top),
        ("limit", Type::Limit),
        ("sample", Type::Sample),
        ("throttle", Type::Throttle),
    ],
    later: &["over", "dedup", "join", "lookup", "pattern", "timer", "sql", "exec"],
};

/// `None` after a diagnostic.
pub(super) fn transform(cx: &mut Cx, name: &Spanned<String>, table: &Table) -> Option<NodeSpec> {
    let ty = node_type(cx, name, table, "transform", &TYPES)?;
    let options = match ty {
        Type::Filter => &FILTER,
        Type::Select => &SELECT_TRANSFORM,
        Type::Aggregate => &AGGREGATE,
        Type::Top => &TOP_TRANSFORM,
        Type::Limit => &LIMIT,
        Type::Route => &ROUTE,
        Type::Sample => &SAMPLE,
        Type::Throttle => &THROTTLE,
        Type::EventTime => &EVENT_TIME_TRANSFORM,
        Type::Explode => &EXPLODE,
    };
    let fields = Fields::new(cx, table, options, format!("transform `{}`", name.value), &name.span);
    let inputs = fields.need_texts(cx, "input");
    let has_errors = options.names().contains(&"on_error");
    let on_error = if has_errors { fields.word(cx, "on_error", &ON_ERRORS) } else { None };
    let parallelism = fields.count(cx, "parallelism", 1, u64::from(u32::MAX));
    let kind = match ty {
        Type::Filter => fields.need_text(cx, "where").map(|where_| NodeKind::Filter { where_ }),
        Type::Select => select(cx, &fields, name),
        Type::Aggregate => aggregate(cx, &fields).map(NodeKind::Aggregate),
        Type::Top => top(cx, &fields).map(NodeKind::Top),
        Type::Limit => flow::limit(cx, &fields),
        Type::Route => flow::route(cx, &fields),
        Type::Sample => flow::sample(cx, &fields),
        Type::Throttle => flow::throttle(cx, &fields),
        Type::EventTime => event_time_of(cx, &fields, None).map(NodeKind::EventTime),
        Type::Explode => flow::explode(cx, &fields),
    };
    Some(NodeSpec { name: name.clone(), kind: kind?, inputs: inputs?, on_error, parallelism })
}

fn select(cx: &mut Cx, fields: &Fields, name: &Spanned<String>) -> Option<NodeKind> {
    let select = fields.texts(cx, "select");
    let add = fields.texts(cx, "add");
    let where_ = fields.text(cx, "where");
    match (fields.get("select"), fields.get("add")) {
        (Some(_), Some(value)) => {
            let error = Diagnostic::error("`select` and `add` exclude each other").at(&value.span);
            let help = "`select` lists all output columns, `add` keeps the input's and adds some; \"*\" in `select` is all of them";
            cx.push(error.label("one of them is too many").help(help));
            None
        }
        (None, None) if cx.guessed => None,
        (None, None) => {
            let error = Diagnostic::error(format!("`select` or `add` is missing in transform `{}`", name.value));
            let help = "add select = [\"card\", \"amount * 2 AS twice\"], or add = [\"amount * 2 AS twice\"]";
            cx.push(error.at(&name.span).label("a select needs one of them").help(help));
            None
        }
        (None, Some(_)) => Some(NodeKind::Select { select: add?, add: true, where_ }),
        (Some(_), None) => Some(NodeKind::Select { select: select?, add: false, where_ }),
    }
}

/// Any window: a job with a wrong one does not run.
const STAND_IN: WindowSpec = WindowSpec::Tumbling { size: 60_000_000, offset: 0 };

fn aggregate(cx: &mut Cx, fields: &Fields) -> Option<AggregateNode> {
    let by = fields.texts(cx, "by").unwrap_or_default();
    let select = fields.need_texts(cx, "select");
    // Where the window is wrong, the rest is checked with another, lest its columns seem to be missing.
    let stand_in = |value: &Value| Spanned { value: STAND_IN, span: value.span.clone() };
    let window = window(cx, fields).or_else(|| fields.get("window").map(stand_in));
    let processing = processing(cx, fields);
    let having = fields.text(cx, "having");
    let order = order(cx, fields);
    let emit = emit(cx, fields);
    if emit.is_none() && fields.get("emit").is_some() {
        cx.doubt("emit");
    }
    let lateness = fields.duration(cx, "lateness", Range::ZeroUp);
    Some(AggregateNode { by, select: select?, window, processing, having, order, emit, lateness })
}

fn order(cx: &mut Cx, fields: &Fields) -> OrderSpec {
    match fields.get("order") {
        Some(value) if matches!(&value.kind, Kind::String(s) if s.text.value == "any") => {
            OrderSpec::Any(value.span.clone())
        }
        _ => fields.texts(cx, "order").map_or(OrderSpec::Default, OrderSpec::By),
    }
}

fn emit(cx: &mut Cx, fields: &Fields) -> Option<Spanned<EmitSpec>> {
    let value = fields.get("emit")?;
    match &value.kind {
        Kind::Table(table) => {
            let inner = Fields::new(cx, table, &EMIT, "emit".into(), &value.span);
            inner.need(cx, "every")?;
            let every = inner.duration(cx, "every", Range::Positive)?;
            Some(Spanned { value: EmitSpec::Every(every.value), span: value.span.clone() })
        }
        Kind::String(text) if text.text.value == "update" => {
            Some(Spanned { value: EmitSpec::Update, span: value.span.clone() })
        }
        Kind::String(text) => {
            let message = format!("unknown emission {}", cx.shown(value, &text.text));
            let help = "there are \"update\", a row for every input row, and { every = \"1s\" }";
            cx.push(Diagnostic::error(message).at(&value.span).label("no such emission").help(help));
            None
        }
        _ => {
            cx.wrong_type("emit", value, "\"update\" or a table such as { every = \"1s\" }");
            None
        }
    }
}

fn top(cx: &mut Cx, fields: &Fields) -> Option<TopNode> {
    let by = fields.texts(cx, "by").unwrap_or_default();
    let order = fields.need_texts(cx, "order");
    let n = fields.need(cx, "n").and_then(|_| fields.count(cx, "n", 1, u64::MAX));
    let window = window(cx, fields);
    let processing = processing(cx, fields);
    let ties = fields.boolean(cx, "ties").is_some_and(|t| t.value);
    let rank = fields.text(cx, "rank").map(|t| Spanned { value: t.value, span: t.span });
    Some(TopNode { by, order: order?, n: n?, window, processing, ties, rank })
}
