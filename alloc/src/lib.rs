//! A global allocator that counts allocations for [perfgate](https://github.com/org/perfgate), which then
//! compares allocations and allocated bytes per request between two builds, exactly.
//!
//! ```no_run
//! #[global_allocator]
//! static ALLOCATOR: perfgate_alloc::Counting = perfgate_alloc::Counting::new();
//!
//! fn main() {
//!     perfgate_alloc::init();
//!     // the server
//! }
//! ```
//!
//! Nothing is counted unless perfgate started the program and is making single requests: otherwise an
//! allocation costs two loads more. [`Counting::over`] counts for another allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::{env, io, mem, ptr};

use memmap2::MmapOptions;

/// The variable by which perfgate names a file.
pub const VARIABLE: &str = "PERFGATE_ALLOCATIONS";
/// What a program writes into the first number of that file, to say that it counts.
pub const ATTACHED: u64 = 0x7067_616c_6c6f_6331;

/// What the file holds, in the machine's own order of bytes. Every process that maps it adds to the same
/// numbers.
#[repr(C)]
struct Page {
    attached: AtomicU64,
    /// Not zero while perfgate wants allocations to be counted.
    counting: AtomicU64,
    allocations: AtomicU64,
    bytes: AtomicU64,
}

static PAGE: AtomicPtr<Page> = AtomicPtr::new(ptr::null_mut());

/// An allocator that counts what goes through it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counting<A = System>(A);

impl Counting {
    /// Counts what the system's allocator gives.
    #[must_use]
    pub const fn new() -> Self {
        Self(System)
    }
}

impl<A> Counting<A> {
    /// Counts what another allocator gives.
    pub const fn over(allocator: A) -> Self {
        Self(allocator)
    }
}

/// Counts from now on whenever perfgate asks for it. Without perfgate it does nothing; a file that cannot
/// be used is reported on standard error, and the program goes on.
pub fn init() {
    let Some(path) = env::var_os(VARIABLE) else {
        return;
    };
    if let Err(error) = attach(Path::new(&path)) {
        let path = Path::new(&path).display();
        eprintln!("perfgate-alloc: allocations are not counted: {path}: {error}");
    }
}

/// Counts into a file of perfgate.
///
/// # Errors
///
/// When it cannot be opened for reading and writing, or is too small.
pub fn attach(path: &Path) -> io::Result<()> {
    let size = mem::size_of::<Page>();
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    if file.metadata()?.len() < size as u64 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is too small",
        ));
    }
    // SAFETY: the file is as large as the page, and nobody makes it smaller: it is perfgate's own, for
    // this program alone. It is read and written by atomic operations only.
    let map = unsafe { MmapOptions::new().len(size).map_mut(&file)? };
    #[expect(
        clippy::cast_ptr_alignment,
        reason = "a mapping begins at a page of memory, which is aligned for every type"
    )]
    let page = Box::leak(Box::new(map)).as_mut_ptr().cast::<Page>();
    // SAFETY: it points at a mapping of this size that is never unmapped, and all bits are numbers.
    unsafe { &*page }
        .attached
        .store(ATTACHED, Ordering::Relaxed);
    PAGE.store(page, Ordering::Release);
    Ok(())
}

fn count(bytes: usize) {
    // SAFETY: null, or a mapping that stays.
    let Some(page) = (unsafe { PAGE.load(Ordering::Acquire).as_ref() }) else {
        return;
    };
    if page.counting.load(Ordering::Relaxed) != 0 {
        page.allocations.fetch_add(1, Ordering::Relaxed);
        page.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the inner allocator as it came.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of this function, which is the same.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // What grows may have to move, so it is an allocation of what it grows by.
        if size > layout.size() {
            count(size - layout.size());
        }
        // SAFETY: as above.
        unsafe { self.0.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.0.dealloc(block, layout) }
    }
}
