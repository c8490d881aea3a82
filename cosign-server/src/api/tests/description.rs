//! The description of the API is the committed one, and answers are as it says.

use std::sync::LazyLock;

use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::api::document;

pub(super) static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(document()).unwrap());

/// POSTs that take no Idempotency-Key, and why they need none.
const WITHOUT_NAME: &[&str] = &[
    "/v1/frames",                               // the same for each frame
    "/v1/sms-codes",                            // a second code takes the place of the first, after a pause
    "/v1/sessions",                             // a code is good once
    "/v1/login-challenges",                     // the same one as long as it is good
    "/v1/sessions/{session}/end",               // ends it once
    "/v1/session/end",                          // ends it once
    "/v1/account/password",                     // a code is good once
    "/v1/account/cancel",                       // a code is good once
    "/v1/person/face",                          // decides an open case once
    "/v1/person/ask",                           // decides an open case once
    "/v1/person/change",                        // a code is good once
    "/v1/providers/identity/{case}",            // decides an open case once
    "/v1/sandbox/identity/{case}",              // decides an open case once
    "/v1/messages/{message}/read",              // is read once
    "/v1/approvals/{approval}/link",            // a second link takes the place of the first
    "/v1/claims/{claim}/micropayment/ask",      // reads at the bank what it says once
    "/v1/claims/{claim}/micropayment/enter",    // a number is good once
    "/v1/claims/{claim}/phone",                 // a code is good once
    "/v1/claims/{claim}/sign",                  // a code is good once
    "/v1/enterprises/{enterprise}/cancel",      // a code is good once
    "/v1/environment/read",                     // reads
    "/v1/keys/{key_id}/{operation}",            // the session id in the frame does what it would do
    "/v1/locks/release",                        // gives the same again, and changes nothing
    "/v1/locks/check",                          // reads
    "/ocsp/{authority}",                        // reads
    "/tsa/{authority}",                         // has a nonce of its own
    "/v1/seals/preview",                        // reads
    "/v1/document-verifications",               // reads
    "/v1/applications/{application}/authorise", // a code is good once
    "/v1/orders/quote",                         // reads
    "/v1/orders/{order}/transfer",              // an entry of the bank pays one order
    "/v1/payments/{channel}/notify",            // money comes once
    "/v1/sandbox/payments/{number}",            // the same
    "/v1/sandbox/deposits",                     // two entries are two
    "/v1/captchas",                             // another one is as good
    "/v1/password",                             // a code is good once
    "/v1/appeals",                              // a code is good once
];

/// Method and path of every operation.
pub(super) fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    let paths = DESCRIPTION["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(|method| (method.as_str(), path.as_str()))
    })
}

/// The operation of a path, as `{method}` of the description's path that it fits best.
fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let fits = |template: &str| {
        let (mut given, mut named) = (path.split('/'), template.split('/'));
        loop {
            match (given.next(), named.next()) {
                (None, None) => return true,
                (Some(given), Some(named)) if named.starts_with('{') || given == named => {}
                _ => return false,
            }
        }
    };
    let fitting = paths.iter().filter(|(template, _)| fits(template));
    // Words count more than parameters.
    let (_, found) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
    found.get(method.as_str().to_ascii_lowercase())
}

#[test]
#[ignore = "writes the description"]
fn write() {
    std::fs::write("openapi.json", document()).unwrap();
}

/// Asserts that an answer is one that the description has.
#[track_caller]
pub(super) fn check(method: &Method, path: &str, status: StatusCode, body: &Value) {
    let Some(operation) = operation(method, path) else {
        assert!(
            matches!(status.as_u16(), 404 | 405),
            "{method} {path} is not described and answered {status}"
        );
        return;
    };
    let responses = &operation["responses"];
    let found = responses.get(status.as_str()).or_else(|| responses.get("default"));
    let content = &found.unwrap_or_else(|| panic!("{method} {path}: {status} is not described"))["content"];
    let schema = content.as_object().and_then(|content| content.values().next()).unwrap();
    assert_eq!(fault(&schema["schema"], body, &format!("{method} {path} {status}")), None);
}

/// Why a value is not of a schema.
fn fault(schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        return fault(&DESCRIPTION["components"]["schemas"][name], value, at);
    }
    if let Some(choices) = ["oneOf", "anyOf"].iter().find_map(|any| schema[any].as_array()) {
        let faults: Vec<_> = choices.iter().filter_map(|choice| fault(choice, value, at)).collect();
        return (faults.len() == choices.len()).then(|| faults.join("; or "));
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return fault(&joined(parts), value, at);
    }
    if schema["enum"].as_array().is_some_and(|choices| !choices.contains(value)) {
        return Some(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_kind = match &schema["type"] {
        Value::String(only) => only == kind,
        Value::Array(several) => several.iter().any(|one| one == kind),
        // Whatever it is.
        _ => true,
    };
    if !is_kind {
        return Some(format!("{at}: {value} is not of {schema}"));
    }
    match (value, schema["properties"].as_object()) {
        (Value::Array(items), _) => {
            items.iter().find_map(|item| fault(&schema["items"], item, &format!("{at}[]")))
        }
        (Value::Object(fields), Some(properties)) => {
            let mut required = schema["required"].as_array().into_iter().flatten();
            let missing = required.find(|name| !fields.contains_key(name.as_str().unwrap()));
            missing.map(|name| format!("{at}: {name} is missing")).or_else(|| {
                fields.iter().find_map(|(name, field)| match properties.get(name) {
                    Some(property) => fault(property, field, &format!("{at}.{name}")),
                    None => Some(format!("{at}: {name} is not described")),
                })
            })
        }
        _ => None,
    }
}

/// Objects that are flattened into one.
fn joined(parts: &[Value]) -> Value {
    let (mut properties, mut required, mut choices) = (serde_json::Map::new(), Vec::new(), None);
    for part in parts {
        let part = match part["$ref"].as_str() {
            Some(name) => &DESCRIPTION["components"]["schemas"][name.rsplit('/').next().unwrap()],
            None => part,
        };
        if let Some(several) = part["oneOf"].as_array() {
            choices = Some(several);
            continue;
        }
        let part = match part["allOf"].as_array() {
            Some(parts) => joined(parts),
            None => part.clone(),
        };
        properties.extend(part["properties"].as_object().unwrap().clone());
        required.extend(part["required"].as_array().into_iter().flatten().cloned());
    }
    let whole = serde_json::json!({ "type": "object", "properties": properties, "required": required });
    match choices {
        None => whole,
        Some(choices) => {
            let choices: Vec<_> =
                choices.iter().map(|choice| joined(&[choice.clone(), whole.clone()])).collect();
            serde_json::json!({ "oneOf": choices })
        }
    }
}

#[test]
fn what_does_not_conform_is_noticed() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"],
        "properties": { "a": { "type": "string", "enum": ["x"] }, "b": { "type": ["integer", "null"] } },
    });
    let fits = |value: &Value| fault(&schema, value, "test").is_none();
    assert!(fits(&serde_json::json!({ "a": "x", "b": null })));
    for wrong in [
        serde_json::json!({ "b": 1 }),
        serde_json::json!({ "a": "y" }),
        serde_json::json!({ "a": "x", "b": "1" }),
        serde_json::json!({ "a": "x", "c": 1 }),
        serde_json::json!(["a"]),
    ] {
        assert!(!fits(&wrong), "{wrong}");
    }
}

#[test]
fn the_description_is_the_committed_one() {
    let committed = std::fs::read_to_string("openapi.json").unwrap();
    assert!(
        document() == committed.as_str(),
        "the API has changed: see what `cosign-server openapi` prints now, and commit that as openapi.json"
    );
    assert_eq!(DESCRIPTION["openapi"], "3.1.0");
}

#[test]
fn every_operation_is_described_in_full() {
    let mut ids = std::collections::BTreeSet::new();
    for (path, methods) in DESCRIPTION["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{at}: no summary");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{at}: tags");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{at}: another one has its id");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(
                    response["description"].as_str().is_some_and(|text| !text.is_empty()),
                    "{at}: {status}"
                );
            }
            let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
            for segment in path.split('/').filter_map(|segment| segment.strip_prefix('{')) {
                let name = segment.split('}').next().unwrap();
                assert!(
                    parameters.iter().any(|one| one["in"] == "path" && one["name"] == name),
                    "{at}: {name}"
                );
            }
            let is_named =
                parameters.iter().any(|one| one["in"] == "header" && one["name"] == "Idempotency-Key");
            assert_eq!(is_named, method == "post" && !WITHOUT_NAME.contains(&path.as_str()), "{at}");
        }
    }
    assert!(ids.len() > 25);
}
