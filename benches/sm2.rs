//! `cargo bench -p cosign-benches --bench sm2`
fn main() {
    cosign_benches::measure("sm2", cosign_benches::sm2::operations());
}
