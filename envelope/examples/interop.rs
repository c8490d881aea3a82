//! Our side of `tests/interop`: reads the messages `bc-*` of a folder with its `key.hex`, `cert.der` and `plain`, and
//! writes `our-*` for others to read.
//!
//! `cargo run -p envelope --example interop -- FOLDER`
#![expect(clippy::print_stdout, reason = "a report")]

use std::error::Error;
use std::fs;
use std::path::Path;

use envelope::Sm2Recipient;
use envelope::cms::{Cipher, Compat, ContentType, Dialect, Sealing, Signer, Time};
use envelope::simple::{self, Placement};
use getrandom::SysRng;
use sm_primitives::sm2::{PrivateKey, dsa};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("give the folder")?;
    let folder = Path::new(&folder);
    let digits =
        hex::decode(fs::read_to_string(folder.join("key.hex"))?.trim()).map_err(|_| "not hexadecimal")?;
    let key = PrivateKey::from_bytes(digits.as_slice().try_into()?).ok_or("not a private key")?;
    let certificate = fs::read(folder.join("cert.der"))?;
    let plain = fs::read(folder.join("plain"))?;

    for kind in ["attributes", "direct"] {
        for placement in ["attached", "detached"] {
            let name = format!("bc-{kind}-{placement}");
            let Ok(message) = fs::read(folder.join(&name)) else { continue };
            let detached = (placement == "detached").then_some(&plain[..]);
            let read = simple::verify(Compat::STRICT, &message, detached, &[])?;
            let [verdict] = &read.verdicts[..] else { return Err("one signer".into()) };
            let rule = verdict.result.map_err(|error| format!("{name}: {error}"))?;
            if read.content.is_some_and(|content| content != plain) {
                return Err(format!("{name}: another content").into());
            }
            println!("we read {name}: {rule}, quirks: {}", read.signatures.quirks());
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
    Ok(())
}
