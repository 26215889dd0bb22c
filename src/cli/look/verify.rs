//! `flott state verify`: whether every checkpoint is what its checksums say.

use std::path::Path;

use super::entries::{self, Entry};
use super::{SAVEPOINTS, Target, ls, target};
use crate::checkpoint::manifest::Manifest;
use crate::checkpoint::store;
use crate::cli::args::VerifyArgs;
use crate::cli::print;
use crate::cli::screen::Screen;
use crate::cli::summary::grouped;
use crate::error::{Error, Result};
use crate::storage::RealStorage;

pub fn verify(args: &VerifyArgs, screen: &Screen) -> Result<u8> {
    let found = match target(&args.target.target, &args.target.state)? {
        Target::One(path) => vec![Entry::new(path, None)],
        Target::Folder(folder) => {
            let mut found = entries::checkpoints(&folder)?;
            found.extend(entries::savepoints(&folder.join(SAVEPOINTS))?);
            if found.is_empty() {
                found = entries::savepoints(&folder)?;
            }
            found
        }
    };
    if found.is_empty() {
        print("no checkpoints and no savepoints\n");
    }
    let mut broken = 0;
    for entry in &found {
        let path = entry.path.display();
        match check(&entry.path) {
            Ok(Some(manifest)) => print(&format!("{path}: {}\n", sound(&manifest))),
            // It was taken away meanwhile.
            Ok(None) if entry.manifest.is_some() => {}
            Ok(None) => print(&format!("{path}: {}\n", ls::why_not(entry))),
            Err(error) => {
                broken += 1;
                screen.error(&Error { message: format!("{path}: {}", error.message), ..error });
            }
        }
    }
    if broken > 0 && found.len() > 1 {
        let sound = found.len() - broken;
        screen.line(&format!(
            "flott: {broken} of {} are broken; resume takes the newest of the other {sound}",
            found.len()
        ));
    }
    Ok(u8::from(broken > 0))
}

/// `None`: there is no manifest, or not any more.
fn check(path: &Path) -> Result<Option<Manifest>> {
    let manifest = path.join(super::MANIFEST);
    if !manifest.is_file() {
        return Ok(None);
    }
    match store::verify(&RealStorage, path) {
        Ok(manifest) => Ok(Some(manifest)),
        // A job that runs takes away its oldest checkpoint, its manifest first.
        Err(_) if !manifest.is_file() => Ok(None),
        Err(error) => Err(error),
    }
}

fn sound(manifest: &Manifest) -> String {
    let bytes: u64 = manifest.files.values().map(|file| file.bytes).sum();
    format!("ok, {} files, {} bytes", manifest.files.len(), grouped(bytes))
}
