use super::batches;

#[test]
fn batches_cover_everything_once() {
    for count in [0, 1, 255, 256, 257, 500, 512, 1000] {
        let runs: Vec<_> = batches(count).collect();
        assert!(runs.iter().all(|run| (1..=256).contains(&run.len())), "{count}");
        let covered: Vec<usize> = runs.into_iter().flatten().collect();
        assert_eq!(covered, (0..count).collect::<Vec<_>>());
    }
}
