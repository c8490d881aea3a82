//! A PostgreSQL server of the rig's own, because it is killed.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use cosign_tests::process::{succeeded, wait_for};
use tempfile::TempDir;

use crate::site::signal;

/// Removed on drop.
pub(crate) struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    as_root: bool,
    server: Option<Child>,
}

impl Cluster {
    /// Makes one with the newest PostgreSQL that is installed, and starts it.
    pub(crate) fn start() -> Self {
        let versions = fs::read_dir("/usr/lib/postgresql").unwrap().map(|entry| entry.unwrap().path());
        let number = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().parse::<u32>().ok();
        let programs = versions.max_by_key(number).unwrap().join("bin");
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let id = Command::new("id").arg("-u").output().unwrap();
        let as_root = id.stdout == b"0\n";
        let mut this = Self { folder, programs, as_root, server: None };
        if as_root {
            succeeded(&Command::new("chown").arg("postgres").arg(this.folder.path()).output().unwrap());
        }
        let data = this.data();
        let mut init = this.program("initdb");
        init.arg("-D").arg(data).args(["-A", "trust", "-U", "cosign", "--no-locale", "-E", "UTF8"]);
        succeeded(&init.output().unwrap());
        this.start_again();
        let made =
            Command::new("psql").args([&this.address("postgres"), "-qc", "CREATE DATABASE cosign"]).output();
        succeeded(&made.unwrap());
        this
    }

    /// The server does not run as root.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        if !self.as_root {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command.current_dir(self.folder.path());
        command
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What it says.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The address of a database.
    pub(crate) fn address(&self, name: &str) -> String {
        format!("postgres://cosign@localhost/{name}?host={}", self.folder.path().display())
    }

    /// Starts it after it ended, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        wait_for("the database server", || {
            let ended = self.server.as_mut().is_none_or(|server| server.try_wait().unwrap().is_some());
            // What is left of the one before may still be in the way for a moment.
            if ended {
                self.server = Some(self.spawn());
            }
            let mut ready = self.program("pg_isready");
            let ready = ready.arg("-q").arg("-h").arg(self.folder.path()).status().unwrap();
            ready.success().then_some(())
        });
    }

    fn spawn(&self) -> Child {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let folder = self.folder.path().display().to_string();
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data());
        for setting in
            ["listen_addresses=", &format!("unix_socket_directories={folder}"), "max_connections=200"]
        {
            command.args(["-c", setting]);
        }
        let command = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command.spawn().unwrap()
    }

    /// Ends it: at once (`KILL`), or without a checkpoint (`QUIT`).
    pub(crate) fn end(&mut self, how: &str) {
        let mut server = self.server.take().unwrap();
        signal(&server, how);
        server.wait().unwrap();
    }

    /// Everything that it keeps and says.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.end("QUIT");
        }
    }
}
