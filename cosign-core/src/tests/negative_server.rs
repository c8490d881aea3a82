//! Hostile and malformed requests: the exact answer, and that nothing else changes.

use std::{string::String, vec::Vec};

use serde_json::Value;

use super::{
    model::{Model, device},
    script::{Fields, Script, vectors},
};
use crate::{
    Code,
    server::{Incoming, receive},
};

#[test]
fn every_request_gets_its_answer_and_changes_only_what_it_may() {
    let vector = vectors("negative");
    let (mut played, mut refused) = (0, 0);
    for case in vector.list("cases").iter().filter(|case| case["side"] == "server") {
        let name = case.text("case");
        let mut model = Model::load(&vector["states"][case.text("state")], vector.array("nonce_key"));
        let before = model.snapshot();
        let mut no_randomness = Script::new(Vec::new());
        let device = device(case.text("device"));
        let answer = model.handle(&case.bytes("request"), &device, case.u64("now_ms"), &mut no_randomness);
        assert_eq!(answer, case.bytes("response"), "{name}");

        let after = model.snapshot();
        let changed: Vec<&String> = before
            .keys()
            .chain(after.keys())
            .filter(|field| before.get(*field) != after.get(*field))
            .collect();
        let allowed = allowed(&case["changes"]);
        for field in &changed {
            let field = field.rsplit(' ').next().unwrap();
            assert!(allowed.iter().any(|name| name == field), "{name}: {field} changed");
        }
        for field in &allowed {
            assert!(
                changed.iter().any(|name| name.ends_with(field.as_str())),
                "{name}: {field} did not change"
            );
        }
        // A refusal is in the audit log if the device asked for a key of its own.
        let refusal = Code::from_status(answer[2]).filter(|code| *code != Code::Busy);
        if let (Some(code), Ok(Incoming::Operation(operation))) = (refusal, receive(&case.bytes("request"))) {
            let own = model.keys.get(&operation.key_id()).is_some_and(|key| key.device == device);
            let logged: Vec<_> = model.audit.iter().map(|audit| audit.code).collect();
            assert_eq!(logged, if own { Vec::from([Some(code)]) } else { Vec::new() }, "{name}");
            refused += usize::from(own);
        }

        let durable = changed.iter().any(|field| field.contains(' '));
        let told = model.record_changed || case.text("request").get(4..6) == Some("12");
        assert!(!durable || told, "{name}: a change that nobody makes durable");
        played += 1;
    }
    assert_eq!(played, 125);
    assert!(refused > 40, "{refused}");
}

fn allowed(changes: &Value) -> Vec<String> {
    changes.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}
