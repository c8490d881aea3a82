//! Proposals: made by one administrator, decided by another.

use axum::{Json, extract::State, http::StatusCode};
use cosign_core::{KeyId, PinMode, Suite};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{By, PersonBody, keys::public_key, next, parameter, part};
use crate::{
    api::{
        Api, Problem,
        extract::{Bare, Input, Parameters, Segments},
        openapi::{Named, Problems},
    },
    domain::{
        Error,
        device::Name,
        operators::{self, Administrator, KeyAct, Proposal, SeesKeys, Step, ports::WhichProposals},
        services::{Proposed, page},
    },
};

/// An act as it is asked for and shown.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = KeyAct)]
#[serde(tag = "act", rename_all = "kebab-case", deny_unknown_fields)]
enum ActBody {
    Unfreeze {
        key_id: String,
    },
    Unlock {
        key_id: String,
    },
    Revoke {
        key_id: String,
        #[serde(default)]
        all_shares: bool,
    },
    Seats {
        key_id: String,
        seats: u32,
    },
    Recover {
        /// PEM, or hexadecimal.
        public_key: String,
        device_id: String,
        #[serde(default = "suite_d")]
        suite: String,
        #[serde(default = "base_mode")]
        pin_mode: String,
        #[schema(value_type = String)]
        label: Name,
    },
    EnrolmentCode {
        uses: u32,
        ttl_s: u64,
    },
}

fn suite_d() -> String {
    Suite::D.as_str().to_owned()
}

fn base_mode() -> String {
    PinMode::Base.as_str().to_owned()
}

fn key_id(text: &str) -> Result<KeyId, Error> {
    text.parse().map_err(|_| Error::BadRequest("a key id has 32 hexadecimal digits"))
}

impl ActBody {
    fn act(self) -> Result<KeyAct, Error> {
        Ok(match self {
            Self::Unfreeze { key_id: id } => KeyAct::Unfreeze(key_id(&id)?),
            Self::Unlock { key_id: id } => KeyAct::Unlock(key_id(&id)?),
            Self::Revoke { key_id: id, all_shares } => KeyAct::Revoke { key_id: key_id(&id)?, all_shares },
            Self::Seats { key_id: id, seats } => KeyAct::Seats { key_id: key_id(&id)?, max: seats },
            Self::Recover { public_key: key, device_id, suite, pin_mode, label } => {
                let device = device_id.parse();
                let suite = [Suite::D, Suite::F2].into_iter().find(|one| one.as_str() == suite);
                KeyAct::Recover {
                    public_key: public_key(&key)?,
                    device: device.map_err(|_| Error::BadRequest("a device id has 64 hexadecimal digits"))?,
                    suite: suite.ok_or(Error::BadRequest("the suites are D and F2"))?,
                    mode: PinMode::from_name(&pin_mode)
                        .ok_or(Error::BadRequest("the PIN modes are base and oblivious"))?,
                    label,
                }
            }
            Self::EnrolmentCode { uses, ttl_s } => {
                KeyAct::EnrolmentCode { uses, ttl_ms: ttl_s.saturating_mul(1000) }
            }
        })
    }
}

impl From<&KeyAct> for ActBody {
    fn from(act: &KeyAct) -> Self {
        match act {
            KeyAct::Unfreeze(key_id) => Self::Unfreeze { key_id: key_id.to_string() },
            KeyAct::Unlock(key_id) => Self::Unlock { key_id: key_id.to_string() },
            KeyAct::Revoke { key_id, all_shares } => {
                Self::Revoke { key_id: key_id.to_string(), all_shares: *all_shares }
            }
            KeyAct::Seats { key_id, max } => Self::Seats { key_id: key_id.to_string(), seats: *max },
            KeyAct::Recover { public_key, device, suite, mode, label } => Self::Recover {
                public_key: public_key.to_spki_pem(),
                device_id: device.to_string(),
                suite: suite.as_str().to_owned(),
                pin_mode: mode.as_str().to_owned(),
                label: label.clone(),
            },
            KeyAct::EnrolmentCode { uses, ttl_ms } => {
                Self::EnrolmentCode { uses: *uses, ttl_s: ttl_ms / 1000 }
            }
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NewProposal {
    reason: String,
    #[serde(flatten)]
    act: ActBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Proposal)]
pub(super) struct ProposalBody {
    proposal: String,
    #[serde(flatten)]
    act: ActBody,
    reason: String,
    state: &'static str,
    proposed_by: PersonBody,
    created_at_ms: u64,
    expires_at_ms: u64,
    decided_by: Option<PersonBody>,
    decided_at_ms: Option<u64>,
    /// The key id that a recovered key is imported under once it is executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    issues: Option<String>,
    /// Shown once, to who proposed it. Good once it is executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    enrolment_code: Option<String>,
}

impl ProposalBody {
    fn of(proposal: Proposal, now_ms: u64) -> Self {
        let issues = matches!(proposal.act, KeyAct::Recover { .. }).then(|| proposal.id.key_id().to_string());
        Self {
            proposal: proposal.id.to_string(),
            act: (&proposal.act).into(),
            state: proposal.state(now_ms).as_str(),
            reason: proposal.reason,
            proposed_by: proposal.proposer.into(),
            created_at_ms: proposal.created_ms,
            expires_at_ms: proposal.expires_ms,
            decided_at_ms: proposal.decided.as_ref().map(|decided| decided.at_ms),
            decided_by: proposal.decided.map(|decided| decided.by.into()),
            issues,
            enrolment_code: None,
        }
    }
}

/// Propose an act that takes two administrators
#[utoipa::path(
    post, path = "/v1/operator/proposals", tag = "operators", params(Named), request_body = NewProposal,
    responses((status = 201, body = ProposalBody), Problems),
)]
pub(super) async fn propose(
    State(api): State<Api>,
    By(by): By<Administrator>,
    Input { body, once }: Input<NewProposal>,
) -> Result<(StatusCode, Json<ProposalBody>), Problem> {
    let NewProposal { reason, act } = body;
    let Proposed { proposal, code } = api.operators.propose(&by, act.act()?, reason, once.as_ref()).await?;
    let body = ProposalBody::of(proposal, api.clock.now_ms());
    let enrolment_code = code.map(|code| code.expose().to_owned());
    Ok((StatusCode::CREATED, Json(ProposalBody { enrolment_code, ..body })))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    state: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Proposals)]
pub(super) struct ListBody {
    proposals: Vec<ProposalBody>,
    next: Option<String>,
}

/// Proposals, newest first
#[utoipa::path(
    get, path = "/v1/operator/proposals", tag = "operators", params(Filter),
    responses((status = 200, body = ListBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    By(by): By<SeesKeys>,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<ListBody>, Problem> {
    let state = filter.state.as_deref().map(|name| {
        operators::State::from_name(name)
            .ok_or(Error::BadRequest("a proposal is open, executed, rejected, withdrawn or expired"))
    });
    let after = parameter(filter.after.as_deref(), "a proposal is named by 32 hexadecimal digits")?;
    let (limit, now_ms) = (page(filter.limit), api.clock.now_ms());
    let which = WhichProposals { state: state.transpose()?, after, limit, now_ms };
    let found = api.operators.proposals(&by, which).await?;
    let next = next(&found, limit, |proposal| proposal.id);
    let proposals = found.into_iter().map(|proposal| ProposalBody::of(proposal, now_ms)).collect();
    Ok(Json(ListBody { proposals, next }))
}

/// One proposal
#[utoipa::path(
    get, path = "/v1/operator/proposals/{proposal}", tag = "operators", params(("proposal" = String, Path)),
    responses((status = 200, body = ProposalBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    By(by): By<SeesKeys>,
    segments: Segments,
) -> Result<Json<ProposalBody>, Problem> {
    let proposal = api.operators.proposal(&by, &part(&segments, "proposal")?).await?;
    Ok(Json(ProposalBody::of(proposal, api.clock.now_ms())))
}

macro_rules! steps {
    ($($name:ident: $step:ident, $path:literal, $summary:literal;)+) => {$(
        #[doc = $summary]
        #[utoipa::path(
            post, path = $path, tag = "operators", params(("proposal" = String, Path), Named),
            responses((status = 200, body = ProposalBody), Problems),
        )]
        pub(super) async fn $name(
            State(api): State<Api>,
            By(by): By<Administrator>,
            segments: Segments,
            Bare { once }: Bare,
        ) -> Result<Json<ProposalBody>, Problem> {
            let id = part(&segments, "proposal")?;
            let proposal = api.operators.settle(&by, &id, Step::$step, once.as_ref()).await?;
            Ok(Json(ProposalBody::of(proposal, api.clock.now_ms())))
        }
    )+};
}

steps! {
    approve: Approve, "/v1/operator/proposals/{proposal}/approve", "Approve a proposal of another administrator; it is done then";
    reject: Reject, "/v1/operator/proposals/{proposal}/reject", "Reject a proposal of another administrator";
    withdraw: Withdraw, "/v1/operator/proposals/{proposal}/withdraw", "Withdraw an own proposal";
}
