//! An allocator that looks at what is given back to it: does a freed block still hold a secret?
//!
//! It sees the heap only. What a compiler leaves in registers and on the stack, where values are moved, no test of this
//! kind can see; the types are wiped where they lie (`sm-primitives/tests/sm2_zeroize.rs`).
#![expect(unsafe_code, reason = "an allocator, which reads what is freed")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    slice,
};

/// A secret, by a name for messages, in one of the forms that it has in memory.
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

thread_local! {
    /// What is looked for on this thread.
    static WATCHED: Cell<&'static [Secret]> = const { Cell::new(&[]) };
    /// Whether the secret of this index was found.
    static FOUND: Cell<[bool; MOST]> = const { Cell::new([false; MOST]) };
}

/// Most secrets that are watched at a time: noting one allocates nothing.
const MOST: usize = 256;

struct Watching;

// SAFETY: everything is the system's allocator; a block is only read, before it is given back.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the one asked for.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            // SAFETY: the block has this length. Zeros, so that what is never written is initialised for the search,
            // and holds nothing of who had the block before.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is valid for its length until it is given back, and was initialised when it was allocated.
        look(unsafe { slice::from_raw_parts(block, layout.size()) });
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.dealloc(block, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

fn look(block: &[u8]) {
    // A thread that ends has no such variables any more.
    let Ok(watched) = WATCHED.try_with(Cell::get) else { return };
    for (index, secret) in watched.iter().enumerate() {
        if block.windows(secret.bytes.len()).any(|window| window == secret.bytes) {
            let mut found = FOUND.get();
            found[index] = true;
            FOUND.set(found);
        }
    }
}

/// Names of the secrets that blocks still held which were freed on this thread during `action`.
pub(crate) fn left_behind(secrets: Vec<Secret>, action: impl FnOnce()) -> Vec<&'static str> {
    assert!(secrets.len() <= MOST);
    let secrets: &'static [Secret] = Vec::leak(secrets);
    FOUND.set([false; MOST]);
    WATCHED.set(secrets);
    action();
    WATCHED.set(&[]);
    let found = FOUND.get();
    secrets.iter().zip(found).filter(|(_, found)| *found).map(|(secret, _)| secret.name.as_str()).collect()
}

/// The bytes of a value as it lies in memory. It must have no padding: integers of one size, or bytes.
pub(crate) fn in_memory<T>(value: &T) -> Vec<u8> {
    // SAFETY: a live value of this length, all of whose bytes are initialised.
    unsafe { slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) }.to_vec()
}
