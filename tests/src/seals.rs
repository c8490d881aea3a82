//! Everything that it takes to seal, with the programs as users run them.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
};

use serde_json::Value;

use crate::process::{Server, ServerFolder, Signer, failed, free_address, succeeded};

/// A server with an authority, a device with a key for each of the roles, and a seal.
pub struct World {
    /// The data of the server.
    pub folder: ServerFolder,
    /// The server.
    pub server: Server,
    /// The device.
    pub signer: Signer,
    /// Address of the authority.
    pub authority: String,
}

impl World {
    /// Starts everything. The keys are `holder`, `maker` and `other`; each has its certificate in a folder of its name.
    #[must_use]
    pub fn new() -> Self {
        let folder = ServerFolder::new();
        let address = free_address();
        let path = folder.file("cosign.toml");
        let config = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("public_listen = \"{address}\"\n{config}")).unwrap();
        let base = format!("http://{address}");
        let init =
            ["ca", "init", "demo", "--label", "测试单位", "--subject", "C=CN", "--subject", "CN=Example CA"];
        succeeded(
            &folder.admin(&[&init[..], &["--base-url", &base, "--policy", "1.2.156.112600.1"]].concat()),
        );
        let server = folder.start();
        let signer = Signer::new(&folder, "quic");
        let code = folder.enrolment_code();
        for (label, more) in [("holder", &["--enrol-code", &code][..]), ("maker", &[]), ("other", &[])] {
            let purpose = ["--purpose", "sign", "--label", label];
            succeeded(&signer.keygen(&[&purpose[..], more].concat()).output().unwrap());
        }
        let world = Self { folder, server, signer, authority: base };
        for (label, profile) in [("holder", "enterprise"), ("maker", "seal-maker"), ("other", "enterprise")] {
            world.certify(label, profile);
        }
        let root = format!("{}/ca/demo.cer", world.authority);
        fs::write(world.file("root.cer"), get(&root)).unwrap();
        world
    }

    /// A file of the device.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.signer.folder().join(name)
    }

    fn certify(&self, label: &str, profile: &str) {
        let subject = format!("CN={label}");
        let apply = ["cert", "apply", "demo", "--key", label, "--subject", "C=CN", "--subject", &subject];
        let asked = self.signer.json(&[&apply[..], &["--profile", profile]].concat());
        let request = asked["request"].as_str().unwrap();
        succeeded(&self.folder.admin(&["ca", "review", request, "--pass", "--reviewer", "one"]));
        succeeded(&self.signer.run(&["cert", "install", request, "--out", label]));
    }

    /// Runs `smsign` with the words of a line.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        succeeded(&self.signer.run(&line.split(' ').collect::<Vec<_>>()))
    }

    /// Runs it and wants it to fail with this exit code: what it says.
    #[track_caller]
    pub fn fails(&self, line: &str, code: i32) -> String {
        failed(&self.signer.run(&line.split(' ').collect::<Vec<_>>()), code)
    }

    /// What `smsign verify` says, and with which exit code.
    #[must_use]
    pub fn verify(&self, file: &str, more: &[&str]) -> (Value, i32) {
        let output = self.signer.run(&[&["verify", "--json", file], more].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        (serde_json::from_str(&text).unwrap_or(Value::Null), output.status.code().unwrap())
    }

    /// The verdict of the whole, and of each signature.
    #[must_use]
    pub fn verdicts(&self, file: &str) -> (String, Vec<String>) {
        let (report, _) = self.verify(file, &["--roots", "root.cer"]);
        let word = |value: &Value| value["verdict"].as_str().unwrap_or_default().to_owned();
        (word(&report), report["signatures"].as_array().into_iter().flatten().map(word).collect())
    }

    /// Draws a round seal and makes `seal.esl` of it.
    pub fn make_seal(&self) {
        self.run("seal draw round 测试单位股份有限公司 --line 合同专用章 --code 1101000000001 --out round.png --dpi 200");
        let make = "seal make 测试单位合同专用章 --picture round.png --size 42x42 --holder holder/sign.pem";
        self.run(&format!("{make} --maker maker/sign.pem --out seal.esl"));
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// What a URL of HTTP gives.
#[must_use]
pub fn get(url: &str) -> Vec<u8> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: ca\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    answer.split_off(end + 4)
}
