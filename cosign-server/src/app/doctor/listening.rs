//! Whether the address is free, or ours already.

use std::{
    fs, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::Finding;
use crate::{app::config::Config, transport::tls::provider};

const CHECK: &str = "listen";
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn listen(address: SocketAddr, config: &Config) -> Finding {
    let bound = match TcpListener::bind(address).await {
        Ok(_tcp) => UdpSocket::bind(address).await.map(drop),
        Err(error) => Err(error),
    };
    match bound {
        Ok(()) => Finding::ok(CHECK, format!("{address} is free; no server runs")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => in_use(address, config).await,
        Err(error) => Finding::error(
            CHECK,
            format!("{address}: {error}"),
            "name an address of this machine as `listen`; ports below 1024 need CAP_NET_BIND_SERVICE",
        ),
    }
}

async fn in_use(address: SocketAddr, config: &Config) -> Finding {
    let own = fs::read(&config.certificate).ok().and_then(|pem| CertificateDer::from_pem_slice(&pem).ok());
    let shown = tokio::time::timeout(PATIENCE, shown(address)).await;
    match shown {
        Ok(Ok(shown)) if Some(&shown) == own.as_ref() => {
            Finding::ok(CHECK, format!("a server with this certificate listens at {address}"))
        }
        Ok(Ok(_)) => Finding::error(
            CHECK,
            format!("a server with another certificate listens at {address}"),
            "if it is this one, it did not take the new certificate over (its log says why); else stop it",
        ),
        Ok(Err(_)) | Err(_) => Finding::error(
            CHECK,
            format!("another program uses {address}, so the server does not start"),
            "`ss -lntup` says which; end it, or name another address as `listen`",
        ),
    }
}

/// The certificate that is shown there.
async fn shown(address: SocketAddr) -> io::Result<CertificateDer<'static>> {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        ip if ip.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
        _ => Ipv6Addr::LOCALHOST.into(),
    };
    let provider = provider();
    let any = Any(provider.signature_verification_algorithms);
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config =
        config.map_err(io::Error::other)?.dangerous().with_custom_certificate_verifier(Arc::new(any));
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config.with_no_client_auth()));
    let stream = TcpStream::connect((ip, address.port())).await?;
    let stream = connector.connect(ServerName::from(ip), stream).await?;
    let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first().cloned());
    leaf.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Takes any certificate: nothing is said to the server, its certificate is only compared.
#[derive(Debug)]
struct Any(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::{
            OsEntropy, Server, SystemClock,
            doctor::{Level, tests::folder},
            pki,
        },
        store::Access,
    };

    #[tokio::test]
    async fn an_address_is_free_ours_or_taken() {
        let (_data, config) = folder().await;
        let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(OsEntropy));
        let server = Server::start(&config, Access::Existing, clock, entropy).await.unwrap();
        let address = server.address();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let serving = server.run(stopped);
        let asking = async {
            let ours = listen(address, &config).await;
            let other = pki::make(vec!["localhost".to_owned()], 1_000_000_000_000).unwrap();
            fs::write(&config.certificate, other.certificate).unwrap();
            let others = listen(address, &config).await;
            stop.send_replace(true);
            (ours, others)
        };
        let ((), (ours, others)) = tokio::join!(serving, asking);
        assert_eq!(ours.level, Level::Ok, "{ours:?}");
        assert!(others.detail.contains("another certificate"), "{others:?}");
        assert!(listen(address, &config).await.detail.contains("free"));
        // Whoever does not speak TLS.
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let (found, ()) = tokio::join!(listen(address, &config), async {
            drop(taken.accept().await.unwrap());
        });
        assert!(found.level == Level::Error && found.detail.contains("another program"), "{found:?}");
        // An address that no machine has.
        assert_eq!(listen("192.0.2.1:1".parse().unwrap(), &config).await.level, Level::Error);
    }
}
