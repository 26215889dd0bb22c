//! How often a row of a source reaches a sink if the job dies on the way, and why.

use std::collections::BTreeSet;

use super::super::Saving;
use super::super::physical::{PhysicalPlan, Producer, SinkPlan, SourcePlan};
use super::duration;
use crate::connect::journal::loss_without;
use crate::spec::{CheckpointSpec, Durability, SinkConnector};

/// Whether and how the job saves itself, on one line.
pub fn checkpoints(saving: &Saving) -> String {
    match saving {
        Saving::On(CheckpointSpec { interval, retain, durability, .. }) => {
            let every =
                interval.map_or_else(|| "when asked for".into(), |interval| format!("every {}", duration(interval)));
            let survive = match durability {
                Durability::Power => "\"power\": they survive a power cut",
                Durability::Process => "\"process\": they survive the end of the process, not a power cut",
            };
            format!("checkpoints {every}, {retain} are kept, durability {survive}")
        }
        Saving::Off => "checkpoints off: nothing survives a kill, each run starts anew".into(),
        Saving::Filter => {
            "checkpoints none: a job of only stdin, generate, stdout and blackhole leaves nothing behind; a table \
             [checkpoint] switches them on"
                .into()
        }
    }
}

/// A line for each guarantee that a sink gives, with the sources it holds for.
pub fn of(plan: &PhysicalPlan, sink: &SinkPlan, saving: &Saving) -> Vec<String> {
    let mut lines: Vec<(Vec<&str>, &'static str, String)> = Vec::new();
    for &source in &sources(plan, sink) {
        let source = &plan.sources[source];
        let (word, why) = guarantee(source, sink, saving);
        match lines.iter_mut().find(|(_, w, y)| *w == word && *y == why) {
            Some((names, ..)) => names.push(&source.name),
            None => lines.push((vec![&source.name], word, why)),
        }
    }
    let line = |(names, word, why): (Vec<&str>, &str, String)| {
        let why = if why.is_empty() { why } else { format!(": {why}") };
        format!("{word} from {}{why}", names.join(", "))
    };
    lines.into_iter().map(line).collect()
}

/// The sources whose rows reach a sink, by number.
fn sources(plan: &PhysicalPlan, sink: &SinkPlan) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<Producer> = sink.inputs.iter().map(|input| input.from).collect();
    while let Some(producer) = open.pop() {
        match producer {
            Producer::Source(source) => _ = found.insert(source),
            Producer::Stage(stage) if seen.insert(stage) => {
                open.extend(plan.stages[stage].inputs.iter().map(|input| input.from));
            }
            Producer::Stage(_) => {}
        }
    }
    found
}

/// In a word, and why.
fn guarantee(source: &SourcePlan, sink: &SinkPlan, saving: &Saving) -> (&'static str, String) {
    let loses = source.forgets();
    if !matches!(saving, Saving::On(_)) {
        let again = if source.live && !source.connector.follows() {
            "what was read is lost"
        } else {
            "the next run reads it again from its start"
        };
        return ("once in a run that ends in order", format!("if it is killed, {again}"));
    }
    let repeats = matches!(sink.connector, SinkConnector::Stdout | SinkConnector::Tcp { .. });
    let again = "after a failure, rows since the last checkpoint are written again";
    match (loses, repeats) {
        (false, false) if source.journal.is_some() => ("exactly-once", "what has reached its journal".into()),
        (false, false) => ("exactly-once", String::new()),
        (false, true) => ("at-least-once", again.into()),
        (true, false) => ("at-most-once", loss_without(&source.name)),
        (true, true) => ("no guarantee", format!("{}; {again}", loss_without(&source.name))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plans, saving};
    use super::*;

    fn check(sources: &[(&str, &str)], sink: &str, more: &str, expect: &[&str]) {
        let mut text = String::new();
        for (name, options) in sources {
            text.push_str(&format!("[sources.{name}]\n{options}\nformat = 'lines'\nschema = {{ line = 'string' }}\n"));
        }
        let names: Vec<String> = sources.iter().map(|(name, _)| format!("'{name}'")).collect();
        text.push_str(&format!("[sinks.o]\n{sink}\nformat = 'csv'\ninput = [{}]\n{more}", names.join(", ")));
        let (_, physical) = plans(&text, 2);
        saving(&text, |saving| assert_eq!(of(&physical, &physical.sinks[0], saving), expect));
    }

    const FILE: (&str, &str) = ("a", "type = 'file'\npath = 'a.txt'");
    const PIPE: (&str, &str) = ("p", "type = 'stdin'");
    const BARE: (&str, &str) = ("b", "type = 'tcp'\nlisten = ':9001'\njournal = false");

    #[test]
    fn each_path_has_its_guarantee() {
        let file = "type = 'file'\npath = 'o.csv'\nmode = 'append'";
        let again = "after a failure, rows since the last checkpoint are written again";
        let lost = "sources.b has no journal: what it read since the last checkpoint is lost when the job dies";
        check(&[FILE], file, "", &["exactly-once from sources.a"]);
        let of_all = [
            "exactly-once from sources.a".to_owned(),
            format!("at-most-once from sources.b: {lost}"),
            "exactly-once from sources.p: what has reached its journal".to_owned(),
        ];
        check(&[FILE, BARE, PIPE], file, "", &of_all.each_ref().map(String::as_str));
        let of_stdout = [
            format!("at-least-once from sources.a, sources.p: {again}"),
            format!("no guarantee from sources.b: {lost}; {again}"),
        ];
        check(&[FILE, BARE, PIPE], "type = 'stdout'", "", &of_stdout.each_ref().map(String::as_str));
        let off = "[checkpoint]\ninterval = 'off'\n";
        let anew = "once in a run that ends in order from sources.a: if it is killed, the next run reads it again from its start";
        check(&[FILE], file, off, &[anew]);
        let filter = "once in a run that ends in order from sources.p: if it is killed, what was read is lost";
        check(&[PIPE], "type = 'stdout'", "", &[filter]);
    }

    #[test]
    fn how_a_job_saves_itself_is_one_line() {
        let job = "[sources.a]\ntype = 'file'\npath = 'a.txt'\n[sinks.o]\ntype = 'file'\npath = 'o.csv'\ninput = 'a'\n";
        let line = |more: &str| {
            let mut line = String::new();
            saving(&format!("{job}{more}"), |saving| line = checkpoints(saving));
            line
        };
        let expect = "checkpoints every 10s, 3 are kept, durability \"power\": they survive a power cut";
        assert_eq!(line(""), expect);
        assert!(
            line("[checkpoint]\ndurability = 'process'\nretain = 1\n").contains("1 are kept, durability \"process\"")
        );
        assert!(line("[checkpoint]\ninterval = 'off'\n").starts_with("checkpoints off"));
    }
}
