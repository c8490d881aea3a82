//! The key derivation of PKCS#12.

use zeroize::Zeroizing;

use super::{Effort, Hash};
use crate::Error;

/// What the derived bytes are for. Source: RFC 7292, B.3.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// Derives `length` bytes. `iterations` is at least 1.
///
/// # Errors
/// [`Error::TooMuchWork`].
///
/// Timing depends on lengths and `iterations` only. Source: RFC 7292, B.2; the letters are those of the steps there.
pub(crate) fn derive(
    hash: Hash,
    purpose: Purpose,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
    effort: &mut Effort,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (u, v) = (hash.output_len(), hash.block_len());
    effort.take(iterations, length.div_ceil(u))?;
    // 1. D; 2. S; 3. P; 4. I = S || P.
    let d = vec![purpose as u8; v];
    let filled = |text: &[u8]| text.len().div_ceil(v) * v;
    let mut i = Zeroizing::new(Vec::with_capacity(filled(salt) + filled(password)));
    i.extend(salt.iter().cycle().take(filled(salt)));
    i.extend(password.iter().cycle().take(filled(password)));
    // 5. c blocks; 6. for each of them:
    let mut out = Zeroizing::new(Vec::with_capacity(length + u));
    while out.len() < length {
        // A. A = H^r(D || I)
        let mut a = hash.digest(&[&d, &i]);
        for _ in 1..iterations {
            a = hash.digest(&[&a]);
        }
        out.extend_from_slice(&a);
        // B. B is A over and over; C. every block of I becomes I_j + B + 1 modulo 2^(8 v).
        let b: Zeroizing<Vec<u8>> = Zeroizing::new(a.iter().copied().cycle().take(v).collect());
        for block in i.chunks_exact_mut(v) {
            let mut carry = 1_u16;
            for (place, b) in block.iter_mut().zip(&*b).rev() {
                let [high, low] = (u16::from(*place) + u16::from(*b) + carry).to_be_bytes();
                (*place, carry) = (low, u16::from(high));
            }
        }
    }
    // 7. and 8.
    out.truncate(length);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(hash: Hash, purpose: Purpose, password: &str, salt: &str, iterations: u32) -> String {
        let password = super::super::Password::new(password).bmp();
        let salt = hex::decode(salt).expect("hexadecimal");
        let mut effort = Effort::DEFAULT;
        let out = derive(hash, purpose, &password, &salt, iterations, 24, &mut effort);
        hex::encode(&*out.expect("little work"))
    }

    /// The vectors that implementations of PKCS#12 have shared since the first of them: SHA-1, password `smeg` and `queeg`.
    #[test]
    fn known_answers() {
        let key = derived(Hash::Sha1, Purpose::Key, "smeg", "0a58cf64530d823f", 1);
        assert_eq!(key, "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3");
        let key = derived(Hash::Sha1, Purpose::Key, "queeg", "05dec959acff72f7", 1000);
        assert_eq!(key, "ed2034e36328830ff09df1e1a07dd357185dac0d4f9eb3d4");
    }

    #[test]
    fn work_is_counted_by_block_and_refused() {
        let cost = |length, effort| {
            let mut effort = Effort::new(effort);
            derive(Hash::Sha1, Purpose::Key, b"", b"salt", 100, length, &mut effort).map(|_| effort)
        };
        assert_eq!(cost(20, 100), Ok(Effort::new(0)));
        assert_eq!(cost(21, 200), Ok(Effort::new(0)));
        assert_eq!(cost(21, 199), Err(Error::TooMuchWork));
    }
}
