//! The nodes under test, each a process with a disk and a clock of its own, and a way to it.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use cosign_tests::{
    network::Peer,
    people::{Stage, configure, prepare},
    process::{ServerFolder, program, succeeded, wait_for},
    relay::Relay,
    source,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::database::Cluster;

/// Sends a signal, such as `KILL`, to a process.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status().unwrap();
    assert!(sent.success(), "{name} could not be sent");
}

/// What the shim of a node reads: the numbers of `shim.c` in their order.
#[derive(Clone, Copy)]
pub(crate) enum Knob {
    ClockMs,
    SyncMs,
    SyncFails,
    DiskFull,
}

pub(crate) struct Node {
    process: Option<Child>,
    control: File,
    pub(crate) relay: Relay,
}

impl Node {
    pub(crate) fn turn(&self, knob: Knob, value: i64) {
        self.control.write_all_at(&value.to_ne_bytes(), 8 * knob as u64).unwrap();
    }

    pub(crate) fn process(&self) -> &Child {
        self.process.as_ref().unwrap()
    }
}

/// All of it. The processes end on drop.
pub(crate) struct Site {
    pub(crate) nodes: Vec<Node>,
    pub(crate) folder: Arc<ServerFolder>,
    /// The private keys of the custodians of its authority.
    custodians: Vec<PathBuf>,
    pub(crate) database: Option<Cluster>,
    tools: TempDir,
    health: Runtime,
}

impl Site {
    /// One node on a file, or several on a database server.
    pub(crate) fn start(nodes: usize, on_server: bool) -> Self {
        let database = on_server.then(Cluster::start);
        let folder = match &database {
            Some(cluster) => ServerFolder::on_server(&cluster.address("cosign"), nodes),
            None => ServerFolder::on_file(),
        };
        let folder = Arc::new(folder);
        let custodians = prepare(&folder);
        // A clock that is set for a moment does not end the login of the customer.
        configure(&folder, |text| text.replace("session_idle_min = 30", "session_idle_min = 1440"));
        let tools = tempfile::tempdir().unwrap();
        let shim = source::root().join("tests/faults/shim.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-shared", "-fPIC", "-o"]).arg(tools.path().join("shim.so")).arg(shim);
        succeeded(&compiler.output().unwrap());
        let nodes = folder.nodes().iter().enumerate().map(|(node, address)| {
            let path = tools.path().join(format!("control-{node}"));
            fs::write(&path, [0; 32]).unwrap();
            let control = File::options().write(true).open(path).unwrap();
            Node { process: None, control, relay: Relay::start(*address) }
        });
        let nodes = nodes.collect();
        let health = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut site = Self { nodes, folder, custodians, database, tools, health };
        for node in 0..site.nodes.len() {
            site.await_ready(node);
        }
        site
    }

    /// Where customers of the office and those who work there meet.
    pub(crate) fn stage(&self) -> Stage {
        Stage::around(Arc::clone(&self.folder), None, self.custodians.clone())
    }

    /// What all nodes say.
    pub(crate) fn log(&self) -> PathBuf {
        self.tools.path().join("log")
    }

    fn spawn(&self, node: usize) -> Child {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(program("cosign-server"));
        command
            .args(["serve", "--config"])
            .arg(self.folder.node_folder(node).join("cosign.toml"))
            .env("LD_PRELOAD", self.tools.path().join("shim.so"))
            .env("FAULTS_CONTROL", self.tools.path().join(format!("control-{node}")))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        command.spawn().unwrap()
    }

    /// Waits until a node does its work, and starts it again if it has ended, as the service manager does.
    pub(crate) fn await_ready(&mut self, node: usize) {
        let address = self.folder.nodes()[node];
        let peer = Peer::new(address, &self.folder.file("ca.pem"), None);
        wait_for(&format!("node {node} to be ready\n{}", self.end_of_log()), || {
            let running =
                self.nodes[node].process.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none());
            if !running {
                self.nodes[node].process = Some(self.spawn(node));
            }
            let asked = async {
                let answer =
                    tokio::time::timeout(Duration::from_secs(5), peer.http("GET /readyz HTTP/1.1", b""));
                answer.await.ok()?.ok().filter(|answer| answer.status == 200)
            };
            self.health.block_on(asked).map(drop)
        });
    }

    /// The last troubles that the nodes told of.
    pub(crate) fn end_of_log(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let troubles: Vec<_> = log.lines().filter(|line| !line.contains("INFO")).collect();
        troubles[troubles.len().saturating_sub(30)..].join("\n")
    }

    /// Ends a node at once.
    pub(crate) fn kill(&mut self, node: usize) {
        let mut child = self.nodes[node].process.take().unwrap();
        let _ = child.kill();
        child.wait().unwrap();
    }

    /// Asks a node to end, which it must do well.
    pub(crate) fn terminate(&mut self, node: usize) {
        let mut child = self.nodes[node].process.take().unwrap();
        signal(&child, "TERM");
        let status = wait_for("the end of a node", || child.try_wait().unwrap());
        assert!(status.success(), "{status}\n{}", self.end_of_log());
    }

    /// Where the nodes keep what they keep, and what they and the database server said.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        let nodes = (0..self.nodes.len()).map(|node| self.folder.node_folder(node));
        let database = self.database.iter().map(|cluster| cluster.folder().to_owned());
        nodes.chain(database).chain([self.log()]).collect()
    }

    /// A folder for files of the rig.
    pub(crate) fn tools(&self) -> &Path {
        self.tools.path()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(mut child) = node.process.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}
