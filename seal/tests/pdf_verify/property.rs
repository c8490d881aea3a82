//! Whatever is appended: what is signed stays, or it is found.

use proptest::prelude::*;
use seal::report::Code;

use crate::build::{Definition, Signing, certified, second_objects, set, signed, stream};

/// Objects that pages are drawn from, in [`crate::build::form`].
const DRAWN: [u32; 12] = [2, 4, 5, 9, 10, 11, 12, 18, 20, 21, 31, 32];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,20}".prop_map(|data| stream("", &data)),
        "[a-z]{1,20}".prop_map(|data| stream("/Type/XObject/Subtype/Form/BBox[0 0 1 1]", &data)),
        (1_u32..40).prop_map(|number| format!("[{number} 0 R]")),
        (1_u32..40).prop_map(|number| format!("<</Type/Page/Parent 2 0 R/Contents {number} 0 R>>")),
        (1_u32..40).prop_map(|number| format!("<</F1 {number} 0 R/X {number} 0 R>>")),
        Just("null".to_owned()),
    ]
}

fn objects(numbers: impl Strategy<Value = u32>) -> impl Strategy<Value = Vec<Definition>> {
    let definition = (numbers, proptest::option::weighted(0.9, text()));
    proptest::collection::vec(definition, 1..4).prop_map(|mut objects| {
        objects.sort_by_key(|(number, _)| *number);
        objects.dedup_by_key(|(number, _)| *number);
        objects
    })
}

proptest! {
    #[test]
    fn changed_content_is_always_found(
        objects in objects(proptest::sample::select(DRAWN.to_vec())),
        before in 0_usize..3,
        after in 0_usize..3,
        is_certified in any::<bool>(),
    ) {
        let mut pdf = if is_certified { certified("/P 3") } else { signed() };
        for number in 0..before {
            pdf.append(&[set(80 + u32::try_from(number).unwrap(), "null")]);
        }
        pdf.append(&objects);
        for number in 0..after {
            pdf.append(&[set(90 + u32::try_from(number).unwrap(), "null")]);
        }
        // What cannot be read any more is refused as a whole.
        if let Ok(found) = pdf.try_signatures() {
            let code = Code::ForbiddenChange;
            prop_assert!(found[0].reasons.iter().any(|reason| reason.code == code), "{objects:?} {found:?}");
        }
    }

    #[test]
    fn any_revision_is_looked_at_without_fear(all in proptest::collection::vec(objects(1_u32..60), 1..4)) {
        let mut pdf = signed();
        pdf.sign(&Signing::new(41, second_objects()));
        for objects in &all {
            pdf.append(objects);
        }
        if let Ok(found) = pdf.try_signatures() {
            prop_assert!(found.iter().filter(|found| found.revision.is_some()).count() <= 2);
        }
    }

    #[test]
    fn any_byte_that_is_turned_is_no_reason_to_panic(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut pdf = signed();
        pdf.sign(&Signing::new(41, second_objects()));
        let at = at.index(pdf.bytes.len());
        pdf.bytes[at] ^= 1 << bit;
        if let Ok(found) = pdf.try_signatures() {
            // Whatever it is, what is signed was read from the bytes that are there: the digest says the rest.
            prop_assert!(found.len() <= 4);
        }
    }
}
