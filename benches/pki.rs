//! `cargo bench -p cosign-benches --bench pki`
fn main() {
    cosign_benches::measure("pki", cosign_benches::pki::operations());
}
