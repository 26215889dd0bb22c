//! From the paths, globs and folders of a job file to a list of files.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What a file source reads: files, folders and globs, and globs of files that are left out.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    pub paths: Vec<String>,
    /// Without a `/` they are compared with the name of a file, else with its path.
    pub exclude: Vec<String>,
}

impl Patterns {
    /// The files that are named: each a file, a folder (its regular files that are not hidden) or a glob.
    /// Files of one pattern are sorted by name, patterns keep their order, a file named twice counts once.
    ///
    /// Errors (class Job): a pattern that matches nothing, with the nearest names there are; a folder that cannot be
    /// read.
    pub fn resolve(&self) -> Result<Vec<PathBuf>> {
        let exclude = self.exclude()?;
        let mut seen = HashSet::new();
        let mut files = Vec::new();
        for pattern in &self.paths {
            let found = resolve_one(pattern, &exclude)?;
            let identity = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            files.extend(found.into_iter().filter(|path| seen.insert(identity(path))));
        }
        Ok(files)
    }

    /// The files there are now, which may be none, in the order of [`Patterns::resolve`]. A file that several patterns
    /// name comes several times.
    pub fn present(&self) -> Result<Vec<PathBuf>> {
        let exclude = self.exclude()?;
        let mut files = Vec::new();
        for pattern in &self.paths {
            files.extend(list(pattern)?.into_iter().filter(|path| !excluded(&exclude, path)));
        }
        Ok(files)
    }

    /// Whether a file of this path would be read.
    pub fn takes(&self, path: &Path) -> bool {
        let options = match_options();
        let takes = |pattern: &String| {
            let folder = Path::new(pattern);
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            path == folder
                || (!hidden && path.parent() == Some(folder))
                || glob::Pattern::new(pattern).is_ok_and(|glob| glob.matches_path_with(path, options))
        };
        self.paths.iter().any(takes) && self.exclude().is_ok_and(|exclude| !excluded(&exclude, path))
    }

    fn exclude(&self) -> Result<Vec<glob::Pattern>> {
        self.exclude.iter().map(|pattern| glob::Pattern::new(pattern).map_err(|e| not_a_glob(pattern, &e))).collect()
    }
}

fn not_a_glob(pattern: &str, error: &glob::PatternError) -> Error {
    Error::job(format!("{pattern} is not a glob: {} at character {}", error.msg, error.pos + 1))
}

fn match_options() -> glob::MatchOptions {
    glob::MatchOptions {
        require_literal_leading_dot: true,
        require_literal_separator: true,
        ..glob::MatchOptions::new()
    }
}

fn excluded(exclude: &[glob::Pattern], path: &Path) -> bool {
    exclude.iter().any(|pattern| match pattern.as_str().contains('/') {
        true => pattern.matches_path(path),
        false => path.file_name().is_some_and(|name| pattern.matches_path(Path::new(name))),
    })
}

fn resolve_one(pattern: &str, exclude: &[glob::Pattern]) -> Result<Vec<PathBuf>> {
    let mut files = list(pattern)?;
    let found = files.len();
    files.retain(|path| !excluded(exclude, path));
    match (files.len(), found) {
        (0, 0) if Path::new(pattern).is_dir() => Err(Error::job(format!("the folder {pattern} has no files to read"))),
        (0, 0) => Err(not_found(pattern)),
        (0, 1) => Err(Error::job(format!(
            "{} is left out by `exclude`",
            if is_glob(pattern) { "the one file of this glob" } else { pattern }
        ))),
        (0, _) => Err(Error::job(format!("all {found} files of {pattern} are left out by `exclude`"))),
        _ => Ok(files),
    }
}

/// The files of a pattern, sorted by name; none is fine.
fn list(pattern: &str) -> Result<Vec<PathBuf>> {
    let path = Path::new(pattern);
    // A name that exists is taken literally, so files with brackets in their names can be read.
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return files_of_folder(path),
        Ok(_) => return Ok(vec![path.to_owned()]),
        Err(e) if e.kind() == io::ErrorKind::NotFound || is_glob(pattern) => {}
        Err(e) => return Err(Error::job(format!("cannot read {pattern}: {}", reason(&e)))),
    }
    if !is_glob(pattern) {
        return Ok(Vec::new());
    }
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let paths = glob::glob_with(pattern, options).map_err(|e| not_a_glob(pattern, &e))?;
    let mut files = Vec::new();
    for entry in paths {
        let path = match entry {
            Ok(path) => path,
            // It went away meanwhile.
            Err(e) if e.error().kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Error::job(format!("cannot read {}: {}", e.path().display(), reason(e.error())))),
        };
        // A folder that a glob happens to match is not read: `data/*` means the files in `data`.
        if !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

fn files_of_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e: io::Error| Error::job(format!("cannot read the folder {}: {}", folder.display(), reason(&e)));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file()) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// The error for a pattern without a match, naming what was looked at and what is nearest to it.
pub fn not_found(pattern: &str) -> Error {
    let error = if is_glob(pattern) {
        Error::job(format!("no file matches {pattern}"))
    } else {
        Error::job(format!("there is no file {pattern}"))
    };
    match nearest(Path::new(pattern)) {
        Nearest::Names(names) => error.note(format!("did you mean {}?", names.join(" or "))),
        Nearest::NoFolder(folder) => error.note(format!("the folder {} does not exist", folder.display())),
        Nearest::Others { folder, names, count } => {
            let folder = folder.display();
            error.note(match (count, count - names.len()) {
                (0, _) => format!("{folder} is empty"),
                (_, 0) => format!("{folder} has {}", names.join(", ")),
                (_, more) => format!("{folder} has {} and {more} more", names.join(", ")),
            })
        }
        Nearest::Nothing => error.note("paths start at the current directory; ${JOB_DIR} is the job file's folder"),
    }
}

enum Nearest {
    /// Paths, the nearest first.
    Names(Vec<String>),
    /// The outermost folder of the path that is missing.
    NoFolder(PathBuf),
    /// What there is is nothing like it: some of the `count` names in its folder.
    Others {
        folder: PathBuf,
        names: Vec<String>,
        count: usize,
    },
    Nothing,
}

fn nearest(path: &Path) -> Nearest {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    if let Some(folder) = parent
        && !folder.exists()
        && !is_glob(&folder.to_string_lossy())
    {
        let missing = folder.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).last();
        return Nearest::NoFolder(missing.unwrap_or(folder).to_owned());
    }
    let wanted = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Ok(entries) = fs::read_dir(parent.unwrap_or(Path::new("."))) else { return Nearest::Nothing };
    let names = entries.take(MAX_NAMES_COMPARED).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names = names.filter(|name| !name.starts_with('.'));
    let mut scored: Vec<(f64, String)> = names.map(|name| (strsim::jaro_winkler(&wanted, &name), name)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    if best > 0.75 {
        let near = scored.into_iter().take(MAX_NAMES_SAID).take_while(|(score, _)| *score > 0.75 && best - score < 0.1);
        let full =
            |name: String| parent.map_or_else(|| name.clone(), |folder| folder.join(&name).display().to_string());
        return Nearest::Names(near.map(|(_, name)| full(name)).collect());
    }
    // The current directory is known to whoever sits in it.
    let Some(folder) = parent else { return Nearest::Nothing };
    let count = scored.len();
    let mut names: Vec<String> = scored.into_iter().map(|(_, name)| name).collect();
    names.sort();
    names.truncate(MAX_NAMES_SAID);
    Nearest::Others { folder: folder.to_owned(), names, count }
}

/// Names that a message has.
const MAX_NAMES_SAID: usize = 3;
/// Names of a folder that are looked at for a suggestion.
const MAX_NAMES_COMPARED: usize = 10_000;

/// What the system says, without Rust's ` (os error 2)`.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(paths: Vec<String>, exclude: &[&str]) -> Result<Vec<PathBuf>> {
        Patterns { paths, exclude: exclude.iter().map(|&e| e.to_owned()).collect() }.resolve()
    }

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    #[test]
    fn files_globs_folders_and_lists() {
        let dir = folder(&["b.csv", "a.csv", "c.log", ".hidden.csv", "sub/d.csv", "x[1].csv"]);
        let check = |patterns: &[&str], expect: &[&str]| {
            let at = |p: &&str| dir.path().join(p).to_str().unwrap().to_owned();
            let patterns: Vec<String> = patterns.iter().map(at).collect();
            let expect: Vec<PathBuf> = expect.iter().map(|p| dir.path().join(p)).collect();
            assert_eq!(resolve(patterns.clone(), &[]).unwrap(), expect, "{patterns:?}");
        };
        check(&["a.csv"], &["a.csv"]);
        check(&["*.csv"], &["a.csv", "b.csv", "x[1].csv"]);
        check(&["**/*.csv"], &["a.csv", "b.csv", "sub/d.csv", "x[1].csv"]);
        check(&["*"], &["a.csv", "b.csv", "c.log", "x[1].csv"]);
        check(&["."], &["./a.csv", "./b.csv", "./c.log", "./x[1].csv"]);
        check(&["c.log", "*.csv", "c.log", "a.csv"], &["c.log", "a.csv", "b.csv", "x[1].csv"]);
        check(&["x[1].csv"], &["x[1].csv"]);
    }

    #[test]
    fn what_matches_nothing_is_named_with_the_nearest_name() {
        let dir = folder(&["payments-2024.csv", "sub/d.csv"]);
        let error = |pattern: &str| {
            let path = dir.path().join(pattern).to_str().unwrap().to_owned();
            let error = resolve(vec![path], &[]).unwrap_err();
            assert_eq!(error.class, crate::error::Class::Job);
            error.to_string().replace(dir.path().to_str().unwrap(), "DIR")
        };
        assert_eq!(
            error("payment-2024.csv"),
            "there is no file DIR/payment-2024.csv\n  did you mean DIR/payments-2024.csv?"
        );
        assert_eq!(error("payment*.csb"), "no file matches DIR/payment*.csb\n  did you mean DIR/payments-2024.csv?");
        assert_eq!(error("no/such/a.csv"), "there is no file DIR/no/such/a.csv\n  the folder DIR/no does not exist");
        assert_eq!(error("zzzz"), "there is no file DIR/zzzz\n  DIR has payments-2024.csv, sub");
        assert_eq!(error("sub/*.json"), "no file matches DIR/sub/*.json\n  DIR/sub has d.csv");
    }

    #[test]
    fn what_is_excluded_is_not_read() {
        let dir = folder(&["a.csv", "b.csv", "sub/a.csv", "a.tmp"]);
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let check = |path: &str, exclude: &[&str], expect: &[&str]| {
            let expect: Vec<PathBuf> = expect.iter().map(|p| dir.path().join(p)).collect();
            assert_eq!(resolve(vec![at(path)], exclude).unwrap(), expect, "{path} {exclude:?}");
            let patterns = Patterns { paths: vec![at(path)], exclude: exclude.iter().map(|&e| e.into()).collect() };
            assert_eq!(patterns.present().unwrap(), expect);
            let taken: Vec<PathBuf> = ["a.csv", "a.tmp", "b.csv"]
                .map(|p| dir.path().join(p))
                .into_iter()
                .filter(|p| patterns.takes(p))
                .collect();
            assert_eq!(taken, expect.into_iter().filter(|p| p.parent() == Some(dir.path())).collect::<Vec<_>>());
        };
        check("*", &["*.tmp"], &["a.csv", "b.csv"]);
        check("**/*.csv", &["a.csv"], &["b.csv"]);
        check("**/*.csv", &["*/sub/*"], &["a.csv", "b.csv"]);
        check("*.csv", &["b*", "*.tmp"], &["a.csv"]);
        let error =
            |path: &str, exclude| resolve(vec![at(path)], exclude).unwrap_err().message.replace(&at(""), "DIR/");
        assert_eq!(error("*.csv", &["*"]), "all 2 files of DIR/*.csv are left out by `exclude`");
        assert_eq!(error("a.csv", &["*"]), "DIR/a.csv is left out by `exclude`");
        assert_eq!(
            error("a.csv", &["***"]),
            "*** is not a glob: wildcards are either regular `*` or recursive `**` at character 3"
        );
    }
}
