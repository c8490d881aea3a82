//! The yardstick: a server that sends as many bytes back as it is told to, over bare QUIC.

use std::{
    io::{self, BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Stdio},
    sync::Arc,
};

use cosign_core::framing::{self, Deframer, Kind};
use cosign_tests::process::on_cpu;
use quinn::{Connection, Endpoint, RecvStream, SendStream, ServerConfig, crypto::rustls::QuicServerConfig};
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

pub(super) const ALPN: &[u8] = b"echo/1";

/// An echo in a process of its own. Killed on drop.
pub(super) struct Echo {
    child: Child,
    address: SocketAddr,
}

impl Echo {
    /// Starts this program as an echo.
    pub(super) fn start([certificate, key]: &[PathBuf; 2], cpu: Option<usize>) -> io::Result<Self> {
        let mut command = on_cpu(cpu, &std::env::current_exe()?);
        let mut child = command.arg("--echo").args([certificate, key]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
        let address = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { child, address })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is an echo until the process ends: `bound` is told where.
///
/// # Errors
/// There is no certificate, or no socket.
pub fn serve(certificate: &PathBuf, key: &PathBuf, bound: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let chain = CertificateDer::pem_file_iter(certificate).map_err(io::Error::other)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let endpoint = Endpoint::server(
            ServerConfig::with_crypto(Arc::new(crypto)),
            SocketAddr::from(([127, 0, 0, 1], 0)),
        )?;
        bound(endpoint.local_addr()?);
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(async move {
                if let Ok(connection) = incoming.await {
                    streams(connection).await;
                }
            });
        }
        Ok(())
    })
}

async fn streams(connection: Connection) {
    while let Ok((send, receive)) = connection.accept_bi().await {
        tokio::spawn(async move { drop(stream(send, receive).await) });
    }
}

async fn stream(mut send: SendStream, mut receive: RecvStream) -> io::Result<()> {
    let mut deframer = Deframer::new();
    let mut answers = Vec::new();
    while let Some(chunk) = receive.read_chunk(64 * 1024, true).await.map_err(io::Error::other)? {
        deframer.push(&chunk.bytes);
        while let Some(frame) = deframer.next_frame().map_err(io::Error::other)? {
            let len = frame.payload.first_chunk().map_or(0, |len| u32::from_be_bytes(*len)) as usize;
            let answer = vec![0; len.min(framing::MAX_FRAME / 2)];
            framing::encode(frame.id, Kind::Protocol, &answer, &mut answers).map_err(io::Error::other)?;
        }
        send.write_all(&answers).await.map_err(io::Error::other)?;
        answers.clear();
    }
    Ok(())
}
