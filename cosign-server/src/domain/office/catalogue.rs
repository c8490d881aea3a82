//! The catalogue: regions, trading platforms, institutions, packages and templates, as administrators maintain them.

use cosign_core::sm_primitives::sm3::Sm3;
use serde::{Deserialize, Serialize};

use super::{Entity, Id, Moment, Moved, Moves, Named as _, entity::states, order::Business};
use crate::domain::{Error, clients::ClientId, device::Name};

/// Most systems, and most institutions, of one platform.
pub const MAX_PARTS: usize = 32;
/// Highest price, fen: a million yuan.
pub const MAX_PRICE_FEN: u64 = 100_000_000;
/// Longest text of a template in bytes.
pub const MAX_TEMPLATE: usize = 8 * 1024;

states! {
    /// Where an entry of the catalogue stands.
    EntryState {
        /// It is offered.
        Active = "active",
        /// It is not any more; what was bought of it stays.
        Retired = "retired",
    }
    over Retired
}

states! {
    /// What kind of entry.
    Shelf {
        /// A region.
        Region = "region",
        /// A trading platform.
        Platform = "platform",
        /// An institution.
        Institution = "institution",
        /// A package.
        Package = "package",
        /// A template of a letter or form.
        Template = "template",
    }
}

states! {
    /// What is used: certificates or seals.
    Service {
        /// Certificates, of a certification authority.
        Ca = "ca",
        /// Seals, of an institution that makes them.
        Seal = "seal",
    }
}

states! {
    /// What kind of platform.
    PlatformKind {
        /// Tenders are made and opened there.
        Tender = "tender",
        /// It seals documents for its users.
        CloudSeal = "cloud-seal",
    }
}

states! {
    /// Who a package is for.
    For {
        /// An enterprise.
        Enterprise = "enterprise",
        /// A person.
        Person = "person",
    }
}

states! {
    /// What a template is for.
    TemplateKind {
        /// An application.
        Application = "application",
        /// A letter of authorisation.
        Letter = "letter",
        /// A new administrator.
        Transfer = "transfer",
        /// A grant of a certificate.
        Grant = "grant",
        /// An appeal.
        Appeal = "appeal",
    }
}

/// A place on the map, ten-thousandths of a degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// North.
    pub latitude: i32,
    /// East.
    pub longitude: i32,
}

/// A region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its code.
    pub code: Name,
    /// What it is called.
    pub name: Name,
    /// Where its middle is.
    pub place: Option<Place>,
}

/// What a platform demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a demand of its own")]
pub struct PlatformRules {
    /// An application takes attachments.
    pub attachments: bool,
    /// A reviewer looks at applications; otherwise they pass by themselves.
    pub review: bool,
    /// A subject has one certificate of a kind there.
    pub unique_certificate: bool,
    /// Invoices are issued only after the certificate was downloaded.
    pub invoice_after_download: bool,
    /// It takes certificates that were issued for other platforms.
    pub mutual: bool,
    /// Whose certificates and seals it accepts.
    pub institutions: Vec<Id>,
}

/// A trading platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Where.
    pub region: Id,
    /// Its code.
    pub code: Name,
    /// What it is called.
    pub name: Name,
    /// What kind.
    pub kind: PlatformKind,
    /// The systems that a certificate for it is good for.
    pub systems: Vec<Name>,
    /// The client of the API by which it calls.
    pub client: Option<Id>,
    /// What it demands.
    pub rules: PlatformRules,
}

/// An institution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Institution {
    /// What it issues.
    pub service: Service,
    /// Its code.
    pub code: Name,
    /// What it is called.
    pub name: Name,
}

/// How much a package gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// As often as one likes for so many months.
    Months(u32),
    /// So many times.
    Uses(u32),
    /// Nothing to be used: it pays for an act.
    Fee,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// For which platform.
    pub platform: Id,
    /// Of which institution.
    pub institution: Id,
    /// What is used.
    pub service: Service,
    /// Who it is for.
    pub buyer: For,
    /// Only for whoever has had one before.
    pub renewal: bool,
    /// How much.
    pub measure: Measure,
    /// For which act it is the fee, if it gives nothing to be used.
    pub pays_for: Option<Business>,
    /// What it is called.
    pub name: Name,
    /// What it costs, fen.
    pub price_fen: u64,
}

/// A template of a letter or form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// What for.
    pub kind: TemplateKind,
    /// What it is called.
    pub name: Name,
    /// Its text.
    pub text: String,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// A region.
    Region(Region),
    /// A trading platform.
    Platform(Platform),
    /// An institution.
    Institution(Institution),
    /// A package.
    Package(Package),
    /// A template.
    Template(Template),
}

/// An item that refers to what there is. Only the office makes one, after it looked.
#[derive(Clone, Debug)]
pub struct Sound(pub(in crate::domain) Item);

/// An entry of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    state: EntryState,
    /// What it is.
    pub item: Item,
}

/// What happens to an entry.
#[derive(Debug)]
pub enum Event {
    /// It is added.
    Add(Sound),
    /// It is changed. What was bought stays as it was.
    Change(Sound),
    /// It is not offered any more.
    Retire,
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sm3::new().chain(b"catalogue"), |hash, part| hash.chain(part)).finalize()
}

fn place(parts: &[&[u8]]) -> Id {
    let mut id = [0; 16];
    id.copy_from_slice(hash(parts).split_at(16).0);
    Id::from_bytes(id)
}

impl Shelf {
    /// Where what is offered is listed: all of it, or what belongs to a region or platform.
    #[must_use]
    pub fn offered(self, of: Option<Id>) -> Id {
        place(&[b"offered", self.as_str().as_bytes(), of.as_ref().map_or(&[], |of| of.as_bytes())])
    }

    /// Where everything is listed, retired or not.
    #[must_use]
    pub fn everything(self) -> Id {
        place(&[b"everything", self.as_str().as_bytes()])
    }
}

impl Item {
    /// What kind.
    #[must_use]
    pub const fn shelf(&self) -> Shelf {
        match self {
            Self::Region(_) => Shelf::Region,
            Self::Platform(_) => Shelf::Platform,
            Self::Institution(_) => Shelf::Institution,
            Self::Package(_) => Shelf::Package,
            Self::Template(_) => Shelf::Template,
        }
    }

    /// What only one that is offered may be called.
    #[must_use]
    pub fn names(&self) -> Vec<[u8; 32]> {
        let code = |code: &Name| coded(self.shelf(), code.as_str());
        match self {
            Self::Region(region) => vec![code(&region.code)],
            Self::Institution(institution) => vec![code(&institution.code)],
            Self::Platform(platform) => {
                let client = platform.client.map(|client| hash(&[b"client", client.as_bytes()]));
                [Some(code(&platform.code)), client].into_iter().flatten().collect()
            }
            Self::Package(_) | Self::Template(_) => Vec::new(),
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Region(Region { place: Some(place), .. })
                if place.latitude.abs() > 900_000 || place.longitude.abs() > 1_800_000 =>
            {
                Err(Error::BadRequest("a place has ten-thousandths of degrees"))
            }
            Self::Platform(platform)
                if platform.systems.len() > MAX_PARTS || platform.rules.institutions.len() > MAX_PARTS =>
            {
                Err(Error::BadRequest("a platform has at most 32 systems and 32 institutions"))
            }
            Self::Package(package) => {
                let is_good = match package.measure {
                    Measure::Months(months) => (1..=120).contains(&months),
                    Measure::Uses(uses) => (1..=1_000_000).contains(&uses),
                    Measure::Fee => true,
                };
                if package.pays_for.is_some() && package.measure != Measure::Fee {
                    return Err(Error::BadRequest("what pays for an act gives nothing to be used"));
                }
                if is_good && package.price_fen <= MAX_PRICE_FEN {
                    Ok(())
                } else {
                    Err(Error::BadRequest("a package gives 1 to 120 months or 1 to 1000000 uses"))
                }
            }
            Self::Template(template) if template.text.is_empty() || template.text.len() > MAX_TEMPLATE => {
                Err(Error::BadRequest("a template has 1 to 8192 bytes"))
            }
            _ => Ok(()),
        }
    }
}

/// What the entry with a code is called.
#[must_use]
pub fn coded(shelf: Shelf, code: &str) -> [u8; 32] {
    hash(&[b"code", shelf.as_str().as_bytes(), code.as_bytes()])
}

/// What the platform of an API client is called.
#[must_use]
pub fn platform_of(client: ClientId) -> [u8; 32] {
    hash(&[b"client", client.as_bytes()])
}

impl Entity for Entry {
    const KIND: &'static str = "catalogue-entry";
    type State = EntryState;
    type Event = Event;
    const MOVES: Moves<EntryState> = &[
        (None, "add", EntryState::Active),
        (Some(EntryState::Active), "change", EntryState::Active),
        (Some(EntryState::Active), "retire", EntryState::Retired),
    ];

    fn state(&self) -> EntryState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Add(_) => "add",
            Event::Change(_) => "change",
            Event::Retire => "retire",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, _: Moment<'_>) -> Result<Moved<Self>, Error> {
        let active = |item: &Item| {
            item.check()?;
            Ok(Moved::to(Self { state: EntryState::Active, item: item.clone() }))
        };
        match (now, event) {
            (None, Event::Add(Sound(item))) => active(item),
            (None, _) => Err(Error::NotFound),
            (Some(entry), _) if entry.state == EntryState::Retired => {
                Err(Error::Conflict("the entry is not offered any more"))
            }
            (Some(entry), Event::Change(Sound(item))) if entry.item.shelf() == item.shelf() => active(item),
            (Some(entry), Event::Retire) => {
                Ok(Moved::to(Self { state: EntryState::Retired, ..entry.clone() }))
            }
            (Some(_), _) => Err(Error::Conflict("an entry stays what it is")),
        }
    }

    fn names(&self) -> Vec<[u8; 32]> {
        if self.state == EntryState::Active { self.item.names() } else { Vec::new() }
    }

    fn listed_under(&self) -> Vec<Id> {
        let shelf = self.item.shelf();
        let mut lists = vec![shelf.everything()];
        if self.state == EntryState::Active {
            lists.push(shelf.offered(None));
            match &self.item {
                Item::Platform(platform) => lists.push(shelf.offered(Some(platform.region))),
                Item::Package(package) => lists.push(shelf.offered(Some(package.platform))),
                Item::Region(_) | Item::Institution(_) | Item::Template(_) => {}
            }
        }
        lists
    }
}
