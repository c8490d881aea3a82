//! Everybody who has to do with the office of a running server: users with phones, operators, trading platforms.
//!
//! Each request goes over a connection of its own: where there are several nodes, to each in turn.

mod caller;
pub mod desk;
pub mod market;
mod operator;
pub mod phone;
pub mod platform;
mod stage;
mod user;

pub use self::{
    caller::{Caller, text},
    market::{Grounds, Market},
    operator::Operator,
    phone::{Certified, Phone},
    platform::Platform,
    stage::{Stage, prepare},
    user::{PICTURE, User, citizen},
};

use std::{fs, sync::OnceLock};

use tokio::runtime::{Builder, Runtime};

use crate::process::ServerFolder;

/// Runs what people do to its end, from as many threads as wanted.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let made = || Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    RUNTIME.get_or_init(made).block_on(work)
}

/// Lets the nodes of a server use the sandboxes that come with it, and one text to a phone follow the other.
pub fn use_sandboxes(folder: &ServerFolder) {
    configure(folder, |text| {
        let at = text.find("[providers]").unwrap();
        let (before, rest) = text.split_at(at);
        let (providers, after) = rest.split_at(rest.find("\n\n").unwrap_or(rest.len()));
        let changed = providers.replace("\"none\"", "\"sandbox\"");
        assert_ne!(changed, providers);
        let after = after.replace("sms_pause_s = 60", "sms_pause_s = 0");
        format!("{before}{changed}{after}")
    });
}

/// Changes the configuration of every node.
pub fn configure(folder: &ServerFolder, change: impl Fn(&str) -> String) {
    for node in 0..folder.nodes().len() {
        let file = folder.node_folder(node).join("cosign.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, change(&text)).unwrap();
    }
}
