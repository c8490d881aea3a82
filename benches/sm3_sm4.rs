//! `cargo bench -p cosign-benches --bench sm3_sm4`
fn main() {
    cosign_benches::measure("sm3_sm4", cosign_benches::sm3_sm4::operations());
}
