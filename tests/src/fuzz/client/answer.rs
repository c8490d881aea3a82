//! Answers as a script changes them.

use sm_primitives::PublicPoint;

use super::super::script::Script;
use crate::naive;

/// How an answer with success is made up.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    header: usize,
    items: usize,
    item: usize,
}

impl Shape {
    /// Of ops 01 to 0A.
    pub(super) const fn items(items: usize, item: usize) -> Self {
        Self { header: 22, items, item }
    }

    /// Of ops 10 to 14.
    pub(super) const fn short(body: usize) -> Self {
        Self { header: 20, items: 1, item: body }
    }
}

/// How like the right answer another one is; of several, the least like counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    Same,
    /// But for what nothing binds: the number of wrong PINs, which is for the user only, and the server's part in a PIN.
    Failures,
    Other,
}

/// What arrives in place of the right answer.
pub(super) struct Changed {
    bytes: Vec<u8>,
    right: Vec<u8>,
}

impl Changed {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn likeness(&self) -> Likeness {
        let (bytes, right) = (&self.bytes, &self.right);
        if bytes == right {
            Likeness::Same
        } else if bytes.len() == right.len() && bytes[..3] == right[..3] && bytes[4..] == right[4..] {
            Likeness::Failures
        } else {
            Likeness::Other
        }
    }

    /// The same where the evaluations of PINs begin at an offset, and up to so many wrong PINs are told.
    pub(super) fn likeness_of_evaluation(&self, offset: usize, most: u8) -> Likeness {
        let (bytes, right) = (&self.bytes, &self.right);
        let alike = bytes.len() == right.len() && right[2] == 0 && bytes[3] <= most;
        if alike
            && bytes[..3] == right[..3]
            && bytes[4..offset] == right[4..offset]
            && self.are_points(offset)
        {
            return self.likeness().min(Likeness::Failures);
        }
        if bytes == right { Likeness::Same } else { Likeness::Other }
    }

    fn are_points(&self, offset: usize) -> bool {
        self.bytes[offset..]
            .chunks(64)
            .all(|point| PublicPoint::from_bytes(point.try_into().unwrap()).is_some())
    }

    /// Whether the point at an offset is the right one.
    pub(super) fn is_right_point(&self, offset: usize) -> bool {
        self.bytes[offset..offset + 64] == self.right[offset..offset + 64]
    }

    /// Whether it says success to an op that answers with nothing else.
    pub(super) fn is_agreement(&self) -> bool {
        self.bytes == [&self.right[..2], &[0, 0], &self.right[4..20]].concat()
    }

    /// Whether it says that the server is busy.
    pub(super) fn is_busy(&self) -> bool {
        self.bytes.get(2) == Some(&0x0c)
    }
}

/// The answer in place of `right`; `None` when the script ends before it is told.
pub(super) fn change(
    right: &[u8],
    shape: Shape,
    earlier: &[Vec<u8>],
    script: &mut Script<'_>,
) -> Option<Changed> {
    let mut bytes = right.to_vec();
    let header = shape.header.min(bytes.len());
    match script.byte()? {
        // One byte.
        1 => {
            let offset = usize::from(u16::from_be_bytes([script.byte()?, script.byte()?])) % bytes.len();
            bytes[offset] ^= script.byte()?;
        }
        2 => bytes.truncate(u16::from_be_bytes([script.byte()?, script.byte()?]).into()),
        3 => bytes.extend(script.bytes()?),
        4 => bytes = script.bytes()?.to_vec(),
        // Another body behind the right header.
        5 => bytes.splice(header.., script.bytes()?.iter().copied()).for_each(drop),
        // A refusal of this session.
        6 => {
            bytes[2..4].copy_from_slice(&[script.byte()?, 0]);
            let detail = script.bytes()?;
            bytes.truncate(20);
            bytes.extend(u16::try_from(detail.len()).ok()?.to_be_bytes());
            bytes.extend(detail);
        }
        // Busy, as the server says it.
        7 => {
            bytes[2..4].copy_from_slice(&[0x0c, 0]);
            bytes.truncate(20);
            bytes.extend([0, 0]);
        }
        // The answer of an earlier request, or its body in this one's.
        8 => bytes = earlier.iter().rev().nth(script.byte()?.into())?.clone(),
        9 => {
            let other = earlier.iter().rev().nth(script.byte()?.into())?;
            bytes.splice(header.., other.iter().skip(header).copied()).for_each(drop);
        }
        // A field of 32 bytes of an item by a value that formulas are afraid of.
        10 => {
            let (item, field) = (usize::from(script.byte()?), usize::from(script.byte()?));
            let start = header + item % shape.items * shape.item + field % 6 * 32;
            if let Some(place) = bytes.get_mut(start..start + 32) {
                place.copy_from_slice(&special(script.byte()?));
            }
        }
        // The same point with the other sign, or the generator.
        11 => {
            let start = header + usize::from(script.byte()?) % shape.items * shape.item;
            let how = script.byte()?;
            if let Some(place) = bytes.get_mut(start..start + 64) {
                let point = PublicPoint::from_bytes((&*place).try_into().unwrap());
                let point =
                    point.filter(|_| how == 0).map_or_else(PublicPoint::generator, |point| point.neg());
                place.copy_from_slice(&point.to_bytes());
            }
        }
        // Success, and no more.
        12 => {
            bytes[2..4].fill(0);
            bytes.truncate(20);
        }
        _ => {}
    }
    Some(Changed { bytes, right: right.to_vec() })
}

fn special(which: u8) -> [u8; 32] {
    let n = &*naive::N;
    match which % 6 {
        0 => [0; 32],
        1 => naive::bytes(&1u32.into()),
        2 => naive::bytes(n),
        3 => naive::bytes(&(n - 1u32)),
        4 => naive::bytes(&(n - 2u32)),
        _ => [0xff; 32],
    }
}
