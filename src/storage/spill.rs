//! Memory that lies on disk: beyond the job's `memory`, large allocations are maps of files that have no name.
//!
//! Keyed state is columns: keys, hash tables and accumulators are a few vectors each, which grow to hundreds of
//! megabytes, while all else (blocks on their way, decoded batches) stays small however long the input is. So the
//! allocator can tell state from the rest by its size, and every operator's state goes to disk without knowing of it.
//! The kernel keeps such pages in memory while there is room, and writes them to their file and drops them when there is
//! none, those first that were not used for long; without swap, it can do so with no other memory. Evicting them ourselves
//! was tried: all of a state that is in use is then written to the disk and read again ten times a second.
//!
//! What this is not: a store that is laid out for the disk, as Flink's RocksDB. Keys that come in random order touch
//! pages in random order. It is there so that a job that has outgrown its memory goes on, more slowly, to its end.
//!
//! A file has its room on the disk before it is mapped, so a full disk is found here, where the answer is to take
//! ordinary memory, and not at the first write to a page, which would kill the process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::fs::{FallocateFlags, Mode, OFlags};
use rustix::mm::{MapFlags, ProtFlags};

/// Smaller allocations are never spilled.
const LEAST: usize = 4 << 20;
/// More maps are not made: systems allow a process some 65,000.
const MAPS_MAX: usize = 16_384;
/// The least size of a page of memory on any machine: what a map is aligned to.
const PAGE_MIN: usize = 4096;

/// The allocator of the program: that of the system, until [`limit`] is called.
#[global_allocator]
static SPILL: Spill = Spill::new(LEAST);

/// From now on, memory beyond `bytes` is in files in `folder`, which exists.
pub fn limit(bytes: u64, folder: PathBuf) {
    if SPILL.folder.set(folder).is_ok() {
        SPILL.limit.store(usize::try_from(bytes).unwrap_or(usize::MAX), Relaxed);
    }
}

/// Most bytes that lay in files at one time.
pub fn spilled() -> u64 {
    SPILL.most.load(Relaxed) as u64
}

struct Spill {
    least: usize,
    /// 0: none.
    limit: AtomicUsize,
    folder: OnceLock<PathBuf>,
    maps: Mutex<Maps>,
    most: AtomicUsize,
}

struct Maps {
    /// Address and length.
    list: Vec<(usize, usize)>,
    bytes: usize,
}

impl Spill {
    const fn new(least: usize) -> Spill {
        Spill {
            least,
            limit: AtomicUsize::new(0),
            folder: OnceLock::new(),
            maps: Mutex::new(Maps { list: Vec::new(), bytes: 0 }),
            most: AtomicUsize::new(0),
        }
    }

    fn is_on(&self, size: usize) -> bool {
        size >= self.least && self.limit.load(Relaxed) > 0
    }

    /// A map for an allocation that would take the process beyond its limit.
    fn map(&self, layout: Layout) -> Option<NonNull<u8>> {
        if !self.is_on(layout.size()) || layout.align() > PAGE_MIN {
            return None;
        }
        let own = own_memory()?;
        if own.saturating_add(layout.size()) <= self.limit.load(Relaxed) {
            return None;
        }
        let file = nameless(self.folder.get()?, layout.size() as u64)?;
        let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        if maps.list.len() == MAPS_MAX {
            return None;
        }
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new map, where the kernel has room for it; the file has as many bytes, and nobody else knows it.
        let at = unsafe { rustix::mm::mmap(ptr::null_mut(), layout.size(), protection, MapFlags::SHARED, &file, 0) };
        let at = NonNull::new(at.ok()?.cast::<u8>())?;
        // The list is far smaller than what comes here: its growth does not.
        maps.list.push((at.as_ptr() as usize, layout.size()));
        maps.bytes += layout.size();
        self.most.fetch_max(maps.bytes, Relaxed);
        Some(at)
    }

    /// Whether `at` was a map, which is gone then.
    fn unmap(&self, at: *mut u8, size: usize) -> bool {
        if !self.is_on(size) {
            return false;
        }
        let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = maps.list.iter().position(|(address, _)| *address == at as usize) else { return false };
        let (_, length) = maps.list.swap_remove(index);
        maps.bytes -= length;
        // SAFETY: it was mapped with this length, and its owner gives it up.
        let _ = unsafe { rustix::mm::munmap(at.cast(), length) };
        true
    }

    /// Whether `at` is a map.
    fn is_map(&self, at: *mut u8, size: usize) -> bool {
        let is = |maps: &Maps| maps.list.iter().any(|(address, _)| *address == at as usize);
        self.is_on(size) && is(&self.maps.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Moves an allocation to one of `size` bytes, which is `to`.
    ///
    /// # Safety
    /// As of [`GlobalAlloc::realloc`]; `to` is a fresh allocation.
    unsafe fn moved(&self, at: *mut u8, layout: Layout, to: *mut u8, size: usize) -> *mut u8 {
        if !to.is_null() {
            // SAFETY: both have so many bytes, and a fresh allocation is apart from all others.
            unsafe { ptr::copy_nonoverlapping(at, to, layout.size().min(size)) };
            // SAFETY: the caller gives `at` up.
            unsafe { self.dealloc(at, layout) };
        }
        to
    }
}

// SAFETY: whatever is not a map is the system's, in every method; a map is known by its address, has at least the size
// that was asked for and the alignment of a page, and is zero at first.
unsafe impl GlobalAlloc for Spill {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.map(layout) {
            Some(at) => at.as_ptr(),
            // SAFETY: as the caller promises.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.map(layout) {
            Some(at) => at.as_ptr(),
            // SAFETY: as the caller promises.
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if !self.unmap(at, layout.size()) {
            // SAFETY: as the caller promises.
            unsafe { System.dealloc(at, layout) }
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises, the size is one that a layout can have.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if self.is_map(at, layout.size()) {
            // SAFETY: as the caller promises.
            return unsafe { self.moved(at, layout, self.alloc(wanted), size) };
        }
        match self.map(wanted) {
            // SAFETY: as the caller promises.
            Some(to) => unsafe { self.moved(at, layout, to.as_ptr(), size) },
            // SAFETY: as the caller promises.
            None => unsafe { System.realloc(at, layout, size) },
        }
    }
}

/// A file of `size` bytes without a name, which goes with its last map.
fn nameless(folder: &Path, size: u64) -> Option<OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR).ok()?;
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, size).ok()?;
    Some(file)
}

/// Bytes of the process that are in memory and of no file. Without allocating much: it is asked by the allocator.
fn own_memory() -> Option<usize> {
    let mut text = [0; 128];
    let count = File::open("/proc/self/statm").and_then(|mut file| file.read(&mut text)).ok()?;
    let mut pages = std::str::from_utf8(&text[..count]).ok()?.split(' ').skip(1).map(|n| n.parse::<usize>().ok());
    let (all, shared) = (pages.next()??, pages.next()??);
    Some(all.saturating_sub(shared) * rustix::param::page_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spill(limit: usize, folder: &Path) -> Spill {
        let spill = Spill::new(PAGE_MIN);
        spill.folder.set(folder.to_owned()).unwrap();
        spill.limit.store(limit, Relaxed);
        spill
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 64).unwrap()
    }

    #[test]
    fn allocations_grow_and_shrink_in_files() {
        let folder = tempfile::tempdir().unwrap();
        let spill = spill(1, folder.path());
        let bytes = |at: *mut u8, count: usize| unsafe { std::slice::from_raw_parts_mut(at, count) };
        // SAFETY: each allocation is used within its size, and given back once.
        unsafe {
            let at = spill.alloc(layout(100));
            assert!(!spill.is_map(at, 100), "small ones are not spilled");
            bytes(at, 100).fill(7);
            let at = spill.realloc(at, layout(100), 50_000);
            assert!(spill.is_map(at, 50_000));
            assert_eq!(bytes(at, 100), [7; 100]);
            bytes(at, 50_000).fill(8);
            let at = spill.realloc(at, layout(50_000), 1 << 20);
            assert_eq!(bytes(at, 50_000), [8; 50_000]);
            let zeros = spill.alloc_zeroed(layout(9_000));
            assert_eq!(bytes(zeros, 9_000), [0; 9_000]);
            spill.dealloc(zeros, layout(9_000));
            let at = spill.realloc(at, layout(1 << 20), 10);
            assert!(!spill.is_map(at, 10));
            assert_eq!(bytes(at, 10), [8; 10]);
            spill.dealloc(at, layout(10));
        }
        let maps = spill.maps.lock().unwrap();
        assert_eq!((maps.list.len(), maps.bytes), (0, 0));
        assert_eq!(spill.most.load(Relaxed), (1 << 20) + 50_000);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files have no names");
    }

    #[test]
    fn memory_within_the_limit_is_ordinary() {
        let folder = tempfile::tempdir().unwrap();
        for (limit, folder) in [(usize::MAX, folder.path()), (1, Path::new("/nowhere"))] {
            let spill = spill(limit, folder);
            // SAFETY: given back once.
            unsafe {
                let at = spill.alloc(layout(1 << 20));
                assert!(!at.is_null() && !spill.is_map(at, 1 << 20));
                spill.dealloc(at, layout(1 << 20));
            }
        }
    }
}
