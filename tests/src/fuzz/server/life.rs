//! Frames of ops 10 to 12 and 14 from a script: how a key comes to be.

use sm_primitives::{PublicPoint, Scalar};

use super::{
    super::{fixture, script::Script},
    World,
    frame::{How, point, session},
};
use crate::frames;

/// The client's half of a key generation, all of it from one byte.
struct Half {
    /// `dA^-1`.
    witness: Scalar,
    /// `PA || A_A || z_A || salt`.
    opening: Vec<u8>,
}

impl Half {
    fn new(suite: u8, key_id: [u8; 16], sid: [u8; 16], purpose: u8, secret: u8) -> Self {
        let generator = PublicPoint::generator();
        let (witness, v) = (Scalar::from_u128(u128::from(secret) + 1), Scalar::from_u128(77));
        let (point, commitment) = (generator.mul_vartime(&witness), generator.mul_vartime(&v));
        let (point, commitment) = (point.unwrap().to_bytes(), commitment.unwrap().to_bytes());
        let context = frames::context(suite, key_id, purpose, sid);
        let c = Scalar::reduce(&frames::challenge(&[&context, b"A", &point, &commitment]));
        let z = (v + c * witness).to_bytes();
        Self { witness, opening: [&point[..], &commitment, &z, &[0x11; 32]].concat() }
    }
}

/// What both steps begin with: how it is sent, suite, session, purpose, and the byte of the half.
fn half(name: u8, script: &mut Script<'_>) -> Option<(How, u8, [u8; 16], u8, Half)> {
    let how = How::new(script.byte()?);
    let suite = how.suite(fixture().key(name).client.suite().byte());
    let (sid, purpose, secret) = (session(script.byte()?), script.byte()? % 4 + 1, script.byte()?);
    let half = Half::new(suite, *fixture().key_id(name).as_bytes(), sid, purpose, secret);
    Some((how, suite, sid, purpose, half))
}

/// Op 10.
pub(super) fn start(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, suite, sid, purpose, half) = half(name, script)?;
    let key_id = *fixture().key_id(name).as_bytes();
    let [start, _] = frames::key_generation(suite, key_id, purpose, sid, &half.opening);
    world.send(start, how.own());
    Some(())
}

/// Op 14: op 10 with a blinded PIN.
pub(super) fn start_oblivious(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, suite, sid, purpose, half) = half(name, script)?;
    let alpha = point(script.byte()?);
    let key_id = *fixture().key_id(name).as_bytes();
    let [start, _] = frames::key_generation(suite, key_id, purpose, sid, &half.opening);
    world.send(frames::oblivious_key_generation(&start, &alpha), how.own());
    Some(())
}

/// Op 11: the opening, with one byte changed if the script says so.
pub(super) fn open(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, suite, sid, purpose, half) = half(name, script)?;
    let (offset, change) = (script.byte()?, script.byte()?);
    let key_id = fixture().key_id(name);
    let point = world.known.halves.get(&(key_id, sid)).copied().unwrap_or_else(PublicPoint::generator);
    let joint = point.mul_vartime(&half.witness).unwrap().sub(&PublicPoint::generator());
    let joint = joint.unwrap_or_else(PublicPoint::generator);
    let mut opening = [&half.opening[..], &[0x33; 32], &joint.to_bytes()].concat();
    opening[usize::from(offset)] ^= change;
    let [_, frame] = frames::key_generation(suite, *key_id.as_bytes(), purpose, sid, &opening);
    let existed = world.server.keys.contains_key(&key_id);
    world.send(frame, how.own());
    if let Some(record) = world.server.keys.get(&key_id).filter(|_| !existed) {
        // B = (dA*dB)^-1 * G, and dA*dB is what it takes to prove a refresh.
        let inverse = half.witness * Scalar::reduce(record.share.expose_bytes()[32..64].try_into().unwrap());
        let inverse = sm_primitives::SecretScalar::from_public(inverse).unwrap();
        world.products.insert(key_id, inverse.invert().declassify());
    }
    Some(())
}

/// Op 12: the certification request of a key, with one byte changed if the script says so.
pub(super) fn activate(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, sid) = (How::new(script.byte()?), session(script.byte()?));
    let (offset, change) = (script.byte()?, script.byte()?);
    let key = fixture().key(name);
    let mut request = key.request.clone();
    let len = request.len();
    request[usize::from(offset) % len] ^= change;
    let suite = how.suite(key.client.suite().byte());
    world.send(frames::activation(suite, *fixture().key_id(name).as_bytes(), sid, &request), how.own());
    Some(())
}
