//! Reasons as stable codes, with their text.

use core::fmt;

use super::Verdict;
use super::render::Language;

macro_rules! codes {
    ($($(#[$group:meta])* $variant:ident = $name:literal, $verdict:ident, $en:literal, $zh:literal;)*) => {
        /// What is wrong or worth knowing, as a stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $en] $variant,)*
        }

        impl Code {
            /// All, in the order of their definition.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// A stable name in lower case with hyphens.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it makes of the verdict at best. [`Verdict::Valid`]: a note or a warning.
            #[must_use]
            pub const fn verdict(self) -> Verdict {
                match self { $(Self::$variant => Verdict::$verdict,)* }
            }

            /// The sentence for people.
            #[must_use]
            pub const fn text(self, language: Language) -> &'static str {
                match language {
                    Language::English => match self { $(Self::$variant => $en,)* },
                    Language::Chinese => match self { $(Self::$variant => $zh,)* },
                }
            }
        }
    };
}

codes! {
    // the document
    Unreadable = "unreadable", Invalid, "The signature cannot be read.", "签名无法解析。";
    ContentChanged = "content-changed", Invalid, "What was signed has been changed.", "被签名的内容已被修改。";
    MissingPart = "missing-part", Invalid, "A part that was signed is not there any more.", "被签名的部分已缺失。";
    WeakDigest = "weak-digest", Invalid, "The digest of the content is of a kind that can be forged.", "内容摘要算法不安全，可被伪造。";
    Coverage = "coverage", Invalid, "The signature does not cover what it should.", "签名覆盖范围不正确。";
    UncoveredPart = "uncovered-part", Indeterminate, "A part of the document that is not in its pages is covered by no signature.", "文档页面之外的组成部分未被任何签名覆盖。";
    ForbiddenChange = "forbidden-change", Invalid, "The document was changed after the signature in a way that it does not permit.", "签名之后文档发生了不允许的修改。";
    ShadowContent = "shadow-content", Invalid, "Content was hidden and shown, or replaced, after the signature.", "签名之后隐藏内容被显示或内容被替换。";
    WrongType = "wrong-type", Invalid, "The signature is of another kind than the document says.", "签名类型与文档声明不一致。";
    // the signature
    BadSignature = "bad-signature", Invalid, "The signature is not by the key of the signer.", "签名值与签名者密钥不符。";
    NoSigner = "no-signer", Indeterminate, "There is no certificate of the signer.", "缺少签名者证书。";
    UnsupportedAlgorithm = "unsupported-algorithm", Indeterminate, "The signature is of a kind that is not supported.", "签名算法不受支持。";
    Unsupported = "unsupported", Indeterminate, "Something that matters is not supported.", "存在不受支持的重要内容。";
    // the certificate of the signer
    SignerInvalid = "signer-invalid", Invalid, "The certificate of the signer is not to be relied on.", "签名者证书不可信赖。";
    SignerUncertain = "signer-uncertain", Indeterminate, "Whether the certificate of the signer is to be relied on is not known.", "无法确定签名者证书是否可信。";
    SignerNote = "signer-note", Valid, "A note about the certificate of the signer.", "签名者证书提示。";
    // the seal
    SealSignature = "seal-signature", Invalid, "The seal is not signed by its maker.", "印章未由制章者正确签名。";
    SealMakerInvalid = "seal-maker-invalid", Invalid, "The certificate of the seal's maker is not to be relied on.", "制章者证书不可信赖。";
    SealMakerUncertain = "seal-maker-uncertain", Indeterminate, "Whether the certificate of the seal's maker is to be relied on is not known.", "无法确定制章者证书是否可信。";
    SealMakerNote = "seal-maker-note", Valid, "A note about the certificate of the seal's maker.", "制章者证书提示。";
    SealExpired = "seal-expired", Invalid, "The seal was not valid any more.", "印章已过有效期。";
    SealNotYetValid = "seal-not-yet-valid", Invalid, "The seal was not valid yet.", "印章尚未生效。";
    NotAHolder = "not-a-holder", Invalid, "The certificate of the signer is not among those of the seal.", "签名者证书不在印章的持有者列表中。";
    SealPicture = "seal-picture", Invalid, "The picture of the seal cannot be shown.", "印章图像无法显示。";
    SealPictureDiffers = "seal-picture-differs", Invalid, "What is shown is not the picture of the seal.", "显示的图像不是印章图像。";
    SealPictureUnchecked = "seal-picture-unchecked", Valid, "Whether what is shown is the picture of the seal was not found out.", "未能核对显示的图像是否为印章图像。";
    SealDiffers = "seal-differs", Invalid, "The seal beside the signature is not the one inside of it.", "签名旁的印章文件与签名内的印章不一致。";
    // the time
    NoTime = "no-time", Indeterminate, "When the signature was made is not known.", "签名时间未知。";
    TimeStampInvalid = "time-stamp-invalid", Invalid, "The time-stamp is not of this signature, or not to be relied on.", "时间戳与签名不符或不可信。";
    TimeStampUncertain = "time-stamp-uncertain", Indeterminate, "Whether the time-stamp is to be relied on is not known.", "无法确定时间戳是否可信。";
    TimeInFuture = "time-in-future", Invalid, "The signature says that it was made later than now.", "签名时间晚于当前时间。";
    TimesDiffer = "times-differ", Valid, "The document says another time than the signature.", "文档声明的时间与签名内的时间不同。";
    TimeClaimed = "time-claimed", Valid, "The time is what the signer says; no time-stamp proves it.", "时间为签名者声明，无时间戳证明。";
    // notes and warnings
    NoSignatures = "no-signatures", Indeterminate, "There is no signature.", "文档中没有签名。";
    EmptyField = "empty-field", Valid, "There is a field for a signature that is not signed.", "存在未签名的签名域。";
    LaterChange = "later-change", Valid, "The document was changed after the signature in a way that is permitted.", "签名之后文档发生了允许的修改。";
    PartlyCovered = "partly-covered", Valid, "The signature covers an earlier state of the document; what came later is signed by others or permitted.", "签名覆盖文档的较早版本，后续内容由他人签名或属允许修改。";
    UnreferencedFile = "unreferenced-file", Valid, "A file in the package is covered by no signature.", "包内存在未被任何签名覆盖的文件。";
    TrailingData = "trailing-data", Valid, "There is something behind the end of the document.", "文档结尾之后存在多余数据。";
    Deviation = "deviation", Valid, "Something is not as the standard says, and was tolerated.", "存在不符合标准但被容忍的内容。";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_texts_are_sentences() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
            assert!(code.text(Language::English).ends_with('.'), "{code}");
            assert!(code.text(Language::Chinese).ends_with('。'), "{code}");
        }
    }
}
