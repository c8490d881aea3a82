//! Keys, random sources and message parts for the tests.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use envelope::{ContentKey, Error, Recipient, RecipientInfo, Sm2Recipient};
use sm_primitives::rand_core::{TryCryptoRng, TryRng};
use sm_primitives::sm2::{PrivateKey, PublicKey};
use sm_primitives::sm3::Sm3;

/// The private key whose bytes are SM3(name).
pub(crate) fn key(name: &str) -> PrivateKey {
    PrivateKey::from_bytes(&key_bytes(name)).expect("a hash is a private key with overwhelming probability")
}

pub(crate) fn public_key(name: &str) -> PublicKey {
    *key(name).public_key()
}

pub(crate) fn key_bytes(name: &str) -> [u8; 32] {
    Sm3::new().chain(name.as_bytes()).finalize()
}

/// A recipient named by the key `name`.
pub(crate) fn recipient(name: &str) -> Sm2Recipient {
    Sm2Recipient::from_public_key(&public_key(name))
}

/// SM3(seed || counter): reproducible.
pub(crate) struct TestRng {
    seed: Vec<u8>,
    counter: u64,
}

impl TestRng {
    pub(crate) fn new(seed: &str) -> Self {
        Self { seed: seed.as_bytes().to_vec(), counter: 0 }
    }
}

impl TryRng for TestRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(32) {
            let block = Sm3::new().chain(&self.seed).chain(&self.counter.to_be_bytes()).finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
            self.counter += 1;
        }
        Ok(())
    }
}

impl TryCryptoRng for TestRng {}

/// Delivers these bytes, then fails.
pub(crate) struct ScriptRng(pub(crate) Vec<u8>);

impl TryRng for ScriptRng {
    type Error = std::io::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        if out.len() > self.0.len() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        out.copy_from_slice(&self.0.drain(..out.len()).collect::<Vec<_>>());
        Ok(())
    }
}

impl TryCryptoRng for ScriptRng {}

/// A recipient that brings an entry made before, whatever the content key is.
pub(crate) struct Prepared(pub(crate) RecipientInfo);

impl Recipient for Prepared {
    fn wrap_key(
        &self,
        _: &ContentKey,
        _: &mut dyn TryCryptoRng<Error = Error>,
    ) -> Result<RecipientInfo, Error> {
        Ok(self.0.clone())
    }
}

/// The folder of other tools' samples, or `None`, said aloud, where it is not present.
pub(crate) fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("COSIGN_SAMPLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/samples"),
        PathBuf::from,
    );
    if !folder.is_dir() {
        println!("skipped: samples not present");
        return None;
    }
    Some(folder)
}

/// One file of the samples.
pub(crate) fn sample(name: &str) -> Option<Vec<u8>> {
    let path = samples()?.join(name);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

// ---- DER and BER by hand

/// A definite length in its shortest form.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![tag];
    let octets: Vec<u8> = body.len().to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
    match octets.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        _ => {
            out.push(0x80 + u8::try_from(octets.len()).unwrap());
            out.extend(octets);
        }
    }
    out.extend(body);
    out
}

/// A definite length in eight octets, more than needed.
pub(crate) fn long_tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&[tag, 0x88][..], &(body.len() as u64).to_be_bytes(), &body].concat()
}

/// An indefinite length.
pub(crate) fn indefinite(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[tag, 0x80][..], &parts.concat(), &[0, 0]].concat()
}

/// An object identifier from its dotted form.
pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    tlv(0x06, &[der::asn1::ObjectIdentifier::new_unwrap(dotted).as_bytes()])
}

pub(crate) const GM_ENVELOPED: &str = "1.2.156.10197.6.1.4.2.3";
pub(crate) const GM_DATA: &str = "1.2.156.10197.6.1.4.2.1";
pub(crate) const SM2_ENCRYPTION: &str = "1.2.156.10197.1.301.3";
pub(crate) const SM4_CBC: &str = "1.2.156.10197.1.104.2";

/// A message in parts, each a whole element, by the book until changed.
pub(crate) struct Parts {
    pub(crate) outer_type: Vec<u8>,
    pub(crate) version: Vec<u8>,
    pub(crate) recipients: Vec<u8>,
    pub(crate) inner_type: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) content: Vec<u8>,
    /// After the content, inside EncryptedContentInfo.
    pub(crate) shared_info: Vec<u8>,
    /// After EncryptedContentInfo.
    pub(crate) attributes: Vec<u8>,
    pub(crate) wrap: fn(u8, &[&[u8]]) -> Vec<u8>,
    /// For parts that are built anew.
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) encrypted_key: Vec<u8>,
    pub(crate) id: Vec<u8>,
    pub(crate) iv: Vec<u8>,
}

pub(crate) const PLAINTEXT: &[u8] = b"a plaintext of more than two blocks";

impl Parts {
    /// `PLAINTEXT` for the key "alice", as this crate seals it.
    pub(crate) fn new() -> Self {
        Self::sealed(PLAINTEXT, "parts")
    }

    /// Another plaintext, other random bytes.
    pub(crate) fn sealed(plaintext: &[u8], seed: &str) -> Self {
        let alice = public_key("alice");
        let message =
            envelope::simple::seal(&[&recipient("alice")], plaintext, &mut TestRng::new(seed)).unwrap();
        let (header, ciphertext) = envelope::cms::Header::from_bytes(&message).unwrap();
        let encrypted_key = tlv(0x04, &[&header.recipients()[0].ciphertext().unwrap().to_der().unwrap()]);
        // The initial vector stands right after the identifier of the content encryption.
        let cbc = oid(SM4_CBC);
        let iv_at = message.windows(cbc.len()).position(|window| window == cbc).unwrap() + cbc.len();
        let iv = message[iv_at..iv_at + 18].to_vec();
        let id = tlv(0x80, &[envelope::SubjectKeyId::of(&alice).as_bytes()]);
        let recipient_info = ktri(2, &id, &key_algorithm(SM2_ENCRYPTION), &encrypted_key);
        Self {
            outer_type: oid(GM_ENVELOPED),
            version: vec![2, 1, 2],
            recipients: tlv(0x31, &[&recipient_info]),
            inner_type: oid(GM_DATA),
            algorithm: tlv(0x30, &[&oid(SM4_CBC), &iv]),
            content: tlv(0x80, &[ciphertext]),
            shared_info: vec![],
            attributes: vec![],
            wrap: tlv,
            ciphertext: ciphertext.to_vec(),
            encrypted_key,
            id,
            iv,
        }
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let content_info =
            (self.wrap)(0x30, &[&self.inner_type, &self.algorithm, &self.content, &self.shared_info]);
        let enveloped =
            (self.wrap)(0x30, &[&self.version, &self.recipients, &content_info, &self.attributes]);
        (self.wrap)(0x30, &[&self.outer_type, &(self.wrap)(0xa0, &[&enveloped])])
    }
}

pub(crate) fn key_algorithm(dotted: &str) -> Vec<u8> {
    tlv(0x30, &[&oid(dotted)])
}

/// KeyTransRecipientInfo.
pub(crate) fn ktri(version: u8, id: &[u8], algorithm: &[u8], encrypted_key: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&[2, 1, version], id, algorithm, encrypted_key])
}

// ---- certificates

/// What goes into a test certificate. Its signature is a placeholder: nothing here looks at it.
pub(crate) struct CertificateParts<'a> {
    pub(crate) key: &'a PublicKey,
    pub(crate) curve: &'a str,
    pub(crate) serial: &'a [u8],
    pub(crate) key_usage: Option<&'a [u8]>,
    pub(crate) subject_key_id: Option<&'a [u8]>,
    pub(crate) null_parameters: bool,
    /// Where an element stands that does not belong there.
    pub(crate) junk: &'a str,
}

pub(crate) const SM2_CURVE: &str = "1.2.156.10197.1.301";

impl<'a> CertificateParts<'a> {
    pub(crate) fn new(key: &'a PublicKey) -> Self {
        Self {
            key,
            curve: SM2_CURVE,
            serial: &[0x12, 0x34],
            key_usage: None,
            subject_key_id: None,
            null_parameters: false,
            junk: "",
        }
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let junk = |place| if self.junk == place { &[5u8, 0][..] } else { &[] };
        let null: &[u8] = if self.null_parameters { &[5, 0] } else { &[] };
        let algorithm = tlv(0x30, &[&oid("1.2.156.10197.1.501"), null]);
        let point = self.key.as_point().to_sec1();
        let spki = tlv(
            0x30,
            &[&tlv(0x30, &[&oid("1.2.840.10045.2.1"), &oid(self.curve)]), &tlv(0x03, &[&[0], &point])],
        );
        let mut extensions = Vec::new();
        if let Some(id) = self.subject_key_id {
            let value = tlv(0x04, &[&tlv(0x04, &[id]), junk("key id")]);
            extensions.extend(tlv(0x30, &[&oid("2.5.29.14"), &value, junk("extension")]));
        }
        if let Some(bits) = self.key_usage {
            let critical = [1, 1, 0xff];
            let value = tlv(0x04, &[&tlv(0x03, &[bits]), junk("key usage")]);
            extensions.extend(tlv(0x30, &[&oid("2.5.29.15"), &critical, &value]));
        }
        let validity = tlv(0x30, &[&tlv(0x17, &[b"250101000000Z"]), &tlv(0x17, &[b"350101000000Z"])]);
        let mut tbs = vec![
            tlv(0xa0, &[&[2, 1, 2]]),
            tlv(0x02, &[self.serial]),
            algorithm.clone(),
            name("Test CA"),
            validity,
            name("Holder"),
            spki,
        ];
        if !extensions.is_empty() {
            tbs.push(tlv(0xa3, &[&tlv(0x30, &[&extensions]), junk("extensions")]));
        }
        tbs.push(junk("tbs").to_vec());
        let tbs: Vec<&[u8]> = tbs.iter().map(Vec::as_slice).collect();
        tlv(0x30, &[&tlv(0x30, &tbs), &algorithm, &tlv(0x03, &[&[0, 0x30, 0]]), junk("certificate")])
    }
}

/// A `Name` with one common name.
pub(crate) fn name(common_name: &str) -> Vec<u8> {
    let attribute = tlv(0x30, &[&oid("2.5.4.3"), &tlv(0x0c, &[common_name.as_bytes()])]);
    tlv(0x30, &[&tlv(0x31, &[&attribute])])
}

/// `bytes` as PEM.
pub(crate) fn pem(label: &str, bytes: &[u8]) -> String {
    use base64ct::{Base64, Encoding};
    let base64 = Base64::encode_string(bytes);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
