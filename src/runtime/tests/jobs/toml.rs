//! Random jobs as job files, and their input.

use super::*;

impl Job {
    pub(super) fn name(&self, (node, output): Ref) -> String {
        match (node.checked_sub(self.sources.len()), output) {
            (None, _) => format!("s{node}"),
            (Some(node), output) => match (&self.nodes[node].op, output) {
                (Op::Route, 0) => format!("t{node}.big"),
                (Op::Route, _) => format!("t{node}.default"),
                (_, 0) => format!("t{node}"),
                (op, _) if op.on_error() == "dead-letter" => format!("r{node}"),
                (_, _) => format!("t{node}.late"),
            },
        }
    }

    pub(super) fn inputs(&self, refs: &[Ref]) -> String {
        format!("{:?}", refs.iter().map(|&r| self.name(r)).collect::<Vec<_>>())
    }

    pub(super) fn toml(&self) -> String {
        let mut text = String::from("[job]\nname = \"random\"\n");
        for (i, source) in self.sources.iter().enumerate() {
            let format = if source.json { r#""json""# } else { r#"{ type = "csv", header = false }"# };
            let _ = writeln!(text, "[sources.s{i}]\ntype = \"file\"\npath = \"s{i}.txt\"\nformat = {format}");
            text +=
                "schema = { at = { type = \"timestamp\", unit = \"us\" }, k = \"string\", v = \"int\", n = \"int\" }\n";
            if let Some(delay) = source.delay {
                let _ = writeln!(text, "event_time = {{ column = \"at\", delay = \"{delay}us\" }}");
            }
            let _ = writeln!(text, "on_error = \"{}\"", source.on_error);
            if source.on_error == "dead-letter" {
                let _ = writeln!(
                    text,
                    "[transforms.e{i}]\ntype = \"select\"\ninput = \"s{i}.errors\"\nselect = [\"line\", \"raw\"]\n\
                     [sinks.e{i}_out]\ntype = \"file\"\ninput = \"e{i}\"\npath = \"e{i}.csv\""
                );
            }
        }
        for (i, node) in self.nodes.iter().enumerate() {
            self.node(&mut text, i, node);
        }
        for (i, inputs) in self.sinks.iter().enumerate() {
            let inputs = self.inputs(inputs);
            let _ = writeln!(text, "[sinks.o{i}]\ntype = \"file\"\ninput = {inputs}\npath = \"o{i}.csv\"");
            text += "format = { type = \"csv\", timestamp = \"us\" }\n";
            text += if self.ops[i] { "op = true\n" } else { "" };
        }
        text
    }

    pub(super) fn node(&self, text: &mut String, i: usize, node: &Node) {
        let inputs = self.inputs(&node.inputs);
        let by_k = |keyed: bool| if keyed { "by = [\"k\"]\n" } else { "" };
        let by = |by: &By| match by {
            By::All => String::new(),
            By::K => by_k(true).into(),
            By::Values(values) => {
                let named = |(number, value): (usize, &&Expr)| format!("{} AS key{number}", value.sql);
                format!("by = {:?}\n", values.iter().enumerate().map(named).collect::<Vec<_>>())
            }
        };
        let k = |by: &By, fourth: &Fourth| match (by, fourth) {
            (by, Fourth::Calls(calls)) => {
                let keys: Vec<String> = match by {
                    By::All => Vec::new(),
                    By::K => vec!["k".into()],
                    By::Values(values) => (0..values.len()).map(|number| format!("key{number}")).collect(),
                };
                let all = keys.into_iter().chain(calls.iter().map(Call::sql));
                let texts: Vec<String> = all.map(|sql| format!("coalesce(CAST({sql} AS string), '~')")).collect();
                format!("concat_ws('|', {}) AS k", texts.join(", "))
            }
            (By::K, _) => "k".into(),
            _ => "min(k) AS k".into(),
        };
        let window = |size: i64, slide: i64| match size == slide {
            true => format!("window = {{ type = \"tumbling\", size = \"{size}us\" }}\n"),
            false => format!("window = {{ type = \"sliding\", size = \"{size}us\", slide = \"{slide}us\" }}\n"),
        };
        let fourth = |f: &Fourth| match f {
            Fourth::Count | Fourth::Calls(_) => "count(*) AS n",
            Fourth::Max => "max(n) AS n",
            Fourth::First => "first(n) AS n",
            Fourth::Last => "last(n) AS n",
            Fourth::Best => "arg_max(n, v) AS n",
            Fourth::Distinct => "count(DISTINCT v) AS n",
            Fourth::About => "approx_distinct(v) AS n",
            Fourth::Spread => "CAST(round(1000 * stddev_pop(v)) AS int) AS n",
            Fourth::P90 => "CAST(round(10 * percentile(n, 0.9)) AS int) AS n",
            Fourth::Text => "length(string_agg(k, ', ')) AS n",
        };
        let more = |having: bool, order: Order| {
            let order = match order {
                Order::Default => "",
                Order::Value => "order = [\"v DESC\"]\n",
                Order::Any => "order = \"any\"\n",
            };
            format!("{}{order}", if having { "having = \"n >= 2\"\n" } else { "" })
        };
        // The windows' end becomes `at` behind those whose results still have their windows.
        let (head, finish) = match node.op {
            Op::WindowTop { .. } | Op::TopOwn { .. } | Op::Explode { .. } => (format!("x{i}"), true),
            _ => (format!("t{i}"), false),
        };
        let _ = match &node.op {
            Op::Filter(c) => {
                writeln!(
                    text,
                    "[transforms.{head}]\ntype = \"filter\"\ninput = {inputs}\nwhere = \"{}\"",
                    CONDITIONS[*c]
                )
            }
            Op::Select(s) => {
                writeln!(text, "[transforms.{head}]\ntype = \"select\"\ninput = {inputs}\nselect = {}", SELECTS[*s])
            }
            Op::Fallible(_) => {
                writeln!(text, "[transforms.{head}]\ntype = \"filter\"\ninput = {inputs}\nwhere = \"{FAILS}\"")
            }
            Op::Route => writeln!(
                text,
                "[transforms.{head}]\ntype = \"route\"\ninput = {inputs}\ncases = {{ big = \"v > 2\", a = \"k = 'a'\" }}"
            ),
            Op::Sample { percent, seed } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"sample\"\ninput = {inputs}\nfraction = {}\nseed = {seed}",
                *percent as f64 / 100.0
            ),
            Op::LimitBy { n, by: b, .. } => {
                let by = if let By::K = b { "by = [\"k AS c\"]\n".into() } else { by(b) };
                writeln!(text, "[transforms.{head}]\ntype = \"limit\"\ninput = {inputs}\nn = {n}\n{by}")
            }
            Op::Throttle => {
                writeln!(text, "[transforms.{head}]\ntype = \"throttle\"\ninput = {inputs}\nrate = 100000")
            }
            Op::Explode { list, keep_empty, .. } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"explode\"\ninput = {inputs}\nlist = \"{} AS e\"\nkeep_empty = {keep_empty}",
                LISTS[*list].0
            ),
            Op::EventTime { delay, .. } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"event_time\"\ninput = {inputs}\ncolumn = \"at\"\ndelay = \"{delay}us\""
            ),
            Op::Count { size, slide, partial, by: b, fourth: f, .. } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"aggregate\"\ninput = {inputs}\n{}\
                 select = [\"max(at) AS at\", \"{}\", \"sum(v) AS v\", \"{}\"]\n\
                 window = {{ type = \"count\", size = {size}, slide = {slide}, partial = {partial} }}",
                by(b),
                k(b, f),
                fourth(f)
            ),
            Op::Limit(n) => writeln!(text, "[transforms.{head}]\ntype = \"limit\"\ninput = {inputs}\nn = {n}"),
            Op::Window { size, slide, lateness, by: b, having, order, fourth: f, .. } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"aggregate\"\ninput = {inputs}\n{}\
                 select = [\"window_end AS at\", \"{}\", \"sum(v) AS v\", \"{}\"]\n{}lateness = \"{lateness}us\"\n{}",
                by(b),
                k(b, f),
                fourth(f),
                window(*size, *slide),
                more(*having, *order)
            ),
            Op::Total { by: b, update, having, order, fourth: f, .. } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"aggregate\"\ninput = {inputs}\n{}\
                 select = [\"max(at) AS at\", \"{}\", \"sum(v) AS v\", \"{}\"]\n{}{}",
                by(b),
                k(b, f),
                fourth(f),
                if *update { "emit = \"update\"\n" } else { "" },
                more(*having, *order)
            ),
            Op::WindowTop { size, slide, keyed, n, ties } => writeln!(
                text,
                "[transforms.w{i}]\ntype = \"aggregate\"\ninput = {inputs}\nby = [\"k\"]\n{}\
                 select = [\"window_start\", \"window_end\", \"k\", \"sum(v) AS v\", \"count(*) AS n\"]\n\
                 [transforms.{head}]\ntype = \"top\"\ninput = \"w{i}\"\n\
                 by = [\"window_start\", \"window_end\"{}]\norder = [\"v DESC\"]\nn = {n}\nties = {ties}",
                window(*size, *slide),
                if *keyed { ", \"k\"" } else { "" }
            ),
            Op::TopOwn { size, keyed, n, ties } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"top\"\ninput = {inputs}\n{}order = [\"v DESC\"]\nn = {n}\nties = {ties}\n{}",
                by_k(*keyed),
                window(*size, *size)
            ),
            Op::Top { keyed, n, ties } => writeln!(
                text,
                "[transforms.{head}]\ntype = \"top\"\ninput = {inputs}\n{}order = [\"v DESC\"]\nn = {n}\nties = {ties}",
                by_k(*keyed)
            ),
        };
        if let Some(cap) = node.cap {
            let _ = writeln!(text, "parallelism = {cap}");
        }
        if node.op.on_error() != "fail" {
            let _ = writeln!(text, "on_error = \"{}\"", node.op.on_error());
        }
        if node.op.on_error() == "dead-letter" {
            let _ = writeln!(
                text,
                "[transforms.r{i}]\ntype = \"select\"\ninput = \"{head}.errors\"\nselect = \"* EXCEPT (reason)\""
            );
        }
        if finish {
            let select = match node.op {
                Op::Explode { .. } => r#"["at", "k", "e AS v", "n"]"#,
                _ => r#"["window_end AS at", "k", "v", "n"]"#,
            };
            let _ = writeln!(text, "[transforms.t{i}]\ntype = \"select\"\ninput = \"{head}\"\nselect = {select}");
        }
    }

    /// Sources that come to one node are read together.
    pub(super) fn groups(&self) -> Vec<Vec<usize>> {
        let mut behind: Vec<BTreeSet<usize>> = (0..self.sources.len()).map(|s| BTreeSet::from([s])).collect();
        let of = |behind: &[BTreeSet<usize>], refs: &[Ref]| refs.iter().flat_map(|r| behind[r.0].clone()).collect();
        for node in &self.nodes {
            behind.push(of(&behind, &node.inputs));
        }
        for sink in &self.sinks {
            behind.push(of(&behind, sink));
        }
        let mut groups: Vec<BTreeSet<usize>> = Vec::new();
        for set in behind {
            let (joined, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(|g| !g.is_disjoint(&set));
            groups = apart;
            groups.push(joined.into_iter().flatten().chain(set).collect());
        }
        groups.into_iter().map(|group| group.into_iter().collect()).collect()
    }

    pub(super) fn is_unordered(&self, &(node, output): &Ref) -> bool {
        node >= self.sources.len() && output == 0 && self.nodes[node - self.sources.len()].op.is_unordered()
    }

    pub(super) fn memory(&self, seed: u64) -> Memory {
        let inputs = self.sources.iter().enumerate().map(|(i, s)| (format!("sources.s{i}"), s.input())).collect();
        Memory { inputs, seed, ..Memory::default() }
    }
}
impl Source {
    pub(super) fn input(&self) -> Input {
        let line = |row: &Result<Row, ()>| match row {
            Err(()) => "bad\n".into(),
            Ok(row) if self.json => json(row),
            Ok(row) => csv(row, [0, 1, 2, 3]),
        };
        let blocks = self.blocks.iter().map(|b| Bytes::from(b.iter().map(line).collect::<String>())).collect();
        Input { times: self.times(), ..bounded(blocks) }
    }

    /// Event times that its blocks start with; bad records are read at once.
    pub(super) fn times(&self) -> Vec<i64> {
        let first = |block: &Vec<Result<Row, ()>>| block[0].as_ref().ok().and_then(|row| row.at);
        let times = self.blocks.iter().map(|block| first(block).unwrap_or(i64::MIN));
        times.filter(|_| self.delay.is_some()).collect()
    }

    /// Its rows, and its bad records as lines of the dead letters.
    pub(super) fn stream(&self, number: usize) -> (Stream, String) {
        let (mut events, mut letters) = (Vec::new(), String::new());
        let (mut line, mut greatest, mut failed) = (0, i64::MIN, false);
        let behind = |max: i64| if max == i64::MIN { max } else { max - self.delay.unwrap_or(0) - 1 };
        let from = |line: usize| Some(format!("s{number}.txt:{line}: "));
        for block in &self.blocks {
            let before = greatest;
            let mut within = i64::MIN;
            for row in block {
                line += 1;
                match row {
                    _ if failed => {}
                    Err(()) if self.on_error == "fail" => {
                        events.push(Ev::Fail(format!("s{number}.txt:{line}: ")));
                        failed = true;
                        // The mark of the block that fails says nothing of time.
                        greatest = before;
                    }
                    Err(()) => {
                        let _ = writeln!(letters, "{line},bad");
                    }
                    Ok(row) if self.delay.is_some() => {
                        let (time, from) = (row.at, from(line));
                        events.push(Ev::Row(Row { time, within: behind(within), from, ..row.clone() }));
                        within = within.max(row.at.unwrap());
                        greatest = greatest.max(row.at.unwrap());
                    }
                    Ok(row) => events.push(Ev::Row(Row { from: from(line), ..row.clone() })),
                }
            }
            events.push(Ev::End(behind(greatest)));
        }
        events.push(Ev::End(i64::MAX));
        (Stream { events }, letters)
    }
}

pub(super) fn json(row: &Row) -> String {
    let k = row.k.as_ref().map_or("null".into(), |k| format!("\"{}\"", k.replace('"', "\\\"")));
    let v = row.v.map_or("null".into(), |v| v.to_string());
    format!("{{\"n\":{},\"at\":{},\"k\":{k},\"v\":{v}}}\n", row.n.unwrap(), row.at.unwrap())
}

pub(super) fn csv(row: &Row, columns: [usize; 4]) -> String {
    let number = |v: Option<i64>| v.map_or(String::new(), |v| v.to_string());
    let k = match row.k.as_deref() {
        None => String::new(),
        Some(k) if k.is_empty() || k.contains(['"', ',']) => format!("\"{}\"", k.replace('"', "\"\"")),
        Some(k) => k.into(),
    };
    let cells = [number(row.at), k, number(row.v), number(row.n)];
    columns.map(|c| cells[c].as_str()).join(",") + "\n"
}

/// The column `op`.
pub(super) fn op_of(row: &Row) -> String {
    match row.change {
        Change::Insert => "+I,".into(),
        Change::Update => "+U,".into(),
        Change::Delete => "-D,".into(),
    }
}
