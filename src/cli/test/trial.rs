//! A test as a run: the job's plan with other ends. Sources have the rows of the test, sinks keep what they get.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::super::prepare::{self, Files};
use super::super::screen::plain_text;
use super::super::{summary, warnings};
use super::ends::{Ends, Kept, Notes};
use super::{Verdict, names, rows};
use crate::connect::given::Blocks;
use crate::data::Schema;
use crate::error::Result;
use crate::format::{CsvOptions, Format, JsonOptions, SourceField, TimestampSource};
use crate::plan::logical::{Kind, LogicalPlan, Node, OutputRef, Sink};
use crate::plan::place::place;
use crate::runtime::orders::RunOptions;
use crate::runtime::{self, Ending, RealConnectors, Watch};
use crate::spec::{
    Diagnostic, Diagnostics, GivenRows, GivenSpec, JobSpec, Metadata, OnError, RestartSpec, Severity, SinkConnector,
    SourceConnector, TestSpec,
};
use crate::storage::RealStorage;

/// The two ways in which every test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// On one thread, each input a block.
    Alone,
    /// At parallelism 3, each record a block.
    Several,
}

const SEVERAL: usize = 3;

/// A test that is ready to run.
pub struct Trial {
    plan: LogicalPlan,
    /// Rows of sources, by the path of the node.
    given: BTreeMap<String, Bytes>,
    files: Files,
    schemas: Vec<Schema>,
}

/// What came out: CSV with a header, by the number of the expectation.
pub struct Came {
    pub rows: Vec<String>,
    /// What the run had to say beside, such as rows that were late.
    pub notes: String,
}

impl Trial {
    /// Errors: what the test names is not there, or its rows do not fit.
    pub fn new(job: &JobSpec, plan: &LogicalPlan, test: &TestSpec) -> Result<Trial, Diagnostics> {
        let mut found = Diagnostics::default();
        names::check_one(job, plan, test, &mut found);
        if found.has_errors() {
            return Err(found);
        }
        let mut trial = Trial { plan: plan.clone(), given: BTreeMap::new(), files: Files::new(), schemas: Vec::new() };
        for node in &mut trial.plan.nodes {
            // Whatever it is outside, in a test every input ends.
            node.endless = false;
            if let Kind::Sink(sink) = &mut node.kind {
                **sink = kept_nowhere();
            }
        }
        for given in &test.inputs {
            if let Err(diagnostic) = trial.give(given, &mut found) {
                found.push(diagnostic);
            }
        }
        for given in &test.expects {
            match names::output(job, plan, given) {
                Ok(outputs) => trial.watch(&given.node.value, outputs),
                Err(diagnostic) => found.push(diagnostic),
            }
        }
        if found.has_errors() { Err(found) } else { Ok(trial) }
    }

    pub fn schema(&self, expectation: usize) -> &Schema {
        &self.schemas[expectation]
    }

    /// Lets a source have the rows of a test.
    fn give(&mut self, given: &GivenSpec, found: &mut Diagnostics) -> Result<(), Diagnostic> {
        let Some(node) = self.plan.nodes.iter_mut().find(|node| node.name == given.node.value) else { return Ok(()) };
        let (path, schema) = (node.path(), node.outputs[0].schema.clone());
        let Kind::Source(source) = &mut node.kind else { return Ok(()) };
        (source.live, source.journal, source.rate) = (false, None, None);
        let typed = |rows: std::result::Result<Vec<u8>, String>| {
            rows.map_err(|reason| Diagnostic::error(reason).at(&given.span).label("does not fit the source"))
        };
        let (connector, bytes, is_typed) = match &given.rows {
            GivenRows::File(text) => {
                let paths = vec![text.clone()];
                self.files.insert(
                    node.name.clone(),
                    prepare::inputs(&paths, |paths| prepare::patterns(paths, &[]), Severity::Error, found),
                );
                let order = match &source.connector {
                    SourceConnector::File { order, .. } => order.clone(),
                    _ => None,
                };
                (SourceConnector::files(paths, order), None, false)
            }
            GivenRows::Text(text) if !text.trim().is_empty() => {
                (SourceConnector::Given, Some(text.clone().into_bytes()), false)
            }
            GivenRows::Text(_) => (SourceConnector::Given, Some(Vec::new()), true),
            GivenRows::Tables(tables) => (SourceConnector::Given, Some(typed(rows::tables(tables, &schema))?), true),
            GivenRows::Lists(lists) => (SourceConnector::Given, Some(typed(rows::lists(lists, &schema))?), true),
        };
        if is_typed {
            // Values are given by the names of columns, however records name them.
            source.format = Format::Json(JsonOptions::default());
            for field in &mut source.fields {
                field.from = None;
                field.timestamp = TimestampSource::Text;
            }
            if names_metadata(&given.rows, &source.metadata) {
                // They are columns like others then, behind those of the schema, where they were.
                let given = source.metadata.drain(..).map(|metadata| metadata.column());
                source.fields.extend(given.map(|(name, ty)| SourceField::new(name, ty, None)));
            }
        }
        source.connector = connector;
        self.given.extend(bytes.map(|bytes| (path, Bytes::from(bytes))));
        Ok(())
    }

    /// Puts a sink behind outputs.
    fn watch(&mut self, name: &str, inputs: Vec<OutputRef>) {
        for input in &inputs {
            self.plan.nodes[input.node].outputs[input.output].read = true;
        }
        let first = inputs[0];
        self.schemas.push(self.plan.nodes[first.node].outputs[first.output].schema.clone());
        self.plan.nodes.push(Node {
            name: name.to_owned(),
            section: SECTION,
            kind: Kind::Sink(Box::new(kept_nowhere())),
            inputs,
            outputs: Vec::new(),
            endless: false,
            on_error: OnError::Fail,
            parallelism: None,
        });
    }

    /// Errors: the job failed.
    pub fn run(&self, job: &JobSpec, way: Way) -> Result<Came> {
        let (parallelism, blocks) = match way {
            // Where sources meet, the row that is earliest comes first: as far as blocks show it.
            Way::Alone if self.given.len() < 2 => (1, Blocks::Whole),
            Way::Alone => (1, Blocks::Records),
            Way::Several => (SEVERAL.min(job.max_parallelism.value as usize), Blocks::Records),
        };
        let physical = place(&self.plan, parallelism, job.max_parallelism.value, &self.files)?;
        let watched = self.plan.nodes.iter().filter(|node| node.section == SECTION).map(Node::path);
        let kept: Vec<(String, Kept)> = watched.map(|path| (path, Kept::default())).collect();
        let mut ends = Ends { given: &self.given, blocks, kept: &kept, real: RealConnectors::default() };
        let options = RunOptions { restart: Some(RestartSpec::None), ..RunOptions::default() };
        let whole = runtime::Job { plan: &physical, connectors: &mut ends, storage: Arc::new(RealStorage), options };
        let mut notes = Notes(String::new());
        let (ending, stats) = runtime::run(whole, None, &mut notes);
        if let Ending::Failed { error, .. } = ending {
            return Err(error);
        }
        let late = summary::late(&self.plan, &stats);
        let missing = stats.sources.iter().filter_map(|(name, source)| warnings::missing(name, source));
        missing.chain(late).for_each(|warning| notes.warn(&warning));
        let rows = kept.into_iter().map(|(_, kept)| String::from_utf8_lossy(&kept.bytes()).into_owned()).collect();
        Ok(Came { rows, notes: notes.0 })
    }
}

/// Of the nodes that a test looks through.
const SECTION: &str = "expect";

/// Whether the rows have values for columns that are otherwise known of a record without its content.
fn names_metadata(rows: &GivenRows, metadata: &[Metadata]) -> bool {
    let names = |column: &str| metadata.iter().any(|metadata| metadata.column().0 == column);
    match rows {
        GivenRows::Tables(rows) => rows.iter().flatten().any(|(column, _)| names(column)),
        GivenRows::Lists(_) => !metadata.is_empty(),
        GivenRows::Text(_) | GivenRows::File(_) => false,
    }
}

fn kept_nowhere() -> Sink {
    Sink { connector: SinkConnector::Blackhole, format: Format::Csv(CsvOptions::default()) }
}

/// A test that is to fail.
pub fn fails(expected: &str, came: [Result<Came>; 2]) -> Verdict {
    for came in came {
        let said = match came {
            Ok(_) => return Verdict::Failed(format!("was to fail with {expected:?}, and ended well")),
            Err(error) => plain_text(&error),
        };
        if !said.contains(expected) {
            return Verdict::Failed(format!("was to fail with {expected:?}, and failed with\n{said}"));
        }
    }
    Verdict::Passed
}
