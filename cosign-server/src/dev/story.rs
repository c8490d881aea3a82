//! What the signer does, step by step, each with its time.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use cosign_core::{
    ClientKey, Digest, Pin, Purpose,
    sm_primitives::sm2::{DistId, PublicKey, Signature, dsa},
};
use envelope::{ContentKey, RecipientId, Sm2Recipient, cms::Header, io as envelope_io};
use zeroize::Zeroizing;

use super::{
    DevError, file_error,
    link::{Fault, Identity, Link},
    signer::Signer,
};
use crate::{
    cli::say,
    domain::{
        Error as DomainError,
        ports::{Clock, Entropy},
    },
    signer::EntropyRng,
};

const PIN_LEN: usize = 6;

/// Where the story plays.
pub(super) struct Scene<'a> {
    pub(super) address: SocketAddr,
    pub(super) ca: &'a Path,
    pub(super) code: &'a str,
    pub(super) file: &'a Path,
    pub(super) out: &'a Path,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) entropy: &'a Arc<dyn Entropy>,
}

/// Prints a step that was done, with its time.
pub(super) fn tell(step: &str, clock: &dyn Clock, started_ns: u64, what: &str) {
    let micros = clock.monotonic_ns().saturating_sub(started_ns) / 1000;
    say(format_args!("{:>7}.{:03} ms  {step:<22} {what}", micros / 1000, micros % 1000));
}

/// Enrols, makes two keys, signs and verifies the file, encrypts it and opens it again.
pub(super) async fn play(scene: Scene<'_>) -> Result<(), DevError> {
    let paths = Paths::new(&scene)?;
    let clock = &**scene.clock;
    let step = |step: &'static str| move |error: Fault| DevError::Step { step, error };

    let digits = random_pin(&**scene.entropy)?;
    let started = clock.monotonic_ns();
    let pin = Pin::new(&digits).map_err(|error| step("PIN")(error.into()))?;
    let identity = Identity::new().map_err(step("connect"))?;
    let link = Link::new(scene.address, scene.ca, Some(&identity)).map_err(step("connect"))?;
    let mut signer = Signer::new(link, pin, scene.clock, scene.entropy).await.map_err(step("connect"))?;
    tell("connected", clock, started, &format!("QUIC, TLS 1.3; the signer's PIN is {}", &*digits));

    let started = clock.monotonic_ns();
    let device = signer.enrol(scene.code).await.map_err(step("enrol"))?;
    tell("device enrolled", clock, started, &format!("{device:.16}..."));

    let started = clock.monotonic_ns();
    let signing = signer.keygen(Purpose::Sign, "dev signing key").await.map_err(step("signing key"))?;
    tell("signing key made", clock, started, &format!("{}, activated by its own request", signing.key_id()));

    let started = clock.monotonic_ns();
    let encryption =
        signer.keygen(Purpose::Encrypt, "dev encryption key").await.map_err(step("encryption key"))?;
    tell("encryption key made", clock, started, &encryption.key_id().to_string());

    let started = clock.monotonic_ns();
    let digest = digest(&scene, signing.public_key())?;
    tell("file hashed", clock, started, &format!("{}", scene.file.display()));

    let started = clock.monotonic_ns();
    let signature = signer.sign(&signing, digest).await.map_err(step("sign"))?;
    fs::write(&paths.signature, signature.to_der()).map_err(file_error(&paths.signature))?;
    let pem = signing.public_key().to_spki_pem();
    fs::write(&paths.public, pem).map_err(file_error(&paths.public))?;
    tell("file signed", clock, started, &format!("{}", paths.signature.display()));

    let started = clock.monotonic_ns();
    verify(&scene, &paths).map_err(step("verify"))?;
    tell("signature verified", clock, started, "with the two files just written");

    let started = clock.monotonic_ns();
    encrypt(&scene, &paths, encryption.public_key()).map_err(step("encrypt"))?;
    tell("file encrypted", clock, started, &format!("{}", paths.envelope.display()));

    let started = clock.monotonic_ns();
    decrypt(&mut signer, &encryption, &paths).await.map_err(step("decrypt"))?;
    tell("envelope opened", clock, started, &format!("{}", paths.opened.display()));

    let started = clock.monotonic_ns();
    compare(scene.file, &paths.opened).map_err(step("compare"))?;
    tell("contents equal", clock, started, "what was opened is what was encrypted");
    Ok(())
}

struct Paths {
    signature: PathBuf,
    public: PathBuf,
    envelope: PathBuf,
    opened: PathBuf,
}

impl Paths {
    fn new(scene: &Scene<'_>) -> Result<Self, DevError> {
        fs::create_dir_all(scene.out).map_err(file_error(scene.out))?;
        let name = scene.file.file_name().unwrap_or(scene.file.as_os_str());
        let path = |suffix: &str| {
            let mut name = name.to_owned();
            name.push(suffix);
            scene.out.join(name)
        };
        Ok(Self {
            signature: path(".sig"),
            public: scene.out.join("public.pem"),
            envelope: path(".p7"),
            opened: path(".decrypted"),
        })
    }
}

/// Digits without bias: bytes from 250 on are drawn again.
fn random_pin(entropy: &dyn Entropy) -> Result<Zeroizing<String>, DomainError> {
    let mut digits = Zeroizing::new(String::with_capacity(PIN_LEN));
    while digits.len() < PIN_LEN {
        let mut byte = [0];
        entropy.fill(&mut byte)?;
        if byte[0] < 250 {
            digits.push(char::from(b'0' + byte[0] % 10));
        }
    }
    Ok(digits)
}

/// `e = SM3(Z || file) mod n`, in bounded memory.
fn digest(scene: &Scene<'_>, public_key: &PublicKey) -> Result<Digest, DevError> {
    let mut hasher = DistId::default().hasher(public_key);
    let mut file = File::open(scene.file).map_err(file_error(scene.file))?;
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer).map_err(file_error(scene.file))? {
            0 => return Ok(Digest::reduce(&hasher.finalize())),
            len => hasher.update(buffer.get(..len).unwrap_or_default()),
        }
    }
}

/// Verifies as somebody else would: from the files alone.
fn verify(scene: &Scene<'_>, paths: &Paths) -> Result<(), Fault> {
    let public_key = PublicKey::from_spki_pem(&fs::read_to_string(&paths.public)?)?;
    let signature = Signature::from_der(&fs::read(&paths.signature)?)?;
    let digest = digest(scene, &public_key)?;
    Ok(dsa::verify_digest(&public_key, digest.as_bytes(), &signature)?)
}

fn encrypt(scene: &Scene<'_>, paths: &Paths, public_key: &PublicKey) -> Result<(), Fault> {
    let input = File::open(scene.file)?;
    let len = input.metadata()?.len();
    let mut output = envelope_io::PartFile::create(&paths.envelope)?;
    let recipient = Sm2Recipient::from_public_key(public_key);
    let mut rng = EntropyRng::new(Arc::clone(scene.entropy));
    envelope_io::seal(&[&recipient], len, input, &mut output, &mut rng)?;
    output.keep()?;
    Ok(())
}

/// Opens the envelope: its content key by co-decryption, its content here.
async fn decrypt(signer: &mut Signer, key: &ClientKey, paths: &Paths) -> Result<(), Fault> {
    let mut input = envelope_io::Input::new(File::open(&paths.envelope)?)?;
    let header = Header::read(&mut input)?;
    let entry =
        header.find(&[RecipientId::of_key(key.public_key())]).ok_or("the envelope is for another key")?;
    let content_key = ContentKey::from_bytes(signer.decrypt(key, entry.ciphertext()?.clone()).await?)?;
    let mut output = envelope_io::PartFile::create_private(&paths.opened)?;
    envelope_io::open(header.open(content_key), input, &mut output)?;
    output.keep()?;
    Ok(())
}

fn compare(one: &Path, other: &Path) -> Result<(), Fault> {
    let reader = |path| File::open(path).map(|file| BufReader::with_capacity(128 * 1024, file));
    let (mut one, mut other) = (reader(one)?, reader(other)?);
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let len = left.len().min(right.len());
        if left.get(..len) != right.get(..len) || left.is_empty() != right.is_empty() {
            return Err("the contents differ".into());
        }
        if len == 0 {
            return Ok(());
        }
        one.consume(len);
        other.consume(len);
    }
}

/// Prints how to do the same by hand.
pub(super) fn invite(address: SocketAddr, ca: &Path, code: &str, uses: u32) {
    let ca = ca.display();
    say(format_args!(
        "
Everything held. Do the same by hand in a second terminal, in this folder:

    cargo install --path cosign-client     # puts smsign on the PATH; or instead of smsign:
                                           #   cargo run --release -p cosign-client --bin smsign --
    smsign keygen --server {address} --ca {ca} --enrol-code {code}
    smsign sign README.md
    smsign verify README.md
    smsign encrypt README.md --to default
    smsign decrypt README.md.p7 --out README.opened

The code enrols up to {uses} devices within a day. The server keeps running; Ctrl-C stops it."
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_compared_to_their_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let long = vec![7; 300_000];
        let one = file("one", &long);
        assert!(compare(&one, &file("same", &long)).is_ok());
        assert!(compare(&one, &file("shorter", &long[1..])).is_err());
        assert!(compare(&one, &file("other", &[&long[1..], &[8]].concat())).is_err());
        assert!(compare(&file("empty", b""), &one).is_err());
    }
}
