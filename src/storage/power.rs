//! A disk in memory that loses power, for tests: whatever was not synced may be there afterwards, or not, or in part.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Kind, Storage, StorageFile};

/// Number of a file or folder; 0 is the root.
type Id = usize;

/// Clones are the same disk.
///
/// It promises no more than it must: a synced file has its content but perhaps no name; each creation, rename or
/// removal in a folder that was not synced is lost or not, whatever becomes of those before and after it.
#[derive(Clone)]
pub struct PowerStorage {
    disk: Arc<Mutex<Disk>>,
}

struct Disk {
    nodes: Vec<Node>,
    /// Times the power went: files opened before are of no use.
    cuts: u64,
}

enum Node {
    File { data: Vec<u8>, lasting: Vec<u8> },
    Folder { names: Names, lasting: Names, changes: Vec<Change> },
}

type Names = BTreeMap<String, Id>;

/// Of a folder, not synced yet.
enum Change {
    Put(String, Id),
    Take(String),
    Rename(String, String, Id),
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Change::Put(name, id) => _ = names.insert(name.clone(), *id),
            Change::Take(name) => _ = names.remove(name),
            Change::Rename(from, to, id) => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
        }
    }
}

impl Default for PowerStorage {
    fn default() -> PowerStorage {
        PowerStorage { disk: Arc::new(Mutex::new(Disk { nodes: vec![Node::folder()], cuts: 0 })) }
    }
}

impl PowerStorage {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the power: of what was not synced, a part that `seed` decides stays.
    pub fn cut(&self, seed: u64) {
        let mut random = Random(seed);
        let mut disk = self.disk();
        disk.cuts += 1;
        for node in &mut disk.nodes {
            match node {
                Node::File { data, lasting } => {
                    *lasting = random.tear(lasting, data);
                    data.clone_from(lasting);
                }
                Node::Folder { names, lasting, changes } => {
                    // Now and then all or nothing, else each by itself.
                    let chance = [0, 2, 2, 2, 4][random.below(5)];
                    for change in changes.drain(..).filter(|_| random.below(4) < chance) {
                        change.apply(lasting);
                    }
                    names.clone_from(lasting);
                }
            }
        }
    }

    /// A disk of its own with the same content and the same that is not synced.
    pub fn copy(&self) -> PowerStorage {
        let disk = self.disk();
        let nodes = disk.nodes.iter().map(|node| match node {
            Node::File { data, lasting } => Node::File { data: data.clone(), lasting: lasting.clone() },
            Node::Folder { names, lasting, changes } => {
                let changes = changes.iter().map(|change| match change {
                    Change::Put(name, id) => Change::Put(name.clone(), *id),
                    Change::Take(name) => Change::Take(name.clone()),
                    Change::Rename(from, to, id) => Change::Rename(from.clone(), to.clone(), *id),
                });
                Node::Folder { names: names.clone(), lasting: lasting.clone(), changes: changes.collect() }
            }
        });
        PowerStorage { disk: Arc::new(Mutex::new(Disk { nodes: nodes.collect(), cuts: disk.cuts })) }
    }

    fn open(&self, id: Id, disk: &Disk, writes: bool) -> Box<dyn StorageFile> {
        Box::new(PowerFile { storage: self.clone(), id, cuts: disk.cuts, writes })
    }
}

/// The generator splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// What is left of a file: of what was appended, a beginning, with a hole of zeros in it now and then.
    fn tear(&mut self, lasting: &[u8], data: &[u8]) -> Vec<u8> {
        let same = lasting.iter().zip(data).take_while(|(a, b)| a == b).count();
        if same < lasting.len() && self.below(2) == 0 {
            return lasting.to_vec();
        }
        let new = data.len() - same;
        let mut left = data[..same + [0, new, self.below(new + 1)][self.below(3)]].to_vec();
        if left.len() > same && self.below(3) == 0 {
            let hole = same + self.below(left.len() - same);
            left[hole..].fill(0);
        }
        left
    }
}

impl Node {
    fn folder() -> Node {
        Node::Folder { names: Names::new(), lasting: Names::new(), changes: Vec::new() }
    }
}

impl Disk {
    fn find(&self, path: &Path) -> io::Result<Id> {
        let mut id = 0;
        for part in path.components().filter(|part| *part != Component::RootDir) {
            let Node::Folder { names, .. } = &self.nodes[id] else { return Err(ErrorKind::NotADirectory.into()) };
            let name = part.as_os_str().to_string_lossy();
            id = *names.get(name.as_ref()).ok_or(ErrorKind::NotFound)?;
        }
        Ok(id)
    }

    /// The folder of a path and its name there.
    fn place(&self, path: &Path) -> io::Result<(Id, String)> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(ErrorKind::InvalidInput.into());
        };
        Ok((self.find(folder)?, name.to_string_lossy().into_owned()))
    }

    fn names(&self, folder: Id) -> io::Result<&Names> {
        match &self.nodes[folder] {
            Node::Folder { names, .. } => Ok(names),
            Node::File { .. } => Err(ErrorKind::NotADirectory.into()),
        }
    }

    fn change(&mut self, folder: Id, change: Change) -> io::Result<()> {
        let Node::Folder { names, changes, .. } = &mut self.nodes[folder] else {
            return Err(ErrorKind::NotADirectory.into());
        };
        change.apply(names);
        changes.push(change);
        Ok(())
    }

    fn put(&mut self, path: &Path, id: Id) -> io::Result<()> {
        let (folder, name) = self.place(path)?;
        if self.names(folder)?.contains_key(&name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.change(folder, Change::Put(name, id))
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<Id> {
        let id = self.nodes.len();
        self.put(path, id)?;
        self.nodes.push(node);
        Ok(id)
    }

    fn take(&mut self, path: &Path, is_folder: bool) -> io::Result<()> {
        match &self.nodes[self.find(path)?] {
            Node::File { .. } if is_folder => return Err(ErrorKind::NotADirectory.into()),
            Node::Folder { .. } if !is_folder => return Err(ErrorKind::IsADirectory.into()),
            Node::Folder { names, .. } if !names.is_empty() => return Err(ErrorKind::DirectoryNotEmpty.into()),
            _ => {}
        }
        let (folder, name) = self.place(path)?;
        self.change(folder, Change::Take(name))
    }

    fn file(&mut self, id: Id) -> io::Result<(&mut Vec<u8>, &mut Vec<u8>)> {
        match &mut self.nodes[id] {
            Node::File { data, lasting } => Ok((data, lasting)),
            Node::Folder { .. } => Err(ErrorKind::IsADirectory.into()),
        }
    }
}

impl Storage for PowerStorage {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let mut disk = self.disk();
        let id = disk.add(path, Node::File { data: Vec::new(), lasting: Vec::new() })?;
        Ok(self.open(id, &disk, true))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let mut disk = self.disk();
        let id = match disk.find(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                disk.add(path, Node::File { data: Vec::new(), lasting: Vec::new() })?
            }
            found => found?,
        };
        disk.file(id)?;
        Ok(self.open(id, &disk, true))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let mut disk = self.disk();
        let id = disk.find(path)?;
        disk.file(id)?;
        Ok(self.open(id, &disk, false))
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        let disk = self.disk();
        match disk.find(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
            Ok(id) => Ok(Some(match &disk.nodes[id] {
                Node::File { data, .. } => Kind::File(data.len() as u64),
                Node::Folder { .. } => Kind::Folder,
            })),
        }
    }

    fn create_folders(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let mut above: Vec<&Path> = path.ancestors().collect();
        above.reverse();
        for folder in above {
            match disk.find(folder) {
                Ok(id) => _ = disk.names(id)?,
                Err(e) if e.kind() == ErrorKind::NotFound => _ = disk.add(folder, Node::folder())?,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let id = disk.find(from)?;
        let ((folder, from), (to_folder, to)) = (disk.place(from)?, disk.place(to)?);
        if folder != to_folder {
            return Err(ErrorKind::CrossesDevices.into());
        }
        disk.change(folder, Change::Rename(from, to, id))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk().take(path, false)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.disk().take(path, true)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let id = disk.find(from)?;
        disk.file(id)?;
        disk.put(to, id)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let disk = self.disk();
        Ok(disk.names(disk.find(folder)?)?.keys().map(PathBuf::from).collect())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let id = disk.find(folder)?;
        let Node::Folder { names, lasting, changes } = &mut disk.nodes[id] else {
            return Err(ErrorKind::NotADirectory.into());
        };
        lasting.clone_from(names);
        changes.clear();
        Ok(())
    }

    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        let disk = self.disk();
        disk.find(from).and(disk.find(to)).map(|_| ())
    }
}

struct PowerFile {
    storage: PowerStorage,
    id: Id,
    /// When it was opened.
    cuts: u64,
    writes: bool,
}

impl PowerFile {
    fn with<T>(&self, writes: bool, run: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>) -> T) -> io::Result<T> {
        let mut disk = self.storage.disk();
        if disk.cuts != self.cuts || (writes && !self.writes) {
            return Err(io::Error::other("bad file descriptor"));
        }
        disk.file(self.id).map(|(data, lasting)| run(data, lasting))
    }
}

impl StorageFile for PowerFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with(true, |data, _| data.extend_from_slice(bytes))
    }

    fn len(&self) -> io::Result<u64> {
        self.with(false, |data, _| data.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.with(false, |data, _| {
            let rest = data.get(offset as usize..).unwrap_or_default();
            let read = rest.len().min(out.len());
            out[..read].copy_from_slice(&rest[..read]);
            read
        })
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.with(true, |data, _| data.resize(len as usize, 0))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.with(false, |data, lasting| lasting.clone_from(data))
    }

    fn duplicate(&self) -> io::Result<Box<dyn StorageFile>> {
        let PowerFile { storage, id, cuts, writes } = self;
        Ok(Box::new(PowerFile { storage: storage.clone(), id: *id, cuts: *cuts, writes: *writes }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn put(disk: &PowerStorage, path: &str, data: &[u8]) -> Box<dyn StorageFile> {
        let mut file = disk.create_new(Path::new(path)).unwrap();
        file.write_all(data).unwrap();
        file
    }

    #[test]
    fn what_is_synced_stays_and_the_rest_may_be_anything() {
        let disk = PowerStorage::default();
        disk.create_folders(Path::new("/a/b")).unwrap();
        put(&disk, "/a/b/lasting", b"content").sync().unwrap();
        for folder in ["/", "/a", "/a/b"] {
            disk.sync_folder(Path::new(folder)).unwrap();
        }
        put(&disk, "/a/b/open", b"0123456789");
        put(&disk, "/a/b/temporary", b"new").sync().unwrap();
        disk.rename(Path::new("/a/b/temporary"), Path::new("/a/b/lasting")).unwrap();

        let (mut contents, mut open) = (BTreeSet::new(), BTreeSet::new());
        for seed in 0..200 {
            let disk = disk.copy();
            disk.cut(seed);
            contents.insert(disk.read(Path::new("/a/b/lasting")).unwrap());
            open.insert(disk.read(Path::new("/a/b/open")).map_err(|e| e.kind()));
        }
        assert_eq!(contents, BTreeSet::from([b"content".to_vec(), b"new".to_vec()]));
        assert!(open.contains(&Err(ErrorKind::NotFound)) && open.contains(&Ok(b"0123456789".to_vec())));
        assert!(open.contains(&Ok(Vec::new())) && open.contains(&Ok(b"012".to_vec())), "{open:?}");
        assert!(open.iter().flatten().any(|data| data.contains(&0)), "holes");
    }

    #[test]
    fn without_a_cut_it_is_a_disk_like_any_other() {
        let disk = PowerStorage::default();
        let path = Path::new("/file");
        put(&disk, "/file", b"abc");
        assert!(disk.create_new(path).is_err());
        disk.hard_link(path, Path::new("/other")).unwrap();
        disk.open_append(path).unwrap().write_all(b"def").unwrap();
        disk.remove(path).unwrap();
        assert_eq!(disk.read(Path::new("/other")).unwrap(), b"abcdef");
        assert_eq!(disk.kind(path).unwrap(), None);
        assert_eq!(disk.list(Path::new("/")).unwrap(), [PathBuf::from("other")]);
        assert!(disk.open_read(Path::new("/other")).unwrap().write_all(b"x").is_err());
        disk.create_folders(Path::new("/x/y")).unwrap();
        assert!(disk.remove_folder(Path::new("/x")).is_err());
        disk.remove_folder(Path::new("/x/y")).unwrap();
        disk.remove_folder(Path::new("/x")).unwrap();
        assert!(disk.list(Path::new("/x")).is_err());
    }
}
