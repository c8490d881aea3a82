//! The programs as a user runs them: built, started, watched, killed.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{front::Front, postgres, source};

/// How often a condition is looked at, and for how long at most.
const POLL: Duration = Duration::from_millis(20);
const POLLS: usize = 3000;

/// Path of a program of this project, built in release mode. Cargo decides whether there is anything to build, so what
/// is tested is what is in the tree. `COSIGN_BIN_DIR` names a folder with other programs to test.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        if let Some(folder) = std::env::var_os("COSIGN_BIN_DIR") {
            return folder.into();
        }
        // This is somewhere in the target folder, which Cargo marks.
        let test = std::env::current_exe().unwrap();
        let target = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).unwrap();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(&cargo)
            .args([
                "build",
                "--release",
                "--quiet",
                "-p",
                "cosign-server",
                "-p",
                "cosign-client",
                "--target-dir",
            ])
            .arg(target)
            .current_dir(source::root())
            .status()
            .unwrap();
        assert!(status.success(), "the programs do not build");
        target.join("release")
    });
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

/// Whether long tests take less: `COSIGN_TEST_QUICK=1`.
#[must_use]
pub fn is_quick() -> bool {
    std::env::var_os("COSIGN_TEST_QUICK").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Waits until `ready` gives something.
pub fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    for _ in 0..POLLS {
        if let Some(value) = ready() {
            return value;
        }
        thread::sleep(POLL);
    }
    panic!("waited in vain for {what}");
}

/// Asserts that a program succeeded, and gives what it wrote to standard output.
#[track_caller]
pub fn succeeded(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// Asserts that a program failed with this exit code, and gives what it wrote to standard error.
#[track_caller]
pub fn failed(output: &Output, code: i32) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "\n{out}\n{err}");
    err.into_owned()
}

/// An address of this machine on which nobody listens, neither on UDP nor on TCP.
#[must_use]
pub fn free_address() -> SocketAddr {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = tcp.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// A program, to be run on one processor only, if one is given.
#[must_use]
pub fn on_cpu(cpu: Option<usize>, program: &Path) -> Command {
    let Some(cpu) = cpu else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.arg("-c").arg(cpu.to_string()).arg(program);
    command
}

/// A data folder of a server on a free port of this machine. Removed on drop.
///
/// With the address of a PostgreSQL database in `COSIGN_TEST_POSTGRES` it is on a database of its own there, and with a
/// number in `COSIGN_TEST_NODES` it is so many nodes behind one address.
pub struct ServerFolder {
    folder: TempDir,
    address: SocketAddr,
    /// Where each node listens.
    nodes: Vec<SocketAddr>,
    _front: Option<Front>,
}

impl ServerFolder {
    /// Makes one with `cosign-server init`.
    #[must_use]
    pub fn new() -> Self {
        match postgres::new_database() {
            Some(database) => Self::on_server(&database, postgres::nodes()),
            None => Self::on_file(),
        }
    }

    /// On a file of SQLite, whatever the others are on.
    #[must_use]
    pub fn on_file() -> Self {
        let address = free_address();
        let this = Self { folder: tempfile::tempdir().unwrap(), address, nodes: vec![address], _front: None };
        this.init(&[]);
        this
    }

    /// On a database server, with so many nodes.
    #[must_use]
    pub fn on_server(database: &str, nodes: usize) -> Self {
        let nodes: Vec<_> = (0..nodes).map(|_| free_address()).collect();
        let front = (nodes.len() > 1).then(|| Front::start(nodes.clone()));
        let address = front.as_ref().map_or(nodes[0], Front::address);
        let this = Self { folder: tempfile::tempdir().unwrap(), address, nodes, _front: front };
        this.init(&["--database", database]);
        for node in 1..this.nodes.len() {
            this.add_node(node);
        }
        this
    }

    fn init(&self, arguments: &[&str]) {
        let output = Command::new(program("cosign-server"))
            .arg("init")
            .arg("--data")
            .arg(self.data())
            .args(["--listen", &self.nodes[0].to_string()])
            .args(arguments)
            .output()
            .unwrap();
        succeeded(&output);
    }

    /// Copies the folder for a further node, without what is a node's own.
    fn add_node(&self, node: usize) {
        let folder = self.node_folder(node);
        fs::create_dir(&folder).unwrap();
        for file in fs::read_dir(self.data()).unwrap().map(Result::unwrap) {
            if file.file_name() != "tombstones" {
                fs::copy(file.path(), folder.join(file.file_name())).unwrap();
            }
        }
        let config = folder.join("cosign.toml");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(config, text.replace(&self.nodes[0].to_string(), &self.nodes[node].to_string())).unwrap();
    }

    /// The data folder of a node.
    #[must_use]
    pub fn node_folder(&self, node: usize) -> PathBuf {
        if node == 0 { self.data() } else { self.folder.path().join(format!("data-{node}")) }
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file of the data folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    /// Where each node listens, on UDP and TCP.
    #[must_use]
    pub fn nodes(&self) -> &[SocketAddr] {
        &self.nodes
    }

    /// Where the server listens, on UDP and TCP.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs an administrative command, such as `["key", "list"]`, on this folder.
    #[must_use]
    pub fn admin(&self, arguments: &[&str]) -> Output {
        Command::new(program("cosign-server"))
            .args(arguments)
            .arg("--config")
            .arg(self.file("cosign.toml"))
            .output()
            .unwrap()
    }

    /// The JSON lines that an administrative command writes.
    #[must_use]
    pub fn admin_json(&self, arguments: &[&str]) -> Vec<Value> {
        let text = succeeded(&self.admin(&[arguments, &["--json"]].concat()));
        serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap).collect()
    }

    /// A code that enrols one device.
    #[must_use]
    pub fn enrolment_code(&self) -> String {
        self.admin_json(&["enrol-code", "new"])[0]["enrolment_code"].as_str().unwrap().to_owned()
    }

    /// Every record of the audit log.
    #[must_use]
    pub fn audit(&self) -> Vec<Value> {
        self.admin_json(&["audit", "show", "--limit", "1000000"])
    }

    /// Starts the server and waits until it accepts connections.
    #[must_use]
    pub fn start(&self) -> Server {
        self.start_on(None)
    }

    /// The same, on one processor.
    #[must_use]
    pub fn start_on(&self, cpu: Option<usize>) -> Server {
        let mut server = self.spawn_on(cpu);
        for node in &self.nodes {
            wait_for("the server", || {
                server.assert_alive();
                TcpStream::connect(node).ok()
            });
        }
        server
    }

    /// Starts the server and does not wait for it.
    #[must_use]
    pub fn spawn_on(&self, cpu: Option<usize>) -> Server {
        let log = self.folder.path().join("log");
        let log_file = File::options().create(true).append(true).open(&log).unwrap();
        let start = |node| {
            let child = on_cpu(cpu, &program("cosign-server"))
                .args(["serve", "--config"])
                .arg(self.node_folder(node).join("cosign.toml"))
                .stdin(Stdio::null())
                .stdout(log_file.try_clone().unwrap())
                .stderr(log_file.try_clone().unwrap())
                .spawn();
            child.unwrap()
        };
        let children = (0..self.nodes.len()).map(start).collect();
        Server { children, log }
    }
}

impl Default for ServerFolder {
    fn default() -> Self {
        Self::new()
    }
}

/// A running server: one process, or that of each node. Killed on drop.
pub struct Server {
    children: Vec<Child>,
    log: PathBuf,
}

impl Server {
    /// Process id, that of the first node.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.children[0].id()
    }

    /// What it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        for child in &mut self.children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks it to end with SIGTERM and waits; it must end well.
    pub fn stop(mut self) {
        for child in &self.children {
            let sent =
                Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().unwrap();
            assert!(sent.success());
        }
        for node in 0..self.children.len() {
            let status = wait_for("the end of the server", || self.children[node].try_wait().unwrap());
            assert!(status.success(), "{status}\n{}", self.log());
        }
    }

    /// Asserts that it still runs.
    #[track_caller]
    pub fn assert_alive(&mut self) {
        for node in 0..self.children.len() {
            let ended = self.children[node].try_wait().unwrap();
            assert!(ended.is_none(), "the server ended with {ended:?}:\n{}", self.log());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The PIN of every [`Signer`].
pub const PIN: &str = "271828";

/// A user of `smsign` with a key store of its own. Removed on drop.
pub struct Signer {
    folder: TempDir,
    server: String,
    ca: PathBuf,
    transport: &'static str,
}

impl Signer {
    /// A signer without keys.
    #[must_use]
    pub fn new(server: &ServerFolder, transport: &'static str) -> Self {
        Self::through(server.address(), server, transport)
    }

    /// A signer without keys that reaches the server by way of another address.
    #[must_use]
    pub fn through(address: SocketAddr, server: &ServerFolder, transport: &'static str) -> Self {
        let (server, ca) = (address.to_string(), server.file("ca.pem"));
        Self { folder: tempfile::tempdir().unwrap(), server, ca, transport }
    }

    /// A signer, enrolled, with a key for each purpose.
    #[must_use]
    pub fn with_keys(server: &ServerFolder, transport: &'static str) -> Self {
        let signer = Self::new(server, transport);
        let code = server.enrolment_code();
        succeeded(&signer.keygen(&["--enrol-code", &code]).output().unwrap());
        signer
    }

    /// A folder for files of this signer.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The key store.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Writes a file into the folder.
    #[must_use]
    pub fn write(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// `smsign` with these arguments, to be run in the folder with the right PIN.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("smsign"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("SMSIGN_HOME", self.home())
            .env("SMSIGN_TRANSPORT", self.transport)
            .env("SMSIGN_PIN", PIN)
            .stdin(Stdio::null());
        command
    }

    /// `smsign keygen` at the server.
    #[must_use]
    pub fn keygen(&self, arguments: &[&str]) -> Command {
        self.at_server(&[&["keygen"], arguments].concat())
    }

    /// `smsign` with arguments to which the server belongs.
    #[must_use]
    pub fn at_server(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.args(["--server", &self.server, "--ca"]).arg(&self.ca);
        command
    }

    /// Runs `smsign`.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs `smsign` with a PIN.
    #[must_use]
    pub fn run_with_pin(&self, pin: &str, arguments: &[&str]) -> Output {
        self.command(arguments).env("SMSIGN_PIN", pin).output().unwrap()
    }

    /// Runs `smsign --json`, which must succeed and write one document.
    #[must_use]
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = succeeded(&self.run(&[arguments, &["--json"]].concat()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Id of the key for this purpose, `sign` or `encrypt`.
    #[must_use]
    pub fn key_id(&self, purpose: &str) -> String {
        let keys = self.json(&["keys", "list"]);
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["purpose"] == purpose);
        key.unwrap()["key_id"].as_str().unwrap().to_owned()
    }
}

/// Highest resident memory of a process so far, in bytes; `None` once it ended.
#[must_use]
pub fn peak_memory(pid: u32) -> Option<u64> {
    memory(pid, "VmHWM:")
}

/// Resident memory of a process now, in bytes; `None` once it ended.
#[must_use]
pub fn resident_memory(pid: u32) -> Option<u64> {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().unwrap();
    Some(kib * 1024)
}

/// Runs a program and watches its memory: its output and the highest resident memory that was seen, in bytes.
pub fn run_watched(command: &mut Command) -> (Output, u64) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let ended = thread::spawn(move || child.wait_with_output().unwrap());
    let mut peak = 0;
    while !ended.is_finished() {
        peak = peak_memory(pid).unwrap_or(0).max(peak);
        thread::sleep(Duration::from_millis(2));
    }
    (ended.join().unwrap(), peak)
}
