//! A span, and spans as OTLP/HTTP takes them in JSON.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

/// What a span says about what was done: of the fields that `OPERATIONS.md` lists, no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A word.
    Text(Cow<'static, str>),
    /// A number.
    Number(u32),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

/// Something that was done, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The trace.
    pub trace_id: [u8; 16],
    /// This span.
    pub id: [u8; 8],
    /// The span that it is a part of; `None` for the first of a trace.
    pub parent: Option<[u8; 8]>,
    /// What was done.
    pub name: &'static str,
    /// Whether it answers somebody outside.
    pub serves: bool,
    /// When it began, unix nanoseconds.
    pub start_ns: u64,
    /// When it ended, unix nanoseconds.
    pub end_ns: u64,
    /// About it.
    pub attributes: Vec<(&'static str, Value)>,
}

impl Span {
    fn to_json(&self) -> Json {
        // `SPAN_KIND_SERVER` and `SPAN_KIND_INTERNAL`.
        let kind = if self.serves { 2 } else { 1 };
        let attributes = self.attributes.iter().map(|(key, value)| attribute(key, value));
        let mut span = json!({
            "traceId": hex::encode(self.trace_id),
            "spanId": hex::encode(self.id),
            "name": self.name,
            "kind": kind,
            "startTimeUnixNano": self.start_ns.to_string(),
            "endTimeUnixNano": self.end_ns.to_string(),
            "attributes": attributes.collect::<Vec<_>>(),
        });
        if let Some(parent) = self.parent {
            span["parentSpanId"] = hex::encode(parent).into();
        }
        span
    }
}

/// Numbers of 64 bits are texts in the JSON form of protocol buffers.
fn attribute(key: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
    };
    json!({ "key": key, "value": value })
}

/// The body of `POST /v1/traces`.
#[must_use]
pub fn encode(spans: &[Span]) -> String {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let about = [attribute("service.name", &name.into()), attribute("service.version", &version.into())];
    let spans: Vec<_> = spans.iter().map(Span::to_json).collect();
    let of_scope = json!({ "scope": { "name": name, "version": version }, "spans": spans });
    json!({ "resourceSpans": [{ "resource": { "attributes": about }, "scopeSpans": [of_scope] }] })
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_encoded_as_the_protocol_says() {
        let first = Span {
            trace_id: [0xab; 16],
            id: [1; 8],
            parent: None,
            name: "request",
            serves: true,
            start_ns: 1_800_000_000_000_000_001,
            end_ns: 1_800_000_000_000_000_002,
            attributes: vec![("route", "/a\"b".into()), ("status", 200.into())],
        };
        let child = Span { id: [2; 8], parent: Some([1; 8]), name: "commit", serves: false, ..first.clone() };
        let body: Json = serde_json::from_str(&encode(&[first, child])).unwrap();
        let resource = &body["resourceSpans"][0];
        let service = &resource["resource"]["attributes"][0];
        assert_eq!(*service, json!({ "key": "service.name", "value": { "stringValue": "cosign-server" } }));
        let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
        let expected = json!({
            "traceId": "ab".repeat(16),
            "spanId": "01".repeat(8),
            "name": "request",
            "kind": 2,
            "startTimeUnixNano": "1800000000000000001",
            "endTimeUnixNano": "1800000000000000002",
            "attributes": [
                { "key": "route", "value": { "stringValue": "/a\"b" } },
                { "key": "status", "value": { "intValue": "200" } },
            ],
        });
        assert_eq!(spans[0], expected);
        assert_eq!((&spans[1]["parentSpanId"], &spans[1]["kind"]), (&"01".repeat(8).into(), &1.into()));
    }
}
