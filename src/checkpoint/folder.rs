//! The folder of a job's state: which checkpoints lie in it, and how manifests are written, read and checked.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::file::{self, failed};
use super::manifest::{FORMAT, FileInfo, Manifest};
use crate::error::{Error, Result};
use crate::storage::{Kind, Storage, crash};

/// Name of a manifest in the folder of its checkpoint.
pub const MANIFEST: &str = "manifest.json";
pub const TEMPORARY: &str = "manifest.json.tmp";
/// Ends the names of state files.
pub const STATE_FILE: &str = ".arrow";
const CHECKSUM: &str = "xxh3:";

/// Name of the folder of a checkpoint.
pub fn name_of(checkpoint: u64) -> String {
    format!("chk-{checkpoint}")
}

/// A folder of a checkpoint, complete or not.
#[derive(Debug)]
pub struct Entry {
    pub checkpoint: u64,
    pub path: PathBuf,
    /// Names of what lies in it, sorted.
    pub names: Vec<String>,
    /// `None`: it has none, so it was never completed. `Err`: it is of no use, and why.
    pub manifest: Option<Result<Manifest>>,
    /// The disk did not even give it.
    pub unread: bool,
}

/// What lies in a state folder, in the order of checkpoints. A folder that does not exist holds nothing.
pub fn scan(storage: &dyn Storage, folder: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for checkpoint in numbers(storage, folder)? {
        let path = folder.join(name_of(checkpoint));
        let names = storage.list(&path).map_err(|e| failed("list", &path, &e))?;
        let names: Vec<String> = names.iter().filter_map(|name| name.to_str().map(str::to_owned)).collect();
        let bytes = names.iter().any(|name| name == MANIFEST).then(|| read_bytes(storage, &path));
        let unread = matches!(bytes, Some(Err(_)));
        let manifest = bytes.map(|bytes| bytes.and_then(|bytes| parse(&path, &bytes)));
        entries.push(Entry { checkpoint, path, names, manifest, unread });
    }
    Ok(entries)
}

/// Numbers of the checkpoints that have a folder, ascending.
pub fn numbers(storage: &dyn Storage, folder: &Path) -> Result<Vec<u64>> {
    if storage.kind(folder).map_err(|e| failed("read", folder, &e))?.is_none() {
        return Ok(Vec::new());
    }
    let names = storage.list(folder).map_err(|e| failed("list", folder, &e))?;
    let number = |name: &PathBuf| {
        let number = name.to_str()?.strip_prefix("chk-")?.parse().ok()?;
        // Not `chk-007`, which nobody here has made.
        (name.to_str() == Some(&name_of(number))).then_some(number)
    };
    let mut numbers = Vec::new();
    for checkpoint in names.iter().filter_map(number) {
        let path = folder.join(name_of(checkpoint));
        // An error must not look like a checkpoint that is not there: others may need its files.
        if storage.kind(&path).map_err(|e| failed("read", &path, &e))? == Some(Kind::Folder) {
            numbers.push(checkpoint);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Writes the manifest of a checkpoint whose files are there. It is complete once this returns.
pub fn commit(storage: &dyn Storage, folder: &Path, manifest: &Manifest, power: bool) -> Result<u64> {
    let (temporary, path) = (folder.join(TEMPORARY), folder.join(MANIFEST));
    let text = render(manifest)?;
    crash::point("checkpoint-before-manifest");
    let mut file = storage.create_new(&temporary).map_err(|e| failed("create", &temporary, &e))?;
    file.write_all(text.as_bytes()).map_err(|e| failed("write", &temporary, &e))?;
    if power {
        file.sync().map_err(|e| failed("sync", &temporary, &e))?;
    }
    drop(file);
    crash::point("checkpoint-before-rename");
    storage.rename(&temporary, &path).map_err(|e| failed("write", &path, &e))?;
    crash::point("checkpoint-after-rename");
    if power {
        storage.sync_folder(folder).map_err(|e| failed("sync", folder, &e))?;
    }
    Ok(text.len() as u64)
}

/// A manifest as it is on disk: JSON on one line, then its checksum.
pub fn render(manifest: &Manifest) -> Result<String> {
    let json = serde_json::to_string(manifest).map_err(|e| Error::internal(format!("cannot write a manifest: {e}")))?;
    Ok(format!("{json}\n{CHECKSUM}{}\n", file::hex(xxh3_64(json.as_bytes()))))
}

/// The manifest in a folder. Files it names are not looked at: [`check`] does.
pub fn read(storage: &dyn Storage, folder: &Path) -> Result<Manifest> {
    parse(folder, &read_bytes(storage, folder)?)
}

fn read_bytes(storage: &dyn Storage, folder: &Path) -> Result<Vec<u8>> {
    let path = folder.join(MANIFEST);
    storage.read(&path).map_err(|e| failed("read", &path, &e))
}

fn parse(folder: &Path, bytes: &[u8]) -> Result<Manifest> {
    parse_text(bytes).map_err(|why| Error::external(format!("{} {why}", folder.join(MANIFEST).display())))
}

fn parse_text(bytes: &[u8]) -> Result<Manifest, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not a manifest: it is no text")?;
    let torn = || "is torn: it does not end with its checksum".to_string();
    let (json, rest) = text.split_once('\n').ok_or_else(torn)?;
    let sum = rest.strip_prefix(CHECKSUM).and_then(|rest| rest.strip_suffix('\n')).ok_or_else(torn)?;
    if sum != file::hex(xxh3_64(json.as_bytes())) {
        return Err("is damaged or was edited: its checksum differs".into());
    }
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
    }
    let wrong = |e: serde_json::Error| format!("is not a manifest: {e}");
    let version: Version = serde_json::from_str(json).map_err(wrong)?;
    if version.format != FORMAT {
        return Err(format!("has format version {}, this flott reads version {FORMAT}", version.format));
    }
    let manifest: Manifest = serde_json::from_str(json).map_err(wrong)?;
    check_names(&manifest).map_err(|why| format!("is not a manifest: {why}"))?;
    Ok(manifest)
}

/// What a manifest says must hang together, whoever wrote it.
fn check_names(manifest: &Manifest) -> Result<(), String> {
    if let Some(file) = manifest.files.keys().find(|file| !is_inside(file)) {
        return Err(format!("it names the file {file}"));
    }
    for (operator, state) in &manifest.operators {
        for table in &state.tables {
            if let Some(&key) = table.key.iter().find(|&&key| key >= table.columns.len()) {
                return Err(format!("table {} of {operator} has no column {key}", table.name));
            }
            let unknown = table.segments.iter().find(|segment| !manifest.files.contains_key(&segment.file));
            if let Some(segment) = unknown {
                return Err(format!("table {} of {operator} lies in {}, an unknown file", table.name, segment.file));
            }
        }
    }
    Ok(())
}

/// A plain name, or `../chk-N/NAME`.
fn is_inside(file: &str) -> bool {
    let plain = |name: &str| {
        let mut parts = Path::new(name).components();
        matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) && !name.contains('/')
    };
    match file.strip_prefix("../") {
        None => plain(file),
        Some(rest) => rest
            .split_once('/')
            .is_some_and(|(folder, name)| folder.starts_with("chk-") && plain(folder) && plain(name)),
    }
}

/// Compares all files of a manifest with what it says.
///
/// Errors: the first that differs.
pub fn check(storage: &dyn Storage, folder: &Path, files: &BTreeMap<String, FileInfo>) -> Result<()> {
    files.iter().try_for_each(|(name, info)| file::check(storage, &path_of(folder, name), info))
}

/// The path of a file that a manifest in `folder` names.
pub fn path_of(folder: &Path, file: &str) -> PathBuf {
    match (file.strip_prefix("../"), folder.parent()) {
        (Some(rest), Some(parent)) => parent.join(rest),
        _ => folder.join(file),
    }
}

/// How a manifest in another folder names this file of the manifest of `checkpoint`.
pub fn from_outside(checkpoint: u64, file: &str) -> String {
    match file.starts_with("../") {
        true => file.to_owned(),
        false => format!("../{}/{file}", name_of(checkpoint)),
    }
}
