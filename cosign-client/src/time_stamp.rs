//! Asking a time-stamp authority over HTTP.
//!
//! Source: RFC 3161, 3.4. What comes back is signed by the authority and repeats a nonce, so the way there needs no protection;
//! verifying it is the caller's.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use crate::error::Error;

/// Longest answer, in bytes.
const MAX_ANSWER: usize = 256 << 10;
/// An authority that takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Sends a TimeStampReq (DER) to an authority at an address such as `http://ca.example.com/tsa/demo`; gives the TimeStampResp.
///
/// # Errors
/// [`Error::Address`]: not of HTTP; [`Error::Unreachable`], [`Error::NoAnswer`]; [`Error::BadAnswer`]: no time-stamp, or one that
/// is too long.
pub async fn fetch(authority: &str, request: Vec<u8>) -> Result<Vec<u8>, Error> {
    let address = || Error::Address(authority.to_owned());
    let uri: Uri = authority.parse().map_err(|_| address())?;
    if uri.scheme_str() != Some("http") {
        return Err(address());
    }
    let host = uri.host().ok_or_else(address)?.trim_matches(['[', ']']);
    let exchange = exchange(host, &uri, request);
    timeout(PATIENCE, exchange).await.unwrap_or(Err(Error::NoAnswer))
}

async fn exchange(host: &str, uri: &Uri, request: Vec<u8>) -> Result<Vec<u8>, Error> {
    let unreachable = |cause: String| Error::Unreachable { server: uri.to_string(), cause };
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await;
    let stream = stream.map_err(|error| unreachable(error.to_string()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(error.to_string()))?;
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = Request::post(path)
        .header(header::HOST, uri.authority().map_or(host, http::uri::Authority::as_str))
        .header(header::CONTENT_TYPE, "application/timestamp-query")
        .body(Full::new(Bytes::from(request)))
        .map_err(|_| Error::Internal("a request that cannot be written"))?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(|_| Error::NoAnswer)?;
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_reply = kind.is_some_and(|kind| kind.starts_with("application/timestamp-reply"));
        if answer.status() != StatusCode::OK || !is_reply {
            return Err(Error::BadAnswer("no time-stamp"));
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        Ok(body
            .map_err(|_| Error::BadAnswer("a time-stamp that is cut off or too long"))?
            .to_bytes()
            .to_vec())
    };
    let mut answer = pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // It moved all the bytes that came; whether they are an answer is known by now.
        _ = connection => answer.await,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// What a server that answers this way makes of a request, and the request as it came.
    fn asked(answer: &'static [u8]) -> (Result<Vec<u8>, Error>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 1024];
            while !request.ends_with(b"query") {
                let count = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..count]);
            }
            let _ = stream.write_all(answer);
            request
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let fetched = runtime.block_on(fetch(&format!("http://{address}/tsa/demo"), b"query".to_vec()));
        (fetched, server.join().unwrap())
    }

    #[test]
    fn an_authority_is_asked_by_post() {
        let (answer, request) = asked(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: 5\r\n\r\nstamp",
        );
        assert_eq!(answer.unwrap(), b"stamp");
        let request = String::from_utf8(request).unwrap().to_lowercase();
        assert!(request.starts_with("post /tsa/demo http/1.1\r\n"), "{request}");
        assert!(request.contains("content-type: application/timestamp-query\r\n"), "{request}");
    }

    #[test]
    fn other_answers_are_none() {
        let bad = |answer| asked(answer).0.unwrap_err();
        let kind = bad(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nstamp");
        assert!(matches!(kind, Error::BadAnswer("no time-stamp")), "{kind:?}");
        let status = bad(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        assert!(matches!(status, Error::BadAnswer("no time-stamp")), "{status:?}");
        let cut = bad(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: 9\r\n\r\nstamp",
        );
        assert!(matches!(cut, Error::BadAnswer(_)), "{cut:?}");
        assert!(matches!(bad(b""), Error::NoAnswer));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for address in ["https://ca.example.com/tsa", "ca.example.com", "/tsa", ""] {
            let refused = runtime.block_on(fetch(address, Vec::new()));
            assert!(matches!(refused, Err(Error::Address(_))), "{address}");
        }
    }
}
