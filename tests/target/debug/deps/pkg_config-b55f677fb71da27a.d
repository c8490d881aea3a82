/work/w-faults/tests/target/debug/deps/pkg_config-b55f677fb71da27a.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pkg-config-0.3.34/src/lib.rs

/work/w-faults/tests/target/debug/deps/libpkg_config-b55f677fb71da27a.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pkg-config-0.3.34/src/lib.rs

/work/w-faults/tests/target/debug/deps/libpkg_config-b55f677fb71da27a.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pkg-config-0.3.34/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pkg-config-0.3.34/src/lib.rs:
