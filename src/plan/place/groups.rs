//! Which sources are read together: bounded ones that meet.
//!
//! Rows of several sources have an order only if somebody gives them one. Sources whose input ends and whose rows
//! come to one node therefore form a **group**, which one task reads in one sequence: every gate behind sees the same
//! order, wherever it stands, and a barrier cuts it at one place. A live source is a group of its own, and a node that
//! one of its inputs leads to puts nobody together: it reads by arrival, whatever the order of the others is.

use std::collections::BTreeSet;

use crate::plan::logical::{Kind, LogicalPlan};

/// The sources, by their number among the sources, that are read together; each group in the order of the job.
pub fn groups(plan: &LogicalPlan) -> Vec<Vec<usize>> {
    let mut live: Vec<bool> = Vec::new();
    // Of each source the least one of its group.
    let mut first: Vec<usize> = Vec::new();
    // Sources behind each node.
    let mut behind: Vec<BTreeSet<usize>> = Vec::new();
    for node in &plan.nodes {
        if let Kind::Source(source) = &node.kind {
            behind.push(BTreeSet::from([live.len()]));
            first.push(live.len());
            live.push(source.live);
            continue;
        }
        let sources: BTreeSet<usize> = node.inputs.iter().flat_map(|input| behind[input.node].clone()).collect();
        if !sources.iter().any(|&source| live[source]) {
            join(&mut first, &sources);
        }
        behind.push(sources);
    }
    let members = |leader: usize| (0..first.len()).filter(|&s| first[s] == leader).collect::<Vec<usize>>();
    (0..first.len()).map(members).filter(|group| !group.is_empty()).collect()
}

fn join(first: &mut [usize], sources: &BTreeSet<usize>) {
    let joined: BTreeSet<usize> = sources.iter().map(|&source| first[source]).collect();
    let Some(&least) = joined.first() else { return };
    first.iter_mut().filter(|leader| joined.contains(leader)).for_each(|leader| *leader = least);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::plan::logical;
    use crate::spec;

    /// Groups of the sources a, b, c (files) and l (stdin) under sinks with these inputs.
    fn groups(inputs: &[&str]) -> Vec<Vec<usize>> {
        let mut job = String::from("[job]\nname = \"groups\"\n");
        for name in ["a", "b", "c", "l"] {
            let from =
                if name == "l" { "type = \"stdin\"".into() } else { format!("type = \"file\"\npath = \"{name}\"") };
            job += &format!("[sources.{name}]\n{from}\nformat = \"csv\"\nschema = {{ n = \"int\" }}\n");
            job += &format!("[transforms.f{name}]\ntype = \"filter\"\ninput = \"{name}\"\nwhere = \"n > 1\"\n");
        }
        for (i, input) in inputs.iter().enumerate() {
            job += &format!("[sinks.s{i}]\ntype = \"blackhole\"\ninput = {input}\n");
        }
        job += "[sinks.all]\ntype = \"blackhole\"\ninput = [\"fa\", \"fb\", \"fc\", \"fl\"]\n";
        let (spec, found) = spec::parse(Path::new("job.toml"), &job, &[], &|_| None);
        assert!(!found.has_errors(), "{found:?}");
        let (plan, found) = logical::build(&spec.unwrap());
        super::groups(&plan.unwrap_or_else(|| panic!("{found:?}")))
    }

    #[test]
    fn bounded_sources_that_meet_are_one_group() {
        let alone = [vec![0], vec![1], vec![2], vec![3]];
        assert_eq!(groups(&["\"a\""]), alone);
        assert_eq!(groups(&["[\"fa\", \"c\"]"]), [vec![0, 2], vec![1], vec![3]]);
        // By way of another.
        assert_eq!(groups(&["[\"b\", \"c\"]", "[\"b\", \"fa\"]"]), [vec![0, 1, 2], vec![3]]);
    }

    #[test]
    fn where_a_live_source_takes_part_nobody_is_put_together() {
        assert_eq!(groups(&["[\"a\", \"l\"]", "[\"b\", \"fl\", \"c\"]"]), [vec![0], vec![1], vec![2], vec![3]]);
        assert_eq!(groups(&["[\"a\", \"l\"]", "[\"a\", \"b\"]"]), [vec![0, 1], vec![2], vec![3]]);
    }
}
