//! Signed messages, and encrypted ones of every kind.

use envelope::{
    ContentKey, Error, Recipient, Sm2Recipient,
    cms::{
        Cipher, Dialect, Sealer, Sealing, SignedContent, Signer, Signing, Time, certificates_only,
        data_header,
    },
    simple::{self, Placement},
};
use sm_primitives::{Zeroizing, sm2::dsa, sm4::Sm4};

use super::{ENCRYPTION, SIGNING, Seed, add, certificate, some_key, tlv};
use crate::random::Seeded;

const CONTENT: &[u8] = b"what was signed";

fn signer() -> Signer {
    let signer = Signer::new(&certificate(&some_key().1, SIGNING)).unwrap();
    signer.at(Time::from_unix(1_800_000_000).unwrap())
}

fn sign(digests: &[[u8; 32]]) -> Vec<dsa::Signature> {
    let key = some_key().0;
    digests.iter().map(|e| dsa::sign_digest(&key, e, &mut Seeded::new(3)).unwrap()).collect()
}

fn signed_content(dialect: Dialect) -> SignedContent {
    let mut signing = Signing::start(vec![signer()], dialect, CONTENT.len() as u64).unwrap();
    signing.update(CONTENT).unwrap();
    let unsigned = signing.finish().unwrap();
    let signatures = sign(unsigned.digests());
    unsigned.complete(&signatures).unwrap()
}

pub(super) fn messages(seeds: &mut Vec<Seed>) {
    for dialect in Dialect::ALL {
        for (name, placement) in [("attached", Placement::Attached), ("detached", Placement::Detached)] {
            let message = simple::sign::<Error>(vec![signer()], dialect, placement, CONTENT, |e| Ok(sign(e)));
            if let Ok(message) = message {
                add(seeds, "cms_signed", &format!("{}-{name}", dialect.name()), message);
            }
        }
    }
    let certificate = certificate(&some_key().1, ENCRYPTION);
    let alone = certificates_only(&[&certificate, &certificate], Dialect::Rfc).unwrap();
    add(seeds, "cms_signed", "certificates", alone);
    let header = data_header(Dialect::Standard, CONTENT.len() as u64).unwrap();
    add(seeds, "cms_signed", "data", [&header[..], CONTENT].concat());
    encrypted(seeds, &certificate);
}

/// Everything here opens under the content key of zeros, which is also the first that is drawn.
fn encrypted(seeds: &mut Vec<Seed>, certificate: &[u8]) {
    let draws = || Seeded::after(&[0; 16], 16);
    let recipient = Sm2Recipient::from_certificate(certificate).unwrap();
    let recipients: &[&dyn Recipient] = &[&recipient];
    for cipher in [Cipher::Cbc, Cipher::Gcm] {
        for dialect in Dialect::ALL {
            let name = format!("{}-{}", cipher.name(), dialect.name());
            let sealing = Sealing { cipher, dialect, ..Sealing::default() };
            let message = simple::seal_with(&sealing, recipients, CONTENT, &mut draws()).unwrap();
            add(seeds, "cms_encrypted", &format!("enveloped-{name}"), message);

            let mut out = Vec::new();
            let signed = signed_content(dialect);
            let mut sealer =
                Sealer::start_signed(cipher, recipients, &signed, &mut draws(), &mut out).unwrap();
            sealer.push(CONTENT, &mut out).unwrap();
            sealer.finish(&mut out).unwrap();
            add(seeds, "cms_encrypted", &format!("signed-{name}"), out);
        }
        let (mut out, sealing) = (Vec::new(), Sealing { cipher, ..Sealing::default() });
        let key = ContentKey::from_bytes(Zeroizing::new(vec![0; 16])).unwrap();
        let len = CONTENT.len() as u64;
        let mut sealer = Sealer::start_encrypted(&sealing, &key, len, &mut Seeded::new(4), &mut out).unwrap();
        sealer.push(CONTENT, &mut out).unwrap();
        sealer.finish(&mut out).unwrap();
        add(seeds, "cms_encrypted", &format!("encrypted-{}", cipher.name()), out);
    }
    // SM4-ECB, which nothing here writes.
    let mut blocks = [[7; 16]; 3];
    Sm4::new(&[0; 16]).encrypt_blocks(&mut blocks);
    let id = |last: &[u8]| tlv(6, &[&[0x2a, 0x81, 0x1c, 0xcf, 0x55], last]);
    let content = tlv(0x80, &[blocks.as_flattened()]);
    let info = tlv(0x30, &[&id(&[6, 1, 4, 2, 1]), &tlv(0x30, &[&id(&[1, 0x68])]), &content]);
    let encrypted = tlv(0xa0, &[&tlv(0x30, &[&[2, 1, 1], &info])]);
    add(seeds, "cms_encrypted", "ecb", tlv(0x30, &[&id(&[6, 1, 4, 2, 5]), &encrypted]));
}
