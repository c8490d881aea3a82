//! Our side of `tests/interop`: reads the messages `bc-*` and `tongsuo-*` of a folder with its `key.hex`, `cert.der` and
//! `plain`, and writes `our-*` for others to read. The same in its folder `gmssl`, where there are two keys, `a` and `b`.
//!
//! `cargo run -p envelope --example interop -- FOLDER`
#![expect(clippy::print_stdout, reason = "a report")]

use std::error::Error;
use std::fs;
use std::path::Path;

use envelope::cms::{Cipher, Compat, ContentType, Dialect, Sealing, Signer, Switch, Time};
use envelope::simple::{self, Placement};
use envelope::{Sm2Identity, Sm2Recipient, enveloped_key};
use getrandom::SysRng;
use sm_primitives::sm2::{Ciphertext, DistId, PrivateKey, Signature, dsa, pke};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let folder = std::env::args().nth(1).ok_or("give the folder")?;
    let folder = Path::new(&folder);
    let key = private_key(&folder.join("key.hex"))?;
    let certificate = fs::read(folder.join("cert.der"))?;
    let plain = fs::read(folder.join("plain"))?;

    for tool in ["bc", "tongsuo"] {
        for kind in ["attributes", "direct"] {
            for placement in ["attached", "detached"] {
                let name = format!("{tool}-{kind}-{placement}");
                let message = fs::read(folder.join(&name))?;
                let detached = (placement == "detached").then_some(&plain[..]);
                // Tongsuo has no Z where there are no attributes.
                let switch = ((tool, kind) == ("tongsuo", "direct")).then_some(Switch::NoZContent);
                read_signed(&name, &message, detached, switch, &plain)?;
            }
        }
    }

    let recipient = Sm2Recipient::from_certificate(&certificate)?;
    for dialect in Dialect::ALL {
        for (cipher, cipher_name) in [(Cipher::Cbc, "cbc"), (Cipher::Gcm, "gcm")] {
            let sealing = Sealing { cipher, dialect, inner_type: ContentType::Data };
            let message = simple::seal_with(&sealing, &[&recipient], &plain, &mut SysRng)?;
            fs::write(folder.join(format!("our-{}-enveloped-{cipher_name}", dialect.name())), message)?;
        }
        for (placement, name) in [(Placement::Attached, "attached"), (Placement::Detached, "detached")] {
            // GmSSL signs no content that is elsewhere.
            if (dialect, placement) == (Dialect::GmSsl, Placement::Detached) {
                continue;
            }
            let time = Time::from_unix(1_800_000_000).ok_or("a time")?;
            let signer = Signer::new(&certificate)?.at(time);
            let message =
                simple::sign::<Box<dyn Error>>(vec![signer], dialect, placement, &plain, |digests| {
                    let sign = |e| Ok(dsa::sign_digest(&key, e, &mut SysRng).map_err(|_| "signing failed")?);
                    digests.iter().map(sign).collect()
                })?;
            fs::write(folder.join(format!("our-{}-signed-{name}", dialect.name())), message)?;
        }
    }
    gmssl(&folder.join("gmssl"), &plain)
}

/// What GmSSL wrote for its key `a` (and `b`), and ours for the two.
fn gmssl(folder: &Path, plain: &[u8]) -> Outcome {
    let (a, b) = (private_key(&folder.join("a.hex"))?, private_key(&folder.join("b.hex"))?);
    let (certificate_a, certificate_b) = (fs::read(folder.join("a.pem"))?, fs::read(folder.join("b.pem"))?);
    let (to_a, to_b) =
        (Sm2Recipient::from_certificate(&certificate_a)?, Sm2Recipient::from_certificate(&certificate_b)?);
    let identity_a = Sm2Identity::new(&a).with_certificate(&certificate_a)?;
    let identity_b = Sm2Identity::new(&b).with_certificate(&certificate_b)?;

    let sealing = Sealing { cipher: Cipher::Cbc, dialect: Dialect::GmSsl, inner_type: ContentType::Data };
    for len in [0, 1, 15, 16, 17, plain.len()] {
        let part = plain.get(..len).ok_or("a short content")?;
        // GmSSL refuses to seal nothing.
        let theirs: &[&str] = if len == 0 { &[] } else { &["one", "two"] };
        for recipients in theirs {
            let name = format!("{recipients}-{len}");
            let message = fs::read(folder.join(&name))?;
            let identities =
                if *recipients == "one" { &[&identity_a][..] } else { &[&identity_a, &identity_b] };
            for identity in identities {
                if simple::open(&[*identity], &message)?.as_slice() != part {
                    return Err(format!("{name}: another plaintext").into());
                }
            }
            println!("we open GmSSL's {name}");
        }
        let one = simple::seal_with(&sealing, &[&to_a], part, &mut SysRng)?;
        fs::write(folder.join(format!("our-one-{len}")), one)?;
        let two = simple::seal_with(&sealing, &[&to_a, &to_b], part, &mut SysRng)?;
        fs::write(folder.join(format!("our-two-{len}")), two)?;
    }

    let signed = fs::read(folder.join("signed"))?;
    read_signed("GmSSL's signed", &signed, None, Some(Switch::NoZContentInfo), plain)?;
    gmssl_primitives(folder, plain, &a, &b)
}

/// Reads a signedData of one signer. If it takes a switch, then it must not hold without.
fn read_signed(
    name: &str,
    message: &[u8],
    detached: Option<&[u8]>,
    switch: Option<Switch>,
    plain: &[u8],
) -> Outcome {
    let strict = simple::verify(Compat::STRICT, message, detached, &[])?;
    if switch.is_some() && strict.verdicts.iter().any(|verdict| verdict.result.is_ok()) {
        return Err(format!("{name}: holds where nobody asked for that").into());
    }
    let read = simple::verify(switch.into_iter().collect(), message, detached, &[])?;
    let [verdict] = &read.verdicts[..] else { return Err("one signer".into()) };
    let rule = verdict.result.map_err(|error| format!("{name}: {error}"))?;
    if read.content.is_some_and(|content| content != plain) {
        return Err(format!("{name}: another content").into());
    }
    println!("we read {name}: {rule}, quirks: {}", read.signatures.quirks());
    Ok(())
}

fn gmssl_primitives(folder: &Path, plain: &[u8], a: &PrivateKey, b: &PrivateKey) -> Outcome {
    let signature = Signature::from_der(&fs::read(folder.join("signature"))?).map_err(|_| "a signature")?;
    dsa::verify(a.public_key(), &DistId::default(), plain, &signature)
        .map_err(|_| "signature: does not hold")?;
    let ciphertext =
        Ciphertext::from_der(&fs::read(folder.join("ciphertext"))?).map_err(|_| "a ciphertext")?;
    let opened = pke::decrypt(a, &ciphertext).map_err(|_| "ciphertext: does not open")?;
    if !plain.starts_with(&opened) || opened.len() != 100 {
        return Err("ciphertext: another plaintext".into());
    }
    println!("we read GmSSL's signature and ciphertext");

    let signature = dsa::sign(a, &DistId::default(), plain, &mut SysRng).map_err(|_| "signing failed")?;
    fs::write(folder.join("our-signature"), signature.to_der())?;
    let ciphertext = pke::encrypt(a.public_key(), &opened, &mut SysRng).map_err(|_| "encryption failed")?;
    fs::write(folder.join("our-ciphertext"), ciphertext.to_der().map_err(|_| "a ciphertext")?)?;
    fs::write(folder.join("our-enveloped-key"), enveloped_key::seal(b, a.public_key(), &mut SysRng)?)?;
    Ok(())
}

/// A private key in a file of hexadecimal digits.
fn private_key(path: &Path) -> Outcome<PrivateKey> {
    let digits = hex::decode(fs::read_to_string(path)?.trim()).map_err(|_| "not hexadecimal")?;
    Ok(PrivateKey::from_bytes(digits.as_slice().try_into()?).ok_or("not a private key")?)
}
