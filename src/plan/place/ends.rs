//! The ends of a job: sources, with what of them is decoded, and sinks.

use std::collections::BTreeSet;

use super::identity::Label;
use super::{Exit, Location, Placer, by_arrival, spread};
use crate::error::Result;
use crate::format::Format;
use crate::format::columnar::is_columnar;
use crate::op::MAIN;
use crate::plan::logical::sources::ERRORS_LINE;
use crate::plan::logical::{Node, OutputRef, Sink, Source};
use crate::plan::physical::*;
use crate::spec::{FileOrder, SourceConnector};

impl Placer<'_> {
    pub(super) fn source(&mut self, index: usize, node: &Node, source: &Source) -> Result<()> {
        let mut used: BTreeSet<usize> = self.needed(OutputRef { node: index, output: MAIN });
        used.extend(source.event_time.as_ref().map(|t| t.column));
        let metadata: Vec<usize> = used.split_off(&source.fields.len()).into_iter().collect();
        // A record's structure is judged even where no column is used.
        if used.is_empty() {
            used.insert(0);
        }
        let used: Vec<usize> = used.into_iter().collect();
        let decoded: Vec<usize> = used.iter().chain(&metadata).copied().collect();
        let event_time = source.event_time.as_ref().map(|time| EventTimePlan {
            column: used.iter().position(|&u| u == time.column).unwrap_or(0),
            name: source.fields[time.column].name.clone(),
            delay: time.delay,
            idle: time.idle,
        });
        let files = self.files.get(&node.name).cloned().unwrap_or_default();
        let by_time = match &source.connector {
            SourceConnector::File { order, .. } => match order {
                Some(order) => order.value == FileOrder::Time,
                None => event_time.is_some() && (files.len() > 1 || source.connector.follows()),
            },
            _ => false,
        };
        let delay = source.event_time.as_ref().map_or(0, |t| t.delay);
        let columns = spread(node.outputs[MAIN].schema.len(), &decoded);
        let number = self.out.sources.len();
        self.out.sources.push(SourcePlan {
            name: node.path(),
            secrets: self.plan.secrets.clone(),
            connector: source.connector.clone(),
            files,
            by_time,
            format: source.format.clone(),
            fields: source.fields.clone(),
            used,
            event_time,
            on_error: source.on_error,
            max_record: source.max_record,
            compression: source.compression,
            metadata: metadata.iter().map(|&column| source.metadata[column - source.fields.len()]).collect(),
            journal: source.journal,
            rate: source.rate,
            tick: None,
            clock: None,
            live: source.live,
            endless: node.endless,
            inferred: source.inferred.clone(),
            rows: Vec::new(),
            errors: Vec::new(),
            chain: ChainPlan::default(),
        });
        let domain = self.out.groups.iter().position(|group| group.contains(&number)).unwrap_or(0);
        let sources = BTreeSet::from([number]);
        let producer = Producer::Source(number);
        let rows =
            Location { producer, exit: Exit::Rows, columns, domain, sources, delay, line_column: None, deletes: false };
        if node.outputs[1].read {
            let columns = (0..node.outputs[1].schema.len()).map(Some).collect::<Vec<_>>();
            let errors = Location { exit: Exit::Errors, line_column: Some(ERRORS_LINE), ..rows.clone() };
            let errors = Location { columns: columns.clone(), ..errors };
            let placed =
                self.stage(Label::errors(node), StageOp::Pass, 1, vec![errors], columns, ExchangePlan::Single)?;
            self.at.insert(OutputRef { node: index, output: 1 }, vec![placed]);
        }
        self.at.insert(OutputRef { node: index, output: MAIN }, vec![rows]);
        Ok(())
    }

    pub(super) fn sink(&mut self, node: &Node, sink: &Sink) -> Result<()> {
        let input = &self.plan.nodes[node.inputs[0].node].outputs[node.inputs[0].output];
        let schema = input.schema.clone();
        let all: Vec<usize> = (0..schema.len()).collect();
        let schema = if sink.op { schema.with_op() } else { schema };
        let index = self.out.sinks.len();
        let inputs: Vec<Location> =
            self.inputs(node).iter().map(|location| self.narrowed(location, node, &all)).collect();
        let inputs = match sink.format {
            Format::Table { .. } => self.by_one(node, inputs, &all)?,
            _ => inputs,
        };
        for (input, location) in inputs.iter().enumerate() {
            let to = Consumer::Sink { sink: index, input };
            let encode = (!is_columnar(&sink.format)).then(|| (sink.format.clone(), schema.clone()));
            self.port(location, PortPlan { exchange: ExchangePlan::Single, encode, number_rows: false, to });
        }
        self.check_apart(&inputs)?;
        let by_arrival = by_arrival(&inputs);
        let inputs = inputs.iter().map(Location::input).collect();
        self.out.sinks.push(SinkPlan {
            name: node.path(),
            connector: sink.connector.clone(),
            format: sink.format.clone(),
            schema,
            op: sink.op,
            inputs,
            by_arrival,
            endless: node.endless,
        });
        Ok(())
    }

    /// The rows from one task: a table has one head, and widths that its rows share.
    fn by_one(&mut self, node: &Node, inputs: Vec<Location>, all: &[usize]) -> Result<Vec<Location>> {
        let is_one = match &inputs[..] {
            [Location { producer: Producer::Stage(stage), .. }] => self.out.stages[*stage].parallelism == 1,
            [_] => self.out.parallelism == 1,
            _ => false,
        };
        if is_one {
            return Ok(inputs);
        }
        let columns = all.iter().copied().map(Some).collect();
        let label = Label::sequence(node);
        Ok(vec![self.stage(label, StageOp::Pass, 1, inputs, columns, ExchangePlan::Single)?])
    }
}
