//! Sealed bids in files and pipes, on as many cores as the thread pool of rayon has that they are called in (feature
//! `parallel`).
//!
//! ```no_run
//! use std::{fs::File, path::Path};
//!
//! use envelope::{
//!     Sm2Recipient,
//!     bid::{BodyKey, Draft, Policy, Terms},
//!     io::{self, PartFile, bid::{Bid, seal}},
//! };
//! use getrandom::SysRng;
//! use sm_primitives::sm2::{PrivateKey, PublicKey};
//!
//! fn seal_offer(offer: &Path, platform: &PublicKey) -> Result<(), io::Error> {
//!     let draft = Draft {
//!         terms: Terms { project: "P-7".into(), ..Terms::default() },
//!         policy: Policy::platform(),
//!         holders: vec![(1, Sm2Recipient::from_public_key(platform))],
//!         opening: None,
//!         signer: None,
//!     };
//!     let files = [("offer.pdf".to_owned(), File::open(offer)?)];
//!     let sealed = seal(draft, files.into_iter().map(Ok), PartFile::create(Path::new("offer.bid"))?, &mut SysRng)?;
//!     Ok(sealed.finish(&[])?.keep()?)
//! }
//!
//! fn open_offer(platform: &PrivateKey) -> Result<Vec<String>, io::Error> {
//!     let bid = Bid::open(File::open("offer.bid")?)?;
//!     let manifest = bid.header().manifest();
//!     let slots = bid.header().slots().slots();
//!     let shares = slots.iter().filter_map(|slot| slot.unwrap(manifest, platform).ok()).collect::<Vec<_>>();
//!     let key = BodyKey::derive(manifest, &shares, None)?;
//!     Ok(bid.unlock(key)?.index().entries().iter().map(|entry| entry.name().to_owned()).collect())
//! }
//! ```

mod open;
mod pipeline;
mod read;
mod salvage;
mod seal;

pub use open::OpenBid;
pub use read::{Bid, check_structure};
pub use salvage::Salvage;
pub use seal::{Sealed, seal};
