//! Tokens of a time-stamp authority.

use cosign_client::{Error, time_stamp};
use pki::{
    algorithm::HashAlgorithm,
    tsp::{Imprint, TimeStampRequest, TimeStampResponse},
};

use crate::{context::Context, output::Failure};

/// By so many bytes a token may be longer than the one before it: serial numbers, fractions of seconds.
const TOKENS_DIFFER: usize = 256;

/// Most bytes of a token, which the authority shows beforehand.
pub(super) fn max_len(authority: &str, context: &Context) -> Result<usize, Failure> {
    if !authority.starts_with("http://") {
        let said = format!("{authority:?} is no address such as http://ca.example.com/tsa/demo");
        return Err(Failure::Usage(said));
    }
    let imprint = HashAlgorithm::Sm3.digest(b"the length of a token");
    Ok(token(authority, imprint, context)?.len() + TOKENS_DIFFER)
}

/// A token over a hash (SM3), DER, signed by somebody. Whether he is to be relied on is for who judges the document.
pub(super) fn token(authority: &str, hash: Vec<u8>, context: &Context) -> Result<Vec<u8>, Failure> {
    let imprint =
        Imprint::from_digest(HashAlgorithm::Sm3, hash).map_err(|_| Error::Internal("no imprint"))?;
    let mut nonce = [0; 8];
    getrandom::rand_core::TryRng::try_fill_bytes(&mut getrandom::SysRng, &mut nonce)
        .map_err(|_| Error::RandomFailed)?;
    let request = TimeStampRequest::new(imprint, Some(nonce));
    let fetch = async { Ok::<_, Failure>(time_stamp::fetch(authority, request.to_der()).await?) };
    let answer = context.run(fetch)?;
    let answer = TimeStampResponse::from_der(&answer).map_err(|_| Error::BadAnswer("no time-stamp"))?;
    let token = answer.token.ok_or(Error::BadAnswer("the authority gave no time-stamp"))?;
    token.check_request(&request).map_err(|_| Error::BadAnswer("a time-stamp of something else"))?;
    token.verify_signature(&[]).map_err(|_| Error::BadAnswer("a time-stamp that is not signed"))?;
    Ok(token.as_der().to_vec())
}
