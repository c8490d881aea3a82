//! Letters that are signed here, and by what.

use zeroize::Zeroizing;

use super::{Made, Making, Nib, Office, Plan, User};
use crate::domain::{
    Error,
    office::{
        Id,
        approval::{Approval, Ask},
        calendar,
        claim::Claim,
        enterprise::Enterprise,
        grant::{Grant, Terms, What},
        letter::Mark,
        seal::SealKind,
    },
};

/// By what a user signs.
pub enum Proof {
    /// A code to the phone of the account.
    Code(Id, Zeroizing<String>),
    /// The password of the account.
    Password(Zeroizing<String>),
}

/// What a signature shows.
pub enum Appearance {
    /// The picture of a seal or a signature of the user.
    Seal(Id),
    /// What the user draws now: strokes of places, `y` downwards.
    Drawn(Vec<Vec<(f64, f64)>>),
}

/// Where it stands, and what it shows.
pub struct Placed {
    /// What.
    pub shows: Appearance,
    /// On which page, from 1.
    pub page: u8,
    /// Its left top corner, in tenths of a millimetre.
    pub place: (u32, u32),
}

/// How a user signs a letter.
pub struct Signing {
    /// By what.
    pub proof: Proof,
    /// What stands on the page.
    pub placed: Option<Placed>,
}

/// A picture that is to be placed.
pub(super) struct Pen {
    made: Made,
    page: u8,
    place: (u32, u32),
}

/// A signature on a letter.
pub struct LetterSignature {
    /// Whose; nothing once the account was erased.
    pub name: Option<Zeroizing<String>>,
    /// When, unix milliseconds.
    pub at_ms: u64,
    /// Where it stands, and its picture: PNG.
    pub mark: Option<(Mark, Vec<u8>)>,
}

impl Office {
    /// That a user signs with a code or the password, and what is to be placed.
    pub(super) async fn signs(&self, user: &User, signing: Option<&Signing>) -> Result<Option<Pen>, Error> {
        let signing = signing.ok_or(Error::CodeInvalid)?;
        // What cannot be placed is said before the code is used up.
        let pen = match &signing.placed {
            Some(placed) => Some(self.pen(user, placed).await?),
            None => None,
        };
        match &signing.proof {
            Proof::Code(id, code) => self.signed(user, *id, code).await.map(drop)?,
            Proof::Password(password) => self.check_password(Some(user.account()), password).await?,
        }
        Ok(pen)
    }

    async fn pen(&self, user: &User, placed: &Placed) -> Result<Pen, Error> {
        let (page, place) = (placed.page, placed.place);
        let made = match &placed.shows {
            Appearance::Drawn(strokes) => {
                let making = Making::Handwriting { strokes: strokes.clone(), pen: Nib::default() };
                self.picture(user, SealKind::PersonalSignature, &making, String::new()).await?
            }
            Appearance::Seal(id) => {
                let found = self.seal(user, *id).await?.entity;
                found.is_good()?;
                if found.kind.is_of_organisation() {
                    return Err(Error::BadRequest("a letter is signed with a person's signature or seal"));
                }
                let (_, png) = self.read_attachment(found.face.picture()).await?;
                Made { png: png.to_vec(), source: found.face.source(), size: found.face.size(), score: None }
            }
        };
        Mark::judge(user.account().id, page, place, made.size)?;
        Ok(Pen { made, page, place })
    }

    /// Puts a signature on the page.
    pub(super) fn place(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        pen: Option<&Pen>,
    ) -> Result<Option<Mark>, Error> {
        let Some(Pen { made, page, place }) = pen else { return Ok(None) };
        let picture = self.keep_file(plan, account, &made.png)?;
        Mark::judge(picture, *page, *place, made.size).map(Some)
    }

    /// The letter of what is asked for, and who has signed it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for who neither asked for it nor may decide on it, and where there is no letter; storage faults.
    pub async fn letter_of_approval(
        &self,
        user: &User,
        id: Id,
    ) -> Result<(Zeroizing<String>, Vec<LetterSignature>), Error> {
        let found = self.approval(user, id).await?.entity;
        let text = self.letter_text(id, &found).await?;
        let mut signatures = Vec::new();
        for opinion in found.opinions.iter().filter(|opinion| opinion.ground.is_none()) {
            signatures.push(self.letter_signature(opinion.by, opinion.at_ms, opinion.mark.as_ref()).await?);
        }
        Ok((text, signatures))
    }

    /// The letter of a grant that was given at once, and who has signed it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for who neither has it nor manages the enterprise; storage faults.
    pub async fn letter_of_grant(
        &self,
        user: &User,
        id: Id,
    ) -> Result<(Zeroizing<String>, Vec<LetterSignature>), Error> {
        let (account, found) = (user.account().id, self.find::<Grant>(id).await?);
        let Terms { enterprise, member, .. } = found.entity.terms;
        if member != account {
            self.manages(&mut self.plan(None), account, enterprise).await?;
        }
        let text = self.grant_text(&found.entity.terms).await?;
        let by = self.letter_signature(found.entity.by, found.created_ms, found.entity.mark.as_ref());
        let signatures = if found.entity.is_signed { vec![by.await?] } else { Vec::new() };
        Ok((text, signatures))
    }

    async fn letter_signature(
        &self,
        by: Id,
        at_ms: u64,
        mark: Option<&Mark>,
    ) -> Result<LetterSignature, Error> {
        let shown = match mark {
            Some(mark) => match self.read_attachment(mark.picture()).await {
                Ok((_, png)) => Some((mark.clone(), png.to_vec())),
                // It went with the account.
                Err(Error::NotFound) => None,
                Err(error) => return Err(error),
            },
            None => None,
        };
        Ok(LetterSignature { name: self.person_name(by).await?, at_ms, mark: shown })
    }

    async fn letter_text(&self, id: Id, found: &Approval) -> Result<Zeroizing<String>, Error> {
        match &found.ask {
            Ask::Join { .. } => self.join_text(&mut self.plan(None), id, found).await,
            Ask::Claim(claim) => self.claim_text(&self.find::<Claim>(*claim).await?.entity).await,
            Ask::Certificate(grant) | Ask::Seal(grant) => {
                self.grant_text(&self.find::<Grant>(*grant).await?.entity.terms).await
            }
            Ask::Transfer { from, to } => {
                let facts = self.find::<Enterprise>(found.place).await?.entity.facts;
                let (from, to) = (self.called(*from).await?, self.called(*to).await?);
                Ok(Zeroizing::new(format!(
                    "管理员变更授权书\n\n{}(统一社会信用代码:{})的企业管理员由{}变更为{}。\n\n法定代表人:(签字)\n\n年    月    日\n",
                    facts.name.as_str(),
                    facts.uscc.as_str(),
                    *from,
                    *to,
                )))
            }
            _ => Err(Error::NotFound),
        }
    }

    async fn grant_text(&self, terms: &Terms) -> Result<Zeroizing<String>, Error> {
        let facts = self.find::<Enterprise>(terms.enterprise).await?.entity.facts;
        let member = self.called(terms.member).await?;
        let (title, what) = match terms.what {
            What::Certificate { .. } => ("企业证书授权书", "企业证书服务"),
            What::Holding { .. } => ("企业证书授权书", "企业证书"),
            What::Seal { .. } => ("印章授权书", "企业印章"),
        };
        let day = |ms: u64| calendar::digits(ms).chars().take(8).collect::<String>();
        Ok(Zeroizing::new(format!(
            "{title}\n\n{}(统一社会信用代码:{})授权{}使用{what}({}),期限自{}至{}。\n\n授权人:(签字)\n\n年    月    日\n",
            facts.name.as_str(),
            facts.uscc.as_str(),
            *member,
            terms.what.id(),
            day(terms.from_ms),
            day(terms.until_ms),
        )))
    }

    /// The name of somebody, as a letter says it.
    async fn called(&self, account: Id) -> Result<Zeroizing<String>, Error> {
        Ok(self.person_name(account).await?.unwrap_or_default())
    }
}
