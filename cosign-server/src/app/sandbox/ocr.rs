//! Reading that is none.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use serde::Deserialize as _;

use crate::domain::{
    Error,
    office::{
        Named as _,
        providers::{Ocr, Seen},
        reading::{Field, Side},
    },
};

/// With what a block begins that says what is on a picture.
const BEGIN: &[u8] = b"{\"ocr\":";

/// Reads a block of JSON in the bytes of a picture, `{"ocr":{"name":"张三","confidence":"90"}}`; nothing on any other picture.
#[derive(Default)]
pub struct SandboxOcr {
    failures: Mutex<u32>,
}

impl SandboxOcr {
    /// Fails so many times.
    #[cfg(test)]
    pub(crate) fn fail(&self, times: u32) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner) = times;
    }
}

fn read(picture: &[u8]) -> Option<BTreeMap<String, String>> {
    let at = picture.windows(BEGIN.len()).position(|part| part == BEGIN)?;
    let mut reader = serde_json::Deserializer::from_slice(picture.get(at..)?);
    let mut block = BTreeMap::<String, BTreeMap<String, String>>::deserialize(&mut reader).ok()?;
    block.remove("ocr")
}

impl Ocr for SandboxOcr {
    fn is_sandbox(&self) -> bool {
        true
    }

    fn recognise<'a>(&'a self, side: Side, picture: &'a [u8]) -> BoxFuture<'a, Result<Seen, Error>> {
        Box::pin(async move {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            if *failures > 0 {
                *failures -= 1;
                return Err(Error::Unavailable);
            }
            let Some(block) = read(picture) else { return Ok(Seen::default()) };
            let field = |field: &Field| block.get(field.as_str()).map(|text| (*field, text.clone()));
            let confidence = block.get("confidence").and_then(|text| text.parse().ok()).unwrap_or(90);
            Ok(Seen { fields: side.fields().iter().filter_map(field).collect(), confidence })
        })
    }
}
