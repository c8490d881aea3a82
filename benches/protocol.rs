//! `cargo bench -p cosign-benches --bench protocol`
fn main() {
    cosign_benches::measure("protocol", cosign_benches::protocol::operations());
}
