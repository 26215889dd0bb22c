//! The socket file. The path of a socket has 107 bytes at most, 103 on some systems; state folders may lie deeper.
//! So the folder is opened, and the socket is reached through the descriptor: `/proc/self/fd/7/control.sock`. Where
//! there is no such way, the path itself is used.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

const NAME: &str = "control.sock";

/// Listens in `folder`, whose lock the caller holds: what lies there of the name is nobody's.
pub fn bind(folder: &Path) -> io::Result<UnixListener> {
    remove(folder)?;
    let listener = through(folder, |path| UnixListener::bind(path))?;
    std::fs::set_permissions(folder.join(NAME), Permissions::from_mode(0o600))?;
    Ok(listener)
}

pub fn connect(folder: &Path) -> io::Result<UnixStream> {
    through(folder, |path| UnixStream::connect(path))
}

/// It is no error if there is none.
pub fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_file(folder.join(NAME)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn through<T>(folder: &Path, reach: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    let open = File::open(folder)?;
    let short = format!("/proc/self/fd/{}", open.as_raw_fd());
    let short = Path::new(&short);
    if short.is_dir() { reach(&short.join(NAME)) } else { reach(&folder.join(NAME)) }
}
