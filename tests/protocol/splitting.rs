//! P12. Shares that were split or imported are shares of the same key, and what is on the wire is what the specification says,
//! by textbook arithmetic.

use cosign_core::{
    DeviceId, KeyId, MIN_ITERATIONS, Pin, PinMode, Purpose, Suite, import, refresh,
    server::{Issued, Origin},
    split::{self, Kind, Receiver},
};
use cosign_tests::{
    model::{DEVICE, NOW, PIN, Pair, Server, done},
    naive::{self, G, N, Point},
    random::Seeded,
};
use num_bigint::BigUint;
use sm_primitives::{sm2::PrivateKey, sm3};

const TO: KeyId = KeyId::from_bytes([0x42; 16]);
const OTHER: DeviceId = DeviceId::from_bytes([0x43; 32]);

fn server_share(server: &Server, key_id: KeyId) -> BigUint {
    naive::int(&server.keys[&key_id].share.expose_bytes()[..32])
}

#[test]
fn a_split_multiplies_one_share_and_divides_the_other() {
    for seed in 1..4 {
        let mut pair = Pair::active(Suite::D, Purpose::Sign, seed);
        let own = pair.key.key_id();
        let client = naive::client_share(&pair.record.to_bytes()[..], PIN, &pair.device_key.expose_bytes());
        let server = server_share(&pair.server, own);
        let issued = Issued {
            device: OTHER,
            suite: Suite::D,
            purpose: Purpose::Sign,
            mode: PinMode::Base,
            origin: Origin::Split(own),
        };
        pair.server.issued.insert(TO, issued);

        // The protection key is the first scalar of the receiver's randomness.
        let protection = Seeded::new(seed).bytes(32);
        let receiver = Receiver::new(own, TO, OTHER, &mut Seeded::new(seed)).unwrap();
        let invitation = receiver.invitation().to_bytes();
        assert_eq!(invitation[65..], G.mul(&naive::int(&protection)).to_bytes());
        let code = sm3::digest(&[&naive::tag("invite")[..], &invitation].concat());
        let digits: String = code[..10].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(receiver.invitation().check_code().replace('-', ""), digits);

        let waiting = split::start(&pair.key, receiver.invitation(), Kind::Move, NOW, &mut pair.rng).unwrap();
        let frame = waiting.frame().to_vec();
        let answer = pair.server.handle(&frame, &DEVICE, NOW, &mut pair.rng);
        let sealed = done(waiting.finish(&answer, &mut pair.rng).unwrap()).sealed;
        let package = naive::decrypt(&naive::int(&protection), &sealed[1..]).unwrap();
        assert_eq!(package[..3], [1, 1, 1]);
        assert_eq!(package[3..19], *TO.as_bytes());
        assert_eq!(package[19..83], pair.key.public_key().as_point().to_bytes());
        assert_eq!(package[115..], frame[131..163], "K_auth'");
        let new_client = naive::int(&package[83..115]);

        // key_id || key_id' || epoch || rA || rB
        let context = [&frame[4..20], &frame[82..98], &frame[20..24], &frame[99..131], &answer[22..54]];
        let t = naive::to_scalar("split", &context.concat());
        let new_server = server_share(&pair.server, TO);
        assert_eq!(new_client, &client * &t % &*N);
        assert_eq!(&new_server * &t % &*N, server);
        assert_eq!(naive::joint_key(&new_client, &new_server), naive::joint_key(&client, &server));
        // PB' = dB'^-1 * G
        assert_eq!(answer[54..], G.mul(&new_server.modinv(&N).unwrap()).to_bytes());
    }
}

#[test]
fn an_import_is_two_shares_of_the_recovered_key() {
    for seed in 1..4 {
        let mut rng = Seeded::new(seed);
        let private_key = PrivateKey::generate(&mut rng).unwrap();
        let public_key = *private_key.public_key();
        let mut server = Server::new();
        let origin = Origin::Recovered(public_key);
        server.issued.insert(
            TO,
            Issued { device: OTHER, suite: Suite::D, purpose: Purpose::Encrypt, mode: PinMode::Base, origin },
        );
        let waiting = import::start(TO, Suite::D, PinMode::Base, &private_key, &mut rng).unwrap();
        let frame = waiting.frame().to_vec();

        // ctx || 'I' || PA || A
        let context = [&[1, 1][..], TO.as_bytes(), &[2], &frame[20..36]].concat();
        let parts = [&naive::tag("pok")[..], &context, b"I", &frame[36..164]].concat();
        let challenge = naive::int(&sm3::digest(&parts)) % &*N;
        let [point, commitment] = [36, 100].map(|at| Point::from_bytes(&frame[at..at + 64]));
        assert_eq!(G.mul(&naive::int(&frame[164..196])), commitment.add(&point.mul(&challenge)));
        assert_eq!(frame[260..], public_key.as_point().to_bytes());

        let answer = server.handle(&frame, &OTHER, NOW, &mut rng);
        let travelled = waiting.finish(&answer).unwrap();
        let d = naive::int(&private_key.expose_bytes()[..]);
        // PA = dA^-1*G, so dB^-1*PA = (1 + d)*G.
        let inverse = naive::int(&frame[196..228]).modinv(&N).unwrap();
        assert_eq!(point.mul(&inverse), G.mul(&(&d + 1u32)));
        assert_eq!(server_share(&server, TO), naive::int(&frame[196..228]));

        let device_key = cosign_core::DeviceKey::random(&mut rng).unwrap();
        let pin = Pin::new(PIN).unwrap();
        let (r1, waiting) =
            refresh::start(&travelled, &pin, &device_key, MIN_ITERATIONS, NOW, &mut rng).unwrap();
        let r2 = server.handle(&r1, &OTHER, NOW, &mut rng);
        let share = done(waiting.finish(&r2, &device_key).unwrap());
        let stored = share.record.to_bytes();
        let (r3, _waiting) = share.confirm(&stored[..], &pin, &device_key, NOW, &mut rng).unwrap();
        server.handle(&r3, &OTHER, NOW, &mut rng);
        let client = naive::client_share(&stored[..], PIN, &device_key.expose_bytes());
        assert_eq!(naive::joint_key(&client, &server_share(&server, TO)), d);
    }
}
