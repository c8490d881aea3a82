/work/w-faults/tests/target/debug/deps/subtle-56ee2bebf20534e6.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/subtle-2.6.1/src/lib.rs

/work/w-faults/tests/target/debug/deps/libsubtle-56ee2bebf20534e6.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/subtle-2.6.1/src/lib.rs

/work/w-faults/tests/target/debug/deps/libsubtle-56ee2bebf20534e6.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/subtle-2.6.1/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/subtle-2.6.1/src/lib.rs:
