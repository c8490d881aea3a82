//! Files and signatures of the OpenSSL 3 command line, both ways. Skipped if there is no such command.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests; a skipped test says so")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sm_primitives::sm2::{Ciphertext, DistId, PrivateKey, PublicKey, Signature, dsa, pke};

/// A folder for the files of one test, and the command in it.
struct OpenSsl(PathBuf);

impl OpenSsl {
    /// `None`, with a note, if there is no OpenSSL 3.
    fn find(test: &str) -> Option<Self> {
        let version =
            Command::new("openssl").arg("version").output().ok().filter(|output| output.status.success());
        let version =
            version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        if !version.starts_with("OpenSSL 3") {
            println!("skipped: OpenSSL 3 not present");
            return None;
        }
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sm2_openssl_{test}_{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Some(Self(folder))
    }

    /// Whether `openssl` with these words, separated by spaces, succeeds.
    fn run(&self, words: &str) -> bool {
        Command::new("openssl").args(words.split(' ')).current_dir(&self.0).output().unwrap().status.success()
    }

    fn must(&self, words: &str) {
        assert!(self.run(words), "openssl {words}");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), contents).unwrap();
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const SIGN: &str = "-rawin -digest sm3 -pkeyopt distid:1234567812345678";

#[test]
fn keys_of_openssl() {
    let Some(openssl) = OpenSsl::find("read") else { return };
    openssl.must("genpkey -algorithm SM2 -out key.pem");
    openssl.must("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der");
    openssl.must("pkey -in key.pem -outform DER -out sec1.der");
    openssl.must("pkey -in key.pem -pubout -out public.pem");
    openssl.must("pkey -in key.pem -pubout -outform DER -out public.der");

    // Read, and written to the same bytes again.
    let key = PrivateKey::from_pem(&openssl.text("key.pem")).unwrap();
    assert_eq!(*key.to_pkcs8_der(), openssl.read("key.der"));
    assert_eq!(*key.to_pkcs8_pem(), openssl.text("key.pem"));
    assert_eq!(key.public_key().to_spki_der(), openssl.read("public.der"));
    assert_eq!(key.public_key().to_spki_pem(), openssl.text("public.pem"));
    assert_eq!(PublicKey::from_spki_pem(&openssl.text("public.pem")).as_ref(), Ok(key.public_key()));
    let from_der = PrivateKey::from_pkcs8_der(&openssl.read("key.der")).unwrap();
    assert_eq!(*from_der.expose_bytes(), *key.expose_bytes());
    let from_sec1 = PrivateKey::from_sec1_der(&openssl.read("sec1.der")).unwrap();
    assert_eq!(*from_sec1.expose_bytes(), *key.expose_bytes());

    // The older form, and a key with the parameters in front.
    openssl.must("ec -in key.pem -out sec1.pem");
    openssl.must("ecparam -name SM2 -genkey -out with_parameters.pem");
    assert!(openssl.text("sec1.pem").starts_with("-----BEGIN SM2 PRIVATE KEY-----"));
    assert!(openssl.text("with_parameters.pem").starts_with("-----BEGIN SM2 PARAMETERS-----"));
    for name in ["sec1.pem", "with_parameters.pem"] {
        openssl.must(&format!("pkey -in {name} -pubout -out public.pem"));
        let key = PrivateKey::from_pem(&openssl.text(name)).unwrap();
        assert_eq!(key.public_key().to_spki_pem(), openssl.text("public.pem"));
        // The labels of older versions.
        let key = PrivateKey::from_pem(&openssl.text(name).replace(" SM2 ", " EC ")).unwrap();
        assert_eq!(key.public_key().to_spki_pem(), openssl.text("public.pem"));
    }

    // A compressed public key; another curve; an encrypted file.
    openssl.must("ec -in sec1.pem -pubout -conv_form compressed -out compressed.pem");
    let key = PrivateKey::from_pem(&openssl.text("sec1.pem")).unwrap();
    assert_eq!(PublicKey::from_spki_pem(&openssl.text("compressed.pem")).as_ref(), Ok(key.public_key()));
    openssl.must("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem");
    assert!(PrivateKey::from_pem(&openssl.text("p256.pem")).is_err());
    openssl.must("pkcs8 -topk8 -in key.pem -passout pass:1 -out encrypted.pem");
    assert!(PrivateKey::from_pem(&openssl.text("encrypted.pem")).is_err());
}

#[test]
fn our_keys() {
    let Some(openssl) = OpenSsl::find("write") else { return };
    let key = PrivateKey::generate(&mut getrandom::SysRng).unwrap();
    openssl.write("key.pem", key.to_pkcs8_pem().as_bytes());
    openssl.must("pkey -in key.pem -check -noout");
    openssl.must("pkey -in key.pem -pubout -out public.pem");
    assert_eq!(openssl.text("public.pem"), key.public_key().to_spki_pem());
}

#[test]
fn signatures() {
    let Some(openssl) = OpenSsl::find("sign") else { return };
    let key = PrivateKey::generate(&mut getrandom::SysRng).unwrap();
    openssl.write("key.pem", key.to_pkcs8_pem().as_bytes());
    openssl.write("public.pem", key.public_key().to_spki_pem());
    let id = DistId::default();
    for i in 0..4_u8 {
        let message = vec![i; 100 * usize::from(i) + 1];
        openssl.write("message", &message);
        openssl.must(&format!("pkeyutl -sign -inkey key.pem -in message {SIGN} -out theirs"));
        let theirs = Signature::from_der(&openssl.read("theirs")).unwrap();
        assert_eq!(dsa::verify(key.public_key(), &id, &message, &theirs), Ok(()));

        let ours = dsa::sign(&key, &id, &message, &mut getrandom::SysRng).unwrap();
        openssl.write("ours", ours.to_der());
        let verify = format!("pkeyutl -verify -pubin -inkey public.pem -in message {SIGN} -sigfile");
        openssl.must(&format!("{verify} ours"));
        openssl.write("message", [&message[..], b"."].concat());
        assert!(!openssl.run(&format!("{verify} ours")));
    }
}

#[test]
fn encryption() {
    let Some(openssl) = OpenSsl::find("encrypt") else { return };
    let key = PrivateKey::generate(&mut getrandom::SysRng).unwrap();
    openssl.write("key.pem", key.to_pkcs8_pem().as_bytes());
    openssl.write("public.pem", key.public_key().to_spki_pem());
    for length in [1, 31, 32, 33, 200] {
        let message = vec![0x41; length];
        openssl.write("message", &message);
        openssl.must("pkeyutl -encrypt -pubin -inkey public.pem -in message -out theirs");
        let theirs = Ciphertext::from_der(&openssl.read("theirs")).unwrap();
        assert_eq!(*pke::decrypt(&key, &theirs).unwrap(), message);

        let ours = pke::encrypt(key.public_key(), &message, &mut getrandom::SysRng).unwrap();
        openssl.write("ours", ours.to_der().unwrap());
        openssl.must("pkeyutl -decrypt -inkey key.pem -in ours -out opened");
        assert_eq!(openssl.read("opened"), message);
    }
}
