//! Long random schedules.

use crate::world::World;

#[test]
fn every_frame_gets_what_the_reference_says() {
    let mut sums = [0; 3];
    for seed in 100..124 {
        let mut world = World::new(seed);
        (0..400).for_each(|_| world.step());
        sums.iter_mut().zip(world.finish()).for_each(|(sum, count)| *sum += count);
    }
    // Signatures were released, more of them were made, PINs were guessed.
    assert!(sums[0] > 100 && sums[1] > sums[0] && sums[2] > 20, "{sums:?}");
}
