//! `flott completions`: a script for a shell, made from the table of commands. The generator knows commands and options;
//! what else is typed is added here: job files end with `.toml`, and jobs that ran have names, which `flott list` knows.

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::args::{Arguments, CompletionsArgs};
use super::print;

/// Names of jobs, one a line.
const NAMES: &str = "flott list 2>/dev/null | awk 'NR > 1 { print $1 }'";

pub fn completions(args: &CompletionsArgs) -> u8 {
    let mut command = Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "flott", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let typed = typed(&command);
    print(&match args.shell {
        Shell::Bash => bash(script, &command, &typed),
        Shell::Zsh => zsh(&script),
        Shell::Fish => fish(script, &typed),
        _ => script,
    });
    0
}

/// What is typed behind a command that is no option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Typed {
    JobFile,
    /// The name of a job, a job file or a folder.
    Job,
}

/// The commands that take a job, in words: `state show`.
fn typed(command: &Command) -> Vec<(String, Typed)> {
    let mut found = Vec::new();
    for sub in command.get_subcommands() {
        let places = sub.get_positionals().filter_map(|arg| arg.get_value_names()?.first().map(|name| name.as_str()));
        let kind = places.filter_map(|name| match name {
            "JOB.toml" => Some(Typed::JobFile),
            "JOB" | "PATH|JOB" => Some(Typed::Job),
            _ => None,
        });
        found.extend(kind.take(1).map(|kind| (sub.get_name().to_owned(), kind)));
        found.extend(self::typed(sub).into_iter().map(|(words, kind)| (format!("{} {words}", sub.get_name()), kind)));
    }
    found
}

fn of(typed: &[(String, Typed)], kind: Typed) -> impl Iterator<Item = &str> {
    typed.iter().filter(move |(_, found)| *found == kind).map(|(words, _)| words.as_str())
}

fn bash(script: String, command: &Command, typed: &[(String, Typed)]) -> String {
    let cases = |kind| of(typed, kind).map(|words| format!("\"{words}\"")).collect::<Vec<_>>().join("|");
    let mut options: Vec<String> = Vec::new();
    valued(command, &mut options);
    options.sort();
    options.dedup();
    // What calls the generated function calls the one that knows more.
    let script = script.replace("complete -F _flott ", "complete -F _flott_typed ");
    format!(
        r#"{script}
_flott_typed() {{
    _flott "$@"
    local cur="${{COMP_WORDS[COMP_CWORD]}}" command="${{COMP_WORDS[1]}}" first=2 names=""
    if [[ "$command" == state ]]; then
        command="state ${{COMP_WORDS[2]}}"
        first=3
    fi
    if (( COMP_CWORD < first )) || [[ "$cur" == -* ]]; then
        return
    fi
    case "${{COMP_WORDS[COMP_CWORD-1]}}" in
        {options}) return ;;
    esac
    case "$command" in
        {files}) ;;
        {jobs}) names="$({NAMES})" ;;
        *) return ;;
    esac
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(
        compgen -W "$names" -- "$cur"
        compgen -f -X '!*.toml' -- "$cur"
        compgen -d -- "$cur"
    )
}}
"#,
        options = options.join("|"),
        files = cases(Typed::JobFile),
        jobs = cases(Typed::Job),
    )
}

/// Options that take a value, as they are typed.
fn valued(command: &Command, out: &mut Vec<String>) {
    for arg in command.get_opts() {
        out.extend(arg.get_long().map(|long| format!("--{long}")));
        out.extend(arg.get_short().map(|short| format!("-{short}")));
    }
    command.get_subcommands().for_each(|sub| valued(sub, out));
}

fn zsh(script: &str) -> String {
    let names = format!(
        "_flott_jobs() {{\n    local -a names\n    names=(${{(f)\"$({NAMES})\"}})\n    \
         _alternative 'jobs:job:($names)' 'files:job file:_files -g \"*.toml\"' 'folders:folder:_directories'\n}}\n"
    );
    let line = |line: &str| {
        let (place, rest) = (line.trim_start().starts_with("':") || line.trim_start().starts_with("'*:"), line);
        let action = |text: &str| match text {
            _ if text.contains("ob file:_files'") || text.contains("ob files:_files'") => {
                text.replace(":_files'", ":_files -g \"*.toml\"'")
            }
            _ if text.contains(" job, or its job file:_") || text.contains("a job\\: its name or job file") => {
                text.replace(":_default'", ":_flott_jobs'").replace(":_files'", ":_flott_jobs'")
            }
            _ => text.to_owned(),
        };
        if place { action(rest) } else { rest.to_owned() }
    };
    let lines: Vec<String> = script.lines().map(line).collect();
    match lines.split_first() {
        Some((first, rest)) => format!("{first}\n\n{names}{}\n", rest.join("\n")),
        None => names,
    }
}

fn fish(mut script: String, typed: &[(String, Typed)]) -> String {
    let seen = |words: &str| {
        words.split(' ').map(|word| format!("__fish_seen_subcommand_from {word}")).collect::<Vec<_>>().join("; and ")
    };
    for (words, kind) in typed {
        let seen = seen(words);
        script.push_str(&format!("complete -c flott -n \"{seen}\" -k -a \"(__fish_complete_suffix .toml)\"\n"));
        if *kind == Typed::Job {
            script.push_str(&format!("complete -c flott -n \"{seen}\" -a \"({})\"\n", NAMES.replace('$', "\\$")));
        }
    }
    script
}
