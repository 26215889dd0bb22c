//! From the paths, globs and folders of a job file to a list of files.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The files that `patterns` name: each a file, a folder (its regular files that are not hidden) or a glob.
/// Files of one pattern are sorted by name, patterns keep their order, a file named twice counts once.
///
/// Errors (class Job): a pattern that matches nothing, with the nearest name there is; a folder that cannot be read.
pub fn resolve_paths(patterns: &[String]) -> Result<Vec<PathBuf>> {
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for pattern in patterns {
        let mut found = resolve_one(pattern)?;
        found.sort();
        let identity = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        files.extend(found.into_iter().filter(|path| seen.insert(identity(path))));
    }
    Ok(files)
}

fn resolve_one(pattern: &str) -> Result<Vec<PathBuf>> {
    let path = Path::new(pattern);
    // A name that exists is taken literally, so files with brackets in their names can be read.
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return files_of_folder(path),
        Ok(_) => return Ok(vec![path.to_owned()]),
        Err(e) if e.kind() == io::ErrorKind::NotFound || is_glob(pattern) => {}
        Err(e) => return Err(Error::job(format!("cannot read {pattern}: {}", reason(&e)))),
    }
    if !is_glob(pattern) {
        return Err(not_found(pattern));
    }
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let paths = glob::glob_with(pattern, options)
        .map_err(|e| Error::job(format!("{pattern} is not a glob: {} at character {}", e.msg, e.pos + 1)))?;
    let mut files = Vec::new();
    for entry in paths {
        let path =
            entry.map_err(|e| Error::job(format!("cannot read {}: {}", e.path().display(), reason(e.error()))))?;
        // A folder that a glob happens to match is not read: `data/*` means the files in `data`.
        if !path.is_dir() {
            files.push(path);
        }
    }
    if files.is_empty() { Err(not_found(pattern)) } else { Ok(files) }
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
    if files.is_empty() {
        return Err(Error::job(format!("the folder {} has no files to read", folder.display())));
    }
    Ok(files)
}

/// The error for a pattern without a match, naming what is nearest to it.
fn not_found(pattern: &str) -> Error {
    let error = if is_glob(pattern) {
        Error::job(format!("no file matches {pattern}"))
    } else {
        Error::job(format!("there is no file {pattern}"))
    };
    match nearest(Path::new(pattern)) {
        Nearest::Name(path) => error.note(format!("did you mean {}?", path.display())),
        Nearest::NoFolder(folder) => error.note(format!("the folder {} does not exist", folder.display())),
        Nearest::Nothing => error.note("paths start at the current directory; ${JOB_DIR} is the job file's folder"),
    }
}

enum Nearest {
    Name(PathBuf),
    /// The outermost folder of the path that is missing.
    NoFolder(PathBuf),
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
    let scored = names.filter(|name| !name.starts_with('.')).map(|name| (strsim::jaro_winkler(&wanted, &name), name));
    match scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1))) {
        Some((score, name)) if score > 0.75 => {
            Nearest::Name(parent.map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name)))
        }
        _ => Nearest::Nothing,
    }
}

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
            assert_eq!(resolve_paths(&patterns).unwrap(), expect, "{patterns:?}");
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
            let error = resolve_paths(&[path]).unwrap_err();
            assert_eq!(error.class, crate::error::Class::Job);
            error.to_string().replace(dir.path().to_str().unwrap(), "DIR")
        };
        assert_eq!(
            error("payment-2024.csv"),
            "there is no file DIR/payment-2024.csv\n  did you mean DIR/payments-2024.csv?"
        );
        assert_eq!(error("payment*.csb"), "no file matches DIR/payment*.csb\n  did you mean DIR/payments-2024.csv?");
        assert_eq!(error("no/such/a.csv"), "there is no file DIR/no/such/a.csv\n  the folder DIR/no does not exist");
        assert!(error("zzzz").contains("current directory"));
    }
}
