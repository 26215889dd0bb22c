//! What the tests of a job speak of: sources that rows are given to, outputs that rows are expected of.

use crate::plan::logical::{Kind, LogicalPlan, Node, OutputRef};
use crate::spec::{Diagnostic, Diagnostics, GivenRows, GivenSpec, JobSpec, SourceConnector, TestSpec, suggest};

/// All mistakes in names, for `flott check`. A test with variables or overrides of its own may be of another job.
pub fn check(job: &JobSpec, plan: &LogicalPlan) -> Diagnostics {
    let mut found = Diagnostics::default();
    for test in job.tests.iter().filter(|test| !super::has_own(test)) {
        check_one(job, plan, test, &mut found);
    }
    found
}

pub fn check_one(job: &JobSpec, plan: &LogicalPlan, test: &TestSpec, found: &mut Diagnostics) {
    for given in &test.inputs {
        if let Err(diagnostic) = input(job, plan, given) {
            found.push(diagnostic);
        }
    }
    for given in &test.expects {
        if let Err(diagnostic) = output(job, plan, given) {
            found.push(diagnostic);
        }
    }
    for node in &plan.nodes {
        let Kind::Source(source) = &node.kind else { continue };
        let ends = matches!(source.connector, SourceConnector::Generate { .. }) && !node.endless;
        if ends || test.inputs.iter().any(|given| given.node.value == node.name) {
            continue;
        }
        let message = format!("the test `{}` gives `{}` no rows", test.name.value, node.name);
        let diagnostic = Diagnostic::error(message).at(&test.name.span).label("a source is without input");
        let help = match source.connector {
            SourceConnector::Generate { .. } => {
                format!(
                    "its rows have no end: add input.{0} = […], or overrides = [\"sources.{0}.rows=100\"]",
                    node.name
                )
            }
            _ => format!("add input.{0} = \"…\"; input.{0} = [] if it is to be empty", node.name),
        };
        found.push(diagnostic.help(help));
    }
}

/// The source that rows are given to.
fn input(job: &JobSpec, plan: &LogicalPlan, given: &GivenSpec) -> Result<usize, Diagnostic> {
    let name = &given.node.value;
    let is_source = |node: &Node| matches!(node.kind, Kind::Source(_));
    if let Some(index) = plan.nodes.iter().position(|node| is_source(node) && node.name == *name) {
        return Ok(index);
    }
    let sources: Vec<&str> = plan.nodes.iter().filter(|n| is_source(n)).map(|node| node.name.as_str()).collect();
    Err(missing(job, plan, given, "source", &sources))
}

/// The outputs whose rows are expected: one, or all that a sink reads.
pub fn output(job: &JobSpec, plan: &LogicalPlan, given: &GivenSpec) -> Result<Vec<OutputRef>, Diagnostic> {
    if matches!(&given.rows, GivenRows::Text(text) if text.len() > MAX_TEXT) {
        return Err(Diagnostic::error("this is too long for a test")
            .at(&given.span)
            .help("write it into a file: { file = \"…\" }"));
    }
    let name = given.node.value.as_str();
    if let Some(sink) = plan.nodes.iter().find(|node| node.name == name && matches!(node.kind, Kind::Sink(_))) {
        return Ok(sink.inputs.clone());
    }
    let mut names = Vec::new();
    for (node, found) in plan.nodes.iter().enumerate() {
        for (output, of) in found.outputs.iter().enumerate() {
            let full = match &of.name {
                Some(output) => format!("{}.{output}", found.name),
                None => found.name.clone(),
            };
            if full == name && full.ends_with(".errors") && !of.read {
                let message = format!("`{}` sends nothing to `{full}`", found.name);
                let help = format!("set on_error = \"dead-letter\" in [{}], and let a sink read it", found.path());
                return Err(Diagnostic::error(message).at(&given.node.span).label("would stay empty").help(help));
            }
            if full == name {
                return Ok(vec![OutputRef { node, output }]);
            }
            names.push(full);
        }
    }
    names.extend(plan.nodes.iter().filter(|n| matches!(n.kind, Kind::Sink(_))).map(|node| node.name.clone()));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Err(missing(job, plan, given, "node or output", &names))
}

/// Data of a test is small.
const MAX_TEXT: usize = 1 << 20;

fn missing(job: &JobSpec, plan: &LogicalPlan, given: &GivenSpec, what: &str, names: &[&str]) -> Diagnostic {
    let name = &given.node.value;
    let in_job = job.nodes.iter().any(|node| node.name.value == *name);
    let diagnostic = Diagnostic::error(format!("there is no {what} `{name}`")).at(&given.node.span);
    if in_job && !plan.nodes.iter().any(|node| node.name == *name) {
        return diagnostic.label("does not run").help("nothing reads it, so no row comes there");
    }
    let help = match suggest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the job has: {}", names.join(", ")),
    };
    diagnostic.label("not found").help(help)
}
