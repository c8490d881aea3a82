//! A writer of bids from the text of the format, that also writes what the format forbids.

use sm_primitives::{
    PublicPoint, Scalar, SecretScalar,
    sm2::{PublicKey, pke},
    sm3::{digest, hkdf},
    sm4::gcm,
};

use super::{NOT_BEFORE, key, signature::Parts};
use crate::random::Seeded;

/// One DER element.
#[must_use]
pub fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let mut out = match len {
        0..0x80 => vec![tag, u8::try_from(len).unwrap()],
        0x80..0x100 => vec![tag, 0x81, u8::try_from(len).unwrap()],
        0x100..0x1_0000 => vec![tag, 0x82, u8::try_from(len >> 8).unwrap(), len.to_le_bytes()[0]],
        _ => vec![tag, 0x83, u8::try_from(len >> 16).unwrap(), len.to_le_bytes()[1], len.to_le_bytes()[0]],
    };
    out.extend_from_slice(body);
    out
}

/// A SEQUENCE.
#[must_use]
pub fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// An INTEGER.
#[must_use]
pub fn int(value: u64) -> Vec<u8> {
    let mut body: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|&byte| byte == 0).collect();
    if body.first().is_none_or(|&first| first & 0x80 != 0) {
        body.insert(0, 0);
    }
    tlv(2, &body)
}

/// A UTF8String.
#[must_use]
pub fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// An OCTET STRING.
#[must_use]
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(4, bytes)
}

/// First 20 bytes of SM3(04 || x || y).
#[must_use]
pub fn key_id(key: &PublicKey) -> Vec<u8> {
    digest(&key.as_point().to_sec1())[..20].to_vec()
}

/// The parts of a bid before they are put together. Change what you like.
#[derive(Clone)]
pub struct Plan {
    /// Version in the manifest.
    pub version: u64,
    /// File id.
    pub file_id: Vec<u8>,
    /// Exponent.
    pub chunk_size: u64,
    /// project, section, bidder.
    pub names: [String; 3],
    /// sealedAt.
    pub sealed_at: u64,
    /// Metadata.
    pub metadata: Vec<(String, String)>,
    /// Model.
    pub model: u64,
    /// t in the manifest.
    pub threshold: u64,
    /// Role labels.
    pub roles: Vec<String>,
    /// Coefficients of f.
    pub coefficients: Vec<SecretBytes>,
    /// Commitments as they stand in the manifest.
    pub commitments: Vec<Vec<u8>>,
    /// The key id that is to sign.
    pub signer: Option<Vec<u8>>,
    /// notBefore, opening key, commitment.
    pub opening: Option<(u64, Vec<u8>, Vec<u8>)>,
    /// L.
    pub lock_secret: [u8; 32],
    /// What the lock holds.
    pub lock: Option<Vec<u8>>,
    /// Share number, holder, wrapped value.
    pub slots: Vec<(u64, PublicKey, Vec<u8>)>,
    /// The files one after another.
    pub content: Vec<u8>,
    /// name, offset, size.
    pub index: Vec<(Vec<u8>, u64, u64)>,
}

/// 32 bytes of a scalar.
pub type SecretBytes = [u8; 32];

fn scalar(bytes: &SecretBytes) -> Scalar {
    Scalar::from_bytes(bytes).unwrap()
}

/// f(x).
#[must_use]
pub fn evaluate(coefficients: &[SecretBytes], x: u64) -> SecretBytes {
    let x = Scalar::from_u128(u128::from(x));
    coefficients.iter().rev().fold(Scalar::ZERO, |sum, a| sum * x + scalar(a)).to_bytes()
}

impl Plan {
    /// A right bid: platform and bidder together, a lock, metadata, three files in three chunks.
    #[must_use]
    pub fn both() -> Self {
        let mut rng = Seeded::new(5);
        let coefficients: Vec<SecretBytes> =
            (0..2).map(|_| Scalar::reduce(&rng.bytes(32).try_into().unwrap()).to_bytes()).collect();
        let file_id = rng.bytes(16);
        let lock_secret: [u8; 32] = rng.bytes(32).try_into().unwrap();
        let not_before = NOT_BEFORE.to_be_bytes();
        let commitment = digest(&[b"COSIGN-BID-OPEN1", &file_id[..], &not_before, &lock_secret].concat());
        let content: Vec<u8> = rng.bytes(150_000);
        let mut plan = Self {
            version: 1,
            chunk_size: 16,
            names: ["P-2026-7".into(), "第一标段".into(), "某公司".into()],
            sealed_at: 1_790_000_000,
            metadata: vec![("currency".into(), "CNY".into()), ("pages".into(), "12".into())],
            model: 2,
            threshold: 2,
            roles: vec!["platform".into(), "bidder".into()],
            commitments: vec![],
            signer: None,
            opening: Some((NOT_BEFORE, key_id(key("opening").public_key()), commitment.to_vec())),
            lock: Some([b"COSIGN-BID-LOCK1", &not_before[..], &file_id, &lock_secret].concat()),
            lock_secret,
            slots: vec![],
            index: vec![
                ("投标文件/商务.pdf".into(), 0, 100_000),
                ("投标文件/技术.pdf".into(), 100_000, 49_999),
                ("报价.txt".into(), 149_999, 1),
            ],
            content,
            file_id,
            coefficients,
        };
        plan.commit();
        plan.deal(&[(1, "platform"), (2, "bidder")]);
        plan
    }

    /// A right bid: the platform alone, signed, one file in one chunk.
    #[must_use]
    pub fn signed() -> Self {
        let mut plan = Self::both();
        (plan.model, plan.threshold, plan.roles) = (0, 1, vec!["platform".into()]);
        plan.coefficients.truncate(1);
        plan.file_id = vec![9; 16];
        (plan.opening, plan.lock) = (None, None);
        plan.signer = Some(key_id(key("signer").public_key()));
        plan.content = b"one offer".to_vec();
        plan.index = vec![("offer.txt".into(), 0, 9)];
        plan.commit();
        plan.deal(&[(1, "platform")]);
        plan
    }

    /// Commitments to the coefficients.
    pub fn commit(&mut self) {
        let point = |a: &SecretBytes| {
            PublicPoint::mul_base(&SecretScalar::from_bytes(a).unwrap()).to_bytes().to_vec()
        };
        self.commitments = self.coefficients.iter().map(point).collect();
    }

    /// Gives out shares.
    pub fn deal(&mut self, holders: &[(u64, &str)]) {
        let slot = |&(share, holder): &(u64, &str)| {
            (share, *key(holder).public_key(), evaluate(&self.coefficients, share).to_vec())
        };
        self.slots = holders.iter().map(slot).collect();
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> Vec<u8> {
        let metadata: Vec<_> = self.metadata.iter().map(|(k, v)| seq(&[utf8(k), utf8(v)])).collect();
        let roles: Vec<_> = self.roles.iter().map(|role| utf8(role)).collect();
        let points: Vec<_> = self.commitments.iter().map(|point| octets(point)).collect();
        let mut fields = vec![int(self.version), octets(&self.file_id), int(self.chunk_size)];
        fields.extend(self.names.iter().map(|name| utf8(name)));
        fields.extend([int(self.sealed_at), seq(&metadata)]);
        fields.push(seq(&[int(self.model), int(self.threshold), seq(&roles), seq(&points)]));
        fields.extend(self.signer.as_ref().map(|id| tlv(0x81, id)));
        fields.extend(self.opening.as_ref().map(|(not_before, key, commitment)| {
            tlv(0xa2, &[int(*not_before), octets(key), octets(commitment)].concat())
        }));
        seq(&fields)
    }

    /// The slots.
    #[must_use]
    pub fn slots(&self) -> Vec<u8> {
        let mut rng = Seeded::new(6);
        let mut wrap =
            |to: &PublicKey, bytes: &[u8]| pke::encrypt(to, bytes, &mut rng).unwrap().to_der().unwrap();
        let slots: Vec<_> = self
            .slots
            .iter()
            .map(|(share, to, value)| seq(&[int(*share), tlv(0x80, &key_id(to)), wrap(to, value)]))
            .collect();
        let mut fields = vec![seq(&slots)];
        if let Some(lock) = &self.lock {
            fields.push(tlv(0xa0, &wrap(key("opening").public_key(), lock)));
        }
        seq(&fields)
    }

    /// The end of the body.
    #[must_use]
    pub fn index(&self) -> Vec<u8> {
        let entries: Vec<_> = self
            .index
            .iter()
            .map(|(name, offset, size)| seq(&[tlv(0x0c, name), int(*offset), int(*size)]))
            .collect();
        let index = seq(&entries);
        let len = u32::try_from(index.len()).unwrap().to_be_bytes();
        [index, len.to_vec()].concat()
    }

    /// The bid in pieces.
    #[must_use]
    pub fn seal(&self) -> Pieces {
        self.seal_body(&[&self.content[..], &self.index()].concat())
    }

    /// The bid in pieces, with any body.
    #[must_use]
    pub fn seal_body(&self, body: &[u8]) -> Pieces {
        let size = 1usize << self.chunk_size;
        let count = body.len().div_ceil(size);
        let chunks = body.chunks(size).enumerate();
        let chunks: Vec<_> =
            chunks.map(|(i, text)| self.chunk(i as u64, u32::from(i + 1 == count), text)).collect();
        let signature =
            self.signer.as_ref().map(|_| Parts::new().sign(&statement(&self.manifest(), &chunks)));
        Pieces {
            version: 1,
            manifest: self.manifest(),
            slots: self.slots(),
            lengths: None,
            chunks,
            trailer: trailer(&signature.unwrap_or_default()),
        }
    }

    /// One chunk, head and all, with any flags.
    #[must_use]
    pub fn chunk(&self, index: u64, flags: u32, text: &[u8]) -> Vec<u8> {
        let salt = digest(&self.manifest());
        let mut ikm = evaluate(&self.coefficients, 0).to_vec();
        if self.opening.is_some() {
            ikm.extend(self.lock_secret);
        }
        let mut body_key = [0; 16];
        hkdf(&ikm, &salt, b"COSIGN-BID-BODY1", &mut body_key).unwrap();
        let len = u32::try_from(text.len()).unwrap();
        let head = [&salt[..8], &index.to_be_bytes(), &len.to_be_bytes(), &flags.to_be_bytes()].concat();
        let nonce = [&flags.to_be_bytes()[..], &index.to_be_bytes()].concat();
        let mut text = text.to_vec();
        let tag = gcm::seal_in_place(&body_key, &nonce, &head, &mut text).unwrap();
        [head, text, tag.to_vec()].concat()
    }
}

/// What is signed.
#[must_use]
pub fn statement(manifest: &[u8], chunks: &[Vec<u8>]) -> Vec<u8> {
    let leaf = |chunk: &Vec<u8>| {
        let pieces = chunk.chunks(16_384).flat_map(|piece| digest(&[&[0], piece].concat()));
        digest(&[1].into_iter().chain(pieces).collect::<Vec<_>>())
    };
    fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            // Of a bid without chunks, which is broken whatever its signature says.
            [] => return digest(&[]),
            [only] => return *only,
            _ => {}
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        digest(&[&[2][..], &root(left), &root(right)].concat())
    }
    let leaves: Vec<_> = chunks.iter().map(leaf).collect();
    seq(&[
        utf8("COSIGN-BID-SIGN1"),
        octets(&digest(manifest)),
        int(chunks.len() as u64),
        octets(&root(&leaves)),
    ])
}

/// The end of a bid.
#[must_use]
pub fn trailer(signature: &[u8]) -> Vec<u8> {
    let len = u32::try_from(signature.len()).unwrap().to_be_bytes();
    [signature, &len, b"\x89END\r\n\x1a\n"].concat()
}

/// A bid in pieces.
#[derive(Clone)]
pub struct Pieces {
    /// Version in the preamble.
    pub version: u32,
    /// Manifest.
    pub manifest: Vec<u8>,
    /// Slots.
    pub slots: Vec<u8>,
    /// Lengths in the preamble, if not the right ones.
    pub lengths: Option<(u32, u32)>,
    /// Chunks.
    pub chunks: Vec<Vec<u8>>,
    /// Trailer.
    pub trailer: Vec<u8>,
}

impl Pieces {
    /// Everything before the chunks.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let (manifest, slots) = self.lengths.unwrap_or((len(&self.manifest), len(&self.slots)));
        let numbers = [self.version, manifest, slots].map(u32::to_be_bytes);
        [b"\x89BID\r\n\x1a\n", numbers.as_flattened(), &self.manifest, &self.slots].concat()
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [self.header(), self.chunks.concat(), self.trailer.clone()].concat()
    }
}
