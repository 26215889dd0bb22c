//! State folders: whose they are, who holds them, what is left in them.

use super::*;
use crate::checkpoint::folder::render;
use crate::checkpoint::manifest::{FORMAT, Kind, Manifest};

struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new() -> Fixture {
        Fixture(tempfile::tempdir().unwrap())
    }

    fn place(&self) -> StateDir {
        StateDir::find(Some(&self.0.path().join("state/flott")), &|_| None).unwrap()
    }

    /// A job file that is there.
    fn job(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, "").unwrap();
        path
    }

    fn claim(&self, path: &Path) -> Result<Home> {
        Home::claim(&self.place(), "j", path, &Owner::Same)
    }

    fn manifest(&self, number: u64, text: &str) {
        let folder = self.place().folder("j").join(format!("chk-{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("manifest.json"), text).unwrap();
    }

    /// As if a run had left this checkpoint.
    fn leave(&self, number: u64, kind: Kind, created: i64) {
        let manifest = Manifest {
            format: FORMAT,
            flott: String::new(),
            kind,
            checkpoint: number,
            lineage: String::new(),
            origin: None,
            created,
            job: Default::default(),
            ended: false,
            operators: Default::default(),
            sources: Default::default(),
            sinks: Default::default(),
            files: Default::default(),
        };
        self.manifest(number, &render(&manifest).unwrap());
    }
}

#[test]
fn the_state_dir_is_found_by_rank() {
    let find = |given: Option<&str>, set: &[(&str, &str)]| {
        let env = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| PathBuf::from(value));
        StateDir::find(given.map(Path::new), &env).map(|dir| dir.path().display().to_string()).ok()
    };
    let all = [("FLOTT_STATE_DIR", "/f"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
    assert_eq!(find(Some("/g"), &all).unwrap(), "/g");
    assert_eq!(find(None, &all).unwrap(), "/f");
    assert_eq!(find(None, &all[1..]).unwrap(), "/x/flott");
    assert_eq!(find(None, &all[2..]).unwrap(), "/h/.local/state/flott");
    assert_eq!(find(None, &[("FLOTT_STATE_DIR", ""), ("XDG_STATE_HOME", "x"), ("HOME", "/h")]).unwrap().len(), 21);
    assert_eq!(find(None, &[("HOME", "")]), None);
    assert!(find(Some("relative"), &[]).unwrap().starts_with('/'));
}

#[test]
fn folders_are_private_and_held_by_one() {
    let fixture = Fixture::new();
    let path = fixture.job("a.toml");
    let home = fixture.claim(&path).unwrap();
    for folder in [home.folder(), fixture.place().path()] {
        assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700, "{}", folder.display());
    }
    let error = fixture.claim(&path).unwrap_err();
    assert_eq!((error.class, error.class.exit_code()), (Class::Busy, 4));
    assert!(error.message.contains(&std::process::id().to_string()), "{error}");
    let folder = home.folder().to_owned();
    assert_eq!(look(&folder).unwrap().unwrap().condition, Condition::Running(Some(std::process::id())));
    drop(home);
    assert_eq!(look(&folder).unwrap().unwrap().condition, Condition::Over);
    std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let home = fixture.claim(&path).unwrap();
    assert_eq!(std::fs::metadata(home.folder()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn looking_does_not_keep_a_job_from_starting() {
    let fixture = Fixture::new();
    let path = fixture.job("a.toml");
    let folder = fixture.claim(&path).unwrap().folder().to_owned();
    let shared = std::fs::File::open(folder.join("lock")).unwrap();
    rustix::fs::flock(&shared, rustix::fs::FlockOperation::LockShared).unwrap();
    let looker = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(40));
        drop(shared);
    });
    fixture.claim(&path).unwrap();
    looker.join().unwrap();
}

#[test]
fn a_name_belongs_to_one_job_file() {
    let fixture = Fixture::new();
    let (a, b) = (fixture.job("a.toml"), fixture.job("b.toml"));
    fixture.claim(&a).unwrap().starts(1).unwrap();
    let error = fixture.claim(&b).unwrap_err();
    assert_eq!((error.class, error.class.exit_code()), (Class::Unfinished, 3));
    for part in ["a.toml", "b.toml", "-D job.name="] {
        assert!(error.to_string().contains(part), "{part} in {error}");
    }
    // It is the same job elsewhere, or the other is gone and has left nothing.
    let claim = |owner: Owner| Home::claim(&fixture.place(), "j", &b, &owner).map(drop).map_err(|e| e.class);
    assert_eq!(claim(Owner::Was(b.clone())), Err(Class::Unfinished));
    assert_eq!(claim(Owner::Was(a.clone())), Ok(()));
    assert_eq!(claim(Owner::Moved), Ok(()));
    fixture.leave(1, Kind::Checkpoint, 5);
    std::fs::remove_file(&a).unwrap();
    assert_eq!(fixture.claim(&b).unwrap_err().class, Class::Unfinished);
    std::fs::remove_dir_all(fixture.place().folder("j").join("chk-1")).unwrap();
    fixture.claim(&b).unwrap();
}

#[test]
fn a_run_is_remembered() {
    let fixture = Fixture::new();
    let path = fixture.job("a.toml");
    let mut home = fixture.claim(&path).unwrap();
    let folder = home.folder().to_owned();
    let ending = || look(&folder).unwrap().unwrap().record.unwrap().run.unwrap().ending;
    home.starts(7).unwrap();
    assert_eq!(ending(), Ended::Running);
    drop(home);
    assert_eq!(ending(), Ended::Killed);
    let mut home = fixture.claim(&path).unwrap();
    // What a crash left beside does not hinder.
    std::fs::write(folder.join("job.json.new"), "{").unwrap();
    home.starts(8).unwrap();
    let figures = Figures { rows_in: 3, rows_out: 2, seconds: 0.5 };
    home.ends(9, Ended::Failed, figures, Some("why".into())).unwrap();
    drop(home);
    let seen = look(&folder).unwrap().unwrap();
    let run = seen.record.unwrap().run.unwrap();
    assert_eq!((run.started, run.ended, run.ending, run.figures), (8, Some(9), Ended::Failed, figures));
    assert_eq!(run.error.as_deref(), Some("why"));
    assert_eq!(fixture.place().folders().unwrap(), [folder]);
}

#[test]
fn what_is_unfinished() {
    let fixture = Fixture::new();
    let path = fixture.job("a.toml");
    let home = fixture.claim(&path).unwrap();
    let newest = || home.unfinished().unwrap().map(|c| (c.number, c.created));
    assert_eq!(newest(), None);
    fixture.leave(0, Kind::Start, 4);
    std::fs::create_dir(home.folder().join("chk-7")).unwrap();
    assert_eq!(newest(), None);
    fixture.leave(9, Kind::Checkpoint, 5);
    fixture.leave(10, Kind::Savepoint, 6);
    assert_eq!(newest(), Some((10, 6)));
    fixture.manifest(11, "{");
    assert_eq!(newest(), Some((11, 0)));
}

#[test]
fn job_files_are_known_by_their_folder_without_links() {
    let fixture = Fixture::new();
    let root = fixture.0.path().canonicalize().unwrap();
    std::fs::create_dir(root.join("real")).unwrap();
    std::os::unix::fs::symlink(root.join("real"), root.join("link")).unwrap();
    for typed in ["link/j.toml", "real/../real/j.toml", "real/./j.toml"] {
        assert_eq!(job_file(&root.join(typed)).unwrap(), root.join("real/j.toml"), "{typed}");
    }
    assert!(job_file(&root.join("none/j.toml")).is_err());
}
