//! `cargo bench -p cosign-benches --bench seal`
fn main() {
    cosign_benches::measure("seal", cosign_benches::seal::operations());
}
