use flott::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut p = 2; let mut ov = vec![]; let mut i = 2; 
    while i < args.len() { match args[i].as_str() { "-p" => { p = args[i+1].parse().unwrap(); i+=1 } "-D" => { ov.push(args[i+1].clone()); i+=1 } _ => {} } i += 1; }
    let loaded = spec::load(std::path::Path::new(&args[1]), &ov);
    eprint!("{}", loaded.diagnostics.render(&loaded.text, false)); let Some(spec) = loaded.job else { std::process::exit(2) };
    let (plan, d) = plan::logical::build(&spec);
    eprint!("{}", d.render(&loaded.text, false));
    let Some(mut plan) = plan else { std::process::exit(2) };
    for n in &mut plan.nodes { if let plan::logical::Kind::Sink(s) = &mut n.kind { if s.format == format::Format::Table && std::env::var("TABLE").is_err() { s.format = format::Format::Csv(Default::default()) } } }
    let mut files = std::collections::BTreeMap::new();
    for n in &plan.nodes { if let plan::logical::Kind::Source(s) = &n.kind { if let spec::SourceConnector::File{paths,..} = &s.connector { 
        let pats: Vec<String> = paths.iter().map(|t| t.value.clone()).collect();
        files.insert(n.name.clone(), connect::file::resolve_paths(&pats).unwrap()); } } }
    let ph = match plan::place::place(&plan, p, 128, &files) { Ok(p) => p, Err(e) => { eprintln!("{e}"); std::process::exit(2) } };
    if std::env::var("PLAN").is_ok() { eprintln!("{ph:#?}"); }
    let dep = runtime::deploy(&ph, &mut runtime::RealConnectors::default()).unwrap_or_else(|e| { eprintln!("{e}"); std::process::exit(2) });
    let stats = dep.stats.clone();
    let t = std::time::Instant::now();
    let end = runtime::run(dep, None, |_| {});
    eprintln!("{end:?} {:?}", t.elapsed());
    if std::env::var("STATS").is_ok() { for s in stats.sources { eprintln!("{} {:?}", s.0, s.1.read()) } for s in stats.nodes { eprintln!("{} {} {:?}", s.0, s.1, s.2.read()) } for s in stats.sinks { eprintln!("{} {:?}", s.0, s.1.read()) } }
    std::process::exit(end.exit_code());
}
