//! One test: the counts are those of the whole process.

use std::fs::{self, File};
use std::hint::black_box;
use std::io;
use std::os::unix::fs::FileExt;

use perfgate_alloc::{ATTACHED, Counting, attach};

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

fn number(file: &File, position: u64) -> u64 {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, position * 8).expect("read");
    u64::from_ne_bytes(bytes)
}

fn switch(file: &File, on: u64) {
    file.write_all_at(&on.to_ne_bytes(), 8).expect("written");
}

#[test]
fn allocations_are_counted_while_the_file_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("counts");
    let refused = attach(&path).expect_err("there is no file");
    assert_eq!(refused.kind(), io::ErrorKind::NotFound);
    fs::write(&path, [0; 8]).expect("written");
    let refused = attach(&path).expect_err("too small");
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);

    fs::write(&path, [0; 32]).expect("written");
    attach(&path).expect("attached");
    let file = File::options()
        .read(true)
        .write(true)
        .open(&path)
        .expect("opened");
    assert_eq!(number(&file, 0), ATTACHED);
    black_box(vec![1_u8; 100]);
    assert_eq!((number(&file, 2), number(&file, 3)), (0, 0));

    switch(&file, 1);
    let mut block: Vec<u8> = black_box(Vec::with_capacity(1000));
    block.reserve_exact(3000);
    let zeros = black_box(vec![0_u8; 500]);
    drop((block, zeros));
    switch(&file, 0);
    black_box(vec![1_u8; 100]);
    // The harness has a thread of its own, which may allocate meanwhile.
    let (allocations, bytes) = (number(&file, 2), number(&file, 3));
    assert!((3..10).contains(&allocations), "{allocations}");
    assert!((3500..10_000).contains(&bytes), "{bytes}");
}
