/work/w-faults/tests/target/debug/deps/pin_project_lite-65f3f36a377d65b5.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pin-project-lite-0.2.17/src/lib.rs

/work/w-faults/tests/target/debug/deps/libpin_project_lite-65f3f36a377d65b5.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pin-project-lite-0.2.17/src/lib.rs

/work/w-faults/tests/target/debug/deps/libpin_project_lite-65f3f36a377d65b5.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pin-project-lite-0.2.17/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/pin-project-lite-0.2.17/src/lib.rs:
