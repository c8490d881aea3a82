//! `cargo bench -p cosign-benches --bench bid`
fn main() {
    cosign_benches::measure("bid", cosign_benches::bid::operations());
}
