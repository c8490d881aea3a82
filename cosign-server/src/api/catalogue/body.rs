//! Entries of the catalogue as they are written and shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{
    Error,
    device::Name,
    office::{
        Id, Named,
        catalogue::{Institution, Item, Measure, Package, Place, Platform, PlatformRules, Region, Template},
    },
};

/// Reads a word.
pub(in crate::api) fn word<T: Named>(text: &str) -> Result<T, Error> {
    T::from_name(text).ok_or(Error::BadRequest("one of the words is none of those that are known here"))
}

fn ids(texts: &[String]) -> Result<Vec<Id>, Error> {
    texts.iter().map(|text| text.parse()).collect()
}

/// What a catalogue has.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = CatalogueItem)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::api) enum ItemBody {
    Region {
        #[schema(value_type = String)]
        code: Name,
        #[schema(value_type = String)]
        name: Name,
        /// Ten-thousandths of a degree north and east.
        place: Option<(i32, i32)>,
    },
    Platform {
        region: String,
        #[schema(value_type = String)]
        code: Name,
        #[schema(value_type = String)]
        name: Name,
        /// `tender` or `cloud-seal`.
        platform_kind: String,
        /// The systems that a certificate for it is good for.
        #[schema(value_type = Vec<String>)]
        systems: Vec<Name>,
        /// The client of the API by which it calls.
        client: Option<String>,
        rules: RulesBody,
    },
    Institution {
        /// `ca` or `seal`.
        service: String,
        #[schema(value_type = String)]
        code: Name,
        #[schema(value_type = String)]
        name: Name,
    },
    Package(PackageBody),
    Template {
        /// `application`, `letter`, `transfer`, `grant` or `appeal`.
        template_kind: String,
        #[schema(value_type = String)]
        name: Name,
        text: String,
    },
}

/// What a platform demands.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = PlatformRules)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a demand of its own")]
pub(in crate::api) struct RulesBody {
    /// An application takes attachments.
    attachments: bool,
    /// A reviewer looks at applications.
    review: bool,
    /// A subject has one certificate of a kind there.
    unique_certificate: bool,
    /// Invoices are issued only after the certificate was downloaded.
    invoice_after_download: bool,
    /// It takes certificates that were issued for other platforms.
    mutual: bool,
    /// Whose certificates and seals it accepts.
    institutions: Vec<String>,
}

/// A package. It gives months or uses, or neither when it pays for an act.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = Package)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct PackageBody {
    platform: String,
    institution: String,
    /// `ca` or `seal`.
    service: String,
    /// `enterprise` or `person`.
    buyer: String,
    /// Only for whoever has had one before.
    renewal: bool,
    months: Option<u32>,
    uses: Option<u32>,
    /// Of one that gives neither: for which business it is the fee, a word of orders.
    pays_for: Option<String>,
    #[schema(value_type = String)]
    name: Name,
    price_fen: u64,
}

/// Months, or uses.
pub(in crate::api) const fn amounts(measure: Measure) -> (Option<u32>, Option<u32>) {
    match measure {
        Measure::Months(months) => (Some(months), None),
        Measure::Uses(uses) => (None, Some(uses)),
        Measure::Fee => (None, None),
    }
}

impl TryFrom<PackageBody> for Package {
    type Error = Error;

    fn try_from(body: PackageBody) -> Result<Self, Error> {
        let measure = match (body.months, body.uses) {
            (Some(months), None) => Measure::Months(months),
            (None, Some(uses)) => Measure::Uses(uses),
            (None, None) => Measure::Fee,
            (Some(_), Some(_)) => {
                return Err(Error::BadRequest("a package gives 1 to 120 months or 1 to 1000000 uses"));
            }
        };
        Ok(Self {
            platform: body.platform.parse()?,
            institution: body.institution.parse()?,
            service: word(&body.service)?,
            buyer: word(&body.buyer)?,
            renewal: body.renewal,
            measure,
            pays_for: body.pays_for.as_deref().map(word).transpose()?,
            name: body.name,
            price_fen: body.price_fen,
        })
    }
}

impl TryFrom<ItemBody> for Item {
    type Error = Error;

    fn try_from(body: ItemBody) -> Result<Self, Error> {
        Ok(match body {
            ItemBody::Region { code, name, place } => {
                let place = place.map(|(latitude, longitude)| Place { latitude, longitude });
                Self::Region(Region { code, name, place })
            }
            ItemBody::Platform { region, code, name, platform_kind, systems, client, rules } => {
                Self::Platform(Platform {
                    region: region.parse()?,
                    code,
                    name,
                    kind: word(&platform_kind)?,
                    systems,
                    client: client.as_deref().map(str::parse).transpose()?,
                    rules: PlatformRules {
                        attachments: rules.attachments,
                        review: rules.review,
                        unique_certificate: rules.unique_certificate,
                        invoice_after_download: rules.invoice_after_download,
                        mutual: rules.mutual,
                        institutions: ids(&rules.institutions)?,
                    },
                })
            }
            ItemBody::Institution { service, code, name } => {
                Self::Institution(Institution { service: word(&service)?, code, name })
            }
            ItemBody::Package(package) => Self::Package(package.try_into()?),
            ItemBody::Template { template_kind, name, text } => {
                Self::Template(Template { kind: word(&template_kind)?, name, text })
            }
        })
    }
}

fn shown(word: impl Named) -> String {
    word.as_str().to_owned()
}

impl From<Item> for ItemBody {
    fn from(item: Item) -> Self {
        match item {
            Item::Region(Region { code, name, place }) => {
                let place = place.map(|place| (place.latitude, place.longitude));
                Self::Region { code, name, place }
            }
            Item::Platform(platform) => Self::Platform {
                region: platform.region.to_string(),
                code: platform.code,
                name: platform.name,
                platform_kind: shown(platform.kind),
                systems: platform.systems,
                client: platform.client.map(|client| client.to_string()),
                rules: RulesBody {
                    attachments: platform.rules.attachments,
                    review: platform.rules.review,
                    unique_certificate: platform.rules.unique_certificate,
                    invoice_after_download: platform.rules.invoice_after_download,
                    mutual: platform.rules.mutual,
                    institutions: platform.rules.institutions.iter().map(ToString::to_string).collect(),
                },
            },
            Item::Institution(Institution { service, code, name }) => {
                Self::Institution { service: shown(service), code, name }
            }
            Item::Package(package) => {
                let (months, uses) = amounts(package.measure);
                Self::Package(PackageBody {
                    platform: package.platform.to_string(),
                    institution: package.institution.to_string(),
                    service: shown(package.service),
                    buyer: shown(package.buyer),
                    renewal: package.renewal,
                    months,
                    uses,
                    pays_for: package.pays_for.map(shown),
                    name: package.name,
                    price_fen: package.price_fen,
                })
            }
            Item::Template(Template { kind, name, text }) => {
                Self::Template { template_kind: shown(kind), name, text }
            }
        }
    }
}
