//! `top`: its keys, order and windows resolved over the input's columns.

use super::transforms::attached;
use super::{Builder, Inputs, Kind, Node, Output, Top};
use crate::data::{DataType, Field};
use crate::spec::{Diagnostic, NodeSpec, TopNode, WindowSpec};

impl Builder<'_> {
    pub(super) fn top(&mut self, node: &NodeSpec, top: &TopNode, inputs: Inputs) -> Option<Node> {
        let mut by = Vec::new();
        let mut fine = true;
        for text in &top.by {
            match self.item(text, &inputs.schema) {
                Some(items) => by.extend(items),
                None => fine = false,
            }
        }
        let order = self.order(&top.order, &inputs.schema);
        if let Some(window) = top.window.as_ref().filter(|w| matches!(w.value, WindowSpec::Count { .. })) {
            let diagnostic = Diagnostic::error("a `top` has no windows of rows").at(&window.span);
            let help = "give it windows of time; the best of each so many rows come from an aggregate, such as max(…)";
            self.found.push(diagnostic.label("not for a top").help(help));
            return None;
        }
        let processing = top.processing.as_ref();
        let own = self.window(node, top.window.as_ref(), processing, &inputs)?;
        let order = order?;
        if !fine {
            return None;
        }
        let window = own.or_else(|| attached(&by, &inputs));
        if window.is_none() && inputs.endless {
            let message = format!("`{}` would never give a result: its input has no end", node.name.value);
            let diagnostic = Diagnostic::error(message).at(&node.name.span).label("no window");
            let help = "add window = { type = \"tumbling\", size = \"1m\" }, or name window_start and window_end of the input in `by`";
            self.found.push(diagnostic.help(help));
            return None;
        }
        let mut schema = inputs.schema.clone();
        let mut added: Vec<(&str, DataType)> = Vec::new();
        if own.is_some() {
            added.extend([("window_start", DataType::Timestamp), ("window_end", DataType::Timestamp)]);
        }
        if let Some(rank) = &top.rank {
            added.push((&rank.value, DataType::Int));
        }
        for (name, ty) in added {
            if schema.index_of(name).is_some() {
                let span = top.rank.as_ref().map_or(&node.name.span, |r| &r.span);
                let diagnostic =
                    Diagnostic::error(format!("the input of `{}` already has a column `{name}`", node.name.value));
                self.found.push(diagnostic.at(span).label("would come twice").help("rename it with a `select` before"));
                return None;
            }
            schema.fields.push(Field { name: name.to_string(), ty });
        }
        let has_time = window.is_some();
        let kind = Kind::Top(Box::new(Top {
            by: by.into_iter().map(|(_, value)| value).collect(),
            order,
            n: top.n.value,
            window,
            processing: processing.is_some(),
            ties: top.ties,
            rank: top.rank.is_some(),
        }));
        let mut built = Node::new(node, "transforms", kind, inputs.refs);
        let errors = Output::errors(&inputs.schema, inputs.has_time);
        built.outputs = vec![Output::main(schema, has_time), errors];
        built.endless = inputs.endless;
        Some(built)
    }
}
