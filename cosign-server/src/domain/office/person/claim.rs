//! Who a person says they are, and by what it is to be shown.

use serde::{Deserialize, Serialize};

use crate::domain::office::{Id, entity::states, personal::Personal};

states! {
    /// By what a person is verified.
    Method {
        /// A register compares the name and the number of the identity document.
        Data = "data",
        /// A carrier compares them with the phone that was proven.
        Carrier = "carrier",
        /// A bank compares them with a card and the phone that it knows.
        BankCard = "bank-card",
        /// The page of a provider of the CFCA type, which takes a picture of the face.
        Cfca = "cfca",
        /// The page of Alipay, which takes a picture of the face.
        Alipay = "alipay",
        /// A picture of the face while the person reads digits aloud.
        Digits = "digits",
        /// A picture of the face while the person does what they are told.
        Actions = "actions",
        /// A reviewer looks at pictures of the document and of the person.
        Review = "review",
    }
}

/// How somebody goes through with a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A provider answers at once.
    Compared,
    /// On a page of the provider.
    Page,
    /// Before a camera.
    Camera,
    /// Somebody of the office decides.
    Reviewed,
}

impl Method {
    /// How somebody goes through with it.
    #[must_use]
    pub const fn way(self) -> Way {
        match self {
            Self::Data | Self::Carrier | Self::BankCard => Way::Compared,
            Self::Cfca | Self::Alipay => Way::Page,
            Self::Digits | Self::Actions => Way::Camera,
            Self::Review => Way::Reviewed,
        }
    }

    /// How much it shows.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::Data => Level::Data,
            Self::Carrier | Self::BankCard => Level::Possession,
            Self::Cfca | Self::Alipay | Self::Digits | Self::Actions | Self::Review => Level::Face,
        }
    }
}

states! {
    /// How much a verification shows, in rising order.
    Level {
        /// The data belongs together.
        Data = "data",
        /// And to this phone or card.
        Possession = "possession",
        /// And to this face.
        Face = "face",
    }
}

impl Level {
    const fn rank(self) -> u8 {
        match self {
            Self::Data => 1,
            Self::Possession => 2,
            Self::Face => 3,
        }
    }

    /// Whether it shows at least this much.
    #[must_use]
    pub const fn reaches(self, demanded: Self) -> bool {
        self.rank() >= demanded.rank()
    }
}

states! {
    /// Why a person was not verified.
    Finding {
        /// The data does not belong together.
        Differs = "differs",
        /// The register knows nothing of it.
        Unknown = "unknown",
        /// The card is not good.
        CardRefused = "card-refused",
        /// The face is another one, or nobody alive.
        FaceRefused = "face-refused",
        /// Nobody went through with it in time.
        Lapsed = "lapsed",
        /// The reviewer refused; the opinion says why.
        Refused = "refused",
    }
}

/// Who a person says they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Names this one attempt, for providers and reviewers.
    pub case: Id,
    /// By what it is to be shown.
    pub method: Method,
    /// What kind of document.
    pub document: super::Document,
    /// The name.
    pub name: Personal,
    /// The number of the document.
    pub number: Personal,
    /// Its keyed hash.
    #[serde(with = "hex::serde")]
    pub number_name: [u8; 32],
    /// Until when the document is good, unix milliseconds; `None` for one that stays good.
    pub expires_ms: Option<u64>,
    /// Pictures: the front of the document, its back, the person.
    pub pictures: Vec<Id>,
    /// What else stands on the card, as the person has confirmed it.
    pub particulars: Option<Personal>,
    /// On which device of the account it was said.
    pub terminal: Option<Id>,
    /// What the person is to do, as the provider said: a page to go to, or words.
    pub challenge: Option<String>,
    /// The version of the agreements that was agreed to for this.
    pub agreement: String,
}
