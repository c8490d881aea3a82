//! Our side of `tests/interop` for requests and key files: reads `bc-*` of a folder with its `key.hex`, and writes
//! `our-request` and `our-key` for others to read.
//!
//! `cargo run -p pki --example key_files -- FOLDER`
#![expect(clippy::print_stdout, reason = "a report")]

use std::{error::Error, fs, path::Path};

use getrandom::SysRng;
use pki::{
    SubjectKey,
    csr::{Builder, Extension, Request, SubjectAttribute},
    key_file::KeyFile,
    pkcs8,
};
use sm_primitives::sm2::{PrivateKey, dsa};

const PASSWORD: &str = "密码1";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("give the folder")?;
    let folder = Path::new(&folder);
    let digits = fs::read_to_string(folder.join("key.hex"))?;
    let digits = hex::decode(digits.trim()).map_err(|_| "not hexadecimal")?;
    let key = PrivateKey::from_bytes(digits.as_slice().try_into()?).ok_or("not a private key")?;

    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::read(&path).unwrap_or_default();
        if name == "bc-request" {
            let request = Request::read(&bytes)?;
            request.verify()?;
            let attributes = request.attributes();
            let whole = attributes.extensions.len() == 1 && attributes.challenge.as_deref() == Some("111111");
            if !whole || *request.key() != SubjectKey::Sm2(*key.public_key()) {
                return Err(format!("{name}: not what was asked for").into());
            }
        } else if name.starts_with("bc-key") || name.starts_with("bc-store") {
            let KeyFile::Locked(file) = KeyFile::read(&bytes).map_err(|error| format!("{name}: {error}"))?
            else {
                return Err(format!("{name}: lies open").into());
            };
            let pairs = file.open(PASSWORD).map_err(|error| format!("{name}: {error}"))?;
            let own = |pair: &pki::key_file::KeyPair| {
                pair.key.public_key() == key.public_key()
                    && pair.certificate.is_some() == name.starts_with("bc-store")
            };
            if pairs.len() != 1 || !pairs.iter().all(own) {
                return Err(format!("{name}: another key, or no certificate").into());
            }
        } else {
            continue;
        }
        println!("we read {name}");
        count += 1;
    }
    if count == 0 {
        return Err("there is nothing to read".into());
    }

    let key_usage = Extension { id: vec![0x55, 0x1d, 15], critical: true, value: vec![3, 2, 6, 0xc0] };
    let unsigned = Builder::new(*key.public_key())
        .subject(SubjectAttribute::Country, "CN")
        .subject(SubjectAttribute::CommonName, "测试单位")
        .challenge("111111")
        .extension(key_usage)
        .build()?;
    let signature = dsa::sign_digest(&key, &unsigned.digest(), &mut SysRng).map_err(|_| "signing failed")?;
    fs::write(folder.join("our-request"), unsigned.assemble(&signature)?)?;
    fs::write(folder.join("our-key"), pkcs8::encrypt(&key, PASSWORD, &mut SysRng)?)?;
    Ok(())
}
