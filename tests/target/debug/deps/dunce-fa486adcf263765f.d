/work/w-faults/tests/target/debug/deps/dunce-fa486adcf263765f.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/dunce-1.0.5/src/lib.rs

/work/w-faults/tests/target/debug/deps/libdunce-fa486adcf263765f.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/dunce-1.0.5/src/lib.rs

/work/w-faults/tests/target/debug/deps/libdunce-fa486adcf263765f.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/dunce-1.0.5/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/dunce-1.0.5/src/lib.rs:
