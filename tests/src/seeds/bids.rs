//! Sealed bids, right ones and broken ones.

use super::{Seed, add, add_kind};
use crate::bid_kit::{broken, writer::Plan};

pub(super) fn bids(seeds: &mut Vec<Seed>) {
    for (name, plan) in [("both", Plan::both()), ("signed", Plan::signed())] {
        add(seeds, "bid_header", name, plan.seal().header());
    }
    for (name, bytes) in broken() {
        if ["slot", "lock", "opening", "metadata", "role", "threshold"]
            .iter()
            .any(|start| name.starts_with(start))
        {
            // The header is at the front; what follows is not looked at.
            add(seeds, "bid_header", name, &bytes[..bytes.len().min(1500)]);
        }
        if bytes.len() < 4096 {
            add_kind(seeds, "bid_body", b'r', name, &bytes);
        }
    }
    let plan = Plan::signed();
    add_kind(seeds, "bid_body", b'r', "right", &plan.seal().bytes());
    add_kind(seeds, "bid_body", b's', "right", &[&plan.content[..], &plan.index()].concat());
    let mut two = plan;
    two.index = vec![("a/b".into(), 0, 4), ("c".into(), 4, 5)];
    add_kind(seeds, "bid_body", b's', "two-files", &[&two.content[..], &two.index()].concat());
}
