//! Transforms that pass the rows of their input on: limits, routes, samples, throttles, a new event time.

use super::{Builder, EventTime, Inputs, Kind, LimitBy, Node, Output};
use crate::data::{DataType, Field};
use crate::error::nearest;
use crate::expr::{Scalar, Typed};
use crate::spec::{Diagnostic, EventTimeSpec, NodeKind, NodeSpec, Spanned, Text};

impl Builder<'_> {
    /// `None` after a diagnostic, or if it is none of these.
    pub(super) fn flow(&mut self, node: &NodeSpec, inputs: Inputs) -> Option<Node> {
        match &node.kind {
            NodeKind::Limit { n, by } if by.is_empty() => {
                let mut built = self.passing(node, Kind::Limit(n.value), inputs);
                // A limit ends what has no end.
                built.endless = false;
                Some(built)
            }
            NodeKind::Limit { n, by } => self.limit_by(node, n.value, by, inputs),
            NodeKind::Route { cases } => self.route(node, cases, inputs),
            NodeKind::Sample { fraction, seed } => {
                let kind = Kind::Sample { fraction: fraction.value, seed: *seed };
                Some(self.passing(node, kind, inputs))
            }
            NodeKind::Throttle { rate } => Some(self.passing(node, Kind::Throttle(rate.value), inputs)),
            NodeKind::EventTime(spec) => self.new_time(node, spec, inputs),
            NodeKind::Explode { list, keep_empty } => self.explode(node, list, *keep_empty, inputs),
            _ => None,
        }
    }

    /// A node with the columns and the time of its input.
    fn passing(&self, node: &NodeSpec, kind: Kind, inputs: Inputs) -> Node {
        let mut built = Node::new(node, "transforms", kind, inputs.refs);
        let errors = Output::errors(&inputs.schema, inputs.has_time);
        built.outputs = vec![Output::main(inputs.schema, inputs.has_time), errors];
        built.endless = inputs.endless;
        built
    }

    fn limit_by(&mut self, node: &NodeSpec, n: u64, by: &[Text], inputs: Inputs) -> Option<Node> {
        let items: Vec<_> = by.iter().map(|text| self.item(text, &inputs.schema)).collect();
        let by = items.into_iter().collect::<Option<Vec<_>>>()?.concat();
        Some(self.passing(node, Kind::LimitBy(LimitBy { n, by }), inputs))
    }

    fn route(&mut self, node: &NodeSpec, cases: &[(Spanned<String>, Text)], inputs: Inputs) -> Option<Node> {
        let mut built = Vec::new();
        for (name, text) in cases {
            // What is behind a wrong condition is looked at all the same.
            let condition = self.condition(&name.value, text, &inputs.schema);
            let condition = condition.unwrap_or_else(|| Typed::literal(Scalar::Null, DataType::Boolean));
            built.push((name.value.clone(), condition));
        }
        let names: Vec<String> = built.iter().map(|(name, _)| name.clone()).chain(["default".into()]).collect();
        let (schema, has_time) = (inputs.schema.clone(), inputs.has_time);
        let mut built = self.passing(node, Kind::Route(built), inputs);
        let named = names.iter().map(|name| Output::named(name, schema.clone(), has_time));
        built.outputs.splice(1..1, named);
        Some(built)
    }

    fn explode(&mut self, node: &NodeSpec, text: &Text, keep_empty: bool, inputs: Inputs) -> Option<Node> {
        let mut items = self.item(text, &inputs.schema)?;
        let (name, list) = items.pop().filter(|_| items.is_empty() && text.value.trim() != "*").or_else(|| {
            let diagnostic =
                Diagnostic::error("an explode takes one list").at(&text.span).label("more than one column");
            self.found.push(diagnostic.help("such as list = \"tags AS tag\""));
            None
        })?;
        let DataType::List(element) = list.ty else {
            let diagnostic = Diagnostic::error(format!("`list` must be a list, this is {}", list.ty));
            let help = "a column of type list<…>, or what makes one, such as regexp_split(line, ' ')";
            self.found.push(diagnostic.at(&text.span).label(format!("is {}", list.ty)).help(help));
            return None;
        };
        if inputs.schema.index_of(&name).is_some() {
            let diagnostic =
                Diagnostic::error(format!("the input of `{}` already has a column `{name}`", node.name.value));
            let help = "give the element another name with AS, such as tags AS tag";
            self.found.push(diagnostic.at(&text.span).label("would come twice").help(help));
            return None;
        }
        let mut built = self.passing(node, Kind::Explode { list, keep_empty }, inputs);
        built.outputs[0].schema.fields.push(Field { name, ty: *element });
        Some(built)
    }

    fn new_time(&mut self, node: &NodeSpec, spec: &EventTimeSpec, inputs: Inputs) -> Option<Node> {
        let name = &spec.column.value;
        let Some(column) = inputs.schema.index_of(name) else {
            let help = match nearest(name, inputs.schema.names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the input has: {}", inputs.schema),
            };
            let diagnostic = Diagnostic::error(format!("event time: there is no column `{name}`"));
            self.found.push(diagnostic.at(&spec.column.span).label("not in the input").help(help));
            return None;
        };
        let ty = inputs.schema.fields[column].ty;
        if ty != DataType::Timestamp {
            let diagnostic = Diagnostic::error(format!("event time must be a timestamp, `{name}` is {ty}"));
            let help = "make one in a select before, such as to_timestamp(…) AS at";
            self.found.push(diagnostic.at(&spec.column.span).label(format!("is {ty}")).help(help));
            return None;
        }
        let mut built =
            self.passing(node, Kind::EventTime(EventTime { column, delay: spec.delay, idle: spec.idle }), inputs);
        built.outputs[0].has_time = true;
        Some(built)
    }
}
