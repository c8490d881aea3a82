//! Which language a caller reads.

use axum::http::{HeaderMap, header};

/// A language of error answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Language {
    English,
    Chinese,
}

impl Language {
    /// Its tag of BCP 47.
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// The one that `Accept-Language` (RFC 9110, 12.5.4) weighs most; English when it says nothing.
    pub(in crate::api) fn preferred(headers: &HeaderMap) -> Self {
        let Some(ranges) = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()) else {
            return Self::English;
        };
        let (mut preferred, mut most) = (Self::English, 0);
        for range in ranges.split(',').take(16) {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let language = match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "zh" => Self::Chinese,
                "en" | "*" => Self::English,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1000, thousandths);
            if weight > most {
                (preferred, most) = (language, weight);
            }
        }
        preferred
    }
}

/// A weight such as `0.75`; 0 if it is none.
fn thousandths(weight: &str) -> u16 {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    match whole {
        "1" => 1000,
        "0" => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_language_that_weighs_most() {
        for (ranges, language) in [
            ("zh", Language::Chinese),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("ZH-hans", Language::Chinese),
            ("fr, zh;q=0.5", Language::Chinese),
            ("en-GB, zh;q=0.9", Language::English),
            ("zh;q=0.25, en;q=0.3", Language::English),
            ("zh;q=0", Language::English),
            ("zh;q=nonsense", Language::English),
            ("zhx", Language::English),
            ("fr", Language::English),
            ("", Language::English),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(ranges))]);
            assert_eq!(Language::preferred(&headers), language, "{ranges}");
        }
        assert_eq!(Language::preferred(&HeaderMap::new()), Language::English);
    }
}
