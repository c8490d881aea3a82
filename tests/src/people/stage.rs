//! Where people meet: a server with an authority, its custodians and its operators.

use std::{
    ops::Deref,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use getrandom::SysRng;
use pki::{
    Certificate, RevocationList, Time,
    validate::{Report, Revocation, Terms, Validator},
};
use serde_json::Value;
use sm_primitives::sm2::PrivateKey;

use super::{Caller, Grounds, Market, Operator, User, configure, use_sandboxes};
use crate::{
    network::now_ms,
    process::{Server, ServerFolder, succeeded},
    seeds::{ENCRYPTION, certificate},
};

/// A stage. Where it is shared, people of several tests are there at once, and do not know of each other.
pub struct Stage {
    server: Mutex<Option<Server>>,
    /// Those who review.
    pub reviewers: [Operator; 2],
    administrator: Operator,
    grounds: Grounds,
    code: String,
    custodians: Vec<PathBuf>,
    numbers: AtomicU32,
    /// The data of the server.
    pub folder: Arc<ServerFolder>,
}

static SHARED: Mutex<Weak<Stage>> = Mutex::new(Weak::new());

/// Custodians with certificates for encryption: the options of `ca init`, and their private keys.
fn custodians(folder: &ServerFolder) -> (Vec<String>, Vec<PathBuf>) {
    let (mut options, mut keys) = (vec!["--threshold".to_owned(), "2".to_owned()], Vec::new());
    for number in 1..=3 {
        let key = PrivateKey::generate(&mut SysRng).unwrap();
        let file = |kind: &str| folder.data().join(format!("custodian-{number}.{kind}"));
        std::fs::write(file("cer"), certificate(key.public_key(), ENCRYPTION)).unwrap();
        std::fs::write(file("key"), key.to_pkcs8_pem().as_bytes()).unwrap();
        options.extend(["--custodian".to_owned(), format!("custodian {number}={}", file("cer").display())]);
        keys.push(file("key"));
    }
    (options, keys)
}

/// Prepares a server that does not run yet: sandboxes, and an authority. Gives the private keys of the custodians.
#[must_use]
pub fn prepare(folder: &ServerFolder) -> Vec<PathBuf> {
    use_sandboxes(folder);
    // Certificates are about to end as soon as they are there, so that they can be renewed.
    configure(folder, |text| text.replace("expiring_days = 30", "expiring_days = 400"));
    let (options, custodians) = custodians(folder);
    let init =
        ["ca", "init", "demo", "--label", "测试认证机构", "--subject", "C=CN", "--subject", "CN=Example CA"];
    let options: Vec<_> = init.into_iter().chain(options.iter().map(String::as_str)).collect();
    succeeded(&folder.admin(&options));
    custodians
}

impl Stage {
    /// The stage of all who take part now.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Self::new());
            *shared = Arc::downgrade(&new);
            new
        })
    }

    /// A stage of one's own.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it starts a server")]
    pub fn new() -> Self {
        let folder = Arc::new(ServerFolder::new());
        let custodians = prepare(&folder);
        let server = folder.start();
        Self::around(folder, Some(server), custodians)
    }

    /// On a server that runs and was prepared so; somebody else may look after it.
    #[must_use]
    pub fn around(folder: Arc<ServerFolder>, server: Option<Server>, custodians: Vec<PathBuf>) -> Self {
        let code = folder.admin_json(&["enrol-code", "new", "--uses", "1000"]);
        let code = code[0]["enrolment_code"].as_str().unwrap().to_owned();
        let operator = |name, role| Operator::new(&folder, &code, name, role);
        let reviewers = [operator("Rea", "reviewer"), operator("Rob", "reviewer")];
        let administrator = operator("Ada", "administrator");
        let grounds = Grounds::new(&administrator);
        // Numbers that end with many zeros are out of reach.
        let numbers = AtomicU32::new(1);
        let server = Mutex::new(server);
        Self { folder, server, reviewers, administrator, grounds, code, custodians, numbers }
    }

    /// Somebody with a number nobody else has.
    fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Somebody who is verified, and is logged in with a phone.
    #[must_use]
    pub fn user(&self, name: &str) -> User {
        self.citizen(name).0
    }

    /// The same, and which citizen it is.
    #[must_use]
    pub fn citizen(&self, name: &str) -> (User, u32) {
        let number = self.number();
        (self.somebody(number).log_in().verified(name, number), number)
    }

    /// Somebody with a phone, who was never here.
    #[must_use]
    pub fn newcomer(&self) -> User {
        self.somebody(self.number())
    }

    fn somebody(&self, number: u32) -> User {
        User::with_phone(&self.folder, &self.code, &format!("138000{:05}", number * 2))
    }

    /// The same person on another phone, who is not logged in.
    #[must_use]
    pub fn on_another_phone(&self, user: &User) -> User {
        User::with_phone(&self.folder, &self.code, user.number())
    }

    /// A trading platform where a package gives so many uses.
    #[must_use]
    pub fn market(&self, code: &str, uses: u32) -> Market {
        self.grounds.market(&self.folder, &self.administrator, code, uses)
    }

    /// What a platform finds out about a certificate (PEM) from what the authority publishes.
    #[must_use]
    pub fn judged(&self, certificate: &Value) -> Report {
        let anybody = Caller::new(&self.folder, None);
        let authority = Certificate::from_der(&anybody.bytes("/ca/demo.cer")).unwrap();
        let list = RevocationList::from_der(&anybody.bytes("/ca/demo.crl")).unwrap();
        let certificate = Certificate::parse(certificate.as_str().unwrap().as_bytes()).unwrap();
        let terms = Terms::at(Time::from_unix(now_ms() / 1000).unwrap()).with_revocation(Revocation::Require);
        Validator::new().with_anchor(authority).with_list(list).validate(&certificate, &[], terms)
    }

    /// Two custodians open the escrow of a decryption key for a phone: SM2EnvelopedKey.
    #[must_use]
    pub fn from_escrow(&self, public_key: &str, protection_key: &str) -> Vec<u8> {
        let scratch = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            std::fs::write(scratch.path().join(name), content).unwrap();
            scratch.path().join(name).to_str().unwrap().to_owned()
        };
        let (public, protection) = (file("public.pem", public_key), file("protection.pem", protection_key));
        let out = scratch.path().join("reply");
        let mut open = vec!["ca", "escrow", "open", "--public-key", &public, "--protection-key", &protection];
        open.extend(["--out", out.to_str().unwrap()]);
        for key in &self.custodians[1..] {
            open.extend(["--custodian-key", key.to_str().unwrap()]);
        }
        succeeded(&self.folder.admin(&open));
        std::fs::read(out).unwrap()
    }

    /// Ends the server as a power cut would, and starts it again.
    pub fn cut_the_power(&self) {
        self.while_it_is_off(|_| ());
    }

    /// The same, with something that is done in between.
    pub fn while_it_is_off(&self, act: impl FnOnce(&ServerFolder)) {
        let mut server = self.server.lock().unwrap();
        server.take().unwrap().kill();
        act(&self.folder);
        *server = Some(self.folder.start());
    }

    /// That nothing personal is on the disk or in the log in the clear.
    pub fn has_nothing_in_the_clear(&self, secrets: &[&str]) {
        let log = self.server.lock().unwrap().as_ref().unwrap().log();
        assert!(secrets.iter().all(|secret| !log.contains(secret)));
        for node in 0..self.folder.nodes().len() {
            for file in std::fs::read_dir(self.folder.node_folder(node)).unwrap() {
                let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
                for secret in secrets {
                    assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
                }
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let server = self.server.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server.filter(|_| !thread::panicking()) {
            server.stop();
        }
    }
}

impl Deref for Stage {
    type Target = ServerFolder;

    fn deref(&self) -> &ServerFolder {
        &self.folder
    }
}
