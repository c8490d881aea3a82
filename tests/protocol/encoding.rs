//! P8.

use cosign_core::{Digest, LocalRecord, Purpose, Suite, server::ServerShare};
use cosign_tests::{model::Pair, naive};
use proptest::prelude::*;
use sm_primitives::{PublicPoint, Scalar, SecretScalar};

use crate::cases;

proptest! {
    #![proptest_config(cases(256))]

    /// No single bit leads from a point to another: 512 changes of each.
    #[test]
    fn changed_points_are_not_read(k in prop::array::uniform32(1u8..)) {
        let bytes = PublicPoint::mul_base(&SecretScalar::from_public(Scalar::reduce(&k)).unwrap()).to_bytes();
        prop_assert_eq!(PublicPoint::from_bytes(&bytes).map(|point| point.to_bytes()), Some(bytes));
        for bit in 0..512 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(PublicPoint::from_bytes(&changed).is_none(), "bit {}", bit);
        }
    }

    /// Scalars and digests are read exactly below n.
    #[test]
    fn numbers_are_read_below_the_order(low: [u8; 32], above in 0u32..1000, high: bool) {
        let bytes = if high { naive::bytes(&(&*naive::N + above - 500u32)) } else { low };
        let below = naive::int(&bytes) < *naive::N;
        let zero = bytes == [0; 32];
        prop_assert_eq!(Digest::from_bytes(&bytes).map(|e| *e.as_bytes()), below.then_some(bytes));
        prop_assert_eq!(Scalar::from_bytes(&bytes).map(|v| v.to_bytes()), below.then_some(bytes));
        prop_assert_eq!(SecretScalar::from_bytes(&bytes).is_some(), below && !zero);
        let reduced = naive::bytes(&(naive::int(&bytes) % &*naive::N));
        prop_assert_eq!(*Digest::reduce(&bytes).as_bytes(), reduced);
    }
}

/// What is stored is read back to the same bytes, and not from any other length.
#[test]
fn records_are_read_as_they_were_written() {
    let pair = Pair::active(Suite::D, Purpose::Sign, 6);
    let record = pair.record.to_bytes();
    assert_eq!(*LocalRecord::from_bytes(&record[..]).unwrap().to_bytes(), *record);
    for length in 0..record.len() {
        assert!(LocalRecord::from_bytes(&record[..length]).is_err());
    }
    assert!(LocalRecord::from_bytes(&[&record[..], &[0]].concat()).is_err());
    let share = pair.server_record().share.expose_bytes();
    assert_eq!(*ServerShare::from_bytes(&share).unwrap().expose_bytes(), *share);
}
