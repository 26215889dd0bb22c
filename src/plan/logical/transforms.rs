//! Transforms: expressions resolved over the input's columns.

use super::{Aggregate, Builder, Inputs, Kind, Node, OrderKey, Output};
use crate::data::{DataType, Schema};
use crate::error::nearest;
use crate::expr::{self, Part, Scalar, SelectItem, Typed};
use crate::op::aggregate::{Emit, Window};
use crate::spec::{
    AggregateNode, Diagnostic, EmitSpec, NodeKind, NodeSpec, OrderSpec, Span, Spanned, Text, WindowSpec,
};

const WINDOW_COLUMNS: [&str; 3] = ["window_start", "window_end", "window_time"];

impl Builder<'_> {
    /// The transform, and whether its `.errors` can have the columns they have.
    pub(super) fn checked_transform(&mut self, node: &NodeSpec, index: usize, inputs: Inputs) -> Option<Node> {
        let taken = inputs.schema.index_of("reason").is_some();
        let built = self.transform(node, inputs)?;
        let errors = built.outputs.iter().position(|output| output.name.as_deref() == Some("errors"));
        if taken && errors.is_some_and(|errors| self.graph.is_read(index, errors)) {
            let name = &node.name.value;
            let span = node.on_error.as_ref().map_or(&node.name.span, |on_error| &on_error.span);
            let message = format!("`{name}.errors` adds a column `reason`, which its input has already");
            let diagnostic = Diagnostic::error(message).at(span).label("would come twice");
            self.found.push(diagnostic.help("rename it with a `select` before"));
            return None;
        }
        Some(built)
    }

    fn transform(&mut self, node: &NodeSpec, inputs: Inputs) -> Option<Node> {
        match &node.kind {
            NodeKind::Filter { where_ } => self.filter(node, where_, inputs),
            NodeKind::Select { select, add, where_ } => self.select(node, select, *add, where_.as_ref(), inputs),
            NodeKind::Aggregate(aggregate) => self.aggregate(node, aggregate, inputs),
            NodeKind::Top(top) => self.top(node, top, inputs),
            _ => self.flow(node, inputs),
        }
    }

    fn filter(&mut self, node: &NodeSpec, where_: &Text, inputs: Inputs) -> Option<Node> {
        // What is behind a wrong condition is looked at all the same.
        let condition = self.condition("where", where_, &inputs.schema);
        let condition = condition.unwrap_or_else(|| Typed::literal(Scalar::Null, DataType::Boolean));
        let mut built = Node::new(node, "transforms", Kind::Filter(condition), inputs.refs);
        let errors = Output::errors(&inputs.schema, inputs.has_time);
        built.outputs = vec![Output::main(inputs.schema, inputs.has_time), errors];
        built.endless = inputs.endless;
        Some(built)
    }

    fn select(
        &mut self,
        node: &NodeSpec,
        select: &[Text],
        add: bool,
        where_: Option<&Text>,
        inputs: Inputs,
    ) -> Option<Node> {
        let where_ = match where_ {
            Some(text) => self.condition("where", text, &inputs.schema),
            None => None,
        };
        let mut columns: Vec<(String, Typed)> = if add { all(&inputs.schema, &[]) } else { Vec::new() };
        let mut fine = true;
        for text in select {
            match self.item(text, &inputs.schema) {
                Some(items) => {
                    for (name, value) in items {
                        if columns.iter().any(|(n, _)| *n == name) {
                            fine = false;
                            self.twice(text, &name);
                        }
                        columns.push((name, value));
                    }
                }
                None => fine = false,
            }
        }
        if !fine {
            return None;
        }
        let schema = schema_of(&columns);
        let items = columns.into_iter().map(|(_, value)| value).collect();
        let mut built = Node::new(node, "transforms", Kind::Select { items, where_ }, inputs.refs);
        let errors = Output::errors(&inputs.schema, inputs.has_time);
        built.outputs = vec![Output::main(schema, inputs.has_time), errors];
        built.endless = inputs.endless;
        Some(built)
    }

    fn twice(&mut self, text: &Text, name: &str) {
        let diagnostic = Diagnostic::error(format!("column `{name}` comes twice")).at(&text.span);
        let help = "give one of them another name with AS, or leave it out with * EXCEPT (…)";
        self.found.push(diagnostic.label("a second time").help(help));
    }

    /// The columns of one item of a select list.
    pub(super) fn item(&mut self, text: &Text, schema: &Schema) -> Option<Vec<(String, Typed)>> {
        let item = match expr::parse_item(&text.value) {
            Ok(item) => item,
            Err(error) => {
                self.wrong(text, error);
                return None;
            }
        };
        match item {
            SelectItem::All { except, .. } => {
                for (name, span) in &except {
                    if schema.index_of(name).is_none() {
                        let diagnostic = Diagnostic::error(format!("there is no column `{name}`"));
                        let help = match nearest(name, schema.names()) {
                            Some(near) => format!("did you mean `{near}`? The input has: {schema}"),
                            None => format!("the input has: {schema}"),
                        };
                        let diagnostic = diagnostic.at(&text.locate(span.clone())).label("not in the input");
                        self.found.push(diagnostic.help(help));
                        return None;
                    }
                }
                let names: Vec<&str> = except.iter().map(|(name, _)| name.as_str()).collect();
                Some(all(schema, &names))
            }
            SelectItem::Expr { ast, name, .. } => match expr::resolve_noting(&ast, schema) {
                Ok((value, cuts)) => {
                    self.cuts(text, cuts);
                    Some(vec![(name, value)])
                }
                Err(error) => {
                    self.wrong(text, error);
                    None
                }
            },
        }
    }

    pub(super) fn condition(&mut self, option: &str, text: &Text, schema: &Schema) -> Option<Typed> {
        let resolved = expr::parse(&text.value).and_then(|ast| expr::resolve_noting(&ast, schema));
        let resolved = resolved.map(|(typed, cuts)| {
            self.cuts(text, cuts);
            typed
        });
        match resolved {
            Ok(typed) if typed.ty == DataType::Boolean => Some(typed),
            Ok(typed) => {
                let diagnostic = Diagnostic::error(format!("`{option}` must be a condition, this is {}", typed.ty));
                let help = "compare it with something, such as x > 0 or x IS NOT NULL";
                self.found.push(
                    diagnostic.at(&text.locate(0..text.value.len())).label(format!("is {}", typed.ty)).help(help),
                );
                None
            }
            Err(error) => {
                self.wrong(text, error);
                None
            }
        }
    }

    pub(super) fn order(&mut self, texts: &[Text], schema: &Schema) -> Option<Vec<OrderKey>> {
        let keys: Vec<Option<OrderKey>> = texts
            .iter()
            .map(|text| {
                let parsed = expr::parse_order(&text.value);
                let key = parsed.and_then(|item| {
                    let value = expr::resolve(&item.ast, schema)?;
                    Ok(OrderKey { value, descending: item.descending, nulls_first: item.nulls_first })
                });
                key.map_err(|error| self.wrong(text, error)).ok()
            })
            .collect();
        keys.into_iter().collect()
    }

    fn aggregate(&mut self, node: &NodeSpec, aggregate: &AggregateNode, inputs: Inputs) -> Option<Node> {
        // What can be parsed is looked at also where something else cannot.
        let (by, by_texts) = self.items(&aggregate.by);
        let (select, select_texts) = self.items(&aggregate.select);
        let doubtful = by.len() < aggregate.by.len();
        let mut unparsed = doubtful || select.len() < aggregate.select.len();
        let having = aggregate.having.as_ref().and_then(|text| match expr::parse(&text.value) {
            Ok(ast) => Some(ast),
            Err(error) => {
                self.wrong(text, error);
                unparsed = true;
                None
            }
        });
        let processing = aggregate.processing.as_ref();
        let own = self.window(node, aggregate.window.as_ref(), processing, &inputs);
        let count = matches!(own, Some(Some(Window::Count { .. })));
        // A window that is wrong has columns all the same.
        let spans = !matches!(own, Some(None)) && !count;
        let having = having.as_ref().filter(|_| !unparsed);
        let plan = match expr::resolve_aggregate(&by, &select, having, spans, doubtful, &inputs.schema) {
            Ok(_) if unparsed => return None,
            Ok(plan) => {
                for (index, place) in plan.cuts.clone() {
                    if let Some(text) = aggregate.select.get(index) {
                        self.cuts(text, [place]);
                    }
                }
                plan
            }
            Err(errors) => {
                for (part, mut error) in errors {
                    if count && WINDOW_COLUMNS.iter().any(|name| error.message.contains(name)) {
                        let help =
                            "a window of rows has no start and end in time: take min(at) and max(at) of a column";
                        error.help = Some(help.into());
                    }
                    let text = match part {
                        Part::By(index) => by_texts.get(index).copied(),
                        Part::Select(index) => select_texts.get(index).copied(),
                        Part::Having => aggregate.having.as_ref(),
                    };
                    if let Some(text) = text {
                        self.wrong(text, error);
                    }
                }
                return None;
            }
        };
        let own = own?;
        let window = own.or_else(|| attached(&plan.keys, &inputs));
        let emit = self.emission(node, aggregate, window, &inputs)?;
        let schema = schema_of(&plan.outputs);
        let order = match &aggregate.order {
            OrderSpec::By(texts) if emit != Emit::Close || count => {
                if let Some(text) = texts.first() {
                    let what = if count { "windows of rows give" } else { "`emit` gives" };
                    let diagnostic = Diagnostic::error(format!("`order` sorts final results, {what} running ones"));
                    self.found.push(diagnostic.at(&text.span).label("cannot be sorted").help("leave one of them out"));
                }
                return None;
            }
            OrderSpec::By(texts) => self.order(texts, &schema)?,
            OrderSpec::Default | OrderSpec::Any(_) => Vec::new(),
        };
        let lateness = aggregate.lateness.as_ref().map_or(0, |l| l.value);
        let processing = processing.is_some();
        let unsorted = matches!(aggregate.order, OrderSpec::Any(_));
        let aggregate = Aggregate { plan, window, processing, lateness, emit, order, unsorted };
        let kind = Kind::Aggregate(Box::new(aggregate));
        let by_row = emit == Emit::Update || count;
        let has_time = if by_row { inputs.has_time } else { window.is_some() };
        let mut built = Node::new(node, "transforms", kind, inputs.refs);
        let errors = Output::errors(&inputs.schema, inputs.has_time);
        let late = Output::named("late", inputs.schema, inputs.has_time);
        built.outputs = vec![Output::main(schema, has_time), late, errors];
        built.endless = inputs.endless;
        Some(built)
    }

    fn emission(
        &mut self,
        node: &NodeSpec,
        aggregate: &AggregateNode,
        window: Option<Window>,
        inputs: &Inputs,
    ) -> Option<Emit> {
        let windowed = window.is_some();
        let by_time = windowed && aggregate.processing.is_none() && !matches!(window, Some(Window::Count { .. }));
        let emit = match &aggregate.emit {
            None => Emit::Close,
            Some(Spanned { value: EmitSpec::Update, .. }) => Emit::Update,
            Some(Spanned { value: EmitSpec::Every(period), .. }) => Emit::Every(*period),
        };
        match &aggregate.emit {
            Some(spec) if windowed => {
                let diagnostic = Diagnostic::error("`emit` is for aggregates without a window").at(&spec.span);
                let help = "windows emit when they close; early results of windows are not there yet";
                self.found.push(diagnostic.label("the aggregate has a window").help(help));
                None
            }
            None if !windowed && inputs.endless => {
                let message = format!("`{}` would never give a result: its input has no end", node.name.value);
                let diagnostic = Diagnostic::error(message).at(&node.name.span).label("no window, no `emit`");
                let help = "add window = { type = \"tumbling\", size = \"1m\" }, or emit = \"update\", or emit = { every = \"1s\" }";
                self.found.push(diagnostic.help(help));
                None
            }
            _ => match &aggregate.lateness {
                Some(lateness) if !by_time => {
                    let diagnostic = Diagnostic::error("`lateness` is for windows of event time").at(&lateness.span);
                    let label = if windowed { "no row is late for this window" } else { "the aggregate has no window" };
                    self.found.push(diagnostic.label(label));
                    None
                }
                _ => Some(emit),
            },
        }
    }

    /// The transform's own window. The outer `None` says that it was wrong.
    pub(super) fn window(
        &mut self,
        node: &NodeSpec,
        window: Option<&Spanned<WindowSpec>>,
        processing: Option<&Span>,
        inputs: &Inputs,
    ) -> Option<Option<Window>> {
        let Some(spec) = window else { return Some(None) };
        let by_time = !matches!(spec.value, WindowSpec::Count { .. }) && processing.is_none();
        if by_time && !inputs.has_time {
            let message = format!("`{}` has a window, but its input has no event time", node.name.value);
            let diagnostic = Diagnostic::error(message).at(&spec.span).label("windows go by event time");
            let help =
                "give the source event_time = { column = \"…\", delay = \"5s\" }, or the window time = \"processing\"";
            self.found.push(diagnostic.help(help));
            return None;
        }
        Some(Some(match spec.value {
            WindowSpec::Tumbling { size, offset } => Window::Tumbling { size, offset },
            WindowSpec::Sliding { size, slide, offset } => Window::Sliding { size, slide, offset },
            WindowSpec::Count { size, slide, partial } => Window::Count { size, slide, partial },
        }))
    }

    /// The items that can be parsed, and the text of each; the others have been named.
    fn items<'t>(&mut self, texts: &'t [Text]) -> (Vec<SelectItem>, Vec<&'t Text>) {
        let parse = |text: &'t Text| match expr::parse_item(&text.value) {
            Ok(item) => Some((item, text)),
            Err(error) => {
                self.wrong(text, error);
                None
            }
        };
        texts.iter().filter_map(parse).unzip()
    }
}

/// The window of an input keyed by its own `window_start` and `window_end`: columns of the input.
pub(super) fn attached(keys: &[(String, Typed)], inputs: &Inputs) -> Option<Window> {
    let column = |name: &str| {
        let index = inputs.schema.index_of(name)?;
        let is_key = keys.iter().any(|(_, key)| key.as_column() == Some(index));
        (is_key && inputs.schema.fields[index].ty == DataType::Timestamp).then_some(index)
    };
    if !inputs.has_time {
        return None;
    }
    Some(Window::Attached { start: column(WINDOW_COLUMNS[0])?, end: column(WINDOW_COLUMNS[1])? })
}

fn all(schema: &Schema, except: &[&str]) -> Vec<(String, Typed)> {
    let kept = schema.fields.iter().enumerate().filter(|(_, f)| !except.contains(&f.name.as_str()));
    kept.map(|(index, f)| (f.name.clone(), Typed::column(index, &f.name, f.ty))).collect()
}

fn schema_of(columns: &[(String, Typed)]) -> Schema {
    Schema::new(columns.iter().map(|(name, value)| (name.clone(), value.ty)))
}
