//! `flott new`: a starter job with sample data. What can be chosen stands in `templates/`, one folder each, and in the
//! table below; or with `--from`, over a file that is there.

mod from;

use std::path::{Path, PathBuf};

use super::args::NewArgs;
use super::launch::quoted;
use super::list::table;
use super::print;
use super::screen::Screen;
use crate::connect::file::reason;
use crate::error::{Error, Result};
use crate::spec::suggest;

struct Template {
    name: &'static str,
    about: &'static str,
    job: &'static str,
    /// Files beside the job: name and content.
    data: &'static [(&'static str, &'static str)],
    /// What to type before and behind `flott run JOB.toml`.
    run: (&'static str, &'static str),
}

/// A file of `templates/`.
macro_rules! file {
    ($path:literal) => {
        include_str!(concat!("../../templates/", $path))
    };
}

const TEMPLATES: [Template; 10] = [
    Template {
        name: "csv",
        about: "a CSV file, counts and means per minute",
        job: file!("csv/job.toml"),
        data: &[("requests.csv", file!("csv/requests.csv"))],
        run: ("", ""),
    },
    Template {
        name: "logs",
        about: "lines of a log taken apart by a regular expression, and counted",
        job: file!("logs/job.toml"),
        data: &[("app.log", file!("logs/app.log"))],
        run: ("", ""),
    },
    Template {
        name: "ndjson",
        about: "JSON events cleaned up, bad ones set aside with the reason",
        job: file!("ndjson/job.toml"),
        data: &[("events.jsonl", file!("ndjson/events.jsonl"))],
        run: ("", ""),
    },
    Template {
        name: "sensors",
        about: "a file for each machine: means of ten seconds, alerts, late readings",
        job: file!("sensors/job.toml"),
        data: &[("machine-a.csv", file!("sensors/machine-a.csv")), ("machine-b.csv", file!("sensors/machine-b.csv"))],
        run: ("", ""),
    },
    Template {
        name: "top",
        about: "the three best sellers of every hour",
        job: file!("top/job.toml"),
        data: &[("sales.csv", file!("top/sales.csv"))],
        run: ("", ""),
    },
    Template {
        name: "sqlite",
        about: "running sums kept up to date in a table of an SQLite database",
        job: file!("sqlite/job.toml"),
        data: &[("orders.csv", file!("sqlite/orders.csv"))],
        run: ("", ""),
    },
    Template {
        name: "stdin",
        about: "a filter between pipes",
        job: file!("stdin/job.toml"),
        data: &[],
        run: ("printf 'an error\\nall is well\\n' | ", ""),
    },
    Template {
        name: "tcp",
        about: "a server that counts words as they come",
        job: file!("tcp/job.toml"),
        data: &[],
        run: ("", "    and: printf 'tea\\ntea\\n' | nc 127.0.0.1 9000"),
    },
    Template {
        name: "follow",
        about: "a log that grows, counted as it is written, through its rotation",
        job: file!("follow/job.toml"),
        data: &[("app.log", file!("follow/app.log"))],
        run: ("", "    and write lines into its app.log"),
    },
    Template {
        name: "generate",
        about: "no input at all: generated bids, to try things with",
        job: file!("generate/job.toml"),
        data: &[],
        run: ("", ""),
    },
];

pub fn new(args: &NewArgs) -> u8 {
    if args.list {
        let rows = TEMPLATES.iter().map(|template| [template.name.to_owned(), template.about.to_owned()]);
        print(&table(["TEMPLATE", "WHAT IT DOES"], rows));
        return 0;
    }
    let screen = Screen::plain();
    if let Some(file) = &args.from {
        return over(args, file, &screen);
    }
    match find(&args.template).and_then(|template| write(template, args.path.as_deref()).map(|job| (template, job))) {
        Ok((template, job)) => {
            let job = quoted(&job.display().to_string());
            let (before, behind) = template.run;
            screen.line(&format!("flott: to run it: {before}flott run {job}{behind}"));
            screen.line(&format!("       to test it: flott test {job}"));
            0
        }
        Err(error) => screen.refuse(&error),
    }
}

/// A job over a file that is there.
fn over(args: &NewArgs, file: &Path, screen: &Screen) -> u8 {
    let class = crate::error::Class::Usage;
    let starter = from::starter(args, file.to_owned(), screen).map_err(|error| Error { class, ..error });
    let written = starter.and_then(|starter| {
        let job = starter.path;
        let folder = job.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        create(folder, &[(job.clone(), starter.text)]).map(|()| job)
    });
    match written {
        Ok(job) => {
            let job = quoted(&job.display().to_string());
            let feed = if file.as_os_str() == "-" { " < FILE" } else { "" };
            screen.line(&format!("flott: to run it: flott run {job}{feed}"));
            0
        }
        Err(error) => screen.refuse(&error),
    }
}

fn find(name: &str) -> Result<&'static Template> {
    if let Some(found) = TEMPLATES.iter().find(|template| template.name == name) {
        return Ok(found);
    }
    let names: Vec<&str> = TEMPLATES.iter().map(|template| template.name).collect();
    let help = match suggest(name, &names) {
        Some(near) => format!("did you mean `{near}`? `flott new --list` shows all"),
        None => format!("there are {}", names.join(", ")),
    };
    Err(Error::usage(format!("there is no template `{name}`")).note(help))
}

/// Writes the files, or none of them; prints their names. Returns the job file.
///
/// Errors (class Usage): one of them exists; the system refuses.
fn write(template: &Template, path: Option<&Path>) -> Result<PathBuf> {
    let path = path.unwrap_or(Path::new(template.name));
    let (folder, job) = place(path)?;
    let shown = quoted(&job.display().to_string());
    let mut files = vec![(job.clone(), template.job.replace("JOB.toml", &shown))];
    files.extend(template.data.iter().map(|(name, text)| (folder.join(name), (*text).to_owned())));
    create(&folder, &files).map(|()| job)
}

/// Writes files of a folder, or none of them; prints their names.
///
/// Errors (class Usage): one of them exists; the system refuses.
fn create(folder: &Path, files: &[(PathBuf, String)]) -> Result<()> {
    if let Some((there, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(Error::usage(format!("{} exists already", there.display()))
            .note("nothing was written; choose another name: flott new NAME"));
    }
    let failed =
        |path: &Path, e: &std::io::Error| Error::usage(format!("cannot write {}: {}", path.display(), reason(e)));
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    for (path, text) in files {
        std::fs::write(path, text).map_err(|e| failed(path, &e))?;
        print(&format!("{}\n", path.display()));
    }
    Ok(())
}

/// The folder to write to, and the job file in it.
fn place(path: &Path) -> Result<(PathBuf, PathBuf)> {
    if path.extension().is_some_and(|extension| extension == "toml") {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Ok((folder.to_owned(), path.to_owned()));
    }
    let absolute = std::path::absolute(path).ok();
    let name = absolute.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::usage(format!("{} gives the job no name", path.display())))?;
    Ok((path.to_owned(), path.join(format!("{name}.toml"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_job_is_named_as_its_folder() {
        let check = |path: &str, expect: &str| {
            assert_eq!(place(Path::new(path)).unwrap().1, Path::new(expect), "{path}");
        };
        check("visits", "visits/visits.toml");
        check("a/b/", "a/b/b.toml");
        check("a.toml", "a.toml");
        check("x/a.toml", "x/a.toml");
        assert!(place(Path::new("/")).is_err());
    }

    #[test]
    fn every_template_of_the_folder_is_in_the_table() {
        let entries = std::fs::read_dir("templates").unwrap();
        let mut folders: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        let mut names: Vec<&str> = TEMPLATES.iter().map(|template| template.name).collect();
        folders.sort();
        names.sort_unstable();
        assert_eq!(folders, names);
        for template in &TEMPLATES {
            let files = std::fs::read_dir(Path::new("templates").join(template.name)).unwrap().count();
            assert_eq!(files, 1 + template.data.len(), "{}", template.name);
        }
    }
}
