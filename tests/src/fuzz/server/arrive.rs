//! Frames of ops 08 and 13 from a script: how a key comes to another device.

use sm_primitives::{PublicPoint, Scalar, SecretScalar};

use super::{
    super::{
        fixture,
        fixture::{ARRIVALS, recovered},
        script::Script,
    },
    World,
    frame::{How, session, start},
};
use crate::frames;

/// Op 08: a share for the id that was issued for that, or for another one, of a kind that exists or not.
pub(super) fn split(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, facts, sid, ts_ms) = start(world, name, script)?;
    let (to, kind, r_a, auth) = (script.byte()?, script.byte()?, script.byte()?, script.byte()?);
    let to = fixture().key_id(name ^ ARRIVALS ^ (to % 32));
    let item = [&to.as_bytes()[..], &[kind ^ 1], &[r_a; 32], &[auth; 32]].concat();
    world.send(frames::request(&facts, 8, sid, ts_ms, &item), how.own());
    Some(())
}

/// Op 13: both halves of the key that the id was issued for, or what does not fit together.
pub(super) fn import(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let how = How::new(script.byte()?);
    let suite = how.suite(fixture().key(name).client.suite().byte());
    let (sid, secret, what) = (session(script.byte()?), script.byte()?, script.byte()?);
    let wrong = |bit: u32| what >> bit & 1;
    let key_id = *fixture().key_id(name).as_bytes();
    let kept = recovered(name.max(2) ^ wrong(0));
    let d = SecretScalar::from_bytes(&kept.expose_bytes()).unwrap();
    let one_plus_d = d.add_public(&Scalar::ONE).unwrap();
    let share = SecretScalar::from_public(Scalar::from_u128(u128::from(secret) + 2)).unwrap();
    let other = one_plus_d.mul(&share).invert();
    let witness = share.invert().declassify();
    let v = Scalar::from_u128(77);
    let [point, commitment] =
        [witness, v].map(|k| PublicPoint::generator().mul_vartime(&k).unwrap().to_bytes());
    let context = frames::context(suite, key_id, 2 - wrong(1), sid);
    let role: &[u8] = if wrong(2) == 0 { b"I" } else { b"A" };
    let z = v + Scalar::reduce(&frames::challenge(&[&context, role, &point, &commitment])) * witness;
    let other = if wrong(3) == 0 { other } else { other.invert() };
    let public_key = if wrong(4) == 0 { *kept.public_key().as_point() } else { PublicPoint::generator() };
    let body = [
        &point[..],
        &commitment,
        &z.to_bytes(),
        &other.expose_bytes()[..],
        &[0x33; 32],
        &public_key.to_bytes(),
    ];
    world.send(frames::import(suite, key_id, sid, &body.concat()), how.own());
    Some(())
}
