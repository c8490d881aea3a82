//! An AES-256 key on a token wraps with AES-GCM; it is never seen outside.
//!
//! `wrapped = form 2 | name 4 | nonce 12 | AES-256-GCM ciphertext 32 | tag 16`, bound to the same as in `signer::master`.

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    mechanism::{Mechanism, aead::GcmParams},
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    types::AuthPin,
};
use zeroize::Zeroizing;

use super::{PinSource, TokenError, TokenUri};
use crate::{
    app::files::read_secret,
    domain::ports::Entropy,
    signer::{
        MasterKey, SealError,
        master::{assemble, context, name_of, parse},
    },
    store::Access,
};

const FORM: u8 = 2;
const KEY_LEN: usize = 32;
const TAG_BITS: u64 = 128;

/// A master key on a token. Every use opens a session of its own, so a token that was away is found again.
pub(super) struct TokenKey {
    module: Pkcs11,
    uri: TokenUri,
    name: [u8; 4],
}

impl TokenKey {
    pub(super) fn open(uri: &TokenUri, access: Access) -> Result<Self, TokenError> {
        let module = Pkcs11::new(&uri.module).map_err(|error| says(uri, error))?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Another key of the same module in this process.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(says(uri, error)),
        }
        let name = name_of(&[b"pkcs11", uri.token.as_bytes(), &[0], uri.object.as_bytes()]);
        let key = Self { module, uri: uri.clone(), name };
        let session = key.session(access)?;
        match (key.find(&session)?, access) {
            (Some(_), _) => {}
            (None, Access::Create) => key.generate(&session)?,
            (None, _) => {
                return Err(says(uri, "there is no AES key of this label on the token"));
            }
        }
        drop(session);
        Ok(key)
    }

    fn session(&self, access: Access) -> Result<Session, TokenError> {
        let failed = |error: Error| says(&self.uri, error);
        let mut found = None;
        for slot in self.module.get_slots_with_token().map_err(failed)? {
            if self.module.get_token_info(slot).map_err(failed)?.label() == self.uri.token {
                found = Some(slot);
            }
        }
        let slot = found.ok_or_else(|| says(&self.uri, "there is no token of this label"))?;
        let session = match access {
            Access::Create => self.module.open_rw_session(slot),
            _ => self.module.open_ro_session(slot),
        };
        let session = session.map_err(failed)?;
        match session.login(UserType::User, Some(&self.pin()?)) {
            // The login is the token's, not the session's.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => Err(failed(error)),
        }
    }

    fn pin(&self) -> Result<AuthPin, TokenError> {
        let text = match &self.uri.pin {
            PinSource::File(path) => {
                let content = read_secret(path).map_err(|error| says(&self.uri, error))?;
                let text = std::str::from_utf8(&content).map_err(|error| says(&self.uri, error))?;
                text.lines().next().unwrap_or_default().to_owned()
            }
            PinSource::Environment(name) => {
                std::env::var(name).map_err(|error| says(&self.uri, format!("{name}: {error}")))?
            }
        };
        Ok(AuthPin::from(text))
    }

    /// The one key of this label, which must not be readable.
    fn find(&self, session: &Session) -> Result<Option<ObjectHandle>, TokenError> {
        let failed = |error: Error| says(&self.uri, error);
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(true),
            Attribute::Label(self.uri.object.as_bytes().to_vec()),
        ];
        let found = session.find_objects(&template).map_err(failed)?;
        let key = match found[..] {
            [] => return Ok(None),
            [key] => key,
            _ => return Err(says(&self.uri, "several keys have this label")),
        };
        let kinds = [AttributeType::Extractable, AttributeType::Sensitive];
        for attribute in session.get_attributes(key, &kinds).map_err(failed)? {
            if matches!(attribute, Attribute::Extractable(true) | Attribute::Sensitive(false)) {
                return Err(says(
                    &self.uri,
                    "the key can be read from the token; it must not be extractable",
                ));
            }
        }
        Ok(Some(key))
    }

    fn generate(&self, session: &Session) -> Result<(), TokenError> {
        let template = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(32.into()),
            Attribute::Label(self.uri.object.as_bytes().to_vec()),
        ];
        let made = session.generate_key(&Mechanism::AesKeyGen, &template);
        made.map(drop).map_err(|error| says(&self.uri, error))
    }

    fn with_key<T>(
        &self,
        run: impl FnOnce(&Session, ObjectHandle) -> Result<T, Error>,
    ) -> Result<T, TokenError> {
        let session = self.session(Access::Existing)?;
        let key = self.find(&session)?.ok_or_else(|| says(&self.uri, "the key is gone from the token"))?;
        run(&session, key).map_err(|error| says(&self.uri, error))
    }
}

fn says(uri: &TokenUri, what: impl ToString) -> TokenError {
    TokenError::Module { uri: uri.to_string(), what: what.to_string() }
}

fn failed(error: &TokenError) -> SealError {
    tracing::error!(%error, "the security module did not do it");
    SealError::Token
}

impl MasterKey for TokenKey {
    fn name(&self) -> [u8; 4] {
        self.name
    }

    fn wrap_key(
        &self,
        version: u32,
        key: &[u8; KEY_LEN],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; 12];
        entropy.fill(&mut nonce).map_err(|_| SealError::RandomFailed)?;
        let aad = context(FORM, self.name, version);
        let mut used = nonce;
        let wrapped = self.with_key(|session, handle| {
            let params = GcmParams::new(&mut used, &aad, TAG_BITS.into())?;
            session.encrypt(&Mechanism::AesGcm(params), handle, key)
        });
        let wrapped = wrapped.map_err(|error| failed(&error))?;
        // A module that took a nonce of its own has written it there.
        Ok(assemble(FORM, self.name, &used, &wrapped))
    }

    fn unwrap_key(&self, version: u32, wrapped: &[u8]) -> Result<Zeroizing<[u8; KEY_LEN]>, SealError> {
        let (nonce, body) = parse(FORM, self.name, wrapped)?;
        let aad = context(FORM, self.name, version);
        let mut nonce = *nonce;
        let opened = self.with_key(|session, handle| {
            let params = GcmParams::new(&mut nonce, &aad, TAG_BITS.into())?;
            match session.decrypt(&Mechanism::AesGcm(params), handle, body) {
                Ok(opened) => Ok(Some(Zeroizing::new(opened))),
                Err(Error::Pkcs11(RvError::EncryptedDataInvalid | RvError::GeneralError, _)) => Ok(None),
                Err(error) => Err(error),
            }
        });
        let opened = opened.map_err(|error| failed(&error))?.ok_or(SealError::Forged)?;
        let mut key = Zeroizing::new([0; KEY_LEN]);
        if opened.len() != KEY_LEN {
            return Err(SealError::Format);
        }
        key.copy_from_slice(&opened);
        Ok(key)
    }
}
