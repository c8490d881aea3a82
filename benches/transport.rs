//! `cargo bench -p cosign-benches --bench transport`
fn main() {
    cosign_benches::measure("transport", cosign_benches::transport::operations());
}
