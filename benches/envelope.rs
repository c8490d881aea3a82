//! `cargo bench -p cosign-benches --bench envelope`
fn main() {
    cosign_benches::measure("envelope", cosign_benches::envelope::operations());
}
